"""AssetService over an `AssetStore`; served by every service that takes or gives large media."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any, Final

from google.protobuf import empty_pb2

from visage.runtime.assets import DEFAULT_MAX_BYTES, MIB, AssetInfo, AssetStore
from visage.runtime.errors import (
    ChecksumMismatch,
    InvalidField,
    MediaTooLarge,
    ResourceNotFound,
    StreamOutOfOrder,
)
from visage.runtime.server import Servicer
from visage.v1 import asset_service_pb2 as pb
from visage.v1 import asset_service_pb2_grpc

CANCELLATION_GRACE_S: Final = 0.1
"""A cancelled upload looks like a finished one until its cancellation arrives, a moment later (grpc issue 33038)."""


class AssetServicer(asset_service_pb2_grpc.AssetServiceServicer):
    """Messages in, messages out. An upload is held in memory until its end, so that nothing of a broken one is left."""

    def __init__(self, assets: AssetStore, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._assets = assets
        self._max_bytes = max_bytes

    async def UploadAsset(self, request_iterator: AsyncIterator[pb.UploadAssetRequest], context: Any) -> pb.Asset:
        """Stores the uploaded bytes once all of them are there and right."""
        header: pb.UploadAssetRequest.Header | None = None
        data = bytearray()
        async for request in request_iterator:
            kind = request.WhichOneof("request")
            if (header is None) != (kind == "header"):
                raise StreamOutOfOrder("data" if header is not None else "header", str(kind))
            if header is None:
                header = request.header
                self._check_size(header.size_bytes)
                continue
            data += request.data
            self._check_size(len(data))
        if header is None:
            raise StreamOutOfOrder("header", "end of stream")
        if not header.size_bytes and not header.sha256:
            # Nothing tells a whole upload from one that was cut off, but that the latter is cancelled.
            await asyncio.sleep(CANCELLATION_GRACE_S)
        return asset_message(await self._assets.put(_verified(bytes(data), header)))

    async def DownloadAsset(
        self, request: pb.DownloadAssetRequest, context: Any
    ) -> AsyncIterator[pb.DownloadAssetResponse]:
        """Sends the metadata, then the bytes from the offset on."""
        asset = await self._assets.describe(request.name)
        if request.offset > asset.size_bytes:
            raise InvalidField("offset", f"the asset has {asset.size_bytes} bytes", limit=asset.size_bytes)
        yield pb.DownloadAssetResponse(asset=asset_message(asset))
        async for piece in self._assets.stream(request.name, request.offset):
            yield pb.DownloadAssetResponse(data=piece)

    async def GetAsset(self, request: pb.GetAssetRequest, context: Any) -> pb.Asset:
        """Returns the metadata."""
        return asset_message(await self._assets.describe(request.name))

    async def DeleteAsset(self, request: pb.DeleteAssetRequest, context: Any) -> empty_pb2.Empty:
        """Deletes the asset."""
        if not await self._assets.delete(request.name) and not request.allow_missing:
            raise ResourceNotFound("asset", request.name)
        return empty_pb2.Empty()

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise MediaTooLarge("data", f"{self._max_bytes / MIB:g} MiB", f"{size_bytes / MIB:.1f} MiB")


def _verified(data: bytes, header: pb.UploadAssetRequest.Header) -> bytes:
    """Returns `data` if it is what the header announced."""
    if header.size_bytes and len(data) != header.size_bytes:
        raise ChecksumMismatch(f"{header.size_bytes} bytes", f"{len(data)} bytes")
    if header.sha256 and (digest := hashlib.sha256(data).hexdigest()) != header.sha256:
        raise ChecksumMismatch(header.sha256, digest)
    if not data:
        raise InvalidField("data", "holds no bytes", limit="1 byte at least")
    return data


def asset_message(asset: AssetInfo) -> pb.Asset:
    """Returns an asset as it goes over the wire."""
    message = pb.Asset(name=asset.name, mime_type=asset.mime_type, size_bytes=asset.size_bytes, sha256=asset.sha256)
    message.create_time.FromDatetime(asset.create_time)
    return message


def asset_service(assets: AssetStore, max_bytes: int = DEFAULT_MAX_BYTES) -> Servicer:
    """Returns the service for the server's bootstrap."""
    return Servicer(
        asset_service_pb2_grpc.add_AssetServiceServicer_to_server,
        AssetServicer(assets, max_bytes),
        "visage.v1.AssetService",
    )
