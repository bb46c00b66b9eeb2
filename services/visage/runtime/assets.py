"""Assets: large media by name. The name is the sha256 of the content, so equal bytes are one asset.

One object per asset, and nothing beside it: size and time come from the store, the MIME type from the first bytes.
What is not whole is therefore not there, and one deletion removes everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from visage.runtime.errors import InvalidField, MediaTooLarge, ResourceNotFound
from visage.runtime.store import KeyMissing, ObjectStore, RangeOutside
from visage.v1 import media_pb2

PREFIX: Final = "assets/"
UNKNOWN_MIME_TYPE: Final = "application/octet-stream"
MIB: Final = 1024 * 1024
DEFAULT_MAX_BYTES: Final = 20 * MIB
_SIGNATURE_BYTES: Final = 16
_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
)
"""Offset, bytes found there, MIME type; the first that fits counts."""


@dataclass(frozen=True, slots=True)
class AssetInfo:
    """What is known of an asset."""

    name: str
    mime_type: str
    size_bytes: int
    sha256: str
    create_time: datetime


def mime_type_of(head: bytes) -> str:
    """Returns the MIME type that the first bytes of a file speak for."""
    for offset, signature, mime_type in _SIGNATURES:
        if head[offset:].startswith(signature):
            return mime_type
    return UNKNOWN_MIME_TYPE


def asset_name(data: bytes) -> str:
    """Returns the name that bytes have as an asset."""
    return PREFIX + hashlib.sha256(data).hexdigest()


class AssetStore:
    """Assets in an object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, data: bytes) -> AssetInfo:
        """Stores bytes whole, or finds them stored already."""
        name = asset_name(data)
        await self._store.create(name, data)
        return await self.describe(name)

    async def describe(self, name: str) -> AssetInfo:
        """Returns an asset's metadata. Raises ResourceNotFound."""
        try:
            stored = await self._store.stat(name)
            head = await self._store.get_range(name, 0, min(stored.size_bytes, _SIGNATURE_BYTES))
        except KeyMissing:
            raise ResourceNotFound("asset", name) from None
        digest = name.removeprefix(PREFIX)
        return AssetInfo(name, mime_type_of(head), stored.size_bytes, digest, stored.modified_time)

    async def read(self, name: str, field: str, max_bytes: int) -> bytes:
        """Returns an asset's bytes; `field` is the path of the request's field that named it.

        Raises:
            ResourceNotFound: There is no such asset.
            MediaTooLarge: It has more than `max_bytes`.
        """
        try:
            stored = await self._store.stat(name)
            if stored.size_bytes > max_bytes:
                raise MediaTooLarge(field, f"{max_bytes / MIB:g} MiB", f"{stored.size_bytes / MIB:.1f} MiB")
            return await self._store.get(name)
        except KeyMissing:
            raise ResourceNotFound("asset", name) from None

    async def stream(self, name: str, offset: int = 0) -> AsyncIterator[bytes]:
        """Yields an asset from byte `offset` on, at most 1 MiB at a time.

        Raises:
            ResourceNotFound: There is no such asset, or no more.
            InvalidField: `offset` lies beyond its end.
        """
        try:
            async for piece in self._store.stream(name, offset):
                yield piece
        except KeyMissing:
            raise ResourceNotFound("asset", name) from None
        except RangeOutside:
            size_bytes = (await self.describe(name)).size_bytes
            raise InvalidField("offset", f"the asset has {size_bytes} bytes", limit=size_bytes) from None

    async def delete(self, name: str) -> bool:
        """Deletes an asset; returns whether it was there."""
        try:
            await self._store.stat(name)
        except KeyMissing:
            return False
        await self._store.delete(name)
        return True


async def load_media(source: media_pb2.MediaSource, field: str, assets: AssetStore, max_bytes: int) -> bytes:
    """Returns the bytes that a request's MediaSource holds or names.

    Raises:
        ResourceNotFound: The asset named is not there.
        MediaTooLarge: More than `max_bytes`.
    """
    if source.WhichOneof("source") == "asset":
        return await assets.read(source.asset, f"{field}.asset", max_bytes)
    if len(source.content) > max_bytes:
        raise MediaTooLarge(f"{field}.content", f"{max_bytes / MIB:g} MiB", f"{len(source.content) / MIB:.1f} MiB")
    return source.content
