"""Does an ONNX file hold what its config.pbtxt says?"""

from __future__ import annotations

from typing import Any

import numpy as np

_TRITON_TYPES: dict[str, type[np.generic]] = {
    "TYPE_BOOL": np.bool_,
    "TYPE_UINT8": np.uint8,
    "TYPE_UINT16": np.uint16,
    "TYPE_UINT32": np.uint32,
    "TYPE_UINT64": np.uint64,
    "TYPE_INT8": np.int8,
    "TYPE_INT16": np.int16,
    "TYPE_INT32": np.int32,
    "TYPE_INT64": np.int64,
    "TYPE_FP16": np.float16,
    "TYPE_FP32": np.float32,
    "TYPE_FP64": np.float64,
}

Description = tuple[np.dtype[Any], list[int]]
"""Data type and shape of a tensor; -1 for a dimension that may vary."""


def check_model(config: dict[str, Any], inputs: dict[str, Description], outputs: dict[str, Description]) -> None:
    """Compare config.pbtxt (as JSON) with the tensors of the ONNX file, `name -> (type, shape)`.

    Raises:
        ValueError: They disagree; the message lists every difference.
    """
    problems = _compare("input", config["input"], inputs, config["max_batch_size"] > 0)
    problems += _compare("output", config["output"], outputs, config["max_batch_size"] > 0)
    missing = sorted(set(inputs) - {tensor["name"] for tensor in config["input"]})
    problems += [f"input {name} is not in config.pbtxt" for name in missing]
    if problems:
        raise ValueError("; ".join(problems))


def _compare(
    kind: str, configured: list[dict[str, Any]], found: dict[str, Description], has_batch_axis: bool
) -> list[str]:
    problems = []
    for tensor in configured:
        name, dims = tensor["name"], [int(dim) for dim in tensor["dims"]]
        if name not in found:
            problems.append(f"{kind} {name} is not in the ONNX file, which has {sorted(found)}")
            continue
        dtype, shape = found[name]
        wanted = _TRITON_TYPES.get(tensor["data_type"])
        if wanted is None:
            problems.append(f"{kind} {name}: {tensor['data_type']} is not supported")
        elif dtype != np.dtype(wanted):
            problems.append(f"{kind} {name} is {dtype} in the ONNX file, {tensor['data_type']} in config.pbtxt")
        dims_found = shape[1:] if has_batch_axis else shape
        if len(dims) != len(dims_found) or any(
            -1 not in (a, b) and a != b for a, b in zip(dims, dims_found, strict=True)
        ):
            problems.append(f"{kind} {name} has dims {dims_found} in the ONNX file, {dims} in config.pbtxt")
    return problems
