"""What a service sends to a model and what it gets back, declared in code and checked against the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from visage.runtime.triton.errors import ModelRejectedInput, SignatureMismatch

_DTYPES: Final[dict[str, type[np.generic]]] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
}

Array = NDArray[Any]


class Described(Protocol):
    """Anything that has the shape and data type of a tensor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape with the batch axis."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type."""
        ...


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of a model.

    Attributes:
        name: Its name in config.pbtxt.
        datatype: Triton's name of the data type, such as "UINT8" or "FP32".
        dims: Shape without the batch axis; -1 for a dimension that may vary.
        is_optional: The model runs without this input.
    """

    name: str
    datatype: str
    dims: tuple[int, ...]
    is_optional: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for a data type that is no array of numbers."""
        if self.datatype not in _DTYPES:
            raise ValueError(f"tensor {self.name}: unknown datatype {self.datatype!r}, not one of {', '.join(_DTYPES)}")

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy data type."""
        return np.dtype(_DTYPES[self.datatype])

    @property
    def item_bytes(self) -> int | None:
        """Bytes of one batch item; None if a dimension may vary."""
        if -1 in self.dims:
            return None
        return int(np.prod(self.dims, dtype=np.int64)) * self.dtype.itemsize

    def accepts(self, dims: tuple[int, ...]) -> bool:
        """Return whether a tensor of shape `dims` (without the batch axis) fits."""
        return len(dims) == len(self.dims) and all(
            -1 in (own, other) or own == other for own, other in zip(self.dims, dims, strict=True)
        )

    def __str__(self) -> str:
        return f"{self.datatype} {list(self.dims)}"


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """Name and tensors of a model, as a service declares them or as a server announces them.

    Attributes:
        name: The model's name on the server.
        inputs: Tensors sent, each with the batch as axis 0 in front of its `dims`.
        outputs: Tensors asked for, likewise.
        max_batch_size: Most items in one request (declared) or in one batch (announced).
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch_size: int = 1

    def check(self, served: ModelSignature) -> None:
        """Compare with what the server announces.

        A model may have more outputs than declared, further optional inputs, and a larger batch.

        Raises:
            SignatureMismatch: They differ; the message names every difference.
        """
        problems = _differences("input", self.inputs, served.inputs)
        declared = {spec.name for spec in self.inputs}
        problems += [
            f"input {spec.name} ({spec}) is required by the server but not declared"
            for spec in served.inputs
            if spec.name not in declared and not spec.is_optional
        ]
        problems += _differences("output", self.outputs, served.outputs)
        if served.max_batch_size < self.max_batch_size:
            problems.append(f"max_batch_size is {self.max_batch_size} declared, {served.max_batch_size} on the server")
        if problems:
            raise SignatureMismatch(self.name, "; ".join(problems))

    def batch_size(self, tensors: Mapping[str, Described]) -> int:
        """Return the number of items in `tensors`, the inputs of one request.

        Raises:
            ModelRejectedInput: A name, data type or shape is wrong, or the batch is empty, uneven or too big.
        """
        specs = {spec.name: spec for spec in self.inputs}
        missing = [name for name, spec in specs.items() if name not in tensors and not spec.is_optional]
        unknown = [name for name in tensors if name not in specs]
        if missing or unknown:
            raise ModelRejectedInput(self.name, f"missing inputs {missing}, unknown inputs {unknown}")
        for name, tensor in tensors.items():
            spec = specs[name]
            if tensor.dtype != spec.dtype or not tensor.shape or not spec.accepts(tensor.shape[1:]):
                found = f"{tensor.dtype} {list(tensor.shape)}"
                raise ModelRejectedInput(self.name, f"input {name} is {found}, expected a batch of {spec}")
        sizes = {name: tensor.shape[0] for name, tensor in tensors.items()}
        if len(set(sizes.values())) != 1:
            raise ModelRejectedInput(self.name, f"inputs have different batch sizes: {sizes}")
        size = int(next(iter(sizes.values())))
        if not 1 <= size <= self.max_batch_size:
            raise ModelRejectedInput(self.name, f"batch of {size} items, 1 to {self.max_batch_size} are allowed")
        return size


def _differences(kind: str, declared: tuple[TensorSpec, ...], served: tuple[TensorSpec, ...]) -> list[str]:
    available = {spec.name: spec for spec in served}
    problems = []
    for spec in declared:
        other = available.get(spec.name)
        if other is None:
            problems.append(f"{kind} {spec.name} ({spec}) is not on the server, which has {', '.join(available)}")
        elif other.datatype != spec.datatype or not spec.accepts(other.dims):
            problems.append(f"{kind} {spec.name} is {spec} declared, {other} on the server")
    return problems
