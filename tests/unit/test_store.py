"""The object store, in a local folder and in memory."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from visage.runtime.errors import PeerUnavailable
from visage.runtime.store import CHUNK_BYTES, KeyMissing, ObjectStore, RangeOutside

pytestmark = pytest.mark.unit


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """Both kinds of store that need no cloud."""
    yield ObjectStore.open("memory:///" if request.param == "memory" else (tmp_path / "store").as_uri())


async def test_put_and_get(store: ObjectStore) -> None:
    """An object is read as it was written, and replaced by the next one."""
    await store.put("a/b.json", b"first")
    await store.put("a/b.json", b"second")

    assert await store.get("a/b.json") == b"second"
    assert (await store.stat("a/b.json")).size_bytes == 6


async def test_missing(store: ObjectStore) -> None:
    """What is not there is said not to be there, and may be deleted all the same."""
    with pytest.raises(KeyMissing):
        await store.get("a")
    with pytest.raises(KeyMissing):
        await store.stat("a")

    await store.delete("a")
    assert await store.list("") == []


async def test_create_has_one_winner(store: ObjectStore) -> None:
    """Of many who create one key, one succeeds and the others change nothing."""
    won = await asyncio.gather(*(store.create("key", str(index).encode()) for index in range(8)))

    assert sum(won) == 1
    assert await store.get("key") == str(won.index(True)).encode()


@pytest.mark.parametrize("offset", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 5])
async def test_stream(store: ObjectStore, offset: int) -> None:
    """A large object comes in pieces of at most 1 MiB, from any offset on."""
    data = os.urandom(2 * CHUNK_BYTES + 12_345)
    await store.put("large", data)

    pieces = [piece async for piece in store.stream("large", offset)]

    assert b"".join(pieces) == data[offset:]
    assert max(map(len, pieces)) <= CHUNK_BYTES


async def test_stream_at_the_end(store: ObjectStore) -> None:
    """The end of an object yields nothing, a place beyond it is an error."""
    await store.put("small", b"abc")

    assert [piece async for piece in store.stream("small", 3)] == []
    with pytest.raises(RangeOutside):
        _ = [piece async for piece in store.stream("small", 4)]


async def test_list(store: ObjectStore) -> None:
    """A folder is listed in the order of its keys, without its neighbours."""
    for key in ("b/2", "b/10", "b/1/x", "bc/1", "a"):
        await store.put(key, b"")

    assert [item.key for item in await store.list("b/")] == ["b/1/x", "b/10", "b/2"]


async def test_delete_below(store: ObjectStore) -> None:
    """Deleting a folder takes what is in it and nothing else."""
    for key in ("b/1", "b/2/x", "bc/1"):
        await store.put(key, b"")

    await store.delete_below("b/")

    assert [item.key for item in await store.list("")] == ["bc/1"]


async def test_folder_is_private_and_left_clean(tmp_path: Path) -> None:
    """The folder is readable by its owner only, and empty subfolders vanish with their last object."""
    folder = tmp_path / "deep" / "store with space"
    store = ObjectStore.open(folder.as_uri())
    await store.put("a/b/c", b"1")
    await store.delete("a/b/c")

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == []


async def test_unfinished_writes_are_removed(tmp_path: Path) -> None:
    """What a write left when its process died is not listed, and removed once it is old; young ones may be running."""
    store = ObjectStore.open(tmp_path.as_uri())
    await store.put("kept", b"1")
    (tmp_path / "kept#1").write_bytes(b"half")

    assert [item.key for item in await store.list("")] == ["kept"]
    assert await store.remove_unfinished(older_than_s=60) == 0
    assert await store.remove_unfinished(older_than_s=0) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


async def test_store_in_trouble(tmp_path: Path) -> None:
    """A store that cannot do what it should counts as a peer that does not answer."""
    store = ObjectStore.open(tmp_path.as_uri())
    (tmp_path / "folder").mkdir()

    with pytest.raises(PeerUnavailable) as caught:
        await store.put("folder", b"1")
    assert caught.value.metadata["peer"] == "store"


@pytest.mark.parametrize("url", ["ftp://host/x", "not a url", "file:///dev/null/below"])
def test_unusable_url(url: str) -> None:
    """A URL that is no store is refused at once."""
    with pytest.raises(ValueError, match="store"):
        ObjectStore.open(url)


async def test_cancelled_write_is_settled(tmp_path: Path) -> None:
    """After a cancelled write has returned, nothing is written any more."""
    store = ObjectStore.open(tmp_path.as_uri())
    writing = asyncio.create_task(store.put("key", bytes(30_000_000)))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    await store.delete("key")
    before = list(tmp_path.iterdir())
    await asyncio.sleep(0.1)

    assert before == []
    assert list(tmp_path.iterdir()) == []


def test_process_ends_in_peace(tmp_path: Path) -> None:
    """A process that ends right after its last use of the store ends with status 0."""
    program = (
        "import asyncio, sys\n"
        "from visage.runtime.store import ObjectStore\n"
        "async def use():\n"
        "    store = ObjectStore.open(sys.argv[1])\n"
        "    await store.put('a', b'1')\n"
        "    for _ in range(20): await store.get('a')\n"
        "asyncio.run(use())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    results = [
        subprocess.run([sys.executable, "-c", program, tmp_path.as_uri()], env=environment, check=False).returncode
        for _ in range(3)
    ]

    assert results == [0, 0, 0]
