"""The channel layouts, by their resource names, and what a mouth looks like in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from visage.media.arkit import CURVE_NAMES
from visage.media.curves import ARKIT_SCHEMA
from visage.media.tongue import TONGUE_NAMES
from visage.media.visemes import VISEMES

TONGUE_SCHEMA: Final = "curveSchemas/arkit-68"
VISEME_SCHEMA: Final = "curveSchemas/visemes-15"


@dataclass(frozen=True, slots=True)
class CurveSchema:
    """A channel layout: resource name, channels in order, and what it is."""

    name: str
    channels: tuple[str, ...]
    description: str

    @property
    def is_face(self) -> bool:
        """Whether it starts with the 52 curves of ARKit."""
        return self.channels[: len(CURVE_NAMES)] == CURVE_NAMES


SCHEMAS: Final[dict[str, CurveSchema]] = {
    schema.name: schema
    for schema in (
        CurveSchema(
            ARKIT_SCHEMA,
            CURVE_NAMES,
            "The 52 blend shapes of Apple ARKit, 0..1; left and right are the subject's own.",
        ),
        CurveSchema(
            TONGUE_SCHEMA,
            CURVE_NAMES + TONGUE_NAMES,
            "ARKit's 52 and the 16 tongue shapes of Audio2Face-3D, 0..1; pictures do not show these.",
        ),
        CurveSchema(
            VISEME_SCHEMA,
            VISEMES,
            "Weights of the 15 visemes of Oculus LipSync, 0..1 with sum 1: the mouth alone.",
        ),
    )
}
"""Resource name → layout, in the order in which they are listed."""
