"""Child process of `visage.runtime.films`: decodes the pictures of one film from stdin, within limits, to stdout.

Arguments: the parent's pid, the longest duration in seconds, the longest side in pixels, the most pixels, the longest
side of the pictures wanted. The answer is a sequence of records, each one line of JSON: first {"rate": [n, d]}, then
for every picture {"at_s": …, "width": …, "height": …} followed by its RGB bytes, row by row; last {"end_s": …}, or
{"limit": "…", "actual": "…"} when the film is too large, {"cause": "…"} when it cannot be decoded.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av.error
import numpy as np

from visage.runtime.confinement import confine, die_with_parent
from visage.runtime.film_streams import TooLarge, Undecodable, duration_s, open_container, picture_stream, start_s

MEMORY_BYTES: Final = 1024**3
PROCESSOR_S: Final = 120
_DENSEST: Final = Fraction(120)
"""Frames per second that a film may have on average."""
_WANTED: Final = Fraction(60)
"""Frames per second that are handed on at most; a film that is denser is thinned."""
_MISSING_SHARE: Final = 0.1
_MISSING_S: Final = 0.5
_FALLBACK_RATE: Final = Fraction(25)


def main(arguments: list[str]) -> None:
    """Answers one request; see the module's text."""
    die_with_parent(int(arguments[0]))
    content = sys.stdin.buffer.read()
    confine(MEMORY_BYTES, PROCESSOR_S)
    answer: dict[str, object]
    try:
        answer = {"end_s": _decode(content, float(arguments[1]), *map(int, arguments[2:5]))}
    except TooLarge as error:
        answer = {"limit": error.limit, "actual": error.actual}
    except Undecodable as error:
        answer = {"cause": str(error)}
    except MemoryError:
        answer = {"cause": "decoding needs too much memory"}
    except BrokenPipeError:
        return
    except Exception as error:
        # Damaged files make decoders raise anything; the child's confinement is the border, not a list of types.
        answer = {"cause": f"truncated or damaged: {type(error).__name__}"}
    _put(answer)
    sys.stdout.buffer.flush()


def _put(record: dict[str, object], content: Any = b"") -> None:
    sys.stdout.buffer.write(json.dumps(record).encode() + b"\n")
    sys.stdout.buffer.write(content)


def _decode(content: bytes, max_duration_s: float, max_side_px: int, max_pixels: int, wanted_px: int) -> float:
    """Writes the pictures and returns when the last one ends."""
    with open_container(content) as container:
        stream = picture_stream(container)
        if stream is None:
            raise Undecodable("holds no pictures" + (", only sound" if container.streams.audio else ""))
        _check_length(duration_s(stream), max_duration_s)
        _check_size(stream.codec_context.width, stream.codec_context.height, max_side_px, max_pixels)
        stream.thread_count = 1
        rate = stream.average_rate or stream.guessed_rate or _FALLBACK_RATE
        _put({"rate": [rate.numerator, rate.denominator]})
        last_s, handed_s = -1.0, -1.0
        for index, (at_s, frame) in enumerate(_frames(container, stream, float(1 / rate))):
            _check_length(at_s, max_duration_s)
            if index >= max_duration_s * _DENSEST:
                raise TooLarge(f"{int(max_duration_s * _DENSEST)} frames", f"at least {index + 1} frames")
            if at_s <= last_s:
                continue
            last_s = at_s
            if handed_s >= 0 and at_s - handed_s < float(1 / _WANTED) - 1e-3:
                continue
            handed_s = at_s
            _check_size(frame.width, frame.height, max_side_px, max_pixels)
            pixels = _upright(frame, wanted_px, stream.sample_aspect_ratio)
            _put({"at_s": at_s, "width": pixels.shape[1], "height": pixels.shape[0]}, pixels.data)
        if handed_s < 0:
            raise Undecodable("holds no pictures")
        end_s, announced_s = last_s + float(1 / rate), duration_s(stream)
        if end_s < announced_s - max(_MISSING_S, _MISSING_SHARE * announced_s):
            raise Undecodable(f"truncated: {end_s:.1f} of {announced_s:.1f} s are there")
        return end_s


def _frames(container: Any, stream: Any, step_s: float) -> Iterator[tuple[float, Any]]:
    """Yields pictures with their times from the film's start; one without a time follows the one before it.

    Damage in the middle costs the pictures it hits; damage before the first one is the film's.
    """
    origin_s, at_s = start_s(stream), -step_s
    packets = iter(container.demux(stream))
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            if at_s < 0:
                raise Undecodable(f"truncated or damaged: {type(error).__name__}") from error
            continue
        for frame in frames:
            at_s = at_s + step_s if frame.pts is None else float(frame.pts * frame.time_base) - origin_s
            yield max(at_s, 0.0), frame


def _check_length(seconds: float, most_s: float) -> None:
    if seconds > most_s:
        raise TooLarge(f"{most_s:g} s", f"{seconds:.1f} s")


def _check_size(width: int, height: int, max_side_px: int, max_pixels: int) -> None:
    if max(width, height) > max_side_px:
        raise TooLarge(f"{max_side_px} pixels a side", f"{width} x {height} pixels")
    if width * height > max_pixels:
        raise TooLarge(f"{max_pixels / 1e6:g} megapixels", f"{width * height / 1e6:.1f} megapixels")


def _upright(frame: Any, wanted_px: int, pixel_shape: Fraction | None) -> np.ndarray[Any, Any]:
    """RGB uint8 [height, width, 3] with square pixels, held as the film's rotation says, at most `wanted_px` a side."""
    width, height = frame.width * float(pixel_shape or 1), float(frame.height)
    scale = min(1.0, wanted_px / max(width, height))
    size = max(2, round(width * scale)), max(2, round(height * scale))
    picture = frame.reformat(*size, format="rgb24", interpolation="AREA").to_ndarray()
    # The side data's angle is counter-clockwise, like rot90's.
    return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90)))


if __name__ == "__main__":
    main(sys.argv[1:])
