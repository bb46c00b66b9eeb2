"""The part of `FakeVisage` that makes films in the background: each is done at once."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from visage.client import errors, values
from visage.client.testing_voices import Owner
from visage.v1 import composition_service_pb2


class FakeRenders:
    """Keeps renders in memory."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.stored: dict[str, values.RenderJob] = {}

    async def create(
        self, request: composition_service_pb2.GenerateAvatarRequest, *, request_id: str = ""
    ) -> values.RenderJob:
        """Enters a render; the same request id gives the same one."""
        self._owner.called("renders.create")
        name = f"operations/{request_id or uuid.uuid4().hex}"
        now = datetime.now(UTC)
        job = values.RenderJob(name, "done", 1.0, 1, now, "assets/fake-film", expire_time=now + timedelta(weeks=1))
        return self.stored.setdefault(name, job)

    async def get(self, name: str) -> values.RenderJob:
        """Returns a render; raises NotFound."""
        self._owner.called("renders.get")
        if name not in self.stored:
            raise errors.NotFound(f"operation {name!r} does not exist", reason="RESOURCE_NOT_FOUND")
        return self.stored[name]

    async def wait(self, name: str) -> values.RenderJob:
        """Returns a render; raises NotFound, or Failed for one that was cancelled."""
        job = await self.get(name)
        if job.state == "failed":
            raise errors.Failed(job.error, reason="CANCELLED")
        return job

    async def list(self) -> AsyncIterator[values.RenderJob]:
        """Yields renders, newest first."""
        self._owner.called("renders.list")
        for job in reversed(list(self.stored.values())):
            yield job

    async def cancel(self, name: str) -> None:
        """Fails a render unless it is done."""
        job = await self.get(name)
        if job.state not in ("done", "failed"):
            self.stored[name] = replace(job, state="failed", error="the operation was cancelled")

    async def delete(self, name: str) -> None:
        """Forgets a render."""
        await self.get(name)
        del self.stored[name]
