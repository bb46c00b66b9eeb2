"""SSML, styles, prosody tracks and headerless streams over real gRPC with the real engines."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.service.test_speech import BASIC, Speech, configure, say, sound_of, speech
from visage.client import errors as client_errors
from visage.media import pcm
from visage.runtime.audio import Encoding, raw_samples
from visage.runtime.wire import seconds_of
from visage.speech.styles import STYLES
from visage.v1 import media_pb2
from visage.v1 import speech_service_pb2 as pb

__all__ = ["speech"]

pytestmark = pytest.mark.service

HARVARD = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background."
DOCUMENT = """<speak version="1.1" xml:lang="en-US">
  <p><s>Hello <emphasis level="strong">big</emphasis> world.</s><s>It costs $3.50, or
  <say-as interpret-as="digits">42</say-as>.</s></p>
  <break time="500ms"/><mark name="here"/><prosody rate="slow" pitch="+3st">Slowly</prosody> now &amp; here.
  <sub alias="World Wide Web">WWW</sub>, <phoneme ph="təˈmɑːtoʊ">tomato</phoneme>. <lang xml:lang="de">Guten Tag.</lang>
</speak>"""


async def spoken(speech: Speech, ssml: str, **options: Any) -> pb.SynthesizeSpeechResponse:
    request = pb.SynthesizeSpeechRequest(input=pb.SynthesisInput(ssml=ssml), options=options)
    response: pb.SynthesizeSpeechResponse = await speech.stub.SynthesizeSpeech(request)
    return response


@pytest.mark.parametrize("voice", ["natural", "voices/festival-slt-hts", BASIC])
async def test_a_document_is_spoken_with_offsets_into_its_source(speech: Speech, voice: str) -> None:
    """Each word's span in the source is the word; the mark lies behind the break, at the word that follows it."""
    name = speech.natural() if voice == "natural" else voice
    if name not in [listed.name for listed in speech.voices]:
        pytest.skip(f"{name} is not installed here")
    response = await spoken(speech, DOCUMENT, voice=name)
    words = response.timing.words
    slowly = next(word for word in words if word.word == "Slowly")
    sound, rate_hz = soundfile.read(io.BytesIO(response.audio), dtype="float32")
    end_s = seconds_of(response.timing.phonemes[-1].end_offset)

    assert all(DOCUMENT[word.text_start : word.text_end] == word.word for word in words)
    assert " ".join(word.word for word in words) == (
        "Hello big world It costs $3.50 or 42 Slowly now &amp; here WWW tomato Guten Tag"
    )
    assert [(mark.name, mark.offset) for mark in response.timing.marks] == [("here", slowly.start_offset)]
    assert end_s == pytest.approx(len(sound) / rate_hz, abs=2e-3)


async def test_a_mistake_in_a_document_says_where(speech: Speech) -> None:
    """INVALID_ARGUMENT names the field and carries line and column in message and metadata, unary and in a stream."""
    source = "<speak>\n  <prosody rate='quick'>a</prosody></speak>"

    async def stream() -> None:
        requests = iter([configure(), pb.StreamSynthesizeSpeechRequest(ssml=source)])
        async for _ in speech.stub.StreamSynthesizeSpeech(requests):
            pass

    for call, field in ((spoken(speech, source), "input.ssml"), (stream(), "ssml")):
        error = await speech.refusal(call)

        assert isinstance(error, client_errors.InvalidRequest)
        assert "line 2, column 3" in error.fields[field]
        assert (error.metadata["line"], error.metadata["column"]) == ("2", "3")


async def test_text_and_ssml_exclude_each_other(speech: Speech) -> None:
    """Both at once break the message's rule; where there is neither, the text is what is missing."""
    both = pb.SynthesizeSpeechRequest(input=pb.SynthesisInput(text="a", ssml="<speak>a</speak>"))
    neither = pb.SynthesizeSpeechRequest(input=pb.SynthesisInput())

    errors = [await speech.refusal(speech.stub.SynthesizeSpeech(request)) for request in (both, neither)]

    assert errors[0].fields == {"input": "exactly one of text and ssml must be set"}
    assert errors[1].fields == {"input.text": "must be set, unless ssml is"}


async def test_a_document_in_a_stream_keeps_the_clock(speech: Speech) -> None:
    """Text, a document and text follow one another on one clock; offsets count all characters that were sent."""
    document = '<speak>two <break time="300ms"/><mark name="m"/>three</speak>'
    requests = [configure(voice=BASIC), say("One. "), pb.StreamSynthesizeSpeechRequest(ssml=document), say("Four.")]
    responses = [response async for response in speech.stub.StreamSynthesizeSpeech(iter(requests))]
    timing = [response.timing for response in responses if response.HasField("timing")]
    words = [word for part in timing for word in part.words]
    source = "One. " + document + "Four."

    assert [word.word for word in words] == ["One", "two", "three", "Four"]
    assert all(source[word.text_start : word.text_end] == word.word for word in words)
    assert [mark.name for part in timing for mark in part.marks] == ["m"]
    assert seconds_of(timing[-1].phonemes[-1].end_offset) == pytest.approx(len(sound_of(responses)) / 22_050, abs=1e-3)


@pytest.mark.parametrize("encoding", [Encoding.MULAW, Encoding.ALAW])
async def test_streams_carry_every_headerless_encoding(speech: Speech, encoding: Encoding) -> None:
    """A stream of telephone codes is the sound of the LINEAR16 stream within the law's precision."""
    formats = [
        media_pb2.AudioFormat(encoding=kind.value, sample_rate_hertz=8000) for kind in (encoding, Encoding.LINEAR16)
    ]
    name = speech.natural()
    coded, linear = [await speech.stream([HARVARD], voice=name, audio_format=kind) for kind in formats]
    sound = raw_samples(b"".join(response.audio.data for response in coded), encoding, 1, "audio")

    assert coded[0].header.audio_format.encoding == encoding.value
    assert len(sound) == len(sound_of(linear))
    assert np.corrcoef(sound, sound_of(linear))[0, 1] > 0.999


def track_of(response: pb.SynthesizeSpeechResponse) -> tuple[Any, Any, Any]:
    track = response.timing.prosody
    return np.array(track.f0_hertz), np.array(track.energy_dbfs), np.array(track.syllables_per_second)


async def test_a_prosody_track_comes_on_request(speech: Speech) -> None:
    """The track covers the sound at 10 ms a frame, in a stream part by part; without the wish there is none."""
    name = speech.natural()
    plain = await speech.synthesize(HARVARD, voice=name)
    measured = await speech.synthesize(HARVARD, voice=name, include_prosody=True)
    f0_hz, energy_db, rates = track_of(measured)
    duration_s = seconds_of(measured.timing.phonemes[-1].end_offset)
    parts = [r.timing for r in await speech.stream([HARVARD], voice=name, include_prosody=True) if r.HasField("timing")]

    assert not plain.timing.HasField("prosody")
    assert len(f0_hz) == len(energy_db) == len(rates) == pytest.approx(duration_s * 100, abs=2)
    assert 70 < np.median(f0_hz[f0_hz > 0]) < 140  # a man's voice
    assert 2 < rates[rates > 0].mean() < 7
    assert sum(len(part.prosody.f0_hertz) for part in parts) == pytest.approx(len(f0_hz), abs=2)
    assert [seconds_of(part.prosody.start_offset) for part in parts] == pytest.approx(
        [seconds_of(part.phonemes[0].start_offset) for part in parts], abs=1e-6
    )


@pytest.mark.parametrize("voice", ["voices/flite-rms", "voices/festival-slt-hts", BASIC])
async def test_styles_are_heard(speech: Speech, voice: str) -> None:
    """Joy is higher and livelier, anger louder, faster, brighter, sadness lower, flatter, slower, softer, darker."""
    if voice not in [listed.name for listed in speech.voices]:
        pytest.skip(f"{voice} is not installed here")
    measured: dict[str, dict[str, float]] = {}
    for style in ("", "joy", "anger", "sadness", "calm"):
        response = await speech.synthesize(HARVARD, voice=voice, style=style, include_prosody=True)
        f0_hz, energy_db, rates = track_of(response)
        sound, rate_hz = soundfile.read(io.BytesIO(response.audio), dtype="float32")
        steps = 12 * np.log2(f0_hz[f0_hz > 0])
        power = np.abs(np.fft.rfft(sound)) ** 2
        hertz = np.fft.rfftfreq(len(sound), 1 / rate_hz)
        high, low = power[(hertz > 2000) & (hertz < 6000)].sum(), power[(hertz > 80) & (hertz < 500)].sum()
        loud = energy_db[energy_db > energy_db.max() - 30]
        measured[style] = {
            "pitch": float(np.median(steps)),
            "range": float(np.percentile(steps, 90) - np.percentile(steps, 10)),
            "energy": float(10 * np.log10(np.mean(10 ** (loud / 10)))),
            "rate": float(rates[rates > 0].mean()),
            "brightness": float(10 * np.log10(high / low)),
        }
    plain = measured[""]
    change = {style: {key: value - plain[key] for key, value in values.items()} for style, values in measured.items()}

    assert change["joy"]["pitch"] > 1.5
    assert measured["joy"]["range"] > 1.2 * plain["range"]
    assert change["joy"]["energy"] > 1
    assert change["anger"]["energy"] > 2.5
    assert change["anger"]["brightness"] > 2
    assert measured["anger"]["rate"] > 1.05 * plain["rate"]
    assert measured["anger"]["range"] > 1.1 * plain["range"]
    assert change["sadness"]["pitch"] < -1
    assert measured["sadness"]["range"] < 0.75 * plain["range"]
    assert measured["sadness"]["rate"] < 0.9 * plain["rate"]
    assert change["sadness"]["energy"] < -3
    assert change["sadness"]["brightness"] < -1.5
    assert change["calm"]["energy"] < -1
    assert measured["calm"]["rate"] < 0.95 * plain["rate"]


async def test_every_voice_lists_the_styles(speech: Speech) -> None:
    """Voice.styles are what SynthesisOptions.style takes; another is refused with their names."""
    error = await speech.refusal(speech.synthesize("Hi.", style="gloomy"))

    assert all(list(voice.styles) == list(STYLES) for voice in speech.voices)
    assert set(error.fields) == {"options.style"}
    assert "sadness" in error.fields["options.style"]


async def test_an_unknown_language_has_near_ones(speech: Speech) -> None:
    """A language that nobody speaks is refused with codes that look alike."""
    error = await speech.refusal(speech.synthesize("Hi.", language_code="dee"))

    assert set(error.fields) == {"options.language_code"}
    assert "did you mean" in error.message
    assert "de" in error.message.partition("did you mean")[2]


async def test_long_documents_and_texts_are_refused_by_size(speech: Speech) -> None:
    """A million characters break the field's limit, or the message's size, and nothing hangs."""
    for size in (25_000, 1_000_000):
        error = await speech.refusal(spoken(speech, f"<speak>{'a ' * (size // 2)}</speak>"))

        assert set(error.fields) == {"input.ssml"}


@pytest.mark.parametrize("voice", ["voices/flite-rms", "voices/festival-slt-hts", BASIC])
async def test_joins_are_quiet_and_loudness_steady(speech: Speech, voice: str) -> None:
    """Over ten sentences, with a style that changes the sound: pieces join in silence, loudness within 3 dB."""
    if voice not in [listed.name for listed in speech.voices]:
        pytest.skip(f"{voice} is not installed here")
    responses = await speech.stream(["The birch canoe slid on the smooth planks. "] * 10, voice=voice, style="joy")
    rate_hz = responses[0].header.audio_format.sample_rate_hertz
    sound = sound_of(responses)
    starts = [
        round(seconds_of(response.timing.phonemes[0].start_offset) * rate_hz)
        for response in responses
        if response.HasField("timing")
    ]
    levels = [pcm.level_db(part) for part in np.split(sound, starts[1:])]
    joins = [np.abs(np.diff(sound[start - 100 : start + 20])).max() for start in starts[1:]]

    assert len(starts) == 10
    assert max(levels) - min(levels) < 3
    assert max(joins) < 0.01
