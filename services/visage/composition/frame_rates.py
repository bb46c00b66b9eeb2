"""Which frame rate a stream has: the scene's, the curves' own, or 25."""

from __future__ import annotations

from fractions import Fraction

from visage.composition.values import MAX_FRAME_RATE, MIN_FRAME_RATE, Scene
from visage.runtime.errors import InvalidField
from visage.runtime.wire import DEFAULT_FRAME_RATE


def scene_frame_rate(scene: Scene) -> Fraction:
    """Returns the scene's frame rate, by default 25."""
    return scene.video.frame_rate or DEFAULT_FRAME_RATE


def agreed_frame_rate(scene: Scene, frame_rate: Fraction, field: str) -> Fraction:
    """Returns the frame rate that curves have.

    Args:
        scene: May give a frame rate as well.
        frame_rate: Of the curves.
        field: Path of the field that holds it.

    Raises:
        InvalidField: It is out of range, or the scene gives another.
    """
    if not MIN_FRAME_RATE <= frame_rate <= MAX_FRAME_RATE:
        bounds = f"{MIN_FRAME_RATE}-{MAX_FRAME_RATE}"
        raise InvalidField(field, f"must be between {bounds.replace('-', ' and ')} frames per second", bounds)
    if scene.video.frame_rate not in (None, frame_rate):
        raise InvalidField(field, f"differs from the scene's {scene.video.frame_rate}", str(scene.video.frame_rate))
    return frame_rate
