"""A VITS voice as Piper exports it → one that a server can batch, and that says how long each phoneme lasts.

Piper's graph has no batch axis on `scales`, which hold the noise, the tempo and the noise of the tempo, so that calls
with different tempos could not share an execution. It picks each out by a Gather and multiplies [B, channels, time] by
it; here each item of the batch brings its own three, and the Gather becomes one of [B, 1, 1].

| input | | output | |
|---|---|---|---|
| `ids` INT64 [B, N] | phonemes, padded with 0 | `audio` FP32 [B, T] | sound; durations × hop length are its own |
| `lengths` INT64 [B, 1] | how many of them count | `durations` FP32 [B, N] | frames of each id |
| `prosody` FP32 [B, 3] | noise, length, noise of the length | | |
| `speaker` INT64 [B, 1] | only with several speakers | | |

Source of the original: https://github.com/rhasspy/piper, `export_onnx.py`; the durations are the output of its only
Ceil, as in `models.py`, `SynthesizerTrn.infer`.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import DecodeError

from visage.runtime.triton.onnx_messages import FLOAT, INT64, batch_of, int64_scalar, int64_tensor, node, parse_model

_REQUIRED: Final = {"input", "input_lengths", "scales"}
_SPEAKER: Final = "sid"
_PREFIX: Final = "visage_"


class NotAVoice(ValueError):
    """The graph or the JSON file is not that of a Piper voice; the message says what differs."""


def make_batchable(data: bytes) -> tuple[bytes, bool]:
    """Returns the changed ONNX file, and whether it has several speakers.

    Raises:
        NotAVoice: It is not a graph as Piper exports it.
    """
    try:
        model = parse_model(data)
    except DecodeError:
        raise NotAVoice("it is no ONNX file") from None
    graph = model.graph
    names = [value.name for value in graph.input]
    has_speakers = _SPEAKER in names
    outputs = [value.name for value in graph.output]
    if set(names) - {_SPEAKER} != _REQUIRED or not outputs:
        raise NotAVoice(f"its inputs are {names} and its outputs {outputs}, unlike a Piper voice")
    _check_batch_axis(graph)
    ceils = [made.output[0] for made in graph.node if made.op_type == "Ceil"]
    if len(ceils) != 1:
        raise NotAVoice(f"it has {len(ceils)} Ceil nodes, so that the one of the durations cannot be told")
    # A second output, if there is one, are the durations that Piper's own tools have marked.
    first = [
        node("Identity", ["ids"], "input"),
        node("Reshape", ["lengths", f"{_PREFIX}flat"], "input_lengths"),
        *_scale_nodes(graph),
    ]
    inputs = [
        batch_of("ids", INT64, ["phonemes"]),
        batch_of("lengths", INT64, [1]),
        batch_of("prosody", FLOAT, [3]),
    ]
    if has_speakers:
        first.append(node("Reshape", ["speaker", f"{_PREFIX}flat"], _SPEAKER))
        inputs.append(batch_of("speaker", INT64, [1]))
    last = [
        node("Reshape", [outputs[0], f"{_PREFIX}rows"], "audio"),
        node("Reshape", [ceils[0], f"{_PREFIX}rows"], "durations"),
    ]
    nodes = [*first, *(made for made in graph.node if "scales" not in made.input), *last]
    _replace(graph.node, nodes)
    _replace(graph.input, inputs)
    _replace(graph.output, [batch_of("audio", FLOAT, ["samples"]), batch_of("durations", FLOAT, ["phonemes"])])
    graph.initializer.add().CopyFrom(int64_tensor(f"{_PREFIX}flat", [-1]))
    graph.initializer.add().CopyFrom(int64_tensor(f"{_PREFIX}rows", [0, -1]))
    graph.initializer.add().CopyFrom(int64_tensor(f"{_PREFIX}column", [-1, 1, 1]))
    return model.SerializeToString(), has_speakers


def _check_batch_axis(graph: Any) -> None:
    """Raises NotAVoice if the graph was exported for one item only."""
    for value in graph.input:
        if value.name == "input" and value.type.tensor_type.shape.dim[0].dim_value:
            raise NotAVoice("its batch axis is fixed; export it with dynamic axes, as Piper does")


def _scale_nodes(graph: Any) -> list[Any]:
    """What takes the place of the nodes that pick from `scales`."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for made in graph.node:
        if made.op_type == "Constant":
            constants.update((made.output[0], entry.t) for entry in made.attribute if entry.name == "value")
    nodes = []
    for made in graph.node:
        if "scales" not in made.input:
            continue
        if made.op_type != "Gather" or made.input[0] != "scales" or made.input[1] not in constants:
            raise NotAVoice(f"node {made.name!r} ({made.op_type}) uses scales in a way that is not Piper's")
        try:
            index = int64_scalar(constants[made.input[1]])
        except ValueError as error:
            raise NotAVoice(str(error)) from None
        picked = made.output[0]
        users = {user.op_type for user in graph.node if picked in user.input}
        if not users <= {"Mul", "Div"} or index not in (0, 1, 2):
            raise NotAVoice(f"scale {index} goes into {', '.join(sorted(users))}, not into a product")
        constant = f"{_PREFIX}index_{picked}"
        graph.initializer.add().CopyFrom(int64_tensor(constant, [index], is_scalar=True))
        nodes.append(node("Gather", ["prosody", constant], f"{_PREFIX}{picked}", axis=1))
        nodes.append(node("Reshape", [f"{_PREFIX}{picked}", f"{_PREFIX}column"], picked))
    return nodes


def _replace(repeated: Any, messages: list[Any]) -> None:
    copies = [type(message).FromString(message.SerializeToString()) for message in messages]
    del repeated[:]
    repeated.extend(copies)
