"""Expands TensorFlow Lite's sparse tensors (dense and CSR dimensions, optional blocks)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

_DENSE = 0


def densify(values: np.ndarray, shape: tuple[int, ...], sparsity: Any) -> np.ndarray:
    """Returns the dense array of `shape`; places that the file does not store are zero.

    The format is TACO's: one level per entry of the traversal order, the levels past the rank walk
    inside a block. Source: Kjolstad et al., "The Tensor Algebra Compiler", 2017.
    """
    rank = len(shape)
    order = [int(axis) for axis in sparsity.traversalOrder]
    block_axes = [] if sparsity.blockMap is None else [int(axis) for axis in sparsity.blockMap]
    block_sizes = [1] * rank
    for position, axis in enumerate(block_axes):
        block_sizes[axis] = int(sparsity.dimMetadata[rank + position].denseSize)

    dense = np.zeros(shape, values.dtype)
    for position, path in _stored_paths(sparsity.dimMetadata, 0, 0, ()):
        place = [0] * rank
        for level, index in enumerate(path):
            axis = order[level]
            if axis < rank:
                place[axis] += index * block_sizes[axis]
            else:
                place[block_axes[axis - rank]] += index
        dense[tuple(place)] = values[position]
    return dense


def _stored_paths(levels: Any, level: int, parent: int, path: tuple[int, ...]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Walks the stored entries: (position in the value buffer, index at each level)."""
    if level == len(levels):
        yield parent, path
        return
    metadata = levels[level]
    if metadata.format == _DENSE:
        size = int(metadata.denseSize)
        for index in range(size):
            yield from _stored_paths(levels, level + 1, parent * size + index, (*path, index))
        return
    segments = metadata.arraySegments.values
    indices = metadata.arrayIndices.values
    for position in range(int(segments[parent]), int(segments[parent + 1])):
        yield from _stored_paths(levels, level + 1, position, (*path, int(indices[position])))
