"""Operations of CreateVoice with a builder that does what the test says: cancelled, failed, crowded, abandoned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.longrunning import operations_pb2

from tests.fakes.identity_service import Refusal, files_below
from tests.fakes.slow_builder import SlowBuilder
from tests.fakes.speech_models import FakeSpeechModels
from tests.fakes.speech_service import SpeechMesh, serve_speech
from tests.fakes.tone_engine import TONE_VOICE, ToneEngine
from visage.runtime.errors import PeerUnavailable
from visage.runtime.store import ObjectStore
from visage.speech.cloned_engine import ClonedEngine
from visage.speech.cloned_voices import ClonedVoices
from visage.speech.voice_records import CreationRecord, VoiceRecord
from visage.speech.voice_store import VoiceStore
from visage.v1 import voice_cloning_pb2

pytestmark = pytest.mark.service

SAMPLE = b"a sample"


@pytest.fixture
def builder() -> SlowBuilder:
    return SlowBuilder()


@pytest.fixture
async def mesh(tmp_path: Path, builder: SlowBuilder) -> AsyncIterator[SpeechMesh]:
    """The service with a humming engine and that builder; it takes on two creations at a time."""
    async with serve_speech(
        (tmp_path / "store").as_uri(),
        FakeSpeechModels(),
        tmp_path,
        engines=[ToneEngine()],
        builder=builder,
        creations_waiting=1,
        drain_grace_s=0.1,
    ) as running:
        yield running


async def begin(mesh: SpeechMesh, **fields: str) -> operations_pb2.Operation:
    request = voice_cloning_pb2.CreateVoiceRequest(sample={"content": SAMPLE}, consent_reference="c", **fields)
    return await mesh.speech.CreateVoice(request)


async def test_a_running_creation_tells_its_stage(mesh: SpeechMesh, builder: SlowBuilder) -> None:
    """While it runs the voice is not listed and the operation shows the step; afterwards it holds the voice."""
    operation = await begin(mesh, voice_id="slow-one")
    await builder.is_asked.wait()
    running = await mesh.operations.GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
    metadata = voice_cloning_pb2.CreateVoiceMetadata()
    running.metadata.Unpack(metadata)
    names = await mesh.names()
    builder.may_finish.set()
    done = await mesh.finish(operation)

    assert not running.done and metadata.stage == voice_cloning_pb2.CreateVoiceMetadata.STAGE_CHOOSING
    assert names == [TONE_VOICE.name]
    assert done.HasField("response") and await mesh.names() == [TONE_VOICE.name, "voices/slow-one"]


async def test_a_cancelled_creation_leaves_nothing(mesh: SpeechMesh, builder: SlowBuilder, tmp_path: Path) -> None:
    """CancelOperation ends the work; the id is free again."""
    operation = await begin(mesh, voice_id="slow-one")
    await builder.is_asked.wait()
    await mesh.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=operation.name))
    ended = await mesh.finish(operation)

    assert ended.error.code == grpc.StatusCode.CANCELLED.value[0]
    assert not [name for name in files_below(tmp_path / "store") if not name.startswith("voice_operations")]
    assert (await begin(mesh, voice_id="slow-one")).name != operation.name


async def test_deleting_a_voice_in_the_making_cancels_it(
    mesh: SpeechMesh, builder: SlowBuilder, tmp_path: Path
) -> None:
    """DeleteVoice of an unfinished voice leaves nothing, not even the operation."""
    await begin(mesh, voice_id="slow-one")
    await builder.is_asked.wait()
    await mesh.speech.DeleteVoice(voice_cloning_pb2.DeleteVoiceRequest(name="voices/slow-one"))

    assert files_below(tmp_path / "store") == []


async def test_a_defect_is_internal_and_leaves_nothing(mesh: SpeechMesh, builder: SlowBuilder) -> None:
    """An unexpected error ends the operation with INTERNAL, without its text."""
    builder.error = RuntimeError("secret")
    builder.may_finish.set()
    ended = await mesh.finish(await begin(mesh))

    assert ended.error.code == grpc.StatusCode.INTERNAL.value[0]
    assert "secret" not in ended.error.message
    assert await mesh.names() == [TONE_VOICE.name]


async def test_too_many_creations_are_refused(mesh: SpeechMesh, builder: SlowBuilder) -> None:
    """One runs, one waits, the third is told when to come back."""
    for _ in range(2):
        await begin(mesh)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await begin(mesh)

    found = Refusal.of_call(refused.value)
    assert found.reason == "OVERLOADED" and found.retry_after_s


async def test_operations_are_paged_and_forgotten(mesh: SpeechMesh, builder: SlowBuilder) -> None:
    """Newest first, page by page; a finished one can be deleted, a running one cannot."""
    builder.may_finish.set()
    first = await mesh.finish(await begin(mesh, voice_id="first-one"))
    second = await mesh.finish(await begin(mesh, voice_id="second-one"))
    page = await mesh.operations.ListOperations(operations_pb2.ListOperationsRequest(page_size=1))
    rest = await mesh.operations.ListOperations(
        operations_pb2.ListOperationsRequest(page_size=1, page_token=page.next_page_token)
    )
    await mesh.operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=first.name))
    builder.may_finish.clear()
    third = await begin(mesh)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await mesh.operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=third.name))

    assert [operation.name for operation in (*page.operations, *rest.operations)] == [second.name, first.name]
    assert rest.next_page_token == ""
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_an_abandoned_creation_is_undone() -> None:
    """What a process left that ended is cleaned up once it has expired, and its operation says so; others stay."""
    store = VoiceStore(ObjectStore.open("memory:///"))
    now = datetime.now(UTC)
    for voice_id, expire_time in (("old-one", now - timedelta(seconds=1)), ("new-one", now + timedelta(minutes=5))):
        record = VoiceRecord(
            voice_id=voice_id,
            uid=f"uid-{voice_id}",
            operation_id=f"op-{voice_id}",
            display_name="",
            consent_reference="c",
            create_time=now,
            expire_time=expire_time,
        )
        operation = CreationRecord(
            operation_id=record.operation_id,
            voice_id=voice_id,
            uid=record.uid,
            create_time=now,
            expire_time=expire_time,
        )
        assert await store.reserve(record, operation)
    await store.remove_leftovers(now, timedelta(days=1), "failure")

    assert set(await store.list_changes()) == {"new-one"}
    assert (await store.operations.get("op-old-one")).error == "failure"
    assert (await store.operations.get("op-new-one")).error == ""


class AwayStore(VoiceStore):
    """A store that does not answer."""

    async def list_changes(self) -> dict[str, datetime]:
        raise PeerUnavailable("store", "no answer")


async def test_installed_voices_need_no_store() -> None:
    """While the store is away installed voices are listed and found; of others it is not said that they are missing."""
    voices = ClonedVoices([TONE_VOICE], AwayStore(ObjectStore.open("memory:///")), ClonedEngine({}))

    assert (await voices.for_voice(TONE_VOICE.name)).get(TONE_VOICE.name) is TONE_VOICE
    assert (await voices.all()).get(TONE_VOICE.name) is TONE_VOICE
    with pytest.raises(PeerUnavailable):
        await voices.for_voice("voices/somebody")
