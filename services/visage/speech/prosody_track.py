"""How speech sounds, every 10 ms: fundamental frequency, energy, speaking rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.speech.psola import HOP_S, pitch_periods

FRAME_S: Final = 0.01
_RATE_WINDOW_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class ProsodyTrack:
    """Three curves on one clock; frame i lies from start_s + i · 10 ms on.

    Attributes:
        start_s: Of the first frame.
        f0_hz: [frames] 0 where nothing periodic sounds.
        energy_db: [frames] RMS level relative to full scale, from -120.
        syllables_per_s: [frames] vowels within half a second around the frame; 0 in pauses.
    """

    start_s: float
    f0_hz: FloatPcm
    energy_db: FloatPcm
    syllables_per_s: FloatPcm


def measure_prosody(
    samples: FloatPcm,
    sample_rate_hz: int,
    start_s: float,
    nuclei_s: Sequence[float],
    pauses_s: Sequence[tuple[float, float]],
) -> ProsodyTrack:
    """Measures [samples] mono.

    Args:
        samples: The sound.
        sample_rate_hz: Of the samples.
        start_s: When it begins on the clock of the whole.
        nuclei_s: Middles of the vowels, on the same clock.
        pauses_s: (start, end) of the pauses, on the same clock.
    """
    energy_db = pcm.frame_levels_db(samples, sample_rate_hz, FRAME_S)
    periods = pitch_periods(samples, sample_rate_hz)[:: round(FRAME_S / HOP_S)]
    f0_hz = np.zeros(len(energy_db), np.float32)
    known = min(len(periods), len(f0_hz))
    voiced = periods[:known] > 0
    f0_hz[:known][voiced] = sample_rate_hz / periods[:known][voiced]
    middles_s = start_s + FRAME_S * (np.arange(len(energy_db)) + 0.5)
    nuclei = np.sort(np.asarray(nuclei_s, np.float64))
    behind = np.searchsorted(nuclei, middles_s + _RATE_WINDOW_S / 2)
    before = np.searchsorted(nuclei, middles_s - _RATE_WINDOW_S / 2)
    # At the edges less than the window lies within the sound.
    ends_s = np.minimum(middles_s + _RATE_WINDOW_S / 2, start_s + len(samples) / sample_rate_hz)
    width_s = ends_s - np.maximum(middles_s - _RATE_WINDOW_S / 2, start_s)
    rates = ((behind - before) / np.maximum(width_s, FRAME_S)).astype(np.float32)
    for first_s, last_s in pauses_s:
        rates[(middles_s >= first_s) & (middles_s < last_s)] = 0.0
    return ProsodyTrack(start_s, f0_hz, energy_db, rates)


def join_tracks(tracks: Sequence[ProsodyTrack]) -> ProsodyTrack:
    """Returns tracks that follow one another as one; their frames are laid on its grid."""
    end_s = tracks[-1].start_s + FRAME_S * len(tracks[-1].energy_db)
    start_s = tracks[0].start_s
    count = round((end_s - start_s) / FRAME_S)
    curves = [np.zeros(count, np.float32), np.full(count, -120.0, np.float32), np.zeros(count, np.float32)]
    for track in tracks:
        first = round((track.start_s - start_s) / FRAME_S)
        for curve, part in zip(curves, (track.f0_hz, track.energy_db, track.syllables_per_s), strict=True):
            curve[first : first + len(part)] = part[: count - first]
    return ProsodyTrack(start_s, *curves)
