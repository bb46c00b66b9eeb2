"""A small VITS-shaped graph with Piper's inputs and outputs, whose sound shows where each phoneme is.

Each phoneme is a tone; fillings, spaces, punctuation and the ends are silent. Durations come from a table, the tempo,
the speaker and a little noise. A product of matrices makes an execution last some hundredth of a second.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SILENT = "_^$ !?.,;:"
SIGNS = SILENT + "abcdefhijklmnopqrstuvwxyzæçðøħŋœɐɑɒɔəɚɛɜɡɪɫɬɲɹɾʁʃʊʌʏʒʔˈˌːθβχᵻ\u0303\u0327\u0329"
ID_MAP = {sign: [number] for number, sign in enumerate(SIGNS)}
HOP = 256
RATE_HZ = 22_050


def make_graph(*, with_speakers: bool = False, hop: int = HOP, work: int = 512) -> onnx.ModelProto:
    """input [B, N], input_lengths [B], scales [3], perhaps sid [B] → output [B, 1, 1, T], with one Ceil."""
    count = len(SIGNS)
    frames = np.array([1 if sign in SILENT else 3 + index % 4 for index, sign in enumerate(SIGNS)], np.float32)
    loudness = np.array([0 if sign in SILENT else 0.4 for sign in SIGNS], np.float32)
    tone = np.sin(2 * np.pi * 4 * (np.arange(hop, dtype=np.float32) + 0.5) / hop)
    constants: dict[str, Any] = {
        "frames": frames.reshape(count, 1), "loudness": loudness.reshape(count, 1), "tone": tone.reshape(1, 1, hop),
        "zero": np.int64(0), "one": np.int64(1), "two": np.int64(2), "axis_1": np.array([1]),
        "one_f": np.float32(1), "nothing": np.float32(0), "third": np.float32(0.1),
        "weights": np.eye(work, dtype=np.float32), "shape_out": np.array([0, 1, 1, -1]), "column": np.array([-1, 1, 1]),
        "axes_12": np.array([1, 2]),
    }  # fmt: skip
    n = helper.make_node
    nodes = [
        # Which ids count.
        n("Shape", ["input"], ["shape"]), n("Gather", ["shape", "one"], ["length"]),
        n("Range", ["zero", "length", "one"], ["places"]), n("Unsqueeze", ["input_lengths", "axis_1"], ["lengths_2"]),
        n("Less", ["places", "lengths_2"], ["counts"]), n("Cast", ["counts"], ["counts_f"], to=TensorProto.FLOAT),
        n("Unsqueeze", ["counts_f", "axis_1"], ["mask"]),
        # Durations.
        n("Gather", ["scales", "zero"], ["noise_scale"]), n("Gather", ["scales", "one"], ["length_scale"]),
        n("Gather", ["scales", "two"], ["noise_w"]),
        n("Gather", ["frames", "input"], ["w_columns"]), n("Transpose", ["w_columns"], ["w_rows"], perm=[0, 2, 1]),
        n("RandomNormalLike", ["w_rows"], ["random"]), n("Mul", ["random", "noise_w"], ["random_w"]),
        n("Mul", ["random_w", "third"], ["random_small"]), n("Exp", ["random_small"], ["swing"]),
        n("Mul", ["w_rows", "swing"], ["w_swung"]), n("Mul", ["w_swung", "mask"], ["w_masked"]),
        n("Mul", ["w_masked", "length_scale"], ["w_tempo"]),
        *(
            [n("Cast", ["sid"], ["sid_f"], to=TensorProto.FLOAT), n("Add", ["sid_f", "one_f"], ["drawl"]),
             n("Reshape", ["drawl", "column"], ["drawl_3"]), n("Mul", ["w_tempo", "drawl_3"], ["w"])]
            if with_speakers else [n("Identity", ["w_tempo"], ["w"])]
        ),
        n("Ceil", ["w"], ["durations_made"]),
        n("ReduceSum", ["durations_made", "axes_12"], ["sums"], keepdims=0), n("Max", ["sums", "one_f"], ["y_lengths"]),
        n("ReduceMax", ["y_lengths"], ["longest_f"], keepdims=0),
        n("Cast", ["longest_f"], ["longest"], to=TensorProto.INT64),
        # Which id each frame belongs to.
        n("CumSum", ["durations_made", "two"], ["ends"]), n("Sub", ["ends", "durations_made"], ["starts"]),
        n("Range", ["zero", "longest", "one"], ["frame_places"]),
        n("Cast", ["frame_places"], ["frame_places_f"], to=TensorProto.FLOAT),
        n("Unsqueeze", ["frame_places_f", "axis_1"], ["frame_column"]),
        n("GreaterOrEqual", ["frame_column", "starts"], ["begun"]), n("Less", ["frame_column", "ends"], ["unended"]),
        n("And", ["begun", "unended"], ["path_b"]), n("Cast", ["path_b"], ["path"], to=TensorProto.FLOAT),
        n("Gather", ["loudness", "input"], ["loud_ids"]), n("MatMul", ["path", "loud_ids"], ["loud"]),
        n("RandomNormalLike", ["loud"], ["noise"]), n("Mul", ["noise", "noise_scale"], ["noise_s"]),
        n("Mul", ["noise_s", "third"], ["noise_small"]), n("Mul", ["noise_small", "loud"], ["noise_loud"]),
        n("Add", ["loud", "noise_loud"], ["level"]), n("Mul", ["level", "tone"], ["wave"]),
        # Work.
        n("Mul", ["weights", "longest_f"], ["work_0"]), n("MatMul", ["work_0", "work_0"], ["work_1"]),
        n("MatMul", ["work_1", "work_0"], ["work_2"]), n("ReduceMax", ["work_2"], ["work_3"], keepdims=0),
        n("Mul", ["work_3", "nothing"], ["work_4"]), n("Add", ["wave", "work_4"], ["worked"]),
        n("Reshape", ["worked", "shape_out"], ["output"]),
    ]  # fmt: skip
    info = helper.make_tensor_value_info
    speakers = [info("sid", TensorProto.INT64, ["batch_size"])] if with_speakers else []
    graph = helper.make_graph(
        nodes,
        "vits",
        [
            info("input", TensorProto.INT64, ["batch_size", "phonemes"]),
            info("input_lengths", TensorProto.INT64, ["batch_size"]),
            info("scales", TensorProto.FLOAT, [3]),
            *speakers,
        ],
        [info("output", TensorProto.FLOAT, ["batch_size", 1, 1, "time"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    model.opset_import[0].version = 15
    onnx.checker.check_model(model)
    return model


def describe(**changes: Any) -> dict[str, Any]:
    """The voice's JSON file, as Piper writes it."""
    return {
        "audio": {"sample_rate": RATE_HZ, "quality": "medium"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_map": {},
        "phoneme_id_map": ID_MAP,
        "num_symbols": 256,
        "num_speakers": 1,
        "speaker_id_map": {},
        "piper_version": "1.0.0",
        "language": {"code": "en_US", "family": "en", "region": "US"},
        "dataset": "tones",
    } | changes


def drop(repository: Path, name: str, description: dict[str, Any], model: onnx.ModelProto) -> Path:
    """Puts a voice into a repository as its users do; returns its folder."""
    folder = repository / name
    folder.mkdir(parents=True)
    onnx.save(model, folder / f"en_US-{name}-medium.onnx")
    (folder / f"en_US-{name}-medium.onnx.json").write_text(json.dumps(description))
    return folder
