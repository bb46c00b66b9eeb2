"""MP4 boxes: cuts a muxer's byte stream into segments, and names the codecs.

Sources: ISO/IEC 14496-12 (boxes, movie fragments), RFC 6381 (codec names), ITU-T H.264 7.3.2.1 (parameter sets).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

AAC_LC_CODEC: Final = "mp4a.40.2"

_HEADER_BYTES: Final = 8
_LARGE_HEADER_BYTES: Final = 16
_NAL_SEQUENCE_PARAMETERS: Final = 7


class Box(NamedTuple):
    """Type ("moof"), and where a box lies: offset of its header, bytes of the header, bytes of all."""

    kind: str
    offset: int
    header_bytes: int
    byte_size: int

    def body(self, data: bytes) -> bytes:
        """The box's content."""
        return data[self.offset + self.header_bytes : self.offset + self.byte_size]


def iter_boxes(data: bytes | bytearray) -> Iterator[Box]:
    """Yields the complete boxes at the start of `data`; what follows them is not there yet.

    Raises:
        ValueError: A box says that it is smaller than its own header, or that it has no end.
    """
    offset = 0
    while len(data) - offset >= _HEADER_BYTES:
        size = int.from_bytes(data[offset : offset + 4], "big")
        kind = bytes(data[offset + 4 : offset + 8]).decode("latin-1")
        header = _HEADER_BYTES
        if size == 1:
            header = _LARGE_HEADER_BYTES
            if len(data) - offset < header:
                return
            size = int.from_bytes(data[offset + 8 : offset + 16], "big")
        if size < header:
            raise ValueError(f"box {kind!r} claims {size} bytes")
        if len(data) - offset < size:
            return
        yield Box(kind, offset, header, size)
        offset += size


class SegmentCutter:
    """Collects bytes and gives out whole segments: first everything up to moov, then everything up to each mdat."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._is_started = False

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait for the rest of their segment."""
        return len(self._pending)

    def feed(self, data: bytes) -> None:
        """Takes the muxer's next bytes."""
        self._pending += data

    def cut(self) -> list[bytes]:
        """Returns the segments that are complete, the init segment first."""
        segments: list[bytes] = []
        start = 0
        for box in iter_boxes(self._pending):
            if box.kind == ("mdat" if self._is_started else "moov"):
                end = box.offset + box.byte_size
                segments.append(bytes(self._pending[start:end]))
                start, self._is_started = end, True
        del self._pending[:start]
        return segments


def free_box(content: bytes) -> bytes:
    """Returns a box that players pass over."""
    return (_HEADER_BYTES + len(content)).to_bytes(4, "big") + b"free" + content


def h264_codec(parameter_sets: bytes) -> str:
    """Returns the RFC 6381 name, such as avc1.64001f, from an encoder's parameter sets with start codes.

    Raises:
        ValueError: There is no sequence parameter set.
    """
    for unit in parameter_sets.split(b"\x00\x00\x01")[1:]:
        if unit[0] & 0x1F == _NAL_SEQUENCE_PARAMETERS:
            return f"avc1.{unit[1:4].hex()}"
    raise ValueError("no sequence parameter set")
