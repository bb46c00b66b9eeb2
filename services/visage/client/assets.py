"""Large media in and out of the mesh."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from visage.client.connection import CHUNK_BYTES, Connection
from visage.client.values import Media
from visage.v1 import asset_service_pb2, asset_service_pb2_grpc, media_pb2

INLINE_BYTES = 3 * 1024 * 1024
"""Media up to here travels inside the request."""


class Assets:
    """Uploads, downloads and deletes assets."""

    def __init__(self, connection: Connection, service: str = "identity") -> None:
        """Takes the service that keeps them; all have one store, where the mesh is set up that way."""
        self._connection = connection
        self._service = service

    def _stub(self) -> asset_service_pb2_grpc.AssetServiceStub:
        return asset_service_pb2_grpc.AssetServiceStub(self._connection.channel(self._service))

    async def upload(self, data: bytes) -> str:
        """Uploads bytes and returns the asset's name; the server checks size and sha256."""

        async def requests() -> AsyncIterator[asset_service_pb2.UploadAssetRequest]:
            header = asset_service_pb2.UploadAssetRequest.Header(
                size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
            )
            yield asset_service_pb2.UploadAssetRequest(header=header)
            for start in range(0, len(data), CHUNK_BYTES):
                yield asset_service_pb2.UploadAssetRequest(data=data[start : start + CHUNK_BYTES])

        asset = await self._connection.upload("UploadAsset", self._stub().UploadAsset, requests())
        return str(asset.name)

    async def download(self, name: str, path: Path) -> int:
        """Downloads an asset into a file and returns its size; a partial file is resumed where it ends."""
        part = path.with_suffix(path.suffix + ".part")
        offset = part.stat().st_size if part.exists() else 0
        request = asset_service_pb2.DownloadAssetRequest(name=name, offset=offset)
        with part.open("ab") as file:
            async for response in self._connection.stream("DownloadAsset", self._stub().DownloadAsset, request):
                if response.WhichOneof("response") == "data":
                    await asyncio.to_thread(file.write, response.data)
        part.replace(path)
        return path.stat().st_size

    async def delete(self, name: str) -> None:
        """Deletes an asset."""
        request = asset_service_pb2.DeleteAssetRequest(name=name)
        await self._connection.unary(self._stub().DeleteAsset, request)

    async def source(self, media: Media) -> media_pb2.MediaSource:
        """Returns how a request refers to media: inline when small, else as an uploaded asset."""
        if isinstance(media, str) and media.startswith("assets/"):
            return media_pb2.MediaSource(asset=media)
        data = media if isinstance(media, bytes) else await asyncio.to_thread(Path(media).read_bytes)
        if len(data) <= INLINE_BYTES:
            return media_pb2.MediaSource(content=data)
        return media_pb2.MediaSource(asset=await self.upload(data))
