"""The ten emotions, by the names that Audio2Face-3D uses, in the order of their weights."""

from __future__ import annotations

from collections.abc import Mapping
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

STYLE_EMOTIONS: Final[Mapping[str, Mapping[str, float]]] = {
    "joy": {"joy": 0.7},
    "anger": {"anger": 0.7},
    "sadness": {"sadness": 0.7},
    "fear": {"fear": 0.7},
    "surprise": {"amazement": 0.7},
}
"""Style of a synthesised voice → what the face feels where nobody says; other styles are neutral."""
