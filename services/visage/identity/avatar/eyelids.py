"""The eyes: shape of the opening, and how far each point of lid skin travels in a blink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from visage.identity.avatar.inpainting import resize
from visage.identity.avatar.matte import silhouette_distance
from visage.media.canonical_face import (
    LEFT_BROW,
    LEFT_IRIS,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    RIGHT_BROW,
    RIGHT_IRIS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    FaceFit,
)
from visage.media.portrait import EYE_MAP, EYE_NODE_PX, FACE, NODE_PX
from visage.media.windows import Array, node_centres, smooth_step

LID_ROOM_SHARE = 0.92
_LEAST_ROOM_MM = 9.0
_OVER_LOWER_LID = 1.09


@dataclass(frozen=True)
class Eye:
    """One eye in its own coordinates: x in half eye widths (-1..1 between the corners), y in pixels down.

    position: sample points of x; upper, lower, brow: y of the lash line, the lower lid and the brow there.
    rim: width in pixels of the lid rims (lashes, water line), which belong to the lids.
    """

    centre: Array
    axis_x: Array
    axis_y: Array
    half_width: float
    position: Array
    upper: Array
    lower: Array
    brow: Array
    rim: float
    iris_centre: Array
    iris_radius: float
    px_per_mm: float

    @property
    def opening(self) -> float:
        """Height of the open eye, pixels."""
        return float((self.lower - self.upper).max())

    def local(self, points: Array) -> tuple[Array, Array]:
        """Frame points [..., 2] → x and y in the eye's coordinates."""
        offset = points - self.centre
        return offset @ self.axis_x / self.half_width, offset @ self.axis_y

    def at(self, curve: Array, x: Array) -> Array:
        """`upper`, `lower` or `brow` (or a difference of them) at x."""
        return np.asarray(np.interp(x, self.position, curve))

    def room(self, x: Array) -> Array:
        """Lid skin between lash line and brow at x, pixels."""
        space = LID_ROOM_SHARE * (self.at(self.upper, x) - self.at(self.brow, x))
        return np.maximum(space, _LEAST_ROOM_MM * self.px_per_mm)

    def travel(self, x: Array) -> Array:
        """Way of the lash line in a full blink at x, pixels; a little over the lower lid, whose rim is bright."""
        return np.asarray(_OVER_LOWER_LID * np.maximum(self.at(self.lower - self.upper, x), 0) * (np.abs(x) < 1))


def outline_eyes(landmarks: Array, fit: FaceFit) -> tuple[Eye, Eye]:
    """The subject's left eye (image right) and right eye."""
    left = _outline(landmarks, fit, LEFT_UPPER_LID, LEFT_LOWER_LID, LEFT_BROW, LEFT_IRIS)
    return left, _outline(landmarks, fit, RIGHT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_BROW, RIGHT_IRIS)


def _outline(
    landmarks: Array,
    fit: FaceFit,
    upper_lid: tuple[int, ...],
    lower_lid: tuple[int, ...],
    brow: tuple[int, ...],
    iris: tuple[int, ...],
) -> Eye:
    first, last = landmarks[upper_lid[0], :2], landmarks[upper_lid[-1], :2]
    across = first - last if first[0] > last[0] else last - first
    half_width = float(np.linalg.norm(across)) / 2
    axis_x = across / (2 * half_width)
    axis_y = np.array([-axis_x[1], axis_x[0]])
    centre = (first + last) / 2
    position = np.linspace(-1, 1, 61)

    def curve(indices: tuple[int, ...]) -> tuple[Array, Array]:
        offset = landmarks[list(indices), :2] - centre
        x, y = offset @ axis_x / half_width, offset @ axis_y
        order = np.argsort(x)
        return x[order] + np.arange(len(x)) * 1e-6, y[order]

    upper = PchipInterpolator(*curve(upper_lid), extrapolate=True)(position)
    lower = PchipInterpolator(*curve(lower_lid), extrapolate=True)(position)
    iris_centre = landmarks[iris[0], :2]
    radius = float(np.linalg.norm(landmarks[list(iris[1:]), :2] - iris_centre, axis=1).mean())
    opening = float((lower - upper).max())
    return Eye(
        centre, axis_x, axis_y, half_width, position, upper, lower, np.interp(position, *curve(brow)),
        min(1.5, 0.12 * opening), iris_centre,
        float(np.clip(radius, 5.2 * fit.scale, 6.6 * fit.scale)), fit.scale,
    )  # fmt: skip


def lower_lid_displacements(eyes: tuple[Eye, Eye], nodes: Array) -> Array:
    """How the lower lids rise per unit, float64 [2, 3, *nodes.shape[:-1]] in pixels, over the FACE nodes."""
    fields = []
    for eye in eyes:
        x, y = eye.local(nodes)
        below = (y - eye.at(eye.lower, x)) / (11 * eye.px_per_mm)
        share = np.where(below <= 0, 1, 1 - smooth_step(0, 1, below))
        share = share * smooth_step(-3.5, -1.8, (y - eye.at(eye.upper, x)) / max(eye.opening, 1))
        rise = -0.12 * eye.travel(x) * share
        fields.append(np.stack([rise * eye.axis_y[0], rise * eye.axis_y[1], 0 * rise]))
    return np.stack(fields)


def face_nodes() -> Array:
    """Node centres of FACE, [rows, columns, 2]."""
    rows, columns = FACE.shape(NODE_PX)
    return node_centres(columns, rows, NODE_PX, FACE.x, FACE.y)


def eye_maps(eyes: tuple[Eye, Eye], matte: Array) -> Array:
    """float64 [5, rows, columns] over EYE_MAP: distance above the lash line, lid travel, room, side, gaze weight.

    matte: float32 [512, 512], the portrait's alpha; the gaze moves nothing at the silhouette.
    """
    rows, columns = EYE_MAP.shape(EYE_NODE_PX)
    nodes = node_centres(columns, rows, EYE_NODE_PX, EYE_MAP.x, EYE_MAP.y)
    side = (nodes[..., 0] > (eyes[0].centre[0] + eyes[1].centre[0]) / 2).astype(np.float64)
    per_eye = []
    for eye in eyes:
        x, y = eye.local(nodes)
        gaze_x, gaze_y = (nodes - eye.iris_centre) @ eye.axis_x, (nodes - eye.iris_centre) @ eye.axis_y
        distance = np.hypot(gaze_x, gaze_y) / (1.25 * eye.half_width)
        gaze = 1 - smooth_step(0.42, 1.0, distance)
        per_eye.append(np.stack([eye.at(eye.upper, x) - y, eye.travel(x), eye.room(x), gaze]))
    left, right = per_eye
    clear = smooth_step(2.0, 10.0, silhouette_distance(matte))[EYE_MAP.slices()]
    chosen = left * side + right * (1 - side)
    return np.stack([*chosen[:3], side, chosen[3] * resize(clear, columns, rows)])
