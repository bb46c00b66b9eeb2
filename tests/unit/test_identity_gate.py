"""The quality gate, on the mean face held in known ways."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from visage.identity.gate import GateLimits, check_face, head_angles, outside_share, single_face
from visage.media.canonical_face import canonical_vertices
from visage.runtime.errors import FaceNotUsable
from visage.runtime.faces import Face

pytestmark = pytest.mark.unit

LIMITS = GateLimits()
FRAME = (600, 600)
REST = 11.0
"""How far the mean face must be lowered, in degrees, to be held as people hold theirs."""


def turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> npt.NDArray[np.float64]:
    """Rotation for angles in degrees: x to the image's right, y down, z away."""
    y, p, r = (math.radians(angle) for angle in (yaw, pitch, roll))
    about_y = np.array([[math.cos(y), 0, -math.sin(y)], [0, 1, 0], [math.sin(y), 0, math.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(p), math.sin(p)], [0, -math.sin(p), math.cos(p)]])
    about_z = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def face(
    centre: tuple[float, float] = (300, 300), px_per_mm: float = 1.5, yaw: float = 0, pitch: float = 0, roll: float = 0
) -> Face:
    """The mean face in a picture."""
    vertices = np.vstack([canonical_vertices(), np.zeros((10, 3))])
    points = vertices @ turned(yaw, pitch - REST, roll).T * px_per_mm
    points[:, :2] += centre
    return Face(points, 1.0)


def cause_of(seen: Face) -> str:
    with pytest.raises(FaceNotUsable) as caught:
        check_face(seen, *FRAME, LIMITS)
    assert caught.value.metadata["cause"] == caught.value.cause
    assert caught.value.metadata["measure"]
    assert float(caught.value.metadata["value"]) != float(caught.value.metadata["limit"])
    return caught.value.cause


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0, 0, 0), (30, 0, 0), (-30, 0, 0), (0, 20, 0), (0, -20, 0), (0, 0, 25), (20, 10, -15)]
)
def test_angles_are_read(yaw: float, pitch: float, roll: float) -> None:
    """How the head is held is read from the landmarks, with the documented signs."""
    angles = head_angles(face(yaw=yaw, pitch=pitch, roll=roll))

    assert angles.yaw_degrees == pytest.approx(yaw, abs=0.5)
    assert angles.pitch_degrees == pytest.approx(pitch, abs=0.5)
    assert angles.roll_degrees == pytest.approx(roll, abs=0.5)


def test_usable_face() -> None:
    """A face held upright within the picture passes."""
    check_face(face(yaw=35, pitch=15, roll=-20), *FRAME, LIMITS)


def test_width_is_free_of_yaw() -> None:
    """Turning the head does not make the face smaller."""
    assert face(yaw=40).width_px == pytest.approx(face().width_px, rel=1e-6)


def test_too_small() -> None:
    """A face of less than 80 pixels is too small, one of more is not."""
    width_px = face(px_per_mm=1.0).width_px
    check_face(face(px_per_mm=81 / width_px), *FRAME, LIMITS)

    assert cause_of(face(px_per_mm=79 / width_px)) == "too_small"


@pytest.mark.parametrize("angles", [{"yaw": 45}, {"yaw": -45}, {"pitch": 32}, {"pitch": -32}, {"yaw": 45, "roll": 80}])
def test_turned_too_far(angles: dict[str, float]) -> None:
    """A head turned or tilted beyond the limits is refused."""
    assert cause_of(face(**angles)) == "turned_too_far"


@pytest.mark.parametrize("roll", [-170, -90, 60, 90, 135, 180])
def test_any_roll_is_usable(roll: float) -> None:
    """A tilt sideways is no obstacle, up to a face upside down; its angle is read."""
    seen = face(yaw=20, roll=roll)
    check_face(seen, *FRAME, LIMITS)

    assert math.cos(math.radians(head_angles(seen).roll_degrees - roll)) > 0.999
    assert head_angles(seen).yaw_degrees == pytest.approx(20, abs=0.5)


def test_reduced_photo_counts_as_it_was_sent() -> None:
    """A photo that was reduced while it was decoded is measured by its own pixels."""
    seen = face(px_per_mm=70 / face(px_per_mm=1.0).width_px)
    check_face(seen, *FRAME, LIMITS, reduction=2.0)

    assert cause_of(seen) == "too_small"


@pytest.mark.parametrize("centre", [(40, 300), (560, 300), (300, 30), (300, 520)])
def test_cut_off(centre: tuple[float, float]) -> None:
    """A face that the picture's border cuts is refused, on each side."""
    assert cause_of(face(centre)) == "cut_off"


def test_touching_the_border() -> None:
    """A few points of the outline beyond the border are not a cut face."""
    left_px = float(face().landmarks[:, 0].min())
    seen = face((300 - left_px - 1, 300))

    assert 0 < outside_share(seen, *FRAME) <= LIMITS.most_outside_share
    check_face(seen, *FRAME, LIMITS)


def test_no_face() -> None:
    """A picture without a face is refused."""
    with pytest.raises(FaceNotUsable) as caught:
        single_face([], LIMITS)
    assert caught.value.cause == "no_face"


def test_several_faces() -> None:
    """Two faces of comparable size leave open who is meant."""
    with pytest.raises(FaceNotUsable) as caught:
        single_face([face(), face(px_per_mm=0.9)], LIMITS)
    assert caught.value.cause == "several_faces"


def test_background_face() -> None:
    """A small face in the background does not matter."""
    wide = face()

    assert single_face([wide, face(px_per_mm=0.6), face(px_per_mm=0.3)], LIMITS) is wide
