"""Mouths: what the network reads, and what timed phones tell."""

from __future__ import annotations

import numpy as np
import pytest

from visage.animation.animate_from_text import expected_levels_db
from visage.animation.audio_intake import AudioIntake
from visage.animation.audio_source import SourceFormat
from visage.animation.mouths import JawEffort, TimedMouth, shape, spoken
from visage.animation.sharpening import SpeechGate, sharpen
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.pcm import to_int16
from visage.media.phones import PHONE_COUNT, PHONE_INDEX, TimedPhone

pytestmark = pytest.mark.unit

JAW, CLOSE = CURVE_INDEX["JawOpen"], CURVE_INDEX["MouthClose"]


def open_mouth(ticks: int) -> np.ndarray:
    curves = np.zeros((ticks, CURVE_COUNT), np.float32)
    curves[:, JAW] = 0.4
    for name in ("MouthLowerDownLeft", "MouthUpperUpRight"):
        curves[:, CURVE_INDEX[name]] = 0.3
    return curves


def posteriors(ticks: int, **shares: float) -> np.ndarray:
    made = np.zeros((ticks, PHONE_COUNT), np.float32)
    for phone, share in shares.items():
        made[:, PHONE_INDEX[phone]] = share
    return made


@pytest.mark.parametrize("phone", ["p", "b", "m"])
def test_lips_meet_where_the_network_hears_a_bilabial(phone: str) -> None:
    """A sure p, b or m closes the lips over the jaw's whole opening and takes their raising away."""
    sharp = sharpen(open_mouth(2), posteriors(2, **{phone: 0.8}))

    assert sharp[0, CLOSE] == pytest.approx(sharp[0, JAW])
    assert sharp[0, CURVE_INDEX["MouthLowerDownLeft"]] == 0


def test_vowels_are_left_alone_and_f_bites_the_lip() -> None:
    """Without bilabials nothing closes; f rolls the lower lip in."""
    vowel = sharpen(open_mouth(1), posteriors(1, aa=1.0))
    bitten = sharpen(open_mouth(1), posteriors(1, f=0.9))

    assert np.array_equal(vowel, open_mouth(1))
    assert bitten[0, CURVE_INDEX["MouthRollLower"]] == pytest.approx(0.4)
    assert bitten[0, CLOSE] == 0


QUIET = np.full(60, -90.0, np.float32)
LOUD = np.full(60, -20.0, np.float32)


def test_the_gate_opens_at_once_and_closes_slowly() -> None:
    """Speech opens it within three ticks; a stop's silence hardly closes it, a pause of 0.4 s does."""
    gate = SpeechGate()
    opened = gate.advance(posteriors(20, aa=1.0), LOUD[:20])
    stop = gate.advance(posteriors(3, sil=1.0), QUIET[:3])
    resumed = gate.advance(posteriors(10, aa=1.0), LOUD[:10])
    pause = gate.advance(posteriors(20, sil=1.0), QUIET[:20])

    assert opened[2] == 1
    assert stop.min() > 0.6
    assert resumed[-1] == 1
    assert pause[-1] == 0


def test_the_gate_opens_where_unsure_phones_follow_one_another() -> None:
    """Speech in noise: no phone is sure, but the best guess changes."""
    gate = SpeechGate()
    pairs = (("aa", "ah"), ("m", "n"), ("iy", "ih"), ("s", "z"), ("ow", "uh"))
    guesses = np.concatenate([posteriors(4, ax=0.2, sil=0.2, **dict.fromkeys(pair, 0.3)) for pair in pairs])

    assert gate.advance(guesses, LOUD[:20])[5:].min() > 0.5


@pytest.mark.parametrize(("heard", "level_db"), [("sil", -20.0), ("aa", -75.0)])
def test_the_gate_stays_closed_for_silence_and_for_the_inaudible(heard: str, level_db: float) -> None:
    """Loud sound that is no speech, and speech too faint to be any, keep it closed."""
    gate = SpeechGate()

    assert gate.advance(posteriors(20, **{heard: 1.0}), np.full(20, level_db, np.float32)).max() == 0


def test_steady_noise_of_which_the_network_knows_nothing_rests() -> None:
    """Vague posteriors that hardly move are no speech; their sudden start opens the gate for a moment at most."""
    gate = SpeechGate()
    vague = np.full((60, PHONE_COUNT), 1 / PHONE_COUNT, np.float32)

    assert gate.advance(vague, LOUD)[15:].max() == 0


def test_loud_syllables_open_the_jaw_further_than_soft_ones() -> None:
    """The scale stays within 0.72 to 1.15 and follows the level of the voice."""
    effort = JawEffort()
    speech = np.ones(100, np.float32)
    usual = effort.advance(np.full(100, -24.0, np.float32), speech)
    loud = effort.advance(np.full(20, -12.0, np.float32), speech[:20])
    soft = effort.advance(np.full(20, -45.0, np.float32), speech[:20])

    assert usual[-1] == pytest.approx(0.97, abs=0.03)
    assert loud[-1] == pytest.approx(1.15, abs=0.01)
    assert soft[-1] == pytest.approx(0.72, abs=0.01)


PHONES = [
    TimedPhone("sil", 0, 0.2),
    TimedPhone("m", 0.2, 0.3),
    TimedPhone("aa", 0.3, 0.5),
    TimedPhone("b", 0.5, 0.6),
    TimedPhone("iy", 0.6, 0.8),
]


def test_timed_phones_close_the_lips_completely() -> None:
    """In the middle of m and b the lips meet; in the vowel they are apart."""
    shapes = shape(PHONES, 0, 50, 1.0)
    gap = shapes.curves[:, JAW] - shapes.curves[:, CLOSE]

    assert max(gap[12], gap[27]) < 0.02
    assert gap[20] > 0.3
    assert shapes.speech[:10].max() == 0
    assert shapes.speech[10:40].min() == 1


async def test_hops_of_a_timed_mouth_join_to_what_the_whole_gives() -> None:
    """Made hop by hop with a look-ahead of 0.2 s, curves differ from those of the whole by less than 0.03."""
    intake = AudioIntake(SourceFormat(16_000, has_header=False), 60)
    # At the level that leaves the effort at about one, so that only the cut can make a difference.
    intake.push(to_int16(0.09 * np.sin(np.arange(16_000) * 0.1).astype(np.float32)).tobytes())
    effort = JawEffort()
    hops = range(0, 48, TimedMouth().hop_ticks(0))
    scales = [effort.advance(intake.levels_db(tick + 3, 8), spoken(PHONES, tick, 8)) for tick in hops]
    mouth = TimedMouth()
    mouth.add(PHONES)
    shapes = [mouth.complete(await mouth.begin(tick, intake), np.zeros(0, np.float32)) for tick in hops]
    curves = np.concatenate([shape.curves for shape in shapes])
    whole = shape(PHONES, 0, 48, np.concatenate(scales)).curves

    assert np.abs(curves - whole).max() < 0.03


def test_expected_levels_follow_stress() -> None:
    """Without audio, stressed vowels count as loud, consonants as softer, silence as quiet."""
    phones = [
        TimedPhone("s", 0, 0.1),
        TimedPhone("aa", 0.1, 0.2, stress=1.08),
        TimedPhone("ax", 0.2, 0.3, stress=0.92),
        TimedPhone("sil", 0.3, 0.4),
    ]
    levels = expected_levels_db(phones, 20)

    assert levels[7] > levels[12] > levels[2] > levels[17]
