"""What the store keeps of identities, of operations and of work in progress: small JSON documents."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

import numpy as np

from visage.identity.embedding import Embedding
from visage.identity.quality.report import PhotoReport
from visage.runtime.operation_records import OperationRecord
from visage.runtime.records import Record

IDENTITY_PREFIX: Final = "identities/"
_LATEST_MS: Final = 9_999_999_999_999


class State(StrEnum):
    """Life-cycle of an identity."""

    CREATING = "CREATING"
    READY = "READY"


class AvatarRecord(Record):
    """Where an avatar's bytes lie."""

    digest: str
    size_bytes: int
    layout: str
    width_px: int
    height_px: int


class EmbeddingRecord(Record):
    """An embedding; `values` is base64 of little-endian float32 [128]."""

    model: str
    values: str

    @classmethod
    def of(cls, embedding: Embedding) -> EmbeddingRecord:
        """Packs an embedding."""
        return cls(model=embedding.model, values=base64.b64encode(embedding.values.astype("<f4").tobytes()).decode())

    def unpack(self) -> Embedding:
        """Returns the embedding."""
        return Embedding(self.model, np.frombuffer(base64.b64decode(self.values), "<f4").astype(np.float32))


class Content(Record):
    """What a READY identity has besides its description."""

    photo_digest: str
    avatar: AvatarRecord
    preview_asset: str
    embedding: EmbeddingRecord
    report: PhotoReport | None = None
    """Absent in identities that were made before there were reports."""


class IdentityRecord(Record):
    """One identity. `uid` tells two identities apart that had the same id one after the other."""

    identity_id: str
    uid: str
    operation_id: str
    display_name: str
    labels: dict[str, str]
    consent_reference: str
    create_time: datetime
    update_time: datetime
    content: Content | None = None

    @property
    def name(self) -> str:
        """The resource name."""
        return IDENTITY_PREFIX + self.identity_id

    @property
    def state(self) -> State:
        """READY once there is something to render."""
        return State.CREATING if self.content is None else State.READY

    @property
    def etag(self) -> str:
        """Changes with every change of the record."""
        return hashlib.sha256(self.to_json()).hexdigest()[:16]

    @property
    def order_key(self) -> str:
        """Sorts younger identities before older ones."""
        return f"{_LATEST_MS - round(self.create_time.timestamp() * 1000):013d}-{self.identity_id}"


class CreationRecord(OperationRecord):
    """One CreateIdentity."""

    identity_id: str
    uid: str


class Owner(Record):
    """The process that does a piece of work."""

    host: str
    pid: int
    started: str

    @classmethod
    def current(cls) -> Owner:
        """Returns this process."""
        return cls(host=socket.gethostname(), pid=os.getpid(), started=_started(os.getpid()))

    def is_known_dead(self) -> bool:
        """Whether the process ran on this host and is gone; of other hosts nothing is known."""
        return self.host == socket.gethostname() and _started(self.pid) != self.started


class WorkRecord(Record):
    """A creation or deletion in progress, so that another process can undo or finish it after a crash."""

    kind: Literal["create", "delete"]
    uid: str
    identity_id: str
    operation_id: str
    order_key: str
    owner: Owner
    expire_time: datetime
    assets: tuple[str, ...] = ()

    def is_abandoned(self, now: datetime) -> bool:
        """Whether nobody works on it any more."""
        return now > self.expire_time or self.owner.is_known_dead()


def _started(pid: int) -> str:
    """When a process started, in the kernel's clock; a process id alone may be given out again. Empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        return "" if Path("/proc/self").exists() else _started_without_proc(pid)


def _started_without_proc(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "running"
