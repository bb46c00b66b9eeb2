"""Word error rate of a recogniser (pocketsphinx, its own English model): a ranking of intelligibility, no more."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from visage.media import pcm
from visage.media.pcm import FloatPcm

RATE_HZ = 16_000
_PAUSE_S = 0.2
_HISS = 2e-4


class Recogniser:
    """Hears sentences at 16 kHz. Raises ImportError where pocketsphinx is not installed."""

    def __init__(self) -> None:
        import pocketsphinx

        self._decoder = pocketsphinx.Decoder(samprate=RATE_HZ, loglevel="FATAL")

    def hear(self, samples: FloatPcm) -> list[str]:
        """Returns the words of [samples]."""
        padded = np.pad(samples / max(float(np.abs(samples).max()), 1e-6) * 0.7, round(_PAUSE_S * RATE_HZ))
        hiss = np.random.default_rng(0).normal(0, _HISS, len(padded))
        sound = pcm.to_int16((padded + hiss).astype(np.float32))
        self._decoder.start_utt()
        self._decoder.process_raw(sound.tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return words_of(hypothesis.hypstr) if hypothesis else []

    def error_rate(self, texts: Sequence[str], recordings: Sequence[FloatPcm]) -> float:
        """Returns wrong, missing and added words over all words."""
        errors = count = 0
        for text, samples in zip(texts, recordings, strict=True):
            wanted = words_of(text)
            errors += edit_distance(wanted, self.hear(samples))
            count += len(wanted)
        return errors / count


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions (Levenshtein, 1966)."""
    row = list(range(len(second) + 1))
    for index, wanted in enumerate(first, start=1):
        before, row[0] = row[0], index
        for place, got in enumerate(second, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (wanted != got))
    return row[-1]
