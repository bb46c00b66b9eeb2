"""Voices from samples over real gRPC: made, spoken with, listed and deleted without a trace; bad samples refused."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
import soundfile
from google.longrunning import operations_pb2

from tests.fakes.identity_service import Refusal, files_below
from tests.fakes.onnx_speech_models import OnnxSpeechModels
from tests.fakes.speech_service import CONSENT, SpeechMesh, serve_speech, wav
from visage.media.pcm import FloatPcm
from visage.runtime.wire import seconds_of
from visage.v1 import speech_service_pb2 as pb
from visage.v1 import voice_cloning_pb2

pytestmark = pytest.mark.service

RATE_HZ = 16_000
SENTENCES = (
    "The birch canoe slid on the smooth planks, and we followed it along the shore. "
    "Glue the sheet to the dark blue background before you leave the room."
)
REQUEST_ID = "8a6e0804-2bd0-4672-b79d-d97027f9071a"


@pytest.fixture(scope="module")
def voices_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installed voices are measured once for all tests of the module."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
async def mesh(tmp_path: Path, voices_cache: Path) -> AsyncIterator[SpeechMesh]:
    """The service with the real networks, run without a server."""
    async with serve_speech((tmp_path / "store").as_uri(), OnnxSpeechModels(), voices_cache) as running:
        if "voices/flite-slt" not in await running.names():
            pytest.skip("libflite is not installed here")
        yield running


async def speech_of(mesh: SpeechMesh, voice: str, text: str = SENTENCES) -> FloatPcm:
    """A text in an installed voice at 16 kHz."""
    said = await mesh.say(text, voice, audio_format={"sample_rate_hertz": RATE_HZ})
    samples, _ = soundfile.read(io.BytesIO(said.audio), dtype="float32")
    return np.asarray(samples)


def chords(length: int) -> FloatPcm:
    """Four chords that change every second."""
    time_s = np.arange(length) / RATE_HZ
    sound = np.zeros(length)
    for index, root_hz in enumerate((262, 220, 175, 196)):
        here = (time_s.astype(int) % 4) == index
        for ratio in (1, 1.25, 1.5):
            for overtone in range(1, 6):
                sound += here * np.sin(2 * np.pi * root_hz * ratio * overtone * time_s) / overtone
    return (0.2 * sound / np.abs(sound).max()).astype(np.float32)


async def refusal(mesh: SpeechMesh, samples: FloatPcm) -> Refusal:
    operation = await mesh.create(wav(samples))
    assert operation.HasField("error")
    return Refusal.of(operation.error)


async def test_a_voice_is_made_listed_and_spoken_with(mesh: SpeechMesh) -> None:
    """A clone comes nearer to its sample than its base voice, and works like any other voice."""
    # Of the installed voices only others may speak: kal16 as if it were a person.
    sample = await speech_of(mesh, "voices/flite-kal16")
    voice = await mesh.created(wav(sample), voice_id="kal-again", display_name="Kal", base_voice="voices/flite-rms")
    said = await mesh.say("Four hours of steady work faced us.", voice.name)

    assert voice.name == "voices/kal-again" and voice.name in await mesh.names()
    assert voice.clone.base_voice == "voices/flite-rms" and voice.clone.consent_reference == CONSENT
    assert voice.clone.similarity > voice.clone.base_similarity + 0.05
    assert voice.clone.base_similarity < voice.clone.ceiling <= 1.0
    assert 0.5 <= voice.clone.strength <= 1 and voice.clone.intelligibility >= 0.7
    assert said.voice == voice.name and len(said.audio) > RATE_HZ


async def test_conversion_keeps_time(mesh: SpeechMesh) -> None:
    """Words, phonemes and the length of the sound are those of the base voice."""
    voice = await mesh.created(wav(await speech_of(mesh, "voices/flite-awb")), base_voice="voices/flite-slt")
    text = "Rice is often served in round bowls."
    base, clone = await mesh.say(text, "voices/flite-slt"), await mesh.say(text, voice.name)
    starts = [np.array([seconds_of(span.start_offset) for span in said.timing.phonemes]) for said in (base, clone)]

    assert [p.phoneme for p in clone.timing.phonemes] == [p.phoneme for p in base.timing.phonemes]
    # A changed pitch moves pitch marks, and with them labels, by a period or two.
    assert np.abs(starts[0] - starts[1]).max() < 0.03
    assert abs(len(clone.audio) - len(base.audio)) < 0.06 * RATE_HZ


async def test_the_nearest_voice_is_chosen(mesh: SpeechMesh) -> None:
    """A sample of an installed voice is given to that voice, and there is little to convert."""
    voice = await mesh.created(wav(await speech_of(mesh, "voices/flite-slt")))

    assert voice.clone.base_voice == "voices/flite-slt"
    assert voice.clone.similarity > voice.clone.ceiling - 0.1


async def test_streaming_speaks_with_a_clone(mesh: SpeechMesh) -> None:
    """A cloned voice streams clause by clause."""
    voice = await mesh.created(wav(await speech_of(mesh, "voices/flite-kal16")), base_voice="voices/flite-rms")
    requests = [
        pb.StreamSynthesizeSpeechRequest(config={"voice": voice.name}),
        pb.StreamSynthesizeSpeechRequest(text="One sentence. And another one."),
    ]
    kinds = [answer.WhichOneof("response") async for answer in mesh.speech.StreamSynthesizeSpeech(iter(requests))]

    assert kinds[0] == "header"
    assert kinds.count("timing") == 2 and kinds.count("audio") > 5


async def test_nothing_is_left_of_a_deleted_voice(mesh: SpeechMesh, tmp_path: Path) -> None:
    """Deletion removes the record, the conversion and the operation; the name is unknown afterwards."""
    voice = await mesh.created(wav(await speech_of(mesh, "voices/flite-kal16")), base_voice="voices/flite-rms")
    stored = files_below(tmp_path / "store")
    await mesh.speech.DeleteVoice(voice_cloning_pb2.DeleteVoiceRequest(name=voice.name))
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await mesh.say("Hello.", voice.name)

    assert len(stored) == 3
    assert files_below(tmp_path / "store") == []
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
    assert voice.name not in await mesh.names()


async def test_deleting_twice_is_told(mesh: SpeechMesh) -> None:
    """A voice that is not there is NOT_FOUND, unless that is allowed; an installed one cannot be deleted."""
    for name, code in (
        ("voices/nobody", grpc.StatusCode.NOT_FOUND),
        ("voices/flite-slt", grpc.StatusCode.FAILED_PRECONDITION),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await mesh.speech.DeleteVoice(voice_cloning_pb2.DeleteVoiceRequest(name=name))
        assert refused.value.code() is code
    await mesh.speech.DeleteVoice(voice_cloning_pb2.DeleteVoiceRequest(name="voices/nobody", allow_missing=True))


async def test_another_replica_speaks_with_the_voice(mesh: SpeechMesh, tmp_path: Path, voices_cache: Path) -> None:
    """A second process on the same store finds the voice by name, and no longer once it is deleted."""
    voice = await mesh.created(wav(await speech_of(mesh, "voices/flite-kal16")), base_voice="voices/flite-rms")
    async with serve_speech((tmp_path / "store").as_uri(), OnnxSpeechModels(), voices_cache) as other:
        said = await other.say("Hello.", voice.name)
        await mesh.speech.DeleteVoice(voice_cloning_pb2.DeleteVoiceRequest(name=voice.name))
        names = await other.names()

    assert said.voice == voice.name
    assert voice.name not in names


async def test_consent_is_required(mesh: SpeechMesh) -> None:
    """Without the reference of a consent record nothing is begun."""
    request = voice_cloning_pb2.CreateVoiceRequest(sample={"content": b"RIFF"})
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await mesh.speech.CreateVoice(request)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert Refusal.of_call(refused.value).fields == ["consent_reference"]


async def test_silence_is_refused(mesh: SpeechMesh) -> None:
    """A silent sample has no speech."""
    found = await refusal(mesh, np.zeros(8 * RATE_HZ, np.float32))

    assert (found.reason, found.metadata["cause"]) == ("SPEECH_NOT_USABLE", "no_speech")


async def test_a_short_sample_is_refused(mesh: SpeechMesh, tmp_path: Path) -> None:
    """Less than five seconds of speech are too short; what was measured is told, and nothing is left."""
    found = await refusal(mesh, (await speech_of(mesh, "voices/flite-rms"))[: 3 * RATE_HZ])

    assert found.metadata["cause"] == "too_short"
    assert float(found.metadata["measured"].split()[0]) == pytest.approx(3, abs=0.5)
    assert not [name for name in files_below(tmp_path / "store") if not name.startswith("voice_operations")]


async def test_two_speakers_are_refused(mesh: SpeechMesh) -> None:
    """A man and a woman in one sample are two voices."""
    parts = [await speech_of(mesh, f"voices/flite-{name}") for name in ("slt", "rms")]
    found = await refusal(mesh, np.concatenate(parts))

    assert found.metadata["cause"] == "several_speakers"


@pytest.mark.parametrize("with_speech", [True, False])
async def test_music_is_refused(mesh: SpeechMesh, with_speech: bool) -> None:
    """Music is told from speech, alone or behind it."""
    speech = await speech_of(mesh, "voices/flite-rms")
    music = chords(len(speech))
    found = await refusal(mesh, speech + music if with_speech else music)

    assert found.metadata["cause"] == "music"


async def test_a_clipped_sample_is_refused(mesh: SpeechMesh) -> None:
    """A sample whose peaks are cut off says so."""
    found = await refusal(mesh, np.clip(12 * await speech_of(mesh, "voices/flite-rms"), -1, 1))

    assert found.metadata["cause"] == "clipped"


async def test_a_noisy_sample_is_refused(mesh: SpeechMesh) -> None:
    """Noise 8 dB below the speech is too much."""
    speech = await speech_of(mesh, "voices/flite-rms")
    noise = np.random.default_rng(2).normal(0, speech.std() * 10 ** (-8 / 20), len(speech))
    found = await refusal(mesh, (0.5 * (speech + noise)).astype(np.float32))

    assert found.metadata["cause"] == "noisy"


async def test_a_file_that_is_no_sound_is_refused(mesh: SpeechMesh) -> None:
    """Bytes that cannot be decoded end the operation."""
    operation = await mesh.create(b"not a recording at all")

    assert Refusal.of(operation.error).reason == "MEDIA_UNDECODABLE"


async def test_a_repeated_request_gets_the_same_operation(mesh: SpeechMesh) -> None:
    """The request id makes a repeated call harmless; the id of a voice is taken only once."""
    sample = wav(await speech_of(mesh, "voices/flite-kal16"))
    fields: dict[str, Any] = {"base_voice": "voices/flite-rms", "voice_id": "twice"}
    first = await mesh.create(sample, request_id=REQUEST_ID, **fields)
    second = await mesh.create(sample, request_id=REQUEST_ID, **fields)
    with pytest.raises(grpc.aio.AioRpcError) as taken:
        await mesh.create(sample, **fields)

    assert first.name == second.name
    assert taken.value.code() is grpc.StatusCode.ALREADY_EXISTS
    listed = await mesh.operations.ListOperations(operations_pb2.ListOperationsRequest())
    assert [operation.name for operation in listed.operations] == [first.name]
