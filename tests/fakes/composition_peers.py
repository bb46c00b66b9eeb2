"""Peers of composition that obey a test: identity, speech and animation as gRPC servicers, and a renderer port.

Speech says each piece of text as a hum of a fixed length; animation opens the jaw by the loudness of each frame; the
renderer paints the jaw's opening as a grey, and the background into a corner, at every size and in every form.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from tests.fakes.drawn_faces import landmarks_in
from visage.composition.pictures import Scaler, packed_array, video_frame
from visage.composition.values import Avatar, Frames, Look, Pixels
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.curves import CurveBlock
from visage.media.frames import Picture, PixelLayout
from visage.media.portrait import AVATAR_LAYOUT, AVATAR_TENSORS, FRAME_PX
from visage.runtime.errors import ResourceNotFound
from visage.runtime.wire import curve_block_message, curve_header_message, duration_of, frame_rate_of
from visage.v1 import (
    animation_service_pb2,
    animation_service_pb2_grpc,
    curves_pb2,
    driving_pb2,
    errors_pb2,
    identity_service_pb2,
    identity_service_pb2_grpc,
    media_pb2,
    speech_service_pb2,
    speech_service_pb2_grpc,
)

CORNER_PX = 64
"""Of the canonical frame, where the background is seen."""
JAW = CURVE_INDEX["JawOpen"]
SPEECH_RATE_HZ = 16_000


def avatar_bytes(fill: int = 1) -> bytes:
    """An avatar file whose tensors hold `fill`."""
    tensors = {spec.name: np.full(spec.shape, fill, spec.dtype) for spec in AVATAR_TENSORS}
    return save(tensors | {"preview": np.zeros((512, 512, 3), np.uint8)}, {"format": AVATAR_LAYOUT})


def hum(seconds: float, sample_rate_hz: int = SPEECH_RATE_HZ) -> NDArray[np.int16]:
    """A tone of 220 Hz."""
    time_s = np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
    return (np.sin(2 * np.pi * 220 * time_s) * 8000).astype(np.int16)


class CallLog:
    """Which calls of a fake were begun, and how they ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.completed = 0
        self.cancelled = 0

    @property
    def running(self) -> int:
        return self.begun - self.completed - self.cancelled

    @asynccontextmanager
    async def call(self, context: Any) -> AsyncIterator[None]:
        self.begun += 1
        is_complete = False
        try:
            yield
            # A cancelled request stream may just end, a moment before its handler is cancelled.
            await asyncio.sleep(0.02)
            is_complete = not context.cancelled()
        finally:
            self.completed += is_complete
            self.cancelled += not is_complete


class FakeIdentity(identity_service_pb2_grpc.IdentityServiceServicer):
    """Knows identities/anna."""

    def __init__(self) -> None:
        self.log = CallLog()
        self.content = avatar_bytes()
        self.known_digests: list[str] = []
        self.looks = 0
        self.look_error: Exception | None = None
        self.look_delay_s = 0.0

    async def EmbedFace(self, request: Any, context: Any) -> Any:
        async with self.log.call(context):
            await asyncio.sleep(self.look_delay_s)
            if self.look_error is not None:
                raise self.look_error
            embedding = identity_service_pb2.FaceEmbedding(model="fake/1", values=[1.0, *[0.0] * 127])
            face = identity_service_pb2.EmbedFaceResponse.Face(embedding=embedding, confidence=1.0)
            return identity_service_pb2.EmbedFaceResponse(faces=[face])

    async def DetectLandmarks(self, request: Any, context: Any) -> Any:
        async with self.log.call(context):
            self.looks += 1
            points = landmarks_in(request.image.content).ravel()
            face = identity_service_pb2.FaceLandmarks(confidence=1.0, points=points)
            return identity_service_pb2.DetectLandmarksResponse(faces=[face], image_width=512, image_height=512)

    async def GetAvatar(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async with self.log.call(context):
            if request.name != "identities/anna":
                raise ResourceNotFound("identity", request.name)
            self.known_digests.append(request.known_digest)
            response = identity_service_pb2.GetAvatarResponse
            digest = hashlib.sha256(self.content).hexdigest()
            yield response(header=response.Header(digest=digest, size_bytes=len(self.content), layout=AVATAR_LAYOUT))
            if request.known_digest != digest:
                for start in range(0, len(self.content), 1 << 20):
                    yield response(data=self.content[start : start + (1 << 20)])


class FakeSpeech(speech_service_pb2_grpc.SpeechServiceServicer):
    """Says each piece of text for `piece_s` seconds; `before_piece` is called with its index first."""

    def __init__(self) -> None:
        self.log = CallLog()
        self.piece_s = 1.0
        self.texts: list[str] = []
        self.spoken_s = 0.0
        self.config: Any = None
        self.before_piece: Callable[[int], Any] | None = None

    async def StreamSynthesizeSpeech(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        response = speech_service_pb2.StreamSynthesizeSpeechResponse
        async with self.log.call(context):
            async for request in requests:
                if request.WhichOneof("request") == "config":
                    self.config = request.config
                    audio_format = media_pb2.AudioFormat(encoding=1, sample_rate_hertz=SPEECH_RATE_HZ, channel_count=1)
                    yield response(header=response.Header(audio_format=audio_format, voice="voices/hum"))
                    continue
                if self.before_piece is not None:
                    await self.before_piece(len(self.texts))
                self.texts.append(request.text or request.ssml)
                start, end = duration_of(self.spoken_s), duration_of(self.spoken_s + self.piece_s)
                span = curves_pb2.PhonemeSpan(phoneme="m", start_offset=start, end_offset=end)
                yield response(timing=curves_pb2.SpeechTiming(phonemes=[span]))
                samples = hum(self.piece_s)
                for piece in np.array_split(samples, 4):
                    yield response(audio=media_pb2.AudioChunk(data=piece.astype("<i2").tobytes()))
                self.spoken_s += self.piece_s


class FakeAnimation(animation_service_pb2_grpc.AnimationServiceServicer):
    """Opens the jaw by loudness; `before_block` is called with the frames made so far."""

    def __init__(self) -> None:
        self.log = CallLog()
        self.config: Any = None
        self.received: list[str] = []
        self.before_block: Callable[[int], Any] | None = None
        self.notice: errors_pb2.StreamNotice | None = None
        self.film = b""
        self.film_frames = 20
        self.film_error: Exception | None = None

    async def AnimateFromVideo(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Opens the jaw over `film_frames` frames, whatever the film shows."""
        response = animation_service_pb2.AnimateFromVideoResponse
        async with self.log.call(context):
            self.config = (await anext(requests)).config
            self.film = b"".join([request.data async for request in requests])
            if self.before_block is not None:
                await self.before_block(0)
            if self.film_error is not None:
                raise self.film_error
            yield response(header=curve_header_message(frame_rate_of(self.config.output.frame_rate)))
            if self.notice is not None:
                yield response(notice=self.notice)
            curves = np.zeros((self.film_frames, CURVE_COUNT), np.float32)
            curves[:, JAW] = np.linspace(0, 1, self.film_frames)
            for start in range(0, self.film_frames, 8):
                yield response(block=curve_block_message(CurveBlock(start, curves[start : start + 8])))
            yield response(report=driving_pb2.TrackingReport(source_frames=self.film_frames))

    async def AnimateFromAudio(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        response = animation_service_pb2.AnimateFromAudioResponse
        async with self.log.call(context):
            first = await anext(requests)
            self.config = first.config
            rate = frame_rate_of(self.config.output.frame_rate)
            yield response(header=curve_header_message(rate))
            if self.notice is not None:
                yield response(notice=self.notice)
            rate_hz = self.config.audio_format.sample_rate_hertz
            audio, frame = b"", 0
            async for request in requests:
                kind = request.WhichOneof("request")
                self.received.append(kind)
                audio += request.audio
                for block in _blocks(audio, frame, rate, rate_hz, is_last=False):
                    if self.before_block is not None:
                        await self.before_block(frame)
                    yield response(block=curve_block_message(block))
                    frame = block.end_frame
            for block in _blocks(audio, frame, rate, rate_hz, is_last=True):
                yield response(block=curve_block_message(block))


def _blocks(audio: bytes, frame: int, rate: Fraction, rate_hz: int, is_last: bool) -> list[CurveBlock]:
    samples = np.frombuffer(audio, "<i2").astype(np.float32) / 32768
    exact = len(samples) * rate / rate_hz
    end = math.ceil(exact) if is_last else math.floor(exact)
    blocks = []
    for start in range(frame, end, 8):
        stop = min(start + 8, end)
        curves = np.zeros((stop - start, CURVE_COUNT), np.float32)
        for index in range(start, stop):
            heard = samples[int(index * rate_hz / rate) : int((index + 1) * rate_hz / rate)]
            curves[index - start, JAW] = min(1.0, float(np.abs(heard).max(initial=0.0)) * 4)
        blocks.append(CurveBlock(start, curves))
    return blocks


class FakeRenderer:
    """Implements `visage.composition.ports.Renderer`."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.error: Exception | None = None
        self.fails_after = 0
        self.hold: asyncio.Event | None = None
        self.chunks = 0
        self.running = 0
        self.most_running = 0
        self.cancelled = 0
        self.open_sessions = 0
        self.curves: list[NDArray[np.float32]] = []
        self.poses: list[NDArray[np.float32]] = []
        self.looks: list[Look] = []

    @asynccontextmanager
    async def open(self, avatar: Avatar, look: Look) -> AsyncIterator[_FakeSession]:
        own: Picture = np.asarray(avatar.tensors["background"])
        self.open_sessions += 1
        self.looks.append(look)
        try:
            yield _FakeSession(self, look, own if look.background is None else look.background)
        finally:
            self.open_sessions -= 1


class _FakeSession:
    def __init__(self, renderer: FakeRenderer, look: Look, background: Picture) -> None:
        self._renderer = renderer
        self._look = look
        self._background = background
        self._scaler = Scaler(look.size, look.size, PixelLayout.I420)

    async def render(self, curves: NDArray[np.float32], poses: NDArray[np.float32], deadline_s: float) -> Frames:
        renderer = self._renderer
        assert curves.shape == (8, CURVE_COUNT) and poses.shape == (8, 6) and deadline_s > 0
        renderer.running += 1
        renderer.most_running = max(renderer.most_running, renderer.running)
        try:
            await asyncio.sleep(renderer.delay_s)
            if renderer.hold is not None:
                await renderer.hold.wait()
            if renderer.error is not None and renderer.chunks >= renderer.fails_after:
                raise renderer.error
        except asyncio.CancelledError:
            renderer.cancelled += 1
            raise
        finally:
            renderer.running -= 1
        renderer.chunks += 1
        renderer.curves.append(curves.copy())
        renderer.poses.append(poses.copy())
        return self._paint(curves)

    def _paint(self, curves: NDArray[np.float32]) -> Frames:
        size, corner = self._look.size, CORNER_PX * self._look.size // FRAME_PX
        grey = np.rint(curves[:, JAW] * 255).astype(np.uint8)
        frames: Frames = np.empty((8, size, size, 4), np.uint8)
        frames[..., :3] = grey[:, None, None, None]
        frames[:, :corner, :corner, :3] = self._background[:corner, :corner]
        frames[..., 3] = 255
        frames[:, :corner, :corner, 3] = 0
        if self._look.pixels is Pixels.RGBA:
            return frames
        rgb = np.ascontiguousarray(frames[..., :3])
        if self._look.pixels is Pixels.RGB:
            return rgb
        return np.stack([packed_array(self._scaler.scale(video_frame(frame))) for frame in rgb])
