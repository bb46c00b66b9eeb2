"""Numbers from strangers: finite, and within what they mean."""

from __future__ import annotations

import math

from visage.animation.audio2face.remarks import Remarks
from visage.runtime.errors import InvalidField


def bounded(value: float, low: float, high: float, field: str, remarks: Remarks) -> float:
    """Returns `value` within [low, high], with a warning where that changes it; raises InvalidField if not finite."""
    if not math.isfinite(value):
        raise InvalidField(field, "must be finite")
    # Clients send float32: what is 0.2 there is a little more here.
    kept = min(max(value, low), high)
    if abs(kept - value) > 1e-6:
        remarks.warn(f"{field}: {value:g} is clamped to {kept:g}; it goes from {low:g} to {high:g}")
    return kept
