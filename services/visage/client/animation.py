"""Curves from whatever can drive a face."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from visage.client import curves, values, wire
from visage.client.connection import CHUNK_BYTES, Connection
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import animation_service_pb2_grpc, curves_pb2, driving_pb2, speech_service_pb2

_Controls = curves_pb2.PerformanceControls | None


class AnimationClient:
    """The animation service.

    Every method returns a whole clip with the notices that came with it. `fps` is 10 to 60 frames per second, `schema`
    one of `schemas`, with or without "curveSchemas/"; `controls` is what `performance_controls` makes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _stub(self) -> animation_service_pb2_grpc.AnimationServiceStub:
        return animation_service_pb2_grpc.AnimationServiceStub(self._connection.channel("animation"))

    async def from_audio(
        self, audio: bytes, *, fps: float = 25.0, controls: _Controls = None, schema: str = ""
    ) -> curves.Curves:
        """Returns the curves of a WAV or FLAC file's bytes."""
        config = pb.AnimateFromAudioRequest.Config(output=curves.curve_output(fps, schema), controls=controls)

        async def requests() -> AsyncIterator[pb.AnimateFromAudioRequest]:
            yield pb.AnimateFromAudioRequest(config=config)
            for piece in _pieces(audio):
                yield pb.AnimateFromAudioRequest(audio=piece)

        return await self._collect("AnimateFromAudio", self._stub().AnimateFromAudio, requests())

    async def from_text(
        self,
        text: str,
        *,
        fps: float = 25.0,
        controls: _Controls = None,
        synthesis: speech_service_pb2.SynthesisOptions | None = None,
        schema: str = "",
    ) -> curves.Curves:
        """Returns the curves of a text as the given voice would speak it."""
        request = pb.AnimateFromTextRequest(
            input=speech_service_pb2.SynthesisInput(text=text),
            output=curves.curve_output(fps, schema),
            controls=controls,
            synthesis=synthesis,
        )
        return await self._collect("AnimateFromText", self._stub().AnimateFromText, request)

    async def from_phonemes(
        self, phonemes: Sequence[values.Span], *, fps: float = 25.0, controls: _Controls = None, schema: str = ""
    ) -> curves.Curves:
        """Returns the curves of IPA phonemes over time, such as `Timing.phonemes`."""
        return await self._from_timing(curves.phonemes_timing(phonemes), fps, controls, schema)

    async def from_visemes(
        self, visemes: Sequence[values.Span], *, fps: float = 25.0, controls: _Controls = None, schema: str = ""
    ) -> curves.Curves:
        """Returns the curves of visemes over time: sil, pp, ff, th, dd, kk, ch, ss, nn, rr, aa, e, ih, oh, ou."""
        return await self._from_timing(curves.visemes_timing(visemes), fps, controls, schema)

    async def from_mocap(
        self,
        recording: str | Path | bytes,
        *,
        fps: float = 25.0,
        controls: _Controls = None,
        schema: str = "",
        source_fps: float | None = None,
        calibration_s: float = 0.0,
        smoothing: float = 0.0,
        add_life: bool = False,
    ) -> curves.Curves:
        """Returns the curves of a recording: Live Link Face or Audio2Face CSV, JSON lines, BVH, or our own CSV.

        Args:
            recording: A file's path or its bytes; what it is shows in them.
            fps: Frames per second wanted.
            controls: Gains, offsets and strengths count.
            schema: Of the result.
            source_fps: Of recordings whose time codes count frames; None means what they suggest.
            calibration_s: Seconds at the start, at most 10, whose mean is the neutral face.
            smoothing: 0 to 1, without lag.
            add_life: Add blinks, gaze and head motion where the recording has none.
        """
        data = recording if isinstance(recording, bytes) else await asyncio.to_thread(Path(recording).read_bytes)
        config = pb.AnimateFromMocapRequest.Config(
            output=curves.curve_output(fps, schema),
            controls=controls,
            source_frame_rate=None if source_fps is None else wire.frame_rate(source_fps),
            calibration_duration=wire.duration(calibration_s) if calibration_s else None,
            smoothing=smoothing,
            add_life=add_life,
        )
        requests = _mocap_requests(config, _again(_pieces(data)))
        return await self._collect("AnimateFromMocap", self._stub().AnimateFromMocap, requests)

    async def live_mocap(
        self, pieces: AsyncIterable[bytes], config: pb.AnimateFromMocapRequest.Config
    ) -> AsyncIterator[pb.AnimateFromMocapResponse]:
        """Yields header, blocks and notices while `pieces` of a recording still come; sets `config.live`."""
        wanted = pb.AnimateFromMocapRequest.Config()
        wanted.CopyFrom(config)
        wanted.live = True
        method, requests = self._stub().AnimateFromMocap, _mocap_requests(wanted, pieces)
        async for response in self._connection.stream("AnimateFromMocap", method, requests):
            yield response

    async def from_video(
        self,
        video: str | Path | bytes,
        *,
        fps: float = 25.0,
        controls: _Controls = None,
        schema: str = "",
        driving: driving_pb2.DrivingOptions | None = None,
    ) -> curves.Curves:
        """Returns the curves of the face in an MP4, MOV, WebM or MKV file; `Curves.tracking` says how well it went.

        `driving` is what `driving_options` makes; the file's sound is not used.
        """
        data = video if isinstance(video, bytes) else await asyncio.to_thread(Path(video).read_bytes)
        config = pb.AnimateFromVideoRequest.Config(
            output=curves.curve_output(fps, schema), controls=controls, driving=driving
        )

        async def requests() -> AsyncIterator[pb.AnimateFromVideoRequest]:
            yield pb.AnimateFromVideoRequest(config=config)
            for piece in _pieces(data):
                yield pb.AnimateFromVideoRequest(data=piece)

        return await self._collect("AnimateFromVideo", self._stub().AnimateFromVideo, requests())

    async def idle(
        self, duration_s: float, *, loop: bool = False, fps: float = 25.0, controls: _Controls = None, schema: str = ""
    ) -> curves.Curves:
        """Returns a face that only lives; a loop's first frame follows its last one without a visible seam."""
        request = pb.AnimateIdleRequest(
            duration=wire.duration(duration_s), loop=loop, output=curves.curve_output(fps, schema), controls=controls
        )
        return await self._collect("AnimateIdle", self._stub().AnimateIdle, request)

    async def blend(self, layers: Sequence[curves.Layer], *, fps: float = 25.0, schema: str = "") -> curves.Curves:
        """Returns the mixture of clips; later layers lie over earlier ones."""
        request = pb.BlendCurvesRequest(
            layers=[curves.layer_message(layer) for layer in layers], output=curves.curve_output(fps, schema)
        )
        return await self._collect("BlendCurves", self._stub().BlendCurves, request)

    async def retarget(
        self,
        clip: curves.Curves,
        *,
        fps: float = 25.0,
        schema: str = "",
        identity: str = "",
        channel_maps: Sequence[tuple[str, str, float]] = (),
    ) -> curves.Curves:
        """Returns a clip in another schema or frame rate, or fitted to what an identity's face shows.

        A channel that is named in `channel_maps`, rows of (target, source, weight), is made of these rows alone.
        """
        request = pb.RetargetCurvesRequest(
            clip=curves.curve_clip(clip),
            output=curves.curve_output(fps, schema),
            identity=identity,
            channel_maps=[curves.channel_map(*row) for row in channel_maps],
        )
        return await self._collect("RetargetCurves", self._stub().RetargetCurves, request)

    async def schemas(self) -> dict[str, Sequence[str]]:
        """Returns the layouts that the service knows: resource name → channels in order."""
        found: dict[str, Sequence[str]] = {}
        token = ""
        while True:
            request = pb.ListCurveSchemasRequest(page_token=token)
            page = await self._connection.unary(self._stub().ListCurveSchemas, request)
            found |= {schema.name: tuple(schema.channels) for schema in page.curve_schemas}
            token = page.next_page_token
            if not token:
                return found

    async def _from_timing(
        self, timing: curves_pb2.SpeechTiming, fps: float, controls: _Controls, schema: str
    ) -> curves.Curves:
        request = pb.AnimateFromTextRequest(timing=timing, output=curves.curve_output(fps, schema), controls=controls)
        return await self._collect("AnimateFromText", self._stub().AnimateFromText, request)

    async def _collect(self, name: str, method: Any, requests: Any) -> curves.Curves:
        collector = curves.CurveCollector()
        async for response in self._connection.stream(name, method, requests):
            collector.take(response)
        return collector.clip()


def _pieces(data: bytes) -> list[bytes]:
    return [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]


async def _again(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _mocap_requests(
    config: pb.AnimateFromMocapRequest.Config, pieces: AsyncIterable[bytes]
) -> AsyncIterator[pb.AnimateFromMocapRequest]:
    yield pb.AnimateFromMocapRequest(config=config)
    async for piece in pieces:
        yield pb.AnimateFromMocapRequest(data=piece)
