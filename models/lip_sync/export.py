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
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.lip_sync.network import (
    CONTEXT_LEFT,
    CONTEXT_RIGHT,
    FRONT_FRAMES,
    FRONT_PADDING,
    LAYERS,
    PRE_EMPHASIS,
    SPECTRUM_FFT,
    SPECTRUM_HOP,
    SPECTRUM_WINDOW,
    LipNet,
    LogMel,
)
from models.lip_sync.windows import ANSWERED_FRAMES, MODEL_FILE, WINDOW_SAMPLES
from models.lip_sync.windows import CONTEXT_LEFT as WINDOW_LEFT
from models.lip_sync.windows import CONTEXT_RIGHT as WINDOW_RIGHT
from visage.media.arkit import CURVE_COUNT
from visage.media.articulation import EXPANSION
from visage.media.phones import PHONE_COUNT

OPSET = 17
MEL_FRAMES = WINDOW_SAMPLES // SPECTRUM_HOP
TOLERANCE = 1e-4


class ServedLipNet(nn.Module):
    """int16 [B, 21120] → curves [B, 10, 52] and phone posteriors [B, 10, 43].

    The same numbers as the network in training gives with silence all round, for less work: each block computes only
    the frames that the ten need, and the spectrum comes from halves of the frame that its symmetry folds together.
    """

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
        self.mel = FoldedLogMel(network.mel)
        self.register_buffer("expansion", torch.from_numpy(EXPANSION))

    def forward(self, pcm: Tensor) -> tuple[Tensor, Tensor]:
        """One window per row."""
        network = self.network
        mel = self.mel(pcm.to(torch.float32) / 32768)
        first = 2 * (WINDOW_LEFT - CONTEXT_LEFT + FRONT_FRAMES) - FRONT_PADDING[0]
        last = 2 * (WINDOW_LEFT + ANSWERED_FRAMES + CONTEXT_RIGHT - 1) + FRONT_PADDING[1]
        x = functional.silu(network.front(mel[:, :, None, first:last]))
        for block, layer in zip(network.blocks, LAYERS, strict=True):
            left = (layer.kernel - 1) * layer.dilation - layer.right
            inner = x[:, :, :, left : x.shape[3] - layer.right]
            x = inner + block.gain * functional.silu(block.conv(x))
        curves = torch.sigmoid(network.curve_head(x)[:, :, 0].transpose(1, 2))
        posteriors = torch.softmax(network.phone_head(x)[:, :, 0].transpose(1, 2), dim=-1)
        return curves @ self.expansion, posteriors


class FoldedLogMel(nn.Module):
    """`LogMel` with half the multiplications.

    A power spectrum does not depend on where time begins. Counted from the middle of the symmetric window the cosines
    are even and the sines odd, so each needs the sum or the difference of the two halves only.
    """

    def __init__(self, mel: LogMel) -> None:
        """Take the window, the filters and the bins that any filter hears from `mel`."""
        super().__init__()
        half = SPECTRUM_WINDOW // 2
        window, filters = mel.window[:SPECTRUM_WINDOW].double(), mel.filters[:, :, 0]
        heard = torch.nonzero(filters.abs().sum(0))[:, 0]
        angle = 2 * torch.pi * heard.double()[None] * torch.arange(half).double()[:, None] / SPECTRUM_FFT
        # Row 0 of the sums is the middle alone; the window's first sample has weight 0 and no partner.
        weight = window[half:].clone()[:, None]
        self.register_buffer("cosines", (torch.cos(angle) * weight).float())
        self.register_buffer("sines", (torch.sin(angle) * weight)[1:].float())
        self.register_buffer("filters", filters[:, heard].T.contiguous())
        starts = torch.arange(MEL_FRAMES)[:, None] * SPECTRUM_HOP + half
        self.register_buffer("after", starts + torch.arange(half)[None])
        self.register_buffer("before", starts - torch.arange(1, half)[None])

    def forward(self, pcm: Tensor) -> Tensor:
        """[B, 21120] in -1..1 → [B, 80, 132]."""
        padded = functional.pad(pcm, (121, 120))
        signal = padded[:, 1:] - PRE_EMPHASIS * padded[:, :-1]
        after, before = signal[:, self.after], signal[:, self.before]
        middle, rest = after[:, :, :1], after[:, :, 1:]
        even = torch.cat([middle, rest + before], dim=2) @ self.cosines
        odd = (rest - before) @ self.sines
        bands = (even**2 + odd**2) @ self.filters
        return (torch.log(bands + 1e-5) * 0.25 + 0.6).transpose(1, 2)


def load_network(checkpoint: Path) -> LipNet:
    """The network of a checkpoint, ready to infer."""
    saved = torch.load(checkpoint)
    network = LipNet(saved["channels"])
    network.load_state_dict(saved["weights"])
    return network.eval()


def write_onnx(model: ServedLipNet, file: Path) -> None:
    """Export with a dynamic batch and nothing else dynamic."""
    if CONTEXT_LEFT > WINDOW_LEFT or CONTEXT_RIGHT > WINDOW_RIGHT:
        raise RuntimeError("the network needs a larger window than the one it is served with")
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
