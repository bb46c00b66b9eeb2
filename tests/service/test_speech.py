"""The speech service over real gRPC with the real engines."""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
import soundfile

from visage.client import errors as client_errors
from visage.media import pcm
from visage.runtime import peers, server
from visage.runtime.audio import Encoding, raw_samples
from visage.runtime.wire import seconds_of
from visage.speech.__main__ import build_service
from visage.speech.settings import SpeechSettings
from visage.v1 import curves_pb2, media_pb2, speech_service_pb2_grpc
from visage.v1 import speech_service_pb2 as pb

pytestmark = pytest.mark.service

TEXT = (
    "Hello there! My name is Claire, and I was made from one photo and one sentence. "
    "Dr. Smith paid $3.50 for 42 pop-tarts. Isn't that wonderful?"
)
BASIC = "voices/espeak-en-us"
LONG = "She sells sea shells by the sea shore, and he buys them every day. " * 60


class Speech:
    """A running speech service and a stub of it."""

    def __init__(self, stub: Any, voices: Sequence[pb.Voice]) -> None:
        self.stub = stub
        self.voices = voices

    async def synthesize(self, text: str, **options: Any) -> pb.SynthesizeSpeechResponse:
        request = pb.SynthesizeSpeechRequest(input=pb.SynthesisInput(text=text), options=options)
        return await self.stub.SynthesizeSpeech(request)

    async def stream(self, pieces: Iterable[str], **config: Any) -> list[pb.StreamSynthesizeSpeechResponse]:
        requests = [configure(**config), *map(say, pieces)]
        return [response async for response in self.stub.StreamSynthesizeSpeech(iter(requests))]

    async def refusal(self, call: Any) -> client_errors.VisageError:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        return client_errors.from_rpc(caught.value)

    def natural(self) -> str:
        """The first voice, which speaks natural English where libflite is installed."""
        if self.voices[0].tier != pb.Voice.TIER_STANDARD:
            pytest.skip("libflite is not installed here")
        return self.voices[0].name


def configure(**config: Any) -> pb.StreamSynthesizeSpeechRequest:
    return pb.StreamSynthesizeSpeechRequest(config=pb.SynthesisOptions(**config))


def say(text: str) -> pb.StreamSynthesizeSpeechRequest:
    return pb.StreamSynthesizeSpeechRequest(text=text)


@pytest.fixture
async def speech() -> AsyncIterator[Speech]:
    """The service on a free port, with a short patience for idle clients."""
    settings = SpeechSettings(
        port=0,
        store_url="memory:///",
        drain_wait_s=0.0,
        drain_grace_s=1.0,
        idle_stream_s=2.0,
        stream_capacity=16,
    )
    async with server.start(await build_service(settings), settings) as running:
        channel = peers.open_channel(running.address)
        stub = speech_service_pb2_grpc.SpeechServiceStub(channel)  # type: ignore[no-untyped-call]
        voices = (await stub.ListVoices(pb.ListVoicesRequest(page_size=1000))).voices
        yield Speech(stub, voices)
        await channel.close()


def sound_of(responses: Iterable[pb.StreamSynthesizeSpeechResponse]) -> pcm.FloatPcm:
    data = b"".join(response.audio.data for response in responses)
    return raw_samples(data, Encoding.LINEAR16, 1, "audio")


def engine_pids() -> set[int]:
    """Engine processes of this test process."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                command = (entry / "cmdline").read_text()
            except OSError:
                continue
            fields = stat[stat.rindex(")") + 2 :].split()
            if int(fields[1]) == os.getpid() and fields[0] != "Z" and "visage.speech.engines" in command:
                found.add(int(entry.name))
    return found


async def test_voices_most_natural_first(speech: Speech) -> None:
    """Voices come by tier, English first among the basic ones; every field is filled and names are unique."""
    tiers = [voice.tier for voice in speech.voices]
    basic = [voice for voice in speech.voices if voice.tier == pb.Voice.TIER_BASIC]

    assert tiers == sorted(tiers)
    assert basic[0].name == BASIC
    assert basic[0].license == "GPL-3.0-or-later"
    assert len({voice.name for voice in speech.voices}) == len(speech.voices) > 120
    assert all(v.display_name and v.language_codes and v.native_sample_rate_hertz and v.license for v in speech.voices)


async def test_natural_voices_lead_the_list(speech: Speech) -> None:
    """The recorded voices come by how natural they are; a man's and a woman's lead where both engines are installed."""
    speech.natural()
    natural = [voice.name for voice in speech.voices if voice.tier == pb.Voice.TIER_STANDARD]
    order = [
        "voices/flite-rms",
        "voices/festival-slt-hts",
        "voices/flite-awb",
        "voices/flite-slt",
        "voices/flite-kal16",
    ]

    assert natural == [name for name in order if name in natural]
    assert set(order) - set(natural) <= {"voices/festival-slt-hts"}


async def test_voices_by_page_and_language(speech: Speech) -> None:
    """Small pages make the whole list; a language filters it; a bad token is an error of its field."""
    names: list[str] = []
    token = ""
    while True:
        page = await speech.stub.ListVoices(pb.ListVoicesRequest(page_size=50, page_token=token))
        names += [voice.name for voice in page.voices]
        token = page.next_page_token
        if not token:
            break
    german = await speech.stub.ListVoices(pb.ListVoicesRequest(language_code="de"))
    error = await speech.refusal(speech.stub.ListVoices(pb.ListVoicesRequest(page_token="nonsense")))

    assert names == [voice.name for voice in speech.voices]
    assert [voice.name for voice in german.voices] == ["voices/espeak-de"]
    assert set(error.fields) == {"page_token"}


async def test_get_voice(speech: Speech) -> None:
    """A voice is found by name; an unknown one is NOT_FOUND with near names, also in synthesis."""
    voice = await speech.stub.GetVoice(pb.GetVoiceRequest(name=BASIC))
    missing = await speech.refusal(speech.stub.GetVoice(pb.GetVoiceRequest(name="voices/espeak-en-uk")))
    unspoken = await speech.refusal(speech.synthesize("Hello.", voice="voices/espeak-en-uk"))

    assert voice in speech.voices
    for error in (missing, unspoken):
        assert isinstance(error, client_errors.NotFound)
        assert error.reason == "RESOURCE_NOT_FOUND"
        assert "voices/espeak-en-us" in error.message


async def test_unary_speaks_with_timing(speech: Speech) -> None:
    """The default is a WAV at the voice's rate, with words in the text, phonemes without gaps and visemes."""
    response = await speech.synthesize(TEXT)
    sound, rate_hz = soundfile.read(io.BytesIO(response.audio), dtype="float32")
    timing = response.timing
    ends_s = [0.0, *(seconds_of(phoneme.end_offset) for phoneme in timing.phonemes)]

    assert response.voice == speech.voices[0].name
    assert response.audio_format.encoding == media_pb2.AUDIO_ENCODING_WAV
    assert response.audio_format.sample_rate_hertz == rate_hz == speech.voices[0].native_sample_rate_hertz
    assert not pcm.is_silent(sound, rate_hz)
    assert all(TEXT[word.text_start : word.text_end] == word.word for word in timing.words)
    assert {"Hello", "$3.50", "42", "pop-tarts", "Isn't"} <= {word.word for word in timing.words}
    assert [seconds_of(p.start_offset) for p in timing.phonemes] == pytest.approx(ends_s[:-1], abs=1e-3)
    assert ends_s[-1] == pytest.approx(len(sound) / rate_hz, abs=1e-3)
    assert {viseme.viseme for viseme in timing.visemes} >= {"sil", "pp", "ff", "aa", "nn"}


@pytest.mark.parametrize("rate_hz", [8000, 24_000, 48_000])
@pytest.mark.parametrize("encoding", list(Encoding))
async def test_every_encoding_and_rate(speech: Speech, encoding: Encoding, rate_hz: int) -> None:
    """All encodings carry the same sentence at low and high rates, equally long and equally loud."""
    audio_format = media_pb2.AudioFormat(encoding=encoding.value, sample_rate_hertz=rate_hz)
    response = await speech.synthesize("Testing one two three.", voice=BASIC, audio_format=audio_format)
    if encoding.is_raw:
        sound = raw_samples(response.audio, encoding, 1, "audio")
    else:
        sound, found_hz = soundfile.read(io.BytesIO(response.audio), dtype="float32")
        assert found_hz == rate_hz or encoding is Encoding.OGG_OPUS
    duration_s = seconds_of(response.timing.phonemes[-1].end_offset)

    assert response.audio_format == media_pb2.AudioFormat(
        encoding=encoding.value, sample_rate_hertz=rate_hz, channel_count=1
    )
    assert len(sound) / rate_hz == pytest.approx(duration_s, abs=0.02)
    assert pcm.level_db(sound) == pytest.approx(-23, abs=3)


async def test_opus_takes_a_rate_that_it_has(speech: Speech) -> None:
    """Left open, the rate is the next one above the voice's; asked for one that Opus lacks, it is refused."""
    opus = media_pb2.AudioFormat(encoding=media_pb2.AUDIO_ENCODING_OGG_OPUS)
    response = await speech.synthesize("Hello.", voice=BASIC, audio_format=opus)
    opus.sample_rate_hertz = 44_100
    error = await speech.refusal(speech.synthesize("Hello.", voice=BASIC, audio_format=opus))

    assert response.audio_format.sample_rate_hertz == 24_000
    assert set(error.fields) == {"options.audio_format.sample_rate_hertz"}


async def test_prosody_is_heard(speech: Speech) -> None:
    """Rate changes the duration, gain the level; +16 dB is limited, not wrapped."""
    plain = await speech.synthesize("Testing one two three.", voice=BASIC)
    fast = await speech.synthesize("Testing one two three.", voice=BASIC, prosody=pb.Prosody(rate=2.0))
    loud = await speech.synthesize("Testing one two three.", voice=BASIC, prosody=pb.Prosody(volume_gain_db=16))
    sounds = [soundfile.read(io.BytesIO(r.audio), dtype="float32")[0] for r in (plain, fast, loud)]

    assert len(sounds[1]) == pytest.approx(len(sounds[0]) / 2, rel=0.2)
    assert pcm.level_db(sounds[2]) > pcm.level_db(sounds[0]) + 5
    assert np.abs(sounds[2]).max() <= pcm.decibels_to_gain(-1) + 1e-3


@pytest.mark.parametrize(
    ("text", "options", "fields"),
    [
        ("", {}, {"input.text"}),
        ("x" * 20_000, {}, {"input.text"}),
        ("?!… 🎉", {}, {"input.text"}),
        ("Hi.", {"voice": "rms"}, {"options.voice"}),
        ("Hi.", {"voice": BASIC, "language_code": "de"}, {"options.language_code"}),
        ("Hi.", {"language_code": "tlh"}, {"options.language_code"}),
        ("Hi.", {"prosody": {"rate": 5.0}}, {"options.prosody.rate"}),
        ("Hi.", {"audio_format": {"sample_rate_hertz": 96_000}}, {"options.audio_format.sample_rate_hertz"}),
        ("Hi.", {"audio_format": {"channel_count": 2}}, {"options.audio_format.channel_count"}),
    ],
    ids=["empty", "long", "signs", "name", "language", "klingon", "rate", "sample-rate", "stereo"],
)
async def test_bad_requests_name_their_field(
    speech: Speech, text: str, options: dict[str, Any], fields: set[str]
) -> None:
    """What breaks a rule is INVALID_ARGUMENT with the field at fault."""
    error = await speech.refusal(speech.synthesize(text, **options))

    assert isinstance(error, client_errors.InvalidRequest)
    assert error.reason == "FIELD_INVALID"
    assert set(error.fields) == fields


async def test_letters_that_no_natural_voice_reads(speech: Speech) -> None:
    """A text wholly in another script is refused by an English voice, and spoken by one of its language."""
    error = await speech.refusal(speech.synthesize("Привет, мир", voice=speech.natural()))
    spoken = await speech.synthesize("Привет, мир", language_code="ru")

    assert set(error.fields) == {"input.text"}
    assert [word.word for word in spoken.timing.words] == ["Привет", "мир"]


async def test_odd_text_is_spoken(speech: Speech) -> None:
    """Control characters, emoji and marks of direction are skipped, and positions stay those of the text."""
    text = "Hello \x07wor\x00ld 😀! \u202eWho\u202c is there? שלום, naïve café."
    response = await speech.synthesize(text, voice=BASIC)
    words = [word.word for word in response.timing.words]

    assert all(text[word.text_start : word.text_end] == word.word for word in response.timing.words)
    assert words[:2] == ["Hello", "wor\x00ld"]
    assert {"Who", "is", "there", "naïve", "café"} <= set(words)


async def test_too_much_audio_is_out_of_range(speech: Speech) -> None:
    """More than 3 MiB is OUT_OF_RANGE with limit and size."""
    audio_format = media_pb2.AudioFormat(encoding=media_pb2.AUDIO_ENCODING_LINEAR16, sample_rate_hertz=48_000)
    error = await speech.refusal(speech.synthesize(LONG, voice=BASIC, audio_format=audio_format))

    assert isinstance(error, client_errors.InvalidRequest)
    assert error.reason == "STREAM_TOO_LONG"
    assert error.metadata["limit"] == "3145728 bytes"


async def test_stream_equals_unary(speech: Speech) -> None:
    """Text in pieces of three characters gives the samples and the words of the unary call."""
    linear = media_pb2.AudioFormat(encoding=media_pb2.AUDIO_ENCODING_LINEAR16)
    name = speech.natural()
    whole = await speech.synthesize(TEXT, voice=name, audio_format=linear)
    responses = await speech.stream([TEXT[i : i + 3] for i in range(0, len(TEXT), 3)], voice=name)
    words = [word for response in responses for word in response.timing.words]

    assert responses[0].header.audio_format == whole.audio_format
    assert responses[0].header.voice == whole.voice
    assert b"".join(response.audio.data for response in responses) == whole.audio
    assert words == list(whole.timing.words)


@pytest.mark.parametrize("rate_hz", [0, 8000, 48_000])
async def test_stream_keeps_one_clock(speech: Speech, rate_hz: int) -> None:
    """Offsets grow by the samples sent, no chunk is over 64 KiB, and timing comes before its sound."""
    responses = await speech.stream([TEXT], audio_format=media_pb2.AudioFormat(sample_rate_hertz=rate_hz))
    found_hz = responses[0].header.audio_format.sample_rate_hertz
    sent_s = known_s = 0.0
    for response in responses[1:]:
        if response.WhichOneof("response") == "timing":
            known_s = seconds_of(response.timing.phonemes[-1].end_offset)
            continue
        assert seconds_of(response.audio.start_offset) == pytest.approx(sent_s, abs=1e-6)
        assert len(response.audio.data) <= 65_536
        sent_s += len(response.audio.data) / 2 / found_hz
        assert sent_s <= known_s + 1e-3

    assert sent_s == pytest.approx(known_s, abs=1e-3)
    assert rate_hz in (0, found_hz)


@pytest.mark.parametrize("voice", ["natural", BASIC])
async def test_stream_is_steady(speech: Speech, voice: str) -> None:
    """Over ten like sentences the loudness stays within 3 dB, and clauses join in silence without clicks."""
    name = speech.natural() if voice == "natural" else voice
    responses = await speech.stream(["The birch canoe slid on the smooth planks. "] * 10, voice=name)
    rate_hz = responses[0].header.audio_format.sample_rate_hertz
    sound = sound_of(responses)
    starts = [
        round(seconds_of(response.timing.phonemes[0].start_offset) * rate_hz)
        for response in responses
        if response.WhichOneof("response") == "timing"
    ]
    levels = [pcm.level_db(part) for part in np.split(sound, starts[1:])]

    assert len(starts) == 10
    assert max(levels) - min(levels) < 3
    assert all(np.abs(sound[start - 100 : start + 20]).max() < 0.01 for start in starts[1:])


async def test_first_audio_comes_before_the_text_is_whole(speech: Speech) -> None:
    """A client that waits for sound before it writes on is not left waiting; flush speaks half a sentence."""
    call = speech.stub.StreamSynthesizeSpeech()
    heard: list[curves_pb2.WordSpan] = []
    async with asyncio.timeout(20):
        await call.write(configure(voice=BASIC))
        await call.write(say("Hello there. And"))
        while not (response := await call.read()).audio.data:
            heard += response.timing.words
        await call.write(say(" then"))
        await call.write(pb.StreamSynthesizeSpeechRequest(flush={}))
        while len(heard) < 4:
            heard += (await call.read()).timing.words
        await call.done_writing()
        while (response := await call.read()) is not grpc.aio.EOF:
            assert not response.timing.words

    assert [word.word for word in heard] == ["Hello", "there", "And", "then"]


@pytest.mark.parametrize(
    ("requests", "expected", "got"),
    [
        ([say("Hello.")], "config", "text"),
        ([], "config", "end of stream"),
        ([configure(), say("Hello. "), configure()], "text, ssml or flush", "config"),
    ],
    ids=["text-first", "nothing", "config-twice"],
)
async def test_stream_out_of_order(
    speech: Speech, requests: list[pb.StreamSynthesizeSpeechRequest], expected: str, got: str
) -> None:
    """Messages in the wrong order end the stream with what was expected and what came."""

    async def consume() -> None:
        async for _ in speech.stub.StreamSynthesizeSpeech(iter(requests)):
            pass

    error = await speech.refusal(consume())

    assert error.reason == "STREAM_OUT_OF_ORDER"
    assert (error.metadata["expected"], error.metadata["got"]) == (expected, got)


@pytest.mark.parametrize(
    ("pieces", "config", "reason", "field"),
    [
        (["..."], {}, "FIELD_INVALID", "text"),
        (["A sentence of words. "] * 600, {"voice": BASIC}, "STREAM_TOO_LONG", None),
        (["x" * 10_001], {}, "FIELD_INVALID", "text"),
        (
            ["Hi."],
            {"audio_format": {"encoding": "AUDIO_ENCODING_FLAC"}},
            "FIELD_INVALID",
            "config.audio_format.encoding",
        ),
        (["Hi."], {"voice": "voices/nobody"}, "RESOURCE_NOT_FOUND", None),
    ],
    ids=["signs", "long-in-all", "long-piece", "flac", "voice"],
)
async def test_stream_refusals(
    speech: Speech, pieces: list[str], config: dict[str, Any], reason: str, field: str | None
) -> None:
    """What a stream may not do ends it with the documented reason and field."""
    error = await speech.refusal(speech.stream(pieces, **config))

    assert error.reason == reason
    assert set(error.fields) == ({field} if field else set())


async def test_idle_client_is_sent_away(speech: Speech) -> None:
    """A client that stops writing without closing gets CLIENT_STALLED after the limit."""
    call = speech.stub.StreamSynthesizeSpeech()
    await call.write(configure(voice=BASIC))
    await call.write(say("Hello there. And then"))

    async def consume() -> None:
        while await call.read() is not grpc.aio.EOF:
            pass

    async with asyncio.timeout(20):
        error = await speech.refusal(consume())

    assert isinstance(error, client_errors.Conflict)
    assert error.reason == "CLIENT_STALLED"


async def test_a_vanished_client_stops_the_work(speech: Speech) -> None:
    """Cancelling a unary call kills the process that worked for it; the service goes on with a new one."""
    name = speech.natural()
    await speech.synthesize("Hello.", voice=name)
    ended: set[int] = set()
    # Between two clauses no process works for the call, and then none needs to go: try again.
    for _ in range(5):
        before = engine_pids()
        call = speech.stub.SynthesizeSpeech(
            pb.SynthesizeSpeechRequest(input=pb.SynthesisInput(text=LONG), options=pb.SynthesisOptions(voice=name))
        )
        await asyncio.sleep(0.3)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        deadline_s = time.monotonic() + 1.0
        while before <= engine_pids() and time.monotonic() < deadline_s:  # a process ends by itself
            await asyncio.sleep(0.02)
        ended = before - engine_pids()
        if ended:
            break
    again = await speech.synthesize("Hello again.", voice=name)

    assert len(ended) == 1
    assert [word.word for word in again.timing.words] == ["Hello", "again"]


async def test_a_slow_reader_holds_the_engine_back(speech: Speech) -> None:
    """A client that reads nothing gets no more spoken than the transport holds; the rest is never made."""
    name = speech.natural()
    call = speech.stub.StreamSynthesizeSpeech()
    await call.write(configure(voice=name, audio_format=media_pb2.AudioFormat(sample_rate_hertz=48_000)))
    await call.write(say(LONG))
    await call.done_writing()
    first = await call.read()
    usage_s = []
    for _ in range(40):
        usage_s.append(sum(map(processor_s, engine_pids())))
        if len(usage_s) > 6 and usage_s[-1] == usage_s[-6]:
            break
        await asyncio.sleep(0.25)
    call.cancel()

    assert first.HasField("header")
    assert usage_s[-1] == usage_s[-6]


def processor_s(pid: int) -> float:
    """Processor time of a process so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_calls_run_side_by_side(speech: Speech) -> None:
    """Eight calls at once with two processes all give the same sound, to the bit."""
    name = speech.natural()
    responses = await asyncio.gather(*(speech.synthesize("Testing one two three.", voice=name) for _ in range(8)))

    assert len({response.audio for response in responses}) == 1


async def test_nothing_is_left_behind() -> None:
    """When the service has stopped, its engine processes are gone."""
    settings = SpeechSettings(port=0, store_url="memory:///", drain_wait_s=0.0, stream_capacity=16)
    async with server.start(await build_service(settings), settings):
        during = engine_pids()

    assert during
    assert not engine_pids() & during
