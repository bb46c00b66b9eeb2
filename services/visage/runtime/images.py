"""Pictures in: PNG, JPEG and WebP of strangers, told by their content, decoded in a confined child process.

Inside a service a picture is uint8 RGB [height, width, 3], upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from visage.runtime.confined import decode_confined
from visage.runtime.errors import MediaTooLarge, MediaUndecodable

RgbImage = npt.NDArray[np.uint8]
"""uint8 RGB [height, width, 3]."""

_WORKER: Final = "visage.runtime.image_worker"
_CHILD_LIMIT_S: Final = 15.0
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How large a picture a caller may send; what a small header may unfold to is limited before it is unfolded.

    A JPEG may have up to `max_jpeg_pixels`: it is decoded at a half, a quarter or an eighth of its size until it keeps
    to the other two limits, so it costs no more memory than other pictures.
    """

    max_bytes: int = 20 * _MIB
    max_pixels: int = 25_000_000
    max_side_px: int = 8192
    max_jpeg_pixels: int = 120_000_000


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture, uint8 RGB [height, width, 3], read-only, and the size it had before it was reduced, in pixels."""

    pixels: RgbImage
    full_width_px: int
    full_height_px: int

    @property
    def reduction(self) -> float:
        """Pixels of the full picture per pixel here, 1 or more."""
        return self.full_width_px / int(self.pixels.shape[1])


async def decode_image(content: bytes, field: str, limits: ImageLimits | None = None) -> RgbImage:
    """Returns the pixels of `decode_full_image`, with its arguments and errors."""
    return (await decode_full_image(content, field, limits)).pixels


async def decode_full_image(content: bytes, field: str, limits: ImageLimits | None = None) -> DecodedImage:
    """Decodes a PNG, JPEG or WebP picture in a child process that ends with this call, also when it is cancelled.

    The EXIF orientation is applied, colours are brought to sRGB by the picture's own ICC profile, transparency is laid
    over white, 16-bit, grey, palette and CMYK become 8-bit RGB, and of an animation the first frame is taken. JPEGs
    over the limits on pixels are reduced.

    Args:
        content: The file.
        field: Path of the request's field that held it, for errors.
        limits: Largest size; defaults apply if absent.

    Returns:
        The picture.

    Raises:
        MediaTooLarge: Over a limit.
        MediaUndecodable: Another format, broken, truncated, or too expensive to decode.
    """
    bounds = limits or ImageLimits()
    if len(content) > bounds.max_bytes:
        raise MediaTooLarge(field, f"{bounds.max_bytes / _MIB:g} MiB", f"{len(content) / _MIB:.1f} MiB")
    arguments = [str(bounds.max_pixels), str(bounds.max_side_px), str(bounds.max_jpeg_pixels)]
    answer, pixels = await decode_confined(_WORKER, arguments, content, _CHILD_LIMIT_S, field)
    if "limit" in answer:
        raise MediaTooLarge(field, answer["limit"], answer["actual"])
    if "cause" in answer:
        raise MediaUndecodable(field, answer["cause"])
    image = np.frombuffer(pixels, np.uint8).reshape(answer["height"], answer["width"], 3)
    return DecodedImage(image, answer["full_width"], answer["full_height"])
