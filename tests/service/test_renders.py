"""Renders beside the streams of one process, over real gRPC."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.longrunning import operations_pb2
from google.protobuf import duration_pb2
from google.rpc import code_pb2

from tests.fakes.composition_mesh import Mesh, serving
from tests.fakes.composition_requests import RAW, opened, ramp, shown
from tests.fakes.films import REQUEST, FilmMaker, renders_of
from visage.client import errors as client_errors
from visage.composition.renders.local_runner import LocalRunner, QueueLimits
from visage.composition.renders.store import RenderStore
from visage.composition.renders.work import RenderWork
from visage.runtime import errors
from visage.runtime.assets import AssetStore
from visage.runtime.capacity import Places
from visage.runtime.store import ObjectStore
from visage.runtime.triton.errors import ModelUnavailable
from visage.v1 import asset_service_pb2
from visage.v1 import render_service_pb2 as pb

pytestmark = pytest.mark.service


def wanted(frame_count: int = 40, request_id: str = "", video: Any = None) -> pb.CreateRenderRequest:
    return pb.CreateRenderRequest(generation=shown(ramp(frame_count), video), request_id=request_id)


async def done(mesh: Mesh, name: str) -> operations_pb2.Operation:
    async with asyncio.timeout(30):
        while True:
            request = operations_pb2.WaitOperationRequest(name=name, timeout=duration_pb2.Duration(seconds=1))
            operation = await mesh.operations.WaitOperation(request)
            if operation.done:
                return operation


def metadata_of(operation: operations_pb2.Operation) -> pb.RenderMetadata:
    metadata = pb.RenderMetadata()
    assert operation.metadata.Unpack(metadata)
    return metadata


async def refused(call: Any) -> client_errors.VisageError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return client_errors.from_rpc(caught.value)


class TestService:
    """What a caller sees."""

    async def test_a_render_becomes_an_asset(self) -> None:
        """The operation ends with a film of all frames, to be had as an asset."""
        async with serving() as mesh:
            operation = await mesh.renders.CreateRender(wanted(60))
            operation = await done(mesh, operation.name)
            render = pb.Render()
            assert operation.response.Unpack(render)
            request = asset_service_pb2.DownloadAssetRequest(name=render.asset)
            data = b"".join([response.data async for response in mesh.assets.DownloadAsset(request)])
            part = type("Part", (), {"data": data})
            with opened({"fragment": [part]}) as file:
                frame_count = sum(1 for _ in file.decode(video=0))

            assert frame_count == render.summary.frame_count == 60
            assert render.size_bytes == len(data)
            assert metadata_of(operation).state == pb.RenderMetadata.STATE_DONE
            assert render.end_time.ToDatetime() >= render.create_time.ToDatetime()

    async def test_a_repeated_request_is_one_render(self) -> None:
        """The same request id gives the same operation, before and after it is done, and frames are made once."""
        async with serving() as mesh:
            request = wanted(16, str(uuid.uuid4()))
            names = {(await mesh.renders.CreateRender(request)).name for _ in range(3)}
            await done(mesh, min(names))
            chunks = mesh.renderer.chunks
            names.add((await mesh.renders.CreateRender(request)).name)

            assert len(names) == 1
            assert mesh.renderer.chunks == chunks == 2

    async def test_a_cancelled_render_stops(self) -> None:
        """The operation ends as CANCELLED at once, and nothing of it runs any more."""
        async with serving() as mesh:
            mesh.renderer.hold = asyncio.Event()
            operation = await mesh.renders.CreateRender(wanted(1000))
            async with asyncio.timeout(10):
                while not mesh.renderer.running:
                    await asyncio.sleep(0.01)
            await mesh.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=operation.name))
            ended = await mesh.operations.GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
            await mesh.settled()

            assert ended.done and ended.error.code == code_pb2.CANCELLED

    async def test_what_cannot_be_made_ends_the_operation(self) -> None:
        """An identity that is not there is told by the operation, with the details of the call that failed."""
        async with serving() as mesh:
            request = wanted()
            request.generation.scene.identity = "identities/nobody"
            operation = await done(mesh, (await mesh.renders.CreateRender(request)).name)
            error = client_errors.from_status(operation.error)

            assert isinstance(error, client_errors.NotFound) and error.reason == "RESOURCE_NOT_FOUND"

    @pytest.mark.parametrize("field", ["scene.video.raw_frames", "include_curves", "include_timing", "resume"])
    async def test_what_is_no_film_is_refused(self, field: str) -> None:
        """The field is named, and nothing is entered."""
        async with serving() as mesh:
            request = wanted(video=RAW if "raw" in field else None)
            if field == "resume":
                request.generation.resume.next_segment = 3
            elif field.startswith("include"):
                setattr(request.generation, field, True)
            error = await refused(mesh.renders.CreateRender(request))
            listed = await mesh.operations.ListOperations(operations_pb2.ListOperationsRequest())

            assert list(error.fields) == [f"generation.{field}"]
            assert not listed.operations

    async def test_a_full_queue_is_told_at_once(self) -> None:
        """The render beyond the queue gets RESOURCE_EXHAUSTED with RetryInfo; nothing of it is kept."""
        async with serving(renders_waiting=1) as mesh:
            mesh.renderer.hold = asyncio.Event()
            for _ in range(2):
                await mesh.renders.CreateRender(wanted())
            error = await refused(mesh.renders.CreateRender(wanted()))
            listed = await mesh.operations.ListOperations(operations_pb2.ListOperationsRequest())
            mesh.renderer.hold.set()
            for operation in listed.operations:
                await done(mesh, operation.name)

            assert isinstance(error, client_errors.Busy) and error.retry_after_s
            assert len(listed.operations) == 2

    async def test_renders_are_listed_by_pages_and_forgotten(self) -> None:
        """Newest first; one that is done can be deleted, and its film stays."""
        async with serving() as mesh:
            names = [(await done(mesh, (await mesh.renders.CreateRender(wanted(8))).name)).name for _ in range(3)]
            first = await mesh.operations.ListOperations(operations_pb2.ListOperationsRequest(page_size=2))
            rest = await mesh.operations.ListOperations(
                operations_pb2.ListOperationsRequest(page_size=2, page_token=first.next_page_token)
            )
            await mesh.operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=names[0]))
            error = await refused(mesh.operations.GetOperation(operations_pb2.GetOperationRequest(name=names[0])))

            assert [item.name for item in (*first.operations, *rest.operations)] == names[::-1]
            assert isinstance(error, client_errors.NotFound)

    async def test_a_running_render_is_not_forgotten(self) -> None:
        """Deleting it is refused; it has to be cancelled first."""
        async with serving() as mesh:
            mesh.renderer.hold = asyncio.Event()
            operation = await mesh.renders.CreateRender(wanted())
            error = await refused(
                mesh.operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=operation.name))
            )
            mesh.renderer.hold.set()
            await done(mesh, operation.name)

            assert error.reason == "RESOURCE_NOT_READY"

    async def test_a_service_that_is_started_again_goes_on(self, tmp_path: Path) -> None:
        """A render that a process left is taken up by the next one behind the last fragment that is stored."""
        url = (tmp_path / "store").as_uri()
        async with serving(store_url=url) as mesh:
            mesh.renderer.delay_s = 0.02
            operation = await mesh.renders.CreateRender(wanted(400))
            async with asyncio.timeout(30):
                while mesh.renderer.chunks < 10:
                    await asyncio.sleep(0.01)
            # The process ends while it waits for its renderer, however fast the machine.
            mesh.renderer.error = ModelUnavailable("renderer", "gone")
        objects = ObjectStore.open(url)
        store, maker = RenderStore(objects), FilmMaker(20)
        kept = await store.count_segments(operation.name.removeprefix("operations/"))
        runner = local(store, objects, maker, QueueLimits(abandoned_s=0.0))
        runner.start()
        view = await renders_of(store, objects, runner).wait(operation.name, 20)
        await runner.close()

        assert kept >= 2
        assert maker.points == [kept] and view.outcome is not None and view.outcome.render


def local(store: RenderStore, objects: ObjectStore, maker: FilmMaker, limits: QueueLimits) -> LocalRunner:
    return LocalRunner(store, RenderWork(store, AssetStore(objects), maker), Places(4), limits)


class TestQueue:
    """What the local queue does when services come and go."""

    async def test_a_model_that_is_away_interrupts(self) -> None:
        """The work begins again behind what is stored, and the film is whole."""
        objects = ObjectStore.open("memory:///")
        store, maker = RenderStore(objects), FilmMaker()
        maker.errors = [ModelUnavailable("renderer", "gone"), errors.PeerUnavailable("speech", "gone")]
        runner = local(store, objects, maker, QueueLimits(pause_s=0.01))
        renders = renders_of(store, objects, runner)
        view = await renders.create(pb.CreateRenderRequest(generation=REQUEST))
        view = await renders.wait(f"operations/{view.record.render_id}", 20)
        assert view.outcome is not None and view.progress is not None
        await runner.close()

        assert maker.points == [0, 3, 3]
        assert maker.made == list(range(7))
        assert view.progress.attempt_count == 3
        assert view.outcome.render

    async def test_attempts_have_an_end(self) -> None:
        """After the last one the operation ends with what was in the way."""
        objects = ObjectStore.open("memory:///")
        store, maker = RenderStore(objects), FilmMaker()
        maker.errors = [ModelUnavailable("renderer", "gone") for _ in range(9)]
        runner = local(store, objects, maker, QueueLimits(attempts=2, pause_s=0.01))
        renders = renders_of(store, objects, runner)
        view = await renders.create(pb.CreateRenderRequest(generation=REQUEST))
        view = await renders.wait(f"operations/{view.record.render_id}", 20)
        await runner.close()

        assert view.outcome is not None and view.outcome.error
        assert maker.points == [0, 3]

    async def test_only_some_run_side_by_side(self) -> None:
        """With one place the second render waits for the first; both hold places of the process while they run."""
        objects = ObjectStore.open("memory:///")
        store, maker = RenderStore(objects), FilmMaker()
        maker.hold = asyncio.Event()
        places = Places(4)
        runner = LocalRunner(store, RenderWork(store, AssetStore(objects), maker), places, QueueLimits(side_by_side=1))
        renders = renders_of(store, objects, runner)
        views = [await renders.create(pb.CreateRenderRequest(generation=REQUEST)) for _ in range(2)]
        await maker.reached.wait()
        begun, held = len(maker.points), places.taken
        maker.hold.set()
        ended = [await renders.wait(f"operations/{view.record.render_id}", 20) for view in views]
        await runner.close()

        assert (begun, held) == (1, 1)
        assert all(view.outcome is not None and view.outcome.render for view in ended)
        assert places.taken == 0
