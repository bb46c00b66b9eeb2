"""Makes clean synthetic speech sound like recordings: rooms, microphones, noise, codecs, levels, starts and silence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16000
HOP = 320
WINDOW_FRAMES = 160
WINDOW_SAMPLES = WINDOW_FRAMES * HOP
_FFT = 65536
_ROOM_COUNT = 200

Signal = NDArray[np.float32]


class Voice(NamedTuple):
    """One file of the corpus in memory."""

    pcm: NDArray[np.int16]
    curves: NDArray[np.float16]
    phones: NDArray[np.uint8]


class Example(NamedTuple):
    """3.2 s of augmented sound: pcm [51200], curves [160, 17], phone classes [160]."""

    pcm: Signal
    curves: Signal
    phones: NDArray[np.int64]


def load_voice(file: Path) -> Voice:
    """Read one file that `models.lip_sync.corpus` wrote."""
    with np.load(file) as arrays:
        return Voice(arrays["pcm"], arrays["curves"], arrays["phones"])


class Augmenter:
    """A seeded, endless source of examples from weighted voices."""

    def __init__(self, voices: Sequence[Voice], weights: Sequence[float], seed: int) -> None:
        """Draw the rooms that all examples share."""
        self._voices = voices
        self._weights = np.array(weights, float) / sum(weights)
        self._random = np.random.default_rng(seed)
        self._rooms = [self._make_room() for _ in range(_ROOM_COUNT)]
        bins_hz = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE_HZ)
        self._bins_hz = np.maximum(bins_hz, 1)
        self._octaves = np.log2(np.maximum(bins_hz, 40) / 40)

    def example(self) -> Example:
        """One example, everything about it random."""
        random = self._random
        pcm, curves, phones = self._crop()
        kind = random.random()
        if kind < 0.05:
            pcm, curves, phones = np.zeros_like(pcm), np.zeros_like(curves), np.zeros_like(phones)
        elif kind < 0.12:
            start = int(random.integers(10, WINDOW_FRAMES // 2))
            pcm[: start * HOP] = 0
            curves[:start] *= np.linspace(0, 1, start, dtype=np.float32)[:, None] ** 8
            phones[:start] = 0
        if random.random() < 0.85:
            pcm = self._pass_through_room(pcm)
        level = float(np.sqrt(np.mean(pcm**2)))
        silent = level < 1e-4
        if not silent:
            pcm = pcm / level
        if random.random() < 0.15:
            gains = 10 ** (random.uniform(-8, 4, 6) / 20)
            pcm = pcm * np.interp(np.arange(WINDOW_SAMPLES), np.linspace(0, WINDOW_SAMPLES, 6), gains)
        if random.random() < 0.75:
            noise_db = random.uniform(0, 40) if silent else random.uniform(3, 45)
            pcm = pcm + self._noise() * 10 ** (-noise_db / 20)
        return Example(self._record(pcm, silent), curves, phones)

    def _crop(self) -> tuple[Signal, Signal, NDArray[np.int64]]:
        voice = self._voices[self._random.choice(len(self._voices), p=self._weights)]
        start = int(self._random.integers(0, len(voice.phones) - WINDOW_FRAMES))
        frames = slice(start, start + WINDOW_FRAMES)
        pcm = voice.pcm[start * HOP : (start + WINDOW_FRAMES) * HOP].astype(np.float32) / 32768
        return pcm, voice.curves[frames].astype(np.float32), voice.phones[frames].astype(np.int64)

    def _make_room(self) -> NDArray[np.complex64]:
        """Spectrum of a synthetic room: a direct path and an exponentially decaying, dulled tail."""
        random = self._random
        decay_s = np.exp(random.uniform(np.log(0.08), np.log(0.9)))
        length = int(min(1.2 * decay_s, 0.8) * SAMPLE_RATE_HZ)
        tail = random.standard_normal(length) * 10 ** (-3 * np.arange(length) / SAMPLE_RATE_HZ / decay_s)
        tail[: int(random.uniform(0.001, 0.012) * SAMPLE_RATE_HZ)] = 0
        dulling = np.exp(-np.arange(12) / random.uniform(0.5, 4))
        tail = np.convolve(tail, dulling / dulling.sum())[:length]
        tail *= 10 ** (-random.uniform(-2, 18) / 20) / np.sqrt((tail**2).sum())
        tail[0] = 1.0
        return np.fft.rfft(tail, _FFT).astype(np.complex64)

    def _pass_through_room(self, pcm: Signal) -> Signal:
        """Random equaliser, sometimes high or low pass, every second time a room; one transform for all."""
        random = self._random
        knots = int(random.integers(4, 9))
        gains_db = random.normal(0, random.uniform(1, 6), knots)
        curve_db = np.interp(self._octaves, np.linspace(0, self._octaves[-1], knots), gains_db)
        if random.random() < 0.5:
            curve_db -= random.uniform(-0.9, 0.9) * self._octaves
        response = 10 ** (curve_db / 20)
        if random.random() < 0.15:
            response /= 1 + (random.uniform(100, 350) / self._bins_hz) ** 4
        if random.random() < 0.20:
            response /= 1 + (self._bins_hz / random.uniform(2800, 6500)) ** 8
        if random.random() < 0.06:
            # A telephone.
            response /= (1 + (300 / self._bins_hz) ** 8) * (1 + (self._bins_hz / 3400) ** 12)
        spectrum = np.fft.rfft(pcm, _FFT) * response
        if random.random() < 0.6:
            spectrum *= self._rooms[int(random.integers(_ROOM_COUNT))]
        filtered: Signal = np.fft.irfft(spectrum, _FFT)[:WINDOW_SAMPLES].astype(np.float32)
        return filtered

    def _noise(self) -> Signal:
        """Coloured noise, babble or chords, with unit power."""
        random = self._random
        kind = int(random.integers(5))
        time_s = np.arange(WINDOW_SAMPLES) / SAMPLE_RATE_HZ
        sound = np.zeros(WINDOW_SAMPLES)
        if kind < 3:
            spectrum = np.fft.rfft(random.standard_normal(WINDOW_SAMPLES))
            spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** -random.uniform(0, 1)
            sound = np.fft.irfft(spectrum, WINDOW_SAMPLES)
            if random.random() < 0.3:
                sound *= 1 + 0.8 * np.sin(2 * np.pi * random.uniform(0.5, 8) * time_s + random.uniform(0, 6))
        elif kind == 3:
            for _ in range(int(random.integers(3, 8))):
                sound += self._crop()[0] * random.uniform(0.4, 1)
        else:
            for _ in range(int(random.integers(3, 7))):
                pitch_hz, start_s = 55 * 2 ** (random.integers(48) / 12), random.uniform(0, time_s[-1])
                late_s = np.maximum(time_s - start_s, 0)
                envelope = np.where(late_s > 0, np.exp(-late_s * random.uniform(0.5, 6)), 0)
                for harmonic in range(1, 4):
                    sound += envelope * np.sin(2 * np.pi * pitch_hz * harmonic * time_s) / harmonic
        return (sound / (np.sqrt(np.mean(sound**2)) + 1e-6)).astype(np.float32)

    def _record(self, pcm: Signal, silent: bool) -> Signal:
        """Clipping, level, 8-bit mu-law and the hiss of a converter."""
        random = self._random
        if random.random() < 0.10:
            pcm = np.tanh(pcm * random.uniform(0.5, 2))
        if silent:
            pcm = pcm * 10 ** (-random.uniform(15, 60) / 20)
        else:
            pcm = pcm / (np.abs(pcm).max() + 1e-3) * 10 ** (-random.uniform(0, 32) / 20)
        if random.random() < 0.08:
            coded = np.sign(pcm) * np.log1p(255 * np.abs(pcm).clip(0, 1)) / np.log(256)
            coded = np.round(coded * 127) / 127
            pcm = np.sign(coded) * (256 ** np.abs(coded) - 1) / 255
        hiss = random.standard_normal(WINDOW_SAMPLES) * 10 ** (-random.uniform(60, 90) / 20)
        return (pcm + hiss).astype(np.float32)
