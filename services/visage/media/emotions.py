"""The ten emotions, by the names that Audio2Face-3D uses, in the order of their weights."""

from __future__ import annotations

from typing import Final

EMOTIONS: Final[tuple[str, ...]] = (
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
EMOTION_COUNT: Final = len(EMOTIONS)
EMOTION_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(EMOTIONS)}
"""Emotion name → place in a row of weights."""
