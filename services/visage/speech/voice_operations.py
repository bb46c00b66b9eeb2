"""Operations of CreateVoice: their state is derived from the voice, so that it survives a restart."""

from __future__ import annotations

import base64
from typing import Any

from google.longrunning import operations_pb2

from visage.runtime.creations import CreationJobs
from visage.runtime.errors import ResourceNotFound
from visage.speech.cloned_voices import ClonedVoices
from visage.speech.create_voice import Stage
from visage.speech.messages import voice_message
from visage.speech.voice_records import VOICE_PREFIX, CreationRecord
from visage.speech.voice_store import VoiceStore
from visage.v1 import voice_cloning_pb2


class VoiceOperations:
    """Operations of one store and of the creations in progress."""

    def __init__(self, store: VoiceStore, voices: ClonedVoices, jobs: CreationJobs[Stage]) -> None:
        self._store = store
        self._voices = voices
        self._jobs = jobs

    async def view(self, record: CreationRecord) -> operations_pb2.Operation:
        """Returns the state of an operation: running, failed, or done with the voice."""
        stage = self._jobs.stage(record.operation_id)
        message = operations_pb2.Operation(name=record.name, done=bool(record.error))
        metadata = voice_cloning_pb2.CreateVoiceMetadata(
            voice=VOICE_PREFIX + record.voice_id, stage=f"STAGE_{stage}", progress_percent=stage.percent
        )
        if record.error:
            message.error.ParseFromString(base64.b64decode(record.error))
        elif (voice := await self._finished(record)) is not None:
            message.done = True
            message.response.Pack(voice)
            metadata.stage = voice_cloning_pb2.CreateVoiceMetadata.STAGE_STORING
            metadata.progress_percent = 100
        message.metadata.Pack(metadata)
        return message

    async def _finished(self, record: CreationRecord) -> Any:
        voice = await self._store.find(record.voice_id)
        if voice is None or voice.uid != record.uid or voice.content is None:
            return None
        try:
            return voice_message((await self._voices.all()).get(voice.name))
        except ResourceNotFound:
            # Its base voice is not installed on this replica.
            return None
