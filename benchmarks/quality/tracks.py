"""Curves and poses that are rendered to be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.renderer.contact_sheets import TALK, VISEMES
from models.renderer.rendering import curve_vector
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.curves import POSE_COUNT, POSE_NAMES

Array = npt.NDArray[np.float64]

LEVELS: Final[Array] = np.array([0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0])
"""Eight, which is one item of the renderer."""

RAMPS: Final[dict[str, dict[str, float]]] = {
    "jaw": {"JawOpen": 1},
    "smile": {"MouthSmile": 1},
    "frown": {"MouthFrown": 1},
    "pucker": {"MouthPucker": 1},
    "funnel": {"MouthFunnel": 1},
    "upper lip": {"MouthUpperUp": 1},
    "lower lip": {"MouthLowerDown": 1},
    "mouth aside": {"MouthLeft": 1},
    "blink": {"EyeBlink": 1},
    "eyes wide": {"EyeWide": 1},
    "brows, inner": {"BrowInnerUp": 1},
    "brows, outer": {"BrowOuterUp": 1},
    "brows down": {"BrowDown": 1},
    "gaze left": {"EyeLookOutLeft": 1, "EyeLookInRight": 1},
    "gaze right": {"EyeLookInLeft": 1, "EyeLookOutRight": 1},
    "gaze up": {"EyeLookUp": 1},
    "gaze down": {"EyeLookDown": 1},
}
"""What is raised in eight levels, each alone."""

TURNS: Final[tuple[tuple[str, float], ...]] = (
    ("yaw_degrees", 18), ("yaw_degrees", -18), ("pitch_degrees", 13), ("pitch_degrees", -13),
    ("roll_degrees", 15), ("roll_degrees", -15),
)  # fmt: skip
"""How far the head is turned in eight levels, about one axis at a time."""

CLOSED: Final[dict[str, dict[str, float]]] = {
    "M": VISEMES["M"],
    "M over an open jaw": {"JawOpen": 0.35, "MouthClose": 0.35, "MouthPress": 0.3},
    "M while smiling": VISEMES["M"] | {"MouthSmile": 0.5},
    "M while puckering": VISEMES["M"] | {"MouthPucker": 0.4},
    "closed, jaw half open": {"JawOpen": 0.5, "MouthClose": 0.5},
    "pressed": {"MouthPress": 0.7},
}
"""Mixtures that close the lips, as M, B and P do."""

_STEPS_PER_VISEME: Final = 3
_BLINK: Final = (0.3, 0.8, 1.0, 0.7, 0.3, 0.1)


@dataclass(frozen=True, eq=False)
class Track:
    """curves: [n, 52]; poses: [n, 6]."""

    curves: Array
    poses: Array


def ramps() -> Track:
    """All `RAMPS`, then all `TURNS`, eight frames each."""
    curves = [LEVELS[:, None] * curve_vector(weights) for weights in RAMPS.values()]
    turns = []
    for axis, degrees in TURNS:
        pose = np.zeros((len(LEVELS), POSE_COUNT))
        pose[:, POSE_NAMES.index(axis)] = LEVELS * degrees
        turns.append(pose)
    still, neutral = np.zeros((len(RAMPS) * len(LEVELS), POSE_COUNT)), np.zeros((len(TURNS) * len(LEVELS), CURVE_COUNT))
    return Track(np.concatenate([*curves, neutral]), np.concatenate([still, *turns]))


def talking() -> Track:
    """A sentence's shapes with the ways between them, two blinks and a moving head; starts at rest."""
    targets = np.stack([curve_vector({}), *(curve_vector(VISEMES[name]) for name in TALK)]).astype(np.float64)
    places = np.arange(0, len(targets) - 1, 1 / _STEPS_PER_VISEME)
    share = places % 1
    share = (share * share * (3 - 2 * share))[:, None]
    before = np.floor(places).astype(int)
    curves = targets[before] * (1 - share) + targets[before + 1] * share
    for start in (8, 36):
        for side in ("Left", "Right"):
            curves[start : start + len(_BLINK), CURVE_INDEX[f"EyeBlink{side}"]] = _BLINK
    time = np.arange(len(curves)) / len(curves) * 2 * np.pi
    poses = np.zeros((len(curves), POSE_COUNT))
    poses[:, :3] = np.stack([7 * np.sin(time), 3 * np.sin(2 * time), 3 * np.sin(time)], 1)
    return Track(curves, poses)


def slow_turn(degrees: float = 8.0, count: int = 32) -> Track:
    """The face at rest on a head that turns slowly from one side to the other."""
    poses = np.zeros((count, POSE_COUNT))
    poses[:, 0] = np.linspace(-degrees, degrees, count)
    return Track(np.zeros((count, CURVE_COUNT)), poses)


def extreme_poses() -> Track:
    """The ends of what the issue of the pose range promises: 20 degrees of yaw and roll, 15 of pitch, and pairs."""
    angles = [
        (yaw, pitch, roll)
        for yaw, pitch, roll in (
            (20, 0, 0), (-20, 0, 0), (0, 15, 0), (0, -15, 0), (0, 0, 20), (0, 0, -20),
            (14, 10, 0), (14, -10, 0), (-14, 10, 0), (-14, -10, 0), (14, 0, 14), (-14, 0, -14),
        )
    ]  # fmt: skip
    poses = np.zeros((len(angles), POSE_COUNT))
    poses[:, :3] = angles
    return Track(np.zeros((len(angles), CURVE_COUNT)), poses)
