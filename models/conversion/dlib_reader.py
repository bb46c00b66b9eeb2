"""Reads dlib's portable serialisation: the numbers, strings and tensors that a .dat file is made of."""

from __future__ import annotations

import numpy as np

_NEGATIVE = 0x80
_LENGTH = 0x0F
_INFINITE_EXPONENT = 32000
_TENSOR_VERSION = 2
_ALIAS_VERSION = 1


class MalformedFile(ValueError):
    """The bytes are not what dlib writes for the expected network."""


class DlibReader:
    """A cursor over the file; every method consumes one value."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    @property
    def finished(self) -> bool:
        """Whether everything has been read."""
        return self._position == len(self._content)

    def integer(self) -> int:
        """A control byte (sign, count of bytes), then the magnitude, little endian."""
        control = self._take(1)[0]
        magnitude = int.from_bytes(self._take(control & _LENGTH), "little")
        return -magnitude if control & _NEGATIVE else magnitude

    def real(self) -> float:
        """Mantissa and binary exponent."""
        mantissa, exponent = self.integer(), self.integer()
        return float("nan") if exponent >= _INFINITE_EXPONENT else mantissa * 2.0**exponent

    def boolean(self) -> bool:
        """The character 0 or 1."""
        character = self._take(1)
        if character not in (b"0", b"1"):
            raise MalformedFile(f"boolean {character!r}")
        return character == b"1"

    def text(self) -> str:
        """Length, then characters."""
        return self._take(self.integer()).decode()

    def tensor(self) -> np.ndarray:
        """Four sizes, then float32 values."""
        self._expect(_TENSOR_VERSION)
        shape = self.integers(4)
        count = int(np.prod(shape))
        return np.frombuffer(self._take(4 * count), "<f4").reshape(shape)

    def alias(self) -> list[int]:
        """The shape of a part of a layer's parameter tensor."""
        self._expect(_ALIAS_VERSION)
        return self.integers(4)

    def integers(self, count: int) -> list[int]:
        """Several integers in a row."""
        return [self.integer() for _ in range(count)]

    def reals(self, count: int) -> list[float]:
        """Several reals in a row."""
        return [self.real() for _ in range(count)]

    def _expect(self, version: int) -> None:
        found = self.integer()
        if found != version:
            raise MalformedFile(f"version {found} where {version} is expected")

    def _take(self, count: int) -> bytes:
        taken = self._content[self._position : self._position + count]
        if len(taken) != count:
            raise MalformedFile("the file ends too early")
        self._position += count
        return taken
