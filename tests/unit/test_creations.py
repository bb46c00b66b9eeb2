"""Jobs that outlive their calls, the wait for operations, and work that is done now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from visage.runtime.creations import CreationJobs, CreationLimits
from visage.runtime.errors import DeadlineExceeded, Overloaded, VisageError
from visage.runtime.operations import wait_until_done
from visage.runtime.upkeep import Upkeep

pytestmark = pytest.mark.unit


class Undone:
    """Notes why creations were undone."""

    def __init__(self) -> None:
        self.causes: list[VisageError | None] = []

    async def __call__(self, cause: VisageError | None) -> None:
        await asyncio.sleep(0)
        self.causes.append(cause)


def jobs(longest_s: float = 5.0) -> CreationJobs[str]:
    return CreationJobs("things", "first", CreationLimits(1, 1, longest_s), 2.0)


async def hang(report: Callable[[str], None]) -> None:
    report("second")
    await asyncio.Event().wait()


async def test_a_cancelled_creation_is_undone_before_the_cancellation_returns() -> None:
    """Its step is told while it runs; afterwards it is not known here any more."""
    running, undone = jobs(), Undone()
    running.start("a", hang, undone)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    stage = running.stage("a")
    await running.cancel("a")

    assert (stage, running.stage("a")) == ("second", "first")
    assert undone.causes == [None]
    assert await running.wait("a", 1.0) is False


async def test_a_creation_that_takes_too_long_is_undone() -> None:
    """Its operation is told that the time was up."""
    running, undone = jobs(longest_s=0.01), Undone()
    running.start("a", hang, undone)
    await running.wait("a", 5.0)

    assert isinstance(undone.causes[0], DeadlineExceeded)


async def test_waiting_leaves_nothing_behind() -> None:
    """A wait that is too short returns, and no task of it goes on."""
    running, undone = jobs(), Undone()
    running.start("a", hang, undone)
    before = asyncio.all_tasks()
    waited = await running.wait("a", 0.01)
    left = asyncio.all_tasks() - before
    await running.close(0.0)

    assert waited and not left
    assert undone.causes[0] is not None and undone.causes[0].reason == "DRAINING"


async def test_work_that_ends_with_its_call_counts_like_a_creation() -> None:
    """One creation and one such call are all that one place and one waiting admit."""
    running, undone = jobs(), Undone()
    running.start("a", hang, undone)
    holding = asyncio.create_task(_hold(running))
    await asyncio.sleep(0.01)
    with pytest.raises(Overloaded) as caught:
        running.check_load()
    holding.cancel()
    await asyncio.wait([holding])
    running.check_load()
    await running.close(0.0)

    assert caught.value.retry_after_s == 2.0


async def _hold(running: CreationJobs[str]) -> None:
    async with running.place():
        await asyncio.Event().wait()


async def test_what_another_process_does_is_looked_at_until_the_time_is_up() -> None:
    """The last look is what is returned, done or not."""
    looks = 0

    async def look() -> int:
        nonlocal looks
        looks += 1
        return looks

    assert await wait_until_done(look, lambda seen: seen == 2, 5.0) == 2
    assert await wait_until_done(look, lambda seen: False, 0.05) == looks


async def test_upkeep_that_fails_is_done_again() -> None:
    """An error ends neither the upkeep nor the process; closing it does."""
    done: list[int] = []
    twice = asyncio.Event()

    async def work() -> None:
        done.append(len(done))
        if len(done) == 2:
            twice.set()
        raise RuntimeError("store away")

    upkeep = Upkeep("test", work, 0.001)
    upkeep.start()
    await asyncio.wait_for(twice.wait(), 5.0)
    await upkeep.close()
    count = len(done)
    await asyncio.sleep(0.01)

    assert len(done) == count >= 2
