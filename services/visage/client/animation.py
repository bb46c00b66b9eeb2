"""Curves from audio and from text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from visage.client import values, wire
from visage.client.connection import CHUNK_BYTES, Connection
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import animation_service_pb2_grpc, curves_pb2, speech_service_pb2


class AnimationClient:
    """The animation service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _stub(self) -> animation_service_pb2_grpc.AnimationServiceStub:
        return animation_service_pb2_grpc.AnimationServiceStub(self._connection.channel("animation"))

    async def from_audio(
        self, audio: bytes, *, fps: float = 25.0, controls: curves_pb2.PerformanceControls | None = None
    ) -> values.Curves:
        """Returns the curves of a WAV or FLAC file's bytes."""
        config = pb.AnimateFromAudioRequest.Config(
            output=pb.CurveOutput(frame_rate=wire.frame_rate(fps)), controls=controls
        )

        async def requests() -> AsyncIterator[pb.AnimateFromAudioRequest]:
            yield pb.AnimateFromAudioRequest(config=config)
            for start in range(0, len(audio), CHUNK_BYTES):
                yield pb.AnimateFromAudioRequest(audio=audio[start : start + CHUNK_BYTES])

        return await self._collect("AnimateFromAudio", self._stub().AnimateFromAudio, requests())

    async def from_text(
        self,
        text: str,
        *,
        fps: float = 25.0,
        controls: curves_pb2.PerformanceControls | None = None,
        synthesis: speech_service_pb2.SynthesisOptions | None = None,
    ) -> values.Curves:
        """Returns the curves of a text as the given voice would speak it."""
        request = pb.AnimateFromTextRequest(
            input=speech_service_pb2.SynthesisInput(text=text),
            output=pb.CurveOutput(frame_rate=wire.frame_rate(fps)),
            controls=controls,
            synthesis=synthesis,
        )
        return await self._collect("AnimateFromText", self._stub().AnimateFromText, request)

    async def _collect(self, name: str, method: Any, requests: Any) -> values.Curves:
        header = curves_pb2.CurveHeader()
        blocks: list[curves_pb2.CurveBlock] = []
        async for response in self._connection.stream(name, method, requests):
            kind = response.WhichOneof("response")
            if kind == "header":
                header = response.header
            elif kind == "block":
                blocks.append(response.block)
        return wire.collect_curves(header, blocks)
