"""The stream of AlignSpeech ↔ values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from visage.media.pcm import FloatPcm
from visage.runtime.audio import AudioLimits, Encoding, decode_audio, decode_raw
from visage.runtime.errors import InvalidField, MediaUndecodable, StreamOutOfOrder, StreamTooLong
from visage.runtime.wire import duration_of
from visage.speech.align_speech import LONGEST_S, Alignment
from visage.speech.messages import timing_message
from visage.speech.phone_posteriors import SAMPLE_RATE_HZ
from visage.v1 import media_pb2, speech_alignment_pb2

_FIELD: Final = "audio"
_LIMITS: Final = AudioLimits(max_bytes=20 * 1024 * 1024, max_duration_s=LONGEST_S)

Requests = AsyncIterator[speech_alignment_pb2.AlignSpeechRequest]


async def read_alignment_config(requests: Requests) -> speech_alignment_pb2.AlignmentConfig:
    """Returns the first message's config.

    Raises:
        StreamOutOfOrder: The first message is none.
        InvalidField: Headerless audio without a rate.
    """
    request = await anext(requests, None)
    kind = "end of stream" if request is None else request.WhichOneof("request")
    if request is None or kind != "config":
        raise StreamOutOfOrder(expected="config", got=str(kind))
    audio_format = request.config.audio_format
    if _is_raw(audio_format) and not audio_format.sample_rate_hertz:
        raise InvalidField("config.audio_format.sample_rate_hertz", "must be given for audio without a header")
    return request.config


async def read_audio(requests: Requests, audio_format: media_pb2.AudioFormat) -> FloatPcm:
    """Returns what follows the config as [samples] at 16 kHz.

    Raises:
        StreamOutOfOrder: A second config.
        StreamTooLong: Over 20 MiB.
        MediaTooLarge: Longer than 120 s.
        MediaUndecodable: No audio, or not of the format announced.
    """
    content = bytearray()
    async for request in requests:
        kind = request.WhichOneof("request")
        if kind != "audio":
            raise StreamOutOfOrder(expected="audio", got=str(kind))
        content += request.audio
        if len(content) > _LIMITS.max_bytes:
            raise StreamTooLong(f"{_LIMITS.max_bytes} bytes", f"{len(content)} bytes")
    if not content:
        raise MediaUndecodable(_FIELD, "the stream holds no audio")
    if not _is_raw(audio_format):
        return await decode_audio(bytes(content), _FIELD, SAMPLE_RATE_HZ, _LIMITS)
    encoding, rate_hz = Encoding(audio_format.encoding), audio_format.sample_rate_hertz
    channels = audio_format.channel_count or 1
    return decode_raw(bytes(content), encoding, rate_hz, channels, _FIELD, SAMPLE_RATE_HZ, _LIMITS)


def alignment_message(alignment: Alignment) -> speech_alignment_pb2.AlignSpeechResponse:
    """Message for a timed recording."""
    return speech_alignment_pb2.AlignSpeechResponse(
        timing=timing_message(alignment.timing),
        confidence=alignment.confidence,
        word_confidences=alignment.word_confidences,
        audio_duration=duration_of(alignment.duration_s),
    )


def _is_raw(audio_format: media_pb2.AudioFormat) -> bool:
    return bool(audio_format.encoding) and Encoding(audio_format.encoding).is_raw
