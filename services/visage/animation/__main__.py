"""Composition root of the animation service: `python -m visage.animation`."""

from __future__ import annotations

from collections.abc import Mapping

from visage.animation.animate_from_audio import AnimateFromAudio, Limits
from visage.animation.animate_from_mocap import AnimateFromMocap
from visage.animation.animate_from_text import AnimateFromText
from visage.animation.calibration import streams_carried
from visage.animation.inference import TritonLipSync
from visage.animation.peers import SpeechOverGrpc
from visage.animation.servicer import AnimationServicer
from visage.animation.settings import AnimationSettings
from visage.runtime import server
from visage.runtime.peers import open_channel
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.settings import TritonClientSettings
from visage.v1.animation_service_pb2_grpc import add_AnimationServiceServicer_to_server

NAME = "animation"


async def build(settings: AnimationSettings) -> server.Service:
    """Returns the service, wired to Triton and to the speech service."""
    client = TritonClient(TritonClientSettings(url=settings.triton_url))
    channel = open_channel(settings.speech_address)
    model = TritonLipSync(client, settings.lip_sync_deadline_s)
    from_audio = AnimateFromAudio(model, Limits(settings.longest_stream_s, settings.windows_in_flight))
    speech = SpeechOverGrpc(channel, settings.speech_deadline_s)
    servicer = AnimationServicer(
        from_audio,
        AnimateFromText(from_audio, speech, settings.longest_stream_s),
        AnimateFromMocap(settings.longest_stream_s),
        settings.longest_stream_s,
    )

    async def check_ready() -> Mapping[str, bool]:
        return {"lip_sync": await model.is_ready()}

    async def release() -> None:
        await channel.close()
        await client.close()

    async def measure_capacity() -> float:
        return await streams_carried(model, settings.windows_in_flight, settings.calibration_s)

    streams = frozenset({"AnimateFromAudio", "AnimateFromText", "AnimateFromMocap"})
    own = server.Servicer(add_AnimationServiceServicer_to_server, servicer, "visage.v1.AnimationService", streams)
    return server.Parts(NAME, [own], check_ready, release, measure_capacity)


def main() -> None:
    """Runs the service until it is told to stop."""
    settings = AnimationSettings()
    server.run(lambda: build(settings), settings, NAME)


if __name__ == "__main__":
    main()
