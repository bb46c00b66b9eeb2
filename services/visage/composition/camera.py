"""What part of the canonical frame a picture shows, and at which size the renderer has to work for it.

A framing is a rectangle that a picture of any shape should hold. Where the picture may show only the frame itself (the
photo's own background ends at its edges), a shape that would need more than the frame shows less of the rectangle.
Elsewhere the view may reach beyond the frame: there is background beside and above the avatar, and never anything
below its shoulders.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from visage.composition.values import Camera, Framing
from visage.media.frames import FACE_CENTRE_PX
from visage.media.portrait import FRAME_PX, RENDER_SIZES, Rect

LOWEST_SHOULDER_PX: Final = 472
"""Row of the canonical frame that a bust always reaches down to, also where broad shoulders then fade at the sides."""
_ROUNDING_PX: Final = 0.5


class View(NamedTuple):
    """What a picture shows: a rectangle in pixels of the canonical frame, possibly larger than it."""

    x: float
    y: float
    width: float
    height: float

    @property
    def is_within_frame(self) -> bool:
        """Nothing beyond the frame is shown."""
        return self.x >= 0 and self.y >= 0 and self.x + self.width <= FRAME_PX and self.y + self.height <= FRAME_PX


class Outline(NamedTuple):
    """Where the frame cuts an avatar.

    Attributes:
        shoulder_px: Row of the canonical frame down to which shoulders stay clear of its sides.
        is_crown_cut: Hair or a hat reaches its top.
    """

    shoulder_px: int = FRAME_PX
    is_crown_cut: bool = False


UNCUT: Final = Outline()


def view_of(
    camera: Camera, width: int, height: int, is_free: bool, outline: Outline = UNCUT
) -> tuple[View, tuple[str, ...]]:
    """Returns the view of a picture, and which of "pan_x" and "pan_y" stopped at an edge.

    Args:
        camera: Within its limits.
        width: Columns of the picture; only their ratio to `height` counts.
        height: Rows of the picture.
        is_free: The view may reach beyond the frame.
        outline: A free view does not show, as far as the picture's shape allows, where the avatar is cut.
    """
    ratio = width / height
    held = camera.framing.value
    columns, rows = _smallest(held, ratio)
    if is_free and columns > FRAME_PX:
        # As much of the shoulders as is clear of the frame's sides, or is seen without reaching beyond them.
        lowest = max(outline.shoulder_px, LOWEST_SHOULDER_PX) - held.y
        rows = min(rows, max(lowest, FRAME_PX / ratio))
    elif is_free and outline.is_crown_cut:
        rows = min(rows, max(float(FRAME_PX), Framing.FACE.value.width / ratio))
    columns = rows * ratio
    fitting = 1.0 if is_free else min(1.0, FRAME_PX / columns, FRAME_PX / rows)
    columns, rows = columns * fitting, rows * fitting
    # What cannot hold the framing holds the face.
    middle_x, middle_y = (
        FACE_CENTRE_PX if fitting < 1 else (held.x + held.width / 2, held.y + min(held.height, rows) / 2)
    )
    first_x, first_y = middle_x - columns / 2, middle_y - rows / 2
    # Only what does not fit shows what is beyond the frame; what is taller stands on the frame's lower edge.
    first_x = min(max(first_x, 0.0), FRAME_PX - columns) if columns <= FRAME_PX else first_x
    first_y = min(max(first_y, 0.0), FRAME_PX - rows)
    # The middle of the face keeps its place in the picture while it grows.
    face_x, face_y = FACE_CENTRE_PX
    columns, rows = columns / camera.zoom, rows / camera.zoom
    wanted_x = face_x + (first_x - face_x) / camera.zoom + camera.pan[0] * columns
    wanted_y = face_y + (first_y - face_y) / camera.zoom + camera.pan[1] * rows
    x, y = _stopped(wanted_x, wanted_y, columns, rows, is_free)
    names = (("pan_x", abs(x - wanted_x) > _ROUNDING_PX), ("pan_y", abs(y - wanted_y) > _ROUNDING_PX))
    return View(x, y, columns, rows), tuple(name for name, is_stopped in names if is_stopped)


def render_size(view: View, width: int) -> int:
    """Returns the smallest native size that fills a picture `width` pixels wide without enlarging, else the largest."""
    density = (width - _ROUNDING_PX) / view.width
    return next((size for size in RENDER_SIZES if size / FRAME_PX >= density), RENDER_SIZES[-1])


def _smallest(held: Rect, ratio: float) -> tuple[float, float]:
    """Columns and rows of the smallest view of a shape that holds a rectangle."""
    columns = max(held.width, held.height * ratio)
    return columns, columns / ratio


def _stopped(x: float, y: float, columns: float, rows: float, is_free: bool) -> tuple[float, float]:
    """Moves a view's corner to where it may be."""
    if is_free:
        return x, min(y, FRAME_PX - rows)
    return min(max(x, 0.0), FRAME_PX - columns), min(max(y, 0.0), FRAME_PX - rows)
