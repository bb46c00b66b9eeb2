"""Folders of Piper voices: made servable, or refused with what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from tests.fakes import vits_voice
from visage.runtime.triton.vits_graph import NotAVoice, make_batchable
from visage.runtime.triton.voice_files import VOICE_PARAMETER, read_voice_file
from visage.runtime.triton.voice_folders import find_voice_folders, lay_out, main, make_servable

pytestmark = pytest.mark.unit

Change = Callable[[Path, dict[str, Any], onnx.ModelProto], Any]


def session(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("with_speakers", [False, True])
def test_items_of_a_batch_have_their_own_length_tempo_and_speaker(with_speakers: bool) -> None:
    """Without noise each item of a padded batch sounds as it does alone in the file as it was."""
    given = vits_voice.make_graph(with_speakers=with_speakers, work=8)
    data, has_speakers = make_batchable(given.SerializeToString())
    onnx.checker.check_model(onnx.load_from_string(data))
    plain, batched = session(given.SerializeToString()), session(data)
    ids = np.zeros((2, 32), np.int64)
    lengths, tempos = [20, 31], [1.5, 0.75]
    for row, length in zip(ids, lengths, strict=True):
        row[:length] = np.arange(length) + 8
    inputs = {
        "ids": ids,
        "lengths": np.array(lengths, np.int64)[:, None],
        "prosody": np.array([[0, tempo, 0] for tempo in tempos], np.float32),
    }
    audio, durations = batched.run(
        ["audio", "durations"], inputs | ({"speaker": np.array([[0], [1]])} if has_speakers else {})
    )
    alone = [
        plain.run(
            None,
            {
                "input": ids[index : index + 1, : lengths[index]],
                "input_lengths": np.array([lengths[index]], np.int64),
                "scales": np.array([0, tempos[index], 0], np.float32),
            }
            | ({"sid": np.array([index], np.int64)} if has_speakers else {}),
        )[0].ravel()
        for index in (0, 1)
    ]

    assert has_speakers == with_speakers
    for index in (0, 1):
        count = int(durations[index].sum()) * vits_voice.HOP
        assert count == len(alone[index])
        assert np.array_equal(audio[index, :count], alone[index])
        assert not durations[index, lengths[index] :].any()


def test_a_voice_whose_durations_are_an_output_already_is_taken() -> None:
    """Piper's own tool marks them as a second output."""
    given = vits_voice.make_graph(work=8)
    given.graph.output.append(onnx.helper.make_empty_tensor_value_info("durations_made"))
    data, _ = make_batchable(given.SerializeToString())

    assert [value.name for value in session(data).get_outputs()] == ["audio", "durations"]


def _fix_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def _second_ceil(model: onnx.ModelProto) -> None:
    model.graph.node.append(onnx.helper.make_node("Ceil", ["w"], ["again"]))


def _other_use_of_scales(model: onnx.ModelProto) -> None:
    model.graph.node.append(onnx.helper.make_node("Sqrt", ["scales"], ["roots"]))


def _scale_is_added(model: onnx.ModelProto) -> None:
    model.graph.node.append(onnx.helper.make_node("Add", ["noise_w", "noise_w"], ["sum"]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f, d, m: d.pop("phoneme_id_map"), r"\.json: phoneme_id_map: Field required"),
        (lambda f, d, m: d.update(phoneme_id_map={"a": [4]}), r"phoneme_id_map lacks \^ \$ _"),
        (lambda f, d, m: d.update(phoneme_type="text"), "phoneme_type: Input should be 'espeak'"),
        (lambda f, d, m: d["audio"].update(sample_rate=96_000), "audio.sample_rate"),
        (lambda f, d, m: d.update(num_speakers=2), "speaker_id_map does not number"),
        (lambda f, d, m: d.update(num_speakers=2, speaker_id_map={"a": 0, "b": 1}), "the model takes no speaker"),
        (lambda f, d, m: d.update(inference={"length_scale": 0}), "inference.length_scale"),
        (lambda f, d, m: (f / "second.onnx").write_bytes(b""), "2 ONNX files"),
        (lambda f, d, m: _fix_batch(m), "batch axis is fixed"),
        (lambda f, d, m: _second_ceil(m), "2 Ceil nodes"),
        (lambda f, d, m: _other_use_of_scales(m), "uses scales in a way"),
        (lambda f, d, m: _scale_is_added(m), "goes into Add, Mul"),
        (lambda f, d, m: m.graph.input.pop(), "unlike a Piper voice"),
    ],
)
def test_what_is_no_voice_is_refused_with_the_reason(tmp_path: Path, change: Change, reason: str) -> None:
    """The message names the folder and what differs; nothing that a server would load is written."""
    description, model = vits_voice.describe(), vits_voice.make_graph(work=8)
    folder = tmp_path / "voice"
    folder.mkdir()
    change(folder, description, model)
    (folder / "first.onnx").write_bytes(model.SerializeToString())
    (folder / "first.onnx.json").write_text(json.dumps(description))

    with pytest.raises(NotAVoice, match=f"voice holds no Piper voice: .*{reason}"):
        make_servable(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("content", "reason"), [(b"no model", "it is no ONNX file"), (b"", "unlike a Piper voice")])
def test_a_broken_model_file_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    """A file that is no ONNX is told from one that is no voice."""
    folder = vits_voice.drop(tmp_path, "voice", vits_voice.describe(), vits_voice.make_graph(work=8))
    next(folder.glob("*.onnx")).write_bytes(content)

    with pytest.raises(NotAVoice, match=reason):
        make_servable(folder, tmp_path / "out")


def test_a_json_file_that_is_missing_or_not_json_is_refused(tmp_path: Path) -> None:
    """Its name is in the message."""
    folder = vits_voice.drop(tmp_path, "voice", vits_voice.describe(), vits_voice.make_graph(work=8))
    described = next(folder.glob("*.json"))
    described.write_text("{")
    with pytest.raises(NotAVoice, match=r"\.onnx\.json: file: Invalid JSON"):
        make_servable(folder, tmp_path / "out")
    described.unlink()

    with pytest.raises(NotAVoice, match=r"\.onnx\.json is missing"):
        make_servable(folder, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "text", "license"),
    [
        ("MODEL_CARD", "# A\n* Language: en\n* License: CC0-1.0 \n", "CC0-1.0"),
        ("LICENSE", "\nMIT License\n\nCopyright", "MIT License"),
        ("README", "nothing", ""),
    ],
)
def test_the_licence_beside_a_voice_is_kept(tmp_path: Path, name: str, text: str, license: str) -> None:
    """A model card's licence line, or the first line of a licence file, goes into the configuration."""
    folder = vits_voice.drop(tmp_path, "voice", vits_voice.describe(), vits_voice.make_graph(work=8))
    (folder / name).write_text(text)
    make_servable(folder, tmp_path / "out")
    config = text_format.Parse((tmp_path / "out" / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    announced = read_voice_file(config.parameters[VOICE_PARAMETER].string_value)

    assert announced.license == license
    assert config.max_batch_size > 1


def test_a_repository_is_laid_out_beside_itself(tmp_path: Path) -> None:
    """The dropped folder stays as it is, other models are linked, and a repository without voices is used as it is."""
    repository = tmp_path / "repository"
    folder = vits_voice.drop(repository, "voice", vits_voice.describe(), vits_voice.make_graph(work=8))
    (repository / "other" / "1").mkdir(parents=True)
    (repository / "other" / "config.pbtxt").write_text("")
    before = sorted(folder.iterdir())
    laid_out = lay_out(repository, tmp_path / "laid_out")

    assert sorted(entry.name for entry in laid_out.iterdir()) == ["other", "voice"]
    assert (laid_out / "other").is_symlink()
    assert sorted(folder.iterdir()) == before
    assert find_voice_folders(laid_out) == []
    assert lay_out(laid_out, tmp_path / "again") == laid_out


def test_the_command_makes_voices_servable_where_they_lie(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Afterwards the folder has what Triton needs; a wrong one ends it with status 1 and the reason."""
    folder = vits_voice.drop(tmp_path, "voice", vits_voice.describe(), vits_voice.make_graph(work=8))

    assert main([str(tmp_path)]) == 0
    assert (folder / "1" / "model.onnx").is_file()
    assert (folder / "config.pbtxt").is_file()
    assert main([str(tmp_path)]) == 0
    vits_voice.drop(tmp_path, "wrong", {}, vits_voice.make_graph(work=8))
    assert main([str(tmp_path)]) == 1
    assert "wrong holds no Piper voice" in capsys.readouterr().err
