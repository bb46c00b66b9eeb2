"""What each emotion does to a face: curves at full weight, and the manner of gaze, lids, head, breath and jaw.

The faces are the prototypes of FACS written as ARKit curves. Action unit → curve: 1 BrowInnerUp, 2 BrowOuterUp,
4 BrowDown, 5 EyeWide, 6 CheekSquint, 7 EyeSquint, 9 NoseSneer, 10 MouthUpperUp, 12 MouthSmile, 14 MouthDimple,
15 MouthFrown, 16 MouthLowerDown, 17 MouthShrugLower, 20 MouthStretch, 22 MouthFunnel, 23 and 24 MouthPress, 26 JawOpen,
43 EyeBlink. Sources: Ekman, Friesen & Hager, "FACS Investigator's Guide", 2002 (prototypes of surprise 1+2+5+26, anger
4+5+7+23, disgust 9+10+17, fear 1+2+4+5+20, joy 6+12, sadness 1+4+15+17); Prkachin & Solomon, "The structure,
reliability and validity of pain expression", 2008 (pain 4+6+7+9+10+43); Du, Tao & Martinez, "Compound facial
expressions of emotion", 2014. Grief is sadness with lids and cheeks drawn together; cheekiness is a smile of one
side (12+14) with the other brow raised (2); being out of breath opens mouth and nostrils.

Gaze, head and pace: Wallbott, "Bodily expression of emotion", 1998; Adams & Kleck, "Perceived gaze direction and
the processing of facial displays of emotion", 2003 (sadness and fear look away, anger and joy do not); Boiten,
Frijda & Wientjes, "Emotions and respiratory patterns", 1994. Sizes were chosen by looking at rendered faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visage.media.arkit import CURVE_COUNT, CURVE_INDEX, CURVE_NAMES
from visage.media.emotions import EMOTIONS

Array = NDArray[np.float32]


class Manner(NamedTuple):
    """How a mood moves what is not skin.

    Attributes:
        yaw: Degrees that are added to the head's posture, as are `pitch` and `roll`.
        z: Millimetres away from the viewer.
        motion: Scale of sway and nods.
        gaze_x: Degrees to the image's right where the eyes like to rest, `gaze_y` up.
        fixation: Scale of how long a look lasts.
        glances: Scale of how often the eyes look aside.
        blinks: Scale of the blink rate.
        breath_rate: Scale of breaths a minute, `breath_depth` of their depth.
        mouth_breath: JawOpen of a mouth that breathes in pauses.
        jaw: Scale of how far speech opens the mouth.
        stress: Scale of how much brows mark accents.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    z: float = 0.0
    motion: float = 1.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    fixation: float = 1.0
    glances: float = 1.0
    blinks: float = 1.0
    breath_rate: float = 1.0
    breath_depth: float = 1.0
    mouth_breath: float = 0.0
    jaw: float = 1.0
    stress: float = 1.0


NEUTRAL: Final = Manner()

# A name without a side means both.
_FACES: Final[Mapping[str, Mapping[str, float]]] = {
    "amazement": {
        "BrowInnerUp": 0.85, "BrowOuterUp": 0.85, "EyeWide": 0.80, "JawOpen": 0.16, "MouthFunnel": 0.12,
        "MouthUpperUp": 0.06,
    },
    "anger": {
        "BrowDown": 1.00, "EyeSquint": 0.50, "EyeWide": 0.22, "NoseSneer": 0.48, "MouthPress": 0.55, "MouthFrown": 0.30,
        "MouthUpperUp": 0.14, "MouthLowerDown": 0.14, "JawForward": 0.25, "MouthShrugLower": 0.15,
    },
    "cheekiness": {
        "MouthSmileLeft": 0.90, "MouthSmileRight": 0.20, "MouthDimpleLeft": 0.45, "MouthLeft": 0.18,
        "CheekSquintLeft": 0.65, "CheekSquintRight": 0.15, "EyeSquintLeft": 0.60, "EyeSquintRight": 0.10,
        "BrowDownLeft": 0.40, "BrowOuterUpRight": 0.90, "BrowInnerUp": 0.10,
    },
    "disgust": {
        "NoseSneer": 0.95, "MouthUpperUp": 0.42, "BrowDown": 0.50, "EyeSquint": 0.55, "CheekSquint": 0.50,
        "MouthFrown": 0.40, "MouthShrugLower": 0.35, "MouthLowerDown": 0.10,
    },
    "fear": {
        "BrowInnerUp": 0.90, "BrowOuterUp": 0.30, "BrowDown": 0.30, "EyeWide": 0.95, "MouthStretch": 0.60,
        "MouthLowerDown": 0.22, "MouthFrown": 0.15, "JawOpen": 0.06,
    },
    "grief": {
        "BrowInnerUp": 1.00, "BrowDown": 0.45, "EyeSquint": 0.60, "CheekSquint": 0.45, "EyeBlink": 0.08,
        "MouthFrown": 0.90, "MouthShrugLower": 0.55, "MouthStretch": 0.28, "MouthPress": 0.20, "NoseSneer": 0.12,
    },
    "joy": {
        "MouthSmile": 0.90, "CheekSquint": 0.85, "EyeSquint": 0.30, "MouthDimple": 0.18, "MouthUpperUp": 0.22,
        "MouthLowerDown": 0.08, "BrowOuterUp": 0.12, "BrowInnerUp": 0.08,
    },
    "outofbreath": {
        "BrowInnerUp": 0.40, "BrowOuterUp": 0.15, "NoseSneer": 0.20, "MouthUpperUp": 0.12, "MouthLowerDown": 0.20,
        "MouthFunnel": 0.12, "EyeBlink": 0.10,
    },
    "pain": {
        "BrowDown": 0.85, "BrowInnerUp": 0.25, "EyeSquint": 0.85, "CheekSquint": 0.75, "EyeBlink": 0.24,
        "NoseSneer": 0.55, "MouthUpperUp": 0.28, "MouthStretch": 0.70, "MouthLowerDown": 0.24,
    },
    "sadness": {
        "BrowInnerUp": 0.75, "BrowDown": 0.15, "MouthFrown": 0.75, "MouthShrugLower": 0.30, "EyeBlink": 0.12,
        "EyeSquint": 0.10,
    },
}  # fmt: skip

_MANNERS: Final[Mapping[str, Manner]] = {
    "amazement": Manner(
        pitch=1.5, z=4, motion=0.9, fixation=1.5, glances=0.3, blinks=0.6, jaw=1.12, stress=1.2, breath_depth=1.3,
    ),
    "anger": Manner(
        pitch=-2.0, z=-9, motion=1.2, fixation=1.6, glances=0.3, blinks=0.7, breath_rate=1.3, breath_depth=1.3,
        jaw=1.12, stress=0.5,
    ),
    "cheekiness": Manner(
        yaw=-3.0, pitch=-1.0, roll=5.0, z=-2, motion=1.2, glances=1.5, jaw=1.0,
    ),
    "disgust": Manner(
        yaw=3.5, pitch=1.5, roll=-1.5, z=8, motion=0.8, gaze_x=-1.0, gaze_y=-1.5, glances=1.6, blinks=1.1, jaw=0.92,
        stress=0.6,
    ),
    "fear": Manner(
        pitch=1.0, z=10, motion=0.8, fixation=0.6, glances=1.8, blinks=1.3, breath_rate=1.6, breath_depth=0.8,
        mouth_breath=0.05, jaw=0.95, stress=0.7,
    ),
    "grief": Manner(
        pitch=-5.0, roll=2.5, z=2, motion=0.6, gaze_x=1.5, gaze_y=-10.0, fixation=1.6, glances=1.3, blinks=1.3,
        breath_rate=1.5, breath_depth=1.5, mouth_breath=0.03, jaw=0.88, stress=0.5,
    ),
    "joy": Manner(
        pitch=1.2, roll=1.5, z=-2, motion=1.25, blinks=1.1, breath_rate=1.1, jaw=1.10, stress=1.2,
    ),
    "outofbreath": Manner(
        pitch=1.5, motion=0.9, glances=0.8, blinks=1.1, breath_rate=2.8, breath_depth=2.4, mouth_breath=0.26,
        jaw=1.05, stress=0.8,
    ),
    "pain": Manner(
        pitch=-1.5, roll=-3.0, z=4, motion=0.8, gaze_y=-2.0, glances=1.4, blinks=1.4, breath_rate=1.7,
        breath_depth=1.2, jaw=0.95, stress=0.5,
    ),
    "sadness": Manner(
        pitch=-3.5, roll=1.5, z=2, motion=0.55, gaze_x=1.0, gaze_y=-7.0, fixation=1.5, glances=1.2, blinks=0.9,
        breath_rate=0.85, breath_depth=1.2, jaw=0.85, stress=0.5,
    ),
}  # fmt: skip


def _faces() -> Array:
    """[10, 52] curves of each emotion at weight 1, its stronger side left."""
    table = np.zeros((len(EMOTIONS), CURVE_COUNT), np.float32)
    for row, emotion in enumerate(EMOTIONS):
        for name, value in _FACES[emotion].items():
            for twin in (name, f"{name}Left", f"{name}Right"):
                if twin in CURVE_INDEX:
                    table[row, CURVE_INDEX[twin]] = value
    return table


def _mirror() -> NDArray[np.intp]:
    """[52] place of each curve's twin on the other side."""
    swapped = {"Left": "Right", "Right": "Left"}
    twins = []
    for name in CURVE_NAMES:
        side = next((side for side in swapped if name.endswith(side)), "")
        twins.append(CURVE_INDEX[name.removesuffix(side) + swapped[side]] if side else CURVE_INDEX[name])
    return np.array(twins, np.intp)


def _differences() -> Array:
    """[10, manner] what each emotion at weight 1 adds to the neutral manner."""
    return np.array([np.subtract(_MANNERS[emotion], NEUTRAL) for emotion in EMOTIONS], np.float32)


FACES: Final[Array] = _faces()
"""[10, 52] curves of each emotion at weight 1, its stronger side left."""
MIRRORED_FACES: Final[Array] = FACES[:, _mirror()]
"""[10, 52] the same with the stronger side right."""
_DIFFERENCES: Final[Array] = _differences()
_NEUTRAL: Final[Array] = np.array(NEUTRAL, np.float32)
# What has a side is mirrored with the face.
_SIDED: Final = np.array([name in ("yaw", "roll", "gaze_x") for name in Manner._fields])


def manners_of(weights: Array, sides: Array) -> list[Manner]:
    """Mixtures of manners for [ticks, 10] weights; `sides` run from 0, the stronger side left, to 1, right."""
    if not weights.any():
        return [NEUTRAL] * len(weights)
    mixed = weights @ _DIFFERENCES
    mixed[:, _SIDED] *= 1 - 2 * sides[:, None]
    return [Manner(*row) for row in (_NEUTRAL + mixed).tolist()]
