"""Calls of models while servers come and go."""

from __future__ import annotations

import asyncio

import pytest

from visage.runtime.triton.attempts import RegionsForgotten, somewhere
from visage.runtime.triton.errors import ModelOverloaded, ModelUnavailable

pytestmark = pytest.mark.unit


class Servers:
    """Answers with the given errors, one after the other, and then with 7."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.attempts = 0

    async def run(self) -> int:
        self.attempts += 1
        if self.errors:
            raise self.errors.pop(0)
        return 7


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


@pytest.mark.parametrize(
    "errors",
    [
        [ModelUnavailable("m", "UNAVAILABLE: Server is stopping")],
        [ModelUnavailable("m", "NOT_FOUND: unknown model"), RegionsForgotten()],
    ],
)
async def test_a_server_on_its_way_out_loses_no_call(errors: list[Exception]) -> None:
    """Two attempts that fail for that reason are followed by one that succeeds."""
    servers = Servers(*errors)

    assert await somewhere(servers.run, soon(10)) == 7


async def test_three_attempts_are_all() -> None:
    """Where no server is left, the caller is told after the third."""
    servers = Servers(*(ModelUnavailable("m", "gone") for _ in range(9)))
    with pytest.raises(ModelUnavailable):
        await somewhere(servers.run, soon(10))

    assert servers.attempts == 3


async def test_no_attempt_is_made_that_has_no_time() -> None:
    """With less time left than the pause, the first failure is the answer."""
    servers = Servers(ModelUnavailable("m", "gone"))
    with pytest.raises(ModelUnavailable):
        await somewhere(servers.run, soon(0.01))

    assert servers.attempts == 1


async def test_a_full_queue_is_not_asked_again() -> None:
    """Overload is told at once: another attempt would only add to it."""
    servers = Servers(ModelOverloaded("m", "full"))
    with pytest.raises(ModelOverloaded):
        await somewhere(servers.run, soon(10))

    assert servers.attempts == 1
