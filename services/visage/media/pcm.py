"""Mono sound as arrays: int16 ↔ float, G.711, levels, peak limiting, fades and cutting.

float32 samples lie in [-1, 1]; int16 samples are their value times 32768. Arrays are [samples] unless stated.

Source of the companding laws: ITU-T G.711 (11/88).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatPcm = NDArray[np.float32]
IntPcm = NDArray[np.int16]

INT16_FULL_SCALE: Final = 32768.0
SILENCE_LEVEL_DB: Final = -55.0
"""Below this nobody speaks: about the noise floor of a quiet room at a normal recording level."""
CLIPPED_LEVEL: Final = 0.999
_LEVEL_FRAME_S: Final = 0.02
_FLOOR_DB: Final = -120.0
_LIMITER_STEP_S: Final = 0.001
_LIMITER_REACH_STEPS: Final = 12


def to_int16(samples: FloatPcm) -> IntPcm:
    """Returns `samples` as int16, rounded; values beyond full scale are clamped, never wrapped."""
    scaled = np.rint(samples * np.float32(INT16_FULL_SCALE))
    clamped: IntPcm = np.clip(scaled, -32768, 32767).astype(np.int16)
    return clamped


def to_float32(samples: IntPcm) -> FloatPcm:
    """Returns int16 `samples` as float32 in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(INT16_FULL_SCALE)


def average_channels(samples: FloatPcm) -> FloatPcm:
    """Returns [samples] as the mean of [samples, channels]; mono passes through."""
    if samples.ndim == 1:
        return samples
    mean: FloatPcm = samples.mean(axis=1, dtype=np.float32)
    return mean


def decibels_to_gain(gain_db: float) -> float:
    """Returns the amplitude factor of a gain in decibels."""
    return float(10.0 ** (gain_db / 20.0))


def level_db(samples: FloatPcm) -> float:
    """Returns the RMS level in dB relative to full scale; -120 for digital silence and for no samples."""
    if len(samples) == 0:
        return _FLOOR_DB
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(_FLOOR_DB, 10.0 * float(np.log10(power))) if power > 0 else _FLOOR_DB


def frame_levels_db(samples: FloatPcm, sample_rate_hz: int, frame_s: float = _LEVEL_FRAME_S) -> FloatPcm:
    """Returns the RMS level in dB of each frame of `frame_s` seconds, the last one perhaps shorter."""
    length = max(1, round(frame_s * sample_rate_hz))
    if len(samples) == 0:
        return np.zeros(0, np.float32)
    starts = np.arange(0, len(samples), length)
    energy = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
    counts = np.diff(np.append(starts, len(samples)))
    return np.maximum(10.0 * np.log10(energy / counts + 1e-30), _FLOOR_DB).astype(np.float32)


def is_silent(samples: FloatPcm, sample_rate_hz: int, threshold_db: float = SILENCE_LEVEL_DB) -> bool:
    """Returns whether no 20 ms of `samples` reach `threshold_db`; a constant offset does not count as sound."""
    if len(samples) == 0:
        return True
    centred = samples - samples.mean(dtype=np.float64).astype(np.float32)
    return float(frame_levels_db(centred, sample_rate_hz).max()) < threshold_db


def clipped_share(samples: FloatPcm) -> float:
    """Returns the share 0..1 of samples at full scale that have a neighbour at the same end of the scale.

    A single sample at full scale is a peak; several in a row are a flattened wave.
    """
    if len(samples) < 2:
        return 0.0
    clipped = 0
    for at_end in (samples >= CLIPPED_LEVEL, samples <= -CLIPPED_LEVEL):
        beside = np.zeros(len(samples), bool)
        beside[1:] |= at_end[:-1]
        beside[:-1] |= at_end[1:]
        clipped += int(np.count_nonzero(at_end & beside))
    return clipped / len(samples)


def limit_peaks(samples: FloatPcm, sample_rate_hz: int, ceiling_db: float = -1.0) -> FloatPcm:
    """Returns `samples` with peaks above the ceiling turned down, smoothly from 12 ms before to 12 ms after.

    The gain is a moving average over a moving minimum of the gain that each millisecond needs, so no sample passes the
    ceiling and the wave keeps its shape. Samples far from a peak are returned as they are.
    """
    ceiling = decibels_to_gain(ceiling_db)
    if len(samples) == 0 or float(np.abs(samples).max()) <= ceiling:
        return samples
    step = max(1, round(_LIMITER_STEP_S * sample_rate_hz))
    peaks = np.maximum.reduceat(np.abs(samples), np.arange(0, len(samples), step))
    needed = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    reach = _LIMITER_REACH_STEPS
    # One step more than the average reaches: interpolated gains then stay below what their own step needs.
    padded = np.pad(needed, 2 * reach + 1, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 3).min(axis=1)
    smooth = np.convolve(lowest, np.full(2 * reach + 1, 1.0 / (2 * reach + 1)), mode="valid")
    centres = (np.arange(len(smooth)) + 0.5) * step
    gain = np.interp(np.arange(len(samples)), centres, smooth).astype(np.float32)
    limited: FloatPcm = samples * gain
    return limited


def fade_edges(samples: FloatPcm, fade_length: int) -> FloatPcm:
    """Returns `samples` with raised-cosine ramps over the first and last `fade_length` samples."""
    length = min(fade_length, len(samples) // 2)
    if length == 0:
        return samples
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
    faded = samples.copy()
    faded[:length] *= ramp
    faded[-length:] *= ramp[::-1]
    return faded


def split(samples: FloatPcm, length: int) -> Iterator[FloatPcm]:
    """Yields `samples` in pieces of `length` samples, the last one perhaps shorter."""
    for start in range(0, len(samples), length):
        yield samples[start : start + length]


def encode_mulaw(samples: IntPcm) -> bytes:
    """Returns the G.711 µ-law bytes of int16 `samples`."""
    return _MULAW_OF_INT16[samples.astype(np.int32) + 32768].tobytes()


def decode_mulaw(data: bytes) -> IntPcm:
    """Returns the int16 samples of G.711 µ-law bytes."""
    return _INT16_OF_MULAW[np.frombuffer(data, np.uint8)]


def encode_alaw(samples: IntPcm) -> bytes:
    """Returns the G.711 A-law bytes of int16 `samples`."""
    return _ALAW_OF_INT16[samples.astype(np.int32) + 32768].tobytes()


def decode_alaw(data: bytes) -> IntPcm:
    """Returns the int16 samples of G.711 A-law bytes."""
    return _INT16_OF_ALAW[np.frombuffer(data, np.uint8)]


def _mulaw_values() -> IntPcm:
    """Decoded value of each µ-law byte: inverted bits; sign, 3-bit segment, 4-bit mantissa, bias 33 (14 bits)."""
    codes = ~np.arange(256, dtype=np.uint8)
    segment, mantissa = (codes >> 4) & 7, codes & 15
    magnitude = (((mantissa.astype(np.int32) << 1) + 33) << segment) - 33
    return np.where(codes & 0x80, -4 * magnitude, 4 * magnitude).astype(np.int16)


def _alaw_values() -> IntPcm:
    """Decoded value of each A-law byte: even bits inverted; sign, 3-bit segment, 4-bit mantissa (13 bits)."""
    codes = np.arange(256, dtype=np.uint8) ^ 0x55
    segment, mantissa = ((codes >> 4) & 7).astype(np.int32), (codes & 15).astype(np.int32)
    linear = (mantissa << 1) + 1
    magnitude = np.where(segment == 0, linear, (linear + 32) << np.maximum(segment - 1, 0))
    return np.where(codes & 0x80, 8 * magnitude, -8 * magnitude).astype(np.int16)


def _nearest_codes(values: IntPcm) -> NDArray[np.uint8]:
    """Code whose value is nearest, for each int16 from -32768 to 32767: [65536]."""
    order = np.argsort(values, kind="stable")
    ascending = values[order].astype(np.float64)
    bounds = (ascending[1:] + ascending[:-1]) / 2
    return order[np.searchsorted(bounds, np.arange(-32768, 32768), side="right")].astype(np.uint8)


_INT16_OF_MULAW: Final = _mulaw_values()
_INT16_OF_ALAW: Final = _alaw_values()
_MULAW_OF_INT16: Final = _nearest_codes(_INT16_OF_MULAW)
_ALAW_OF_INT16: Final = _nearest_codes(_INT16_OF_ALAW)
