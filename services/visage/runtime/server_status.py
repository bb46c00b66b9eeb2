"""Has a call to a peer end with the status that the peer gave. The client has its own: neither may know the other."""

from __future__ import annotations

from typing import Any


class _Core:
    """The core of a grpc.aio call that ignores what a failed write wants to tell."""

    def __init__(self, core: Any) -> None:
        self._core = core

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def set_internal_error(self, _message: str) -> None:
        """Does nothing: the writer then waits for the server's status, which always comes."""


def keep_server_status(call: Any) -> Any:
    """Returns a call with a stream of requests, which now ends as its server says.

    A server that refuses a stream while a message is still on its way makes that write fail. grpc.aio (1.81) then ends
    the call with INTERNAL, "Internal error from Core", of its own making, and drops the server's status and details,
    which come a moment later. Nothing public changes that.
    """
    call._cython_call = _Core(call._cython_call)
    return call
