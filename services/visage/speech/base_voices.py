"""Installed voices as raw material of cloned ones: what each sounds like, measured once and kept."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from visage.media.pcm import FloatPcm
from visage.runtime import logs
from visage.runtime.audio import resample
from visage.runtime.errors import ModelUnavailable
from visage.speech.analysis_ports import FloatArray, SpeechModels
from visage.speech.phone_posteriors import SAMPLE_RATE_HZ
from visage.speech.ports import SpeechEngine
from visage.speech.prosody import Prosody
from visage.speech.speaker_embedding import embed_speech
from visage.speech.utterance import Utterance
from visage.speech.voice_statistics import VoiceStatistics, measure_voice, shares_of_timing
from visage.speech.voices import Voice

_log = logs.get(__name__)

STUDY_TEXTS: Final = (
    "The weather over the northern valley changed quickly this morning.",
    "Please put the yellow book back on the shelf beside the window.",
    "She thought that five large ships had already left the harbour.",
    "Our new engine burns less oil and makes hardly any noise.",
    "Would you rather choose a job that pays well or one you enjoy?",
    "The judge asked both boys to measure the pool and the garage.",
    "He usually eats toast, cheese and two boiled eggs for breakfast.",
    "A thin cloud of white smoke rose above the village church.",
    "Maybe we should go home before the road is covered with ice.",
    "Jack found a few good pictures of his mother in the attic.",
    "They argued about the value of fresh air and long walks.",
    "The cook put thirty onions, butter and garlic into a huge pot.",
)
"""What a voice is measured on; every English sound occurs in several neighbourhoods."""
TRIAL_TEXTS: Final = (
    "Those who visit the castle usually take the narrow path along the lake.",
    "I wonder why the young doctor never joined us at the beach.",
    "Each box of chalk was pushed under the heavy brown table.",
    "Thank you for the good advice, we will phone you on Thursday.",
)
"""What a converted voice is judged by."""
_VERSION: Final = "1"


@dataclass(frozen=True, slots=True, eq=False)
class BaseVoice:
    """An installed voice with its averages and its embedding [256]."""

    voice: Voice
    statistics: VoiceStatistics
    embedding: FloatArray


class BaseVoices:
    """Measures voices on first use; figures outlive the process in `folder`."""

    def __init__(
        self, engines: Mapping[str, SpeechEngine], models: SpeechModels, folder: Path, deadline_s: float
    ) -> None:
        self._engines = engines
        self._models = models
        self._folder = folder
        self._deadline_s = deadline_s
        self._known: dict[str, BaseVoice] = {}
        self._measuring = asyncio.Lock()

    async def get(self, voice: Voice) -> BaseVoice:
        """Returns the figures of a voice. Raises ModelUnavailable, ModelError, or ValueError if it has no pitch."""
        async with self._measuring:
            if voice.name not in self._known:
                self._known[voice.name] = await self._load(voice) or await self._measure(voice)
            return self._known[voice.name]

    def _path(self, voice: Voice) -> Path:
        source = json.dumps([_VERSION, voice.name, voice.engine, voice.sample_rate_hz, *STUDY_TEXTS])
        digest = hashlib.sha256(source.encode()).hexdigest()[:16]
        return self._folder / f"{voice.name.removeprefix('voices/')}-{digest}.safetensors"

    async def _load(self, voice: Voice) -> BaseVoice | None:
        try:
            tensors = load(await asyncio.to_thread(self._path(voice).read_bytes))
            (pitch_hz,) = tensors["pitch_hz"].tolist()
            statistics = VoiceStatistics(tensors["weights"], tensors["spectra"], tensors["voiced_spectrum"], pitch_hz)
            return BaseVoice(voice, statistics, tensors["embedding"])
        except FileNotFoundError:
            return None
        except (SafetensorError, KeyError, ValueError) as error:
            _log.warning("voice_figures_unreadable", voice=voice.name, cause=str(error))
            return None

    async def _measure(self, voice: Voice) -> BaseVoice:
        utterances = await speak_all(self._engines, voice, STUDY_TEXTS, Prosody())
        speech = [at_analysis_rate(utterance) for utterance in utterances]
        pairs = list(zip(utterances, speech, strict=True))
        shares = [_fitted(shares_of_timing(u.timing, u.duration_s), len(samples) // 80) for u, samples in pairs]
        whole = np.concatenate([samples[: len(samples) // 80 * 80] for samples in speech])
        statistics = await asyncio.to_thread(measure_voice, whole, np.concatenate(shares))
        speaker = await embed_speech(np.concatenate(speech), self._models, self._deadline_s)
        base = BaseVoice(voice, statistics, speaker.embedding)
        await asyncio.to_thread(self._save, base)
        return base

    def _save(self, base: BaseVoice) -> None:
        figures = base.statistics
        tensors = {
            "weights": figures.weights,
            "spectra": figures.spectra,
            "voiced_spectrum": figures.voiced_spectrum,
            "pitch_hz": np.array([figures.pitch_hz]),
            "embedding": base.embedding,
        }
        path = self._path(base.voice)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_bytes(save({name: np.ascontiguousarray(value) for name, value in tensors.items()}))
            part.replace(path)
        except OSError as error:
            # They are measured again next time.
            _log.warning("voice_figures_not_kept", voice=base.voice.name, cause=str(error))


async def speak_all(
    engines: Mapping[str, SpeechEngine], voice: Voice, texts: Sequence[str], prosody: Prosody
) -> list[Utterance]:
    """Returns each text spoken by an installed voice. Raises ModelUnavailable."""
    engine = engines.get(voice.engine)
    if engine is None:
        raise ModelUnavailable(voice.engine)
    return [await engine.speak(text, voice, prosody) for text in texts]


def at_analysis_rate(utterance: Utterance) -> FloatPcm:
    """[samples] at 16 kHz."""
    return resample(utterance.samples, utterance.sample_rate_hz, SAMPLE_RATE_HZ)


def _fitted(shares: np.ndarray, frames: int) -> np.ndarray:
    """Exactly so many rows, the last one repeated where some are missing."""
    return shares[np.minimum(np.arange(frames), len(shares) - 1)]
