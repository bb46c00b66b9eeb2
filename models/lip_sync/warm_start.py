"""Turns a served `model.onnx` back into a checkpoint, so that training goes on where a released network stopped.

    python -m models.lip_sync.warm_start model_repository/lip_sync/1/model.onnx build/lip_sync

The export folded the normalisations into the convolutions; here each convolution gets one again, with the statistics
that the corpus has there, so that the answers stay the same. Where the network sees less of the future than in the
file it keeps the weights of what is left: the first release saw one spectrum more in its front and one frame more in
its first block, `--dropped-taps 1 1`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from models.lip_sync.augment import Augmenter, load_voice
from models.lip_sync.corpus import TRAINING_MINUTES
from models.lip_sync.network import FRONT_PADDING, LipNet
from models.lip_sync.train import VOICE_WEIGHTS, save

_EXAMPLE_COUNT = 192


def _shifted(weight: Tensor, taps: int) -> Tensor:
    """[out, in, 1, width] without its last `taps`, as many zeros before it."""
    return functional.pad(weight[..., : weight.shape[-1] - taps], (taps, 0))


def _set(convolution: nn.Conv2d, norm: nn.BatchNorm2d, weight: Tensor, bias: Tensor, x: Tensor) -> None:
    """Give a convolution its weight and its normalisation the statistics that `x`, padded already, has behind it."""
    convolution.weight.copy_(weight)
    made = convolution(x)
    mean, variance = made.mean((0, 2, 3)), made.var((0, 2, 3))
    norm.running_mean.copy_(mean)  # type: ignore[union-attr]
    norm.running_var.copy_(variance)  # type: ignore[union-attr]
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(bias + mean)


@torch.no_grad()
def restore(file: Path, mel: Tensor, dropped_taps: list[int]) -> LipNet:
    """The network of `file`.

    Args:
        file: A model.onnx that `models.lip_sync.export` wrote.
        mel: [B, 80, 320] of augmented speech, for the statistics.
        dropped_taps: How much less of the future than in `file` the front (spectra) and the first block (frames) see.
    """
    kept = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(file).graph.initializer}
    weights = {name.removeprefix("network."): torch.from_numpy(np.array(array)) for name, array in kept.items()}
    network = LipNet(weights["front.weight"].shape[0]).eval()
    image = functional.pad(mel[:, :, None], (*FRONT_PADDING, 0, 0))
    front = _shifted(weights["front.weight"], dropped_taps[0])
    _set(network.front, network.front_norm, front, weights["front.bias"], image)
    x = functional.silu(network.front_norm(network.front(image)))
    for index, block in enumerate(network.blocks):
        name = f"blocks.{index}"
        padded = functional.pad(x, block.padding)  # type: ignore[arg-type]
        weight = _shifted(weights[f"{name}.conv.weight"], 0 if index else dropped_taps[1])
        convolution, norm = cast(nn.Conv2d, block.conv), cast(nn.BatchNorm2d, block.norm)
        _set(convolution, norm, weight, weights[f"{name}.conv.bias"], padded)
        cast(Tensor, block.gain).copy_(weights[f"{name}.gain"])
        x = block(x)
    for head in ("curve_head", "phone_head"):
        getattr(network, head).weight.copy_(weights[f"{head}.weight"])
        getattr(network, head).bias.copy_(weights[f"{head}.bias"])
    return network


def main() -> None:
    """Read the command line and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path, help="where the corpus lies and the checkpoint goes")
    parser.add_argument("--dropped-taps", type=int, nargs=2, default=[0, 0], metavar=("FRONT", "FIRST_BLOCK"))
    arguments = parser.parse_args()
    names = list(TRAINING_MINUTES)
    voices = [load_voice(arguments.folder / f"{name}.npz") for name in names]
    augmenter = Augmenter(voices, [VOICE_WEIGHTS[name] for name in names], seed=3)
    pcm = torch.from_numpy(np.stack([augmenter.example().pcm for _ in range(_EXAMPLE_COUNT)]))
    mel = LipNet(1).mel(pcm, fast=True)
    network = restore(arguments.file, mel, arguments.dropped_taps)
    save(arguments.folder, network, network.front.out_channels, 0)


if __name__ == "__main__":
    main()
