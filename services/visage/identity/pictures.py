"""Pictures of requests: inline bytes or an asset, decoded within the service's limits."""

from __future__ import annotations

from dataclasses import dataclass

from visage.runtime.assets import AssetStore, load_media
from visage.runtime.images import DecodedImage, ImageLimits, RgbImage, decode_full_image
from visage.v1 import media_pb2


@dataclass(frozen=True)
class Pictures:
    """Reads pictures; all methods raise ResourceNotFound and MediaTooLarge."""

    assets: AssetStore
    limits: ImageLimits

    async def load(self, source: media_pb2.MediaSource, field: str) -> bytes:
        """Returns the file; `field` is the path of the request's field that holds `source`."""
        return await load_media(source, field, self.assets, self.limits.max_bytes)

    async def read(self, source: media_pb2.MediaSource, field: str) -> RgbImage:
        """Returns the picture, uint8 RGB [height, width, 3]. Raises MediaUndecodable besides."""
        return (await self.read_full(source, field)).pixels

    async def read_full(self, source: media_pb2.MediaSource, field: str) -> DecodedImage:
        """Returns the picture and the size it was sent in. Raises MediaUndecodable besides."""
        return await decode_full_image(await self.load(source, field), field, self.limits)
