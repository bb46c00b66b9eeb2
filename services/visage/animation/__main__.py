"""Composition root of the animation service: `python -m visage.animation`."""

from __future__ import annotations

from collections.abc import Mapping

from visage.animation.animate_from_audio import AnimateFromAudio, Limits
from visage.animation.animate_from_text import AnimateFromText
from visage.animation.animate_from_video import AnimateFromVideo
from visage.animation.audio2face.servicer import Audio2FaceServicer, audio2face_services
from visage.animation.calibration import streams_carried
from visage.animation.inference import TritonLipSync
from visage.animation.peers import SpeechOverGrpc
from visage.animation.servicer import AnimationServicer
from visage.animation.settings import AnimationSettings
from visage.runtime import server
from visage.runtime.films import FilmLimits
from visage.runtime.peers import open_channel
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.face_finder import TritonFaceFinder
from visage.runtime.triton.settings import TritonClientSettings
from visage.v1.animation_service_pb2_grpc import add_AnimationServiceServicer_to_server

NAME = "animation"


async def build(settings: AnimationSettings) -> server.Service:
    """Returns the service, wired to Triton and to the speech service."""
    client = TritonClient(TritonClientSettings(url=settings.triton_url))
    channel = open_channel(settings.speech_address, settings.tls)
    model = TritonLipSync(client, settings.lip_sync_deadline_s)
    from_audio = AnimateFromAudio(model, Limits(settings.longest_stream_s, settings.windows_in_flight))
    speech = SpeechOverGrpc(channel, settings.speech_deadline_s)
    faces = TritonFaceFinder(client)
    films = FilmLimits(settings.max_film_bytes, settings.longest_film_s)
    servicer = AnimationServicer(
        from_audio,
        AnimateFromText(from_audio, speech, settings.longest_stream_s),
        AnimateFromVideo(faces, films, settings.face_deadline_s, settings.films_side_by_side),
        settings.longest_stream_s,
    )

    limits = settings.audio2face
    clips = AnimateFromAudio(model, Limits(limits.longest_clip_s, settings.windows_in_flight))
    audio2face = audio2face_services(Audio2FaceServicer(clips, limits), limits)

    async def check_ready() -> Mapping[str, bool]:
        return {"lip_sync": await model.is_ready(), **await faces.ready()}

    async def release() -> None:
        await channel.close()
        await client.close()

    async def measure_capacity() -> float:
        return await streams_carried(model, settings.windows_in_flight, settings.calibration_s)

    streams = frozenset({"AnimateFromAudio", "AnimateFromText", "AnimateFromMocap", "AnimateFromVideo", "AnimateIdle"})
    own = server.Servicer(add_AnimationServiceServicer_to_server, servicer, "visage.v1.AnimationService", streams)
    return server.Parts(NAME, [own, *audio2face], check_ready, release, measure_capacity)


def main() -> None:
    """Runs the service until it is told to stop."""
    server.run(build, AnimationSettings, NAME)


if __name__ == "__main__":
    main()
