"""What is being made when its caller goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from google.longrunning import operations_pb2

from visage.client import errors


async def finish_or_undo(
    begin: Awaitable[operations_pb2.Operation],
    wait: Callable[[operations_pb2.Operation], Awaitable[operations_pb2.Operation]],
    undo: Callable[[operations_pb2.Operation], Awaitable[None]],
) -> operations_pb2.Operation:
    """Returns a creation's finished operation.

    A caller that is cancelled meanwhile, even before the operation is known, leaves nothing: nobody else knows the name
    of the face or the voice that would stay.
    """
    begun = asyncio.ensure_future(begin)
    try:
        return await wait(await asyncio.shield(begun))
    except asyncio.CancelledError:
        with suppress(errors.VisageError):
            await undo(await begun)
        raise
