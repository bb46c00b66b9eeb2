"""The parts of an ONNX file that are changed here, as protobuf messages; everything else passes through untouched.

The package `onnx` would be 18 MB for a few edits. Protobuf keeps the fields that a description leaves out, so
weights, attributes and metadata survive. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE: Final = "visage.onnx"
_KINDS: Final = {"string": 9, "bytes": 12, "int32": 5, "int64": 3}
# Message → field → (number, type, is repeated).
_MESSAGES: Final[dict[str, dict[str, tuple[int, str, bool]]]] = {
    "Model": {"graph": (7, "Graph", False)},
    "Graph": {
        "node": (1, "Node", True),
        "initializer": (5, "Tensor", True),
        "input": (11, "Value", True),
        "output": (12, "Value", True),
    },
    "Node": {
        "input": (1, "string", True),
        "output": (2, "string", True),
        "name": (3, "string", False),
        "op_type": (4, "string", False),
        "attribute": (5, "Attribute", True),
    },
    "Attribute": {
        "name": (1, "string", False),
        "i": (3, "int64", False),
        "t": (5, "Tensor", False),
        "type": (20, "int32", False),
    },
    "Tensor": {
        "dims": (1, "int64", True),
        "data_type": (2, "int32", False),
        "int64_data": (7, "int64", True),
        "name": (8, "string", False),
        "raw_data": (9, "bytes", False),
    },
    "Value": {"name": (1, "string", False), "type": (2, "Type", False)},
    "Type": {"tensor_type": (1, "TensorType", False)},
    "TensorType": {"elem_type": (1, "int32", False), "shape": (2, "Shape", False)},
    "Shape": {"dim": (1, "Dim", True)},
    "Dim": {"dim_value": (1, "int64", False), "dim_param": (2, "string", False)},
}
INT64: Final = 7
"""ONNX's number of the data type."""
FLOAT: Final = 1
_INT_ATTRIBUTE: Final = 2


def _make_classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="visage_onnx.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, is_repeated) in fields.items():
            described = message.field.add(name=field, number=number, label=3 if is_repeated else 1)
            if kind in _KINDS:
                described.type = _KINDS[kind]  # type: ignore[assignment]  # protobuf's own numbers
            else:
                described.type_name = f".{_PACKAGE}.{kind}"
                described.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
    # A pool of its own: the real onnx package may be loaded in the same process.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


_CLASSES: Final = _make_classes()


def parse_model(data: bytes) -> Any:
    """Returns the model in an ONNX file.

    Raises:
        google.protobuf.message.DecodeError: It is none.
    """
    return _CLASSES["Model"].FromString(data)


def node(operation: str, inputs: list[str], output: str, **attributes: int) -> Any:
    """Returns a node with one output."""
    made = _CLASSES["Node"](op_type=operation, input=inputs, output=[output], name=f"visage/{output}")
    for name, value in attributes.items():
        made.attribute.add(name=name, i=value, type=_INT_ATTRIBUTE)
    return made


def int64_tensor(name: str, values: list[int], is_scalar: bool = False) -> Any:
    """Returns an initializer [len(values)], or a scalar."""
    dims = [] if is_scalar else [len(values)]
    return _CLASSES["Tensor"](name=name, dims=dims, data_type=INT64, int64_data=values)


def batch_of(name: str, data_type: int, dims: list[int | str]) -> Any:
    """Returns the description of an input or output: a batch of tensors with these dims, names for those that vary."""
    value = _CLASSES["Value"](name=name)
    value.type.tensor_type.elem_type = data_type
    for dim in ["batch", *dims]:
        if isinstance(dim, str):
            value.type.tensor_type.shape.dim.add(dim_param=dim)
        else:
            value.type.tensor_type.shape.dim.add(dim_value=dim)
    return value


def int64_scalar(tensor: Any) -> int:
    """Returns the value of a tensor of one int64.

    Raises:
        ValueError: It is something else.
    """
    if tensor.data_type == INT64 and list(tensor.dims) in ([], [1]):
        if len(tensor.raw_data) == 8:
            return int.from_bytes(tensor.raw_data, "little", signed=True)
        if len(tensor.int64_data) == 1:
            return int(tensor.int64_data[0])
    raise ValueError(f"constant {tensor.name!r} is not one whole number")
