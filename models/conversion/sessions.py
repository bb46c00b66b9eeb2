"""Runs ONNX files on one thread of ONNX Runtime's CPU provider, away from any server."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime


def open_session(content: bytes) -> onnxruntime.InferenceSession:
    """A session on one thread. Raises onnxruntime's own errors for a file it rejects."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run_session(session: onnxruntime.InferenceSession, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs by name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def run_onnx(content: bytes, values: np.ndarray, name: str = "image") -> dict[str, np.ndarray]:
    """Outputs by name of a model whose only input is `name`."""
    return run_session(open_session(content), {name: values})
