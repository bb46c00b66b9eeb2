"""The object store: a local folder by default, S3, Google Cloud Storage or memory by URL. Every write is atomic.

Keys are relative paths such as `identities/anna.json`. What a service builds on top relies on three things only: an
object appears whole or not at all, `create` has one winner, and listing a prefix gives its keys.

obstore's blocking calls run in threads: its native coroutines finish on threads of their own, which may abort the
process while the interpreter shuts down.
"""

from __future__ import annotations

import asyncio
import re
import stat
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
import obstore.exceptions
import obstore.store

from visage.runtime.errors import PeerUnavailable

CHUNK_BYTES: Final = 1024 * 1024
"""Largest piece that `stream` yields."""
_PRIVATE_FOLDER: Final = 0o700
# A local write that never finished leaves its staging file, the final name and "#<number>".
_STAGING_FILE: Final = re.compile(r"#\d+$")


_Result = TypeVar("_Result")


class KeyMissing(Exception):
    """There is no object under this key."""


class RangeOutside(Exception):
    """The offset asked for lies beyond the object's end."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What the store knows of an object without reading it."""

    key: str
    size_bytes: int
    modified_time: datetime


class ObjectStore:
    """One store; safe to use from many tasks. All methods raise PeerUnavailable when the store does not answer."""

    def __init__(self, store: obstore.store.ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    @classmethod
    def open(cls, url: str) -> ObjectStore:
        """Opens `file:///folder` (made if absent, readable by its owner only), `s3://…`, `gs://…` or `memory:///`.

        Raises:
            ValueError: The URL is none of these, or its folder cannot be made.
        """
        parts = urlsplit(url)
        if parts.scheme == "memory":
            return cls(obstore.store.MemoryStore())
        if parts.scheme != "file":
            try:
                return cls(obstore.store.from_url(url))
            except (ValueError, obstore.exceptions.BaseError) as error:
                raise ValueError(f"store URL {url!r} cannot be used: {error}") from error
        folder = Path(unquote(parts.path))
        try:
            if not folder.exists():
                folder.mkdir(mode=_PRIVATE_FOLDER, parents=True)
            local = obstore.store.LocalStore(folder, automatic_cleanup=True)
        except (OSError, obstore.exceptions.BaseError) as error:
            raise ValueError(f"store folder {folder} cannot be used: {error}") from error
        return cls(local, folder)

    async def put(self, key: str, data: bytes) -> None:
        """Writes an object, in place of an older one if there is one."""
        await _in_thread(key, lambda: obstore.put(self._store, key, data, use_multipart=False))

    async def create(self, key: str, data: bytes) -> bool:
        """Writes an object unless there is one; of several callers, also in other processes, one gets True."""

        def work() -> bool:
            try:
                obstore.put(self._store, key, data, mode="create", use_multipart=False)
            except obstore.exceptions.AlreadyExistsError:
                return False
            return True

        return await _in_thread(key, work)

    async def get(self, key: str) -> bytes:
        """Returns an object's bytes. Raises KeyMissing."""
        return await _in_thread(key, lambda: bytes(obstore.get(self._store, key).bytes()))

    async def stat(self, key: str) -> StoredObject:
        """Returns size and time of an object. Raises KeyMissing."""
        return await _in_thread(key, lambda: _describe(obstore.head(self._store, key)))

    async def stream(self, key: str, offset: int = 0) -> AsyncIterator[bytes]:
        """Yields an object from byte `offset` on in pieces of at most CHUNK_BYTES.

        Raises:
            KeyMissing: There is no such object.
            RangeOutside: `offset` lies beyond its end; the end itself yields nothing.
        """
        size_bytes = (await self.stat(key)).size_bytes
        if offset > size_bytes:
            raise RangeOutside(key)
        for start in range(offset, size_bytes, CHUNK_BYTES):
            end = min(start + CHUNK_BYTES, size_bytes)
            yield await self.get_range(key, start, end)

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        """Returns bytes `start` to `end` (exclusive) of an object. Raises KeyMissing."""
        if start == end:
            return b""
        return await _in_thread(key, lambda: bytes(obstore.get_range(self._store, key, start=start, end=end)))

    async def list(self, prefix: str) -> list[StoredObject]:
        """Returns the objects below a folder, ordered by key."""
        found = await _in_thread(prefix, lambda: obstore.list(self._store, prefix).collect())
        return sorted(map(_describe, found), key=lambda item: item.key)

    async def delete(self, *keys: str) -> None:
        """Deletes objects; those that are not there count as deleted."""

        def work() -> None:
            for key in keys:
                with suppress(FileNotFoundError):
                    obstore.delete(self._store, key)

        await _in_thread(", ".join(keys), work)

    async def delete_below(self, prefix: str) -> None:
        """Deletes every object below a folder."""
        await self.delete(*(item.key for item in await self.list(prefix)))

    async def remove_unfinished(self, older_than_s: float) -> int:
        """Removes what writes of a process that died left in a local folder; returns how many files that were."""
        if self._folder is None:
            return 0
        return await asyncio.to_thread(_remove_staging_files, self._folder, older_than_s)


def _describe(meta: obstore.ObjectMeta) -> StoredObject:
    return StoredObject(meta["path"], meta["size"], meta["last_modified"])


async def _in_thread(key: str, work: Callable[[], _Result]) -> _Result:
    """Runs `work` in a thread and, when cancelled, waits until it is over: what comes next finds the store settled."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
    except FileNotFoundError as error:
        raise KeyMissing(key) from error
    except obstore.exceptions.BaseError as error:
        raise PeerUnavailable("store", f"{type(error).__name__} for {key!r}") from error


def _remove_staging_files(folder: Path, older_than_s: float) -> int:
    removed = 0
    latest_s = time.time() - older_than_s
    for path in folder.rglob("*#*"):
        if not _STAGING_FILE.search(path.name):
            continue
        try:
            status = path.stat()
            if stat.S_ISREG(status.st_mode) and status.st_mtime <= latest_s:
                path.unlink()
                removed += 1
        except FileNotFoundError:
            continue
    return removed
