"""Shared memory between a client and a Triton server on the same host: registration, reuse, release.

The rule that keeps memory sound: a region is used again only after the server has answered the call that
used it. When a call is cancelled or its connection breaks, the server may still read and write; such a
region is *retired*: unlinked here at once, never used again, and struck off the server's list as soon as the
server lets go of it. Triton refuses to unregister a region that a request still uses, so asking again until
it agrees is safe.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
from collections import deque
from typing import Any, Final

from tritonclient.utils import InferenceServerException

from visage.runtime.triton.regions import SHM_FOLDER, Region

_GRANULE_BYTES: Final = 64 * 1024
_RPC_TIMEOUT_S: Final = 2.0
_RETIRE_INTERVAL_S: Final = 0.1
_RETIRE_ATTEMPTS: Final = 1200


class SharedMemoryLink:
    """The shared memory that one client uses with one server.

    Attributes:
        is_usable: Both sides see the same memory; False until `probe` has found out.
    """

    def __init__(self, triton: Any, pool_bytes: int) -> None:
        """Prepare; nothing is allocated.

        Args:
            triton: A `tritonclient.grpc.aio.InferenceServerClient`.
            pool_bytes: Most bytes of regions for calls, in use and idle together.
        """
        self.is_usable = False
        self._triton = triton
        self._pool_bytes = pool_bytes
        self._pooled: dict[str, Region] = {}
        self._idle: deque[Region] = deque()
        self._registering = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()

    async def probe(self) -> bool:
        """Find out whether the server sees this host's shared memory; remember and return the answer."""
        try:
            region = Region(_GRANULE_BYTES)
        except OSError:
            return False
        try:
            self.is_usable = await self.register(region)
            if self.is_usable:
                await self._forget_abandoned()
        finally:
            self.retire(region)
        return self.is_usable

    async def register(self, region: Region) -> bool:
        """Make the region known to the server unless it is; return whether it is now."""
        async with self._registering:
            if not region.is_registered:
                try:
                    await self._triton.register_system_shared_memory(
                        region.name, region.key, region.byte_size, client_timeout=_RPC_TIMEOUT_S
                    )
                except InferenceServerException as error:
                    # An earlier call may have been cancelled between the server's deed and its answer.
                    if "already" not in error.message():
                        return False
                region.is_registered = True
        return True

    def acquire(self, byte_size: int) -> Region | None:
        """Take a region of at least `byte_size` from the pool; None if the pool or the host has no room."""
        for region in self._idle:
            if byte_size <= region.byte_size <= 2 * byte_size + _GRANULE_BYTES:
                self._idle.remove(region)
                return region
        size = -(-byte_size // _GRANULE_BYTES) * _GRANULE_BYTES
        while self._idle and self._used_bytes() + size > self._pool_bytes:
            self.retire(self._idle.popleft())
        if self._used_bytes() + size > self._pool_bytes:
            return None
        try:
            region = Region(size)
        except OSError:
            return None
        self._pooled[region.name] = region
        return region

    def release(self, region: Region) -> None:
        """Put a region back whose call the server has answered."""
        if region.name in self._pooled:
            self._idle.append(region)

    def retire(self, region: Region) -> None:
        """Give a region up for good, whatever the server still does with it."""
        self._pooled.pop(region.name, None)
        region.destroy()
        task = asyncio.get_running_loop().create_task(self._unregister(region.name))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def forget_registrations(self, extra: list[Region]) -> None:
        """The server was restarted and knows no region any more, neither pooled nor `extra` ones."""
        for region in [*self._pooled.values(), *extra]:
            region.is_registered = False

    async def close(self, timeout_s: float) -> None:
        """Give all pooled regions up and wait until the server has let go of every retired one."""
        self.is_usable = False
        for region in list(self._pooled.values()):
            self.retire(region)
        self._idle.clear()
        if self._retiring:
            _, unfinished = await asyncio.wait(self._retiring, timeout=timeout_s)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    def _used_bytes(self) -> int:
        return sum(region.byte_size for region in self._pooled.values())

    async def _unregister(self, name: str) -> None:
        for _ in range(_RETIRE_ATTEMPTS):
            try:
                await self._triton.unregister_system_shared_memory(name, client_timeout=_RPC_TIMEOUT_S)
            except InferenceServerException as error:
                if error.status() == "StatusCode.UNAVAILABLE":
                    return  # The server is gone and its list with it.
                await asyncio.sleep(_RETIRE_INTERVAL_S)
            else:
                return

    async def _forget_abandoned(self) -> None:
        """Strike regions off the server's list whose client was killed: their memory has been unlinked."""
        with contextlib.suppress(InferenceServerException):
            status = await self._triton.get_system_shared_memory_status(client_timeout=_RPC_TIMEOUT_S)
            for name in status.regions:
                if name.startswith("visage-io-") and not (SHM_FOLDER / name).exists():
                    with contextlib.suppress(InferenceServerException):
                        await self._triton.unregister_system_shared_memory(name, client_timeout=_RPC_TIMEOUT_S)


def is_loopback(url: str) -> bool:
    """Return whether `host:port` names this host itself."""
    host = url.rsplit(":", 1)[0].strip("[]")
    if host in ("localhost", "") or host.startswith("unix"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def has_shared_memory() -> bool:
    """Return whether this host has POSIX shared memory at all."""
    return os.access(SHM_FOLDER, os.W_OK)
