"""The verb behind SynthesizeSpeech: a whole text to one piece of encoded sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from visage.runtime.audio import Encoding, open_writer
from visage.runtime.errors import InvalidField, StreamTooLong
from visage.speech.line import Line
from visage.speech.narrator import Delivery, Narrator
from visage.speech.ports import SpeechEngine
from visage.speech.prosody_track import ProsodyTrack, join_tracks
from visage.speech.readable_text import has_speech
from visage.speech.utterance import Mark, Phoneme, Timing, Word

MAX_AUDIO_BYTES: Final = 3 * 1024 * 1024
"""gRPC's default message limit is 4 MiB; the timing needs room too."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Encoded sound and its timing."""

    audio: bytes
    timing: Timing


async def synthesize_speech(
    lines: Sequence[Line], field: str, delivery: Delivery, encoding: Encoding, engines: Mapping[str, SpeechEngine]
) -> Recording:
    """Speaks `lines`; stops as soon as the sound is too large.

    Args:
        lines: What to say.
        field: Path of the request's field that held it, for errors.
        delivery: Voice, rate and prosody.
        encoding: Of the result; it must have the delivery's rate.
        engines: By name.

    Raises:
        InvalidField: Nothing in the lines can be said with this voice.
        StreamTooLong: The encoded sound is over 3 MiB.
        ModelUnavailable: The engine cannot do it now.
    """
    narrator = Narrator(engines, delivery)
    timings: list[Timing] = []
    with open_writer(encoding, delivery.sample_rate_hz) as writer:
        for line in lines:
            passage = await narrator.speak(line)
            if passage is not None:
                timings.append(passage.timing)
                writer.push(passage.samples)
                _check_size(writer.size_bytes)
        if not any(timing.words for timing in timings):
            raise nothing_to_say(lines, field, delivery)
        rest = narrator.finish()
        timings.append(rest.timing)
        writer.push(rest.samples)
        audio = writer.finish()
    _check_size(len(audio))
    return Recording(audio, _joined(timings))


def nothing_to_say(lines: Sequence[Line], field: str, delivery: Delivery) -> InvalidField:
    """Returns the error for lines without sound."""
    if not any(has_speech(line.text.text) for line in lines):
        return InvalidField(field, "must hold a letter or a digit")
    languages = ", ".join(delivery.voice.languages)
    return InvalidField(field, f"holds nothing that {delivery.voice.name} can say; it speaks {languages}")


def _joined(timings: Sequence[Timing]) -> Timing:
    phonemes: list[Phoneme] = []
    words: list[Word] = []
    marks: list[Mark] = []
    tracks: list[ProsodyTrack] = []
    for timing in timings:
        phonemes += timing.phonemes
        words += timing.words
        marks += timing.marks
        tracks += [timing.track] if timing.track is not None else []
    return Timing(tuple(phonemes), tuple(words), tuple(marks), join_tracks(tracks) if tracks else None)


def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_AUDIO_BYTES:
        raise StreamTooLong(f"{MAX_AUDIO_BYTES} bytes", f"{size_bytes} bytes")
