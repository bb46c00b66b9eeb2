"""The life of an engine's process: greet, answer requests one by one, end with the service."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from visage.runtime.confinement import die_with_parent
from visage.speech.engines.framing import Message, read, write

Answer = Callable[[Message], tuple[Message, bytes]]


def serve(parent_pid: int, open_engine: Callable[[], tuple[Message, Answer]]) -> None:
    """Opens the engine, sends its greeting and answers requests until stdin ends or the parent dies.

    An `OSError` while opening (a library that is not there) becomes the greeting {"missing": reason}; a `ValueError`
    in an answer becomes {"refused": reason}.
    """
    die_with_parent(parent_pid)
    # Ctrl-C reaches the whole terminal group; the service decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = sys.stdin.buffer
    # Libraries print to stdout; the protocol keeps a descriptor of its own.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        greeting, answer = open_engine()
    except OSError as error:
        write(replies, {"missing": str(error)})
        return
    write(replies, greeting)
    while (request := read(requests)) is not None:
        try:
            message, payload = answer(request)
        except ValueError as error:
            message, payload = {"refused": str(error)}, b""
        write(replies, message, payload)
