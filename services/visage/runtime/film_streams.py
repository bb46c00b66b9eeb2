"""Films of strangers, opened inside a confined child: which containers are taken, where time 0 lies, why one fails.

MP4, MOV, WebM and MKV are told by their content; other demuxers, some of which open further files, are never asked.
"""

from __future__ import annotations

import io
from typing import Any, Final

import av
import av.error
from av.stream import Disposition

_EBML: Final = b"\x1aE\xdf\xa3"
_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""What an ISO or QuickTime file may start with, behind the four bytes of the box's length."""


class Undecodable(Exception):
    """The content cannot become a film; the message says why."""


class TooLarge(Exception):
    """The film is over a limit; both texts carry units."""

    def __init__(self, limit: str, actual: str) -> None:
        super().__init__(limit, actual)
        self.limit = limit
        self.actual = actual


def open_container(content: bytes) -> Any:
    """Returns the open PyAV container, a context manager.

    Raises:
        Undecodable: Another format, or its index is missing or damaged.
    """
    if content.startswith(_EBML):
        demuxer = "matroska"
    elif content[4:8] in _BOXES:
        demuxer = "mov"
    else:
        raise Undecodable("not an MP4, MOV, WebM or MKV file")
    try:
        return av.open(io.BytesIO(content), format=demuxer)
    except (av.error.FFmpegError, ValueError) as error:
        raise Undecodable(f"truncated or damaged: {type(error).__name__}") from error


def picture_stream(container: Any) -> Any | None:
    """The film's pictures; None where there is only sound, a cover picture not counted."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    return None


def start_s(stream: Any) -> float:
    """When the first picture is shown, on the container's clock; 0 where it does not say."""
    return float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0


def duration_s(stream: Any) -> float:
    """Length that the file announces for a stream; 0 where it does not."""
    return float(stream.duration * stream.time_base) if stream.duration else 0.0
