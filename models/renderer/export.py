"""Builds the ONNX file of the renderer of one size."""

from __future__ import annotations

import io
import warnings

import onnx
import torch

from models.conversion.graph import serialize
from models.conversion.sources import Sources
from models.renderer.network import OUTPUTS, Renderer
from visage.media.arkit import CURVE_COUNT
from visage.media.curves import POSE_COUNT
from visage.media.portrait import FRAME_PX, FRAMES_PER_ITEM, LIGHT, avatar_tensors

OPSET = 17


def build_onnx(_sources: Sources | None = None, size: int = FRAME_PX) -> bytes:
    """Returns the ONNX file: curves, pose, light and the avatar's tensors → `OUTPUTS`, with a free batch axis."""
    items = 2  # more than one, so that no axis of length 1 is taken for the batch
    specs = avatar_tensors(size)
    arguments = [torch.zeros(items, FRAMES_PER_ITEM, count) for count in (CURVE_COUNT, POSE_COUNT, len(LIGHT))]
    arguments += [torch.zeros(items, *spec.shape, dtype=getattr(torch, spec.dtype)) for spec in specs]
    names = ["curves", "pose", "light", *(spec.name for spec in specs)]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every constant
        torch.onnx.export(
            Renderer(size).eval(), tuple(arguments), buffer, input_names=names, output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "batch"} for name in (*names, *OUTPUTS)}, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    shapes = ((size, size, 3), (size, size), (size * 3 // 2, size))
    for output, shape in zip(model.graph.output, shapes, strict=True):
        dimensions = output.type.tensor_type.shape.dim[1:]
        for dimension, length in zip(dimensions, (FRAMES_PER_ITEM, *shape), strict=True):
            dimension.dim_value = length
    return serialize(model)


if __name__ == "__main__":
    print(f"{len(build_onnx()):,} bytes")
