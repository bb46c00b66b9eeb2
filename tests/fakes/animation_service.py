"""The animation service on a free loopback port, with a network that hears hums and a speech service of letters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.fakes.lip_sync import FakeLipSync
from tests.fakes.onnx_face_models import OnnxFaceModels
from tests.fakes.speech import FakeSpeech
from visage.animation.animate_from_audio import AnimateFromAudio
from visage.animation.animate_from_text import AnimateFromText
from visage.animation.animate_from_video import AnimateFromVideo
from visage.animation.servicer import AnimationServicer
from visage.animation.settings import AnimationSettings
from visage.client import AsyncVisage, ClientSettings
from visage.runtime import server
from visage.runtime.films import FilmLimits
from visage.v1.animation_service_pb2_grpc import add_AnimationServiceServicer_to_server


@asynccontextmanager
async def animation_client(longest_s: float = 60.0) -> AsyncIterator[AsyncVisage]:
    """Yields a client of it; nothing may last longer than `longest_s`."""
    from_audio = AnimateFromAudio(FakeLipSync())
    from_text = AnimateFromText(from_audio, FakeSpeech(), longest_s)
    from_video = AnimateFromVideo(OnnxFaceModels(), FilmLimits(), 10.0)
    servicer = AnimationServicer(from_audio, from_text, from_video, longest_s)

    async def ready() -> dict[str, bool]:
        return {"lip_sync": True}

    async def release() -> None:
        return None

    entry = server.Servicer(add_AnimationServiceServicer_to_server, servicer, "visage.v1.AnimationService")
    settings = AnimationSettings(port=0, drain_wait_s=0.0, drain_grace_s=1.0)
    parts = server.Parts("animation", [entry], ready, release)
    async with (
        server.start(parts, settings) as running,
        AsyncVisage(ClientSettings(animation_address=running.address)) as visage,
    ):
        yield visage
