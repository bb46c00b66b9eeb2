"""Identity, speech and animation over gRPC; implements `ports`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any, Final

import grpc.aio

from visage.composition.peer_fields import rename_fields
from visage.composition.ports import AnimationMessage, SpeechMessage
from visage.composition.values import AvatarDownload
from visage.media.portrait import FRAMES_PER_ITEM
from visage.runtime.errors import PeerUnavailable, VisageError
from visage.runtime.peers import trace_metadata, translate
from visage.runtime.server_status import keep_server_status
from visage.runtime.wire import frame_rate_message
from visage.v1 import animation_service_pb2 as animation_pb2
from visage.v1 import (
    animation_service_pb2_grpc,
    curves_pb2,
    driving_pb2,
    identity_service_pb2,
    identity_service_pb2_grpc,
    media_pb2,
    speech_service_pb2,
    speech_service_pb2_grpc,
)

_SPEECH_FIELDS: Final = {
    "text": "performance.speech.text",
    "ssml": "performance.speech.ssml",
    "config": "performance.synthesis",
}
_ANIMATION_FIELDS: Final = {
    "config.controls": "performance.controls",
    "controls": "performance.controls",
    "audio": "performance.audio",
}
_FILM_FIELDS: Final = {
    "config.controls": "performance.controls",
    "config.driving": "performance.driving",
    "config": "performance.driving",
    "data": "performance.driving_video",
}
_FILM_PIECE_BYTES: Final = 256 * 1024
_IDENTITY_FIELDS: Final = {"name": "scene.identity"}
_CONNECT_LIMIT_S: Final = 1.0


class _Stream:
    """A bidirectional call: writes and reads may run side by side."""

    def __init__(self, peer: str, call: Any, fields: Mapping[str, str]) -> None:
        self._peer = peer
        self._call = call
        self._fields = fields

    async def write(self, message: Any) -> None:
        """Sends a message; nothing happens once the call has ended, since its reader learns why."""
        try:
            await self._call.write(message)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return

    async def finish(self) -> None:
        """Half-closes."""
        try:
            await self._call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return

    async def read(self) -> AsyncIterator[Any]:
        """Yields the answers; raises what ended the call, with field names as our own caller knows them."""
        try:
            async for message in self._call:
                yield message
        except grpc.aio.AioRpcError as error:
            raise _translated(self._peer, error, self._fields) from error


def _translated(peer: str, error: grpc.aio.AioRpcError, fields: Mapping[str, str]) -> VisageError:
    return rename_fields(translate(peer, error), fields)


@asynccontextmanager
async def _opened(peer: str, method: Any, deadline_s: float, fields: Mapping[str, str]) -> AsyncIterator[_Stream]:
    call = keep_server_status(method(timeout=deadline_s, metadata=trace_metadata()))
    try:
        yield _Stream(peer, call, fields)
    finally:
        call.cancel()


class SpeechStream:
    """One running synthesis."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._responses = stream.read()

    async def say(self, text: str) -> None:
        """Sends text."""
        await self._stream.write(speech_service_pb2.StreamSynthesizeSpeechRequest(text=text))

    async def say_document(self, ssml: str) -> None:
        """Sends a whole SSML document."""
        await self._stream.write(speech_service_pb2.StreamSynthesizeSpeechRequest(ssml=ssml))

    async def finish(self) -> None:
        """Says that no text follows."""
        await self._stream.finish()

    async def sample_rate_hz(self) -> int:
        """Waits for the header."""
        response = await anext(self._responses, None)
        if response is None or response.WhichOneof("response") != "header":
            raise PeerUnavailable("speech", "the stream does not start with its header")
        return int(response.header.audio_format.sample_rate_hertz)

    async def __aiter__(self) -> AsyncIterator[SpeechMessage]:
        async for response in self._responses:
            kind = response.WhichOneof("response")
            if kind is not None:
                yield response.audio.data if kind == "audio" else getattr(response, kind)


class SpeechPeer:
    """The speech service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = speech_service_pb2_grpc.SpeechServiceStub(channel)

    @asynccontextmanager
    async def speak(
        self, options: speech_service_pb2.SynthesisOptions, deadline_s: float
    ) -> AsyncIterator[SpeechStream]:
        """Opens a synthesis at the voice's own rate."""
        config = speech_service_pb2.SynthesisOptions()
        config.CopyFrom(options)
        config.audio_format.CopyFrom(media_pb2.AudioFormat(encoding=media_pb2.AUDIO_ENCODING_LINEAR16))
        async with _opened("speech", self._stub.StreamSynthesizeSpeech, deadline_s, _SPEECH_FIELDS) as stream:
            await stream.write(speech_service_pb2.StreamSynthesizeSpeechRequest(config=config))
            yield SpeechStream(stream)


class AnimationStream:
    """One running animation."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    async def send(self, item: bytes | curves_pb2.SpeechTiming) -> None:
        """Sends LINEAR16 bytes or a timing."""
        request = animation_pb2.AnimateFromAudioRequest
        await self._stream.write(request(audio=item) if isinstance(item, bytes) else request(timing=item))

    async def finish(self) -> None:
        """Says that no sound follows."""
        await self._stream.finish()

    async def __aiter__(self) -> AsyncIterator[AnimationMessage]:
        async for response in self._stream.read():
            kind = response.WhichOneof("response")
            if kind is not None:
                yield getattr(response, kind)


class FilmStream:
    """One film that is being followed."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    async def show(self, film: bytes) -> None:
        """Sends a whole film."""
        for start in range(0, len(film), _FILM_PIECE_BYTES):
            piece = film[start : start + _FILM_PIECE_BYTES]
            await self._stream.write(animation_pb2.AnimateFromVideoRequest(data=piece))
        await self._stream.finish()

    async def __aiter__(self) -> AsyncIterator[AnimationMessage]:
        async for response in self._stream.read():
            kind = response.WhichOneof("response")
            if kind not in (None, "report"):
                yield getattr(response, kind)


class AnimationPeer:
    """The animation service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = animation_service_pb2_grpc.AnimationServiceStub(channel)

    @asynccontextmanager
    async def animate(
        self,
        sample_rate_hz: int,
        frame_rate: Fraction,
        controls: curves_pb2.PerformanceControls | None,
        is_timed: bool,
        deadline_s: float,
    ) -> AsyncIterator[AnimationStream]:
        """Opens an animation of mono LINEAR16."""
        config = animation_pb2.AnimateFromAudioRequest.Config(
            audio_format=media_pb2.AudioFormat(
                encoding=media_pb2.AUDIO_ENCODING_LINEAR16, sample_rate_hertz=sample_rate_hz, channel_count=1
            ),
            output=animation_pb2.CurveOutput(
                frame_rate=frame_rate_message(frame_rate), frames_per_block=FRAMES_PER_ITEM
            ),
            controls=controls,
            timed=is_timed,
        )
        async with _opened("animation", self._stub.AnimateFromAudio, deadline_s, _ANIMATION_FIELDS) as stream:
            await stream.write(animation_pb2.AnimateFromAudioRequest(config=config))
            yield AnimationStream(stream)

    @asynccontextmanager
    async def follow(
        self,
        frame_rate: Fraction,
        controls: curves_pb2.PerformanceControls,
        driving: driving_pb2.DrivingOptions,
        deadline_s: float,
    ) -> AsyncIterator[FilmStream]:
        """Opens the following of a face through a film."""
        output = animation_pb2.CurveOutput(frame_rate=frame_rate_message(frame_rate), frames_per_block=FRAMES_PER_ITEM)
        config = animation_pb2.AnimateFromVideoRequest.Config(output=output, controls=controls, driving=driving)
        async with _opened("animation", self._stub.AnimateFromVideo, deadline_s, _FILM_FIELDS) as stream:
            await stream.write(animation_pb2.AnimateFromVideoRequest(config=config))
            yield FilmStream(stream)


class IdentityPeer:
    """The identity service."""

    def __init__(self, channel: grpc.aio.Channel, deadline_s: float) -> None:
        self._stub = identity_service_pb2_grpc.IdentityServiceStub(channel)
        self._deadline_s = deadline_s

    async def avatar(self, identity: str, known_digest: str) -> AvatarDownload:
        """Returns an identity's avatar, without its bytes when `known_digest` is current."""
        request = identity_service_pb2.GetAvatarRequest(name=identity, known_digest=known_digest)
        call = self._stub.GetAvatar(request, timeout=self._deadline_s, metadata=trace_metadata())
        header: identity_service_pb2.GetAvatarResponse.Header | None = None
        content = bytearray()
        try:
            async for response in call:
                if response.WhichOneof("response") == "header":
                    header = response.header
                else:
                    content += response.data
        except grpc.aio.AioRpcError as error:
            raise _translated("identity", error, _IDENTITY_FIELDS) from error
        finally:
            call.cancel()
        if header is None:
            raise PeerUnavailable("identity", "the stream does not start with its header")
        is_known = not content and header.digest == known_digest
        return AvatarDownload(header.digest, header.layout, None if is_known else bytes(content))


async def check_channels(channels: Mapping[str, grpc.aio.Channel]) -> dict[str, bool]:
    """Returns for each peer whether a connection to it stands; one that does not gets a second to be made."""
    connected = await asyncio.gather(*map(_is_connected, channels.values()))
    return dict(zip(channels, connected, strict=True))


async def _is_connected(channel: grpc.aio.Channel) -> bool:
    # Connections are renewed every few minutes: what is between two is not gone.
    try:
        async with asyncio.timeout(_CONNECT_LIMIT_S):
            await channel.channel_ready()
    except TimeoutError:
        return False
    return True
