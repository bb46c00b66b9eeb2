"""Child process of `visage.runtime.images`: decodes one picture from stdin, within limits, to RGB on stdout.

Arguments: the parent's pid, the most pixels, the longest side in pixels. The answer is one line of JSON, then the
pixels, row by row. The line is {"width": …, "height": …} after success, {"limit": "…", "actual": "…"} when the picture
is too large, {"cause": "…"} when it cannot be decoded.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from typing import Final

from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from visage.runtime.confined import confine
from visage.runtime.tether import die_with_parent

MEMORY_BYTES: Final = 1024**3
PROCESSOR_S: Final = 10
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_BEHIND_TRANSPARENCY: Final = (255, 255, 255, 255)
_SIXTEEN_BIT_MODES: Final = ("I", "I;16", "I;16L", "I;16B", "I;16N")


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
        image = _decode(content, int(arguments[1]), int(arguments[2]))
        answer, pixels = {"width": image.width, "height": image.height}, image.tobytes()
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


def _decode(content: bytes, max_pixels: int, max_side_px: int) -> Image.Image:
    # The limits below are checked on the header, before anything is unfolded, and replace Pillow's own.
    Image.MAX_IMAGE_PIXELS = None
    warnings.simplefilter("ignore")
    with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        width, height = image.size
        if max(width, height) > max_side_px:
            raise _TooLarge(f"{max_side_px} pixels a side", f"{width} x {height} pixels")
        if width * height > max_pixels:
            raise _TooLarge(f"{max_pixels / 1e6:g} megapixels", f"{width * height / 1e6:.1f} megapixels")
        image.load()
        return _to_rgb(_upright(image))


def _upright(image: Image.Image) -> Image.Image:
    """Applies the EXIF orientation; an EXIF block that cannot be read counts as none."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT_MODES:
        return image.convert("I").point(lambda level: level / 257.0 + 0.5).convert("L").convert("RGB")
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, _BEHIND_TRANSPARENCY)
        opaque.alpha_composite(image.convert("RGBA"))
        return opaque.convert("RGB")
    return image.convert("RGB")


# A few kilobytes of compressed text must not unfold to a gigabyte.
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 1024 * 1024

if __name__ == "__main__":
    main(sys.argv[1:])
