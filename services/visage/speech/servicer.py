"""SpeechService: messages in, messages out; the decisions are the verbs'."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from visage.runtime.audio import Encoding, encode_audio
from visage.runtime.errors import InvalidField, StreamOutOfOrder
from visage.runtime.wire import duration_of
from visage.speech.cloned_voices import ClonedVoices
from visage.speech.messages import format_message, read_options, timing_message, voice_message
from visage.speech.ports import SpeechEngine
from visage.speech.stream_speech import Document, Flush, Piece, Sound, stream_speech
from visage.speech.synthesize_speech import synthesize_speech
from visage.speech.voice_analysis import VoiceAnalysis
from visage.v1 import (
    media_pb2,
    speech_alignment_pb2,
    speech_service_pb2,
    speech_service_pb2_grpc,
    voice_cloning_pb2,
)

Request = speech_service_pb2.StreamSynthesizeSpeechRequest
Response = speech_service_pb2.StreamSynthesizeSpeechResponse


class SpeechServicer(speech_service_pb2_grpc.SpeechServiceServicer):
    """Implements `visage.v1.SpeechService`."""

    def __init__(self, voices: ClonedVoices, engines: Mapping[str, SpeechEngine], analysis: VoiceAnalysis) -> None:
        self._voices = voices
        self._engines = engines
        self._analysis = analysis

    async def ListVoices(
        self, request: speech_service_pb2.ListVoicesRequest, context: Any
    ) -> speech_service_pb2.ListVoicesResponse:
        """A page of the voices."""
        catalogue = await self._voices.all()
        voices, token = catalogue.page(request.language_code, request.page_size, request.page_token)
        return speech_service_pb2.ListVoicesResponse(voices=map(voice_message, voices), next_page_token=token)

    async def GetVoice(self, request: speech_service_pb2.GetVoiceRequest, context: Any) -> speech_service_pb2.Voice:
        """One voice."""
        return voice_message((await self._voices.for_voice(request.name)).get(request.name))

    async def SynthesizeSpeech(
        self, request: speech_service_pb2.SynthesizeSpeechRequest, context: Any
    ) -> speech_service_pb2.SynthesizeSpeechResponse:
        """A whole text at once."""
        catalogue = await self._voices.for_voice(request.options.voice)
        order = read_options(request.options, "options", catalogue, Encoding.WAV)
        delivery, script, said = order.delivery, order.script(), request.input
        if said.ssml:
            field, lines = "input.ssml", script.document(said.ssml, "input.ssml")
        else:
            field, lines = "input.text", [*script.text(said.text), *script.flush()]
        recording = await synthesize_speech(lines, field, delivery, order.encoding, self._engines)
        return speech_service_pb2.SynthesizeSpeechResponse(
            audio=recording.audio,
            audio_format=format_message(order.encoding, delivery.sample_rate_hz),
            timing=timing_message(recording.timing),
            voice=delivery.voice.name,
        )

    async def StreamSynthesizeSpeech(self, requests: AsyncIterator[Request], context: Any) -> AsyncIterator[Response]:
        """Text in pieces, timing and sound by clause."""
        config = await _read_config(requests)
        catalogue = await self._voices.for_voice(config.voice)
        order = read_options(config, "config", catalogue, Encoding.LINEAR16)
        delivery, encoding = order.delivery, order.encoding
        if not encoding.is_raw:
            carried = ", ".join(item.name for item in Encoding if item.is_raw)
            raise InvalidField("config.audio_format.encoding", f"streams carry {carried}", limit=carried)
        yield Response(
            header=Response.Header(
                audio_format=format_message(encoding, delivery.sample_rate_hz), voice=delivery.voice.name
            )
        )
        async with aclosing(stream_speech(_pieces(requests), order.script(), delivery, self._engines)) as parts:
            async for part in parts:
                if isinstance(part, Sound):
                    data = encode_audio(part.samples, delivery.sample_rate_hz, encoding)
                    yield Response(audio=media_pb2.AudioChunk(start_offset=duration_of(part.start_s), data=data))
                else:
                    yield Response(timing=timing_message(part))

    async def AlignSpeech(
        self, requests: AsyncIterator[speech_alignment_pb2.AlignSpeechRequest], context: Any
    ) -> speech_alignment_pb2.AlignSpeechResponse:
        """Recorded speech, timed."""
        return await self._analysis.align(requests)

    async def CreateVoice(
        self, request: voice_cloning_pb2.CreateVoiceRequest, context: Any
    ) -> operations_pb2.Operation:
        """Begins to make a voice."""
        return await self._analysis.create(request)

    async def DeleteVoice(self, request: voice_cloning_pb2.DeleteVoiceRequest, context: Any) -> empty_pb2.Empty:
        """Deletes a cloned voice."""
        await self._analysis.delete(request)
        return empty_pb2.Empty()


async def _read_config(requests: AsyncIterator[Request]) -> speech_service_pb2.SynthesisOptions:
    request = await anext(requests, None)
    kind = "end of stream" if request is None else request.WhichOneof("request")
    if request is None or kind != "config":
        raise StreamOutOfOrder(expected="config", got=str(kind))
    return request.config


async def _pieces(requests: AsyncIterator[Request]) -> AsyncIterator[Piece]:
    async for request in requests:
        kind = request.WhichOneof("request")
        if kind == "text":
            yield request.text
        elif kind == "ssml":
            yield Document(request.ssml)
        elif kind == "flush":
            yield Flush()
        else:
            raise StreamOutOfOrder(expected="text, ssml or flush", got=str(kind))
