"""Changes pitch and duration of speech that is there, where an engine cannot: TD-PSOLA.

The sound is cut into pieces of two pitch periods, centred on the peaks of the wave; the pieces are laid at the new
distance and repeated or dropped to fit the new length. Formants stay where they are.

Source: E. Moulines, F. Charpentier, "Pitch-synchronous waveform processing techniques for text-to-speech synthesis
using diphones", Speech Communication 9 (1990).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.pcm import FloatPcm

LOWEST_PITCH_HZ: Final = 60.0
HIGHEST_PITCH_HZ: Final = 400.0
_FRAME_S: Final = 0.04
HOP_S: Final = 0.005
"""Distance of the values of `pitch_periods`."""
_BLOCK_FRAMES: Final = 512
_UNVOICED_STEP_S: Final = 0.008
_VOICED_CORRELATION: Final = 0.5
_QUIET_LEVEL: Final = 0.003
_LARGEST_GAIN: Final = 2.0


def pitch_periods(samples: FloatPcm, sample_rate_hz: int) -> NDArray[np.int64]:
    """Returns [frames] the pitch period in samples every 5 ms, 0 where nothing periodic sounds."""
    length, hop = round(_FRAME_S * sample_rate_hz), round(HOP_S * sample_rate_hz)
    if len(samples) == 0:
        return np.zeros(0, np.int64)
    padded = np.pad(samples, (length // 2, length))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[: len(samples) : hop]
    # Block by block: all the spectra of a long clause at once would take gigabytes.
    blocks = [frames[first : first + _BLOCK_FRAMES] for first in range(0, len(frames), _BLOCK_FRAMES)]
    return np.concatenate([_periods(block, sample_rate_hz) for block in blocks])


def _periods(frames: FloatPcm, sample_rate_hz: int) -> NDArray[np.int64]:
    """[frames] periods of [frames, samples]."""
    length = frames.shape[1]
    centred = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(length)
    spectrum = np.fft.rfft(centred, 2 * length, axis=1)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :length]
    # The window's own correlation would make longer periods look weaker.
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(length), 2 * length)) ** 2)[:length]
    energy = np.maximum(correlation[:, :1], 1e-9)
    shortest, longest = int(sample_rate_hz / HIGHEST_PITCH_HZ), int(sample_rate_hz / LOWEST_PITCH_HZ)
    span = slice(shortest, longest)
    scores = correlation[:, span] / energy * (window[0] / window[span])
    # A shade in favour of the shorter of two equal periods avoids octave errors.
    best = (scores - np.linspace(0, 0.1, longest - shortest)).argmax(axis=1)
    is_voiced = np.take_along_axis(scores, best[:, None], axis=1)[:, 0] > _VOICED_CORRELATION
    is_loud = energy[:, 0] / length > _QUIET_LEVEL**2
    return np.where(is_voiced & is_loud, best + shortest, 0)


@dataclass(frozen=True, slots=True)
class PitchMarks:
    """Where speech can be cut.

    Attributes:
        positions: [marks] centres of the pieces in samples, ascending: peaks of the wave where it is voiced.
        reaches: [marks] half the length of each piece: one pitch period where it is voiced.
        voiced: [marks] whether the piece is periodic.
    """

    positions: NDArray[np.int64]
    reaches: NDArray[np.int64]
    voiced: NDArray[np.bool_]


def change_pitch_and_duration(samples: FloatPcm, sample_rate_hz: int, pitch_factor: float, stretch: float) -> FloatPcm:
    """Returns speech with its pitch times `pitch_factor` and its duration times `stretch`.

    Args:
        samples: [samples] mono.
        sample_rate_hz: Of the samples.
        pitch_factor: 0.5..2 sounds well.
        stretch: 0.5..2 sounds well.
    """
    if len(samples) == 0 or (pitch_factor == 1.0 and stretch == 1.0):
        return samples
    marks = find_pitch_marks(samples, sample_rate_hz)
    factors = np.full(len(marks.positions), pitch_factor)
    return lay_pieces(samples, marks, factors, [0, len(samples)], [0, round(len(samples) * stretch)])


def lay_pieces(
    samples: FloatPcm,
    marks: PitchMarks,
    pitch_factors: NDArray[np.float64],
    bounds: Sequence[float],
    new_bounds: Sequence[float],
) -> FloatPcm:
    """Returns speech whose pitch and pace change on the way.

    Args:
        samples: [samples] mono.
        marks: Of the samples.
        pitch_factors: [marks] what the pitch at each is multiplied by.
        bounds: Positions in samples, ascending, from 0 to their number.
        new_bounds: Where each of them lies afterwards, ascending; the last one is the new length. Between bounds the
            pace is constant.
    """
    length = round(new_bounds[-1])
    margin = int(marks.reaches.max()) + 1
    padded = np.pad(samples, margin)
    sound = np.zeros(length + 2 * margin, np.float32)
    weight = np.zeros(length + 2 * margin, np.float32)
    middles = (marks.positions[1:] + marks.positions[:-1]) / 2
    windows: dict[int, FloatPcm] = {}
    position = 0.0
    while position < length:
        source = np.interp(position, new_bounds, bounds)
        nearest = int(np.searchsorted(middles, source))
        reach, centre = int(marks.reaches[nearest]), int(marks.positions[nearest]) + margin
        window = windows.setdefault(reach, np.hanning(2 * reach + 1).astype(np.float32))
        target = int(position) + margin
        sound[target - reach : target + reach + 1] += padded[centre - reach : centre + reach + 1] * window
        weight[target - reach : target + reach + 1] += window
        position += reach / (pitch_factors[nearest] if marks.voiced[nearest] else 1.0)
    # Where pieces lie closer than in the original they add up; where they lie apart, the gap is the lower pitch.
    changed = (sound / np.maximum(weight, 1.0))[margin : margin + length].astype(np.float32)
    # Overlapping pieces cancel in part; the loudness should stay.
    power = float(np.mean(np.square(changed))) if length else 0.0
    gain = math.sqrt(float(np.mean(np.square(samples))) / power) if power > 0 else 1.0
    return changed * np.float32(min(gain, _LARGEST_GAIN))


def find_pitch_marks(samples: FloatPcm, sample_rate_hz: int) -> PitchMarks:
    """Returns where [samples] mono, at least one, can be cut."""
    periods = pitch_periods(samples, sample_rate_hz)
    hop, step = round(HOP_S * sample_rate_hz), round(_UNVOICED_STEP_S * sample_rate_hz)
    marks: list[int] = []
    reaches: list[int] = []
    voiced: list[bool] = []
    position = 0
    while position < len(samples):
        period = int(periods[min(position // hop, len(periods) - 1)])
        mark = position
        if period:
            # The next peak is looked for around where a period leads to.
            slack = period // 4 if voiced and voiced[-1] else period // 2
            first = max(position - slack, marks[-1] + 1 if marks else 0)
            around = samples[first : position + slack + 1]
            mark = first + int(around.argmax()) if len(around) else position
        marks.append(mark)
        reaches.append(period or step)
        voiced.append(period > 0)
        position = mark + (period or step)
    return PitchMarks(np.array(marks), np.array(reaches), np.array(voiced))
