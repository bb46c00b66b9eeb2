"""What surrounds calls of Riva clients: admission, deadlines, health, reflection, prompts in streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from riva.client.proto import riva_tts_pb2

from tests.fakes.riva_client import RivaClient, riva_client
from tests.fakes.slow_builder import SlowBuilder
from tests.fakes.speech_models import FakeSpeechModels
from tests.fakes.speech_service import CONSENT, serve_speech
from tests.fakes.tone_engine import ToneEngine
from visage.speech.riva.protos import FULL_NAME, PROTOS, SynthesizeRequest

pytestmark = pytest.mark.compat

CONSENTED = {"consent_reference": CONSENT}


@asynccontextmanager
async def humming(
    folder: Path, engine: ToneEngine, builder: SlowBuilder | None = None, **settings: Any
) -> AsyncIterator[RivaClient]:
    """A client of a service that hums."""
    store = (folder / "store").as_uri()
    async with (
        serve_speech(store, FakeSpeechModels(), folder, engines=[engine], builder=builder, **settings) as mesh,
        riva_client(mesh.running.address) as client,
    ):
        yield client


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    path = tmp_path / "prompt.wav"
    path.write_bytes(b"a sample")
    return path


def test_messages_live_in_a_pool_of_their_own() -> None:
    """The client's generated code and ours exist in one process and agree on the wire."""
    theirs = descriptor_pool.Default().FindMessageTypeByName("nvidia.riva.tts.SynthesizeSpeechRequest")
    message = riva_tts_pb2.SynthesizeSpeechRequest(
        text="a", language_code="b", encoding="ALAW", sample_rate_hz=8, voice_name="c", custom_dictionary="d"
    )
    message.zero_shot_data.audio_prompt = b"e"
    message.custom_configuration["f"] = "g"
    message.enable_word_time_offsets = True
    message.id.value = "h"
    ours = SynthesizeRequest.FromString(message.SerializeToString(deterministic=True))

    assert SynthesizeRequest.DESCRIPTOR is not theirs
    assert ours.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    "name", [name for name in riva_tts_pb2.DESCRIPTOR.message_types_by_name if not name.startswith("_")]
)
def test_fields_are_those_of_the_client(name: str) -> None:
    """Every message of the client has the same fields, numbers and types here."""

    def fields(descriptor: Any) -> list[tuple[Any, ...]]:
        return [(f.name, f.number, f.type, f.is_repeated) for f in descriptor.fields]

    theirs = riva_tts_pb2.DESCRIPTOR.message_types_by_name[name]

    assert fields(PROTOS.message(theirs.full_name).DESCRIPTOR) == fields(theirs)


async def test_reflection_is_left_as_it_is(tmp_path: Path) -> None:
    """Reflection lists our own services only; health knows Riva's, too."""
    async with humming(tmp_path, ToneEngine()) as client:

        def ask() -> tuple[set[str], int]:
            stub = health_pb2_grpc.HealthStub(client.auth.channel)
            status = stub.Check(health_pb2.HealthCheckRequest(service=FULL_NAME)).status
            return set(ProtoReflectionDescriptorDatabase(client.auth.channel).get_services()), status

        listed, status = await asyncio.to_thread(ask)

    assert "visage.v1.SpeechService" in listed and not any("riva" in name for name in listed)
    assert status == health_pb2.HealthCheckResponse.SERVING


async def test_calls_are_admitted_like_all_others(tmp_path: Path) -> None:
    """Beyond the limit of concurrent calls a Riva client is told when to come back."""
    engine = ToneEngine()
    engine.may_speak.clear()
    async with humming(tmp_path, engine, max_concurrent_calls=1) as client:
        first = asyncio.create_task(client.synthesize("One."))
        await engine.is_asked.wait()
        status, refusal = await client.refusal(client.synthesize, "Two.")
        engine.may_speak.set()
        said = await first

    assert status is grpc.StatusCode.RESOURCE_EXHAUSTED and refusal.retry_after_s is not None
    assert said.audio


async def test_clients_without_a_deadline_get_one(tmp_path: Path) -> None:
    """The package sets no deadline; the server's default ends a call that hangs, and the engine's work."""
    engine = ToneEngine()
    engine.may_speak.clear()
    async with humming(tmp_path, engine, default_deadline_s=0.3) as client:
        status, refusal = await client.refusal(client.synthesize, "One.")

    assert status is grpc.StatusCode.DEADLINE_EXCEEDED and refusal.reason == "DEADLINE"
    assert engine.cancelled == 1


async def test_a_client_that_leaves_ends_the_work(tmp_path: Path) -> None:
    """Cancelling a stream cancels the engine's work."""
    engine = ToneEngine()
    engine.may_speak.clear()
    async with humming(tmp_path, engine) as client:
        responses = await asyncio.to_thread(client.service.synthesize_online, "One.")
        await engine.is_asked.wait()
        responses.cancel()
        async with asyncio.timeout(10):
            while not engine.cancelled:
                await asyncio.sleep(0.01)

    assert engine.cancelled == 1


async def test_entries_of_a_dictionary_reach_the_engine(tmp_path: Path) -> None:
    """The client's string of many entries arrives as IPA of the words that occur."""
    engine = ToneEngine()
    async with humming(tmp_path, engine) as client:
        await client.synthesize("Read the tomatoes, Tomato.", custom_dictionary={"tomato": "təˈmeɪtoʊ", "read": "ɹɛd"})

    assert sorted(engine.pronounced.values()) == ["təˈmeɪtoʊ", "ɹɛd"]


async def test_a_prompt_that_each_request_repeats_is_built_once(tmp_path: Path, prompt: Path) -> None:
    """The package sends the prompt with every text of a stream."""
    builder = SlowBuilder()
    builder.may_finish.set()
    async with humming(tmp_path, ToneEngine(), builder) as client:
        pieces = await client.online(
            ["One.", "Two.", "Three."], zero_shot_audio_prompt_file=prompt, custom_configuration=CONSENTED
        )

    assert [piece.meta.text for piece in pieces if piece.meta.text] == ["One.", "Two.", "Three."]
    assert builder.build_count == 1


async def test_prompts_wait_in_the_line_of_creations(tmp_path: Path, prompt: Path) -> None:
    """Voices for one call count among those that are being made; too many are refused with a time to come back."""
    builder = SlowBuilder()
    options = {"zero_shot_audio_prompt_file": prompt, "custom_configuration": CONSENTED}
    async with humming(tmp_path, ToneEngine(), builder, creations_waiting=0) as client:
        first = asyncio.create_task(client.synthesize("One.", **options))
        await builder.is_asked.wait()
        status, refusal = await client.refusal(client.synthesize, "Two.", **options)
        builder.may_finish.set()
        said = await first

    assert status is grpc.StatusCode.RESOURCE_EXHAUSTED and refusal.reason == "OVERLOADED"
    assert refusal.retry_after_s is not None and said.audio
