"""NVIDIA's public Riva client, unchanged, against the speech service with real engines."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from riva.client import AudioEncoding
from riva.client.proto import riva_tts_pb2 as pb
from riva.client.proto.riva_common_pb2 import RequestId

from tests.fakes.identity_service import files_below
from tests.fakes.onnx_speech_models import OnnxSpeechModels
from tests.fakes.riva_client import RivaClient, riva_client, samples_of
from tests.fakes.speech_models import FakeSpeechModels
from tests.fakes.speech_service import CONSENT, SpeechMesh, serve_speech, wav
from tests.fakes.tone_engine import TONE_VOICE, ToneEngine
from visage.runtime.audio import Encoding, raw_samples, resample

pytestmark = pytest.mark.compat

VOICE = "Visage.tone"
"""Two calls of it give the same samples, which espeak-ng does not promise."""
REAL_VOICE = "Visage.espeak-en-us"
TEXT = "Good morning. I paid $3.50 for a tomato."
RATE_HZ = 22_050


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[SpeechMesh]:
    """The service with an engine that hums."""
    store, cache = (tmp_path / "store").as_uri(), tmp_path / "cache"
    async with serve_speech(store, FakeSpeechModels(), cache, engines=[ToneEngine()]) as running:
        yield running


@pytest.fixture
async def riva(mesh: SpeechMesh) -> AsyncIterator[RivaClient]:
    async with riva_client(mesh.running.address) as client:
        yield client


@pytest.fixture
async def real_mesh(tmp_path: Path) -> AsyncIterator[SpeechMesh]:
    """The service with real engines and the real networks, run without a server."""
    async with serve_speech((tmp_path / "store").as_uri(), OnnxSpeechModels(), tmp_path / "cache") as running:
        yield running


@pytest.fixture
async def real_riva(real_mesh: SpeechMesh) -> AsyncIterator[RivaClient]:
    async with riva_client(real_mesh.running.address) as client:
        yield client


async def test_the_sound_is_that_of_the_speech_service(mesh: SpeechMesh, riva: RivaClient) -> None:
    """By default the client gets bare 16-bit samples at 22,050 Hz, the same as visage.v1 gives."""
    said = await riva.synthesize(TEXT, voice_name=VOICE)
    audio_format = {"encoding": "AUDIO_ENCODING_LINEAR16", "sample_rate_hertz": RATE_HZ}
    ours = await mesh.say(TEXT, TONE_VOICE.name, audio_format=audio_format)

    assert not said.audio.startswith(b"RIFF")
    assert said.audio == ours.audio and said.meta.text == TEXT and not said.meta.words


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000])
async def test_rates(riva: RivaClient, rate_hz: int) -> None:
    """Sound comes at the rate that was asked for and lasts as long at each."""
    said = await riva.synthesize(TEXT, voice_name=VOICE, sample_rate_hz=rate_hz)
    plain = await riva.synthesize(TEXT, voice_name=VOICE)

    assert len(said.audio) / rate_hz == pytest.approx(len(plain.audio) / RATE_HZ, abs=2e-3)


async def test_a_rate_of_zero_is_the_default(riva: RivaClient) -> None:
    """Clients that leave rate and encoding out get what the package asks for."""
    bare = await riva.synthesize(TEXT, voice_name=VOICE, sample_rate_hz=0, encoding=AudioEncoding.ENCODING_UNSPECIFIED)
    plain = await riva.synthesize(TEXT, voice_name=VOICE)

    assert bare.audio == plain.audio


@pytest.mark.parametrize(
    ("encoding", "begins"),
    [
        (AudioEncoding.FLAC, b"fLaC"),
        (AudioEncoding.OGGOPUS, b"OggS"),
        (AudioEncoding.MULAW, b""),
        (AudioEncoding.ALAW, b""),
    ],
)
async def test_encodings(riva: RivaClient, encoding: Any, begins: bytes) -> None:
    """Each encoding decodes to what LINEAR_PCM holds."""
    rate_hz = 24_000
    said = await riva.synthesize(TEXT, voice_name=VOICE, encoding=encoding, sample_rate_hz=rate_hz)
    plain = samples_of([await riva.synthesize(TEXT, voice_name=VOICE, sample_rate_hz=rate_hz)])
    if begins:
        samples, read_hz = soundfile.read(io.BytesIO(said.audio), dtype="float32")
        samples = resample(samples, read_hz, rate_hz)
    else:
        ours = Encoding.MULAW if encoding == AudioEncoding.MULAW else Encoding.ALAW
        samples = raw_samples(said.audio, ours, 1, "audio")
    length = min(len(plain), len(samples))
    likeness = np.corrcoef(plain[:length], samples[:length])[0, 1]

    assert said.audio.startswith(begins)
    assert abs(len(plain) - len(samples)) < 0.01 * rate_hz
    assert likeness > (0.9 if encoding == AudioEncoding.OGGOPUS else 0.99)


async def test_one_text_streams_in_pieces(riva: RivaClient) -> None:
    """SynthesizeOnline gives the sound of Synthesize in pieces of 0.2 s at most."""
    pieces = await riva.online(TEXT, voice_name=VOICE)
    whole = await riva.synthesize(TEXT, voice_name=VOICE)

    assert len(pieces) > 10 and max(len(piece.audio) for piece in pieces) <= 0.2 * RATE_HZ * 2
    assert b"".join(piece.audio for piece in pieces) == whole.audio


async def test_texts_follow_one_another(riva: RivaClient) -> None:
    """A list of texts is spoken text by text; word times count from the begin of all sound."""
    texts = ["Good morning.", "Good evening."]
    pieces = await riva.online(texts, voice_name=VOICE, enable_word_time_offsets=True)
    first = await riva.synthesize(texts[0], voice_name=VOICE)
    second = await riva.synthesize(texts[1], voice_name=VOICE)
    words = [word for piece in pieces for word in piece.meta.words]
    first_ms = 1000 * len(first.audio) / 2 / RATE_HZ

    assert b"".join(piece.audio for piece in pieces) == first.audio + second.audio
    assert [piece.meta.text for piece in pieces if piece.meta.text] == texts
    assert [word.word for word in words] == ["Good", "morning", "Good", "evening"]
    assert words[1].end_time <= first_ms <= words[2].start_time


async def test_each_request_of_a_stream_has_its_own_options(riva: RivaClient) -> None:
    """Rate and encoding may change from one request to the next, and ids come back."""
    requests = [
        pb.SynthesizeSpeechRequest(text="One.", voice_name=VOICE, sample_rate_hz=8_000, id=RequestId(value="a")),
        pb.SynthesizeSpeechRequest(
            text="Two.",
            language_code="en",
            voice_name="tone",
            encoding="MULAW",
            sample_rate_hz=16_000,
            id=RequestId(value="b"),
        ),
    ]
    pieces = await riva.online_requests(requests)
    sound = {name: b"".join(piece.audio for piece in pieces if piece.id.value == name) for name in "ab"}
    mulaw = {"encoding": AudioEncoding.MULAW, "sample_rate_hz": 16_000}
    alone = [await riva.synthesize("One.", voice_name=VOICE, sample_rate_hz=8_000)]
    alone.append(await riva.synthesize("Two.", voice_name=VOICE, **mulaw))

    assert [sound["a"], sound["b"]] == [said.audio for said in alone]


async def test_a_stream_of_no_texts_ends(riva: RivaClient) -> None:
    """An empty list asks for nothing and gets nothing."""
    assert await riva.online([]) == []


async def test_voices_are_listed_and_each_name_speaks(real_mesh: SpeechMesh, real_riva: RivaClient) -> None:
    """The names that the package's sample application puts together are ListVoices' voices and can be spoken with."""
    listed = await real_riva.voices()
    names = [name for voices in listed.values() for name in voices]
    said = [await real_riva.synthesize("Hello.", voice_name=name, language_code="en-US") for name in listed["en-US"]]
    german = await real_riva.synthesize("Hallo.", voice_name=listed["de"][0], language_code="de")

    assert {f"voices/{name.removeprefix('Visage.')}" for name in names} == set(await real_mesh.names())
    assert len(listed) > 100 and REAL_VOICE in listed["en-US"]
    assert len({response.audio for response in said}) == len(listed["en-US"]) and german.audio


async def test_one_model_is_listed(real_riva: RivaClient) -> None:
    """A model is found by its name; an unknown one is NOT_FOUND."""
    found = await real_riva.config("visage-fr-FR")
    status, refusal = await real_riva.refusal(real_riva.config, "radtts")

    assert [model.parameters["language_code"] for model in found.model_config] == ["fr-FR"]
    assert status is grpc.StatusCode.NOT_FOUND and refusal.metadata["name"] == "radtts"


async def test_word_offsets(mesh: SpeechMesh, riva: RivaClient) -> None:
    """Words are the caller's own, in milliseconds, and those of visage.v1."""
    said = await riva.synthesize(TEXT, voice_name=VOICE, enable_word_time_offsets=True)
    ours = (await mesh.say(TEXT, TONE_VOICE.name)).timing.words
    words = said.meta.words
    starts_ms = [word.start_offset.ToTimedelta().total_seconds() * 1000 for word in ours]

    assert [word.word for word in words] == ["Good", "morning", "I", "paid", "$3.50", "for", "a", "tomato"]
    assert np.abs(np.array([word.start_time for word in words]) - starts_ms).max() <= 0.5
    assert all(word.start_time < word.end_time for word in words)
    assert words[-1].end_time <= 1000 * len(said.audio) / 2 / RATE_HZ


@pytest.mark.parametrize("mode", ["unary", "online"])
async def test_a_custom_dictionary_changes_how_words_are_said(real_riva: RivaClient, mode: str) -> None:
    """Entries are said as their IPA, as a phoneme element would be; offsets still name the caller's word."""
    options = {"voice_name": REAL_VOICE, "enable_word_time_offsets": True}
    dictionary = {"tomato": "kæt", "dog": "dɔɡ"}

    async def say(text: str, **more: Any) -> list[Any]:
        if mode == "online":
            return await real_riva.online(text, **options, **more)
        return [await real_riva.synthesize(text, **options, **more)]

    said = await say("I like the Tomato.", custom_dictionary=dictionary)
    plain = await say("I like the Tomato.")
    marked = await say('<speak>I like the <phoneme ph="kæt">Tomato</phoneme>.</speak>')
    length, plain_length, marked_length = (len(samples_of(responses)) for responses in (said, plain, marked))

    assert [word.word for response in said for word in response.meta.words] == ["I", "like", "the", "Tomato"]
    assert length == pytest.approx(marked_length, rel=0.01) and length < 0.9 * plain_length


async def test_custom_configuration_holds_style_and_prosody(mesh: SpeechMesh, riva: RivaClient) -> None:
    """Its keys are the options of visage.v1 that Riva has no field for."""
    said = await riva.synthesize(TEXT, voice_name=VOICE, custom_configuration={"style": "joy", "rate": 1.5})
    audio_format = {"encoding": "AUDIO_ENCODING_LINEAR16", "sample_rate_hertz": RATE_HZ}
    ours = await mesh.say(TEXT, TONE_VOICE.name, style="joy", prosody={"rate": 1.5}, audio_format=audio_format)

    assert said.audio == ours.audio


@pytest.mark.parametrize(
    ("options", "code", "reason", "field"),
    [
        ({"voice_name": "English-US.Female-1"}, "NOT_FOUND", "RESOURCE_NOT_FOUND", ""),
        ({"voice_name": "two words"}, "INVALID_ARGUMENT", "FIELD_INVALID", "voice_name"),
        ({"language_code": "xx-XX"}, "INVALID_ARGUMENT", "FIELD_INVALID", "language_code"),
        ({"voice_name": VOICE, "language_code": "de-DE"}, "INVALID_ARGUMENT", "FIELD_INVALID", "language_code"),
        ({"sample_rate_hz": 96_000}, "INVALID_ARGUMENT", "FIELD_INVALID", "sample_rate_hz"),
        ({"encoding": AudioEncoding.OGGOPUS}, "INVALID_ARGUMENT", "FIELD_INVALID", "sample_rate_hz"),
        ({"encoding": 7}, "INVALID_ARGUMENT", "FIELD_INVALID", "encoding"),
        ({"text": ""}, "INVALID_ARGUMENT", "FIELD_INVALID", "text"),
        ({"text": "?!"}, "INVALID_ARGUMENT", "FIELD_INVALID", "text"),
        ({"text": "a" * 10_001}, "INVALID_ARGUMENT", "FIELD_INVALID", "text"),
        ({"text": "<speak>Unfinished"}, "INVALID_ARGUMENT", "FIELD_INVALID", "text"),
        ({"custom_dictionary": {"tomato": "12"}}, "INVALID_ARGUMENT", "FIELD_INVALID", "custom_dictionary"),
        ({"custom_dictionary": {"": "tə"}}, "INVALID_ARGUMENT", "FIELD_INVALID", "custom_dictionary"),
        (
            {"custom_dictionary": {f"word{index}": "tə" for index in range(1_001)}},
            "INVALID_ARGUMENT",
            "FIELD_INVALID",
            "custom_dictionary",
        ),
        (
            {"custom_configuration": {"style": "glee"}},
            "INVALID_ARGUMENT",
            "FIELD_INVALID",
            'custom_configuration["style"]',
        ),
        (
            {"custom_configuration": {"rate": "fast"}},
            "INVALID_ARGUMENT",
            "FIELD_INVALID",
            'custom_configuration["rate"]',
        ),
        ({"custom_configuration": {"rate": 9}}, "INVALID_ARGUMENT", "FIELD_INVALID", 'custom_configuration["rate"]'),
        ({"custom_configuration": {"warp": 9}}, "INVALID_ARGUMENT", "FIELD_INVALID", 'custom_configuration["warp"]'),
    ],
)
async def test_refusals(riva: RivaClient, options: dict[str, Any], code: str, reason: str, field: str) -> None:
    """What cannot be done has the right status in both modes, and details that name Riva's field."""
    asked = {"text": "Hello."} | options
    outcomes = [await riva.refusal(call, **asked) for call in (riva.synthesize, riva.online)]

    assert [(status.name, refusal.reason, refusal.fields) for status, refusal in outcomes] == [
        (code, reason, [field] if field else [])
    ] * 2


async def test_files_do_not_stream(riva: RivaClient) -> None:
    """Encodings with a header are refused in streams, and the message says what streams carry."""
    for encoding in (AudioEncoding.FLAC, AudioEncoding.OGGOPUS):
        status, refusal = await riva.refusal(riva.online, "Hello.", encoding=encoding, sample_rate_hz=48_000)

        assert status is grpc.StatusCode.INVALID_ARGUMENT and refusal.fields == ["encoding"]
        assert refusal.metadata["limit"] == "LINEAR_PCM, MULAW, ALAW"


async def test_a_reply_never_exceeds_what_the_client_takes(riva: RivaClient) -> None:
    """The client's channel takes 4 MiB: more is refused by name instead of breaking there; streams carry it."""
    text = "She sells sea shells by the sea shore. " * 30
    status, refusal = await riva.refusal(riva.synthesize, text, voice_name=VOICE, sample_rate_hz=48_000)
    pieces = await riva.online(text, voice_name=VOICE, sample_rate_hz=48_000)

    assert status is grpc.StatusCode.OUT_OF_RANGE and refusal.reason == "STREAM_TOO_LONG"
    assert sum(len(piece.audio) for piece in pieces) > 4 * 1024 * 1024


async def test_a_prompt_lends_its_voice_for_one_call(
    real_mesh: SpeechMesh, real_riva: RivaClient, tmp_path: Path
) -> None:
    """With the speaker's consent named, a WAV file's voice speaks; afterwards nothing of it is left."""
    names = await real_mesh.names()
    if "voices/flite-rms" not in names:
        pytest.skip("libflite is not installed here")
    text = "The birch canoe slid on the smooth planks, and we followed it along the shore, and back again to the house."
    prompt = tmp_path / "prompt.wav"
    prompt.write_bytes(wav(samples_of([await real_riva.synthesize(text, voice_name="Visage.flite-kal16")]), RATE_HZ))
    options = {"voice_name": "Visage.flite-rms", "zero_shot_audio_prompt_file": prompt}
    plain = await real_riva.synthesize("Four hours of work.", voice_name="Visage.flite-rms")
    again = await real_riva.synthesize("Four hours of work.", voice_name="Visage.flite-rms")
    status, refusal = await real_riva.refusal(real_riva.synthesize, "Four hours of work.", **options)
    said = await real_riva.synthesize(
        "Four hours of work.", **options, custom_configuration={"consent_reference": CONSENT}
    )

    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == ['custom_configuration["consent_reference"]']
    assert abs(len(said.audio) - len(plain.audio)) < 0.1 * RATE_HZ * 2
    assert plain.audio == again.audio != said.audio
    assert await real_mesh.names() == names and files_below(tmp_path / "store") == []


async def test_a_prompt_without_speech_is_refused(riva: RivaClient, tmp_path: Path) -> None:
    """Bad prompts have the statuses and the causes of CreateVoice."""
    consent = {"consent_reference": CONSENT}
    silence, text = tmp_path / "silence.wav", tmp_path / "text.wav"
    silence.write_bytes(wav(np.zeros(16_000 * 8, np.float32)))
    text.write_bytes(b"no sound at all")
    spoken = [
        await riva.refusal(riva.synthesize, "Hello.", zero_shot_audio_prompt_file=path, custom_configuration=consent)
        for path in (silence, text)
    ]

    assert [(status.name, refusal.reason) for status, refusal in spoken] == [
        ("FAILED_PRECONDITION", "SPEECH_NOT_USABLE"),
        ("INVALID_ARGUMENT", "MEDIA_UNDECODABLE"),
    ]
    assert spoken[1][1].fields == ["zero_shot_data.audio_prompt"]
