"""Inputs that do not change from call to call, such as an avatar's tensors, handed to the server once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import numpy as np

from visage.runtime.triton.regions import Place, Region, lay_out
from visage.runtime.triton.signature import Array, Described


class PinnedInputs:
    """Tensors under a digest, passed to `TritonClient.infer` by reference.

    They stay while somebody holds them: use as a context manager, or call `release` once for each `pin`.

    Attributes:
        digest: Names the content; equal digests mean equal tensors.
        byte_size: Bytes of all tensors.
        region: Shared memory that holds them; None if they lie in this process only.
    """

    def __init__(self, digest: str, arrays: Mapping[str, Array], region: Region | None = None) -> None:
        """Copy the tensors into `region`, or keep them here; made by `PinnedCache` only."""
        self.digest = digest
        self.byte_size = sum(array.nbytes for array in arrays.values())
        self.region = region
        self.holders = 0
        self._places: dict[str, Place] = {}
        self._arrays: dict[str, Array] = {}
        if region is None:
            self._arrays = {name: np.array(array) for name, array in arrays.items()}
        else:
            self._places, _ = lay_out(arrays)
            for name, place in self._places.items():
                region.write(place, arrays[name])

    @property
    def tensors(self) -> Mapping[str, Described]:
        """Shape and data type of each tensor."""
        return self._places if self.region is not None else self._arrays

    def place(self, name: str) -> Place:
        """Where a tensor lies in `region`."""
        return self._places[name]

    def array(self, name: str) -> Array:
        """The tensor itself; a copy if it lies in shared memory."""
        return self._arrays[name] if self.region is None else self.region.read(self._places[name])

    def hold(self) -> Self:
        """Count one more holder."""
        self.holders += 1
        return self

    def release(self) -> None:
        """Count one holder less; without holders the tensors are dropped when room is needed.

        Raises:
            RuntimeError: Nobody holds them.
        """
        if self.holders == 0:
            raise RuntimeError(f"pinned inputs {self.digest} were released more often than held")
        self.holders -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class PinnedCache:
    """Pinned inputs by digest; when room is needed, those that nobody has used for longest go first."""

    def __init__(self, capacity_bytes: int, drop: Callable[[Region], None]) -> None:
        """Prepare an empty cache.

        Args:
            capacity_bytes: Most bytes to keep; held entries stay even beyond.
            drop: Gives a region of a dropped entry up.
        """
        self._capacity_bytes = capacity_bytes
        self._drop = drop
        self._entries: OrderedDict[str, PinnedInputs] = OrderedDict()

    @property
    def regions(self) -> list[Region]:
        """Regions of all entries."""
        return [entry.region for entry in self._entries.values() if entry.region is not None]

    def find(self, digest: str) -> PinnedInputs | None:
        """Return the entry, one holder more; None if it is not there."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        self._entries.move_to_end(digest)
        return entry.hold()

    def add(self, digest: str, arrays: Mapping[str, Array], in_shared_memory: bool) -> PinnedInputs:
        """Make an entry with one holder; without room in shared memory its tensors stay in this process."""
        _, byte_size = lay_out(arrays)
        while self._byte_size() + byte_size > self._capacity_bytes and self._drop_oldest():
            pass
        region = None
        if in_shared_memory and self._byte_size() + byte_size <= self._capacity_bytes:
            try:
                region = Region(byte_size)
            except OSError:
                region = None
        entry = PinnedInputs(digest, arrays, region)
        self._entries[digest] = entry
        return entry.hold()

    def clear(self) -> None:
        """Drop everything, held or not."""
        while self._entries:
            self._drop_entry(next(iter(self._entries)))

    def _byte_size(self) -> int:
        return sum(entry.byte_size for entry in self._entries.values())

    def _drop_oldest(self) -> bool:
        idle = next((digest for digest, entry in self._entries.items() if entry.holders == 0), None)
        if idle is None:
            return False
        self._drop_entry(idle)
        return True

    def _drop_entry(self, digest: str) -> None:
        entry = self._entries.pop(digest)
        if entry.region is not None:
            self._drop(entry.region)
