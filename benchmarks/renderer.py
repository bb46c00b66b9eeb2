"""`python -m benchmarks.renderer`: the renderer on one core, by size and output, and where its time goes.

Times are CPU time of this process, the least of several rounds which all variants take in turn, so that they can be
compared with each other on a busy machine. The avatar is made of smooth noise with a real face's proportions, or is the
file that is named.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load_file

from models.renderer.rendering import OpenVinoRenderer, model_path
from models.renderer.synthetic import synthetic_inputs
from visage.media.avatars import tensors_for
from visage.media.portrait import FRAMES_PER_ITEM, RENDER_SIZES

OUTPUTS = (("frames",), ("frames", "alpha"), ("yuv",))
ROUNDS = 15


def main(arguments: list[str]) -> int:
    """Prints both tables; returns 0."""
    parser = argparse.ArgumentParser(description="Measure the renderer on one core.")
    parser.add_argument("--avatar", type=Path, help="avatar file (default: noise)")
    parser.add_argument("--sizes", type=int, nargs="*", default=RENDER_SIZES, choices=RENDER_SIZES)
    options = parser.parse_args(arguments)
    stored = load_file(options.avatar) if options.avatar else None
    variants = [(size, outputs) for size in options.sizes for outputs in OUTPUTS]
    console = Console(width=100)
    console.print(_speeds(variants, stored))
    console.print(_kinds(options.sizes, stored))
    return 0


def _speeds(variants: list[tuple[int, tuple[str, ...]]], stored: Mapping[str, np.ndarray] | None) -> Table:
    renderers = [OpenVinoRenderer(model_path(size).read_bytes(), outputs=outputs) for size, outputs in variants]
    inputs = {size: item(size, stored) for size, _ in variants}
    best = [float("inf")] * len(variants)
    for _ in range(ROUNDS):
        for index, (size, _) in enumerate(variants):
            started = time.process_time()
            renderers[index].run(inputs[size])
            best[index] = min(best[index], (time.process_time() - started) / FRAMES_PER_ITEM)
    table = Table("size", "outputs", "ms/frame", "frames/s", title="OpenVINO, one core, one item of 8 frames")
    for (size, outputs), seconds in zip(variants, best, strict=True):
        table.add_row(str(size), ", ".join(outputs), f"{seconds * 1000:.2f}", f"{1 / seconds:.0f}")
    return table


def _kinds(sizes: list[int], stored: Mapping[str, np.ndarray] | None) -> Table:
    """Share of each kind of node in the time of all nodes, for the output that goes into the encoder."""
    shares: dict[int, Counter[str]] = {}
    for size in sizes:
        renderer = OpenVinoRenderer(model_path(size).read_bytes(), outputs=("yuv",), profiled=True)
        shares[size] = Counter()
        for _ in range(ROUNDS):
            renderer.run(item(size, stored))
            shares[size].update(renderer.microseconds_by_kind())
    kinds = sorted({kind for share in shares.values() for kind in share}, key=lambda kind: -shares[sizes[-1]][kind])
    table = Table("kind of node", *(f"{size}" for size in sizes), title="Where the time of `yuv` goes")
    for kind in kinds[:12]:
        table.add_row(kind, *(f"{shares[size][kind] / shares[size].total():.1%}" for size in sizes))
    return table


def item(size: int, stored: Mapping[str, np.ndarray] | None) -> dict[str, np.ndarray]:
    """One item of lively frames."""
    inputs = {name: array[:1] for name, array in synthetic_inputs(size).items()}
    if stored is not None:
        inputs |= {name: tensor[None] for name, tensor in tensors_for(stored, size).items()}
    return inputs


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
