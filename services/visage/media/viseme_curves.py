"""The 15 visemes ↔ curves and phones: weights of a mouth, and the mouth of weights.

Weights are 0..1 and sum to 1; `sil` is what no other viseme explains.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.arkit import CURVE_INDEX
from visage.media.articulation import DIPHTHONGS, EXPANSION, LOWER_FACE, LOWER_FACE_INDEX, TARGET
from visage.media.phones import PHONE_CLASSES
from visage.media.visemes import VISEME_INDEX, VISEMES, viseme_of

Array = NDArray[np.float32]

VISEME_COUNT: Final = len(VISEMES)
_JAW: Final = LOWER_FACE_INDEX["JawOpen"]
_CLOSE: Final = LOWER_FACE_INDEX["MouthClose"]
# Lips that meet over an open jaw say as much as a wide open mouth.
_MET_WEIGHT: Final = 0.4
_MET_JAW: Final = 0.04
_STEPS: Final = 120


def _members() -> NDArray[np.float32]:
    """[43, 15] ones where a phone class looks like a viseme."""
    table = np.zeros((len(PHONE_CLASSES), VISEME_COUNT), np.float32)
    for row, phone in enumerate(PHONE_CLASSES):
        table[row, VISEME_INDEX[viseme_of(phone)]] = 1
    return table


def _targets() -> Array:
    """[15, 17] mean pose of the phones that look like each viseme."""
    members = _members()
    poses = np.array([TARGET[DIPHTHONGS.get(phone, (phone,))[0]] for phone in PHONE_CLASSES], np.float32)
    means: Array = (members.T @ poses) / members.sum(axis=0)[:, None]
    return means


VISEMES_OF_PHONE: Final[Array] = _members()
"""[43, 15] in the order of `PHONE_CLASSES` and `VISEMES`."""
VISEME_TARGETS: Final[Array] = _targets()
"""[15, 17] lower-face curves in the order of `LOWER_FACE`."""
VISEME_CURVES: Final[Array] = VISEME_TARGETS @ EXPANSION
"""[15, 52] the same in ARKit order."""


def visemes_of_phones(phones: Array) -> Array:
    """Returns [frames, 15] weights of [frames, 43] shares of phone classes; what is missing to 1 is silence."""
    weights = np.clip(phones @ VISEMES_OF_PHONE, 0, 1).astype(np.float32)
    weights[:, 0] += np.maximum(1 - weights.sum(axis=1), 0)
    full: Array = np.minimum(weights, 1)
    return full


def visemes_of_curves(curves: Array) -> Array:
    """Returns the [frames, 15] weights whose mouth is nearest to [frames, 52] curves.

    Least squares over weights that are not negative and sum to 1, by projected gradients; rows do not depend on each
    other.
    """
    seen = _features(curves @ _contraction())
    basis = _features(VISEME_TARGETS)
    step = np.float32(1 / np.linalg.norm(basis @ basis.T, 2))
    weights: Array = np.full((len(curves), VISEME_COUNT), 1 / VISEME_COUNT, np.float32)
    ahead, momentum = weights, 1.0
    for _ in range(_STEPS):
        error: Array = ahead @ basis - seen
        moved = _on_simplex(ahead - step * (error @ basis.T))
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = moved + np.float32((momentum - 1) / following) * (moved - weights)
        weights, momentum = moved, following
    return weights


def curves_of_visemes(weights: Array) -> Array:
    """Returns [frames, 52] curves of [frames, 15] weights; lips of a full `pp` meet."""
    curves = np.clip(weights, 0, 1) @ VISEME_CURVES
    jaw, close = CURVE_INDEX["JawOpen"], CURVE_INDEX["MouthClose"]
    # A p that is half spoken presses no lips; one that is nearly all of the frame does.
    met = np.clip((weights[:, VISEME_INDEX["pp"]] - 0.5) / 0.35, 0, 1)
    curves[:, close] = np.maximum(curves[:, close], met * curves[:, jaw])
    mouth: Array = np.clip(curves, 0, 1).astype(np.float32)
    return mouth


def _contraction() -> Array:
    """[52, 17] mean of twins: the inverse of `EXPANSION` on faces that are the same on both sides."""
    contraction: Array = (EXPANSION / EXPANSION.sum(axis=1, keepdims=True)).T
    return contraction


def _features(lower_face: Array) -> Array:
    """[frames, 17] with the jaw as far as it parts the lips, and how surely they meet instead of MouthClose."""
    jaw, close = lower_face[:, _JAW], lower_face[:, _CLOSE]
    features = lower_face.copy()
    features[:, _JAW] = np.maximum(jaw - close, 0)
    share = np.clip(close / np.maximum(jaw, _MET_JAW), 0, 1)
    features[:, _CLOSE] = _MET_WEIGHT * share**2
    assert features.shape[1] == len(LOWER_FACE)
    return features


def _on_simplex(values: Array) -> Array:
    """The nearest rows that are not negative and sum to 1 (Held, Wolfe & Crowder, 1974)."""
    falling = -np.sort(-values, axis=1)
    excess = np.cumsum(falling, axis=1) - 1
    count = np.arange(1, values.shape[1] + 1, dtype=np.float32)
    kept = (falling - excess / count > 0).sum(axis=1)
    shift = excess[np.arange(len(values)), kept - 1] / kept
    nearest: Array = np.maximum(values - shift[:, None], 0).astype(np.float32)
    return nearest
