"""What makes films, put together from its concrete parts: for the service and for the pods of renders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from visage.composition.avatars import AvatarCache
from visage.composition.face_peer import FacePeer
from visage.composition.generate_avatar import GenerateAvatar
from visage.composition.peers import AnimationPeer, IdentityPeer, SpeechPeer, check_channels
from visage.composition.ports import Renderer
from visage.composition.production import Studio
from visage.composition.settings import CompositionSettings
from visage.composition.sources import ConfinedPictureDecoder, ConfinedSoundDecoder, StoredMedia
from visage.runtime.assets import AssetStore
from visage.runtime.audio import AudioLimits
from visage.runtime.images import ImageLimits
from visage.runtime.peers import open_channel
from visage.runtime.store import ObjectStore


@dataclass(frozen=True, slots=True)
class Workshop:
    """Attributes: `check_ready` tells which peers are there; `release` closes the connections to them."""

    objects: ObjectStore
    assets: AssetStore
    studio: Studio
    generate_avatar: GenerateAvatar
    check_ready: Callable[[], Awaitable[Mapping[str, bool]]]
    release: Callable[[], Awaitable[None]]


def open_workshop(renderer: Renderer, settings: CompositionSettings) -> Workshop:
    """Returns a workshop on a renderer, the store and the peers that the settings name."""
    objects = ObjectStore.open(settings.store_url)
    assets = AssetStore(objects)
    channels = {
        "identity": open_channel(settings.identity_address, settings.tls),
        "speech": open_channel(settings.speech_address, settings.tls),
        "animation": open_channel(settings.animation_address, settings.tls),
    }
    identities = IdentityPeer(channels["identity"], settings.avatar_limit_s)
    studio = Studio(
        AvatarCache(identities, settings.avatar_cache_bytes),
        renderer,
        StoredMedia(assets, settings.max_media_bytes),
        ConfinedPictureDecoder(ImageLimits(max_bytes=settings.max_media_bytes)),
        FacePeer(channels["identity"], settings.face_limit_s),
        settings.chunks_in_flight,
        settings.render_limit_s,
        settings.quality_limit_s,
    )
    generate_avatar = GenerateAvatar(
        studio,
        SpeechPeer(channels["speech"]),
        AnimationPeer(channels["animation"]),
        ConfinedSoundDecoder(AudioLimits(settings.max_media_bytes, settings.longest_clip_s)),
        settings.longest_clip_s,
        settings.sound_lead_s,
    )

    async def check_ready() -> Mapping[str, bool]:
        return await check_channels(channels)

    async def release() -> None:
        for channel in channels.values():
            await channel.close()

    return Workshop(objects, assets, studio, generate_avatar, check_ready, release)
