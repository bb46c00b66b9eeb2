"""Fixed mixtures of curves that drive lids, gaze, jaw and neutralisation. One column per target, one row per curve."""

from __future__ import annotations

import torch
from torch import Tensor

from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.portrait import JAW_DROP_MM

_SIDES = ("Left", "Right")


def mixture(*columns: dict[str, float]) -> Tensor:
    """float32 [52, len(columns)]; a name without side stands for both sides."""
    matrix = torch.zeros(CURVE_COUNT, len(columns))
    for column, weights in enumerate(columns):
        for name, weight in weights.items():
            for curve in (name,) if name in CURVE_INDEX else tuple(f"{name}{side}" for side in _SIDES):
                matrix[CURVE_INDEX[curve], column] = weight
    return matrix


def lid_closing() -> Tensor:
    """How far each upper lid closes, 1 = shut."""
    return mixture(
        *(
            {
                f"EyeBlink{side}": 1.0, f"EyeSquint{side}": 0.22, f"EyeLookDown{side}": 0.38,
                f"EyeWide{side}": -0.30, f"CheekSquint{side}": 0.08, f"EyeLookUp{side}": -0.10,
            }
            for side in _SIDES
        )
    )  # fmt: skip


def lower_lid_rise() -> Tensor:
    """How far each lower lid rises, in units of the lower-lid displacement."""
    return mixture(
        *(
            {
                f"EyeBlink{side}": 1.0, f"EyeSquint{side}": 2.2, f"EyeLookDown{side}": -0.6,
                f"EyeWide{side}": -0.5, f"CheekSquint{side}": 1.2, f"MouthSmile{side}": 0.5,
            }
            for side in _SIDES
        )
    )  # fmt: skip


def gaze_angles() -> Tensor:
    """Radians to image right and down for the left eye, then the right eye."""
    down, up = 0.34, -0.32
    return mixture(
        {"EyeLookInLeft": -0.5, "EyeLookOutLeft": 0.5},
        {"EyeLookDownLeft": down, "EyeLookUpLeft": up},
        {"EyeLookInRight": 0.5, "EyeLookOutRight": -0.5},
        {"EyeLookDownRight": down, "EyeLookUpRight": up},
    )


def smile_release() -> Tensor:
    """How far the photo's own smile is taken off, 0..1: a mouth that speaks does not smile unless it is asked to."""
    return mixture(
        {
            "MouthPucker": 1.2, "MouthFunnel": 1.2, "JawOpen": 1.3, "MouthFrown": 0.5, "MouthPress": 0.6,
            "MouthRollLower": 0.9, "MouthRollUpper": 0.5, "MouthLowerDown": 0.4, "MouthSmile": -0.35,
        }
    )  # fmt: skip


def lip_parting() -> Tensor:
    """How far the lower lip is free of the upper lip's imprint, 0..1."""
    return mixture({"JawOpen": 4.0, "MouthClose": -4.0, "MouthFunnel": 0.8, "MouthUpperUp": 0.7, "MouthLowerDown": 0.8})


def jaw_travel() -> Tensor:
    """Lower teeth and tongue in millimetres, right and down."""
    return mixture(
        {"JawLeft": 7.5, "JawRight": -7.5},
        {"JawOpen": JAW_DROP_MM * 1.06, "JawForward": 1.0},
    )


def curve_positions(names: tuple[str, ...]) -> Tensor:
    """Positions of `names` in the curve vector, int64."""
    return torch.tensor([CURVE_INDEX[name] for name in names], dtype=torch.int64)
