"""Talking pictures in one call."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final

from visage.client import errors, values, wire
from visage.client.assets import Assets
from visage.client.connection import Connection
from visage.client.curves import Curves, curve_clip
from visage.client.resumption import Receipt
from visage.client.retries import Patience
from visage.v1 import composition_service_pb2 as pb
from visage.v1 import composition_service_pb2_grpc, curves_pb2, driving_pb2, media_pb2, speech_service_pb2

PODS_ASKED: Final = 3
"""How many pods may refuse a generation before its caller is told; round robin asks another one each time."""
Progress = Callable[[float], None]
"""Told the seconds of video that have arrived."""


class Generation:
    """The composition service."""

    def __init__(self, connection: Connection, assets: Assets) -> None:
        self._connection = connection
        self._assets = assets

    async def request(
        self,
        identity: str,
        *,
        text: str | None = None,
        audio: values.Media | None = None,
        curves: Curves | None = None,
        video: values.Media | None = None,
        width: int = 0,
        height: int = 0,
        fps: float = 25.0,
        background: values.Media | None = None,
        camera: values.Camera | None = None,
        light: values.KeyLight | None = None,
        pixel_format: str | None = None,
        synthesis: speech_service_pb2.SynthesisOptions | None = None,
        controls: curves_pb2.PerformanceControls | None = None,
        driving: driving_pb2.DrivingOptions | None = None,
        include_quality: bool = False,
    ) -> pb.GenerateAvatarRequest:
        """Returns the message of a generation; exactly one of text, audio, curves and video drives it.

        Args:
            identity: Name of who is shown.
            text: What is said.
            audio: A recording to lip-sync to.
            curves: A performance.
            video: Another person's face and sound: MP4, MOV, WebM or MKV.
            width: Columns, even, 64 to 1024; 0 means 512.
            height: Rows, likewise.
            fps: Frames per second, 10 to 60.
            background: "#rrggbb" or a picture in place of the photo's own.
            camera: Where the viewer stands.
            light: A lamp in place of the photo's own light.
            pixel_format: "rgb24", "rgba32", "nv12" or "i420" streams raw frames and sound instead of an MP4.
            synthesis: How the text is spoken.
            controls: How the face performs; what `performance_controls` makes.
            driving: How the video moves the face; what `driving_options` makes.
            include_quality: Measure the clip, into its summary.

        Raises:
            ValueError: Not exactly one driver, or an unknown framing or pixel format.
        """
        if sum(driver is not None for driver in (text, audio, curves, video)) != 1:
            raise ValueError("exactly one of text, audio, curves and video must be given")
        performance = pb.Performance(synthesis=synthesis, controls=controls, driving=driving)
        if text is not None:
            performance.speech.text = text
        elif audio is not None:
            performance.audio.CopyFrom(await self._assets.source(audio))
        elif curves is not None:
            performance.curves.CopyFrom(curve_clip(curves))
        elif video is not None:
            performance.driving_video.CopyFrom(await self._assets.source(video))
        scene = pb.Scene(
            identity=identity,
            video=media_pb2.VideoOutput(width=width, height=height, frame_rate=wire.frame_rate(fps)),
        )
        if pixel_format is not None:
            scene.video.raw_frames.pixel_format = wire.pixel_format(pixel_format)
        if camera is not None:
            scene.camera.CopyFrom(wire.camera(camera))
        if light is not None:
            scene.light.CopyFrom(wire.key_light(light))
        if isinstance(background, str) and background.startswith("#"):
            scene.background.color = background
        elif background is not None:
            scene.background.image.CopyFrom(await self._assets.source(background))
        return pb.GenerateAvatarRequest(scene=scene, performance=performance, include_quality=include_quality)

    async def stream(self, request: pb.GenerateAvatarRequest) -> AsyncIterator[pb.GenerateAvatarResponse]:
        """Yields the parts of a generation as they come; stopping early cancels it in the whole mesh.

        When a service or a model goes away in the middle, the generation goes on with another replica, or with the one
        that comes back, as long as the settings have patience: every frame comes once.
        """
        stub = composition_service_pb2_grpc.CompositionServiceStub(self._connection.channel("composition"))
        patience = Patience(self._connection.settings.patience_s)
        receipt = Receipt()
        wanted = pb.GenerateAvatarRequest()
        wanted.CopyFrom(request)
        refusals = 0
        for attempt in itertools.count():
            responses = self._connection.stream("GenerateAvatar", stub.GenerateAvatar, wanted, attempt)
            try:
                async with aclosing(responses):
                    async for response in responses:
                        for whole in receipt.take(response):
                            patience.renew()
                            yield whole
                return
            except errors.Unavailable as error:
                if not self._connection.may_come_back(error):
                    raise
                await patience.wait(error)
            except errors.Busy as error:
                # Capacity is per pod: the next one may have a place. Where none has, a caller whose stream has begun
                # queues for its rest, and one that has not is told.
                if not receipt.has_begun:
                    refusals += 1
                    if refusals == PODS_ASKED:
                        raise
                else:
                    await patience.wait(error)
            receipt.begin_again()
            wanted.resume.CopyFrom(receipt.point)

    async def save(
        self, request: pb.GenerateAvatarRequest, path: Path, progress: Progress | None = None
    ) -> values.Clip:
        """Writes a generation into an MP4 file; the file appears when it is complete.

        Raises:
            ValueError: The request asks for raw frames, which are no file.
        """
        refuse_raw(request)
        clip = values.Clip(path=path)
        started_s = time.perf_counter()
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as file:
                async for response in self.stream(request):
                    kind = response.WhichOneof("response")
                    if kind == "header":
                        clip.mime_type = response.header.mime_type
                    elif kind == "fragment":
                        await asyncio.to_thread(file.write, response.fragment.data)
                        clip.byte_count += len(response.fragment.data)
                        if progress is not None and response.fragment.end_of_segment:
                            # start and duration stand on the first part; small segments have one part.
                            end = wire.seconds(response.fragment.start_offset) + wire.seconds(
                                response.fragment.duration
                            )
                            progress(end)
                    elif kind == "notice":
                        clip.notices.append(wire.notice(response.notice))
                    elif kind == "summary":
                        clip.summary = wire.summary(response.summary)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        clip.received_s = time.perf_counter() - started_s
        return clip


def refuse_raw(request: pb.GenerateAvatarRequest) -> None:
    """Raises ValueError for a request whose stream is not an MP4."""
    if request.scene.video.HasField("raw_frames"):
        raise ValueError("raw frames cannot be saved as an MP4: read them with `stream`")
