"""libespeak-ng through ctypes: text of one clause to sound with phoneme and word events.

libespeak-ng is licensed under the GPL, version 3 or later. This module is loaded only by the engine's own process,
`espeak_worker`, which talks to the service over pipes.

Source: espeak-ng 1.52, header `speak_lib.h`.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping
from ctypes import POINTER, c_char, c_char_p, c_int, c_short, c_size_t, c_ubyte, c_uint, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import espeakng_loader

from visage.speech.engines.espeak_phonemes import PhonemeTable

_SYNCHRONOUS: Final = 2
_PHONEME_EVENTS_AS_IPA: Final = 0x1 | 0x2
_DONT_EXIT: Final = 0x8000
_UTF8: Final = 0x1
_BRACKETS_ARE_PHONEMES: Final = 0x100
_AS_IPA: Final = 0x2
_RATE, _PITCH = 1, 3
_EVENT_END, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7


class _EventId(ctypes.Union):
    _fields_ = (("number", c_int), ("name", c_char_p), ("string", c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("kind", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", _EventId),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", c_char_p),
        ("languages", c_void_p),
        ("identifier", c_char_p),
        ("gender", c_ubyte),
        ("age", c_ubyte),
        ("variant", c_ubyte),
        ("reserved", c_ubyte),
        ("score", c_int),
        ("spare", c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """A voice: its identifier for `speak`, display name, gender (1 male, 2 female) and language codes.

    Each language comes with how well the voice fits a speaker of it; lower is better.
    """

    identifier: str
    name: str
    gender: int
    languages: list[tuple[str, int]]


@dataclass(slots=True)
class EspeakSpeech:
    """What espeak-ng made of a clause.

    Attributes:
        pcm: int16 samples in the machine's byte order.
        phonemes: (IPA, first sample), in order; an empty IPA is a pause.
        words: (position in the text, length in the text, first sample), in order.
    """

    pcm: bytearray = field(default_factory=bytearray)
    phonemes: list[tuple[str, int]] = field(default_factory=list)
    words: list[tuple[int, int, int]] = field(default_factory=list)


class EspeakLibrary:
    """The library, initialised; not thread-safe, one per process."""

    def __init__(self) -> None:
        """Loads and initialises the library with the wheel's data.

        Raises:
            OSError: The library or its data cannot be loaded.
        """
        self._espeak = ctypes.CDLL(espeakng_loader.get_library_path())
        self._data = Path(espeakng_loader.get_data_path())
        self._espeak.espeak_Synth.argtypes = [
            c_char_p, c_size_t, c_uint, c_int, c_uint, c_uint, POINTER(c_uint), c_void_p
        ]  # fmt: skip
        self._espeak.espeak_TextToPhonemes.argtypes = [POINTER(c_void_p), c_int, c_int]
        self._espeak.espeak_TextToPhonemes.restype = c_char_p
        self._espeak.espeak_ListVoices.restype = POINTER(POINTER(_Voice))
        options = _PHONEME_EVENTS_AS_IPA | _DONT_EXIT
        self.sample_rate_hz = int(self._espeak.espeak_Initialize(_SYNCHRONOUS, 0, str(self._data).encode(), options))
        if self.sample_rate_hz <= 0:
            raise OSError(f"espeak-ng cannot use its data in {self._data}")
        self._tables: dict[str, PhonemeTable] = {}
        self._speech = EspeakSpeech()
        # The library keeps the pointer, so the object must live as long as it does.
        self._callback = _Callback(self._collect)
        self._espeak.espeak_SetSynthCallback(self._callback)

    def voices(self) -> list[EspeakVoice]:
        """Returns the voices whose pronunciation dictionary is there."""
        listed = self._espeak.espeak_ListVoices(None)
        voices = []
        for index in range(10_000):
            if not listed[index]:
                break
            voice = listed[index].contents
            languages = _languages(voice.languages)
            identifier = voice.identifier.decode()
            if self._has_dictionary(identifier, languages[0][0]):
                name = voice.name.decode().strip()
                voices.append(EspeakVoice(identifier, name, int(voice.gender), languages))
        return voices

    def speak(
        self, text: str, identifier: str, rate_wpm: int, pitch: int, pronunciations: Mapping[str, str]
    ) -> EspeakSpeech:
        """Speaks one clause.

        Args:
            text: What to say.
            identifier: Of a voice.
            rate_wpm: Words a minute, from 80.
            pitch: 0..99, 50 is the voice's own; each step is 12/50 semitones.
            pronunciations: IPA of characters in the text.

        Raises:
            ValueError: An unknown voice, text that the library refuses, or a sound that the language lacks.
        """
        spoken, origins = self._bracketed(text, identifier, pronunciations)
        if not pronunciations:
            return self._synthesize(spoken, rate_wpm, pitch, 0)
        speech = self._synthesize(spoken, rate_wpm, pitch, _BRACKETS_ARE_PHONEMES)
        last = len(origins) - 1
        speech.words = [(origins[min(max(at, 0), last)], length, sample) for at, length, sample in speech.words]
        return speech

    def read(self, text: str, identifier: str, pronunciations: Mapping[str, str]) -> tuple[list[str], list[int]]:
        """Returns the IPA of a clause by words, some joined, and where its words begin in the text.

        Raises:
            ValueError: As `speak`.
        """
        positions = [position for position, _, _ in self.speak(text, identifier, 175, 50, pronunciations).words]
        # Whether brackets are phonemes is still as the call above has said.
        spoken, _ = self._bracketed(text, identifier, pronunciations)
        buffer = ctypes.create_string_buffer(spoken.encode())
        place = c_void_p(ctypes.addressof(buffer))
        groups: list[str] = []
        while place.value:
            said = self._espeak.espeak_TextToPhonemes(ctypes.byref(place), _UTF8, _AS_IPA)
            groups += said.decode("utf-8", "ignore").split()
        return groups, positions

    def _bracketed(self, text: str, identifier: str, pronunciations: Mapping[str, str]) -> tuple[str, list[int]]:
        """The text with mnemonics for its pronunciations, and where in the given one each character stands."""
        if self._espeak.espeak_SetVoiceByName(identifier.encode()) != 0:
            raise ValueError(f"unknown voice {identifier!r}")
        if not pronunciations:
            return text, list(range(len(text)))
        table = self._table(identifier)
        pieces: list[str] = []
        origins: list[int] = []
        for position, character in enumerate(text):
            ipa = pronunciations.get(character)
            # The caller's own brackets must not be taken for phonemes.
            piece = f" [[{table.mnemonics(ipa)}]] " if ipa else " " if character in "[]" else character
            pieces.append(piece)
            origins += [position] * len(piece)
        return "".join(pieces), origins

    def _synthesize(self, text: str, rate_wpm: int, pitch: int, flags: int) -> EspeakSpeech:
        self._espeak.espeak_SetParameter(_RATE, rate_wpm, 0)
        self._espeak.espeak_SetParameter(_PITCH, pitch, 0)
        self._speech = EspeakSpeech()
        data = text.encode()
        if self._espeak.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8 | flags, None, None) != 0:
            raise ValueError("the engine refused the text")
        self._espeak.espeak_Synchronize()
        return self._speech

    def _table(self, identifier: str) -> PhonemeTable:
        """The mnemonics of the voice that is set."""
        if identifier not in self._tables:
            self._tables[identifier] = PhonemeTable(
                lambda said: [
                    ipa for ipa, _ in self._synthesize(f"[[{said}]]", 300, 50, _BRACKETS_ARE_PHONEMES).phonemes
                ]
            )
        return self._tables[identifier]

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if count > 0:
            self._speech.pcm += ctypes.string_at(samples, count * ctypes.sizeof(c_short))
        index = 0
        while (event := events[index]).kind != _EVENT_END:
            if event.kind == _EVENT_PHONEME:
                ipa = ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0]
                self._speech.phonemes.append((ipa.decode("utf-8", "ignore"), event.sample))
            elif event.kind == _EVENT_WORD:
                self._speech.words.append((event.text_position - 1, event.length, event.sample))
            index += 1
        return 0

    def _has_dictionary(self, identifier: str, language: str) -> bool:
        """Whether the dictionary that the voice's file names, or that of its language, is among the data."""
        file = self._data / "lang" / identifier
        named = re.search(r"^dictionary\s+(\S+)", file.read_text("utf-8"), re.MULTILINE) if file.exists() else None
        dictionary = named.group(1) if named else language.split("-")[0]
        return (self._data / f"{dictionary}_dict").exists()


def _languages(address: int) -> list[tuple[str, int]]:
    """Codes and priorities of a list of (priority byte, zero-terminated code), which ends with priority 0."""
    languages = []
    while priority := ctypes.string_at(address, 1)[0]:
        code = ctypes.string_at(address + 1)
        languages.append((code.decode(), priority))
        address += len(code) + 2
    return languages
