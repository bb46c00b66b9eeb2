"""The networks that listen, from the model repository and without a server."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnxruntime

from models.conversion.manifest import REPOSITORY
from models.conversion.sessions import open_session
from visage.media.pcm import IntPcm
from visage.media.phones import PHONE_COUNT
from visage.speech.analysis_ports import FloatArray

_MOST = 16


class OnnxSpeechModels:
    """Implements `visage.speech.analysis_ports.SpeechModels`."""

    async def read_phones(self, windows: IntPcm, deadline_s: float) -> FloatArray:
        return _run("lip_sync", windows, 1, (10, PHONE_COUNT))

    async def embed(self, windows: IntPcm, deadline_s: float) -> FloatArray:
        return _run("speaker_encoder", windows, 0, (256,))

    async def detect_voice(self, samples: IntPcm, deadline_s: float) -> FloatArray:
        session = _session("voice_activity")
        padded = np.pad(samples, (0, -len(samples) % 16_384)).reshape(-1, 16_384)
        context, state = np.zeros((1, 64), np.float32), np.zeros((1, 2, 128), np.float32)
        found = []
        for piece in padded:
            probability, context, state = session.run(None, {"pcm": piece[None], "context": context, "state": state})
            found.append(probability[0])
        return np.concatenate(found)[: -(-len(samples) // 512)]


@cache
def _session(name: str) -> onnxruntime.InferenceSession:
    return open_session((REPOSITORY / name / "1" / "model.onnx").read_bytes())


def _run(name: str, windows: IntPcm, output: int, dims: tuple[int, ...]) -> FloatArray:
    answers = [np.zeros((0, *dims), np.float32)]
    for start in range(0, len(windows), _MOST):
        batch = np.ascontiguousarray(windows[start : start + _MOST])
        answers.append(_session(name).run(None, {"pcm": batch})[output])
    return np.concatenate(answers)
