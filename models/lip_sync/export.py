"""Writes `model_repository/lip_sync/1/model.onnx` from a checkpoint and checks that three runtimes agree.

    python -m models.lip_sync.export build/lip_sync

The file takes 16-bit PCM as it comes from a microphone and answers in ARKit order: scaling, spectrum, the network,
expansion from 17 to 52 curves and the choice of the window's ten frames are in the graph.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.lip_sync.network import CONTEXT_LEFT, CONTEXT_RIGHT, LipNet
from models.lip_sync.windows import ANSWERED_FRAMES, WINDOW_FRAMES, WINDOW_SAMPLES
from visage.media.arkit import CURVE_COUNT
from visage.media.articulation import EXPANSION
from visage.media.phones import PHONE_COUNT

OPSET = 17
MODEL_FILE = Path("model_repository/lip_sync/1/model.onnx")
TOLERANCE = 1e-4


class ServedLipNet(nn.Module):
    """int16 [B, 21120] → curves [B, 10, 52] and phone posteriors [B, 10, 43]."""

    def __init__(self, network: LipNet) -> None:
        """Fold the normalisations of `network` (changed in place) into its convolutions."""
        super().__init__()
        network.eval()
        network.front = fuse_conv_bn_eval(network.front, network.front_norm)
        network.front_norm = nn.Identity()
        for block in network.blocks:
            block.conv = fuse_conv_bn_eval(block.conv, block.norm)
            block.norm = nn.Identity()
        self.network = network
        self.register_buffer("expansion", torch.from_numpy(EXPANSION))

    def forward(self, pcm: Tensor) -> tuple[Tensor, Tensor]:
        """One window per row."""
        curves, posteriors = self.network(pcm.to(torch.float32) / 32768)
        answered = slice(CONTEXT_LEFT, CONTEXT_LEFT + ANSWERED_FRAMES)
        return curves[:, answered] @ self.expansion, posteriors[:, answered]


def load_network(checkpoint: Path) -> LipNet:
    """The network of a checkpoint, ready to infer."""
    saved = torch.load(checkpoint)
    network = LipNet(saved["channels"])
    network.load_state_dict(saved["weights"])
    return network.eval()


def write_onnx(model: ServedLipNet, file: Path) -> None:
    """Export with a dynamic batch and nothing else dynamic."""
    if CONTEXT_LEFT + ANSWERED_FRAMES + CONTEXT_RIGHT != WINDOW_FRAMES:
        raise RuntimeError("the network needs another window than the one it is served with")
    file.parent.mkdir(parents=True, exist_ok=True)
    example = torch.zeros(2, WINDOW_SAMPLES, dtype=torch.int16)
    torch.onnx.export(
        model.eval(),
        (example,),
        str(file),
        input_names=["pcm"],
        output_names=["curves", "phonemes"],
        dynamic_axes={"pcm": {0: "batch"}, "curves": {0: "batch"}, "phonemes": {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,
    )
    graph = onnx.load(file)
    graph.doc_string = ""
    for output, width in zip(graph.graph.output, (CURVE_COUNT, PHONE_COUNT), strict=True):
        # The exporter loses track of the sliced axis.
        for dimension, size in zip(output.type.tensor_type.shape.dim[1:], (ANSWERED_FRAMES, width), strict=True):
            dimension.dim_value = size
    for node in graph.graph.node:
        # The exporter notes the training machine's source paths here.
        node.doc_string = ""
    onnx.checker.check_model(graph)
    onnx.save(graph, file)


def check_parity(model: ServedLipNet, file: Path) -> None:
    """Compare torch, ONNX Runtime and OpenVINO on loud, quiet and silent windows.

    Raises:
        RuntimeError: Two of them differ by more than `TOLERANCE`.
    """
    random = np.random.default_rng(0)
    levels = np.array([8000, 500, 30, 0])[:, None]
    pcm = (random.standard_normal((4, WINDOW_SAMPLES)) * levels).clip(-32768, 32767).astype(np.int16)
    with torch.no_grad():
        reference = [output.numpy() for output in model(torch.from_numpy(pcm))]
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    compiled = openvino.Core().compile_model(str(file), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answers = {"ONNX Runtime": session.run(None, {"pcm": pcm}), "OpenVINO": list(compiled({"pcm": pcm}).values())}
    for runtime, outputs in answers.items():
        worst = max(float(np.abs(a - b).max()) for a, b in zip(outputs, reference, strict=True))
        print(f"{runtime}: largest difference {worst:.1e}")
        if worst > TOLERANCE:
            raise RuntimeError(f"{runtime} differs from torch by {worst}")


def main() -> None:
    """Read the command line, export, check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where lip_sync.pt lies")
    parser.add_argument("--file", type=Path, default=MODEL_FILE)
    arguments = parser.parse_args()
    model = ServedLipNet(load_network(arguments.folder / "lip_sync.pt"))
    write_onnx(model, arguments.file)
    check_parity(model, arguments.file)
    print(f"{arguments.file}: {arguments.file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
