"""The composition service's process and composition root: `python -m visage.composition`."""

from __future__ import annotations

from collections.abc import Mapping

from visage.composition.avatars import AvatarCache
from visage.composition.calibration import streams_carried
from visage.composition.face_peer import FacePeer
from visage.composition.generate_avatar import GenerateAvatar
from visage.composition.inference import RENDERERS, TritonRenderer
from visage.composition.peers import AnimationPeer, IdentityPeer, SpeechPeer, check_channels
from visage.composition.ports import Renderer
from visage.composition.production import Studio
from visage.composition.render_curves import RenderCurves
from visage.composition.servicer import CompositionServicer
from visage.composition.settings import CompositionSettings
from visage.composition.sources import ConfinedPictureDecoder, ConfinedSoundDecoder, StoredMedia
from visage.runtime import server
from visage.runtime.asset_servicer import asset_service
from visage.runtime.assets import AssetStore
from visage.runtime.audio import AudioLimits
from visage.runtime.images import ImageLimits
from visage.runtime.peers import open_channel
from visage.runtime.server import Parts, Servicer
from visage.runtime.store import ObjectStore
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.settings import TritonClientSettings
from visage.v1 import composition_service_pb2_grpc


async def build_service(settings: CompositionSettings) -> Parts:
    """Returns the service on Triton; its `release` closes every connection."""
    triton = TritonClient(TritonClientSettings(url=settings.triton_url))

    async def check_ready() -> Mapping[str, bool]:
        return await triton.ready(RENDERERS.values())

    renderer = TritonRenderer(triton, settings.renders_in_flight)
    parts = build_on(renderer, settings)

    async def check_all() -> Mapping[str, bool]:
        return {**await parts.check_ready(), **await check_ready()}

    async def release() -> None:
        await parts.release()
        await triton.close()

    async def measure_capacity() -> float:
        cores, limit_s = settings.usable_cores, settings.calibration_s
        return await streams_carried(renderer, settings.renders_in_flight, cores, limit_s)

    return Parts(parts.name, parts.servicers, check_all, release, measure_capacity)


def build_on(renderer: Renderer, settings: CompositionSettings) -> Parts:
    """Returns the service on a renderer; its `release` closes the connections to the other services."""
    assets = AssetStore(ObjectStore.open(settings.store_url))
    channels = {
        "identity": open_channel(settings.identity_address),
        "speech": open_channel(settings.speech_address),
        "animation": open_channel(settings.animation_address),
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
    )
    generate_avatar = GenerateAvatar(
        studio,
        SpeechPeer(channels["speech"]),
        AnimationPeer(channels["animation"]),
        ConfinedSoundDecoder(AudioLimits(settings.max_media_bytes, settings.longest_clip_s)),
        settings.longest_clip_s,
        settings.sound_lead_s,
    )
    servicer = CompositionServicer(
        RenderCurves(studio, settings.longest_stream_s), generate_avatar, settings.longest_call_s
    )

    async def check_ready() -> Mapping[str, bool]:
        return await check_channels(channels)

    async def release() -> None:
        for channel in channels.values():
            await channel.close()

    add = composition_service_pb2_grpc.add_CompositionServiceServicer_to_server
    streams = frozenset({"RenderCurves", "GenerateAvatar"})
    own = Servicer(add, servicer, "visage.v1.CompositionService", streams)
    return Parts("composition", [own, asset_service(assets, settings.max_media_bytes)], check_ready, release)


def main() -> None:
    """Serves until told to stop."""
    settings = CompositionSettings()
    server.run(lambda: build_service(settings), settings, "composition")


if __name__ == "__main__":
    main()
