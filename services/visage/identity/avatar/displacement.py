"""From the canonical expression fields to displacements of the photo's own nodes, in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from visage.identity.avatar.canonical_map import CanonicalMaps, frame_nodes
from visage.identity.avatar.lip_seam import LipSeam
from visage.media.arkit import CURVE_INDEX
from visage.media.canonical_face import LIP_LINE_Y_MM, FaceFit
from visage.media.expression_basis import ExpressionFields
from visage.media.portrait import FACE, FRAME_PX, JAW, JAW_CURVES, NODE_PX, SKULL_CURVES, Rect
from visage.media.windows import Array, smooth_step

_REST_GAP_MM = 0.25
"""What stays open when the photo's parted lips are closed."""


@dataclass(frozen=True)
class Displacements:
    """skull: float64 [35+1, 3, rows, columns] over FACE; jaw: [28+2, 3, rows, columns] over JAW; pixels."""

    skull: Array
    jaw: Array


def displace(fit: FaceFit, seam: LipSeam, maps: CanonicalMaps, upper_share: float) -> Displacements:
    """Fields of all curves, then the closing of the photo's own lip gap, then (jaw) the parting of the lips.

    upper_share: how much of the closing the upper lip does, 0..1.
    """
    skull = _expression(FACE, maps.upper, fit, SKULL_CURVES, upper=True)
    jaw = _expression(JAW, maps.lower, fit, JAW_CURVES, upper=False)
    skull_close = _rest_closing(FACE, maps.upper, fit, seam, upper_share, upper=True)
    jaw_close = _rest_closing(JAW, maps.lower, fit, seam, upper_share, upper=False)
    parting = _parting(maps.lower, fit, seam, upper_share)
    smooth = (0, 0, 0.5, 0.5)
    skull = gaussian_filter(np.concatenate([skull, skull_close[None]]), smooth) * _fade_at_border(FACE)
    jaw = gaussian_filter(np.concatenate([jaw, jaw_close[None]]), smooth)
    return Displacements(skull, np.concatenate([jaw, parting[None]]))


def _expression(rect: Rect, canonical: Array, fit: FaceFit, curves: tuple[str, ...], *, upper: bool) -> Array:
    x, y = np.moveaxis(canonical[rect.slices(NODE_PX)], -1, 0)
    z = np.interp(np.abs(x), [0, 20, 40, 60, 75], [-24, -12, 0, 30, 60])
    fields = ExpressionFields(x, y, z, upper=upper).displacement[[CURVE_INDEX[name] for name in curves]]
    in_pixels = np.einsum("ab,kbhw->kahw", fit.scale * fit.rotation, fields)
    return np.asarray(in_pixels * _foot_window(rect))


def _foot_window(rect: Rect) -> Array:
    y = frame_nodes()[rect.slices(NODE_PX)][..., 1]
    return smooth_step(FRAME_PX - 8, FRAME_PX - 60, y)


def _fade_at_border(rect: Rect) -> Array:
    """1 inside, 0 just outside: the skull layer goes on beyond the rectangle without displacement."""
    rows, columns = rect.shape(NODE_PX)
    across = np.minimum(np.arange(columns) + 1, np.arange(columns)[::-1] + 1) / 4
    down = np.minimum(np.arange(rows) + 1, np.arange(rows)[::-1] + 1) / 4
    return np.asarray(np.clip(np.minimum(across[None], down[:, None]), 0, 1))


def _rest_closing(
    rect: Rect, canonical: Array, fit: FaceFit, seam: LipSeam, upper_share: float, *, upper: bool
) -> Array:
    """Brings parted lips together, [3, rows, columns]; zero for a closed mouth."""
    local = seam.local(frame_nodes()[rect.slices(NODE_PX)])
    opening = np.maximum(seam.gap(local[..., 0]) - _REST_GAP_MM * fit.scale, 0) * (not seam.closed)
    below = canonical[rect.slices(NODE_PX)][..., 1] - LIP_LINE_Y_MM
    if upper:
        # Below the lips this layer shows as the neck, which stays.
        share = upper_share * (1 - smooth_step(2, 22, -below)) * (1 - smooth_step(12, 36, below))
    else:
        share = -(1 - upper_share) * np.where(below < 0, 1, 1 - smooth_step(4, 46, below))
    move = opening * share
    return np.stack([move * seam.axis_y[0], move * seam.axis_y[1], 0 * move])


def _parting(canonical: Array, fit: FaceFit, seam: LipSeam, upper_share: float) -> Array:
    """Takes the imprint of the upper lip off the lower one when the lips part, [3, rows, columns]."""
    line = seam.lower
    if not seam.closed:
        overlap = np.maximum(seam.lower - seam.upper - _REST_GAP_MM * fit.scale, 0)
        line = seam.lower - (1 - upper_share) * overlap
    x = seam.position
    arc = np.polyval(np.polyfit(x, line, 2, w=1 - 0.9 * x**4), x)
    imprint = gaussian_filter((line - arc) * (1 - smooth_step(0.75, 1, np.abs(x))), 1.5)
    imprint = np.clip(imprint, -3 * fit.scale, 3 * fit.scale)
    local = seam.local(frame_nodes()[JAW.slices(NODE_PX)])
    below = np.clip(canonical[JAW.slices(NODE_PX)][..., 1] - LIP_LINE_Y_MM, 0, None)
    move = -0.85 * np.interp(local[..., 0], x, imprint, left=0, right=0) * np.exp(-((below / 7.0) ** 2))
    return np.stack([move * seam.axis_y[0], move * seam.axis_y[1], 0 * move])
