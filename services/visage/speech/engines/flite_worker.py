"""Process of the flite engine. Argument: the parent's pid.

Greeting: {"voices": [names]}. Request: {"text", "voice", "stretch", "pitch_factor", "words":
{spelling: [phones]}}. Answer: {"sample_rate_hz",
"segments": [[symbol, end_s, is_stressed]], "words": [[text_position, start_s, end_s]]} and int16 PCM.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

from visage.speech.engines.flite_library import FliteLibrary
from visage.speech.engines.framing import Message
from visage.speech.engines.worker_loop import Answer, serve

VOICES: Final = ("rms", "awb", "slt", "kal16")


def open_flite() -> tuple[Message, Answer]:
    """Loads the library and every voice that is there; returns the greeting and what answers requests.

    Raises:
        OSError: The library is not there.
    """
    library = FliteLibrary()
    voices = []
    for voice in VOICES:
        with suppress(OSError):
            library.load_voice(voice)
            voices.append(voice)

    def answer(request: Message) -> tuple[Message, bytes]:
        for spelling, phones in request["words"].items():
            library.define(spelling, phones, request["voice"])
        speech = library.speak(request["text"], request["voice"], request["stretch"], request["pitch_factor"])
        message = {
            "sample_rate_hz": speech.sample_rate_hz,
            "segments": speech.segments,
            "words": speech.words,
        }
        return message, speech.pcm

    return {"voices": voices}, answer


if __name__ == "__main__":
    serve(int(sys.argv[1]), open_flite)
