"""From a sample of somebody's speech to a voice: choose the nearest installed voice, convert it, judge the result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from visage.media.pcm import FloatPcm
from visage.media.phones import PHONE_INDEX
from visage.runtime.audio import AudioLimits, decode_audio
from visage.runtime.errors import SpeechNotUsable
from visage.speech.analysis_ports import FloatArray, SpeechModels
from visage.speech.base_voices import TRIAL_TEXTS, BaseVoice, BaseVoices, at_analysis_rate, speak_all
from visage.speech.cloned_engine import convert_speech
from visage.speech.conversion import Conversion
from visage.speech.phone_posteriors import SAMPLE_RATE_HZ, STEP_S, levelled, read_posteriors
from visage.speech.ports import SpeechEngine
from visage.speech.prosody import Prosody
from visage.speech.sample_gate import Sample, SampleLimits, check_sample
from visage.speech.speaker_embedding import embed_speech
from visage.speech.utterance import Utterance
from visage.speech.voice_statistics import VoiceStatistics, measure_voice, shares_of_posteriors
from visage.speech.voices import Voice

_STRENGTHS: Final = (1.0, 0.75, 0.5)
LEAST_INTELLIGIBILITY: Final = 0.75
"""Of the phones that the network hears right in the base voice. At full strength 0.83 to 0.9 are usual, where the word
error rate of a recogniser grows by a tenth."""
_SAMPLE_LIMITS: Final = AudioLimits(max_bytes=20 * 1024 * 1024, max_duration_s=60.0)


class Stage(StrEnum):
    """Steps of a creation, with what is done when they begin."""

    DECODING = "DECODING"
    CHECKING = "CHECKING"
    CHOOSING = "CHOOSING"
    CONVERTING = "CONVERTING"
    STORING = "STORING"

    @property
    def percent(self) -> int:
        """Progress at the step's begin."""
        return {"DECODING": 0, "CHECKING": 5, "CHOOSING": 25, "CONVERTING": 50, "STORING": 95}[self.value]


@dataclass(frozen=True, slots=True)
class BuiltVoice:
    """What a sample became; the figures are those of `visage.v1.VoiceClone`."""

    base: Voice
    conversion: Conversion
    similarity: float
    base_similarity: float
    ceiling: float
    intelligibility: float
    speech_s: float


@dataclass(frozen=True)
class VoiceBuilder:
    """Builds voices; `deadline_s` is what each request of a model may take."""

    models: SpeechModels
    engines: Mapping[str, SpeechEngine]
    bases: BaseVoices
    limits: SampleLimits
    deadline_s: float

    async def build(
        self,
        content: bytes,
        field: str,
        candidates: Sequence[Voice],
        strength: float | None,
        report: Callable[[Stage], None],
    ) -> BuiltVoice:
        """Builds a voice.

        Args:
            content: The sample's file; `field` is where the request held it.
            field: See `content`.
            candidates: Installed voices, at least one; the nearest is taken.
            strength: 0..1; None finds the largest that keeps the speech intelligible.
            report: Hears of each step.

        Raises:
            MediaUndecodable: The sample cannot be decoded.
            MediaTooLarge: It is longer than 60 s, or over 20 MiB.
            SpeechNotUsable: It holds no speech that can become a voice.
            ModelUnavailable: An engine cannot speak now.
            ModelError: A model failed.
        """
        report(Stage.DECODING)
        samples = await decode_audio(content, field, SAMPLE_RATE_HZ, _SAMPLE_LIMITS)
        report(Stage.CHECKING)
        sample = await check_sample(samples, self.models, self.limits, self.deadline_s)
        target = await self._measure(sample)
        report(Stage.CHOOSING)
        measured = [await self.bases.get(voice) for voice in candidates]
        base = max(measured, key=lambda item: float(item.embedding @ sample.speaker.embedding))
        report(Stage.CONVERTING)
        conversion = Conversion.between(base.statistics, target)
        return await self._judged(sample, base, conversion, strength)

    async def _measure(self, sample: Sample) -> VoiceStatistics:
        posteriors = await read_posteriors(sample.speech, self.models, self.deadline_s)
        shares = shares_of_posteriors(posteriors, len(sample.speech))
        try:
            return await asyncio.to_thread(measure_voice, levelled(sample.speech), shares)
        except ValueError:
            raise SpeechNotUsable("no_speech", "the sample holds hardly any voiced speech", "0.2 s", "") from None

    async def _judged(
        self, sample: Sample, base: BaseVoice, conversion: Conversion, strength: float | None
    ) -> BuiltVoice:
        """The voice at the strength that was asked for, or at the largest that is still understood."""
        plain = await speak_all(self.engines, base.voice, TRIAL_TEXTS, Prosody())
        understood = await self._understood(plain)
        for tried in _STRENGTHS if strength is None else (strength,):
            chosen = conversion.of_strength(tried)
            spoken = [await convert_speech(self.engines, base.voice, chosen, text, Prosody()) for text in TRIAL_TEXTS]
            kept = await self._understood(spoken) / max(understood, 1e-3)
            if kept >= LEAST_INTELLIGIBILITY:
                break
        return BuiltVoice(
            base.voice,
            chosen,
            similarity=await self._similarity(spoken, sample),
            base_similarity=await self._similarity(plain, sample),
            ceiling=sample.speaker.halves_similarity(),
            intelligibility=min(kept, 1.0),
            speech_s=sample.duration_s,
        )

    async def _similarity(self, utterances: Sequence[Utterance], sample: Sample) -> float:
        speaker = await embed_speech(_joined(utterances), self.models, self.deadline_s)
        return float(speaker.embedding @ sample.speaker.embedding)

    async def _understood(self, utterances: Sequence[Utterance]) -> float:
        """Share of the steps at which the network hears the phone that is spoken."""
        right: list[bool] = []
        for utterance in utterances:
            posteriors = await read_posteriors(at_analysis_rate(utterance), self.models, self.deadline_s)
            right += _heard_right(posteriors, utterance)
        return float(np.mean(right))


def _heard_right(posteriors: FloatArray, utterance: Utterance) -> list[bool]:
    heard = posteriors.argmax(axis=1)
    right: list[bool] = []
    for phoneme in utterance.timing.phonemes:
        if not phoneme.is_pause:
            first, last = (round(time_s / STEP_S - 0.5) for time_s in (phoneme.start_s, phoneme.end_s))
            right += (heard[max(first, 0) : max(last, 0)] == PHONE_INDEX[phoneme.phone]).tolist()
    return right


def _joined(utterances: Sequence[Utterance]) -> FloatPcm:
    """[samples] at 16 kHz of what is spoken, without the pauses around it."""
    parts = []
    for utterance in utterances:
        begin_s, end_s = utterance.speech_bounds_s()
        samples = at_analysis_rate(utterance)
        parts.append(samples[round(begin_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)])
    return np.concatenate(parts)
