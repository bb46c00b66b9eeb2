"""Whose voice a recording holds, and how alike its parts are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.speech.analysis_ports import FloatArray, SpeechModels
from visage.speech.phone_posteriors import levelled

WINDOW_SAMPLES: Final = 25_840
HOP_SAMPLES: Final = 12_920
# The level to which the encoder's training brought its recordings.
_LEVEL_DB: Final = -30.0
_TURNS: Final = 10


@dataclass(frozen=True, slots=True)
class Speaker:
    """Embeddings of the overlapping windows of a recording: [windows, 256], each of length 1."""

    windows: FloatArray

    @property
    def embedding(self) -> FloatArray:
        """[256] of length 1: the recording as a whole."""
        return normalised_mean(self.windows)

    def halves_similarity(self) -> float:
        """Cosine of the first and the second half of the recording: what the same speaker reaches."""
        middle = (len(self.windows) + 1) // 2
        # The window in the middle belongs to both halves of an odd number of them.
        second = self.windows[middle:] if middle < len(self.windows) else self.windows
        return float(normalised_mean(self.windows[:middle]) @ normalised_mean(second))

    def largest_split(self) -> tuple[float, float]:
        """Returns how alike the two most different groups of windows are, and the share of the smaller one.

        Two-means clustering from the pair of windows that are least alike; windows at a change of speaker lie between.
        """
        similarities = self.windows @ self.windows.T
        first, second = np.unravel_index(similarities.argmin(), similarities.shape)
        centres = self.windows[[first, second]]
        belongs = np.zeros(len(self.windows), np.intp)
        for _ in range(_TURNS):
            belongs = (self.windows @ centres.T).argmax(axis=1)
            if len(set(belongs.tolist())) < 2:
                return 1.0, 0.0
            centres = np.stack([normalised_mean(self.windows[belongs == group]) for group in (0, 1)])
        share = float(np.mean(belongs))
        return float(centres[0] @ centres[1]), min(share, 1 - share)


def normalised_mean(embeddings: FloatArray) -> FloatArray:
    """[256] of length 1 from [n, 256]."""
    mean = embeddings.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)


async def embed_speech(speech: FloatPcm, models: SpeechModels, deadline_s: float) -> Speaker:
    """Returns the embeddings of [samples] of speech at 16 kHz without long pauses. Raises ModelError."""
    sound = pcm.to_int16(levelled(speech, _LEVEL_DB))
    padded = np.pad(sound, (0, max(0, WINDOW_SAMPLES - len(sound))))
    # The last window ends where the recording does.
    count = 1 + round((len(padded) - WINDOW_SAMPLES) / HOP_SAMPLES)
    starts: NDArray[np.intp] = np.linspace(0, len(padded) - WINDOW_SAMPLES, count).round().astype(np.intp)
    windows = np.stack([padded[start : start + WINDOW_SAMPLES] for start in starts])
    return Speaker(await models.embed(windows, deadline_s))
