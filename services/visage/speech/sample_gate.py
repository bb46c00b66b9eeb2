"""The quality gate: which recording can become a voice, and why another one cannot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.runtime.errors import SpeechNotUsable
from visage.speech.analysis_ports import SpeechModels
from visage.speech.music import steadiness
from visage.speech.phone_posteriors import SAMPLE_RATE_HZ
from visage.speech.speaker_embedding import Speaker, embed_speech
from visage.speech.voice_activity import find_speech


@dataclass(frozen=True, slots=True)
class SampleLimits:
    """What a usable sample keeps to."""

    least_speech_s: float = 5.0
    """With the short pauses in it."""
    most_clipped_share: float = 0.01
    least_range_db: float = 18.0
    """Between loud and quiet moments (90th and 10th percentile of 20 ms). Clean speech has 45; with white noise 20, 15
    and 10 dB below it, 24, 19 and 15 remain."""
    most_steadiness: float = 2.75
    """See `music`: recordings of people have 1.8; music 10 dB below them, 3.3 to 3.6."""
    least_split_similarity: float = 0.80
    """Of the two most different parts: one person has 0.85 to 0.91, in two moods 0.82; two people have 0.59 to 0.77."""
    least_split_share: float = 0.15
    """A smaller part is a slip of the encoder, or nothing that matters."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A recording that serves: [samples] of speech at 16 kHz without long pauses, and whose it is."""

    speech: FloatPcm
    speaker: Speaker

    @property
    def duration_s(self) -> float:
        """Seconds of speech."""
        return len(self.speech) / SAMPLE_RATE_HZ


async def check_sample(samples: FloatPcm, models: SpeechModels, limits: SampleLimits, deadline_s: float) -> Sample:
    """Returns what of [samples] at 16 kHz a voice is made of.

    Raises:
        SpeechNotUsable: no_speech, music, too_short, clipped, noisy or several_speakers, with what was measured.
        ModelError: A model failed.
    """
    if pcm.is_silent(samples, SAMPLE_RATE_HZ):
        raise SpeechNotUsable("no_speech", "the sample is silent", "0.0 s", f"{limits.least_speech_s:g} s")
    activity = await find_speech(samples, models, deadline_s)
    speech = samples[activity.around_speech()]
    _check_music(samples, limits)
    _check_length(len(speech) / SAMPLE_RATE_HZ, limits)
    clipped = pcm.clipped_share(samples)
    if clipped > limits.most_clipped_share:
        text = f"{clipped:.1%} of the sample is clipped; at most {limits.most_clipped_share:.0%} is usable"
        raise SpeechNotUsable("clipped", text, f"{clipped:.1%}", f"{limits.most_clipped_share:.0%}")
    _check_noise(samples, limits)
    speaker = await embed_speech(speech, models, deadline_s)
    similarity, share = speaker.largest_split()
    if similarity < limits.least_split_similarity and share >= limits.least_split_share:
        text = f"parts of the sample sound like two people: their voices agree by {similarity:.2f} only"
        raise SpeechNotUsable("several_speakers", text, f"{similarity:.2f}", f"{limits.least_split_similarity:.2f}")
    return Sample(speech, speaker)


def _check_length(speech_s: float, limits: SampleLimits) -> None:
    if speech_s >= limits.least_speech_s:
        return
    measured, limit = f"{speech_s:.1f} s", f"{limits.least_speech_s:g} s"
    if speech_s == 0:
        raise SpeechNotUsable("no_speech", "nobody speaks in the sample", measured, limit)
    raise SpeechNotUsable("too_short", f"the sample holds {measured} of speech; {limit} are needed", measured, limit)


def _check_music(samples: FloatPcm, limits: SampleLimits) -> None:
    steady = float(np.median(steadiness(samples)))
    if steady > limits.most_steadiness:
        text = (
            f"music plays in the sample: its tones stay by {steady:.1f}; at most {limits.most_steadiness:g} is usable"
        )
        raise SpeechNotUsable("music", text, f"{steady:.1f}", f"{limits.most_steadiness:g}")


def _check_noise(samples: FloatPcm, limits: SampleLimits) -> None:
    quiet_db, loud_db = np.percentile(pcm.frame_levels_db(samples, SAMPLE_RATE_HZ), (10, 90))
    range_db = float(loud_db - quiet_db)
    if range_db < limits.least_range_db:
        text = f"noise lies {range_db:.0f} dB below the speech; {limits.least_range_db:g} dB are needed"
        raise SpeechNotUsable("noisy", text, f"{range_db:.0f} dB", f"{limits.least_range_db:g} dB")
