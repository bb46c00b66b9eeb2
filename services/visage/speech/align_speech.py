"""The verb behind AlignSpeech: recorded speech to words, phonemes and visemes on its clock."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.media.phones import PHONE_CLASSES, SILENCE, ipa_of
from visage.runtime.errors import InvalidField, SpeechNotUsable
from visage.speech.analysis_ports import FloatArray, SpeechModels
from visage.speech.phone_posteriors import SAMPLE_RATE_HZ, STEP_S, read_posteriors
from visage.speech.ports import SpeechEngine
from visage.speech.pronunciation import SaidWord, pronounce
from visage.speech.utterance import Phoneme, Timing, Word
from visage.speech.viterbi import Segment, TooShort, agreement, align, recognise
from visage.speech.voice_activity import find_speech
from visage.speech.voices import Voice

LONGEST_S: Final = 120.0
LEAST_CONFIDENCE: Final = 0.3
LEAST_SPEECH_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Alignment:
    """A timed recording; confidences are 0..1, one for each word and one for all."""

    timing: Timing
    confidence: float
    word_confidences: tuple[float, ...]
    duration_s: float


@dataclass(frozen=True)
class AlignSpeech:
    """Aligns recordings; `deadline_s` is what each request of a model may take."""

    models: SpeechModels
    engines: Mapping[str, SpeechEngine]
    deadline_s: float

    async def with_transcript(self, samples: FloatPcm, transcript: str, field: str, voice: Voice) -> Alignment:
        """Returns where the words of `transcript` lie.

        Args:
            samples: [samples] at 16 kHz.
            transcript: What is said.
            field: Path of the request's field that held it, for errors.
            voice: Whose pronunciation is expected.

        Raises:
            InvalidField: The transcript holds nothing that can be said.
            SpeechNotUsable: No speech in the recording, or it says something else.
            ModelUnavailable: The voice's engine cannot do it now.
            ModelError: A model failed.
        """
        words = await pronounce(transcript, voice, self.engines)
        if not words:
            raise InvalidField(
                field, f"holds nothing that {voice.name} can say; it speaks {', '.join(voice.languages)}"
            )
        posteriors = await self._listen(samples)
        alignment = await asyncio.to_thread(_force, posteriors, words, len(samples) / SAMPLE_RATE_HZ)
        if alignment is None or alignment.confidence < LEAST_CONFIDENCE:
            measured = f"{alignment.confidence:.2f}" if alignment else "0.00"
            raise SpeechNotUsable(
                "transcript_differs",
                f"the recording does not say the transcript: they agree by {measured} of at least {LEAST_CONFIDENCE:g}",
                measured,
                f"{LEAST_CONFIDENCE:g}",
            )
        return alignment

    async def freely(self, samples: FloatPcm) -> Alignment:
        """Returns the phones that are heard in [samples] at 16 kHz. Raises SpeechNotUsable and ModelError."""
        posteriors = await self._listen(samples)
        return await asyncio.to_thread(_hear, posteriors, len(samples) / SAMPLE_RATE_HZ)

    async def _listen(self, samples: FloatPcm) -> FloatArray:
        """[steps, 43] posteriors; silence and noise are refused."""
        speech_s = 0.0
        if not pcm.is_silent(samples, SAMPLE_RATE_HZ):
            speech_s = (await find_speech(samples, self.models, self.deadline_s)).duration_s
        if speech_s < LEAST_SPEECH_S:
            raise SpeechNotUsable(
                "no_speech", "nobody speaks in the recording", f"{speech_s:.2f} s", f"{LEAST_SPEECH_S:g} s"
            )
        return await read_posteriors(samples, self.models, self.deadline_s)


def _force(posteriors: FloatArray, words: Sequence[SaidWord], duration_s: float) -> Alignment | None:
    phonemes = [phoneme for word in words for phoneme in word.phonemes]
    phones = [phone for word in words for phone in word.phones]
    starts = np.cumsum([0, *(len(word.phonemes) for word in words)])
    first = set(starts[:-1].tolist())
    try:
        segments = align(posteriors, phones, [index in first for index in range(len(phones))])
    except TooShort:
        return None
    timed = [
        _phoneme(segment, phonemes[segment.item].ipa if segment.item >= 0 else "", duration_s) for segment in segments
    ]
    timed[-1] = Phoneme(timed[-1].ipa, timed[-1].phone, timed[-1].start_s, duration_s)
    sounding = [(segment, phoneme) for segment, phoneme in zip(segments, timed, strict=True) if segment.item >= 0]
    scores = [agreement(posteriors, segment) for segment, _ in sounding]
    spans = []
    confidences = []
    for word, start, stop in zip(words, starts[:-1], starts[1:], strict=True):
        own = [phoneme for _, phoneme in sounding[start:stop]]
        spans.append(Word(word.text, own[0].start_s, own[-1].end_s, word.text_start, word.text_end))
        confidences.append(float(np.mean(scores[start:stop])))
    return Alignment(Timing(tuple(timed), tuple(spans)), float(np.mean(scores)), tuple(confidences), duration_s)


def _hear(posteriors: FloatArray, duration_s: float) -> Alignment:
    segments = recognise(posteriors)
    phonemes = [_phoneme(segment, ipa_of(PHONE_CLASSES[segment.phone]), duration_s) for segment in segments]
    phonemes[-1] = Phoneme(phonemes[-1].ipa, phonemes[-1].phone, phonemes[-1].start_s, duration_s)
    # Without a text the network's own certainty is all there is.
    certain = [
        float(posteriors[segment.start : segment.stop, segment.phone].mean())
        for segment in segments
        if PHONE_CLASSES[segment.phone] != SILENCE
    ]
    return Alignment(Timing(tuple(phonemes), ()), float(np.mean(certain)) if certain else 0.0, (), duration_s)


def _phoneme(segment: Segment, ipa: str, duration_s: float) -> Phoneme:
    """Step i is centred at (i + 1) * 10 ms, so a change lies half a step before the centre of the first new one."""
    start_s = (segment.start + 0.5) * STEP_S if segment.start else 0.0
    end_s = min((segment.stop + 0.5) * STEP_S, duration_s)
    return Phoneme(ipa, PHONE_CLASSES[segment.phone], start_s, end_s)
