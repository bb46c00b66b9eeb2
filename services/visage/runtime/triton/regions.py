"""Pieces of system shared memory that hold the tensors of one call, or tensors that many calls refer to."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, Final

import numpy as np

from visage.runtime.triton.signature import Array, Described

_ALIGNMENT_BYTES: Final = 64
"""A cache line, and the widest vector load."""

SHM_FOLDER: Final = Path("/dev/shm")
"""Where Linux keeps POSIX shared memory."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies in a region."""

    offset: int
    byte_size: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class Extent:
    """Shape and data type of a tensor that is yet to come."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def lay_out(tensors: Mapping[str, Described]) -> tuple[dict[str, Place], int]:
    """Place tensors one after another; return the places and the bytes needed."""
    places = {}
    offset = 0
    for name, tensor in tensors.items():
        byte_size = int(np.prod(tensor.shape, dtype=np.int64)) * tensor.dtype.itemsize
        places[name] = Place(offset, byte_size, tensor.shape, tensor.dtype)
        offset += -(-byte_size // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
    return places, offset


class Region:
    """One piece of POSIX shared memory, made by this process and unlinked by it.

    Should the process be killed, Python's resource tracker unlinks it.

    Attributes:
        name: Its name here and on the server, never used twice.
        byte_size: Its size.
        is_registered: The server knows it.
    """

    def __init__(self, byte_size: int) -> None:
        """Reserve the memory.

        Raises:
            OSError: There is not enough of it.
        """
        self.name = f"visage-io-{os.getpid()}-{secrets.token_hex(6)}"
        self.byte_size = byte_size
        self.is_registered = False
        self._is_destroyed = False
        self._memory = SharedMemory(self.name, create=True, size=byte_size)
        try:
            # Missing pages would be noticed only at the first write, which then kills the process.
            descriptor = os.open(SHM_FOLDER / self.name, os.O_RDWR)
            try:
                os.posix_fallocate(descriptor, 0, byte_size)
            finally:
                os.close(descriptor)
        except OSError:
            self.destroy()
            raise

    @property
    def key(self) -> str:
        """The name under which the server opens it."""
        return f"/{self.name}"

    def write(self, place: Place, array: Array) -> None:
        """Copy `array` into its place."""
        np.copyto(self._view(place), array)

    def read(self, place: Place) -> Array:
        """Return a copy of the tensor at `place`."""
        return self._view(place).copy()

    def destroy(self) -> None:
        """Give the memory back, once; a server that still has it open keeps its own hold on it."""
        if not self._is_destroyed:
            self._is_destroyed = True
            self._memory.close()
            self._memory.unlink()

    def _view(self, place: Place) -> Array:
        return np.ndarray(place.shape, place.dtype, self._memory.buf, place.offset)
