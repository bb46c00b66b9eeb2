"""Child process that speaks with espeak-ng: one JSON job a line in, one JSON header line and the PCM bytes out.

espeak-ng is GPL-3, so it runs apart and serves training only; nothing of it is imported by the product.
Jobs: {"text", "voice", "rate_wpm", "pitch", "pitch_range"}. Headers: {"sample_rate_hz", "events", "byte_count"} or
{"error"}; `events` are [IPA, start in seconds]. A job {"text", "voice", "spell": true} asks for the IPA alone, one
string a clause: {"clauses"}.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

import espeakng_loader

SYNCHRONOUS = 2
PHONEME_EVENTS, PHONEME_IPA, DONT_EXIT = 1, 2, 0x8000
EVENT_LIST_END, EVENT_PHONEME = 0, 7
UTF8_TEXT = 1
RATE, VOLUME, PITCH, PITCH_RANGE = 1, 2, 3, 4
SPELL_IN_IPA = 2


class Identifier(ctypes.Union):
    """What an event is about: a number, a name or, for phonemes, eight bytes of UTF-8."""

    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", Identifier),
    ]


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


class Speaker:
    """The one synthesiser of this process."""

    def __init__(self) -> None:
        """Load the library and its data from the wheel."""
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        options = PHONEME_EVENTS | PHONEME_IPA | DONT_EXIT
        data_path = espeakng_loader.get_data_path().encode()
        self.sample_rate_hz: int = self._library.espeak_Initialize(SYNCHRONOUS, 0, data_path, options)
        self._pcm = bytearray()
        self._events: list[tuple[str, float]] = []
        # Kept, since the library holds only a bare pointer to it.
        self._callback = Callback(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, job: dict[str, Any]) -> tuple[bytes, list[tuple[str, float]]]:
        """16-bit mono PCM and the phoneme events of one job.

        Raises:
            ValueError: An unknown voice.
        """
        self._pcm.clear()
        self._events.clear()
        if self._library.espeak_SetVoiceByName(job["voice"].encode()) != 0:
            raise ValueError(f"unknown voice {job['voice']}")
        settings = {RATE: job["rate_wpm"], VOLUME: 100, PITCH: job["pitch"], PITCH_RANGE: job["pitch_range"]}
        for parameter, value in settings.items():
            self._library.espeak_SetParameter(parameter, int(value), 0)
        text = job["text"].encode()
        self._library.espeak_Synth(
            ctypes.c_char_p(text), ctypes.c_size_t(len(text) + 1), 0, 0, 0, UTF8_TEXT, None, None
        )
        self._library.espeak_Synchronize()
        return bytes(self._pcm), list(self._events)

    def spell(self, job: dict[str, Any]) -> list[str]:
        """IPA of each clause of one job's text.

        Raises:
            ValueError: An unknown voice.
        """
        if self._library.espeak_SetVoiceByName(job["voice"].encode()) != 0:
            raise ValueError(f"unknown voice {job['voice']}")
        function = self._library.espeak_TextToPhonemes
        function.restype = ctypes.c_char_p
        function.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        rest = ctypes.c_char_p(job["text"].encode())
        clauses = []
        while rest.value:
            clauses.append((function(ctypes.byref(rest), UTF8_TEXT, SPELL_IN_IPA) or b"").decode("utf-8", "replace"))
        return clauses

    def _collect(self, pcm: Any, sample_count: int, events: Any) -> int:
        if sample_count > 0:
            self._pcm += ctypes.string_at(pcm, 2 * sample_count)
        index = 0
        while events[index].type != EVENT_LIST_END:
            event = events[index]
            if event.type == EVENT_PHONEME:
                ipa = ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0].decode("utf-8", "replace")
                self._events.append((ipa, event.sample / self.sample_rate_hz))
            index += 1
        return 0


def main() -> None:
    """Answer jobs until the input ends."""
    speaker = Speaker()
    for line in sys.stdin:
        header: dict[str, Any]
        pcm = b""
        try:
            job = json.loads(line)
            if job.get("spell"):
                header = {"clauses": speaker.spell(job)}
            else:
                pcm, events = speaker.speak(job)
                header = {"sample_rate_hz": speaker.sample_rate_hz, "events": events, "byte_count": len(pcm)}
        except ValueError as error:
            header = {"error": str(error)}
        sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + pcm)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
