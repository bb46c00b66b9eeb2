"""Recorded speech to timed words and phonemes over real gRPC; what cannot be aligned is refused with its reason."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
import pytest
import soundfile

from tests.fakes.identity_service import Refusal
from tests.fakes.onnx_speech_models import OnnxSpeechModels
from tests.fakes.speech_models import FakeSpeechModels
from tests.fakes.speech_service import SpeechMesh, serve_speech, wav
from visage.media.pcm import to_int16
from visage.runtime.wire import seconds_of
from visage.v1 import curves_pb2, speech_alignment_pb2

pytestmark = pytest.mark.service

TEXT = "The juice of lemons makes fine punch, but it costs $3.50."
MARK = "With tenure, Suzie'd have all the more leisure for yachting, but her publications are no good."


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[SpeechMesh]:
    """The service with the real networks, run without a server."""
    async with serve_speech("memory:///", OnnxSpeechModels(), tmp_path) as running:
        if "voices/flite-awb" not in await running.names():
            pytest.skip("libflite is not installed here")
        yield running


def starts(spans: object) -> np.ndarray:
    return np.array([seconds_of(span.start_offset) for span in spans])  # type: ignore[attr-defined]


def sounding(timing: curves_pb2.SpeechTiming) -> list[curves_pb2.PhonemeSpan]:
    return [span for span in timing.phonemes if span.phoneme]


@pytest.mark.parametrize("voice", ["voices/flite-awb", "voices/flite-slt", "voices/espeak-en-us"])
async def test_words_lie_where_they_were_spoken(mesh: SpeechMesh, voice: str) -> None:
    """Words of a synthetic voice are found within 15 ms, most of them, with their places in the transcript."""
    said = await mesh.say(TEXT, voice)
    found = await mesh.align(said.audio, transcript=TEXT)
    errors_s = np.abs(starts(found.timing.words) - starts(said.timing.words))

    assert [word.word for word in found.timing.words] == [word.word for word in said.timing.words]
    assert errors_s.mean() < 0.03 and np.median(errors_s) < 0.015
    assert [TEXT[word.text_start : word.text_end] for word in found.timing.words][-1] == "$3.50"
    assert found.confidence > 0.5 and len(found.word_confidences) == len(found.timing.words)


async def test_phonemes_lie_where_they_were_spoken(mesh: SpeechMesh) -> None:
    """Phonemes begin within 20 ms of where a voice that training did not hear put them, for nine of ten."""
    said = await mesh.say("Rice is often served in round bowls.", "voices/flite-awb")
    found = await mesh.align(said.audio, transcript="Rice is often served in round bowls.")
    ours, theirs = sounding(found.timing), sounding(said.timing)

    assert len(ours) == len(theirs)
    assert (np.abs(starts(ours) - starts(theirs)) < 0.02).mean() > 0.85


async def test_spans_cover_the_recording(mesh: SpeechMesh) -> None:
    """Phonemes follow one another without gaps from the start to the end, pauses included; visemes likewise."""
    said = await mesh.say(TEXT, "voices/flite-slt")
    found = await mesh.align(said.audio, transcript=TEXT)
    ends = np.array([seconds_of(span.end_offset) for span in found.timing.phonemes])

    assert starts(found.timing.phonemes)[0] == 0
    assert np.allclose(starts(found.timing.phonemes)[1:], ends[:-1])
    assert ends[-1] == pytest.approx(seconds_of(found.audio_duration))
    assert seconds_of(found.timing.visemes[-1].end_offset) == pytest.approx(ends[-1])


async def test_phones_are_recognised_without_a_transcript(mesh: SpeechMesh) -> None:
    """Free recognition finds most of the phones of a synthetic voice, and no words."""
    said = await mesh.say("She sells sea shells by the shore.", "voices/flite-rms")
    found = await mesh.align(said.audio)
    wanted = [span.phoneme.strip("ˈˌ") for span in sounding(said.timing)]
    heard = [span.phoneme for span in sounding(found.timing)]

    assert not found.timing.words
    assert edit_distance(wanted, heard) < 0.4 * len(wanted)


def edit_distance(first: list[str], second: list[str]) -> int:
    row = list(range(len(second) + 1))
    for index, wanted in enumerate(first, start=1):
        before, row[0] = row[0], index
        for place, got in enumerate(second, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (wanted != got))
    return row[-1]


async def test_human_speech_is_aligned(mesh: SpeechMesh, shared_fixtures: Path) -> None:
    """A person's excited speech is aligned in order and with confidence; pauses between phrases are kept."""
    audio = (shared_fixtures / "speech" / "Mark_joy.wav").read_bytes()
    found = await mesh.align(audio, transcript=MARK)
    words = {word.word: seconds_of(word.start_offset) for word in found.timing.words}

    assert found.confidence > 0.4
    assert (np.diff(starts(found.timing.words)) > 0).all()
    # Read off the waveform: "yachting" ends with a pause of half a second.
    assert words["but"] == pytest.approx(3.9, abs=0.06)
    assert words["publications"] == pytest.approx(4.25, abs=0.1)


async def test_another_text_is_refused(mesh: SpeechMesh) -> None:
    """A transcript of something else is told from the right one, with the agreement that was measured."""
    said = await mesh.say("Help the woman get back to her feet, and kick the ball.", "voices/flite-slt")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await mesh.align(said.audio, transcript="A large size in stockings is hard to sell, everybody knows.")
    found = Refusal.of_call(refused.value)

    assert (found.reason, found.metadata["cause"]) == ("SPEECH_NOT_USABLE", "transcript_differs")
    assert 0 <= float(found.metadata["measured"]) < float(found.metadata["limit"])


async def test_a_text_longer_than_its_recording_is_refused(mesh: SpeechMesh) -> None:
    """More phones than a recording has room for cannot be aligned."""
    said = await mesh.say("Yes.", "voices/flite-slt")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await mesh.align(said.audio, transcript=TEXT * 5)

    assert Refusal.of_call(refused.value).metadata["cause"] == "transcript_differs"


@pytest.mark.parametrize("level", [0.0, 0.01])
async def test_silence_and_noise_are_refused(mesh: SpeechMesh, level: float) -> None:
    """Where nobody speaks there is nothing to align."""
    noise = np.random.default_rng(4).normal(0, 1, 32_000).astype(np.float32) * level
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await mesh.align(wav(noise), transcript=TEXT)

    assert Refusal.of_call(refused.value).metadata["cause"] == "no_speech"


async def test_headerless_audio_is_read_as_announced(mesh: SpeechMesh) -> None:
    """LINEAR16 at 8 kHz gives the same words as a WAV file; without a rate it is refused."""
    said = await mesh.say(
        "Four hours of steady work faced us.", "voices/flite-slt", audio_format={"sample_rate_hertz": 8_000}
    )
    samples, _ = soundfile.read(io.BytesIO(said.audio), dtype="float32")
    raw = to_int16(np.asarray(samples)).tobytes()
    audio_format = {"encoding": "AUDIO_ENCODING_LINEAR16", "sample_rate_hertz": 8_000}
    found = await mesh.align(raw, transcript="Four hours of steady work faced us.", audio_format=audio_format)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await mesh.align(raw, audio_format={"encoding": "AUDIO_ENCODING_LINEAR16"})

    assert [word.word for word in found.timing.words] == ["Four", "hours", "of", "steady", "work", "faced", "us"]
    assert Refusal.of_call(refused.value).fields == ["config.audio_format.sample_rate_hertz"]


async def test_order_of_the_stream_matters(mesh: SpeechMesh) -> None:
    """Audio before the config and a second config are out of order; no audio at all is undecodable."""
    config, audio = (
        speech_alignment_pb2.AlignSpeechRequest(config={}),
        speech_alignment_pb2.AlignSpeechRequest(audio=b"RIFF"),
    )
    reasons = []
    for requests in ([audio], [config, config], [config]):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await mesh.speech.AlignSpeech(iter(requests))
        reasons.append(Refusal.of_call(refused.value).reason)

    assert reasons == ["STREAM_OUT_OF_ORDER", "STREAM_OUT_OF_ORDER", "MEDIA_UNDECODABLE"]


async def test_synthesis_needs_no_models(tmp_path: Path) -> None:
    """While the models are away the service is ready and speaks; what listens is UNAVAILABLE with the model's name."""
    models = FakeSpeechModels()
    models.is_away = True
    async with serve_speech("memory:///", models, tmp_path) as mesh:
        said = await mesh.say("Hello.", "voices/espeak-en-us")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await mesh.align(said.audio, transcript="Hello.")
        readiness = dict(mesh.running.readiness)

    assert all(readiness.values()) and said.audio
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert Refusal.of_call(refused.value).reason == "MODEL_UNAVAILABLE"
