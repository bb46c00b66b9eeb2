"""Renders that are done go after a while, and nothing of them is left: records, fragments, films."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc.aio
import pytest
from google.longrunning import operations_pb2
from typer.testing import CliRunner

from tests.fakes.composition_mesh import serving
from tests.fakes.composition_requests import ramp, shown
from tests.fakes.films import REQUEST, FilmMaker, film, renders_of
from visage.cli.__main__ import app
from visage.client import AsyncVisage, ClientSettings
from visage.composition.renders.local_runner import LocalRunner, QueueLimits
from visage.composition.renders.records import OutcomeRecord, ProgressRecord, RenderRecord
from visage.composition.renders.store import RenderStore, RenderView
from visage.composition.renders.work import RenderWork, end_with_error
from visage.runtime import errors
from visage.runtime.assets import AssetStore
from visage.runtime.capacity import Places
from visage.runtime.store import ObjectStore
from visage.v1 import asset_service_pb2
from visage.v1 import render_service_pb2 as pb

pytestmark = pytest.mark.service

HOUR = timedelta(hours=1)


class Bench:
    """Renders of one store that run beside the test and stay for an hour."""

    def __init__(self, keep_s: float = 3600.0) -> None:
        self.objects = ObjectStore.open("memory:///")
        self.assets = AssetStore(self.objects)
        self.store = RenderStore(self.objects)
        self.maker = FilmMaker()
        self.work = RenderWork(self.store, self.assets, self.maker)
        self.runner = LocalRunner(self.store, self.work, Places(4), QueueLimits(pause_s=0.01))
        self.renders = renders_of(self.store, self.objects, self.runner, keep_s)

    async def made(self) -> RenderView:
        """Returns a render that is done."""
        request = pb.CreateRenderRequest(generation=REQUEST, request_id=str(uuid.uuid4()))
        view = await self.renders.create(request)
        return await self.renders.wait(f"operations/{view.record.render_id}", 20)

    async def keys(self) -> list[str]:
        """Everything that is stored."""
        return [item.key for item in await self.objects.list("")]


@asynccontextmanager
async def bench(keep_s: float = 3600.0) -> AsyncIterator[Bench]:
    made = Bench(keep_s)
    yield made
    await made.runner.close()


async def test_a_render_goes_with_its_film_when_its_time_is_up() -> None:
    """A moment before nothing happens, a moment after nothing is left; a younger render stays."""
    async with bench() as made:
        view, younger = await made.made(), await made.made()
        end_time = (view.outcome or pytest.fail("not done")).end_time
        kept = await made.keys()
        early = await made.renders.retention.sweep(end_time + HOUR - timedelta(seconds=1))
        assert (early, await made.keys()) == (0, kept)
        # The younger one ends later by less than a second: its outcome is moved, as if it had ended a minute later.
        key = f"renders/{younger.record.render_id}/outcome.json"
        outcome = OutcomeRecord.model_validate_json(await made.objects.get(key))
        later = outcome.model_copy(update={"end_time": end_time + timedelta(minutes=1)})
        await made.objects.put(key, later.to_json())
        count = await made.renders.retention.sweep(datetime.now(UTC) + HOUR)
        with pytest.raises(errors.ResourceNotFound):
            await made.renders.get(f"operations/{view.record.render_id}")

        assert count == 1
        assert all(key.split("/")[1] == younger.record.render_id for key in await made.keys() if "renders" in key)
        assert [key for key in await made.keys() if "assets" in key] == [later.film]


async def test_films_of_equal_renders_are_two() -> None:
    """The same request, rendered twice, gives films that each go with their own render."""
    async with bench() as made:
        first, second = await made.made(), await made.made()
        await made.renders.retention.forget(first, keep_film=False)
        assert first.outcome is not None and second.outcome is not None

        assert first.outcome.film != second.outcome.film
        content = await made.assets.read(second.outcome.film, "asset", 1 << 20)
        assert content == film(second.record.render_id)


async def test_a_film_that_was_taken_over_stays() -> None:
    """DeleteOperation forgets the render at once; no sweep touches its film afterwards."""
    async with bench() as made:
        view = await made.made()
        await made.renders.delete(f"operations/{view.record.render_id}")
        await made.renders.retention.sweep(datetime.now(UTC) + 1000 * HOUR)

        assert await made.keys() == [(view.outcome or pytest.fail("not done")).film]


async def test_renders_may_stay_for_ever() -> None:
    """Without a limit nothing expires, and no time is told."""
    async with bench(keep_s=0) as made:
        view = await made.made()
        count = await made.renders.retention.sweep(datetime.now(UTC) + 100_000 * HOUR)

        assert count == 0
        assert made.renders.retention.expire_time(view) is None


async def test_what_is_not_done_does_not_expire() -> None:
    """However old, a render that waits or runs is left alone."""
    async with bench() as made:
        made.maker.hold = asyncio.Event()
        view = await made.renders.create(pb.CreateRenderRequest(generation=REQUEST))
        await made.maker.reached.wait()
        count = await made.renders.retention.sweep(datetime.now(UTC) + 1000 * HOUR)
        made.maker.hold.set()
        view = await made.renders.wait(f"operations/{view.record.render_id}", 20)

        assert count == 0
        assert view.outcome is not None and view.outcome.film


@pytest.mark.parametrize("is_forgotten", [False, True], ids=["cancelled", "deleted"])
async def test_a_film_that_nobody_wants_any_more_is_discarded(is_forgotten: bool) -> None:
    """A render that is cancelled, or cancelled and deleted, while its film is being stored leaves no asset."""
    async with bench() as made:
        store_film, record = made.assets.put, RenderRecord.of(uuid.uuid4().hex, REQUEST, datetime.now(UTC))
        await made.store.create(record)

        async def put(data: bytes) -> Any:
            await end_with_error(made.store, record.render_id, errors.Cancelled())
            if is_forgotten:
                await made.store.delete(record.render_id)
            return await store_film(data)

        made.assets.put = put  # type: ignore[method-assign]
        await made.work.run(record.render_id)

        # A worker may enter its outcome after the render was deleted, before it notices.
        await made.renders.retention.sweep(datetime.now(UTC) + HOUR * 2)
        assert await made.keys() == []


async def test_leftovers_of_a_stale_worker_are_removed() -> None:
    """What a worker stored of a render that was deleted meanwhile goes after ten minutes, its film too."""
    async with bench() as made:
        asset = await made.assets.put(film("gone"))
        await made.store.put_segment("gone", 3, b"late")
        progress = ProgressRecord(segment_count=4, film=asset.name, update_time=datetime.now(UTC))
        await made.store.put_progress("gone", progress)
        before = await made.keys()
        await made.renders.retention.sweep(datetime.now(UTC) + timedelta(minutes=9))
        assert await made.keys() == before
        await made.renders.retention.sweep(datetime.now(UTC) + timedelta(minutes=11))

        assert await made.keys() == []


async def test_the_service_sweeps_by_itself() -> None:
    """With a retention of a moment operation and film are gone soon; until then both tell when."""
    async with serving(render_retention_s=0.5, upkeep_period_s=0.05) as mesh:
        request = pb.CreateRenderRequest(generation=shown(ramp(8)))
        name = (await mesh.renders.CreateRender(request)).name
        wait = operations_pb2.WaitOperationRequest(name=name)
        operation = await mesh.operations.WaitOperation(wait)
        render, metadata = pb.Render(), pb.RenderMetadata()
        assert operation.response.Unpack(render) and operation.metadata.Unpack(metadata)
        codes = set()
        async with asyncio.timeout(20):
            while len(codes) < 2:
                for call, query in (
                    (mesh.operations.GetOperation, operations_pb2.GetOperationRequest(name=name)),
                    (mesh.assets.GetAsset, asset_service_pb2.GetAssetRequest(name=render.asset)),
                ):
                    try:
                        await call(query)
                    except grpc.aio.AioRpcError as error:
                        codes.add((type(query).__name__, error.code().name))
                await asyncio.sleep(0.02)

        assert codes == {("GetOperationRequest", "NOT_FOUND"), ("GetAssetRequest", "NOT_FOUND")}
        assert render.expire_time == metadata.expire_time
        kept_s = (render.expire_time.ToDatetime() - render.end_time.ToDatetime()).total_seconds()
        assert kept_s == pytest.approx(0.5, abs=0.2)


async def test_the_command_lists_and_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    """`visage cluster render list` tells when a film expires; `render cancel` ends what runs."""
    async with serving() as mesh:
        assert mesh.running is not None
        monkeypatch.setenv("VISAGE_COMPOSITION_ADDRESS", mesh.running.address)

        async def run(*arguments: str) -> Any:
            line = ["--json", "cluster", "render", *arguments]
            outcome = await asyncio.to_thread(CliRunner().invoke, app, line)
            assert outcome.exit_code == 0, outcome.output
            return json.loads(outcome.stdout)

        async with AsyncVisage(ClientSettings()) as visage:
            made = await visage.renders.wait((await visage.renders.create(shown(ramp(8)))).name)
            mesh.renderer.hold = asyncio.Event()
            running = await visage.renders.create(shown(ramp(1000)))
        listed = await run("list")
        cancelled = await run("cancel", running.name)
        await mesh.settled()

        assert [item["name"] for item in listed] == [running.name, made.name]
        assert listed[0]["expire_time"] is None
        assert made.expire_time is not None
        assert made.expire_time - made.create_time > timedelta(days=6)
        assert datetime.fromisoformat(listed[1]["expire_time"]) == made.expire_time
        assert cancelled["state"] == "failed"
