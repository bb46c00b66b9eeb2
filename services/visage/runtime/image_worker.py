"""Child process of `visage.runtime.images`: decodes one picture from stdin, within limits, to RGB on stdout.

Arguments: the parent's pid, the most pixels, the longest side in pixels, the most pixels of a JPEG before it is
reduced. The answer is one line of JSON, then the pixels, row by row. The line is
{"width": …, "height": …, "full_width": …, "full_height": …} after success, {"limit": "…", "actual": "…"} when the
picture is too large, {"cause": "…"} when it cannot be decoded.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from typing import Final

from PIL import Image, ImageCms, ImageOps, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from visage.runtime.confinement import confine, die_with_parent

MEMORY_BYTES: Final = 1024**3
PROCESSOR_S: Final = 10
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_BEHIND_TRANSPARENCY: Final = (255, 255, 255, 255)
_SIXTEEN_BIT_MODES: Final = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_ORIENTATION_TAG: Final = 0x0112
_LYING_ORIENTATIONS: Final = (5, 6, 7, 8)
_REDUCTIONS: Final = (1, 2, 4, 8)
"""By how much a JPEG decoder can leave out detail while it decodes, without ever holding the whole picture."""


class _TooLarge(Exception):
    """The picture is over a limit; both texts carry units."""

    def __init__(self, limit: str, actual: str) -> None:
        super().__init__(limit, actual)
        self.limit = limit
        self.actual = actual


def main(arguments: list[str]) -> None:
    """Answers one request; see the module's text."""
    die_with_parent(int(arguments[0]))
    content = sys.stdin.buffer.read()
    confine(MEMORY_BYTES, PROCESSOR_S)
    answer: dict[str, object]
    pixels = b""
    try:
        image, full = _decode(content, *map(int, arguments[1:4]))
        answer = {"width": image.width, "height": image.height, "full_width": full[0], "full_height": full[1]}
        pixels = image.tobytes()
    except _TooLarge as error:
        answer = {"limit": error.limit, "actual": error.actual}
    except UnidentifiedImageError:
        answer = {"cause": "not a PNG, JPEG or WebP picture"}
    except MemoryError:
        answer = {"cause": "decoding needs too much memory"}
    except Exception as error:
        # Damaged files make decoders raise anything; the child's confinement is the border, not a list of types.
        answer = {"cause": f"truncated or damaged: {type(error).__name__}"}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.write(pixels)


def _decode(
    content: bytes, max_pixels: int, max_side_px: int, max_jpeg_pixels: int
) -> tuple[Image.Image, tuple[int, int]]:
    """Returns the picture in upright sRGB, and the width and height it had before a reduction."""
    # The limits below are checked on the header, before anything is unfolded, and replace Pillow's own.
    Image.MAX_IMAGE_PIXELS = None
    warnings.simplefilter("ignore")
    with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        width, height = image.size
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            _check_pixels(width, height, max(max_jpeg_pixels, max_pixels))
            _reduce(image, max_pixels, max_side_px)
        else:
            if max(width, height) > max_side_px:
                raise _TooLarge(f"{max_side_px} pixels a side", f"{width} x {height} pixels")
            _check_pixels(width, height, max_pixels)
        image.load()
        orientation = _orientation(image)
        profile = image.info.get("icc_profile")
        upright = ImageOps.exif_transpose(image) if orientation != 1 else image
        full = (height, width) if orientation in _LYING_ORIENTATIONS else (width, height)
        return _to_srgb(_opaque(upright), profile), full


def _check_pixels(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise _TooLarge(f"{most / 1e6:g} megapixels", f"{width * height / 1e6:.1f} megapixels")


def _reduce(image: JpegImagePlugin.JpegImageFile, max_pixels: int, max_side_px: int) -> None:
    """Has a large JPEG decoded at a half, a quarter or an eighth of its size, whatever keeps to the limits."""
    width, height = image.size
    for factor in _REDUCTIONS:
        columns, rows = -(-width // factor), -(-height // factor)
        if max(columns, rows) <= max_side_px and columns * rows <= max_pixels:
            image.draft(None, (max(1, width // factor), max(1, height // factor)))
            return
    raise _TooLarge(f"{max_side_px * _REDUCTIONS[-1]} pixels a side", f"{width} x {height} pixels")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; an EXIF block that cannot be read counts as none."""
    try:
        value = int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        return 1
    return value if 2 <= value <= 8 else 1


def _opaque(image: Image.Image) -> Image.Image:
    """Grey, RGB or CMYK of 8 bits; transparency is laid over white."""
    if image.mode in _SIXTEEN_BIT_MODES:
        return image.convert("I").point(lambda level: level / 257.0 + 0.5).convert("L")
    if image.has_transparency_data:
        is_grey = image.mode in ("L", "LA")
        opaque = Image.new("RGBA", image.size, _BEHIND_TRANSPARENCY)
        opaque.alpha_composite(image.convert("RGBA"))
        return opaque.convert("L" if is_grey else "RGB")
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB as screens show it; a profile that is damaged or of another kind of picture counts as none."""
    if profile:
        try:
            return _converted(image, profile)
        except (ImageCms.PyCMSError, OSError):
            pass
    return image.convert("RGB")


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if image.mode == "RGB" and "sRGB" in (source.profile.profile_description or ""):
        return image
    converted = ImageCms.profileToProfile(
        image,
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None
    return converted


# A few kilobytes of compressed text must not unfold to a gigabyte.
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 1024 * 1024

if __name__ == "__main__":
    main(sys.argv[1:])
