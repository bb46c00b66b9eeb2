"""Process of the festival engine. Arguments: the parent's pid, festival's command.

It keeps one festival alive and speaks Scheme with it over pipes. Greeting: {"voices": [names]}. Request: {"text" in
ASCII, "rate", "words": {spelling: [[phone, stress]]}}. Answer: {"sample_rate_hz", "segments": [[symbol, end_s,
is_stressed]], "words": [[text_position, start_s, end_s]]} and int16 PCM.
"""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from visage.speech.engines.framing import Message
from visage.speech.engines.worker_loop import Answer, serve

_SCHEME: Final = Path(__file__).with_name("festival.scm")
# What festival would take for the end of a string, or read out as "left bracket".
_UNREAD: Final = str.maketrans('\\"()[]{}<>|~`^_*', " " * 16)


class Festival:
    """A festival process that has loaded the voice."""

    def __init__(self, command: Sequence[str]) -> None:
        """Starts it.

        Raises:
            OSError: It does not start, or has no such voice.
        """
        # It writes sound into files only: one that is nowhere on disk, and gone with the two processes.
        self._file = os.memfd_create("visage-festival", 0)
        self._known: set[str] = set()
        # Within this process's group and with its pipe for stdin: it ends when this process does.
        self._process = subprocess.Popen(
            [*command, "--pipe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="ascii",
            pass_fds=[self._file],
        )
        self._send(_SCHEME.read_text())
        if "ready" not in self._lines_until("ready"):
            raise OSError(f"festival has no voice cmu_us_slt_arctic_hts ({' '.join(command[:1])})")

    def speak(self, text: str, rate: float) -> tuple[list[str], bytes, int]:
        """Returns the lines that describe the speech, int16 PCM and its rate.

        Raises:
            ValueError: festival made nothing of the text.
        """
        readable = text.translate(_UNREAD)
        os.ftruncate(self._file, 0)
        path = f"/proc/self/fd/{self._file}"
        self._send(f'(unwind-protect (visage_speak "{readable}" "{path}" {rate:.4f}) (visage_say "failed"))\n')
        lines = self._lines_until("done", "failed")
        if not lines or lines[-1] != "done" or os.fstat(self._file).st_size == 0:
            raise ValueError("the engine made nothing of the text")
        with open(f"/proc/self/fd/{self._file}", "rb") as file, wave.open(file) as sound:  # noqa: PTH123 # no path
            return lines[:-1], sound.readframes(sound.getnframes()), sound.getframerate()

    def define(self, spelling: str, syllables: str) -> None:
        """Teaches a word: `syllables` as festival's lexicon writes them."""
        if spelling not in self._known:
            self._known.add(spelling)
            self._send(f'(lex.add.entry \'("{spelling}" nil {syllables}))\n')

    def _send(self, commands: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(commands)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise OSError("festival has ended") from error

    def _lines_until(self, *last: str) -> list[str]:
        """Lines that it prints, up to one of these or its end."""
        assert self._process.stdout is not None
        lines: list[str] = []
        for line in self._process.stdout:
            lines.append(line.rstrip("\n"))
            if lines[-1] in last:
                break
        return lines


def open_festival(command: Sequence[str]) -> tuple[Message, Answer]:
    """Starts festival; returns the greeting and what answers requests; raises OSError as `Festival` does."""
    festival = Festival(command)

    def answer(request: Message) -> tuple[Message, bytes]:
        for spelling, syllables in request["words"].items():
            festival.define(spelling, syllables)
        lines, samples, rate_hz = festival.speak(request["text"], request["rate"])
        segments = [line.split()[1:] for line in lines if line.startswith("s ")]
        message = {
            "sample_rate_hz": rate_hz,
            "segments": [[symbol, float(end_s), stress == "1"] for symbol, end_s, stress in segments],
            "words": _words(lines, request["text"].translate(_UNREAD)),
        }
        return message, samples

    return {"voices": ["slt-hts"]}, answer


def _words(lines: Sequence[str], text: str) -> list[tuple[int, float, float]]:
    """(position just behind, start, end) of each word of each token that is found in the text and sounds."""
    words: list[tuple[int, float, float]] = []
    position, is_found = 0, False
    for kind, *values in (line.split() for line in lines):
        if kind == "t":
            at = text.find(values[0], position) if values else -1
            is_found = at >= 0
            position = at + len(values[0]) if is_found else position
        elif kind == "w" and is_found and float(values[1]) > float(values[0]):
            words.append((position, float(values[0]), float(values[1])))
    return words


if __name__ == "__main__":
    serve(int(sys.argv[1]), lambda: open_festival(sys.argv[2:]))
