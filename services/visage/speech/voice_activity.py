"""Where somebody speaks in a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.speech.analysis_ports import FloatArray, SpeechModels
from visage.speech.phone_posteriors import SAMPLE_RATE_HZ, levelled

FRAME_SAMPLES: Final = 512
_SPEECH_PROBABILITY: Final = 0.5
# Pauses inside phrases belong to speech.
_REACH_FRAMES: Final = 3


@dataclass(frozen=True, slots=True)
class Activity:
    """Speech in a recording, by frames of 512 samples at 16 kHz.

    Attributes:
        probability: [frames] that speech sounds.
        sample_count: Of the recording.
    """

    probability: FloatArray
    sample_count: int

    @property
    def speech(self) -> NDArray[np.bool_]:
        """[frames] where somebody speaks."""
        return self.probability > _SPEECH_PROBABILITY

    @property
    def duration_s(self) -> float:
        """Seconds of speech."""
        return float(np.count_nonzero(self.speech)) * FRAME_SAMPLES / SAMPLE_RATE_HZ

    def around_speech(self) -> NDArray[np.bool_]:
        """[samples] of the recording: speech with the short pauses in it."""
        near = np.convolve(self.speech, np.ones(2 * _REACH_FRAMES + 1), "same") > 0.5
        return np.repeat(near, FRAME_SAMPLES)[: self.sample_count]

    def away_from_speech(self) -> NDArray[np.bool_]:
        """[samples] that lie in longer pauses."""
        return ~self.around_speech()


async def find_speech(samples: FloatPcm, models: SpeechModels, deadline_s: float) -> Activity:
    """Returns where somebody speaks in [samples] at 16 kHz. Raises ModelError."""
    sound = pcm.to_int16(levelled(samples))
    return Activity(await models.detect_voice(sound, deadline_s), len(samples))
