"""A2FControllerService: messages in, messages out; the curves are those of AnimateFromAudio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from fractions import Fraction
from typing import Any, Final

from visage.animation.animate_from_audio import AnimateFromAudio, AudioAnimation, AudioPiece, ControlsPiece, Piece
from visage.animation.audio2face.audio_echo import AudioEcho
from visage.animation.audio2face.configuration import configuration
from visage.animation.audio2face.emotion_keys import EmotionKeys
from visage.animation.audio2face.face_shape import FaceShaper
from visage.animation.audio2face.protos import CONFIG_FULL_NAME, CONFIG_PROTOS, FULL_NAME, PROTOS, A2XConfig
from visage.animation.audio2face.remarks import Level, Remarks
from visage.animation.audio2face.request_stream import RequestStream, reading
from visage.animation.audio2face.requests import BITS_PER_SAMPLE, LONGEST_BUFFER_S, Order, read_order
from visage.animation.audio2face.responses import (
    emotions_message,
    end_message,
    frame_message,
    header_message,
    status_message,
)
from visage.animation.audio2face.settings import Audio2FaceLimits
from visage.animation.audio_source import FIELD, SourceFormat
from visage.animation.projection import Projection
from visage.animation.stage import Notice, Output
from visage.media.curves import CurveBlock
from visage.runtime.errors import MediaTooLarge, MediaUndecodable, StreamOutOfOrder, VisageError
from visage.runtime.interceptors import Manners
from visage.runtime.model_errors import translate_model_error
from visage.runtime.server import Servicer
from visage.runtime.triton.errors import ModelError

_BUFFER_FIELD: Final = "audio_with_emotion.audio_buffer"
_NOTHING: Final = "an empty message"


class Audio2FaceServicer:
    """Implements `nvidia_ace.services.a2f_controller.v1.A2FControllerService`."""

    def __init__(self, from_audio: AnimateFromAudio, limits: Audio2FaceLimits) -> None:
        """Takes the verb, with the limit of a clip, and the shape of streams."""
        self._from_audio = from_audio
        self._limits = limits
        self._channels = Projection(limits.schema).channels()

    async def ProcessAudioStream(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """A clip to curves; a header comes first and a status last, whatever happens between."""
        async with reading(requests) as stream:
            has_header = False
            try:
                first = await stream.next()
                kind = "end of stream" if first is None else first.WhichOneof("stream_part")
                header = first.audio_stream_header if kind == "audio_stream_header" else None
                yield header_message(None if header is None else header.audio_header, self._channels)
                has_header = True
                if header is None:
                    raise StreamOutOfOrder("audio_stream_header", kind or _NOTHING)
                remarks = Remarks()
                clip = _Clip(read_order(header, self._channels, remarks), self._limits, remarks)
                async with aclosing(clip.responses(self._from_audio, stream)) as responses:
                    async for response in responses:
                        yield response
            except Exception as error:
                shown = _in_client_fields(error)
                if not has_header:
                    yield header_message(None, self._channels)
                yield status_message(Level.ERROR, _text_of(shown))
                await stream.drain()
                raise shown from None

    async def farewell(self, requests: AsyncIterator[Any], error: VisageError) -> AsyncIterator[Any]:
        """What a stream that is not admitted gets: it must be read to its end, or the client does not see why."""
        async with reading(requests) as stream:
            yield header_message(None, self._channels)
            yield status_message(Level.ERROR, error.message)
            await stream.drain()


class ConfigServicer:
    """Implements `nvidia_ace.services.a2x_export_config.v1.A2XExportConfigService`."""

    def __init__(self, limits: Audio2FaceLimits) -> None:
        """Takes what there is to tell."""
        self._content = configuration(limits)

    async def GetConfigs(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """One file; JSON is YAML, too."""
        extension = "json" if request.config_type == 1 else "yaml"
        yield A2XConfig(name=f"visage_a2f_config.{extension}", content=self._content)


class _Clip:
    """One stream behind its header."""

    def __init__(self, order: Order, limits: Audio2FaceLimits, remarks: Remarks) -> None:
        rate = Fraction(limits.frame_rate)
        self._order = order
        self._limits = limits
        self._remarks = remarks
        self._rate = rate
        self._keys = EmotionKeys(order.controls, order.mixing, remarks)
        self._echo = AudioEcho(order.sample_rate_hz, rate)
        self._projection = Projection(limits.schema)
        self._shaper = FaceShaper(order.shape, self._projection.channels(), limits.frame_rate)

    async def responses(self, from_audio: AnimateFromAudio, stream: RequestStream) -> AsyncGenerator[Any, None]:
        """Yields everything between the header and the end of the call."""
        source = SourceFormat(self._order.sample_rate_hz, has_header=False)
        output = Output(self._rate, include_emotion=True)
        animation = AudioAnimation(source, output, self._keys.controls)
        async with aclosing(from_audio(animation, self._pieces(stream))) as answers:
            async for answer in answers:
                if isinstance(answer, Notice):
                    self._remarks.warn(answer.kind.value)
                for remark in self._remarks.take():
                    yield status_message(*remark)
                if isinstance(answer, CurveBlock):
                    for frame in self._frames(answer):
                        yield frame
        for remark in self._remarks.take():
            yield status_message(*remark)
        yield end_message()
        yield status_message(Level.SUCCESS, "all audio has been animated")

    async def _pieces(self, stream: RequestStream) -> AsyncIterator[Piece]:
        longest_bytes = round(LONGEST_BUFFER_S * self._order.sample_rate_hz) * BITS_PER_SAMPLE // 8
        while (request := await stream.next()) is not None:
            kind = request.WhichOneof("stream_part")
            if kind != "audio_with_emotion":
                raise StreamOutOfOrder("audio_with_emotion or end_of_audio", kind or _NOTHING)
            sound = request.audio_with_emotion.audio_buffer
            if len(sound) > longest_bytes:
                raise MediaTooLarge(_BUFFER_FIELD, f"{LONGEST_BUFFER_S:g} s", f"{len(sound)} bytes")
            if self._keys.add(request.audio_with_emotion.emotions):
                yield ControlsPiece(self._keys.controls)
            if sound:
                self._echo.push(sound)
                yield AudioPiece(sound)

    def _frames(self, block: CurveBlock) -> Iterator[Any]:
        for row, weights in enumerate(self._shaper.shape(self._projection.values(block))):
            index = block.start_frame + row
            time_s = float(index / self._rate)
            begun = self._keys.begun_before(float((index + 1) / self._rate))
            shown = None if block.emotions is None else block.emotions[row]
            emotions = emotions_message(time_s, shown, begun, self._limits.spelling)
            yield frame_message(time_s, weights, self._echo.frame(index), emotions)


def audio2face_services(servicer: Audio2FaceServicer, limits: Audio2FaceLimits) -> list[Servicer]:
    """Returns the services as the server wants them; reflection does not list them."""
    # A clip of the longest length may come live, with pauses.
    manners = Manners(2 * limits.longest_clip_s, servicer.farewell)
    streams = frozenset({"ProcessAudioStream"})
    return [
        PROTOS.servicer(FULL_NAME, servicer, streams, manners),
        CONFIG_PROTOS.servicer(CONFIG_FULL_NAME, ConfigServicer(limits)),
    ]


def _in_client_fields(error: Exception) -> Exception:
    """Returns an error with the client's name of the field."""
    if isinstance(error, MediaUndecodable) and error.field == FIELD:
        return MediaUndecodable(_BUFFER_FIELD, error.metadata["cause"])
    if isinstance(error, ModelError):
        return translate_model_error(error) or error
    return error


def _text_of(error: Exception) -> str:
    return error.message if isinstance(error, VisageError) else "internal error; the service's log has the request id"
