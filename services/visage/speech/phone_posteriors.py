"""Phone posteriors of a whole recording, 100 times a second.

The network answers every 20 ms; a second pass over the recording moved by 10 ms gives the steps between.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from visage.media import pcm
from visage.media.pcm import FloatPcm, IntPcm
from visage.media.phones import PHONE_COUNT
from visage.speech.analysis_ports import FloatArray, SpeechModels

SAMPLE_RATE_HZ: Final = 16_000
STEP_S: Final = 0.01
_TICK_SAMPLES: Final = 320
_PAST_TICKS, _TICKS, _FUTURE_TICKS = 51, 10, 5
_STEP_SAMPLES: Final = 160
# The network heard speech of about this level most.
_LEVEL_DB: Final = -24.0
_MOST_GAIN_DB: Final = 40.0


async def read_posteriors(samples: FloatPcm, models: SpeechModels, deadline_s: float) -> FloatArray:
    """Returns [steps, 43] posteriors; step i is centred at (i + 1) * 10 ms and the whole covers `samples`.

    Args:
        samples: [samples] at 16 kHz, not silent.
        models: The networks.
        deadline_s: Seconds for each request of a model.

    Raises:
        ModelError: The network cannot be reached or broke.
    """
    sound = pcm.to_int16(levelled(samples))
    passes = [await models.read_phones(_windows(sound, offset), deadline_s) for offset in (0, _STEP_SAMPLES)]
    merged = np.stack([answer.reshape(-1, PHONE_COUNT) for answer in passes], axis=1).reshape(-1, PHONE_COUNT)
    return np.asarray(merged[: len(samples) // _STEP_SAMPLES], np.float32)


def levelled(samples: FloatPcm, level_db: float = _LEVEL_DB) -> FloatPcm:
    """Returns `samples` at an RMS level, amplified by at most 40 dB."""
    gain_db = min(_MOST_GAIN_DB, level_db - pcm.level_db(samples))
    return np.asarray(np.clip(samples * pcm.decibels_to_gain(gain_db), -1.0, 1.0), np.float32)


def _windows(sound: IntPcm, offset: int) -> IntPcm:
    """[n, 21120] windows of the network's ticks over `sound`, which begins `offset` samples later; silence around."""
    count = -(-len(sound) // (_TICKS * _TICK_SAMPLES))
    length = (_PAST_TICKS + _TICKS + _FUTURE_TICKS) * _TICK_SAMPLES
    padded = np.zeros(offset + length + (count - 1) * _TICKS * _TICK_SAMPLES, np.int16)
    start = _PAST_TICKS * _TICK_SAMPLES
    padded[start : start + len(sound)] = sound
    return np.lib.stride_tricks.sliding_window_view(padded, length)[offset :: _TICKS * _TICK_SAMPLES]
