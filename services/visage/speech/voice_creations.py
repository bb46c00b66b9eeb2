"""Creations of voices: entered, built, stored."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from visage.runtime.creation_operations import begin_creation
from visage.runtime.creations import CreationJobs, CreationLimits
from visage.runtime.errors import VisageError
from visage.runtime.operations import pack_failure
from visage.speech.create_voice import BuiltVoice, Stage
from visage.speech.voice_records import CloneContent, CreationRecord, VoiceRecord
from visage.speech.voice_store import VoiceStore, digest_of
from visage.speech.voices import Voice


class Builder(Protocol):
    """Builds a voice from a sample: `VoiceBuilder`, or a fake in tests."""

    async def build(
        self,
        content: bytes,
        field: str,
        candidates: Sequence[Voice],
        strength: float | None,
        report: Callable[[Stage], None],
    ) -> BuiltVoice:
        """Returns what the sample became; see `VoiceBuilder.build`."""
        ...


@dataclass(frozen=True, slots=True)
class NewVoice:
    """What a caller asks for; an empty id or request id leaves the choice to the server.

    `load_sample` is only called for a new request; `sample_field` is where the request holds the sample.
    """

    voice_id: str
    request_id: str
    display_name: str
    consent_reference: str
    candidates: Sequence[Voice]
    strength: float | None
    load_sample: Callable[[], Awaitable[bytes]]
    sample_field: str


class VoiceCreations:
    """Runs creations of one process.

    Attributes:
        jobs: Those in progress.
    """

    def __init__(self, store: VoiceStore, builder: Builder, limits: CreationLimits) -> None:
        self.jobs = CreationJobs("voices", Stage.DECODING, limits, 5.0)
        self._store = store
        self._builder = builder
        self._limits = limits

    async def begin(self, wanted: NewVoice) -> CreationRecord:
        """Reserves the voice's id and returns the operation that completes it, or an earlier call's one.

        Raises:
            ResourceExists: The id is taken.
            Overloaded: Too many creations wait already.
            VisageError: Whatever `load_sample` raises.
        """
        enter = partial(self._enter, wanted)
        records, request_id = self._store.operations, wanted.request_id
        return await begin_creation(records, self.jobs, "voice request", request_id, wanted.load_sample, enter)

    async def build_unkept(self, content: bytes, field: str, candidates: Sequence[Voice]) -> BuiltVoice:
        """Builds a voice of which nothing is stored; it waits for a place like any creation, and ends with the call.

        Raises:
            Overloaded: Too many creations wait already.
            VisageError: Whatever the builder raises, with `field` as the sample's path.
        """
        async with self.jobs.place():
            return await self._builder.build(content, field, candidates, None, lambda _: None)

    async def _enter(self, wanted: NewVoice, operation_id: str, content: bytes) -> CreationRecord:
        now = datetime.now(UTC)
        uid = uuid.uuid4().hex
        # Waiting counts, too: others may be built first.
        longest_s = (self._limits.waiting + 2) * self._limits.longest_s
        record = VoiceRecord(
            voice_id=wanted.voice_id or f"clone-{uid[:12]}",
            uid=uid,
            operation_id=operation_id,
            display_name=wanted.display_name,
            consent_reference=wanted.consent_reference,
            create_time=now,
            expire_time=now + timedelta(seconds=longest_s),
        )
        operation = CreationRecord(
            operation_id=operation_id,
            voice_id=record.voice_id,
            uid=uid,
            create_time=now,
            expire_time=record.expire_time,
        )
        if not await self._store.reserve(record, operation):
            return await self._store.operations.get(operation_id)
        self.jobs.start(operation_id, partial(self._create, record, wanted, content), partial(self._undo, record))
        return operation

    async def _create(
        self, record: VoiceRecord, wanted: NewVoice, content: bytes, report: Callable[[Stage], None]
    ) -> None:
        built = await self._builder.build(content, wanted.sample_field, wanted.candidates, wanted.strength, report)
        report(Stage.STORING)
        conversion = built.conversion.to_bytes()
        figures = CloneContent(
            base_voice=built.base.name,
            conversion=digest_of(conversion),
            similarity=built.similarity,
            base_similarity=built.base_similarity,
            ceiling=built.ceiling,
            strength=built.conversion.strength,
            intelligibility=built.intelligibility,
            speech_s=built.speech_s,
        )
        await self._store.complete(record, conversion, figures)

    async def _undo(self, record: VoiceRecord, error: VisageError | None) -> None:
        """Leaves nothing of the voice and tells the operation why."""
        failure = pack_failure(error)
        await self._store.erase(record.voice_id, record.uid)
        await self._store.operations.fail(record.operation_id, failure)
