"""Jobs of one namespace through the official client, with the API server's real manners.

Every call: 429 and 503 are obeyed (Retry-After), 500, 502, 504 and broken connections are tried again a few times.
Create: 409 means that the Job is there, or that one of its name is still going away. Delete: by uid, so that it never
hits a Job that was made anew meanwhile. List: by pages; 410 in the middle of them starts over. Watch: from a
resourceVersion; 410 is `Gone`, upon which the caller lists again. The client blocks: its calls run in threads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import urllib3.exceptions
from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException

from visage.runtime import logs

T = TypeVar("T")

_PAGE: Final = 100
_ATTEMPTS: Final = 6
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 10.0
_LONGEST_ASKED_PAUSE_S: Final = 60.0
_CALL_LIMIT_S: Final = 30.0
_BUSY: Final = (429, 503)
_BROKEN: Final = (500, 502, 504)

_log = logs.get(__name__)


class Gone(Exception):
    """The resourceVersion is too old: list again."""


@dataclass(frozen=True, slots=True)
class JobView:
    """What matters of a Job: `failure` is (reason, message) of its condition Failed."""

    name: str
    uid: str
    labels: Mapping[str, str]
    is_complete: bool
    failure: tuple[str, str] | None
    is_going: bool

    @classmethod
    def of(cls, job: client.V1Job) -> JobView:
        """Reads a Job of the API."""
        conditions = [c for c in (job.status.conditions or ()) if c.status == "True"] if job.status else []
        failed = next((c for c in conditions if c.type == "Failed"), None)
        return cls(
            job.metadata.name,
            job.metadata.uid,
            dict(job.metadata.labels or {}),
            any(condition.type == "Complete" for condition in conditions),
            (failed.reason or "", failed.message or "") if failed else None,
            job.metadata.deletion_timestamp is not None,
        )


class KubernetesJobs:
    """Jobs with a label of ours."""

    def __init__(self, api: client.ApiClient, namespace: str, selector: str) -> None:
        self._batch = client.BatchV1Api(api)
        self._core = client.CoreV1Api(api)
        self._serialize: Callable[[Any], Any] = api.sanitize_for_serialization
        self._namespace = namespace
        self._selector = selector

    async def template(self, name: str) -> dict[str, Any]:
        """Returns the pod template that a PodTemplate of the namespace holds. Raises ApiException."""
        found = await self._call(lambda: self._core.read_namespaced_pod_template(name, self._namespace, **_limits()))
        template: dict[str, Any] = self._serialize(found.template)
        return template

    async def create(self, body: Mapping[str, Any]) -> None:
        """Makes a Job unless there is one of its name. Raises ApiException."""
        name = body["metadata"]["name"]
        for _ in range(_ATTEMPTS):
            try:
                await self._call(lambda: self._batch.create_namespaced_job(self._namespace, body, **_limits()))
                return
            except ApiException as error:
                if error.status != 409:
                    raise
            existing = await self.find(name)
            if existing is not None and not existing.is_going:
                return
            # One of this name is on its way out: its place is free soon.
            await asyncio.sleep(_FIRST_PAUSE_S)
        raise ApiException(status=409, reason=f"Job {name} does not go away")

    async def find(self, name: str) -> JobView | None:
        """Returns a Job; None if there is none."""
        try:
            job = await self._call(lambda: self._batch.read_namespaced_job(name, self._namespace, **_limits()))
        except ApiException as error:
            if error.status == 404:
                return None
            raise
        return JobView.of(job)

    async def delete(self, name: str, uid: str) -> None:
        """Deletes a Job and its pods, if it is still that one."""
        options = client.V1DeleteOptions(propagation_policy="Background", preconditions=client.V1Preconditions(uid=uid))
        try:
            await self._call(
                lambda: self._batch.delete_namespaced_job(name, self._namespace, body=options, **_limits())
            )
        except ApiException as error:
            # It is gone, or one that was made anew has its name.
            if error.status not in (404, 409):
                raise

    async def list(self) -> tuple[list[JobView], str]:
        """Returns our Jobs and the resourceVersion that a watch goes on from."""
        found: list[JobView] = []
        token: str | None = None
        while True:
            options = {"label_selector": self._selector, "limit": _PAGE, "_continue": token, **_limits()}
            try:
                page = await self._call(partial(self._batch.list_namespaced_job, self._namespace, **options))
            except ApiException as error:
                if error.status != 410 or token is None:
                    raise
                # The list as it was when we began is forgotten.
                found, token = [], None
                continue
            found += [JobView.of(item) for item in page.items]
            token = page.metadata._continue
            if not token:
                return found, str(page.metadata.resource_version)

    async def watch(self, version: str, limit_s: int) -> AsyncIterator[tuple[str, JobView | None, str]]:
        """Yields (event, Job, resourceVersion) for `limit_s` seconds; of a BOOKMARK only the version counts.

        Raises:
            Gone: The version is too old.
            ApiException: The server refuses.
        """
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Any] = asyncio.Queue()
        stop = threading.Event()
        watcher = watch.Watch()

        def hand_over(item: Any) -> None:
            # RuntimeError: the loop has closed meanwhile, and nobody listens.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(events.put_nowait, item)

        def read() -> None:
            try:
                for event in watcher.stream(
                    self._batch.list_namespaced_job,
                    self._namespace,
                    label_selector=self._selector,
                    resource_version=version,
                    allow_watch_bookmarks=True,
                    timeout_seconds=limit_s,
                    _request_timeout=(_CALL_LIMIT_S, limit_s + _CALL_LIMIT_S),
                ):
                    if stop.is_set():
                        return
                    hand_over(event)
                hand_over(None)
            except Exception as error:
                hand_over(error)

        thread = threading.Thread(target=read, name="job-watch", daemon=True)
        thread.start()
        try:
            while (event := await events.get()) is not None:
                if isinstance(event, Exception):
                    raise _translated(event)
                if event["type"] == "BOOKMARK":
                    yield "BOOKMARK", None, str(event["raw_object"]["metadata"]["resourceVersion"])
                else:
                    job = event["object"]
                    yield str(event["type"]), JobView.of(job), str(job.metadata.resource_version)
        finally:
            stop.set()
            watcher.stop()

    async def _call(self, work: Callable[[], T]) -> T:
        """Runs a call in a thread; waits as long as the server asks for, and tries again what may pass."""
        pause_s = _FIRST_PAUSE_S
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await asyncio.to_thread(work)
            except ApiException as error:
                if error.status not in (*_BUSY, *_BROKEN) or attempt == _ATTEMPTS:
                    raise
                wait_s = _asked_pause_s(error) or pause_s
                _log.warning("api_server_busy", status=error.status, wait_s=wait_s)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if attempt == _ATTEMPTS:
                    raise ApiException(status=0, reason=f"the API server does not answer: {error}") from error
                wait_s = pause_s
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            await asyncio.sleep(wait_s)
        raise AssertionError("unreachable")


def _limits() -> dict[str, Any]:
    return {"_request_timeout": _CALL_LIMIT_S}


def _asked_pause_s(error: ApiException) -> float | None:
    value = (error.headers or {}).get("Retry-After")
    return min(float(value), _LONGEST_ASKED_PAUSE_S) if value and value.isdigit() else None


def _translated(error: Exception) -> Exception:
    if isinstance(error, ApiException) and error.status == 410:
        return Gone()
    if not isinstance(error, urllib3.exceptions.HTTPError | OSError):
        return error
    broken: Exception = ApiException(status=0, reason=f"the watch broke: {error}")
    return broken
