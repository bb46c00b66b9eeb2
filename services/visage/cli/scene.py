"""How a picture is described on the command line: 720x1280, yaw=10,pitch=-5."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import typer

from visage.cli.pairs import read_numbers, read_pairs
from visage.client import Camera, KeyLight

_SIZE: Final = re.compile(r"(\d+)x(\d+)")
_ORBIT: Final = ("yaw", "pitch", "roll")
_PAN: Final = ("x", "y")
_LIGHT: Final = ("azimuth", "elevation", "intensity", "color")


class Framing(StrEnum):
    """What a picture holds."""

    BUST = "bust"
    HEAD = "head"
    FACE = "face"


def read_size(text: str) -> tuple[int, int]:
    """Returns width and height of "512x512"."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"a size is written WIDTHxHEIGHT, such as 720x1280, not {text!r}", param_hint="--size")
    return int(match[1]), int(match[2])


def read_camera(framing: str, zoom: float, orbit: str, pan: str) -> Camera:
    """Returns the camera of the options --framing, --zoom, --orbit and --pan."""
    angles = read_numbers(read_pairs(orbit, _ORBIT, "--orbit"), "--orbit")
    shift = read_numbers(read_pairs(pan, _PAN, "--pan"), "--pan")
    return Camera(
        framing=framing,
        zoom=zoom,
        **{f"{name}_degrees": value for name, value in angles.items()},
        **{f"pan_{name}": value for name, value in shift.items()},
    )


def read_light(text: str) -> KeyLight | None:
    """Returns the lamp of the option --light; None where it is not given."""
    if not text:
        return None
    pairs = dict(read_pairs(text, _LIGHT, "--light"))
    color = pairs.pop("color", "#ffffff")
    numbers = read_numbers(pairs, "--light")
    angles = {f"{name}_degrees": numbers[name] for name in ("azimuth", "elevation") if name in numbers}
    return KeyLight(color=color, intensity=numbers.get("intensity", 1.0), **angles)
