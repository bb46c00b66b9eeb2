"""Renders as Jobs of a cluster, one each: made, followed, collected. Any number of replicas may do so at a time."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from kubernetes.client.exceptions import ApiException

from visage.composition.renders.kubernetes_jobs import Gone, JobView, KubernetesJobs
from visage.composition.renders.store import RenderStore
from visage.composition.renders.work import end_with_error
from visage.runtime import logs
from visage.runtime.errors import PeerUnavailable, RenderLost, RenderNotStarted, ResourceNotFound, VisageError

LABEL: Final = "visage.internal/render"
QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
CONTAINER: Final = "render"

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How Jobs are made.

    Attributes:
        template: Name of the PodTemplate.
        queue: Kueue's LocalQueue; with one, Jobs start suspended and Kueue lets them run. Empty: none.
        backoff_limit: Pods that may fail; a pod that its node loses does not count.
        keep_s: Seconds that a Job stays for its logs once it is done.
        longest_s: Seconds that a Job may run.
    """

    template: str = "render"
    queue: str = ""
    backoff_limit: int = 4
    keep_s: int = 3600
    longest_s: int = 7200


class KubernetesRunner:
    """Implements `runners.Runner`."""

    def __init__(
        self,
        store: RenderStore,
        jobs: KubernetesJobs,
        options: JobOptions,
        watch_s: int = 60,
        pause_s: float = 5.0,
        young_s: float = 30.0,
    ) -> None:
        """Prepares.

        Args:
            store: Of the renders.
            jobs: Of the cluster.
            options: How Jobs are made.
            watch_s: Seconds after which a watch is renewed.
            pause_s: Seconds to wait when the API server or the store is away.
            young_s: Seconds in which a render without a Job is left to whoever entered it.
        """
        self._store = store
        self._jobs = jobs
        self._options = options
        self._watch_s = watch_s
        self._pause_s = pause_s
        self._young_s = young_s
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follows the cluster's Jobs."""
        self._following = asyncio.create_task(self._follow(), name="renders-follow")

    async def submit(self, render_id: str) -> None:
        """Makes the render's Job, unless there is one.

        Raises:
            RenderNotStarted: The cluster does not take it.
            PeerUnavailable: The API server does not answer.
        """
        try:
            template = await self._jobs.template(self._options.template)
            await self._jobs.create(job_body(render_id, template, self._options))
        except ApiException as error:
            if not error.status or error.status in (429, 500, 502, 503, 504):
                raise PeerUnavailable("kubernetes", str(error.reason), retry_after_s=10.0) from error
            raise RenderNotStarted(error.status, str(error.reason)) from error

    async def cancel(self, render_id: str) -> None:
        """Deletes the render's Job; what cannot be deleted now is collected later."""
        try:
            job = await self._jobs.find(job_name(render_id))
            if job is not None:
                await self._jobs.delete(job.name, job.uid)
        except ApiException as error:
            _log.warning("job_not_deleted", render=render_id, cause=str(error.reason))

    async def close(self) -> None:
        """Stops following; Jobs go on."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])

    async def _follow(self) -> None:
        while True:
            try:
                jobs, version = await self._jobs.list()
                await self._reconcile(jobs)
                await self._watch(version)
            except Gone:
                _log.info("watch_too_old")
            except (ApiException, VisageError) as error:
                _log.warning("following_broke", cause=str(error))
                await asyncio.sleep(self._pause_s)
            except Exception as error:
                _log.error("following_broke", exc_info=error)
                await asyncio.sleep(self._pause_s)

    async def _watch(self, version: str) -> None:
        async with aclosing(self._jobs.watch(version, self._watch_s)) as events:  # type: ignore[type-var]
            async for event, job, _ in events:
                if event == "DELETED" and job is not None:
                    await self._restart(job)
                elif event in ("ADDED", "MODIFIED") and job is not None:
                    await self._see(job)

    async def _reconcile(self, jobs: list[JobView]) -> None:
        """Brings store and cluster together: ends what has ended, removes orphans, starts what has no Job."""
        for job in jobs:
            await self._see(job)
        present = {job.labels.get(LABEL) for job in jobs}
        for view in await self._store.list():
            age_s = (datetime.now(UTC) - view.record.create_time).total_seconds()
            if view.outcome is None and view.record.render_id not in present and age_s >= self._young_s:
                await self._start_again(view.record.render_id)

    async def _see(self, job: JobView) -> None:
        render_id = job.labels.get(LABEL, "")
        is_over = job.is_complete or job.failure is not None
        try:
            has_ended = (await self._store.get(render_id)).outcome is not None
        except ResourceNotFound:
            has_ended = True
        if has_ended and not is_over and not job.is_going:
            # Nobody waits for it: its render was cancelled or forgotten while it could not be deleted.
            _log.info("orphan_deleted", job=job.name)
            await self._jobs.delete(job.name, job.uid)
        elif not has_ended and job.failure is not None:
            await end_with_error(self._store, render_id, RenderLost(*job.failure))
        elif not has_ended and job.is_complete:
            lost = RenderLost("NoOutcome", "its pod ended well and left nothing")
            await end_with_error(self._store, render_id, lost)

    async def _restart(self, job: JobView) -> None:
        """Makes a Job again that somebody deleted before its render was done."""
        render_id = job.labels.get(LABEL, "")
        if render_id and not await self._store.has_ended(render_id):
            await self._start_again(render_id)

    async def _start_again(self, render_id: str) -> None:
        _log.warning("render_started_again", render=render_id)
        try:
            await self.submit(render_id)
        except RenderNotStarted as error:
            await end_with_error(self._store, render_id, error)


def job_name(render_id: str) -> str:
    """Returns the name of a render's Job: one, so that the cluster itself keeps a second one out."""
    return f"visage-render-{render_id}"


def job_body(render_id: str, template: Mapping[str, Any], options: JobOptions) -> dict[str, Any]:
    """Returns a render's Job as the API takes it."""
    pod = copy.deepcopy(dict(template))
    labels = {"app.kubernetes.io/name": "render", "app.kubernetes.io/part-of": "visage", LABEL: render_id}
    pod.setdefault("metadata", {}).setdefault("labels", {}).update(labels)
    spec = pod["spec"]
    spec["restartPolicy"] = "Never"
    container = next(item for item in spec["containers"] if item["name"] == CONTAINER)
    container["args"] = [render_id]
    job_spec: dict[str, Any] = {
        "backoffLimit": options.backoff_limit,
        "ttlSecondsAfterFinished": options.keep_s,
        "activeDeadlineSeconds": options.longest_s,
        # A drained node or an eviction is nobody's fault: such a pod is replaced and not counted.
        "podFailurePolicy": {
            "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
        },
        "template": pod,
    }
    if options.queue:
        job_spec["suspend"] = True
        labels = labels | {QUEUE_LABEL: options.queue}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job_name(render_id), "labels": labels},
        "spec": job_spec,
    }
