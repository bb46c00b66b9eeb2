"""Builds the ONNX file of the renderer for 768 x 768 pixels."""

from __future__ import annotations

from models.conversion.sources import Sources
from models.renderer import export

SIZE = 768


def build_onnx(sources: Sources | None = None) -> bytes:
    """Returns the ONNX file; see `models.renderer.export`."""
    return export.build_onnx(sources, SIZE)


if __name__ == "__main__":
    print(f"{len(build_onnx()):,} bytes")
