"""The animation service's Audio2Face-3D face in this process, with the network that hears hums and buzzes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.fakes.audio2face_client import Audio2FaceClient, audio2face_client
from tests.fakes.lip_sync import FakeLipSync
from visage.animation.animate_from_audio import AnimateFromAudio, Limits
from visage.animation.audio2face.servicer import Audio2FaceServicer, audio2face_services
from visage.animation.settings import AnimationSettings
from visage.runtime import server


@dataclass
class Audio2FaceMesh:
    """A running service and its client."""

    running: server.RunningServer
    model: FakeLipSync
    client: Audio2FaceClient


@asynccontextmanager
async def serve_audio2face(**settings: Any) -> AsyncIterator[Audio2FaceMesh]:
    """Serves on a free loopback port."""
    model = FakeLipSync()
    chosen: dict[str, Any] = {"port": 0, "drain_wait_s": 0.0, "drain_grace_s": 1.0} | settings
    wanted = AnimationSettings(**chosen)
    limits = wanted.audio2face
    services = audio2face_services(
        Audio2FaceServicer(AnimateFromAudio(model, Limits(limits.longest_clip_s, 4)), limits), limits
    )

    async def ready() -> dict[str, bool]:
        return {"lip_sync": True}

    async def release() -> None:
        return None

    async with (
        server.start(server.Parts("animation", services, ready, release), wanted) as running,
        audio2face_client(running.address) as client,
    ):
        yield Audio2FaceMesh(running, model, client)
