"""Hard photos made from the NASA astronaut, whose face is 93 pixels wide around (224, 125), and drawn faces."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from tests.fakes.portraits import astronaut_photo

Picture = npt.NDArray[np.uint8]
_EYES = ((203, 113), (247, 113))


def blurred(sigma_px: float) -> Picture:
    """Out of focus."""
    return np.asarray(cv2.GaussianBlur(astronaut_photo(), (0, 0), sigma_px), np.uint8)


def shaken(length_px: int = 25) -> Picture:
    """The camera moved sideways."""
    return np.asarray(cv2.filter2D(astronaut_photo(), -1, np.full((1, length_px), 1 / length_px)), np.uint8)


def exposed(factor: float) -> Picture:
    """Darker or brighter."""
    return np.asarray((astronaut_photo() * factor).clip(0, 255), np.uint8)


def foggy(contrast: float) -> Picture:
    """Less contrast around grey."""
    return np.asarray((astronaut_photo() - 127.0) * contrast + 127, np.uint8)


def side_lit(depth: float) -> Picture:
    """The right half darker, which is the darker one already, softly, by that share."""
    fade = 1 / (1 + np.exp((224 - np.arange(512)[None, :, None]) / 12.0))
    return np.asarray(astronaut_photo() * (1 - depth * fade), np.uint8)


def shadow_across(depth: float) -> Picture:
    """A slanting band of shadow over nose and cheek, darker by that share."""
    rows, columns = np.mgrid[:512, :512]
    band = (np.abs(columns - rows * 0.8 - 120) < 25)[..., None]
    return np.asarray(np.where(band, astronaut_photo() * (1 - depth), astronaut_photo()), np.uint8)


def sized(width_px: int) -> Picture:
    """The face that wide."""
    factor = width_px / 93
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(astronaut_photo(), None, fx=factor, fy=factor, interpolation=kind), np.uint8)


def turned(degrees: float) -> Picture:
    """The photo turned counter-clockwise about the face, without a second face in its border."""
    matrix = cv2.getRotationMatrix2D((224, 120), degrees, 1.0)
    matrix[:, 2] += (256 - 224, 256 - 120)
    return np.asarray(cv2.warpAffine(astronaut_photo(), matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def toned(tint: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Picture:
    """Black and white, or sepia."""
    return np.asarray(astronaut_photo().mean(-1, keepdims=True) * np.array(tint), np.uint8)


def _drawn(draw: Callable[[Picture], None]) -> Picture:
    picture = astronaut_photo().copy()
    draw(picture)
    return picture


def with_sunglasses(colour: tuple[int, int, int] = (15, 15, 18)) -> Picture:
    """Dark lenses over both eyes."""

    def draw(picture: Picture) -> None:
        for centre in _EYES:
            cv2.ellipse(picture, centre, (20, 15), 0, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.line(picture, (215, 108), (236, 108), colour, 3, cv2.LINE_AA)

    return _drawn(draw)


def with_glasses() -> Picture:
    """Rims around both eyes."""

    def draw(picture: Picture) -> None:
        for centre in _EYES:
            cv2.ellipse(picture, centre, (20, 16), 0, 0, 360, (40, 30, 30), 2, cv2.LINE_AA)
        cv2.line(picture, (222, 110), (228, 110), (40, 30, 30), 2, cv2.LINE_AA)

    return _drawn(draw)


def with_mask(colour: tuple[int, int, int]) -> Picture:
    """A pleated mask over nose, mouth and chin."""
    corners = [(184, 132), (224, 126), (266, 132), (262, 160), (246, 178), (224, 184), (202, 178), (188, 160)]

    def draw(picture: Picture) -> None:
        cv2.fillPoly(picture, [np.array(corners)], colour, cv2.LINE_AA)
        for row in (142, 150, 158):
            cv2.line(picture, (188, row), (260, row), tuple(int(c * 0.88) for c in colour), 1, cv2.LINE_AA)

    return _drawn(draw)


def with_hand(x: int, y: int, length_px: int = 55) -> Picture:
    """Five fingers of the face's colour that point upwards from (x, y)."""
    skin = np.median(astronaut_photo()[130:150, 190:205].reshape(-1, 3), axis=0)

    def draw(picture: Picture) -> None:
        for finger in range(5):
            left = x + finger * 12
            cv2.line(picture, (left, y), (left, y - length_px), (skin * (0.9 - 0.03 * finger)).tolist(), 12)
            cv2.line(picture, (left + 6, y), (left + 6, y - length_px), (skin * 0.55).tolist(), 1)

    return _drawn(draw)


def with_fringe() -> Picture:
    """Strands of hair down over both eyes."""
    dice = np.random.default_rng(3)

    def draw(picture: Picture) -> None:
        for _ in range(140):
            left, phase = dice.uniform(185, 262), dice.uniform(0, 1)
            strand = [(left + 5 * np.sin(2 * t + phase), 70 + 30 * t) for t in np.linspace(0, 1.9, 12)]
            colour = (dice.uniform(25, 60) * np.array([1, 0.75, 0.5])).tolist()
            cv2.polylines(picture, [np.array(strand, np.int32)], False, colour, 1, cv2.LINE_AA)

    return _drawn(draw)


def with_hat() -> Picture:
    """A hat down to the forehead."""

    def draw(picture: Picture) -> None:
        cv2.ellipse(picture, (222, 76), (75, 16), 0, 0, 360, (60, 40, 90), -1, cv2.LINE_AA)
        cv2.rectangle(picture, (172, 8), (272, 72), (60, 40, 90), -1)

    return _drawn(draw)


def with_beard() -> Picture:
    """A full beard around visible lips."""
    outline = [
        (184, 135), (196, 152), (212, 148), (238, 148), (254, 152), (266, 135), (262, 172), (246, 192), (224, 200),
        (202, 192), (188, 172),
    ]  # fmt: skip
    cover = np.zeros((512, 512), np.float32)
    cv2.fillPoly(cover, [np.array(outline)], (1,))
    cv2.ellipse(cover, (224, 160), (17, 6), 0, 0, 360, (0,), -1)
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 1.5)) * np.float32(0.8)
    grain = np.asarray(cv2.GaussianBlur(np.random.default_rng(3).normal(size=(512, 512)), (0, 0), 0.8))
    hair = np.array([62, 44, 30]) * (1 + 0.35 * grain / grain.std())[..., None]
    return np.asarray((astronaut_photo() * (1 - cover[..., None]) + hair * cover[..., None]).clip(0, 255), np.uint8)


def cartoon() -> Picture:
    """A face in flat colours with eyes, brows, nose and lips."""
    picture = np.full((512, 512, 3), (190, 220, 240), np.uint8)
    skin, hair = (255, 214, 170), (80, 45, 20)
    cv2.ellipse(picture, (256, 470), (180, 120), 0, 0, 360, (200, 60, 60), -1, cv2.LINE_AA)
    cv2.rectangle(picture, (226, 330), (286, 400), (235, 190, 150), -1)
    cv2.ellipse(picture, (256, 200), (130, 140), 0, 180, 360, hair, -1, cv2.LINE_AA)
    cv2.ellipse(picture, (256, 240), (110, 140), 0, 0, 360, skin, -1, cv2.LINE_AA)
    for x in (212, 300):
        cv2.ellipse(picture, (x, 225), (24, 14), 0, 0, 360, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(picture, (x, 225), 11, (70, 110, 60), -1, cv2.LINE_AA)
        cv2.circle(picture, (x, 225), 7, (10, 10, 10), -1, cv2.LINE_AA)
        cv2.ellipse(picture, (x, 225), (24, 14), 0, 0, 360, (40, 20, 10), 2, cv2.LINE_AA)
        cv2.ellipse(picture, (x, 198), (30, 8), 0, 180, 360, hair, 6, cv2.LINE_AA)
    cv2.ellipse(picture, (256, 275), (14, 10), 0, 0, 180, (220, 165, 120), 3, cv2.LINE_AA)
    cv2.line(picture, (250, 235), (246, 270), (235, 185, 140), 2, cv2.LINE_AA)
    cv2.ellipse(picture, (256, 318), (38, 14), 0, 0, 180, (190, 70, 70), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (256, 318), (38, 6), 0, 180, 360, (190, 70, 70), -1, cv2.LINE_AA)
    cv2.line(picture, (218, 318), (294, 318), (110, 30, 30), 2, cv2.LINE_AA)
    return picture


def line_drawing() -> Picture:
    """A face in black lines on white paper."""
    picture = np.full((512, 512, 3), 255, np.uint8)
    black = (0, 0, 0)
    cv2.ellipse(picture, (256, 256), (110, 150), 0, 0, 360, black, 3, cv2.LINE_AA)
    for x in (210, 302):
        cv2.ellipse(picture, (x, 235), (24, 11), 0, 0, 360, black, 2, cv2.LINE_AA)
        cv2.circle(picture, (x, 235), 8, black, -1)
        cv2.ellipse(picture, (x, 215), (30, 9), 0, 180, 360, black, 3)
    cv2.polylines(picture, [np.array([(252, 240), (244, 290), (262, 294)])], False, black, 2, cv2.LINE_AA)
    cv2.ellipse(picture, (256, 330), (40, 10), 0, 0, 180, black, 2)
    cv2.line(picture, (216, 330), (296, 330), black, 2)
    return picture


def smiley() -> Picture:
    """A yellow disc with two dots and an arc."""
    picture = np.full((512, 512, 3), 255, np.uint8)
    cv2.circle(picture, (256, 256), 150, (255, 220, 40), -1)
    for x in (205, 307):
        cv2.circle(picture, (x, 215), 18, (0, 0, 0), -1)
    cv2.ellipse(picture, (256, 280), (80, 60), 0, 10, 170, (0, 0, 0), 8)
    return picture
