"""Child process of `visage.runtime.audio`: decodes one file from stdin, within limits, to mono float32 on stdout.

Arguments: the parent's pid, the rate wanted in Hz, the longest duration in seconds, "recording" or "film". The answer
is one line of JSON, then the samples. The line is {} after success, {"is_mute": true} for a film without sound,
{"duration_s": …} when the sound is too long, {"cause": "…"} when it cannot be decoded.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Final

import numpy as np
import soundfile

from visage.media.pcm import FloatPcm, average_channels
from visage.runtime.audio import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, resample
from visage.runtime.confinement import confine, die_with_parent

MEMORY_BYTES: Final = 1024**3
PROCESSOR_S: Final = 10
_BLOCK_FRAMES: Final = 65_536
_MAX_CHANNELS: Final = 2
# The last ones begin an MPEG audio frame: eleven set bits, version, layer III.
_SIGNATURES: Final = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2")


class _Undecodable(Exception):
    """The content cannot become sound; the message says why."""


class _TooLong(Exception):
    """The sound is longer than the limit."""

    def __init__(self, duration_s: float) -> None:
        super().__init__(duration_s)
        self.duration_s = duration_s


def main(arguments: list[str]) -> None:
    """Answers one request; see the module's text."""
    die_with_parent(int(arguments[0]))
    target_rate_hz, max_duration_s = int(arguments[1]), float(arguments[2])
    content = sys.stdin.buffer.read()
    confine(MEMORY_BYTES, PROCESSOR_S)
    answer: dict[str, object] = {}
    samples = np.zeros(0, np.float32)
    try:
        if arguments[3] == "film":
            answer, samples = _decode_film(content, target_rate_hz, max_duration_s)
        else:
            samples = _decode(content, target_rate_hz, max_duration_s)
    except _TooLong as error:
        answer = {"duration_s": error.duration_s}
    except _Undecodable as error:
        answer = {"cause": str(error)}
    except soundfile.LibsndfileError as error:
        answer = {"cause": f"broken or unsupported: {error.error_string}"}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + samples.tobytes())


def _decode(content: bytes, target_rate_hz: int, max_duration_s: float) -> FloatPcm:
    if not content.startswith(_SIGNATURES):
        raise _Undecodable("not a WAV, FLAC, Ogg or MP3 file")
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        rate_hz = file.samplerate
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            raise _Undecodable(f"sample rate {rate_hz} Hz is not between {LOWEST_RATE_HZ} and {HIGHEST_RATE_HZ} Hz")
        if file.channels > _MAX_CHANNELS:
            raise _Undecodable(f"{file.channels} channels; mono and stereo are supported")
        blocks: list[FloatPcm] = []
        frame_count = 0
        # Headers lie: what counts is what really comes out.
        while len(block := file.read(_BLOCK_FRAMES, dtype="float32")):
            frame_count += len(block)
            if frame_count > max_duration_s * rate_hz:
                raise _TooLong(max(frame_count, file.frames) / rate_hz)
            blocks.append(average_channels(block))
    if not blocks:
        raise _Undecodable("holds no samples")
    return _finished(np.concatenate(blocks), rate_hz, target_rate_hz)


def _decode_film(content: bytes, target_rate_hz: int, max_duration_s: float) -> tuple[dict[str, object], FloatPcm]:
    # Only films need FFmpeg, which services that take recordings alone do not install.
    from visage.runtime.film_sound import film_sound
    from visage.runtime.film_streams import Undecodable

    try:
        found = film_sound(content, max_duration_s)
    except Undecodable as error:
        raise _Undecodable(str(error)) from error
    if found is None:
        return {"is_mute": True}, np.zeros(0, np.float32)
    samples, rate_hz = found
    return {}, _finished(samples, rate_hz, target_rate_hz)


def _finished(samples: FloatPcm, rate_hz: int, target_rate_hz: int) -> FloatPcm:
    if not np.isfinite(samples).all():
        raise _Undecodable("holds samples that are not numbers")
    return resample(np.clip(samples, -1.0, 1.0), rate_hz, target_rate_hz)


if __name__ == "__main__":
    main(sys.argv[1:])
