"""Networks that listen badly but plainly: loud is speech, the spectrum is the voice, everything is one vowel."""

from __future__ import annotations

import numpy as np

from visage.media.pcm import IntPcm
from visage.media.phones import PHONE_COUNT, PHONE_INDEX
from visage.runtime.triton.errors import ModelUnavailable
from visage.speech.analysis_ports import FloatArray

_LOUD = 300.0


class FakeSpeechModels:
    """Implements `visage.speech.analysis_ports.SpeechModels`."""

    def __init__(self) -> None:
        self.is_away = False

    async def read_phones(self, windows: IntPcm, deadline_s: float) -> FloatArray:
        self._check()
        posteriors = np.full((len(windows), 10, PHONE_COUNT), 1e-3, np.float32)
        for index, window in enumerate(windows):
            loud = _rms(window.reshape(-1, 320)[51:61]) > _LOUD
            posteriors[index, loud, PHONE_INDEX["ah"]] = 1
            posteriors[index, ~loud, PHONE_INDEX["sil"]] = 1
        return posteriors / posteriors.sum(axis=2, keepdims=True)

    async def embed(self, windows: IntPcm, deadline_s: float) -> FloatArray:
        self._check()
        power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
        spectra = power[:, :12_800].reshape(len(windows), 256, 50).sum(axis=2) + 1e-3
        return (spectra / np.linalg.norm(spectra, axis=1, keepdims=True)).astype(np.float32)

    async def detect_voice(self, samples: IntPcm, deadline_s: float) -> FloatArray:
        self._check()
        frames = np.pad(samples, (0, -len(samples) % 512)).reshape(-1, 512)
        return (_rms(frames) > _LOUD).astype(np.float32)

    def _check(self) -> None:
        if self.is_away:
            raise ModelUnavailable("speaker_encoder", "no server")


def _rms(frames: IntPcm) -> FloatArray:
    return np.sqrt(np.mean(np.square(frames.astype(np.float32)), axis=1))
