"""Messages between the service and an engine's process: a JSON object and raw bytes, each with its length before it."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO, Final

Message = dict[str, Any]

LENGTHS: Final = struct.Struct(">II")
"""Bytes of JSON, bytes of payload."""


def pack(message: Message, payload: bytes = b"") -> bytes:
    """Returns one framed message."""
    text = json.dumps(message, separators=(",", ":")).encode()
    return LENGTHS.pack(len(text), len(payload)) + text + payload


def read(stream: BinaryIO) -> Message | None:
    """Reads a message without payload; None at the end of the stream."""
    head = stream.read(LENGTHS.size)
    if len(head) < LENGTHS.size:
        return None
    text_length, payload_length = LENGTHS.unpack(head)
    message: Message = json.loads(stream.read(text_length))
    stream.read(payload_length)
    return message


def write(stream: BinaryIO, message: Message, payload: bytes = b"") -> None:
    """Writes a message and flushes."""
    stream.write(pack(message, payload))
    stream.flush()
