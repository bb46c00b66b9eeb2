"""The quality gate: which photo can become an avatar, and why another one cannot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from visage.media.canonical_face import FACE_OVAL, fit_face
from visage.runtime.errors import FaceNotUsable
from visage.runtime.faces import Face

_DIRECTIONS: Final = {"yaw_degrees": "turned to the side", "pitch_degrees": "tilted up or down"}
_RESTING_PITCH_DEGREES: Final = -11.0
"""What the fit of the mean face reads on heads held upright: median of six portraits."""


class HeadAngles(NamedTuple):
    """Degrees; yaw > 0 faces the image's right, pitch > 0 looks up, roll > 0 tilts clockwise in the image."""

    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What a usable photo keeps to."""

    least_width_px: float = 80.0
    rival_share: float = 0.5
    """A second face this wide, relative to the widest, makes it unclear who is meant; a smaller one is background."""
    most_yaw_degrees: float = 42.0
    most_pitch_degrees: float = 25.0
    most_outside_share: float = 0.06
    """Share of the face's outline that may lie beyond the picture's border."""

    @property
    def most_degrees(self) -> dict[str, float]:
        """The largest turns either way; a tilt sideways does no harm, because framing takes it out."""
        return {"yaw_degrees": self.most_yaw_degrees, "pitch_degrees": self.most_pitch_degrees}


def single_face(faces: Sequence[Face], limits: GateLimits) -> Face:
    """Returns the face that is meant, of `faces` ordered by width.

    Raises:
        FaceNotUsable: no_face, or several_faces of comparable size.
    """
    if not faces:
        raise FaceNotUsable("no_face", "the picture shows no human face")
    rivals = [face for face in faces[1:] if face.width_px >= limits.rival_share * faces[0].width_px]
    if rivals:
        count = len(rivals) + 1
        raise FaceNotUsable(
            "several_faces",
            f"the picture shows {count} faces of comparable size",
            measure="faces",
            value=count,
            limit=1,
        )
    return faces[0]


def check_face(face: Face, width_px: int, height_px: int, limits: GateLimits, reduction: float = 1.0) -> None:
    """Checks a face in a picture of the given size, which is `reduction` times smaller than the photo as it was sent.

    Raises:
        FaceNotUsable: too_small, cut_off, or turned_too_far.
    """
    face_px = face.width_px * reduction
    if face_px < limits.least_width_px:
        raise FaceNotUsable(
            "too_small",
            f"the face is {face_px:.0f} pixels wide; {limits.least_width_px:g} are needed",
            measure="face_width_px",
            value=face_px,
            limit=limits.least_width_px,
        )
    outside = outside_share(face, width_px, height_px)
    if outside > limits.most_outside_share:
        raise FaceNotUsable(
            "cut_off",
            f"{outside:.0%} of the face's outline lies beyond the picture's border",
            measure="outside_share",
            value=outside,
            limit=limits.most_outside_share,
        )
    angles = head_angles(face)._asdict()
    for name, direction in _DIRECTIONS.items():
        most_degrees = limits.most_degrees[name]
        if abs(angles[name]) > most_degrees:
            raise FaceNotUsable(
                "turned_too_far",
                f"the head is {direction} by {abs(angles[name]):.0f} degrees; at most {most_degrees:g} are usable",
                measure=name,
                value=angles[name],
                limit=most_degrees,
            )


def head_angles(face: Face) -> HeadAngles:
    """Returns how the head is held, by the similarity that takes the mean face to its landmarks.

    The rotation is read as pitch first, then yaw, then roll.
    """
    rotation = fit_face(face.landmarks).rotation
    yaw = math.atan2(rotation[2, 0], math.hypot(rotation[2, 1], rotation[2, 2]))
    pitch = math.atan2(-rotation[2, 1], rotation[2, 2])
    roll = math.atan2(rotation[1, 0], rotation[0, 0])
    return HeadAngles(math.degrees(yaw), math.degrees(pitch) - _RESTING_PITCH_DEGREES, math.degrees(roll))


def outside_share(face: Face, width_px: int, height_px: int) -> float:
    """Returns the share 0..1 of the outline's points that lie beyond the border of a picture of that size."""
    points = face.landmarks[list(FACE_OVAL), :2]
    inside = (points >= 0).all(axis=1) & (points <= [width_px, height_px]).all(axis=1)
    return float(1 - np.mean(inside))
