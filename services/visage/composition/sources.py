"""Media of a request: inline or stored bytes, decoded in confined child processes; implements `ports`."""

from __future__ import annotations

from typing import Final

from visage.composition.values import Sound
from visage.media import pcm
from visage.media.frames import Picture
from visage.runtime.assets import AssetStore, load_media
from visage.runtime.audio import AudioLimits, decode_audio, decode_soundtrack
from visage.runtime.images import ImageLimits, decode_image
from visage.v1 import media_pb2

SOUND_RATE_HZ: Final = 48_000
"""Rate that callers' sound is brought to: the highest that is accepted, so nothing is lost."""


class StoredMedia:
    """Bytes that a request holds, or names as an asset."""

    def __init__(self, assets: AssetStore, max_bytes: int) -> None:
        self._assets = assets
        self._max_bytes = max_bytes

    async def read(self, source: media_pb2.MediaSource, field: str) -> bytes:
        """Returns the bytes."""
        return await load_media(source, field, self._assets, self._max_bytes)


class ConfinedSoundDecoder:
    """WAV, FLAC, Ogg and MP3, and the sound of films, to samples at 48 kHz."""

    def __init__(self, limits: AudioLimits) -> None:
        self._limits = limits

    async def decode(self, content: bytes, field: str) -> Sound:
        """Returns mono sound; raises MediaUndecodable or MediaTooLarge."""
        samples = await decode_audio(content, field, SOUND_RATE_HZ, self._limits)
        return Sound(pcm.to_int16(samples), SOUND_RATE_HZ)

    async def decode_film(self, content: bytes, field: str) -> Sound | None:
        """Returns a film's mono sound, None where it has none; raises MediaUndecodable or MediaTooLarge."""
        samples = await decode_soundtrack(content, field, SOUND_RATE_HZ, self._limits)
        return None if samples is None else Sound(pcm.to_int16(samples), SOUND_RATE_HZ)


class ConfinedPictureDecoder:
    """PNG, JPEG and WebP to pixels."""

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = limits

    async def decode(self, content: bytes, field: str) -> Picture:
        """Returns the upright picture; raises MediaUndecodable or MediaTooLarge."""
        return await decode_image(content, field, self._limits)
