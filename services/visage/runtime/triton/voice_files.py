"""The JSON file of a Piper voice: what of it is used here. Source: https://github.com/rhasspy/piper, `TRAINING.md`."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from visage.runtime.triton.vits_graph import NotAVoice

PAD, START, END = "_", "^", "$"
VOICE_PARAMETER: Final = "visage_voice"
"""Parameter of a model's configuration that holds a `VoiceFile`."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Audio(_Part):
    """How it sounds."""

    sample_rate: int = Field(ge=8_000, le=48_000)
    quality: str = ""


class Espeak(_Part):
    """Who turns text into phonemes."""

    voice: str = Field(min_length=1)


class Language(_Part):
    """Which language it speaks, such as en_US."""

    code: str = ""


class Inference(_Part):
    """The `scales` that the voice was trained for."""

    noise_scale: float = Field(0.667, ge=0)
    length_scale: float = Field(1.0, gt=0)
    noise_w: float = Field(0.8, ge=0)


class VoiceFile(_Part):
    """A voice's own description.

    Attributes:
        phoneme_id_map: Unicode character → ids; `^`, `$` and `_` are start, end and the filling between phonemes.
        vowel_clusters: Characters that have an id together, such as those of "aɪ".
        speaker_id_map: Name → number of each speaker.
        hop_length: Samples of one frame.
        license: As the JSON file, the model card or the licence file has it; empty if none of them says.
    """

    audio: Audio
    espeak: Espeak
    language: Language = Language()
    inference: Inference = Inference()
    phoneme_type: Literal["espeak"] = "espeak"
    phoneme_id_map: dict[str, list[int]]
    vowel_clusters: list[list[str]] = []
    num_speakers: int = Field(1, ge=1)
    speaker_id_map: dict[str, int] = {}
    hop_length: int = Field(256, ge=1)
    dataset: str = ""
    license: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [sign for sign in (START, END, PAD) if not self.phoneme_id_map.get(sign)]
        if missing:
            raise ValueError(f"phoneme_id_map lacks {' '.join(missing)}")
        if self.num_speakers > 1 and sorted(self.speaker_id_map.values()) != list(range(self.num_speakers)):
            raise ValueError("speaker_id_map does not number the num_speakers speakers from 0")
        return self

    @property
    def clusters(self) -> frozenset[str]:
        """The joined characters of `vowel_clusters`."""
        return frozenset("".join(cluster) for cluster in self.vowel_clusters)

    @property
    def speakers(self) -> dict[str, int]:
        """Name → number of the speakers; empty if there is only one."""
        return self.speaker_id_map if self.num_speakers > 1 else {}


def read_voice_file(text: str) -> VoiceFile:
    """Returns the voice that a JSON file describes. Raises NotAVoice with every field that is wrong."""
    try:
        return VoiceFile.model_validate_json(text)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, problem['loc'])) or 'file'}: {problem['msg']}" for problem in error.errors()]
        raise NotAVoice("; ".join(problems)) from None
