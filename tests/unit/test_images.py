"""Pictures of strangers: what is decoded, what is refused, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from visage.runtime.errors import MediaTooLarge, MediaUndecodable
from visage.runtime.images import ImageLimits, decode_full_image, decode_image

pytestmark = pytest.mark.unit

Picture = npt.NDArray[np.uint8]


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def children() -> set[str]:
    """Process ids of this process's children."""
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        # A thread may end while its neighbours are read; its children are another's then.
        with suppress(FileNotFoundError, ProcessLookupError):
            found |= set((task / "children").read_text().split())
    return found


async def error_of(content: bytes, limits: ImageLimits | None = None) -> MediaUndecodable | MediaTooLarge:
    with pytest.raises((MediaUndecodable, MediaTooLarge)) as caught:
        await decode_image(content, "photo", limits)
    return caught.value


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_three_formats(astronaut: Picture, kind: str) -> None:
    """PNG, JPEG and WebP are decoded to the same upright RGB picture."""
    decoded = await decode_image(encoded(Image.fromarray(astronaut), kind, quality=95), "photo")

    assert decoded.shape == (512, 512, 3)
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - astronaut).mean() < 4


@pytest.mark.parametrize("orientation", range(2, 9))
async def test_exif_orientation(orientation: int) -> None:
    """Each EXIF orientation is undone."""
    upright = np.zeros((40, 24, 3), np.uint8)
    upright[:10, :8] = 255
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = Image.fromarray(upright).transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation

    decoded = await decode_image(encoded(stored, "PNG", exif=exif.tobytes()), "photo")

    assert decoded.shape == upright.shape
    assert np.array_equal(decoded, upright)


async def test_damaged_exif(astronaut: Picture) -> None:
    """An EXIF block that cannot be read counts as none."""
    content = encoded(Image.fromarray(astronaut), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")

    assert (await decode_image(content, "photo")).shape == (512, 512, 3)


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA", "CMYK"])
async def test_pixel_modes(astronaut: Picture, mode: str) -> None:
    """Grey, palette, black and white, alpha and CMYK become RGB."""
    image = Image.fromarray(astronaut).convert(mode)
    content = encoded(image, "JPEG" if mode == "CMYK" else "PNG")
    expected = np.asarray(image.convert("RGB")).astype(int)

    decoded = await decode_image(content, "photo")

    assert decoded.shape == (512, 512, 3)
    assert np.abs(decoded - expected).mean() < 5


async def test_sixteen_bit_grey(astronaut: Picture) -> None:
    """16-bit grey is scaled to 8 bits, not cut off."""
    grey = astronaut.mean(axis=2)

    decoded = await decode_image(encoded(Image.fromarray((grey * 257).astype(np.uint16)), "PNG"), "photo")

    assert np.abs(decoded[..., 0] - grey).max() <= 1


def display_p3() -> bytes:
    """The ICC profile of wide-gamut displays: Pillow's sRGB with the primaries of SMPTE RP 431-2, adapted to D50."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for index in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if name in primaries:
            struct.pack_into(">3i", profile, offset + 8, *(round(value * 65536) for value in primaries[name]))
        elif name == b"desc":
            described = bytes(profile[offset : offset + size])
            profile[offset : offset + size] = described.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
    return bytes(profile)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_wide_gamut(kind: str) -> None:
    """Colours of a wide-gamut picture become what they are in sRGB; the same numbers mean more saturated colours."""
    image = Image.new("RGB", (16, 16), (200, 120, 100))
    decoded = await decode_image(encoded(image, kind, icc_profile=display_p3(), quality=100), "photo")
    plain = await decode_image(encoded(image, kind, quality=100), "photo")

    assert np.abs(plain[8, 8].astype(int) - (200, 120, 100)).max() <= 4
    assert np.abs(decoded[8, 8].astype(int) - (214, 117, 96)).max() <= 5


async def test_wide_gamut_behind_transparency() -> None:
    """Transparency is laid over white before colours are converted, so that white stays white."""
    image = Image.new("RGBA", (4, 4), (200, 120, 100, 0))

    assert (await decode_image(encoded(image, "PNG", icc_profile=display_p3()), "photo") >= 254).all()


@pytest.mark.parametrize("profile", [b"no profile", display_p3()[:200]], ids=["text", "cut"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
async def test_useless_profile(astronaut: Picture, mode: str, profile: bytes) -> None:
    """A profile that is damaged counts as none."""
    image = Image.fromarray(astronaut).convert(mode)
    content = encoded(image, "JPEG", icc_profile=profile, quality=95)

    assert np.array_equal(
        await decode_image(content, "photo"), await decode_image(encoded(image, "JPEG", quality=95), "photo")
    )


async def test_profile_of_another_kind(astronaut: Picture) -> None:
    """A profile for colours in a grey picture counts as none."""
    grey = Image.fromarray(astronaut).convert("L")
    decoded = await decode_image(encoded(grey, "PNG", icc_profile=display_p3()), "photo")

    assert np.array_equal(decoded[..., 1], np.asarray(grey))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("progressive", [False, True])
async def test_large_jpeg_is_reduced(astronaut: Picture, orientation: int, progressive: bool) -> None:
    """A JPEG over the limits is decoded smaller, in the same upright picture, and its full size is told."""
    image = Image.fromarray(astronaut[:, :400]).resize((7000, 8960), Image.Resampling.BILINEAR)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = image.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else image
    content = encoded(stored, "JPEG", quality=70, exif=exif.tobytes(), progressive=progressive)
    decoded = await decode_full_image(content, "photo")
    small = np.asarray(Image.fromarray(decoded.pixels).resize((400, 512), Image.Resampling.BOX)).astype(int)

    assert decoded.pixels.shape == (4480, 3500, 3)
    assert (decoded.full_width_px, decoded.full_height_px, decoded.reduction) == (7000, 8960, 2.0)
    assert np.abs(small - astronaut[:, :400]).mean() < 4


async def test_jpeg_over_its_own_limits() -> None:
    """A JPEG of more megapixels than a camera makes, or a thread of one, is refused by its header."""
    header = encoded(Image.new("RGB", (8, 8)), "JPEG")
    at = header.index(b"\xff\xc0") + 5

    def announcing(width: int, height: int) -> bytes:
        return header[:at] + struct.pack(">HH", height, width) + header[at + 4 :]

    large = await error_of(announcing(12_001, 10_000))
    thread = await error_of(announcing(65_000, 1000), ImageLimits(max_side_px=4096))

    assert large.metadata["limit"] == "120 megapixels"
    assert thread.metadata["limit"] == "32768 pixels a side"


async def test_transparency_over_white() -> None:
    """Transparent pixels show white, half transparent ones a mixture."""
    image = np.zeros((2, 1, 4), np.uint8)
    image[1, 0, 3] = 128

    decoded = await decode_image(encoded(Image.fromarray(image), "PNG"), "photo")

    assert decoded[0, 0].tolist() == [255, 255, 255]
    assert 125 <= decoded[1, 0, 0] <= 129


async def test_transparent_palette() -> None:
    """A palette's transparent entry shows white."""
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])

    decoded = await decode_image(encoded(image, "PNG", transparency=0), "photo")

    assert (decoded == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
async def test_animation(kind: str) -> None:
    """Of an animation the first frame is taken."""
    first, second = Image.new("RGB", (16, 16), (200, 0, 0)), Image.new("RGB", (16, 16), (0, 0, 200))

    content = encoded(first, kind, save_all=True, append_images=[second], lossless=True)
    decoded = await decode_image(content, "photo")

    assert decoded[8, 8].tolist() == [200, 0, 0]


async def test_one_pixel() -> None:
    """A picture of one pixel is a picture."""
    assert (await decode_image(encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG"), "photo")).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize(
    "content",
    [b"hello", b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF"],
)
async def test_no_picture(content: bytes) -> None:
    """What is not a picture is refused with the field's name."""
    error = await error_of(content)

    assert isinstance(error, MediaUndecodable)
    assert error.field == "photo"


async def test_unsupported_format(astronaut: Picture) -> None:
    """A picture of another format is refused, however healthy."""
    error = await error_of(encoded(Image.fromarray(astronaut), "GIF"))

    assert isinstance(error, MediaUndecodable)
    assert "PNG, JPEG or WebP" in error.message


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
async def test_truncated(astronaut: Picture, kind: str, share: float) -> None:
    """A picture that ends early is refused, wherever it ends."""
    content = encoded(Image.fromarray(astronaut), kind)

    error = await error_of(content[: int(len(content) * share)])

    assert isinstance(error, MediaUndecodable)


async def test_file_too_large() -> None:
    """A file over the limit is refused before it is looked at, with limit and actual size."""
    error = await error_of(bytes(3 * 1024 * 1024), ImageLimits(max_bytes=2 * 1024 * 1024))

    assert isinstance(error, MediaTooLarge)
    assert error.metadata == {"field": "photo", "limit": "2 MiB", "actual": "3.0 MiB"}


@pytest.mark.parametrize(
    ("width", "height", "limit"),
    [(5001, 5000, "25 megapixels"), (8193, 10, "8192 pixels a side"), (60_000, 60_000, "8192 pixels a side")],
)
async def test_decompression_bomb(width: int, height: int, limit: str) -> None:
    """A small file that announces a huge picture is refused by its header."""
    error = await error_of(png_header(width, height))

    assert isinstance(error, MediaTooLarge)
    assert error.metadata["limit"] == limit


async def test_text_bomb() -> None:
    """Compressed text inside a PNG that unfolds to hundreds of megabytes is refused, not unfolded."""
    bomb = zlib.compress(bytes(300 * 1024 * 1024), 9)
    data = b"Comment\x00\x00" + bomb
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    picture = encoded(Image.new("RGB", (8, 8)), "PNG")

    error = await error_of(picture[:33] + chunk + picture[33:])

    assert isinstance(error, MediaUndecodable)


async def test_largest_picture() -> None:
    """A picture at the limit of 25 megapixels is decoded within the child's memory."""
    decoded = await decode_image(
        encoded(Image.new("RGBA", (5000, 5000), (9, 8, 7, 255)), "PNG", compress_level=1), "photo"
    )

    assert decoded.shape == (5000, 5000, 3)
    assert decoded[-1, -1].tolist() == [9, 8, 7]


async def test_memory_limit() -> None:
    """Where the limits on pixels are set higher, the child's memory still ends what would take gigabytes."""
    error = await error_of(png_header(20_000, 20_000), ImageLimits(max_pixels=10**9, max_side_px=30_000))

    assert isinstance(error, MediaUndecodable)
    assert "memory" in error.message


async def test_cancellation_ends_the_child() -> None:
    """Cancelling the call ends the child process at once."""
    before = children()
    decoding = asyncio.create_task(decode_image(encoded(Image.new("RGB", (8, 8)), "PNG"), "photo"))
    while not children() - before:
        await asyncio.sleep(0.005)
    decoding.cancel()
    await asyncio.wait([decoding])

    assert decoding.cancelled()
    assert children() == before


async def test_child_runs_with_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that does not come to an end is ended, and the picture refused."""
    monkeypatch.setattr("visage.runtime.images._CHILD_LIMIT_S", 0.0)
    before = children()

    error = await error_of(encoded(Image.new("RGB", (8, 8)), "PNG"))

    assert isinstance(error, MediaUndecodable)
    assert "too long" in error.message
    assert children() == before
