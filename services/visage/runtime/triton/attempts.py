"""Calls that are made again when a server goes away in the middle of a rolling update."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from visage.runtime.triton.errors import ModelUnavailable

T = TypeVar("T")

_PAUSES_S: Final = (0.1, 0.2)
"""Before the second and the third attempt. A server on its way out refuses calls, or knows no models any more, before
its connection ends; the next attempt takes another one. Models are functions: running one twice changes nothing."""


class RegionsForgotten(Exception):
    """The server does not know a region that it had been told about."""


async def somewhere(run: Callable[[], Awaitable[T]], deadline: float) -> T:
    """Returns what `run` does at one of three attempts, as long as there is time until `deadline` on the loop's clock.

    Raises:
        ModelUnavailable: No attempt found a server that has the model.
        RegionsForgotten: Every server had been started again.
    """
    for pause_s in _PAUSES_S:
        try:
            return await run()
        except RegionsForgotten:
            # The server was restarted since: it must be told about our memory again.
            continue
        except ModelUnavailable:
            if deadline - asyncio.get_running_loop().time() <= pause_s:
                raise
            await asyncio.sleep(pause_s)
    return await run()
