"""Renders in the object store. What two processes may do at a time is decided by `create`, which has one winner.

renders/{id}/render.json        what is to be made; made first
renders/{id}/progress.json      how far it has come
renders/{id}/segments/000001    one fragment of the MP4, whole or absent; 000000 is the init segment
renders/{id}/outcome.json       how it ended; made once, and nothing changes afterwards
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from visage.composition.renders.records import OutcomeRecord, ProgressRecord, RenderRecord
from visage.runtime.errors import ResourceNotFound
from visage.runtime.store import KeyMissing, ObjectStore

_FOLDER: Final = "renders"
_RENDER_KEY: Final = re.compile(rf"{_FOLDER}/([a-z0-9-]{{1,64}})/render\.json")


@dataclass(frozen=True, slots=True)
class RenderView:
    """A render as it stands; `progress` None: nobody has begun, `outcome` None: it is not done."""

    record: RenderRecord
    progress: ProgressRecord | None
    outcome: OutcomeRecord | None


@dataclass(frozen=True, slots=True)
class RenderTraces:
    """What a listing shows: whether a render is entered, when its outcome, if any, and the latest were written."""

    is_entered: bool
    end_time: datetime | None
    latest: datetime


class RenderStore:
    """Renders of one object store."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def create(self, record: RenderRecord) -> bool:
        """Enters a render; returns False where there is one of that id."""
        return await self._objects.create(_key(record.render_id, "render.json"), record.to_json())

    async def get(self, render_id: str) -> RenderView:
        """Returns a render. Raises ResourceNotFound."""
        content = await self._read(_key(render_id, "render.json"))
        if content is None:
            raise ResourceNotFound("operation", f"operations/{render_id}")
        progress, outcome = await asyncio.gather(
            self.progress_of(render_id), self._read(_key(render_id, "outcome.json"))
        )
        return RenderView(
            RenderRecord.model_validate_json(content),
            progress,
            OutcomeRecord.model_validate_json(outcome) if outcome else None,
        )

    async def progress_of(self, render_id: str) -> ProgressRecord | None:
        """Returns how far work has come, of a render that is not there any more too."""
        content = await self._read(_key(render_id, "progress.json"))
        return ProgressRecord.model_validate_json(content) if content else None

    async def list_ids(self) -> list[str]:
        """Returns the ids of all renders."""
        matches = (_RENDER_KEY.fullmatch(item.key) for item in await self._objects.list(f"{_FOLDER}/"))
        return [match[1] for match in matches if match]

    async def survey(self) -> dict[str, RenderTraces]:
        """Returns what is there of all renders by id, without reading it; of those that are gone from the list, too."""
        found: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        for item in await self._objects.list(f"{_FOLDER}/"):
            render_id, _, name = item.key.removeprefix(f"{_FOLDER}/").partition("/")
            found[render_id][name] = item.modified_time
        return {
            render_id: RenderTraces("render.json" in times, times.get("outcome.json"), max(times.values()))
            for render_id, times in found.items()
        }

    async def list(self) -> Sequence[RenderView]:
        """Returns all renders, newest first; one that is deleted meanwhile is left out."""
        found = await asyncio.gather(*map(self.get, await self.list_ids()), return_exceptions=True)
        views = [item for item in found if isinstance(item, RenderView)]
        failures = [e for e in found if isinstance(e, BaseException) and not isinstance(e, ResourceNotFound)]
        if failures:
            raise failures[0]
        return sorted(views, key=lambda view: (view.record.create_time, view.record.render_id), reverse=True)

    async def put_progress(self, render_id: str, progress: ProgressRecord) -> None:
        """Notes how far work has come."""
        await self._objects.put(_key(render_id, "progress.json"), progress.to_json())

    async def end(self, render_id: str, outcome: OutcomeRecord) -> bool:
        """Ends a render; returns False where it had ended already, which stays as it is."""
        return await self._objects.create(_key(render_id, "outcome.json"), outcome.to_json())

    async def has_ended(self, render_id: str) -> bool:
        """Whether a render is done, or gone."""
        for name, expected in (("outcome.json", True), ("render.json", False)):
            try:
                await self._objects.stat(_key(render_id, name))
                is_there = True
            except KeyMissing:
                is_there = False
            if is_there is expected:
                return True
        return False

    async def put_segment(self, render_id: str, number: int, data: bytes) -> None:
        """Keeps a segment."""
        await self._objects.put(_segment_key(render_id, number), data)

    async def count_segments(self, render_id: str) -> int:
        """Returns how many segments are there without a gap, the init segment included."""
        keys = {item.key for item in await self._objects.list(_key(render_id, "segments/"))}
        count = 0
        while _segment_key(render_id, count) in keys:
            count += 1
        return count

    async def read_film(self, render_id: str, segment_count: int) -> bytes:
        """Returns the first segments, joined: an MP4."""
        keys = [_segment_key(render_id, number) for number in range(segment_count)]
        return b"".join([await self._objects.get(key) for key in keys])

    async def delete_segments(self, render_id: str) -> None:
        """Forgets the segments."""
        await self._objects.delete_below(_key(render_id, "segments/"))

    async def delete(self, render_id: str) -> None:
        """Forgets a render.

        Its outcome goes last, so that nobody takes up what is half gone, and the progress first: one that is there
        without a render was written afterwards.
        """
        await self.delete_segments(render_id)
        await self._objects.delete(
            _key(render_id, "progress.json"), _key(render_id, "render.json"), _key(render_id, "outcome.json")
        )

    async def _read(self, key: str) -> bytes | None:
        try:
            return await self._objects.get(key)
        except KeyMissing:
            return None


def _key(render_id: str, name: str) -> str:
    return f"{_FOLDER}/{render_id}/{name}"


def _segment_key(render_id: str, number: int) -> str:
    return _key(render_id, f"segments/{number:06d}")
