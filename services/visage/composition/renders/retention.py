"""How long renders that are done stay, films included, and how all that is left of them goes.

Any number of processes may sweep one store at a time, whatever runs its renders: each step may be repeated.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from visage.composition.renders.runners import Runner
from visage.composition.renders.store import RenderStore, RenderView
from visage.runtime import logs
from visage.runtime.assets import AssetStore
from visage.runtime.errors import ResourceNotFound

_LEFTOVER_AGE: Final = timedelta(minutes=10)
"""Age from which what is stored of no render is removed; a worker notices within a second that its render is gone."""

_log = logs.get(__name__)


class Retention:
    """Of the renders of one store."""

    def __init__(self, store: RenderStore, assets: AssetStore, runner: Runner, keep_s: float) -> None:
        """Prepares.

        Args:
            store: Of the renders.
            assets: Of their films.
            runner: Where they run.
            keep_s: Seconds that a render stays once it is done; 0: for ever.
        """
        self._store = store
        self._assets = assets
        self._runner = runner
        self._keep = timedelta(seconds=keep_s)

    def expire_time(self, view: RenderView) -> datetime | None:
        """Returns when a render goes; None while it is not done, or where it stays for ever."""
        return view.outcome.end_time + self._keep if view.outcome is not None and self._keep else None

    async def forget(self, view: RenderView, keep_film: bool) -> None:
        """Removes all that is left of a render that is done: its Job, its fragments, its records, and the film unless
        there is one to be kept."""
        assert view.outcome is not None
        await self._runner.cancel(view.record.render_id)
        made = view.outcome.film
        film = made or (view.progress.film if view.progress is not None else "")
        if film and not (made and keep_film):
            await self._assets.delete(film)
        await self._store.delete(view.record.render_id)

    async def sweep(self, now: datetime | None = None) -> int:
        """Forgets renders that have expired, films included, and what stopped work left; returns how many went."""
        now = now or datetime.now(UTC)
        count = 0
        for render_id, traces in (await self._store.survey()).items():
            if not traces.is_entered and now - traces.latest >= _LEFTOVER_AGE:
                await self._remove_leftovers(render_id)
            # The outcome is read only where its age says that this may be worth it.
            elif traces.end_time is not None and self._keep and now - traces.end_time >= self._keep:
                count += await self._expire(render_id, now)
        return count

    async def _expire(self, render_id: str, now: datetime) -> bool:
        try:
            view = await self._store.get(render_id)
        except ResourceNotFound:
            return False
        expire_time = self.expire_time(view)
        if expire_time is None or now < expire_time:
            return False
        await self.forget(view, keep_film=False)
        _log.info("render_expired", render=render_id)
        return True

    async def _remove_leftovers(self, render_id: str) -> None:
        """Removes what a worker wrote after its render had been deleted."""
        progress = await self._store.progress_of(render_id)
        if progress is not None and progress.film:
            await self._assets.delete(progress.film)
        await self._store.delete(render_id)
        _log.info("render_leftovers_removed", render=render_id)
