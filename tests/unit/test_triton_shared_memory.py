"""Shared memory regions and the rules under which they are reused, with a fake of Triton's register."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from visage.runtime.triton.pinned import PinnedCache
from visage.runtime.triton.regions import SHM_FOLDER, Extent, Region, lay_out
from visage.runtime.triton.shared_memory import SharedMemoryLink, is_loopback

pytestmark = pytest.mark.unit


class FakeRegister:
    """Triton's list of shared memory regions, without Triton; refuses to drop those in `in_use`."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.in_use: set[str] = set()

    async def register_system_shared_memory(
        self, name: str, key: str, byte_size: int, client_timeout: float | None = None
    ) -> None:
        if not (SHM_FOLDER / key.removeprefix("/")).exists():
            raise InferenceServerException(f"Unable to open shared memory region: '{key}'", "StatusCode.INTERNAL")
        self.names.add(name)

    async def unregister_system_shared_memory(self, name: str, client_timeout: float | None = None) -> None:
        if name in self.in_use:
            raise InferenceServerException("it is currently in use.", "StatusCode.INTERNAL")
        self.names.discard(name)

    async def get_system_shared_memory_status(self, client_timeout: float | None = None) -> SimpleNamespace:
        return SimpleNamespace(regions=dict.fromkeys(self.names))


def exists(region: Region) -> bool:
    return (SHM_FOLDER / region.name).exists()


def test_tensors_of_one_region_do_not_touch() -> None:
    """Places are aligned, in order, and large enough."""
    extents = {"a": Extent((3, 5), np.dtype(np.uint8)), "b": Extent((1, 7), np.dtype(np.float16))}

    places, byte_size = lay_out(extents)

    assert [(place.offset, place.byte_size) for place in places.values()] == [(0, 15), (64, 14)]
    assert byte_size == 128


def test_what_is_written_is_read() -> None:
    """A region keeps tensors of different types exactly."""
    arrays = {"a": np.arange(6, dtype=np.int16).reshape(2, 3), "b": np.array([[0.5], [-2.0]], np.float16)}
    places, byte_size = lay_out(arrays)
    region = Region(byte_size)
    for name, place in places.items():
        region.write(place, arrays[name])

    results = {name: region.read(place) for name, place in places.items()}
    region.destroy()

    for name, array in arrays.items():
        np.testing.assert_array_equal(results[name], array)
        assert results[name].dtype == array.dtype


def test_too_large_a_region_is_an_error_and_leaves_nothing() -> None:
    """Memory that the host does not have is refused at once instead of killing the first writer."""
    with pytest.raises(OSError, match=r"."):
        Region(2**50)

    assert list(SHM_FOLDER.glob(f"visage-io-{os.getpid()}-*")) == []


async def test_an_answered_call_leaves_its_region_to_the_next() -> None:
    """Released regions are reused instead of made and registered anew."""
    link = SharedMemoryLink(FakeRegister(), pool_bytes=2**20)
    first = link.acquire(100_000)
    assert first is not None
    link.release(first)

    second = link.acquire(90_000)

    assert second is first
    await link.close(1.0)
    assert not exists(first)


async def test_a_cancelled_call_never_shares_its_region() -> None:
    """A retired region is unlinked at once and unregistered when the server lets go of it."""
    register = FakeRegister()
    link = SharedMemoryLink(register, pool_bytes=2**20)
    region = link.acquire(100_000)
    assert region is not None
    await link.register(region)
    register.in_use.add(region.name)

    link.retire(region)
    other = link.acquire(100_000)
    await asyncio.sleep(0.15)

    assert other is not None
    assert other.name != region.name
    assert not exists(region)
    assert region.name in register.names
    register.in_use.clear()
    await link.close(1.0)
    assert register.names == set()


async def test_the_pool_has_a_limit() -> None:
    """Beyond its bytes the pool gives nothing, so that the call goes by wire."""
    link = SharedMemoryLink(FakeRegister(), pool_bytes=256 * 1024)
    regions = [link.acquire(100 * 1024) for _ in range(3)]

    assert [region is not None for region in regions] == [True, True, False]
    await link.close(1.0)


async def test_a_server_that_cannot_open_the_memory_is_not_given_any() -> None:
    """Loopback does not prove a shared host: a container may have its own memory."""

    class Elsewhere(FakeRegister):
        async def register_system_shared_memory(
            self, name: str, key: str, byte_size: int, client_timeout: float | None = None
        ) -> None:
            raise InferenceServerException("Unable to open shared memory region", "StatusCode.INTERNAL")

    link = SharedMemoryLink(Elsewhere(), pool_bytes=2**20)

    assert await link.probe() is False
    await link.close(1.0)


async def test_regions_of_killed_clients_are_struck_off() -> None:
    """A new client removes registrations whose memory is gone, and only those."""
    register = FakeRegister()
    alive = Region(4096)
    register.names = {"visage-io-1-dead", "somebody-else", alive.name}
    link = SharedMemoryLink(register, pool_bytes=2**20)

    await link.probe()
    await link.close(1.0)
    names = set(register.names)
    alive.destroy()

    assert names == {"somebody-else", alive.name}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("127.0.0.1:8001", True),
        ("localhost:8001", True),
        ("[::1]:8001", True),
        ("10.1.2.3:8001", False),
        ("dns:///triton.visage:8001", False),
        ("triton:8001", False),
    ],
)
def test_only_loopback_addresses_may_share_memory(url: str, expected: bool) -> None:
    """Shared memory is tried on this host only."""
    assert is_loopback(url) is expected


def pin(cache: PinnedCache, digest: str, in_shared_memory: bool = False) -> None:
    cache.add(digest, {"texture": np.zeros((1, 1000), np.uint8)}, in_shared_memory).release()


def test_pinned_inputs_unused_for_longest_make_room() -> None:
    """The cache drops what nobody holds, least recently used first."""
    cache = PinnedCache(2500, drop=Region.destroy)
    for digest in ("a", "b"):
        pin(cache, digest)
    found = cache.find("a")
    assert found is not None
    found.release()

    pin(cache, "c")
    kept = [digest for digest in "abc" if cache.find(digest) is not None]

    assert kept == ["a", "c"]


def test_pinned_inputs_in_use_stay() -> None:
    """Held inputs survive any pressure."""
    cache = PinnedCache(1500, drop=Region.destroy)
    held = cache.add("held", {"texture": np.ones((1, 1000), np.uint8)}, False)
    for digest in "abc":
        pin(cache, digest)

    assert cache.find("held") is held


def test_dropped_inputs_give_their_memory_back() -> None:
    """Each region of a dropped entry is handed to `drop`, held or not at the end."""
    dropped: list[Region] = []

    def drop(region: Region) -> None:
        dropped.append(region)
        region.destroy()

    cache = PinnedCache(2500, drop)
    for index in range(4):
        pin(cache, str(index), in_shared_memory=True)
    cache.clear()

    assert len(dropped) == 4
    assert not any(exists(region) for region in dropped)


def test_releasing_too_often_is_a_mistake() -> None:
    """A holder that releases twice would free another holder's tensors."""
    cache = PinnedCache(2500, drop=Region.destroy)
    entry = cache.add("a", {"texture": np.zeros((1, 1000), np.uint8)}, False)
    entry.release()

    with pytest.raises(RuntimeError, match="more often than held"):
        entry.release()
