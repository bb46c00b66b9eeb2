"""The networks that listen to speech, on Triton."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from visage.media.pcm import IntPcm
from visage.media.phones import PHONE_COUNT
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.signature import ModelSignature, TensorSpec
from visage.speech.analysis_ports import FloatArray

MOST_PER_REQUEST: Final = 16
"""Windows in one request: full enough for the server, and two requests fill its largest batch."""
PHONE_WINDOW_SAMPLES: Final = 21_120
VOICE_WINDOW_SAMPLES: Final = 25_840
ACTIVITY_SAMPLES: Final = 16_384
ACTIVITY_FRAME_SAMPLES: Final = 512

LIP_SYNC: Final = ModelSignature(
    name="lip_sync",
    inputs=(TensorSpec("pcm", "INT16", (PHONE_WINDOW_SAMPLES,)),),
    outputs=(TensorSpec("phonemes", "FP32", (10, PHONE_COUNT)),),
    max_batch_size=MOST_PER_REQUEST,
)
SPEAKER_ENCODER: Final = ModelSignature(
    name="speaker_encoder",
    inputs=(TensorSpec("pcm", "INT16", (VOICE_WINDOW_SAMPLES,)),),
    outputs=(TensorSpec("embedding", "FP32", (256,)),),
    max_batch_size=MOST_PER_REQUEST,
)
VOICE_ACTIVITY: Final = ModelSignature(
    name="voice_activity",
    inputs=(
        TensorSpec("pcm", "INT16", (ACTIVITY_SAMPLES,)),
        TensorSpec("context", "FP32", (64,)),
        TensorSpec("state", "FP32", (2, 128)),
    ),
    outputs=(
        TensorSpec("probability", "FP32", (32,)),
        TensorSpec("context_after", "FP32", (64,)),
        TensorSpec("state_after", "FP32", (2, 128)),
    ),
)
SIGNATURES: Final = (LIP_SYNC, SPEAKER_ENCODER, VOICE_ACTIVITY)


class TritonSpeechModels:
    """`SpeechModels` over one Triton client, which the caller closes."""

    def __init__(self, client: TritonClient) -> None:
        self._client = client

    async def ready(self) -> Mapping[str, bool]:
        """Returns for each model whether Triton serves it now."""
        return await self._client.ready(SIGNATURES)

    async def read_phones(self, windows: IntPcm, deadline_s: float) -> FloatArray:
        """[n, 21120] → [n, 10, 43] phone posteriors."""
        return await self._run(LIP_SYNC, windows, deadline_s)

    async def embed(self, windows: IntPcm, deadline_s: float) -> FloatArray:
        """[n, 25840] of speech → [n, 256] embeddings of length 1."""
        return await self._run(SPEAKER_ENCODER, windows, deadline_s)

    async def detect_voice(self, samples: IntPcm, deadline_s: float) -> FloatArray:
        """[samples] → [frames] probability of speech in each frame of 512 samples."""
        padded = np.pad(samples, (0, -len(samples) % ACTIVITY_SAMPLES)).reshape(-1, ACTIVITY_SAMPLES)
        memory = {"context": np.zeros((1, 64), np.float32), "state": np.zeros((1, 2, 128), np.float32)}
        found = [np.zeros(0, np.float32)]
        for piece in padded:
            answer = await self._client.infer(VOICE_ACTIVITY, {"pcm": piece[None], **memory}, deadline_s=deadline_s)
            memory = {"context": answer["context_after"], "state": answer["state_after"]}
            found.append(answer["probability"][0])
        return np.concatenate(found)[: -(-len(samples) // ACTIVITY_FRAME_SAMPLES)]

    async def _run(self, signature: ModelSignature, windows: IntPcm, deadline_s: float) -> FloatArray:
        """Runs a model on any number of windows, request after request: live streams need their turn, too."""
        (output,) = signature.outputs
        answers = [np.zeros((0, *output.dims), np.float32)]
        for start in range(0, len(windows), MOST_PER_REQUEST):
            pcm = windows[start : start + MOST_PER_REQUEST]
            answer = await self._client.infer(signature, {"pcm": pcm}, deadline_s=deadline_s)
            answers.append(answer[output.name])
        return np.concatenate(answers)
