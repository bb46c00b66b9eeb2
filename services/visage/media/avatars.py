"""From a stored avatar to the inputs of the renderer of one size."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visage.media.portrait import AVATAR_TENSORS, avatar_tensors

Array = NDArray[Any]


def tensors_for(stored: Mapping[str, Array], size: int) -> dict[str, Array]:
    """The inputs of the renderer of `size`, by name, without batch axis.

    Pictures that are smaller there are averaged over area; all other tensors are passed on, not copied.

    Args:
        stored: `AVATAR_TENSORS` by name.
        size: One of `RENDER_SIZES`.

    Raises:
        ValueError: There is no renderer of that size, or a stored tensor is missing or not as `AVATAR_TENSORS` has it.
    """
    wanted = avatar_tensors(size)
    for spec in AVATAR_TENSORS:
        found = stored.get(spec.name)
        if found is None or found.shape != spec.shape or found.dtype != spec.dtype:
            what = "nothing" if found is None else f"{found.dtype} {found.shape}"
            raise ValueError(f"avatar tensor {spec.name}: expected {spec.dtype} {spec.shape}, found {what}")
    return {
        spec.name: stored[spec.name]
        if stored[spec.name].shape == spec.shape
        else _shrink(stored[spec.name], spec.shape)
        for spec in wanted
    }


def _shrink(picture: Array, shape: tuple[int, ...]) -> Array:
    """uint8 averaged over area along every axis that gets shorter."""
    values = picture.astype(np.float32)
    for axis, count in enumerate(shape):
        if count != values.shape[axis]:
            values = np.moveaxis(_shrink_rows(np.moveaxis(values, axis, 0), count), 0, axis)
    return np.ascontiguousarray(values + np.float32(0.5), np.float32).astype(np.uint8)


def _shrink_rows(values: Array, count: int) -> Array:
    """`count` rows in the place of more: of every `many` equal rows come `few`."""
    many, few = (side // gcd(len(values), count) for side in (len(values), count))
    grouped = values.reshape(-1, many, *values.shape[1:])
    shrunk = np.zeros((count // few, few, *values.shape[1:]), np.float32)
    for part in range(few):
        for piece in range(many):
            covered = min((piece + 1) * few, (part + 1) * many) - max(piece * few, part * many)
            if covered > 0:
                shrunk[:, part] += np.float32(covered / many) * grouped[:, piece]
    return shrunk.reshape(count, *values.shape[1:])
