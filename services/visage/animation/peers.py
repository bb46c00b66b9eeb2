"""The speech service, over gRPC."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import grpc.aio

from visage.animation.ports import SpokenPart, Utterance
from visage.runtime.peers import trace_metadata, translate
from visage.runtime.wire import phones_of
from visage.v1 import speech_service_pb2 as speech_pb
from visage.v1.speech_service_pb2_grpc import SpeechServiceStub

_PEER = "speech"


class SpeechOverGrpc:
    """Synthesises through a channel that the owner closes."""

    def __init__(self, channel: grpc.aio.Channel, deadline_s: float) -> None:
        """Takes the channel and the seconds that a synthesis may take."""
        self._stub = SpeechServiceStub(channel)
        self._deadline_s = deadline_s

    async def speak(self, utterance: Utterance) -> AsyncGenerator[SpokenPart, None]:
        """Yields the sample rate first, then phones and 16-bit mono audio as they are synthesised.

        Raises:
            PeerUnavailable: The service does not answer.
            PeerFailed: It refused the text or the voice.
            DeadlineExceeded: It took too long.
        """
        call = self._stub.StreamSynthesizeSpeech(metadata=trace_metadata(), timeout=self._deadline_s)
        try:
            await call.write(speech_pb.StreamSynthesizeSpeechRequest(config=_options(utterance)))
            await call.write(_said(utterance))
            await call.done_writing()
            async for response in call:
                part = _part(response)
                if part is not None:
                    yield part
        except grpc.aio.AioRpcError as error:
            raise translate(_PEER, error) from error
        finally:
            call.cancel()


def _said(utterance: Utterance) -> speech_pb.StreamSynthesizeSpeechRequest:
    if utterance.ssml:
        return speech_pb.StreamSynthesizeSpeechRequest(ssml=utterance.ssml)
    return speech_pb.StreamSynthesizeSpeechRequest(text=utterance.text)


def _options(utterance: Utterance) -> speech_pb.SynthesisOptions:
    prosody = speech_pb.Prosody(
        rate=utterance.rate, pitch_semitones=utterance.pitch_semitones, pitch_range=utterance.pitch_range
    )
    return speech_pb.SynthesisOptions(
        voice=utterance.voice, language_code=utterance.language_code, prosody=prosody, style=utterance.style
    )


def _part(response: speech_pb.StreamSynthesizeSpeechResponse) -> SpokenPart | None:
    kind = response.WhichOneof("response")
    if kind == "header":
        return SpokenPart(sample_rate_hz=response.header.audio_format.sample_rate_hertz)
    if kind == "timing":
        return SpokenPart(phones=tuple(phones_of(response.timing)))
    if kind == "audio":
        return SpokenPart(audio=response.audio.data)
    return None
