"""How a picture is described on the command line: 720x1280, yaw=10,pitch=-5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import typer

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
    angles = _numbers(_pairs(orbit, _ORBIT, "--orbit"), "--orbit")
    shift = _numbers(_pairs(pan, _PAN, "--pan"), "--pan")
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
    pairs = dict(_pairs(text, _LIGHT, "--light"))
    color = pairs.pop("color", "#ffffff")
    numbers = _numbers(pairs, "--light")
    angles = {f"{name}_degrees": numbers[name] for name in ("azimuth", "elevation") if name in numbers}
    return KeyLight(color=color, intensity=numbers.get("intensity", 1.0), **angles)


def _pairs(text: str, names: tuple[str, ...], option: str) -> dict[str, str]:
    """Returns what "a=1,b=2" says; each name is one of `names` and stands once."""
    pairs: dict[str, str] = {}
    for part in text.split(",") if text else ():
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name not in names or name in pairs:
            wanted = ",".join(f"{known}=…" for known in names)
            raise typer.BadParameter(f"expected {wanted}, each at most once, not {part!r}", param_hint=option)
        pairs[name] = value
    return pairs


def _numbers(pairs: Mapping[str, str], option: str) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, value in pairs.items():
        try:
            numbers[name] = float(value)
        except ValueError:
            raise typer.BadParameter(f"{name} must be a number, not {value!r}", param_hint=option) from None
    return numbers
