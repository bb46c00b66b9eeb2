"""Creations of voices in progress: jobs that outlive the call that began them."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from visage.runtime import logs
from visage.runtime.errors import DeadlineExceeded, Draining, Overloaded, ResourceNotFound, VisageError
from visage.runtime.model_errors import translate_model_error
from visage.runtime.triton.errors import ModelError
from visage.speech.create_voice import BuiltVoice, Stage
from visage.speech.voice_records import CloneContent, CreationRecord, VoiceRecord
from visage.speech.voice_store import VoiceStore, digest_of
from visage.speech.voices import Voice

_log = logs.get(__name__)

PackFailure = Callable[[VisageError | None], str]
"""Packs an error as an operation keeps it; None stands for a cancellation."""


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
class CreationLimits:
    """How many creations a process takes on, and for how long.

    side_by_side: builds that run at a time, each about one core; waiting: creations accepted beyond these.
    """

    side_by_side: int = 1
    waiting: int = 8
    longest_s: float = 120.0


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


@dataclass
class _Job:
    record: VoiceRecord
    stage: Stage = Stage.DECODING
    task: asyncio.Task[None] | None = None
    over: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)


class VoiceCreations:
    """Runs creations of one process."""

    def __init__(
        self, store: VoiceStore, builder: Builder, pack_failure: PackFailure, limits: CreationLimits | None = None
    ) -> None:
        self._store = store
        self._builder = builder
        self._pack_failure = pack_failure
        self._limits = limits or CreationLimits()
        self._places = asyncio.Semaphore(self._limits.side_by_side)
        self._jobs: dict[str, _Job] = {}
        self._unkept_count = 0
        self._closing = False

    async def begin(self, wanted: NewVoice) -> CreationRecord:
        """Reserves the voice's id and returns the operation that completes it, or an earlier call's one.

        Raises:
            ResourceExists: The id is taken.
            Overloaded: Too many creations wait already.
            VisageError: Whatever `load_sample` raises.
        """
        operation_id = _operation_id(wanted.request_id)
        if wanted.request_id:
            try:
                return await self._store.get_operation(operation_id)
            except ResourceNotFound:
                pass
        self._check_load()
        content = await wanted.load_sample()
        # Once begun, it runs to the point where the job has taken over, whatever becomes of the call.
        return await asyncio.shield(self._enter(operation_id, wanted, content))

    async def build_unkept(self, content: bytes, field: str, candidates: Sequence[Voice]) -> BuiltVoice:
        """Builds a voice of which nothing is stored; it waits for a place like any creation, and ends with the call.

        Raises:
            Overloaded: Too many creations wait already.
            VisageError: Whatever the builder raises, with `field` as the sample's path.
        """
        self._check_load()
        self._unkept_count += 1
        try:
            async with self._places, asyncio.timeout(self._limits.longest_s) as limit:
                return await self._builder.build(content, field, candidates, None, lambda _: None)
        except TimeoutError as error:
            raise (DeadlineExceeded(self._limits.longest_s) if limit.expired() else error) from None
        finally:
            self._unkept_count -= 1

    def _check_load(self) -> None:
        count = len(self._jobs) + self._unkept_count
        if count >= self._limits.side_by_side + self._limits.waiting:
            raise Overloaded(f"{count} voices are being created already", retry_after_s=5.0)

    async def _enter(self, operation_id: str, wanted: NewVoice, content: bytes) -> CreationRecord:
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
            return await self._store.get_operation(operation_id)
        job = self._jobs[operation_id] = _Job(record)
        job.task = asyncio.create_task(self._run(job, wanted, content), name=f"create-{operation_id}")
        return operation

    async def _run(self, job: _Job, wanted: NewVoice, content: bytes) -> None:
        started_s = time.perf_counter()
        outcome = "ready"
        try:
            try:
                async with self._places, asyncio.timeout(self._limits.longest_s):
                    await self._create(job, wanted, content)
            except asyncio.CancelledError:
                outcome = "cancelled"
                await self._undo(job, interrupted() if self._closing else None)
            except Exception as error:
                shown = self._shown(error)
                outcome = shown.metadata.get("cause") or shown.reason.lower()
                await self._undo(job, shown)
        finally:
            self._jobs.pop(job.record.operation_id, None)
            job.over.set()
            seconds = round(time.perf_counter() - started_s, 3)
            _log.info("creation_ended", operation=job.record.operation_id, outcome=outcome, seconds=seconds)

    async def _create(self, job: _Job, wanted: NewVoice, content: bytes) -> None:
        def report(stage: Stage) -> None:
            job.stage = stage

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
        await self._store.complete(job.record, conversion, figures)

    async def _undo(self, job: _Job, error: VisageError | None) -> None:
        """Leaves nothing of the voice and tells the operation why; a cancellation does not stop it."""
        record, failure = job.record, self._pack_failure(error)

        async def undo() -> None:
            await self._store.erase(record.voice_id, record.uid)
            await self._store.fail_operation(record.operation_id, failure)

        undoing = asyncio.ensure_future(undo())
        try:
            await asyncio.shield(undoing)
        except asyncio.CancelledError:
            await undoing
        except VisageError as unreachable:
            # The record expires, and the next clean-up does it.
            _log.error("creation_not_undone", operation=record.operation_id, exc_info=unreachable)

    def _shown(self, error: Exception) -> VisageError:
        """Returns what the caller sees of what a job raised."""
        if isinstance(error, VisageError):
            return error
        if isinstance(error, TimeoutError):
            return DeadlineExceeded(self._limits.longest_s)
        translated = translate_model_error(error) if isinstance(error, ModelError) else None
        if translated is not None:
            return translated
        _log.error("creation_broke", exc_info=error)
        return VisageError("internal error; the service's log has the operation's name")

    def stage(self, operation_id: str) -> Stage | None:
        """Returns the step that a creation of this process has reached; None if it does not run here."""
        job = self._jobs.get(operation_id)
        return job.stage if job is not None else None

    async def wait(self, operation_id: str, limit_s: float) -> None:
        """Waits until a creation of this process is over, or `limit_s` seconds."""
        job = self._jobs.get(operation_id)
        if job is not None:
            await asyncio.wait([asyncio.ensure_future(job.over.wait())], timeout=limit_s)

    async def cancel(self, operation_id: str) -> None:
        """Cancels a creation of this process and returns once nothing of it is left; others are not touched."""
        job = self._jobs.get(operation_id)
        if job is not None and job.task is not None:
            job.task.cancel()
            await job.over.wait()

    async def close(self, grace_s: float) -> None:
        """Lets running creations finish for `grace_s` seconds, then undoes them."""
        self._closing = True
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        if not tasks:
            return
        _, unfinished = await asyncio.wait(tasks, timeout=grace_s)
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished)


def interrupted() -> VisageError:
    """Returns the error of a creation whose process ended before it did."""
    error = Draining()
    error.message = "the server went away during the creation; nothing of it is left, begin again"
    return error


def _operation_id(request_id: str) -> str:
    """Derived from the caller's request id, so that all replicas arrive at the same operation."""
    if not request_id:
        return uuid.uuid4().hex
    return hashlib.sha256(f"voice request {request_id.lower()}".encode()).hexdigest()[:32]
