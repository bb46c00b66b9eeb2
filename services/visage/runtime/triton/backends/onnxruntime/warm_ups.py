"""Tells the warm-ups that Triton runs before an instance serves from requests of callers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class WarmUps:
    """Triton executes each sample of `model_warmup` once on a new instance, before anything else.

    A request counts as a warm-up only if it comes in that place and holds nothing but zeros where a sample does.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        """Take the samples from config.pbtxt (as JSON)."""
        self._samples = [
            {name for name, tensor in sample["inputs"].items() if tensor.get("zero_data")}
            for sample in config.get("model_warmup") or []
        ]

    def takes(self, tensors: Sequence[Any]) -> bool:
        """Whether the tensors of one call are those of the next warm-up; asked once for every call."""
        if not self._samples:
            return False
        zeros = self._samples.pop(0)
        return all(not np.any(tensor.as_numpy()) for tensor in tensors if tensor.name() in zeros)
