"""How a face performs, on the command line: --emotion joy=0.7@1.5 --gaze yaw=10,pitch=-5 --seed 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from visage.cli.pairs import read_number, read_numbers, read_pairs
from visage.client import PerformanceControls, performance_controls

_GAZE: Final = ("yaw", "pitch")
EMOTIONS: Final = (
    "amazement",
    "anger",
    "cheekiness",
    "disgust",
    "fear",
    "grief",
    "joy",
    "outofbreath",
    "pain",
    "sadness",
)
"""Names that the service knows."""

EmotionOption = Annotated[
    list[str] | None,
    typer.Option(
        help="joy=0.7, or joy=0.7@1.5: from 1.5 s on, until the same emotion is named again. Repeatable. Names: "
        f"{', '.join(EMOTIONS)}."
    ),
]
GazeOption = Annotated[
    str, typer.Option(help="Where the eyes look, in degrees from the viewer: yaw=10,pitch=-5 (right, up).")
]
SeedOption = Annotated[int, typer.Option(help="Same seed, same motion.")]


def read_controls(seed: int, emotion: Sequence[str] | None, gaze: str) -> PerformanceControls:
    """Returns the controls of the options --seed, --emotion and --gaze."""
    looks = read_numbers(read_pairs(gaze, _GAZE, "--gaze"), "--gaze")
    try:
        return performance_controls(
            seed=seed,
            emotion=_keys(emotion) if emotion else None,
            gaze=(looks.get("yaw", 0.0), looks.get("pitch", 0.0)) if gaze else None,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _keys(emotion: Sequence[str]) -> list[tuple[float, dict[str, float]]]:
    """Emotions at each time that is named: a weight holds from its time on, until its emotion is named again."""
    changes: list[tuple[float, str, float]] = []
    for text in emotion:
        name, equals, rest = (piece.strip() for piece in text.partition("="))
        weight, at, start = rest.partition("@")
        if not equals or not name:
            raise typer.BadParameter(f"expected joy=0.7 or joy=0.7@1.5, not {text!r}", param_hint="--emotion")
        start_s = read_number(f"the time of {name}", start, "--emotion") if at else 0.0
        if start_s < 0:
            raise typer.BadParameter(f"the time of {name} must not be negative", param_hint="--emotion")
        changes.append((start_s, name, read_number(name, weight, "--emotion")))
    changes.sort(key=lambda change: change[0])
    weights: dict[str, float] = {}
    keys: dict[float, dict[str, float]] = {}
    for start_s, name, share in changes:
        weights = weights | {name: share}
        keys[start_s] = weights
    return list(keys.items())
