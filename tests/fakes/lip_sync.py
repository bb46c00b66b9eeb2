"""A lip-sync network that hears three things: silence, a hum (an open vowel) and a buzz (an m)."""

from __future__ import annotations

import asyncio

import numpy as np

from visage.animation.ports import MouthReading
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.pcm import IntPcm
from visage.media.phones import PHONE_COUNT, PHONE_INDEX

HUM_HZ = 220.0
BUZZ_HZ = 2500.0
VOWEL_JAW = 0.5
WINDOW_SAMPLES = 21_120


class FakeLipSync:
    """Implements `visage.animation.ports.LipSyncModel`.

    The jaw opens to `VOWEL_JAW` in both sounds; only the posteriors tell that the lips should meet in a buzz.
    """

    def __init__(self) -> None:
        self.windows = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.error: Exception | None = None
        self.hold: asyncio.Event | None = None
        self.cancelled = 0
        self.three_in_flight = asyncio.Event()

    async def read(self, window: IntPcm) -> MouthReading:
        assert window.shape == (WINDOW_SAMPLES,) and window.dtype == np.int16
        self.windows += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        if self.in_flight == 3:
            self.three_in_flight.set()
        try:
            # The later a window is asked for, the sooner it is answered: order must be kept by the caller.
            for _ in range(1 + (self.windows * 7) % 5):
                await asyncio.sleep(0)
            if self.hold is not None:
                await self.hold.wait()
            if self.error is not None:
                raise self.error
            return _read(window)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1


def _read(window: IntPcm) -> MouthReading:
    ticks = window.reshape(-1, 320)[51:61].astype(np.float64) / 32768
    curves = np.zeros((10, CURVE_COUNT), np.float32)
    phonemes = np.zeros((10, PHONE_COUNT), np.float32)
    for index, tick in enumerate(ticks):
        loud = np.sqrt(np.mean(tick**2)) > 1e-3
        changes = np.count_nonzero(np.diff(np.signbit(tick)))
        phone = "sil" if not loud else "m" if changes > 40 else "aa"
        phonemes[index, PHONE_INDEX[phone]] = 1
        curves[index, CURVE_INDEX["JawOpen"]] = VOWEL_JAW if loud else 0
        curves[index, CURVE_INDEX["MouthLowerDownLeft"]] = 0.3 if loud else 0
        curves[index, CURVE_INDEX["MouthLowerDownRight"]] = 0.3 if loud else 0
    return MouthReading(curves, phonemes)


def sound(*parts: tuple[str, float], rate_hz: int = 16_000, level: float = 0.3) -> np.ndarray:
    """[samples] float32 of ("hum" | "buzz" | "silence", seconds) parts."""
    pieces = []
    for kind, length_s in parts:
        time_s = np.arange(round(length_s * rate_hz)) / rate_hz
        frequency_hz = {"hum": HUM_HZ, "buzz": BUZZ_HZ, "silence": 0.0}[kind]
        pieces.append(level * np.sin(2 * np.pi * frequency_hz * time_s))
    return np.concatenate(pieces).astype(np.float32)


def speech_like(length_s: float, rate_hz: int = 16_000) -> np.ndarray:
    """[samples] of hums, buzzes and pauses of changing loudness, with phrases of about two seconds."""
    rng = np.random.default_rng(5)
    parts: list[np.ndarray] = []
    total = 0
    while total < length_s * rate_hz:
        for _ in range(6):
            level = float(rng.uniform(0.05, 0.5))
            parts.append(sound(("hum", float(rng.uniform(0.1, 0.3))), rate_hz=rate_hz, level=level))
            parts.append(sound(("buzz", 0.08), rate_hz=rate_hz, level=level / 2))
        parts.append(sound(("silence", float(rng.uniform(0.3, 0.6))), rate_hz=rate_hz))
        total = sum(map(len, parts))
    return np.concatenate(parts)[: round(length_s * rate_hz)]
