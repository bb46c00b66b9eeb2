"""Renders as Jobs, against an API server that behaves like the real one."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.rpc import code_pb2, status_pb2

from tests.fakes.films import REQUEST, FilmMaker, film, renders_of
from tests.fakes.kubernetes_api import NAMESPACE, KubernetesApi
from visage.client import errors as client_errors
from visage.composition.renders.kubernetes_jobs import KubernetesJobs
from visage.composition.renders.kubernetes_runner import (
    LABEL,
    QUEUE_LABEL,
    JobOptions,
    KubernetesRunner,
    job_body,
    job_name,
)
from visage.composition.renders.records import RenderRecord
from visage.composition.renders.store import RenderStore, RenderView
from visage.composition.renders.work import RenderWork
from visage.runtime.assets import AssetStore
from visage.runtime.errors import PeerUnavailable
from visage.runtime.store import ObjectStore
from visage.v1 import render_service_pb2 as pb

pytestmark = pytest.mark.service


class Cluster:
    """A runner, its store and its API server."""

    def __init__(self, api: KubernetesApi, options: JobOptions) -> None:
        self.objects = ObjectStore.open("memory:///")
        self.api = api
        self.store = RenderStore(self.objects)
        self.assets = AssetStore(self.objects)
        self.jobs = KubernetesJobs(api.client(), NAMESPACE, LABEL)
        self.runner = KubernetesRunner(self.store, self.jobs, options, watch_s=5, pause_s=0.05, young_s=0.2)
        self.renders = renders_of(self.store, self.objects, self.runner)

    async def create(self, request_id: str = "") -> RenderView:
        return await self.renders.create(pb.CreateRenderRequest(generation=REQUEST, request_id=request_id))

    async def pod(self, render_id: str, maker: FilmMaker) -> None:
        """What a Job's pod does."""
        await RenderWork(self.store, self.assets, maker).run(render_id)

    async def error(self, render_id: str) -> client_errors.VisageError:
        """The error that a render ends with."""
        await until(lambda: self.store.has_ended(render_id))
        outcome = (await self.store.get(render_id)).outcome
        assert outcome is not None
        return client_errors.from_status(status_pb2.Status.FromString(base64.b64decode(outcome.error)))

    @property
    def names(self) -> list[str]:
        return list(self.api.jobs)


@asynccontextmanager
async def cluster(options: JobOptions | None = None, start: bool = True) -> AsyncIterator[Cluster]:
    with KubernetesApi() as api:
        made = Cluster(api, options or JobOptions())
        if start:
            made.runner.start()
            await until(lambda: api.count("GET", "/jobs") >= 2)
        try:
            yield made
        finally:
            if start:
                await made.runner.close()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while True:
            outcome = condition()
            if await outcome if asyncio.iscoroutine(outcome) else outcome:
                return
            await asyncio.sleep(0.02)


def an_id() -> str:
    return uuid.uuid4().hex


async def test_one_job_per_render() -> None:
    """A render becomes a Job of the PodTemplate's pod, with its id as argument, a limit of attempts and an end."""
    async with cluster(start=False) as made:
        view = await made.create()
        job = made.api.jobs[job_name(view.record.render_id)]
        pod = job["spec"]["template"]

        assert pod["spec"]["containers"][0]["args"] == [view.record.render_id]
        assert pod["metadata"]["labels"]["team"] == "films"
        assert job["metadata"]["labels"][LABEL] == pod["metadata"]["labels"][LABEL] == view.record.render_id
        assert (job["spec"]["backoffLimit"], job["spec"]["ttlSecondsAfterFinished"]) == (4, 3600)
        assert "suspend" not in job["spec"]
        assert job["spec"]["podFailurePolicy"]["rules"][0]["action"] == "Ignore"


def test_a_queue_starts_jobs_suspended() -> None:
    """With a queue's name Kueue decides when a Job runs."""
    template = {"spec": {"containers": [{"name": "render"}]}}
    body = job_body("abc", template, JobOptions(queue="batch"))

    assert body["spec"]["suspend"] is True
    assert body["metadata"]["labels"][QUEUE_LABEL] == "batch"
    assert template == {"spec": {"containers": [{"name": "render"}]}}


async def test_a_repeated_request_is_one_render() -> None:
    """The same request id gives the same operation and one Job, also when two replicas are asked at once."""
    async with cluster(start=False) as made:
        other = renders_of(made.store, made.objects, KubernetesRunner(made.store, made.jobs, JobOptions()))
        request = pb.CreateRenderRequest(generation=REQUEST, request_id=str(uuid.uuid4()))
        views = await asyncio.gather(*(renders.create(request) for renders in (made.renders, other) * 2))

        assert len({view.record.render_id for view in views}) == 1
        assert made.names == [job_name(views[0].record.render_id)]


async def test_a_job_of_the_same_name_on_its_way_out_is_waited_for() -> None:
    """A create that meets one that is being deleted succeeds once that is gone."""
    async with cluster(start=False) as made:
        made.api.put(job_name("old"), {LABEL: "old"})
        made.api.mark_going(job_name("old"))
        first_uid = made.api.jobs[job_name("old")]["metadata"]["uid"]
        creating = asyncio.create_task(made.runner.submit("old"))
        await until(lambda: made.api.count("POST") >= 2)
        made.api.remove(job_name("old"))
        await creating

        assert made.api.jobs[job_name("old")]["metadata"]["uid"] != first_uid


async def test_throttling_is_obeyed() -> None:
    """429 with Retry-After is waited out; the Job is made once."""
    async with cluster(start=False) as made:
        made.api.throttle(2, retry_after_s=1)
        started_s = asyncio.get_running_loop().time()
        view = await made.create()
        elapsed_s = asyncio.get_running_loop().time() - started_s

        assert made.names == [job_name(view.record.render_id)]
        # Twice the second that the server asked for: less would be disobedience, however fast the machine.
        assert elapsed_s >= 2.0


async def test_a_server_that_stays_busy_leaves_nothing_behind() -> None:
    """After the last attempt the caller gets UNAVAILABLE with a hint, and no operation lingers."""
    async with cluster(start=False) as made:
        made.api.throttle(100)
        with pytest.raises(PeerUnavailable) as caught:
            await made.create()
        made.api.throttle(0)

        assert caught.value.retry_after_s
        assert await made.store.list_ids() == [] and made.names == []


@pytest.mark.parametrize("status", [403, 422])
async def test_a_job_that_is_refused_ends_its_operation(status: int) -> None:
    """A Job that cannot be created gives the operation an error that says why."""
    async with cluster(start=False) as made:
        made.api.refusal = status, "exceeded quota"
        view = await made.create()
        error = await made.error(view.record.render_id)

        assert error.reason == "RENDER_NOT_STARTED"
        assert error.metadata["http_status"] == str(status)


async def test_a_lost_pod_is_replaced_and_goes_on() -> None:
    """A pod that dies in the middle leaves its fragments; the next one makes the others, and the film is whole."""
    async with cluster() as made:
        view = await made.create()
        render_id = view.record.render_id
        maker = FilmMaker()
        maker.hold = asyncio.Event()
        first = asyncio.create_task(made.pod(render_id, maker))
        await maker.reached.wait()
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        maker.hold.set()
        await made.pod(render_id, maker)
        made.api.finish(job_name(render_id))
        outcome = (await made.store.get(render_id)).outcome
        assert outcome is not None
        render = pb.Render.FromString(base64.b64decode(outcome.render))
        progress = (await made.store.get(render_id)).progress

        assert maker.points == [0, 3]
        assert maker.made == list(range(7))
        assert await made.assets.read(render.asset, "asset", 1 << 20) == film(render_id)
        assert progress is not None and (progress.attempt_count, progress.segment_count) == (2, 7)
        assert await made.store.count_segments(render_id) == 0


async def test_a_job_that_fails_for_good_ends_its_render() -> None:
    """The Job's reason reaches the operation."""
    async with cluster() as made:
        view = await made.create()
        made.api.fail(job_name(view.record.render_id), "BackoffLimitExceeded", "too many pods failed")
        error = await made.error(view.record.render_id)

        assert (error.reason, error.metadata["cause"]) == ("RENDER_LOST", "BackoffLimitExceeded")
        assert isinstance(error, client_errors.Unavailable)


async def test_a_job_that_somebody_deletes_is_made_again() -> None:
    """The render does not depend on what happens to its Job."""
    async with cluster() as made:
        name = job_name((await made.create()).record.render_id)
        uid = made.api.jobs[name]["metadata"]["uid"]
        made.api.remove(name)
        await until(lambda: name in made.api.jobs)

        assert made.api.jobs[name]["metadata"]["uid"] != uid


async def test_cancelling_deletes_the_job() -> None:
    """The operation ends as CANCELLED, and the Job is gone and stays away."""
    async with cluster() as made:
        view = await made.create()
        await made.renders.cancel(f"operations/{view.record.render_id}")
        await asyncio.sleep(0.3)
        outcome = (await made.store.get(view.record.render_id)).outcome
        assert outcome is not None
        status = status_pb2.Status.FromString(base64.b64decode(outcome.error))

        assert status.code == code_pb2.CANCELLED
        assert made.names == []


async def test_an_expired_render_takes_its_job_along() -> None:
    """What is forgotten while its Job is still kept for its logs may be asked for again: the new Job is another one."""
    async with cluster() as made:
        request_id = str(uuid.uuid4())
        view = await made.create(request_id)
        name = job_name(view.record.render_id)
        await made.pod(view.record.render_id, FilmMaker())
        made.api.finish(name)
        uid = made.api.jobs[name]["metadata"]["uid"]
        await made.renders.retention.sweep(datetime.now(UTC) + timedelta(hours=2))
        left, jobs = await made.objects.list(""), made.names
        again = await made.create(request_id)

        assert (left, jobs) == ([], [])
        assert again.outcome is None and made.api.jobs[name]["metadata"]["uid"] != uid


async def test_a_delete_never_hits_a_job_that_was_made_anew() -> None:
    """Deleting by the uid of an earlier Job leaves the one of that name alone."""
    async with cluster(start=False) as made:
        made.api.put("visage-render-x", {LABEL: "x"})
        await made.jobs.delete("visage-render-x", "of-an-earlier-one")

        assert made.names == ["visage-render-x"]


async def test_orphans_are_collected() -> None:
    """A Job whose render is gone, or cancelled while nobody could delete it, is deleted; a strange Job is not."""
    async with cluster(start=False) as made:
        view = await made.create()
        made.api.put("visage-render-gone", {LABEL: "gone"})
        made.api.put("somebody-elses", {"app": "other"})
        made.api.throttle(1000)
        # The cancellation succeeds all the same: the store decides.
        cancelling = asyncio.create_task(made.renders.cancel(f"operations/{view.record.render_id}"))
        await until(lambda: made.store.has_ended(view.record.render_id))
        cancelling.cancel()
        made.api._throttled.clear()
        made.runner.start()
        await until(lambda: made.names == ["somebody-elses"])
        await made.runner.close()

        assert made.api.count("DELETE") == 2


async def test_a_render_without_a_job_gets_one() -> None:
    """A replica that died between entering a render and making its Job loses nothing."""
    async with cluster(start=False) as made:
        old = datetime.now(UTC) - timedelta(minutes=5)
        record = RenderRecord.of(an_id(), REQUEST, old)
        await made.store.create(record)
        made.runner.start()
        await until(lambda: made.names == [job_name(record.render_id)])
        await made.runner.close()


async def test_lists_come_in_pages() -> None:
    """Of 7 Jobs at 3 a page all are seen; a page whose token got too old makes the list start over."""
    async with cluster(start=False) as made:
        made.api.page_limit = 3
        for number in range(7):
            made.api.put(f"job-{number}", {LABEL: str(number)})
        made.api.lose_list_tokens()
        found, version = await made.jobs.list()

        assert [job.name for job in found] == [f"job-{number}" for number in range(7)]
        assert version == str(made.api.version)
        assert made.api.count("GET", "/jobs") == 5


async def test_a_watch_that_is_too_old_lists_again() -> None:
    """After 410 Gone what was missed is found by a new list, and the watch goes on from there."""
    async with cluster() as made:
        view = await made.create()
        name = job_name(view.record.render_id)
        lists = made.api.count("GET", "/jobs")
        # What happens here is compacted away before the watch hears of it.
        with made.api.changed:
            made.api.fail(name, "DeadlineExceeded", "too long")
            made.api.compact()
        error = await made.error(view.record.render_id)
        other = await made.create()
        made.api.fail(job_name(other.record.render_id), "BackoffLimitExceeded", "too many")

        assert error.metadata["cause"] == "DeadlineExceeded"
        assert made.api.count("GET", "/jobs") >= lists + 2
        assert (await made.error(other.record.render_id)).metadata["cause"] == "BackoffLimitExceeded"


async def test_a_pod_that_ends_without_an_outcome_is_told() -> None:
    """A complete Job whose render has no outcome does not leave the operation running for ever."""
    async with cluster() as made:
        view = await made.create()
        made.api.finish(job_name(view.record.render_id))

        assert (await made.error(view.record.render_id)).metadata["cause"] == "NoOutcome"
