"""The synthetic voices that the corpus is spoken by, each with the exact times of its phones.

flite and festival come as system packages (Debian: `flite libflite1 festival festvox-us-slt-hts festvox-kallpc16k
festvox-kdlpc16k festvox-italp16k festvox-itapc16k festvox-suopuhe-lj festvox-suopuhe-mv festvox-czech-dita
festvox-czech-krb festvox-czech-machac festvox-czech-ph festvox-ru festvox-hi-nsk festvox-te-nsk festival-hi festival-te
festvox-ca-ona-hts`), espeak-ng as the wheel `espeakng-loader`. None is needed to run the product; they make training
data.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import subprocess
import sys
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.lip_sync.festival_voices import FestivalVoice
from visage.media.phone_timing import phones_from_espeak, phones_from_segments
from visage.media.phones import TimedPhone, classes_of_ipa

# Seconds by which a voice's labels run ahead of its audio, measured at plosive bursts.
LABEL_LEAD_S = {"slt": 0.012, "rms": 0.005, "awb": 0.003, "kal16": 0.005}
# Mean F0 in Hz of the flite voices, the centre of their variation.
FLITE_PITCH_HZ = {"slt": 170.0, "rms": 100.0, "awb": 130.0, "kal16": 110.0}


@dataclass(frozen=True, slots=True)
class Utterance:
    """One spoken sentence: mono int16 `pcm` [samples] and its phones on the same clock."""

    pcm: NDArray[np.int16]
    sample_rate_hz: int
    phones: Sequence[TimedPhone]


class Espeak:
    """espeak-ng in a child process; a context manager."""

    def __enter__(self) -> Espeak:
        """Start the child."""
        command = [sys.executable, "-m", "models.lip_sync.espeak_process"]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        """End the child by ending its input."""
        self._child.communicate()

    def speak(self, text: str, voice: str, rate_wpm: float, pitch: int, pitch_range: int) -> Utterance:
        """Synthesise one text.

        Raises:
            ValueError: An unknown voice.
        """
        job = {"text": text, "voice": voice, "rate_wpm": rate_wpm, "pitch": pitch, "pitch_range": pitch_range}
        header = self._ask(job)
        assert self._child.stdout
        pcm = np.frombuffer(self._child.stdout.read(header["byte_count"]), np.int16)
        rate_hz = header["sample_rate_hz"]
        return Utterance(pcm, rate_hz, phones_from_espeak(header["events"], pcm, rate_hz))

    def spell(self, text: str, voice: str) -> list[str]:
        """IPA of each clause of a text.

        Raises:
            ValueError: An unknown voice.
        """
        clauses: list[str] = self._ask({"text": text, "voice": voice, "spell": True})["clauses"]
        return clauses

    def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._child.stdin and self._child.stdout
        self._child.stdin.write(json.dumps(job).encode() + b"\n")
        self._child.stdin.flush()
        header: dict[str, Any] = json.loads(self._child.stdout.readline())
        if "error" in header:
            raise ValueError(header["error"])
        return header


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class _Voice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


class Flite:
    """One voice of libflite."""

    def __init__(self, voice: str) -> None:
        """Load the voice's library; raises OSError if it is not installed."""
        for name in ("libflite_cmulex.so.1", "libflite_usenglish.so.1"):
            ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        self._library = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        signatures: dict[str, tuple[Any, list[Any]]] = {
            "flite_synth_text": (pointer, [text, pointer]),
            "utt_relation": (pointer, [pointer, text]),
            "relation_head": (pointer, [pointer]),
            "item_next": (pointer, [pointer]),
            "item_feat_float": (ctypes.c_float, [pointer, text]),
            "item_feat_string": (text, [pointer, text]),
            "utt_wave": (pointer, [pointer]),
            "delete_utterance": (None, [pointer]),
            "flite_feat_set_float": (None, [pointer, text, ctypes.c_float]),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
        self._library.flite_init()
        register = getattr(ctypes.CDLL(f"libflite_cmu_us_{voice}.so.1"), f"register_cmu_us_{voice}")
        register.restype, register.argtypes = pointer, [text]
        self._voice = register(None)
        self._name = voice

    def speak(self, text: str, stretch: float, pitch_hz: float, pitch_deviation_hz: float) -> Utterance:
        """Synthesise one text with durations times `stretch`."""
        library = self._library
        features = ctypes.cast(self._voice, ctypes.POINTER(_Voice)).contents.features
        library.flite_feat_set_float(features, b"duration_stretch", stretch)
        library.flite_feat_set_float(features, b"int_f0_target_mean", pitch_hz)
        library.flite_feat_set_float(features, b"int_f0_target_stddev", pitch_deviation_hz)
        utterance = library.flite_synth_text(text.encode("ascii", "ignore"), self._voice)
        audio = ctypes.cast(library.utt_wave(utterance), ctypes.POINTER(_Wave)).contents
        pcm = np.ctypeslib.as_array(audio.samples, (audio.num_samples,)).copy()
        rate_hz = int(audio.sample_rate)
        segments: list[tuple[str, float, float]] = []
        start_s = 0.0
        item = library.relation_head(library.utt_relation(utterance, b"Segment"))
        while item:
            end_s = float(library.item_feat_float(item, b"end"))
            segments.append((library.item_feat_string(item, b"name").decode(), start_s, end_s))
            start_s = end_s
            item = library.item_next(item)
        library.delete_utterance(utterance)
        return Utterance(pcm, rate_hz, phones_from_segments(segments, offset_s=LABEL_LEAD_S[self._name]))


_FESTIVAL_PRELUDE = """
(define (speak_to text wav lab)
  (let ((utt (utt.synth (eval (list 'Utterance 'Text text)))) (file (fopen lab "w")))
    (utt.save.wave utt wav 'riff)
    (mapcar (lambda (s) (format file "%s %f\\n" (item.name s) (item.feat s "end"))) (utt.relation.items utt 'Segment))
    (fclose file)))
"""


def speak_with_festival(
    voice: FestivalVoice, texts: Sequence[str], stretches: Sequence[float], folder: Path
) -> list[Utterance]:
    """Synthesise `texts` in one festival process; those that the voice cannot read are left out.

    The environment's FESTIVAL is the command that starts it, where it is not in the system's own places.

    Args:
        voice: Who speaks.
        texts: Sentences that the voice's encoding can hold.
        stretches: Scale of the durations of each text.
        folder: For the process's files; the caller removes it.
    """
    lines = [_FESTIVAL_PRELUDE, f"({voice.selector})"]
    for index, (text, stretch) in enumerate(zip(texts, stretches, strict=True)):
        quoted = text.replace("\\", "").replace('"', "")
        lines.append(f"(Parameter.set 'Duration_Stretch {stretch:.3f})")
        lines.append(f'(unwind-protect (speak_to "{quoted}" "{folder}/{index}.wav" "{folder}/{index}.lab"))')
    script = folder / "texts.scm"
    script.write_text("\n".join(lines), encoding=voice.encoding, errors="ignore")
    command = shlex.split(os.environ.get("FESTIVAL", "festival"))
    subprocess.run([*command, "-b", str(script)], capture_output=True, check=False)
    utterances = []
    for index in range(len(texts)):
        audio_file, label_file = folder / f"{index}.wav", folder / f"{index}.lab"
        if not (audio_file.exists() and label_file.exists() and label_file.stat().st_size):
            continue
        with wave.open(str(audio_file)) as audio:
            pcm, rate_hz = np.frombuffer(audio.readframes(audio.getnframes()), np.int16), audio.getframerate()
        labels = [line.split() for line in label_file.read_text(encoding="latin-1").splitlines()]
        ends_s = [float(end) for _, end in labels]
        segments = list(zip([name for name, _ in labels], [0.0, *ends_s[:-1]], ends_s, strict=True))
        if voice.language is None:
            phones = phones_from_segments(segments, offset_s=voice.lead_s)
        else:
            phones = phones_of_labels(segments, voice)
        utterances.append(Utterance(pcm, rate_hz, phones))
    return utterances


def phones_of_labels(segments: Sequence[tuple[str, float, float]], voice: FestivalVoice) -> list[TimedPhone]:
    """Phones of labels that are no ARPAbet; length marks and doubled letters count as one phone."""
    phones = []
    for label, start_s, end_s in segments:
        plain = label if label in voice.symbols else label.replace(":", "")
        ipa = voice.symbols.get(plain, plain)
        if end_s > start_s:
            phones.append(TimedPhone(classes_of_ipa(ipa)[0], start_s + voice.lead_s, end_s + voice.lead_s))
    return phones
