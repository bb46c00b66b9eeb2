"""Where renders run: beside the service, or as Jobs of a cluster."""

from __future__ import annotations

from typing import Protocol


class Runner(Protocol):
    """Sees to it that every render of a store ends."""

    def start(self) -> None:
        """Begins, with what earlier processes left too; in a running event loop."""

    async def submit(self, render_id: str) -> None:
        """Takes on a render that is in the store; one that it has already is left as it is.

        Raises:
            VisageError: It cannot be run here; nothing of it is left with the runner.
        """

    async def cancel(self, render_id: str) -> None:
        """Stops what works on a render that has its outcome."""

    async def close(self) -> None:
        """Stops; what is unfinished is taken up by the next process."""
