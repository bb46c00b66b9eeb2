"""What all long-running operations have in common: names, ids, pages, failures, and the wait for their end."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import grpc
import structlog
from google.rpc import error_details_pb2, status_pb2

from visage.runtime.errors import InvalidField, VisageError
from visage.runtime.status import to_status

T = TypeVar("T")

COLLECTION: Final = "operations"
PREFIX: Final = f"{COLLECTION}/"

_NAME: Final = re.compile(r"operations/([a-z0-9-]{1,64})")
_FIRST_LOOK_S: Final = 0.1
_SLOWEST_LOOK_S: Final = 1.0


def operation_id_of(name: str) -> str:
    """Returns the last part of an operation's name. Raises InvalidField."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise InvalidField("name", f"does not match {PREFIX}{{operation}}")
    return match[1]


def new_operation_id(kind: str, request_id: str) -> str:
    """Returns the id that all replicas derive from a caller's request id for a kind of call; without one, a new id."""
    if not request_id:
        return uuid.uuid4().hex
    return hashlib.sha256(f"{kind} {request_id.lower()}".encode()).hexdigest()[:32]


def page_behind(items: Sequence[T], id_of: Callable[[T], str], after: str, count: int) -> tuple[Sequence[T], str]:
    """Returns up to `count` items behind the one of id `after` (empty: from the first), and the last one's id if more
    follow.

    Raises:
        InvalidField: No item has that id.
    """
    ids = [id_of(item) for item in items]
    if after and after not in ids:
        raise InvalidField("page_token", "is not a token of an earlier page")
    start = ids.index(after) + 1 if after else 0
    chosen = items[start : start + count]
    return chosen, id_of(chosen[-1]) if len(items) > start + count else ""


async def wait_until_done(
    look: Callable[[], Awaitable[T]],
    is_done: Callable[[T], bool],
    limit_s: float,
    wait_here: Callable[[float], Awaitable[bool]] | None = None,
) -> T:
    """Returns what `look` sees once it is done, or as it is after `limit_s` seconds.

    `wait_here` waits up to so many seconds for work of this process, and returns False at once where there is none:
    what another process does is looked at again and again.
    """
    loop = asyncio.get_running_loop()
    end_s, pause_s = loop.time() + limit_s, _FIRST_LOOK_S
    seen = await look()
    while not is_done(seen) and (left_s := end_s - loop.time()) > 0:
        if wait_here is None or not await wait_here(left_s):
            await asyncio.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _SLOWEST_LOOK_S)
        seen = await look()
    return seen


def pack_failure(error: VisageError | None) -> str:
    """Returns an error as operations keep it: base64 of google.rpc.Status with its details; None is a cancellation."""
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    if error is not None:
        status = to_status(error, request_id)
    else:
        status = status_pb2.Status(code=grpc.StatusCode.CANCELLED.value[0], message="cancelled")
        status.details.add().Pack(error_details_pb2.RequestInfo(request_id=request_id))
    return base64.b64encode(status.SerializeToString()).decode()
