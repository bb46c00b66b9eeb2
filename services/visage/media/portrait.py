"""The canonical portrait: how every avatar is framed, and the fixed rectangles the renderer works in.

All photos are brought to one scale and one eye line, so that one renderer graph with fixed rectangles serves every
avatar and stacks requests for different avatars into one batch. Rectangles are in pixels of the canonical frame of
512 x 512; x runs to the image's right, y down. Renderers exist for the sizes `RENDER_SIZES`, all of the same geometry:
only the density of their pixels differs. Node grids have one node in the centre of each `NODE_PX` cell.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from visage.media.arkit import CURVE_NAMES

FRAME_PX: Final = 512
"""Width and height of the canonical frame."""
RENDER_SIZES: Final = (256, 512, 768)
"""Widths and heights in which frames are rendered, ascending."""
STORED_PX: Final = RENDER_SIZES[-1]
"""Width and height of the background that an avatar is stored with."""
FRAMES_PER_ITEM: Final = 8
"""Frames that one request item of the renderer holds."""

PX_PER_MM: Final = 1.6
CENTRE_X_PX: Final = 256.0
EYE_LINE_PX: Final = 220.0
MOUTH_LINE_PX: Final = EYE_LINE_PX + 70.0 * PX_PER_MM
CAMERA_DISTANCE_MM: Final = 800.0

NODE_PX: Final = 4
"""Cell of the displacement grids."""
COARSE_PX: Final = 16
"""Cell of the first stage of the inverse warp."""
EYE_NODE_PX: Final = 2
TEXTURE_SCALE: Final = 2
"""Pixels of the stored textures per canonical pixel."""


class Rect(NamedTuple):
    """A rectangle of the frame, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column beyond it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row beyond it."""
        return self.y + self.height

    def slices(self, cell_px: int = 1, scale: int = 1) -> tuple[slice, slice]:
        """Row and column slices into an array of the whole frame, `scale` samples per pixel or cells of `cell_px`."""
        return (
            slice(self.y * scale // cell_px, self.bottom * scale // cell_px),
            slice(self.x * scale // cell_px, self.right * scale // cell_px),
        )

    def shape(self, cell_px: int = 1, scale: int = 1) -> tuple[int, int]:
        """Rows and columns at that density."""
        return self.height * scale // cell_px, self.width * scale // cell_px


HEAD: Final = Rect(0, 0, 512, 480)
"""Everything that moves; below it the frame is still."""
EYES: Final = Rect(96, 136, 320, 160)
"""Where eyelids and eyeballs may appear."""
MOUTH: Final = Rect(96, 256, 320, 224)
"""Where jaw and mouth interior may appear."""
INTERIOR: Final = Rect(160, 272, 192, 168)
"""Where the mouth interior may appear."""
FACE: Final = Rect(112, 96, 288, 384)
"""Where curves move the skull layer."""
JAW: Final = Rect(112, 280, 288, 192)
"""Where curves move the jaw layer."""
JAW_SOURCE: Final = Rect(144, 296, 224, 136)
"""What the jaw texture covers."""
EYE_SOURCE: Final = Rect(160, 160, 192, 96)
"""What the eyelid and eyeball textures and the glasses mask cover."""
EYE_MAP: Final = Rect(144, 152, 224, 112)
"""What the eye maps cover."""

FOOT: Final = Rect(0, HEAD.bottom, FRAME_PX, FRAME_PX - HEAD.bottom)

ATLAS_PX_PER_MM: Final = 5
ATLAS_X_MM: Final = (-32, 32)
UPPER_ATLAS_Y_MM: Final = (-18, 14)
LOWER_ATLAS_Y_MM: Final = (-16, 30)

JAW_DROP_MM: Final = 27.0
"""How far the chin drops at JawOpen 1."""

SKULL_CURVES: Final = tuple(
    name for name in CURVE_NAMES if not name.startswith(("Eye", "MouthLowerDown")) and name not in ("TongueOut",)
)
"""Curves that displace the skull layer."""
JAW_CURVES: Final = tuple(
    name for name in CURVE_NAMES if name.startswith(("Jaw", "Mouth", "Cheek")) and not name.startswith("CheekSquint")
)
"""Curves that displace the jaw layer."""
FOLD_CURVES: Final = tuple(
    name
    for name in CURVE_NAMES
    if name.startswith(
        (
            "Brow", "CheekPuff", "CheekSquint", "EyeSquint", "JawOpen", "MouthDimple", "MouthFrown", "MouthPucker",
            "MouthRollLower", "MouthShrugLower", "MouthSmile", "MouthStretch", "MouthUpperUp", "NoseSneer",
        )
    )
)  # fmt: skip
"""Curves that shade the face with folds."""

SCALARS: Final = (
    "pivot_x", "pivot_y", "pivot_z", "px_per_mm", "mouth_x", "mouth_y",
    "mouth_axis_xx", "mouth_axis_xy", "mouth_axis_yx", "mouth_axis_yy",
    "teeth_z", "eye_z", "seam_mm",
    "left_lid_x", "left_lid_y", "right_lid_x", "right_lid_y",
    "light_0", "light_x", "light_y", "light_z",
    "cavity_r", "cavity_g", "cavity_b", "fold_r", "fold_g", "fold_b",
    "left_smile_gain", "right_smile_gain", "left_smile", "right_smile",
)  # fmt: skip
"""Names of the entries of the `scalars` tensor; lengths in pixels unless the name says otherwise."""


class TensorSpec(NamedTuple):
    """Name, NumPy dtype and shape (without batch axis) of one renderer input."""

    name: str
    dtype: str
    shape: tuple[int, ...]


def _atlas_shape(y_mm: tuple[int, int], texture_scale: int) -> tuple[int, int, int]:
    sides = y_mm[1] - y_mm[0], ATLAS_X_MM[1] - ATLAS_X_MM[0]
    rows, columns = (side * ATLAS_PX_PER_MM * texture_scale // TEXTURE_SCALE for side in sides)
    return 4, rows, columns


def _nodes(rect: Rect) -> int:
    rows, columns = rect.shape(NODE_PX)
    return rows * columns


AVATAR_LAYOUT: Final = "visage-avatar-2"
"""Names `AVATAR_TENSORS` and what they mean; changes with either, so that a renderer refuses another one."""

POSE_REACH: Final = 1.1
"""Largest length of a pose whose entries count in units of `visage.media.curves.POSE_LIMITS`. A head that turns, nods
and tilts to the limit at once would take eyes and mouth out of their rectangles: the renderer shortens longer poses."""

LIGHT: Final = ("x", "y", "z", "intensity", "red", "green", "blue")
"""Entries of one frame of the input `light`.

x, y, z: direction from the face towards the key light, of any length; x to the image's right, y down, z away from the
viewer, so a frontal light is 0, 0, -1. intensity: 0 (the photo's own light) .. 1 (the key light in its place). Then the
colour of the key light, each 0..1.
"""
PHOTO_LIGHT: Final = (0.0, 0.0, -1.0, 0.0, 1.0, 1.0, 1.0)
"""A frame of `light` that leaves the photo's own."""


def renderer_name(size: int) -> str:
    """Name of the model that renders `size` x `size` pixels; raises ValueError for other sizes than `RENDER_SIZES`."""
    if size not in RENDER_SIZES:
        raise ValueError(f"no renderer for {size} pixels, only for {', '.join(map(str, RENDER_SIZES))}")
    return "renderer" if size == FRAME_PX else f"renderer_{size}"


def _tensors(frame_px: int, texture_scale: int) -> tuple[TensorSpec, ...]:
    return (
        TensorSpec("background", "uint8", (frame_px, frame_px, 3)),
        TensorSpec("foot", "uint8", (4, FOOT.height * frame_px // FRAME_PX, frame_px)),
        TensorSpec("head_texture", "uint8", (4, *HEAD.shape(scale=texture_scale))),
        TensorSpec("jaw_texture", "uint8", (4, *JAW_SOURCE.shape(scale=texture_scale))),
        TensorSpec("lid_texture", "uint8", (4, *EYE_SOURCE.shape(scale=texture_scale))),
        TensorSpec("eye_texture", "uint8", (4, *EYE_SOURCE.shape(scale=texture_scale))),
        TensorSpec("glasses_mask", "uint8", (1, *EYE_SOURCE.shape(scale=texture_scale))),
        TensorSpec("upper_teeth", "uint8", _atlas_shape(UPPER_ATLAS_Y_MM, texture_scale)),
        TensorSpec("lower_teeth", "uint8", _atlas_shape(LOWER_ATLAS_Y_MM, texture_scale)),
        TensorSpec("tongue", "uint8", _atlas_shape(LOWER_ATLAS_Y_MM, texture_scale)),
        TensorSpec("skull_basis", "float16", (len(SKULL_CURVES) + 3, 3 * _nodes(FACE))),
        TensorSpec("jaw_basis", "float16", (len(JAW_CURVES) + 2, 3 * _nodes(JAW))),
        TensorSpec("fold_basis", "float16", (len(FOLD_CURVES), _nodes(FACE))),
        TensorSpec("skull_maps", "float32", (10, *HEAD.shape(NODE_PX))),
        TensorSpec("jaw_maps", "float32", (3, *JAW.shape(NODE_PX))),
        TensorSpec("eye_maps", "float32", (5, *EYE_MAP.shape(EYE_NODE_PX))),
        TensorSpec("scalars", "float32", (len(SCALARS),)),
    )


def texture_scale(size: int) -> int:
    """Texture pixels per canonical pixel that the renderer of `size` takes: half of those stored for the smallest."""
    return TEXTURE_SCALE if size >= FRAME_PX else TEXTURE_SCALE // 2


def avatar_tensors(size: int) -> tuple[TensorSpec, ...]:
    """Inputs of the renderer of `size` besides `curves`, `pose` and `light`, in graph order; see `AVATAR_TENSORS`."""
    renderer_name(size)
    return _tensors(size, texture_scale(size))


AVATAR_TENSORS: Final = _tensors(STORED_PX, TEXTURE_SCALE)
"""What an avatar is stored with; `visage.media.avatars.tensors_for` makes a renderer's inputs of it.

Textures are premultiplied RGBA, planar, 0..255; `glasses_mask` is 255 where rims stay in front of the lids.
`skull_basis` rows: `SKULL_CURVES`, rest closing of the lips, left and right lower lid; `jaw_basis` rows: `JAW_CURVES`,
rest closing, lip parting; both hold pixels (x, y, z). `skull_maps`: depth, pose weight, distance below the upper lip
(mm), mouth zone, normal x y z, inverse light, relight weight, depth of the surface that light falls on (the jaw before
the neck). `jaw_maps`: depth, pose weight, distance above the lower lip (mm). `eye_maps`: distance above the lash line,
lid travel, room above (pixels), side (1 = subject's left), gaze weight.
"""
