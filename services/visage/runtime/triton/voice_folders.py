"""Folders of Piper voices in a model repository: `NAME/VOICE.onnx` and `NAME/VOICE.onnx.json`, as users have them.

The embedded server finds them by itself and leaves the folders as they are. For a Triton of one's own,

    python -m visage.runtime.triton.voice_folders REPOSITORY

writes beside them what any Triton with the onnxruntime backend needs: `config.pbtxt` and `1/model.onnx`.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from visage.runtime.triton.vits_graph import NotAVoice, make_batchable
from visage.runtime.triton.voice_files import VOICE_PARAMETER, VoiceFile, read_voice_file

_CONFIG: Final = "config.pbtxt"
_LARGEST_BATCH: Final = 8
_LICENSE_LINE: Final = re.compile(r"^\W*licen[cs]e\W+(\S.*)$", re.IGNORECASE | re.MULTILINE)
_SCHEDULING: Final = """
dynamic_batching {
  max_queue_delay_microseconds: 5000
  default_queue_policy {
    timeout_action: REJECT
    default_timeout_microseconds: 10000000
    allow_timeout_override: true
    max_queue_size: 32
  }
}
instance_group [ { count: 1 kind: KIND_AUTO } ]
parameters { key: "intra_op_thread_count" value { string_value: "2" } }
parameters { key: "inter_op_thread_count" value { string_value: "1" } }
"""


def find_voice_folders(repository: Path) -> list[Path]:
    """Returns the folders that hold an ONNX file and no configuration, by name; none if there is no repository."""
    if not repository.is_dir():
        return []
    return sorted(
        folder
        for folder in repository.iterdir()
        if folder.is_dir() and not (folder / _CONFIG).exists() and any(folder.glob("*.onnx"))
    )


def make_servable(folder: Path, target: Path) -> None:
    """Writes the configuration and the batchable model of a voice into `target`, a model's folder.

    Raises:
        NotAVoice: The folder is not that of a Piper voice; the message names it and says why.
        OSError: It cannot be read, or the target not written.
    """
    try:
        model_path, voice = _read_voice(folder)
        model, has_speakers = make_batchable(model_path.read_bytes())
        if has_speakers != (voice.num_speakers > 1):
            raise NotAVoice(
                f"num_speakers is {voice.num_speakers}, but the model takes {'a' if has_speakers else 'no'} speaker"
            )
    except NotAVoice as error:
        raise NotAVoice(f"{folder} holds no Piper voice: {error}") from None
    (target / "1").mkdir(parents=True, exist_ok=True)
    (target / "1" / "model.onnx").write_bytes(model)
    # Last: with it the folder counts as finished.
    (target / _CONFIG).write_text(_configuration(target.name, voice, has_speakers))


def lay_out(repository: Path, target: Path) -> Path:
    """Returns a repository in which the voices are servable: itself, or `target`, which links to its other models.

    Raises:
        NotAVoice: As `make_servable`.
        OSError: The target cannot be written.
    """
    voices = find_voice_folders(repository)
    if not voices:
        return repository
    target.mkdir(parents=True)
    for entry in repository.iterdir():
        if entry not in voices:
            (target / entry.name).symlink_to(entry.resolve(), target_is_directory=entry.is_dir())
    for folder in voices:
        make_servable(folder, target / folder.name)
    return target


class Layout:
    """The repositories of one server, laid out in a folder that goes with its process."""

    def __init__(self, repositories: Sequence[Path]) -> None:
        self._repositories = list(repositories)
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def make(self) -> list[Path]:
        """Returns what the server is given; nothing is made where there are no voices. Raises as `lay_out`."""
        self.remove()
        if not any(find_voice_folders(folder) for folder in self._repositories):
            return self._repositories
        # Triton looks into it whenever its models are listed.
        self._scratch = tempfile.TemporaryDirectory(prefix="visage-voices-")
        scratch = Path(self._scratch.name)
        return [lay_out(folder, scratch / str(index)) for index, folder in enumerate(self._repositories)]

    def remove(self) -> None:
        """Removes what was made."""
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None


def _read_voice(folder: Path) -> tuple[Path, VoiceFile]:
    models = sorted(folder.glob("*.onnx"))
    if len(models) != 1:
        raise NotAVoice(f"it has {len(models)} ONNX files; each voice needs a folder of its own")
    described = models[0].with_name(models[0].name + ".json")
    if not described.is_file():
        raise NotAVoice(f"{described.name} is missing")
    try:
        voice = read_voice_file(described.read_text("utf-8"))
    except NotAVoice as error:
        raise NotAVoice(f"{described.name}: {error}") from None
    except UnicodeDecodeError:
        raise NotAVoice(f"{described.name} is not text in UTF-8") from None
    return models[0], voice if voice.license else voice.model_copy(update={"license": _license_beside(folder)})


def _license_beside(folder: Path) -> str:
    """What the model card says of the licence, or the first line of the licence file; empty without both."""
    for card in sorted(folder.glob("MODEL_CARD*")):
        found = _LICENSE_LINE.search(card.read_text("utf-8", "replace"))
        if found:
            return found.group(1).strip()[:200]
    for text in sorted(folder.glob("LICEN[CS]E*")):
        lines = text.read_text("utf-8", "replace").split("\n")
        return next((line.strip()[:200] for line in lines if line.strip()), "")
    return ""


def _configuration(name: str, voice: VoiceFile, has_speakers: bool) -> str:
    config = text_format.Parse(_SCHEDULING, model_config_pb2.ModelConfig())
    config.name, config.backend, config.max_batch_size = name, "onnxruntime", _LARGEST_BATCH
    speaker = [("speaker", "TYPE_INT64", 1)] if has_speakers else []
    for tensor, kind, dim in [
        ("ids", "TYPE_INT64", -1),
        ("lengths", "TYPE_INT64", 1),
        ("prosody", "TYPE_FP32", 3),
        *speaker,
    ]:
        config.input.add(name=tensor, data_type=kind, dims=[dim])
    for tensor in ("audio", "durations"):
        config.output.add(name=tensor, data_type="TYPE_FP32", dims=[-1])
    config.parameters[VOICE_PARAMETER].string_value = voice.model_dump_json()
    return text_format.MessageToString(config)


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the voices of a repository servable where they lie; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m visage.runtime.triton.voice_folders", description=__doc__)
    parser.add_argument("repository", type=Path)
    try:
        for folder in find_voice_folders(parser.parse_args(arguments).repository):
            make_servable(folder, folder)
            print(folder)
    except (NotAVoice, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
