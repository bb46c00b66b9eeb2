"""The 52 curves as displacement fields of the canonical face, in millimetres.

Every field is a sum of analytic windows, written for two sides of the lip seam: the skull side (upper lip and all
that the skull carries) and the jaw side (lower lip and jaw). Axes as in `canonical_face`: dx to the image's right,
dy down, dz away from the viewer.
"""

from __future__ import annotations

import numpy as np

from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.canonical_face import (
    CHIN_Y_MM,
    INNER_CORNER_X_MM,
    LIP_CORNER_X_MM,
    LIP_LINE_Y_MM,
)
from visage.media.portrait import JAW_DROP_MM
from visage.media.windows import Array, bump, smooth_step

_PARTING_SHARE = 0.95
"""Width over which lips part, of the distance between the inner corners."""
_SIDES = (("Left", 1.0), ("Right", -1.0))


class ExpressionFields:
    """Displacements of canonical points x, y, z (arrays of one shape, mm) on one side of the seam.

    `displacement` is float64 [52, 3, *shape], in the order of `visage.media.arkit.CURVE_NAMES`.
    """

    def __init__(self, x: Array, y: Array, z: Array, *, upper: bool) -> None:
        self.x, self.y, self.z, self.upper = x, y, z, upper
        self.displacement = np.zeros((CURVE_COUNT, 3, *x.shape))
        beside = smooth_step(INNER_CORNER_X_MM * 0.98, LIP_CORNER_X_MM * 1.16, np.abs(x))
        past_lip = np.minimum(y, LIP_LINE_Y_MM + 1) if upper else np.maximum(y, LIP_LINE_Y_MM - 1)
        self.beside = beside
        # Between the corners each side is continued vertically past the lip line.
        self.lip_y = (1 - beside) * past_lip + beside * y
        self.above = LIP_LINE_Y_MM - self.lip_y  # mm above the lip line, negative below
        self.profile = parting_profile(x)
        self.arch = np.clip(1 - (x / INNER_CORNER_X_MM) ** 2, 0, 1)
        self.lips = _lip_window(x, self.lip_y)
        self._jaw()
        self._rounding()
        self._rolls_and_shrugs()
        self._brows_together()
        for side, sign in _SIDES:
            self._corner(side, sign)
            self._lip_lift(side, sign)
            self._upper_face(side, sign)
        if upper:
            self._fade_above_neck()

    def _add(self, curve: str, dx: Array | float = 0.0, dy: Array | float = 0.0, dz: Array | float = 0.0) -> None:
        target = self.displacement[CURVE_INDEX[curve]]
        target[0] += dx
        target[1] += dy
        target[2] += dz

    def _jaw(self) -> None:
        x, y, above = self.x, self.y, self.above
        follow = jaw_follow(x, y, upper=self.upper)
        lever = np.clip((72 - self.z) / 83.0, 0.25, 1.1)
        swing = follow * lever
        corners = bump(x, y, LIP_CORNER_X_MM, 73, 13, 18) - bump(x, y, -LIP_CORNER_X_MM, 73, 13, 18)
        self._add("JawOpen", dx=-5.5 * corners, dy=JAW_DROP_MM * swing, dz=11 * swing)
        for side, sign in _SIDES:
            self._add(f"Jaw{side}", dx=sign * (7.5 * follow + (0.8 * self.lips if self.upper else 0.0)))
        self._add("JawForward", dy=0.8 * follow * smooth_step(82, 100, y), dz=-6 * follow)
        opening = JAW_DROP_MM * lever * self.profile  # exactly how far JawOpen parts the lips
        if self.upper:
            self._add("MouthClose", dy=0.30 * opening * (1 - smooth_step(2, 20, above)))
        else:
            fade = (1 - smooth_step(3, 34, -above) * 0.92) * (1 - smooth_step(46, 66, -above))
            self._add("MouthClose", dy=-0.70 * opening * fade)

    def _rounding(self) -> None:
        x, above = self.x, np.abs(self.above)
        self._add(
            "MouthFunnel",
            dx=-0.26 * x * self.lips,
            dy=(-4.0 if self.upper else 4.6) * self.profile * self.lips,
            dz=-6.5 * _lip_window(x * 1.1, self.lip_y),
        )
        thick = np.where(above < 14, np.sin(np.clip(above / 9.5, 0, 1) * np.pi / 2), 1)
        thick = thick * np.exp(-(np.clip(above - 9.5, 0, None) ** 2) / 64)
        self._add(
            "MouthPucker",
            dx=-0.36 * x * self.lips,
            dy=(-2.0 if self.upper else 1.6) * thick * self.arch,
            dz=-8 * _lip_window(x * 1.25, self.lip_y),
        )
        for side, sign in _SIDES:
            lift = -1.2 * bump(x, self.y, sign * LIP_CORNER_X_MM, 70, 14, 14)
            self._add(f"Mouth{side}", dx=sign * 7.5 * self.lips, dy=lift)

    def _corner(self, side: str, sign: float) -> None:
        """Smile, frown, dimple, stretch and press act around a lip corner."""
        x, y = self.x * sign, self.y
        corner = bump(x, y, LIP_CORNER_X_MM + 1, 70.5, 17, 15)
        around = bump(x, y, LIP_CORNER_X_MM + 5, 66, 24, 20)
        cheek = bump(x, y, 40, 45, 20, 18)
        self._add(
            f"MouthSmile{side}",
            dx=sign * (5.0 * corner + 1.5 * around),
            dy=-(5.0 * corner + 2.2 * around) - 2.6 * cheek - 0.8 * bump(x, y, 33, 9, 16, 6),
            dz=3.5 * corner - 1.5 * bump(x, y, 40, 45, 18, 16),
        )
        chin = 0.0 if self.upper else 1.2 * bump(self.x, y, 0, 92, 20, 12)
        frown = 6.5 * bump(x, y, LIP_CORNER_X_MM + 1, 72, 15, 15)
        self._add(f"MouthFrown{side}", dx=sign * 0.8 * corner, dy=frown - chin)
        self._add(f"MouthDimple{side}", dx=sign * 3.6 * corner, dy=-0.6 * corner, dz=4 * corner)
        part = 0.0 if self.upper else 0.4 * self.profile
        self._add(f"MouthStretch{side}", dx=sign * (6.0 * corner + around), dy=2.8 * corner + part, dz=2.5 * corner)
        above, half = np.abs(self.above), smooth_step(-8, 8, x)
        thin = self.arch * np.clip(above / 9, 0, 1) * np.exp(-(np.clip(above - 9, 0, None) ** 2) / 49) * half
        squeeze = self.profile * half * np.exp(-((above / 12) ** 2))
        press = 1.9 * thin + 0.5 * squeeze if self.upper else -2.2 * thin - 0.5 * squeeze
        self._add(f"MouthPress{side}", dx=sign * 1.2 * corner, dy=press)

    def _lip_lift(self, side: str, sign: float) -> None:
        x, above = self.x * sign, self.above
        if self.upper:
            lift = -6.2 * self.profile * smooth_step(-14, 8, x) * (1 - smooth_step(5, 28, above))
            self._add(f"MouthUpperUp{side}", dx=sign * 0.5 * bump(x, self.lip_y, 11, 60, 10, 14), dy=lift)
        else:
            drop = 7.2 * self.profile * smooth_step(-14, 8, x) * (1 - smooth_step(6, 28, -above) * 0.85)
            drop = drop * (1 - smooth_step(30, 48, -above))
            self._add(f"MouthLowerDown{side}", dx=sign * 0.8 * bump(x, self.lip_y, 11, 78, 9, 14), dy=drop)
        beside_nose = -1.2 * bump(x, self.y, 19, 46, 10, 12) - 1.6 * bump(x, self.y, 30, 52, 14, 16)
        self._add(f"MouthUpperUp{side}", dy=beside_nose)

    def _upper_face(self, side: str, sign: float) -> None:
        x, y = self.x * sign, self.y
        self._add(
            f"BrowDown{side}",
            dx=-sign * 2.2 * bump(x, y, 15, -22, 14, 14),
            dy=4.8 * bump(x, y, 19, -23, 17, 13) + 3.0 * bump(x, y, 42, -25, 18, 12),
        )
        self._add(f"BrowOuterUp{side}", dy=-6.8 * bump(x, y, 42, -29, 18, np.where(y < -29, 28, 12)))
        puff = bump(x, y, 44, 72, 20, 20)
        self._add("CheekPuff", dx=sign * 4.2 * puff, dz=-8 * bump(x, y, 38, 72, 18, 19))
        self._add(
            f"CheekSquint{side}",
            dy=-3.6 * bump(x, y, 37, 27, 20, 15) - 1.2 * bump(x, y, 33, 9, 16, 7),
            dz=-1.5 * bump(x, y, 38, 28, 16, 12),
        )
        wing = -3.6 * bump(x, y, 16, 41, 8.5, 13) - 1.6 * bump(x, y, 9, 12, 8, 16)
        root = -1.8 * bump(x, y, 24, 50, 10, 12) + 1.4 * bump(x, y, 11, -17, 10, 10)
        lip = 1.5 * bump(x, y, 10, 62, 10, 8) if self.upper else 0.0
        self._add(f"NoseSneer{side}", dx=-sign * 0.6 * bump(x, y, 13, 38, 9, 14), dy=wing + root - lip)

    def _brows_together(self) -> None:
        for _, sign in _SIDES:
            x, y = self.x * sign, self.y
            lift = -6.5 * bump(x, y, 16, -27, 15, np.where(y < -27, 30, 13))
            self._add("BrowInnerUp", dx=sign * 0.4 * bump(x, y, 15, -24, 12, 12), dy=lift)

    def _rolls_and_shrugs(self) -> None:
        profile, above = self.profile, np.abs(self.above)
        roll = np.clip(above / 10.5, 0, 1)
        roll = roll**2 * (3 - 2 * roll) * np.exp(-(np.clip(above - 10.5, 0, None) ** 2) / 81)
        tuck = 2.5 * profile * np.exp(-((above / 6) ** 2))

        def near(width_mm: float) -> Array:
            return np.asarray(profile * np.exp(-((above / width_mm) ** 2)))

        if self.upper:
            self._add("MouthRollUpper", dy=5.6 * profile * roll + 0.6 * near(9), dz=tuck)
            self._add("MouthRollLower", dy=0.8 * near(12))
            self._add("MouthShrugLower", dy=-2.0 * near(14))
            lift = -3.2 * profile * (1 - smooth_step(4, 18, self.above))
            self._add("MouthShrugUpper", dy=lift, dz=-1.5 * self.lips)
        else:
            self._add("MouthRollLower", dy=-7.0 * profile * roll - 0.6 * near(10), dz=tuck)
            self._add("MouthRollUpper", dy=-0.6 * near(12))
            chin = profile * 0.5 + 0.5 * bump(self.x, self.y, 0, 90, 24, 30)
            lift = -4.6 * chin * (1 - smooth_step(36, 60, -self.above))
            self._add("MouthShrugLower", dy=lift, dz=-1.5 * self.lips)
            self._add("MouthShrugUpper", dy=-1.6 * profile * (1 - smooth_step(4, 22, -self.above)))

    def _fade_above_neck(self) -> None:
        """The continuation of the upper lip ends above the neck; only the jaw itself reaches further."""
        fade = 1 - smooth_step(90, 112, self.y)
        for curve, index in CURVE_INDEX.items():
            if not curve.startswith("Jaw"):
                self.displacement[index] *= fade


def _lip_window(x: Array, y: Array) -> Array:
    """1 on the lips, 0 a lip's width away."""
    radius = np.sqrt((x / 27.0) ** 2 + ((y - 70.5) / 17.0) ** 2)
    return 1 - smooth_step(0.75, 1.75, radius)


def parting_profile(x: Array) -> Array:
    """How far the lips part at canonical x (mm) relative to their middle; they stay together close to the corners."""
    return np.asarray(np.clip(1 - np.abs(x / (_PARTING_SHARE * INNER_CORNER_X_MM)) ** 2.1, 0, 1) ** 0.74)


def jaw_follow(x: Array, y: Array, *, upper: bool) -> Array:
    """How far a canonical point follows the jaw, 0..1."""
    down = smooth_step(50, 92, y)
    profile = parting_profile(x)
    if upper:
        # Corners follow, the middle of the upper lip does not; inside the hidden mouth zone the layer
        # ramps up to the jaw so that the hole opens with it, and under the chin it is the neck.
        clipped = smooth_step(50, 92, np.minimum(y, LIP_LINE_Y_MM + 1))
        middle = clipped * (1 - profile) + profile * 0.85 * smooth_step(3, 22, y - LIP_LINE_Y_MM)
        beside = smooth_step(INNER_CORNER_X_MM * 0.98, LIP_CORNER_X_MM * 1.16, np.abs(x))
        weight = (1 - beside) * middle + beside * down
        neck = smooth_step(97, 116, y)
        weight = (1 - neck) * weight + neck * 0.30
    else:
        weight = down + (1 - down) * profile
    below = 1 - smooth_step(CHIN_Y_MM + 2, CHIN_Y_MM + 62, y)
    return np.asarray(weight * below * (1 - smooth_step(52, 84, np.abs(x))))
