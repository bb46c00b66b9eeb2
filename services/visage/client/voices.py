"""Cloned voices and timed recordings: what the speech service makes of people's speech."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import duration_pb2

from visage.client import errors, values, wire
from visage.client.assets import Assets
from visage.client.connection import CHUNK_BYTES, Connection
from visage.client.creations import finish_or_undo
from visage.v1 import speech_alignment_pb2, speech_service_pb2_grpc, voice_cloning_pb2
from visage.v1 import speech_service_pb2 as pb

Progress = Callable[[str, int], None]
"""Told a stage's name and the percentage done."""


class Voices:
    """Voices made from samples."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._assets = Assets(connection, "speech")

    def _stub(self) -> speech_service_pb2_grpc.SpeechServiceStub:
        return speech_service_pb2_grpc.SpeechServiceStub(self._connection.channel("speech"))

    async def create(
        self,
        sample: values.Media,
        *,
        consent_reference: str,
        voice_id: str = "",
        display_name: str = "",
        language_code: str = "",
        base_voice: str = "",
        strength: float | None = None,
        progress: Progress | None = None,
    ) -> values.Voice:
        """Makes a voice from 5 to 60 s of speech and waits for it; raises NotUsable when the sample does not serve.

        Cancelling the wait deletes it.
        """
        request = voice_cloning_pb2.CreateVoiceRequest(
            voice_id=voice_id,
            display_name=display_name,
            sample=await self._assets.source(sample),
            consent_reference=consent_reference,
            language_code=language_code,
            base_voice=wire.voice_name(base_voice) if base_voice else "",
            strength=strength,
        )
        beginning = self._connection.unary(self._stub().CreateVoice, request)
        finished = await finish_or_undo(beginning, partial(self._wait, progress=progress), self._undo)
        if finished.HasField("error"):
            raise errors.from_status(finished.error)
        message = pb.Voice()
        finished.response.Unpack(message)
        return wire.voice(message)

    async def _undo(self, operation: operations_pb2.Operation) -> None:
        metadata = voice_cloning_pb2.CreateVoiceMetadata()
        operation.metadata.Unpack(metadata)
        await self.delete(metadata.voice, allow_missing=True)

    async def _wait(self, operation: operations_pb2.Operation, progress: Progress | None) -> operations_pb2.Operation:
        stub = operations_pb2_grpc.OperationsStub(self._connection.channel("speech"))
        while True:
            metadata = voice_cloning_pb2.CreateVoiceMetadata()
            if progress is not None and operation.metadata.Unpack(metadata):
                stage = voice_cloning_pb2.CreateVoiceMetadata.Stage.Name(metadata.stage)
                progress(stage.removeprefix("STAGE_").lower(), metadata.progress_percent)
            if operation.done:
                return operation
            request = operations_pb2.WaitOperationRequest(
                name=operation.name, timeout=duration_pb2.Duration(nanos=250_000_000)
            )
            operation = await self._connection.unary(stub.WaitOperation, request)

    async def list(self) -> list[values.Voice]:
        """Returns the cloned voices, by name."""
        found: list[values.Voice] = []
        token = ""
        while True:
            page = await self._connection.unary(self._stub().ListVoices, pb.ListVoicesRequest(page_token=token))
            found += [wire.voice(message) for message in page.voices if message.HasField("clone")]
            token = page.next_page_token
            if not token:
                return found

    async def delete(self, name: str, *, allow_missing: bool = False) -> None:
        """Deletes a cloned voice and everything derived from its sample."""
        request = voice_cloning_pb2.DeleteVoiceRequest(name=wire.voice_name(name), allow_missing=allow_missing)
        await self._connection.unary(self._stub().DeleteVoice, request)

    async def align(self, audio: str | Path | bytes, transcript: str = "", language_code: str = "") -> values.Alignment:
        """Returns when the words of a recording (WAV, FLAC, Ogg or MP3) are said; without a transcript, its phones."""
        data = audio if isinstance(audio, bytes) else Path(audio).read_bytes()

        async def requests() -> AsyncIterator[speech_alignment_pb2.AlignSpeechRequest]:
            config = speech_alignment_pb2.AlignmentConfig(transcript=transcript, language_code=language_code)
            yield speech_alignment_pb2.AlignSpeechRequest(config=config)
            for start in range(0, len(data), CHUNK_BYTES):
                yield speech_alignment_pb2.AlignSpeechRequest(audio=data[start : start + CHUNK_BYTES])

        response = await self._connection.upload("AlignSpeech", self._stub().AlignSpeech, requests())
        return values.Alignment(
            wire.timing(response.timing),
            response.confidence,
            tuple(response.word_confidences),
            wire.seconds(response.audio_duration),
        )
