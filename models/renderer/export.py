"""Builds the ONNX file of the renderer."""

from __future__ import annotations

import io
import warnings

import onnx
import torch

from models.conversion.graph import serialize
from models.conversion.sources import Sources
from models.renderer.network import Renderer
from visage.media.arkit import CURVE_COUNT
from visage.media.portrait import AVATAR_TENSORS, FRAME_PX, FRAMES_PER_ITEM

OPSET = 17
FRAMES = (FRAMES_PER_ITEM, FRAME_PX, FRAME_PX, 3)


def build_onnx(_sources: Sources | None = None) -> bytes:
    """Returns the ONNX file: curves, pose and the avatar's tensors → frames, with a free batch axis."""
    items = 2  # more than one, so that no axis of length 1 is taken for the batch
    arguments = [torch.zeros(items, FRAMES_PER_ITEM, CURVE_COUNT), torch.zeros(items, FRAMES_PER_ITEM, 6)]
    arguments += [torch.zeros(items, *spec.shape, dtype=getattr(torch, spec.dtype)) for spec in AVATAR_TENSORS]
    names = ["curves", "pose", *(spec.name for spec in AVATAR_TENSORS)]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every constant
        torch.onnx.export(
            Renderer().eval(), tuple(arguments), buffer, input_names=names, output_names=["frames"],
            dynamic_axes={name: {0: "batch"} for name in (*names, "frames")}, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    for dimension, size in zip(model.graph.output[0].type.tensor_type.shape.dim[1:], FRAMES, strict=True):
        dimension.dim_value = size
    return serialize(model)


if __name__ == "__main__":
    print(f"{len(build_onnx()):,} bytes")
