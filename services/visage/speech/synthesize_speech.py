"""The verb behind SynthesizeSpeech: a whole text to one piece of encoded sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from visage.runtime.audio import Encoding, open_writer
from visage.runtime.errors import InvalidField, StreamTooLong
from visage.speech.clauses import ClauseSplitter
from visage.speech.narrator import Delivery, Narrator
from visage.speech.ports import SpeechEngine
from visage.speech.readable_text import has_speech
from visage.speech.utterance import Phoneme, Timing, Word

MAX_AUDIO_BYTES: Final = 3 * 1024 * 1024
"""gRPC's default message limit is 4 MiB; the timing needs room too."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Encoded sound and its timing."""

    audio: bytes
    timing: Timing


async def synthesize_speech(
    text: str, field: str, delivery: Delivery, encoding: Encoding, engines: Mapping[str, SpeechEngine]
) -> Recording:
    """Speaks `text`; stops as soon as the sound is too large.

    Args:
        text: What to say.
        field: Path of the request's field that held it, for errors.
        delivery: Voice, rate and prosody.
        encoding: Of the result; it must have the delivery's rate.
        engines: By name.

    Raises:
        InvalidField: Nothing in the text can be said with this voice.
        StreamTooLong: The encoded sound is over 3 MiB.
        ModelUnavailable: The engine cannot do it now.
    """
    narrator = Narrator(engines, delivery)
    splitter = ClauseSplitter()
    phonemes: list[Phoneme] = []
    words: list[Word] = []
    with open_writer(encoding, delivery.sample_rate_hz) as writer:
        for clause in [*splitter.push(text), *splitter.flush()]:
            passage = await narrator.speak(clause)
            if passage is not None:
                phonemes += passage.timing.phonemes
                words += passage.timing.words
                writer.push(passage.samples)
                _check_size(writer.size_bytes)
        if not phonemes:
            raise nothing_to_say(text, field, delivery)
        writer.push(narrator.finish())
        audio = writer.finish()
    _check_size(len(audio))
    return Recording(audio, Timing(tuple(phonemes), tuple(words)))


def nothing_to_say(text: str, field: str, delivery: Delivery) -> InvalidField:
    """Returns the error for a text without sound."""
    if not has_speech(text):
        return InvalidField(field, "must hold a letter or a digit")
    languages = ", ".join(delivery.voice.languages)
    return InvalidField(field, f"holds nothing that {delivery.voice.name} can say; it speaks {languages}")


def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_AUDIO_BYTES:
        raise StreamTooLong(f"{MAX_AUDIO_BYTES} bytes", f"{size_bytes} bytes")
