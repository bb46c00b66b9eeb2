"""`python -m benchmarks.gpu.renderer`: frames per second of the renderer's torch network on one CUDA GPU.

The same network that the ONNX files hold, run by torch, at every size, several batches and two precisions. What
float16 costs in accuracy is printed beside its speed: the TensorRT engines of the model repository stay in float32.
"""

from __future__ import annotations

import argparse
import sys

import torch
from rich.console import Console
from rich.table import Table

from models.renderer.network import OUTPUTS, Renderer
from models.renderer.synthetic import synthetic_inputs
from visage.media.portrait import FRAMES_PER_ITEM, RENDER_SIZES

WARM_UP, ROUNDS = 3, 20


def main(arguments: list[str]) -> int:
    """Prints the table; returns 1 where there is no CUDA GPU."""
    parser = argparse.ArgumentParser(description="Measure the renderer on a CUDA GPU.")
    parser.add_argument("--sizes", type=int, nargs="*", default=RENDER_SIZES, choices=RENDER_SIZES)
    parser.add_argument("--batches", type=int, nargs="*", default=(1, 2, 4, 8), help="items of 8 frames")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("This benchmark needs a CUDA GPU and a torch built for it; here is none.", file=sys.stderr)
        return 1
    table = Table("size", "items", "precision", "frames/s", "largest difference", title=torch.cuda.get_device_name())
    for size in options.sizes:
        for items in options.batches:
            exact = _frames(size, items, torch.float32)
            for precision in (torch.float32, torch.float16):
                rate = measure(size, items, precision)
                levels = (_frames(size, items, precision).int() - exact.int()).abs().max().item()
                table.add_row(str(size), str(items), str(precision), f"{rate:.0f}", f"{levels} levels")
    Console(width=100).print(table)
    return 0


@torch.inference_mode()
def measure(size: int, items: int, precision: torch.dtype) -> float:
    """Frames per second with all outputs, inputs and outputs on the GPU."""
    network, inputs = Renderer(size).eval().cuda(), _inputs(size, items)
    start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    with torch.autocast("cuda", precision, enabled=precision != torch.float32):
        for _ in range(WARM_UP):
            network(*inputs)
        start.record()
        for _ in range(ROUNDS):
            network(*inputs)
        stop.record()
    torch.cuda.synchronize()
    return ROUNDS * items * FRAMES_PER_ITEM / (start.elapsed_time(stop) / 1000)


@torch.inference_mode()
def _frames(size: int, items: int, precision: torch.dtype) -> torch.Tensor:
    network = Renderer(size).eval().cuda()
    with torch.autocast("cuda", precision, enabled=precision != torch.float32):
        return network(*_inputs(size, items))[OUTPUTS.index("frames")]


def _inputs(size: int, items: int) -> list[torch.Tensor]:
    """Two avatars in turn."""
    tensors = [torch.tensor(array).cuda() for array in synthetic_inputs(size).values()]
    return [tensor[torch.arange(items, device="cuda") % len(tensor)] for tensor in tensors]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
