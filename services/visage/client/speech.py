"""Voices and synthesis."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from visage.client import values, wire
from visage.client.connection import Connection
from visage.v1 import media_pb2, speech_service_pb2_grpc
from visage.v1 import speech_service_pb2 as pb


def synthesis_options(
    voice: str = "",
    language_code: str = "",
    rate: float | None = None,
    pitch_semitones: float | None = None,
    volume_gain_db: float | None = None,
    encoding: str = "",
    sample_rate_hz: int = 0,
    style: str = "",
    pitch_range: float | None = None,
    include_prosody: bool = False,
) -> pb.SynthesisOptions:
    """Returns the message of how speech should sound; `voice` may leave out "voices/"."""
    name = voice if not voice or voice.startswith("voices/") else f"voices/{voice}"
    number = media_pb2.AudioEncoding.Value(f"AUDIO_ENCODING_{encoding.upper()}") if encoding else 0
    return pb.SynthesisOptions(
        voice=name,
        language_code=language_code,
        audio_format=media_pb2.AudioFormat(
            encoding=media_pb2.AudioEncoding.Name(number), sample_rate_hertz=sample_rate_hz
        ),
        prosody=pb.Prosody(
            rate=rate, pitch_semitones=pitch_semitones, volume_gain_db=volume_gain_db, pitch_range=pitch_range
        ),
        style=style,
        include_prosody=include_prosody,
    )


class SpeechClient:
    """The speech service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _stub(self) -> speech_service_pb2_grpc.SpeechServiceStub:
        return speech_service_pb2_grpc.SpeechServiceStub(self._connection.channel("speech"))

    async def voices(self, language_code: str = "") -> list[values.Voice]:
        """Returns the voices that are installed, most natural first."""
        found: list[values.Voice] = []
        token = ""
        while True:
            request = pb.ListVoicesRequest(language_code=language_code, page_token=token)
            page = await self._connection.unary(self._stub().ListVoices, request)
            found += [wire.voice(message) for message in page.voices]
            token = page.next_page_token
            if not token:
                return found

    async def say(self, text: str, options: pb.SynthesisOptions | None = None, *, ssml: bool = False) -> values.Speech:
        """Returns a whole utterance as WAV (or the encoding asked for) with its timing; `text` may be SSML."""
        said = pb.SynthesisInput(ssml=text) if ssml else pb.SynthesisInput(text=text)
        request = pb.SynthesizeSpeechRequest(input=said, options=options)
        response = await self._connection.unary(self._stub().SynthesizeSpeech, request)
        return values.Speech(
            response.audio,
            response.audio_format.sample_rate_hertz,
            wire.timing(response.timing),
            response.voice,
        )

    async def stream(
        self, texts: AsyncIterable[str], options: pb.SynthesisOptions | None = None
    ) -> AsyncIterator[pb.StreamSynthesizeSpeechResponse]:
        """Yields header, timing and headerless audio while `texts` (an LLM's tokens) still come."""

        async def requests() -> AsyncIterator[pb.StreamSynthesizeSpeechRequest]:
            yield pb.StreamSynthesizeSpeechRequest(config=options or pb.SynthesisOptions())
            async for text in texts:
                yield pb.StreamSynthesizeSpeechRequest(text=text)

        method = self._stub().StreamSynthesizeSpeech
        async for response in self._connection.stream("StreamSynthesizeSpeech", method, requests()):
            yield response
