"""What landmarks tell of a face's movements is less than the movements: the correction, measured there and back."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from visage.media.arkit import CURVE_INDEX, CURVE_NAMES
from visage.media.canonical_face import LOWER_LIP_MIDDLE, UPPER_LIP_MIDDLE
from visage.media.vertex_basis import vertex_basis
from visage.media.windows import Array

_SEEN_SHARES: Final[dict[str, float]] = {
    "JawOpen": 0.73,
    "MouthSmile": 0.66,
    "MouthFrown": 0.66,
    "MouthPucker": 0.75,
    "MouthFunnel": 0.75,
    "BrowInnerUp": 0.54,
    "BrowOuterUp": 0.45,
    "BrowDown": 0.4,
    "EyeLookIn": 0.6,
    "EyeLookOut": 0.6,
    "EyeLookUp": 0.5,
    "EyeLookDown": 0.5,
}
"""Share of a curve's way that comes back from a film of a render of it, mean over five portraits
(`benchmarks.animation.round_trip` without this correction), by the start of its name. Of pucker and funnel, which
landmarks confuse with each other and with a sad mouth, half of what is missing: 0.5 and 0.4 come back."""
_MOST_STEEP: Final = 2.0
"""Noise grows along with what it hides."""
_SEEN_OPENING: Final = 0.8
"""Of the distance between the lips; measured likewise: 0.72 to 0.9."""
_LEAST_PARTING_MM: Final = 1.0
_LEAST_OPENING_MM: Final = 2.0
_MOST_OPENING_GAIN: Final = 1.3
_STRAIGHT_MM, _WIDEST_MM = 22.0, 36.0
"""People open their mouths by 50 mm; the jaw of a portrait by 30, and lips part a little more."""
_JAW: Final = CURVE_INDEX["JawOpen"]
_CLOSE: Final = CURVE_INDEX["MouthClose"]
_SEEN_YAW, _SEEN_PITCH = 0.93, 0.8
_BLINKS: Final = [CURVE_INDEX["EyeBlinkLeft"], CURVE_INDEX["EyeBlinkRight"]]
_PAIRS: Final = (_BLINKS, [CURVE_INDEX["EyeWideLeft"], CURVE_INDEX["EyeWideRight"]])
_LEAST_BLINK: Final = 0.5
"""Closing of both eyes from which on a film is taken to show a blink."""
_MOST_BLINK_GAIN: Final = 1.8
_ONE_SIDED: Final = 0.3
"""Difference between the eyes that is noise; more is a wink."""


def _steepness(name: str) -> float:
    share = next((share for start, share in _SEEN_SHARES.items() if name.startswith(start)), 1.0)
    return min(1.0 / share, _MOST_STEEP)


_STEEPNESS: Final = np.array([_steepness(name) for name in CURVE_NAMES])


def corrected_curves(curves: Array) -> Array:
    """A clip's curves [n, 52] as landmarks tell them → as they are.

    Small values are scaled by the inverse of the share that is seen, larger ones less and less, so that what differs
    still differs at the top. The deepest blink of the film, if it has one, shuts the eyes: people's lids meet.
    """
    steep = 1.0 - (1.0 - np.clip(curves, 0, 1)) ** _STEEPNESS
    steep[:, _BLINKS] = np.clip(steep[:, _BLINKS] * _blink_gains(steep[:, _BLINKS]), 0, 1)
    for pair in _PAIRS:
        steep[:, pair] = _coupled(steep[:, pair])
    return np.asarray(steep)


def matched_opening(curves: Array, openings_mm: Array) -> Array:
    """Curves [n, 52] whose lips part as far as those seen do, openings [n] in millimetres more than at rest.

    Lips are found better than what moves them: all curves that part them are scaled by one factor, so that lips that
    were shut are shut, and a wide mouth is as wide as the driver's.
    """
    gaps, matched = lip_gaps(), curves.copy()
    # What it closes is the jaw's opening; of more, renderers make nothing.
    matched[:, _CLOSE] = np.minimum(matched[:, _CLOSE], matched[:, _JAW])
    parting = np.maximum(gaps, 0) * (np.abs(gaps) > _LEAST_PARTING_MM)
    parted, shut = matched @ parting, -(matched @ np.minimum(gaps, 0))
    wanted = _shown_opening(np.maximum(openings_mm, 0) / _SEEN_OPENING) + shut
    factors = np.clip(wanted / np.maximum(parted, 1e-6), 0, _MOST_OPENING_GAIN)
    # Millimetres that are noise neither open nor close a mouth.
    factors = np.where(parted < _LEAST_OPENING_MM, np.minimum(factors, 1), factors)
    matched[:, parting > 0] *= factors[:, None]
    return np.asarray(np.clip(matched, 0, 1))


def _shown_opening(openings_mm: Array) -> Array:
    """Openings that a portrait shows well: straight up to `_STRAIGHT_MM`, then bent, so that none is beyond."""
    beyond = np.maximum(openings_mm - _STRAIGHT_MM, 0)
    left = _WIDEST_MM - _STRAIGHT_MM
    return np.asarray(np.minimum(openings_mm, _STRAIGHT_MM) + left * np.tanh(beyond / left))


@cache
def lip_gaps() -> Array:
    """[52] by how many millimetres each curve's 1 parts the lips in the middle; negative where it shuts them."""
    basis = vertex_basis()
    return np.asarray(basis[:, LOWER_LIP_MIDDLE, 1] - basis[:, UPPER_LIP_MIDDLE, 1])


def corrected_poses(poses: Array) -> Array:
    """Poses [n, 6] with the turns that landmarks tell of → with those that are made."""
    return np.asarray(poses / [_SEEN_YAW, _SEEN_PITCH, 1.0, 1.0, 1.0, 1.0])


def _blink_gains(blinks: Array) -> Array:
    deepest = int(blinks.min(1).argmax())
    if blinks[deepest].mean() < _LEAST_BLINK:
        return np.ones(2)
    return np.asarray(np.minimum(1.0 / np.maximum(blinks[deepest], 1e-6), _MOST_BLINK_GAIN))


def _coupled(sides: Array) -> Array:
    """[n, 2] with what differs a little between left and right shared."""
    mean, apart = sides.mean(1), sides[:, 0] - sides[:, 1]
    kept = np.sign(apart) * np.maximum(np.abs(apart) - _ONE_SIDED, 0) / (1 - _ONE_SIDED) / 2
    return np.asarray(np.clip(np.stack([mean + kept, mean - kept], axis=1), 0, 1))
