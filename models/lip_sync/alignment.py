"""Phone times of recorded human speech whose words are known, by pocketsphinx (Viterbi alignment on a 10 ms grid)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from visage.media.phone_timing import phones_from_segments
from visage.media.phones import TimedPhone

SAMPLE_RATE_HZ = 16000
_FRAME_S = 0.01
_FILLERS = frozenset({"SIL", "+SPN+", "+NSN+"})


class Excerpt(NamedTuple):
    """What is said in a recording, or in the seconds of it whose words are certain."""

    recording: str
    words: str
    start_s: float = 0.0
    end_s: float = math.inf


EXCERPTS = (
    Excerpt("Claire_neutral", "she usually rushes to push the garage door closed", 0.25, 3.72),
    Excerpt("Claire_neutral", "watching a magic show", 5.72, 7.45),
    Excerpt("Claire_neutral", "in her new yellow car", 10.70, 12.68),
    Excerpt(
        "Claire_anger",
        "the beige hue on the waters of the loch impressed all including the french queen"
        " before she heard that symphony again just as young arthur wanted",
    ),
    Excerpt("Mark_joy", "with tenure suzied have all the more leisure for yachting but her publications are no good"),
)
# Words that the dictionary lacks or pronounces otherwise.
PRONUNCIATIONS = {"suzied": "S UW Z IY D", "loch": "L AA K", "hue": "HH Y UW", "yachting": "Y AA T IH NG"}


def read_recording(file: Path, start_s: float = 0.0, end_s: float = math.inf) -> NDArray[np.int16]:
    """16 kHz mono PCM at half of full scale, between two times."""
    sound, rate_hz = soundfile.read(file, dtype="float64", always_2d=True)
    mono = resample_poly(sound.mean(axis=1), SAMPLE_RATE_HZ, rate_hz)
    mono = mono[int(start_s * SAMPLE_RATE_HZ) : int(min(end_s * SAMPLE_RATE_HZ, len(mono)))]
    return np.asarray(mono / np.abs(mono).max() * 0.5 * 32767, np.int16)


def align(pcm: NDArray[np.int16], transcript: str) -> list[TimedPhone]:
    """Timed phones of `transcript` in `pcm`.

    Raises:
        RuntimeError: The words do not fit the sound.
    """
    import pocketsphinx

    decoder = pocketsphinx.Decoder(
        samprate=SAMPLE_RATE_HZ, loglevel="FATAL", beam=1e-120, wbeam=1e-100, pbeam=1e-120, bestpath=False, lm=None
    )
    for word, pronunciation in PRONUNCIATIONS.items():
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, pronunciation, True)
    decoder.set_align_text(transcript)
    _decode(decoder, pcm)
    if decoder.hyp() is None:
        raise RuntimeError("the words do not fit the sound")
    # The second pass finds the phones within the words of the first.
    decoder.set_alignment()
    _decode(decoder, pcm)
    segments = [
        (
            "sil" if phone.name in _FILLERS else phone.name,
            phone.start * _FRAME_S,
            (phone.start + phone.duration) * _FRAME_S,
        )
        for word in decoder.get_alignment()
        for phone in word
    ]
    return phones_from_segments(segments)


def _decode(decoder: object, pcm: NDArray[np.int16]) -> None:
    decoder.start_utt()  # type: ignore[attr-defined]
    decoder.process_raw(pcm.tobytes(), full_utt=True)  # type: ignore[attr-defined]
    decoder.end_utt()  # type: ignore[attr-defined]
