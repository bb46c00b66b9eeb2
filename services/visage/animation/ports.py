"""What animation needs of others."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visage.media.pcm import IntPcm
from visage.media.phones import TimedPhone


@dataclass(frozen=True, slots=True, eq=False)
class MouthReading:
    """What the lip-sync network reads from one window of audio.

    Attributes:
        curves: [10, 52] lower-face curves in ARKit order.
        phonemes: [10, 43] probabilities in the order of `visage.media.phones.PHONE_CLASSES`.
    """

    curves: NDArray[np.float32]
    phonemes: NDArray[np.float32]


class LipSyncModel(Protocol):
    """The lip-sync network."""

    async def read(self, window: IntPcm) -> MouthReading:
        """Returns ticks 51 to 60 of a window of 66 ticks, [21120] samples at 16 kHz."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What should be spoken, text or an SSML document, and how; what is empty is left to the speech service."""

    text: str
    voice: str = ""
    language_code: str = ""
    rate: float | None = None
    pitch_semitones: float | None = None
    ssml: str = ""
    style: str = ""
    pitch_range: float | None = None


@dataclass(frozen=True, slots=True)
class SpokenPart:
    """The next part of a spoken utterance: phones, or audio whose phones came before it."""

    phones: tuple[TimedPhone, ...] = ()
    audio: bytes = b""
    sample_rate_hz: int = 0


class Speech(Protocol):
    """The speech service."""

    def speak(self, utterance: Utterance) -> AsyncGenerator[SpokenPart, None]:
        """Yields phones and 16-bit mono audio as they are synthesised."""
