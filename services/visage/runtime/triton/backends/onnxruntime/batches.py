"""Stack the tensors of several requests into chunks an engine can run, and split the answers again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[np.generic]]
"""Tensors by name; axis 0 is the batch."""


class Batch:
    """The requests of one dynamic batch, laid end to end and cut into chunks.

    A chunk that lies within one request is a view of its tensors; only chunks that span requests, and the
    last one where it must be padded, are copied.

    Attributes:
        chunks: What the engine runs, in order.
    """

    def __init__(self, requests: Sequence[Tensors], batch_sizes: tuple[int, ...] | None) -> None:
        """Cut `requests` into chunks of the given sizes (ascending), or into one if any size will do."""
        self._sizes = [len(next(iter(tensors.values()))) for tensors in requests]
        self._spans: list[tuple[int, int]] = []
        self.chunks: list[Tensors] = []
        total = sum(self._sizes)
        start = 0
        while start < total:
            size = _largest_fitting(batch_sizes, total - start)
            end = min(start + size, total)
            self._spans.append((start, end))
            self.chunks.append(
                {name: _pad(self._cut([r[name] for r in requests], start, end), size) for name in requests[0]}
            )
            start = end

    def split(self, outputs: Sequence[Tensors]) -> Iterator[Tensors]:
        """Yield each request's share of the chunks' outputs, in the order of the requests."""
        start = 0
        for size in self._sizes:
            end = start + size
            pieces: dict[str, list[NDArray[np.generic]]] = {name: [] for name in outputs[0]}
            for (first, last), tensors in zip(self._spans, outputs, strict=True):
                low, high = max(start, first), min(end, last)
                if low < high:
                    for name, array in tensors.items():
                        pieces[name].append(array[low - first : high - first])
            yield {name: parts[0] if len(parts) == 1 else np.concatenate(parts) for name, parts in pieces.items()}
            start = end

    def _cut(self, arrays: Sequence[NDArray[np.generic]], start: int, end: int) -> NDArray[np.generic]:
        parts = []
        offset = 0
        for array, size in zip(arrays, self._sizes, strict=True):
            low, high = max(start, offset), min(end, offset + size)
            if low < high:
                parts.append(array[low - offset : high - offset])
            offset += size
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _largest_fitting(batch_sizes: tuple[int, ...] | None, remaining: int) -> int:
    """Largest allowed size that `remaining` fills; the smallest one, to be padded, if it fills none."""
    if batch_sizes is None:
        return remaining
    return max((size for size in batch_sizes if size <= remaining), default=batch_sizes[0])


def _pad(array: NDArray[np.generic], size: int) -> NDArray[np.generic]:
    """Repeat the last item: any valid content will do, and zeros may be invalid."""
    missing = size - len(array)
    if missing == 0:
        return array
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])
