"""A program written with the public package `nvidia-audio2face-3d`, as NVIDIA's sample application is built.

It writes and reads at the same time, sets no deadline and never half-closes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np

from tests.fakes.identity_service import Refusal
from visage.media.pcm import to_int16

# The package's own pins clash with ours; see tests/compat/constraints.txt.
sys.path.append(str(Path(sys.prefix) / "compat"))

from nvidia_ace import animation_pb2, audio_pb2, status_pb2
from nvidia_audio2face_3d import a2x_export_config_pb2 as config_pb
from nvidia_audio2face_3d import messages_pb2 as pb
from nvidia_audio2face_3d.a2x_export_config_pb2_grpc import A2XExportConfigServiceStub
from nvidia_audio2face_3d.audio2face_pb2_grpc import A2FControllerServiceStub

__all__ = [
    "Audio2FaceClient",
    "Clip",
    "animation_pb2",
    "audio2face_client",
    "audio_pb2",
    "audio_request",
    "config_pb",
    "end_request",
    "header_request",
    "pb",
    "requests_of",
    "status_pb2",
]


@dataclass
class Clip:
    """Everything that came back, and how the call ended."""

    kinds: list[str] = field(default_factory=list)
    header: Any = None
    rows: list[list[float]] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    audio: bytes = b""
    audio_times_s: list[float] = field(default_factory=list)
    emotions: list[tuple[int, Any]] = field(default_factory=list)
    """Frame → what its metadata holds, unpacked as this package names it."""
    types: set[str] = field(default_factory=set)
    statuses: list[tuple[int, str]] = field(default_factory=list)
    code: grpc.StatusCode | None = None
    refusal: Refusal | None = None

    @property
    def curves(self) -> np.ndarray:
        """[frames, names]."""
        return np.array(self.rows, np.float32)

    def channel(self, name: str) -> np.ndarray:
        """[frames] of one blend shape."""
        return self.curves[:, list(self.header.skel_animation_header.blend_shapes).index(name)]

    def told(self, level: int) -> str:
        """All statuses of a level."""
        return "\n".join(text for code, text in self.statuses if code == level)

    def take(self, message: Any) -> None:
        """Reads a message as the sample application does."""
        kind = message.WhichOneof("stream_part")
        self.kinds.append(kind)
        if kind == "animation_data_stream_header":
            self.header = message.animation_data_stream_header
        elif kind == "status":
            self.statuses.append((message.status.code, message.status.message))
        elif kind == "animation_data":
            data = message.animation_data
            aggregate = pb.EmotionAggregate()
            packed = data.metadata["emotion_aggregate"]
            if packed.type_url:
                self.types.add(packed.type_url)
            if packed.Unpack(aggregate):
                assert not aggregate.a2e_output, "the sample application has no place for it"
                self.emotions.append((len(self.rows), aggregate))
            for weights in data.skel_animation.blend_shape_weights:
                self.times_s.append(weights.time_code)
                self.rows.append(list(weights.values))
            self.audio += data.audio.audio_buffer
            if data.HasField("audio"):
                self.audio_times_s.append(data.audio.time_code)


class Audio2FaceClient:
    """Calls with the package's own stubs."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.stub = A2FControllerServiceStub(channel)
        self.configs = A2XExportConfigServiceStub(channel)

    async def animate(self, requests: Iterable[Any]) -> Clip:
        """Writes everything while it reads; a write that fails because the call is over fails the test."""
        call = self.stub.ProcessAudioStream()

        async def write() -> None:
            for request in requests:
                await call.write(request)

        writing = asyncio.create_task(write())
        clip = await read(call)
        await writing
        return clip


async def read(call: Any) -> Clip:
    """Reads a call to its end."""
    clip = Clip()
    try:
        while (message := await call.read()) is not grpc.aio.EOF:
            clip.take(message)
    except grpc.aio.AioRpcError as error:
        clip.refusal = Refusal.of_call(error)
    clip.code = await call.code()
    return clip


@asynccontextmanager
async def audio2face_client(address: str) -> AsyncIterator[Audio2FaceClient]:
    """Connects and disconnects."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield Audio2FaceClient(channel)


def header_request(rate_hz: int = 16_000, **fields: Any) -> Any:
    """The first message."""
    audio = {"channel_count": 1, "bits_per_sample": 16, "samples_per_second": rate_hz} | fields.pop("audio_header", {})
    return pb.AudioWithEmotionStream(
        audio_stream_header=pb.AudioWithEmotionStreamHeader(audio_header=audio_pb2.AudioHeader(**audio), **fields)
    )


def audio_request(sound: bytes, emotions: Sequence[tuple[float, Mapping[str, float]]] = ()) -> Any:
    """Sound and emotions with time codes."""
    keys = [pb.EmotionWithTimeCode(time_code=at_s, emotion=dict(weights)) for at_s, weights in emotions]
    return pb.AudioWithEmotionStream(audio_with_emotion=pb.AudioWithEmotion(audio_buffer=sound, emotions=keys))


def end_request() -> Any:
    """The last message."""
    return pb.AudioWithEmotionStream(end_of_audio=pb.AudioWithEmotionStream.EndOfAudio())


def requests_of(
    samples: np.ndarray,
    emotions: Sequence[tuple[float, Mapping[str, float]]] = (),
    rate_hz: int = 16_000,
    **fields: Any,
) -> list[Any]:
    """A clip as the sample application sends it: a second a piece, all emotions first, perhaps an empty last piece."""
    data = to_int16(samples).tobytes()
    size = 2 * rate_hz
    pieces = [data[index * size : (index + 1) * size] for index in range(len(samples) // rate_hz + 1)]
    sound = [audio_request(piece, emotions if index == 0 else ()) for index, piece in enumerate(pieces)]
    return [header_request(rate_hz, **fields), *sound, end_request()]
