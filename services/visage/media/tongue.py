"""The 16 tongue shapes of Audio2Face-3D, and where each phone wants the tongue.

Names and order are those of NVIDIA Audio2Face-3D, where they follow the 52 of ARKit. Values were chosen by hand from
phonetic descriptions: the tip meets the ridge in t, d, n and l, the blade is grooved in s, the tip shows in th, the
back rises in k, the root draws back in aa.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.articulation import DIPHTHONGS
from visage.media.phones import PHONE_CLASSES

Array = NDArray[np.float32]

TONGUE_NAMES: Final[tuple[str, ...]] = (
    "TongueTipUp",
    "TongueTipDown",
    "TongueTipLeft",
    "TongueTipRight",
    "TongueRollUp",
    "TongueRollDown",
    "TongueRollLeft",
    "TongueRollRight",
    "TongueUp",
    "TongueDown",
    "TongueLeft",
    "TongueRight",
    "TongueIn",
    "TongueStretch",
    "TongueWide",
    "TongueNarrow",
)
TONGUE_COUNT: Final = len(TONGUE_NAMES)
TONGUE_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(TONGUE_NAMES)}

# Postures → tip up, tip down, roll up, up, down, in, stretch, wide, narrow. Speech moves no tongue sideways.
_SPOKEN: Final = tuple(
    f"Tongue{name}" for name in ("TipUp", "TipDown", "RollUp", "Up", "Down", "In", "Stretch", "Wide", "Narrow")
)
_POSES: Final[Mapping[str, tuple[float, ...]]] = {
    "sil p b m f v hh": (0, 0, 0, 0, 0, 0, 0, 0, 0),
    "th dh": (0.10, 0, 0, 0.05, 0, 0, 0.50, 0.30, 0),
    "t d": (0.85, 0, 0, 0.20, 0, 0, 0.10, 0.10, 0),
    "n": (0.85, 0, 0, 0.25, 0, 0, 0.08, 0.15, 0),
    "l": (0.90, 0, 0, 0.10, 0, 0, 0.12, 0, 0.45),
    "s z": (0.50, 0, 0, 0.30, 0, 0, 0.10, 0.35, 0),
    "sh zh": (0.25, 0, 0, 0.55, 0, 0.15, 0, 0.40, 0),
    "ch jh": (0.45, 0, 0, 0.50, 0, 0.12, 0, 0.35, 0),
    "k g ng": (0, 0.30, 0, 0.75, 0, 0.45, 0, 0.20, 0),
    "r er": (0.30, 0, 0.45, 0.20, 0, 0.35, 0, 0, 0.15),
    "w": (0, 0.10, 0, 0.45, 0, 0.45, 0, 0, 0.25),
    "y iy": (0, 0.15, 0, 0.60, 0, 0, 0.10, 0.45, 0),
    "ih e": (0, 0.12, 0, 0.45, 0, 0, 0.05, 0.35, 0),
    "eh": (0, 0.10, 0, 0.20, 0.05, 0, 0.05, 0.25, 0),
    "ae": (0, 0.15, 0, 0, 0.25, 0, 0.10, 0.25, 0),
    "a aa": (0, 0.10, 0, 0, 0.50, 0.25, 0, 0.10, 0),
    "ah": (0, 0.05, 0, 0, 0.35, 0.15, 0, 0.05, 0),
    "ax": (0, 0, 0, 0.08, 0.10, 0.05, 0, 0, 0),
    "ao o": (0, 0.10, 0, 0.05, 0.30, 0.40, 0, 0, 0.10),
    "uh": (0, 0.08, 0, 0.35, 0, 0.35, 0, 0, 0.15),
    "uw": (0, 0.10, 0, 0.50, 0, 0.45, 0, 0, 0.20),
    "ux": (0, 0.12, 0, 0.55, 0, 0, 0, 0.25, 0),
    "oe": (0, 0.10, 0, 0.35, 0, 0, 0, 0.20, 0),
}


def _table() -> Array:
    """[43, 16] pose of each phone class; a diphthong is the mean of the postures that it passes through."""
    postures = {name: pose for names, pose in _POSES.items() for name in names.split()}
    columns = [TONGUE_INDEX[name] for name in _SPOKEN]
    table = np.zeros((len(PHONE_CLASSES), TONGUE_COUNT), np.float32)
    for row, phone in enumerate(PHONE_CLASSES):
        passed = DIPHTHONGS.get(phone, (phone,))
        table[row, columns] = np.mean([postures[name] for name in passed], axis=0)
    return table


TONGUE_OF_PHONE: Final[Array] = _table()
"""[43, 16] coefficients in the order of `PHONE_CLASSES` and `TONGUE_NAMES`."""


def tongue_of(phones: Array) -> Array:
    """Returns [frames, 16] coefficients, 0..1, of a tongue that says [frames, 43] shares of phone classes."""
    pose: Array = np.clip(phones @ TONGUE_OF_PHONE, 0, 1).astype(np.float32)
    return pose
