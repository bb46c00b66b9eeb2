"""libflite through ctypes: text of one clause to sound, phone ends and word times.

Source: Flite 2.2 (Carnegie Mellon University), headers `flite.h`, `cst_utterance.h`, `cst_item.h`, `cst_wave.h`.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from ctypes import POINTER, c_char_p, c_float, c_int, c_short, c_void_p
from dataclasses import dataclass
from typing import Any, Final

_MOST_WORDS: Final = 20_000
_SIGNATURES: Final[dict[str, tuple[Any, list[Any]]]] = {
    "flite_init": (c_int, []),
    "flite_synth_text": (c_void_p, [c_char_p, c_void_p]),
    "flite_voice_add_lex_addenda": (c_int, [c_void_p, c_char_p]),
    "flite_feat_set_float": (None, [c_void_p, c_char_p, c_float]),
    "utt_relation": (c_void_p, [c_void_p, c_char_p]),
    "utt_wave": (c_void_p, [c_void_p]),
    "delete_utterance": (None, [c_void_p]),
    "relation_head": (c_void_p, [c_void_p]),
    "item_next": (c_void_p, [c_void_p]),
    "item_prev": (c_void_p, [c_void_p]),
    "item_daughter": (c_void_p, [c_void_p]),
    "item_parent": (c_void_p, [c_void_p]),
    "item_as": (c_void_p, [c_void_p, c_char_p]),
    "item_feat_present": (c_int, [c_void_p, c_char_p]),
    "item_feat_int": (c_int, [c_void_p, c_char_p]),
    "item_feat_float": (c_float, [c_void_p, c_char_p]),
    "item_feat_string": (c_char_p, [c_void_p, c_char_p]),
}


class _Wave(ctypes.Structure):
    _fields_ = (
        ("kind", c_char_p),
        ("sample_rate", c_int),
        ("num_samples", c_int),
        ("num_channels", c_int),
        ("samples", POINTER(c_short)),
    )


class _Voice(ctypes.Structure):
    _fields_ = (("name", c_char_p), ("features", c_void_p))


@dataclass(frozen=True, slots=True)
class FliteSpeech:
    """What flite made of a clause.

    Attributes:
        pcm: int16 samples in the machine's byte order.
        sample_rate_hz: Of `pcm`.
        segments: (ARPAbet symbol, end in seconds, in a stressed syllable), ascending; each begins where the one before
            ends.
        words: (position just behind the token in the text, start in seconds, end in seconds).
    """

    pcm: bytes
    sample_rate_hz: int
    segments: list[tuple[str, float, bool]]
    words: list[tuple[int, float, float]]


class FliteLibrary:
    """The library and the voices it has loaded; not thread-safe."""

    def __init__(self) -> None:
        """Loads the library and its English front end.

        Raises:
            OSError: A library is not there.
        """
        self._flite = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        for name in ("libflite_cmulex.so.1", "libflite_usenglish.so.1"):
            ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._flite, name)
            function.restype, function.argtypes = result, arguments
        self._flite.flite_init()
        self._libc = ctypes.CDLL(None)
        self._voices: dict[str, int] = {}
        self._known: set[tuple[str, str]] = set()

    def load_voice(self, voice: str) -> None:
        """Loads `voice` (rms, awb, slt, kal16).

        Raises:
            OSError: The voice's library is not there.
        """
        if voice not in self._voices:
            register = getattr(ctypes.CDLL(f"libflite_cmu_us_{voice}.so.1"), f"register_cmu_us_{voice}")
            register.restype, register.argtypes = c_void_p, [c_char_p]
            self._voices[voice] = register(None)

    def define(self, spelling: str, phones: Sequence[str], voice: str) -> None:
        """Teaches `voice` a word of ASCII letters; vowels among the ARPAbet phones carry their stress, 0 or 1.

        Raises:
            ValueError: A voice that is not loaded, or too many words: what is taught stays in memory.
        """
        if voice not in self._voices:
            raise ValueError(f"voice {voice!r} is not loaded")
        if (voice, spelling) in self._known:
            return
        if len(self._known) >= _MOST_WORDS:
            raise ValueError("this process has learnt as many words as it can hold")
        # The library reads words from files only: one that is nowhere on disk.
        file = os.memfd_create("visage-flite")
        try:
            os.write(file, f'"{spelling}" : {" ".join(phones)}\n'.encode("ascii"))
            self._flite.flite_voice_add_lex_addenda(self._voices[voice], f"/proc/self/fd/{file}".encode())
        finally:
            os.close(file)
        self._known.add((voice, spelling))

    def speak(self, text: str, voice: str, stretch: float, pitch_factor: float) -> FliteSpeech:
        """Speaks one clause of ASCII text.

        Args:
            text: What to say.
            voice: A voice that `load_voice` loaded.
            stretch: Durations are multiplied by it.
            pitch_factor: The voice's pitch is multiplied by it, where the voice allows.

        Raises:
            ValueError: A voice that is not loaded, or text beyond ASCII.
        """
        if voice not in self._voices:
            raise ValueError(f"voice {voice!r} is not loaded")
        features = ctypes.cast(self._voices[voice], POINTER(_Voice)).contents.features
        self._flite.flite_feat_set_float(features, b"duration_stretch", stretch)
        self._flite.flite_feat_set_float(features, b"f0_shift", pitch_factor)
        # Breath noise is drawn from the C library's generator: the same text always makes the same sound.
        self._libc.srand(1)
        utterance = self._flite.flite_synth_text(text.encode("ascii"), self._voices[voice])
        if not utterance:
            raise ValueError("the engine made nothing of the text")
        try:
            wave = ctypes.cast(self._flite.utt_wave(utterance), POINTER(_Wave)).contents
            count = wave.num_samples * ctypes.sizeof(c_short)
            pcm = ctypes.string_at(wave.samples, count) if count > 0 else b""
            rate_hz = int(wave.sample_rate)
            return FliteSpeech(pcm, rate_hz, self._segments(utterance), self._words(utterance))
        finally:
            self._flite.delete_utterance(utterance)

    def _items(self, utterance: int, relation: bytes) -> Iterator[int]:
        yield from self._siblings(self._flite.relation_head(self._flite.utt_relation(utterance, relation)))

    def _siblings(self, item: int | None) -> Iterator[int]:
        while item:
            yield item
            item = self._flite.item_next(item)

    def _segments(self, utterance: int) -> list[tuple[str, float, bool]]:
        return [
            (self._flite.item_feat_string(item, b"name").decode(), self._end_s(item), self._is_stressed(item))
            for item in self._items(utterance, b"Segment")
        ]

    def _is_stressed(self, segment: int) -> bool:
        in_syllable = self._flite.item_as(segment, b"SylStructure")
        syllable = self._flite.item_parent(in_syllable) if in_syllable else None
        if not syllable or not self._flite.item_feat_present(syllable, b"stress"):
            return False
        return bool(self._flite.item_feat_string(syllable, b"stress") == b"1")

    def _words(self, utterance: int) -> list[tuple[int, float, float]]:
        words = []
        for token in self._items(utterance, b"Token"):
            segments = [
                segment
                for word in self._siblings(self._flite.item_daughter(token))
                for syllable in self._daughters(self._flite.item_as(word, b"SylStructure"))
                for segment in self._daughters(syllable)
            ]
            if segments and self._flite.item_feat_present(token, b"file_pos"):
                position = self._flite.item_feat_int(token, b"file_pos")
                words.append((position, self._start_s(segments[0]), self._end_s(segments[-1])))
        return words

    def _daughters(self, item: int | None) -> Iterator[int]:
        yield from self._siblings(self._flite.item_daughter(item) if item else None)

    def _start_s(self, segment: int) -> float:
        before = self._flite.item_prev(self._flite.item_as(segment, b"Segment"))
        return self._end_s(before) if before else 0.0

    def _end_s(self, segment: int) -> float:
        return float(self._flite.item_feat_float(segment, b"end"))
