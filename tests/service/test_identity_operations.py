"""CreateIdentity as an operation: progress, waiting, cancelling, repetition, crash and restart."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.longrunning import operations_pb2
from google.protobuf import duration_pb2

from tests.fakes.identity_builder import ObedientBuilder
from tests.fakes.identity_service import IdentityMesh, Refusal, files_below, serve_identity
from tests.fakes.onnx_face_models import OnnxFaceModels
from visage.client import AsyncVisage, ClientSettings
from visage.identity.records import Owner, WorkRecord
from visage.identity.store import IdentityStore
from visage.identity.upkeep import clean_up
from visage.runtime.assets import AssetStore
from visage.runtime.errors import FaceNotUsable
from visage.runtime.store import ObjectStore
from visage.v1 import identity_service_pb2 as pb

pytestmark = pytest.mark.service

DAY = timedelta(days=1)


@pytest.fixture
def builder() -> ObedientBuilder:
    """Builds at once unless told otherwise."""
    return ObedientBuilder()


@pytest.fixture
async def mesh(tmp_path: Path, builder: ObedientBuilder) -> AsyncIterator[IdentityMesh]:
    """A service with an obedient builder."""
    async with serve_identity(tmp_path, OnnxFaceModels(), builder) as running:
        yield running
        builder.go.set()


async def refused(call: Any) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Refusal.of_call(caught.value)


async def begin(mesh: IdentityMesh, **fields: Any) -> operations_pb2.Operation:
    return await mesh.identity.CreateIdentity(pb.CreateIdentityRequest(photo={"content": b"photo"}, **fields))


def get(name: str) -> operations_pb2.GetOperationRequest:
    return operations_pb2.GetOperationRequest(name=name)


def wait(name: str, seconds: float) -> operations_pb2.WaitOperationRequest:
    timeout = duration_pb2.Duration()
    timeout.FromTimedelta(timedelta(seconds=seconds))
    return operations_pb2.WaitOperationRequest(name=name, timeout=timeout)


def metadata_of(operation: operations_pb2.Operation) -> pb.CreateIdentityMetadata:
    metadata = pb.CreateIdentityMetadata()
    assert operation.metadata.Unpack(metadata)
    return metadata


async def test_listed_while_it_is_created(mesh: IdentityMesh, builder: ObedientBuilder) -> None:
    """The identity is there at once as CREATING, has no avatar yet, and becomes READY."""
    builder.go.clear()
    operation = await begin(mesh, identity_id="anna")
    await builder.begun.wait()
    (listed,) = (await mesh.identity.ListIdentities(pb.ListIdentitiesRequest())).identities
    running = await mesh.operations.GetOperation(get(operation.name))
    early = await refused(mesh.identity.GetAvatar(pb.GetAvatarRequest(name="identities/anna")).read())
    embedding = await refused(mesh.identity.EmbedFace(pb.EmbedFaceRequest(face=pb.FaceRef(identity="identities/anna"))))
    builder.go.set()
    done = await mesh.finish(operation)

    assert (listed.name, listed.state) == ("identities/anna", pb.Identity.STATE_CREATING)
    assert not running.done
    assert metadata_of(running).stage == pb.CreateIdentityMetadata.STAGE_BUILDING
    assert metadata_of(running).identity == "identities/anna"
    assert 0 < metadata_of(running).progress_percent < 100
    for refusal in (early, embedding):
        assert refusal.reason == "RESOURCE_NOT_READY"
        assert refusal.metadata["state"] == "CREATING"
    assert done.done
    assert metadata_of(done).progress_percent == 100
    ready = await mesh.identity.GetIdentity(pb.GetIdentityRequest(name="identities/anna"))
    assert ready.state == pb.Identity.STATE_READY


async def test_wait_returns_when_the_time_is_up(mesh: IdentityMesh, builder: ObedientBuilder) -> None:
    """Waiting ends at its timeout with the operation as it is, and at once when it is done."""
    builder.go.clear()
    operation = await begin(mesh)
    unfinished = await mesh.operations.WaitOperation(wait(operation.name, 0.05))
    waiting = asyncio.ensure_future(mesh.operations.WaitOperation(wait(operation.name, 30)))
    await builder.begun.wait()
    builder.go.set()
    finished = await waiting

    assert (unfinished.done, finished.done) == (False, True)


async def test_wait_respects_the_callers_deadline(mesh: IdentityMesh, builder: ObedientBuilder) -> None:
    """Without a timeout, waiting ends just before the call's own deadline, without an error."""
    builder.go.clear()
    operation = await begin(mesh)
    request = operations_pb2.WaitOperationRequest(name=operation.name)

    assert not (await mesh.operations.WaitOperation(request, timeout=0.5)).done


async def test_failure_keeps_its_details(mesh: IdentityMesh, builder: ObedientBuilder, tmp_path: Path) -> None:
    """A failed operation carries the status with its details, keeps it, and leaves no identity."""
    builder.error = FaceNotUsable("cut_off", "half of the face is missing")
    operation = await mesh.finish(await begin(mesh, identity_id="anna"))
    refusal = Refusal.of(operation.error)

    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION.value[0], "FACE_NOT_USABLE")
    assert refusal.metadata == {"cause": "cut_off"}
    assert operation.error.message == "half of the face is missing"
    assert await mesh.operations.GetOperation(get(operation.name)) == operation
    assert files_below(tmp_path) == [f"{operation.name}.json"]


async def test_defect_is_not_shown(mesh: IdentityMesh, builder: ObedientBuilder) -> None:
    """A defect fails the operation as INTERNAL without its innards."""
    builder.error = ZeroDivisionError("secret detail")
    operation = await mesh.finish(await begin(mesh))

    assert operation.error.code == grpc.StatusCode.INTERNAL.value[0]
    assert "secret" not in operation.error.message


async def test_limit_on_time(tmp_path: Path, builder: ObedientBuilder) -> None:
    """A creation that takes too long is ended."""
    builder.go.clear()
    async with serve_identity(tmp_path, OnnxFaceModels(), builder, creation_limit_s=0.1) as mesh:
        operation = await mesh.finish(await begin(mesh))

    assert Refusal.of(operation.error).reason == "DEADLINE"
    assert files_below(tmp_path) == [f"{operation.name}.json"]


async def test_taken_id(mesh: IdentityMesh, builder: ObedientBuilder, tmp_path: Path) -> None:
    """An id is given once, also among creations that run side by side; the loser leaves nothing."""
    builder.go.clear()
    outcomes = await asyncio.gather(*(begin(mesh, identity_id="anna") for _ in range(3)), return_exceptions=True)
    builder.go.set()
    won = [outcome for outcome in outcomes if isinstance(outcome, operations_pb2.Operation)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)]
    await mesh.finish(won[0])

    assert (len(won), len(lost)) == (1, 2)
    assert {error.code() for error in lost} == {grpc.StatusCode.ALREADY_EXISTS}
    assert Refusal.of_call(lost[0]).metadata == {"kind": "identity", "name": "identities/anna"}
    assert len([path for path in files_below(tmp_path) if path.startswith(("operations/", "work/"))]) == 1


async def test_repeated_request(mesh: IdentityMesh, tmp_path: Path) -> None:
    """Calls with one request id are one creation, side by side and later; another id is another one."""
    request_id = str(uuid.uuid4())
    first, second = await asyncio.gather(begin(mesh, request_id=request_id), begin(mesh, request_id=request_id))
    done = await mesh.finish(first)
    later = await begin(mesh, request_id=request_id.upper(), identity_id="other")
    another = await begin(mesh, request_id=str(uuid.uuid4()))

    assert first.name == second.name == later.name != another.name
    assert later == done
    await mesh.finish(another)
    assert len([path for path in files_below(tmp_path) if path.startswith("identities/")]) == 2


async def test_cancel(mesh: IdentityMesh, builder: ObedientBuilder, tmp_path: Path) -> None:
    """Cancelling ends the work, leaves no identity, and the operation says so; afterwards it changes nothing."""
    builder.go.clear()
    operation = await begin(mesh, identity_id="anna")
    await builder.begun.wait()
    await mesh.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=operation.name))
    cancelled = await mesh.operations.GetOperation(get(operation.name))
    await mesh.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=operation.name))

    assert builder.running == 0
    assert cancelled.done
    assert cancelled.error.code == grpc.StatusCode.CANCELLED.value[0]
    assert files_below(tmp_path) == [f"{operation.name}.json"]


async def test_delete_while_it_is_created(mesh: IdentityMesh, builder: ObedientBuilder, tmp_path: Path) -> None:
    """Deleting an identity that is being created cancels its creation."""
    builder.go.clear()
    operation = await begin(mesh, identity_id="anna")
    await builder.begun.wait()
    await mesh.identity.DeleteIdentity(pb.DeleteIdentityRequest(name="identities/anna"))

    assert builder.running == 0
    assert (await mesh.operations.GetOperation(get(operation.name))).error.code == grpc.StatusCode.CANCELLED.value[0]
    assert files_below(tmp_path) == [f"{operation.name}.json"]


async def test_update_while_it_is_created(mesh: IdentityMesh, builder: ObedientBuilder) -> None:
    """What is changed during the creation is not lost at its end."""
    builder.go.clear()
    operation = await begin(mesh, identity_id="anna", identity=pb.Identity(display_name="Old"))
    await builder.begun.wait()
    changed = pb.Identity(name="identities/anna", display_name="New")
    await mesh.identity.UpdateIdentity(pb.UpdateIdentityRequest(identity=changed))
    builder.go.set()
    await mesh.finish(operation)
    identity = await mesh.identity.GetIdentity(pb.GetIdentityRequest(name="identities/anna"))

    assert (identity.display_name, identity.state) == ("New", pb.Identity.STATE_READY)


async def test_client_that_vanishes(mesh: IdentityMesh, builder: ObedientBuilder, tmp_path: Path) -> None:
    """A client that leaves during the call leaves either a whole creation or none."""
    for delay_s in (0.0, 0.001, 0.002, 0.005, 0.01):
        call = mesh.identity.CreateIdentity(pb.CreateIdentityRequest(photo={"content": b"photo"}))
        await asyncio.sleep(delay_s)
        call.cancel()
    async with asyncio.timeout(5):
        while mesh.running.running_calls or any(path.startswith("work/") for path in files_below(tmp_path)):
            await asyncio.sleep(0.02)

    listed = (await mesh.identity.ListIdentities(pb.ListIdentitiesRequest())).identities
    assert all(identity.state == pb.Identity.STATE_READY for identity in listed)
    kinds = [path.split("/")[0] for path in files_below(tmp_path)]
    assert kinds.count("identities") == kinds.count("identity_order") == kinds.count("operations") == len(listed)


async def test_too_many_creations(tmp_path: Path, builder: ObedientBuilder) -> None:
    """The creation that finds no place is refused with a time to come back; the others take turns."""
    builder.go.clear()
    limits = {"creations_side_by_side": 1, "creations_waiting": 2}
    async with serve_identity(tmp_path, OnnxFaceModels(), builder, **limits) as mesh:
        running = [await begin(mesh) for _ in range(3)]
        refusal = await refused(begin(mesh))
        at_a_time = builder.running
        builder.go.set()
        done = [await mesh.finish(operation) for operation in running]

    assert (refusal.reason, refusal.retry_after_s is not None) == ("OVERLOADED", True)
    assert at_a_time == 1
    assert all(operation.HasField("response") for operation in done)


async def test_list_operations(mesh: IdentityMesh, builder: ObedientBuilder) -> None:
    """Operations are listed newest first, in pages, the failed ones as well."""
    names = [(await mesh.finish(await begin(mesh))).name for _ in range(2)]
    builder.error = FaceNotUsable("no_face", "nobody")
    names.append((await mesh.finish(await begin(mesh))).name)
    request = operations_pb2.ListOperationsRequest(name="operations", page_size=2)
    first = await mesh.operations.ListOperations(request)
    request.page_token = first.next_page_token
    second = await mesh.operations.ListOperations(request)

    assert [item.name for item in [*first.operations, *second.operations]] == names[::-1]
    assert first.operations[0].HasField("error")
    assert second.next_page_token == ""


@pytest.mark.parametrize(
    ("request_message", "field"),
    [
        (operations_pb2.ListOperationsRequest(name="identities"), "name"),
        (operations_pb2.ListOperationsRequest(filter="done"), "filter"),
        (operations_pb2.ListOperationsRequest(page_size=-1), "page_size"),
        (operations_pb2.ListOperationsRequest(page_token="x"), "page_token"),
    ],
)
async def test_bad_list_requests(
    mesh: IdentityMesh, request_message: operations_pb2.ListOperationsRequest, field: str
) -> None:
    """A list request that cannot be served is refused with the field."""
    assert (await refused(mesh.operations.ListOperations(request_message))).fields == [field]


async def test_unknown_operation(mesh: IdentityMesh) -> None:
    """An operation that does not exist is not found; a name that is none is refused."""
    assert (await refused(mesh.operations.GetOperation(get("operations/none")))).reason == "RESOURCE_NOT_FOUND"
    assert (await refused(mesh.operations.WaitOperation(wait("operations/none", 1)))).reason == "RESOURCE_NOT_FOUND"
    assert (await refused(mesh.operations.GetOperation(get("../identities/x")))).fields == ["name"]


async def test_delete_operation(mesh: IdentityMesh, builder: ObedientBuilder) -> None:
    """An operation that is done can be forgotten; a running one cannot."""
    builder.go.clear()
    operation = await begin(mesh)
    request = operations_pb2.DeleteOperationRequest(name=operation.name)
    early = await refused(mesh.operations.DeleteOperation(request))
    builder.go.set()
    await mesh.finish(operation)
    await mesh.operations.DeleteOperation(request)

    assert early.reason == "RESOURCE_NOT_READY"
    assert (await refused(mesh.operations.GetOperation(get(operation.name)))).reason == "RESOURCE_NOT_FOUND"
    assert len((await mesh.identity.ListIdentities(pb.ListIdentitiesRequest())).identities) == 1


async def test_restart_keeps_what_was_done(tmp_path: Path, builder: ObedientBuilder) -> None:
    """Identities and the operations that made them, or failed to, are there after a restart."""
    async with serve_identity(tmp_path, OnnxFaceModels(), builder) as mesh:
        good = await mesh.finish(await begin(mesh, identity_id="anna"))
        builder.error = FaceNotUsable("no_face", "nobody")
        bad = await mesh.finish(await begin(mesh))
    async with serve_identity(tmp_path, OnnxFaceModels(), builder) as mesh:
        assert await mesh.operations.GetOperation(get(good.name)) == good
        assert await mesh.operations.GetOperation(get(bad.name)) == bad


async def test_shutdown_lets_creations_finish(tmp_path: Path, builder: ObedientBuilder) -> None:
    """A creation that is running at shutdown gets time to finish."""
    async with serve_identity(tmp_path, OnnxFaceModels(), builder) as mesh:
        builder.go.clear()
        operation = await begin(mesh)
        await builder.begun.wait()
        asyncio.get_running_loop().call_later(0.2, builder.go.set)
    async with serve_identity(tmp_path, OnnxFaceModels(), builder) as mesh:
        assert (await mesh.operations.GetOperation(get(operation.name))).HasField("response")


async def test_shutdown_undoes_what_does_not_finish(tmp_path: Path, builder: ObedientBuilder) -> None:
    """A creation that does not finish in time is undone, and its operation says where to turn."""
    builder.go.clear()
    async with serve_identity(tmp_path, OnnxFaceModels(), builder, drain_grace_s=0.05) as mesh:
        operation = await begin(mesh)
        await builder.begun.wait()
    builder.go.set()
    async with serve_identity(tmp_path, OnnxFaceModels(), builder) as mesh:
        refusal = Refusal.of((await mesh.operations.GetOperation(get(operation.name))).error)

    assert (refusal.reason, refusal.code) == ("DRAINING", grpc.StatusCode.UNAVAILABLE.value[0])
    assert refusal.retry_after_s is not None
    assert files_below(tmp_path) == [f"{operation.name}.json"]


CRASHING_SERVICE = """
import asyncio, sys
from pathlib import Path
from tests.fakes.identity_builder import ObedientBuilder
from tests.fakes.identity_service import serve_identity
from tests.fakes.onnx_face_models import OnnxFaceModels
from visage.v1 import identity_service_pb2 as pb

async def main():
    builder = ObedientBuilder()
    async with serve_identity(Path(sys.argv[1]), OnnxFaceModels(), builder) as mesh:
        await mesh.created(b"kept", identity_id="kept")
        builder.go.clear()
        operation = await mesh.identity.CreateIdentity(
            pb.CreateIdentityRequest(identity_id="half", photo={"content": b"photo"})
        )
        await builder.begun.wait()
        print("OPERATION", operation.name, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_crash_leaves_no_half_identity(tmp_path: Path, builder: ObedientBuilder) -> None:
    """When the process is killed in the middle of a creation, the next one undoes it and ends its operation."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASHING_SERVICE, str(tmp_path), env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    name = ""
    async for line in process.stdout:
        if line.startswith(b"OPERATION"):
            name = line.split()[1].decode()
            break
    before = files_below(tmp_path)
    process.kill()
    await process.communicate()
    async with serve_identity(tmp_path, OnnxFaceModels(), builder) as mesh:
        operation = await mesh.operations.GetOperation(get(name))
        listed = (await mesh.identity.ListIdentities(pb.ListIdentitiesRequest())).identities
        again = await mesh.created(b"photo", identity_id="half")

    assert "identities/half.json" in before
    assert Refusal.of(operation.error).reason == "DRAINING"
    assert [identity.name for identity in listed] == ["identities/kept"]
    assert again.state == pb.Identity.STATE_READY
    assert not any(path.startswith("work/") for path in files_below(tmp_path))


def identity_store(folder: Path) -> IdentityStore:
    objects = ObjectStore.open(folder.as_uri())
    return IdentityStore(objects, AssetStore(objects))


async def test_interrupted_deletion_is_finished(mesh: IdentityMesh, tmp_path: Path) -> None:
    """When a process dies in the middle of a deletion, another one finishes it."""
    identity = await mesh.created(b"photo", identity_id="anna")
    store = identity_store(tmp_path)
    record = await store.get("anna")
    dead = Owner(host=Owner.current().host, pid=os.getpid(), started="0")
    work = WorkRecord(
        kind="delete",
        uid=record.uid,
        identity_id="anna",
        operation_id=record.operation_id,
        order_key=record.order_key,
        owner=dead,
        expire_time=datetime.now(UTC) + DAY,
        assets=(identity.preview_asset,),
    )
    await store.put_work(work)
    (tmp_path / "identities" / "anna.json").unlink()

    assert await clean_up(store, DAY) == 1
    assert files_below(tmp_path) == []


async def test_work_of_others_is_left_alone(mesh: IdentityMesh, builder: ObedientBuilder, tmp_path: Path) -> None:
    """What a living process works on is not touched; what another host does not finish in time is undone."""
    builder.go.clear()
    await begin(mesh, identity_id="anna")
    await builder.begun.wait()
    store = identity_store(tmp_path)
    (work,) = await store.list_work()
    foreign = work.model_copy(update={"owner": Owner(host="elsewhere", pid=1, started="1")})
    now = datetime.now(UTC)

    assert await clean_up(store, DAY) == 0
    assert not foreign.is_abandoned(now)
    assert foreign.is_abandoned(work.expire_time + timedelta(seconds=1))
    assert (await store.get("anna")).uid == work.uid


async def test_crash_after_the_end(mesh: IdentityMesh, tmp_path: Path) -> None:
    """A process that dies between the last write and its note leaves a READY identity, which stays."""
    await mesh.created(b"photo", identity_id="anna")
    store = identity_store(tmp_path)
    record = await store.get("anna")
    work = WorkRecord(
        kind="create",
        uid=record.uid,
        identity_id="anna",
        operation_id=record.operation_id,
        order_key=record.order_key,
        owner=Owner(host=Owner.current().host, pid=os.getpid(), started="0"),
        expire_time=datetime.now(UTC) + DAY,
    )
    await store.put_work(work)
    await clean_up(store, DAY)

    assert await store.get("anna") == record
    assert await store.list_work() == []


async def test_old_operations_are_forgotten(mesh: IdentityMesh, builder: ObedientBuilder, tmp_path: Path) -> None:
    """Operations are forgotten after a day, identities and running operations are not."""
    done = await mesh.finish(await begin(mesh, identity_id="anna"))
    builder.go.clear()
    running = await begin(mesh, identity_id="berta")
    store = identity_store(tmp_path)
    yesterday = time.time() - 90_000
    for path in (tmp_path / "operations").iterdir():
        os.utime(path, (yesterday, yesterday))
    await clean_up(store, DAY)

    assert (await refused(mesh.operations.GetOperation(get(done.name)))).reason == "RESOURCE_NOT_FOUND"
    assert not (await mesh.operations.GetOperation(get(running.name))).done
    assert (await store.get("anna")).content is not None


async def test_another_replica_sees_the_operation(mesh: IdentityMesh, builder: ObedientBuilder, tmp_path: Path) -> None:
    """A second service over the same store waits for an operation of the first one."""
    builder.go.clear()
    operation = await begin(mesh)
    async with serve_identity(tmp_path, OnnxFaceModels(), ObedientBuilder()) as other:
        running = await other.operations.GetOperation(get(operation.name))
        waiting = asyncio.ensure_future(other.operations.WaitOperation(wait(operation.name, 20)))
        await asyncio.sleep(0.1)
        builder.go.set()
        done = await waiting

    assert not running.done
    assert done.HasField("response")


async def test_a_client_that_stops_waiting_leaves_no_face(mesh: IdentityMesh, builder: ObedientBuilder) -> None:
    """Its creation ends and nothing of it is listed."""
    builder.go.clear()
    async with AsyncVisage(ClientSettings(identity_address=mesh.running.address)) as visage:
        creating = asyncio.create_task(visage.identities.create(b"photo"))
        await builder.begun.wait()
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating
        left = [identity async for identity in visage.identities.list()]

    assert left == []
    assert builder.running == 0
