"""What makes a face look alive: blinks, gaze, head motion, expression, rhythm."""

from __future__ import annotations

import numpy as np
import pytest

from visage.animation.blinks import Blinks
from visage.animation.dice import Dice
from visage.animation.expression import Expression
from visage.animation.gaze import Gaze, eye_curves, in_head
from visage.animation.head_motion import HeadMotion
from visage.animation.rhythm import LOOK_AHEAD_TICKS, QUIET_DB, Beat, Rhythm
from visage.animation.springs import Spring

pytestmark = pytest.mark.unit

MINUTE = 3000


def blink(minutes: int, per_minute: float, seed: int = 0) -> np.ndarray:
    """[ticks] closure without speech."""
    blinks, dice = Blinks(), Dice(seed)
    return np.array(
        [
            blinks.advance(dice, per_minute, is_speaking=False, is_phrase_end=False, saccade_degrees=0)
            for _ in range(minutes * MINUTE)
        ]
    )


def closings(closure: np.ndarray) -> np.ndarray:
    """Ticks at which lids start to fall."""
    return np.flatnonzero((closure[1:] > 0) & (closure[:-1] == 0)) + 1


def beats(count: int, **changes: object) -> list[Beat]:
    """A sentence of two phrases with an accent every half second."""
    made = []
    for tick in range(count):
        in_pause = 200 <= tick < 240
        made.append(
            Beat(
                is_speaking=not in_pause,
                is_phrase_start=tick in (0, 240),
                is_phrase_end=tick == 200,
                is_after_phrase=in_pause,
                accent=0.8 if tick % 25 == 12 and not in_pause else 0.0,
                loudness=0.0 if in_pause else 0.8,
                phrase=1 if tick < 240 else 2,
            )
        )
    return made


@pytest.mark.parametrize("per_minute", [8, 17, 30])
def test_the_blink_rate_is_the_one_asked_for(per_minute: float) -> None:
    """Over ten minutes the mean rate is within a quarter of the wish, double blinks included."""
    count = len(closings(blink(10, per_minute)))

    assert 0.75 * per_minute <= count / 10 <= 1.25 * per_minute


def test_no_blinks_when_none_are_wanted() -> None:
    """A rate of 0 keeps the eyes open."""
    assert blink(2, 0).max() == 0


def test_lids_fall_fast_and_rise_slowly() -> None:
    """A blink takes 0.15 to 0.4 s, closes fully, and its fall is shorter than its rise."""
    closure = blink(2, 17)
    start = closings(closure)[0]
    stop = start + int(np.argmin(closure[start:] > 0))
    one = closure[start:stop]
    full = np.flatnonzero(one == one.max())

    assert 0.15 <= len(one) * 0.02 <= 0.4
    assert one.max() > 0.94
    assert full[0] < len(one) - full[-1]


def test_people_blink_more_where_phrases_end() -> None:
    """The wish to blink grows faster in the moments after a phrase."""

    def count(is_phrase_end: bool) -> int:
        blinks, dice = Blinks(), Dice(1)
        closure = [
            blinks.advance(dice, 17, is_speaking=not is_phrase_end, is_phrase_end=is_phrase_end, saccade_degrees=0)
            for _ in range(3 * MINUTE)
        ]
        return len(closings(np.array(closure)))

    assert count(True) > 1.5 * count(False)


def test_the_gaze_rests_on_the_viewer_most_of_the_time() -> None:
    """Looks aside are shorter than looks at the viewer, and none is wild."""
    gaze, dice = Gaze(), Dice(2)
    places = np.array([gaze.advance(dice, is_speaking=True).offset for _ in range(3 * MINUTE)])
    away = np.hypot(places[:, 0], places[:, 1])

    assert np.mean(away < 2.5) > 0.7
    assert np.mean(away > 4) > 0.01
    assert away.max() < 14
    assert np.abs(places[0]).max() < 0.2


def test_saccades_are_quick() -> None:
    """A shift of the gaze is over within 60 ms; between shifts the eyes hardly move."""
    gaze, dice = Gaze(), Dice(4)
    shifts, since, moving = [], 0, []
    last = (0.0, 0.0)
    for _ in range(MINUTE):
        eyes = gaze.advance(dice, is_speaking=True)
        place = eyes.offset
        since = 0 if eyes.saccade_degrees else since + 1
        shifts.append(eyes.saccade_degrees > 0)
        step = float(np.hypot(place[0] - last[0], place[1] - last[1]))
        if since > 3:
            moving.append(step)
        last = place

    assert sum(shifts) > 20
    assert max(moving) < 0.05


def test_eyes_turn_against_the_head() -> None:
    """With the gaze on the viewer and the face to the image's right, both eyes look to the image's left."""
    curves = eye_curves(*in_head(0, 0, yaw_degrees=6, pitch_degrees=0))

    assert curves["EyeLookInLeft"] == curves["EyeLookOutRight"]
    assert curves["EyeLookInLeft"] == pytest.approx(6 * 0.95 / 28.6)
    assert curves.get("EyeLookOutLeft", 0) == 0


def test_lids_follow_the_eyes() -> None:
    """Looking down lowers the lids a little, looking up widens them."""
    down, up = eye_curves(0, -10), eye_curves(0, 10)

    assert 0 < down["EyeBlinkLeft"] < 0.2
    assert down["EyeLookDownLeft"] > 0.3
    assert up["EyeWideRight"] > 0
    assert "EyeBlinkRight" not in up


def test_a_spring_neither_overshoots_nor_races() -> None:
    """A step of the target is followed monotonously, within the limits of speed and acceleration."""
    spring = Spring(1.0, speed_limit=20, acceleration_limit=100)
    values = np.array([spring.advance(10) for _ in range(200)])
    speeds = np.diff(values, prepend=0) / 0.02

    assert values.max() <= 10 + 1e-6
    assert values[-1] == pytest.approx(10, abs=0.05)
    assert speeds.max() <= 20 + 1e-9
    assert np.abs(np.diff(speeds, prepend=0) / 0.02).max() <= 100 + 1e-6


def poses(seed: int, count: int = 1500) -> np.ndarray:
    head, dice = HeadMotion(), Dice(seed)
    return np.array([head.advance(dice, beat) for beat in beats(count)])


def test_the_head_moves_within_good_taste() -> None:
    """Over ten seeds yaw, pitch and roll stay within 10, 7 and 6 degrees, shifts within 8 mm, and it does move."""
    moved = np.concatenate([poses(seed) for seed in range(10)])

    assert (np.abs(moved).max(axis=0) < [10, 7, 6, 4, 4, 8]).all()
    assert (moved.std(axis=0)[:3] > [0.8, 0.5, 0.4]).all()


def test_the_head_has_inertia() -> None:
    """Speed stays below 45 degrees per second and acceleration below 350, also at nods; it starts at rest."""
    moved = np.vstack([np.zeros((2, 6)), poses(3)])[:, :3]
    speed = np.diff(moved, axis=0) / 0.02
    acceleration = np.diff(speed, axis=0) / 0.02

    assert np.abs(moved[2]).max() < 0.1
    assert np.abs(speed).max() < 45
    assert np.abs(acceleration).max() < 350


def test_accents_make_the_head_nod() -> None:
    """With accents the pitch dips oftener below its slow course than without."""

    def dips(accent: float) -> float:
        head, dice = HeadMotion(), Dice(1)
        script = [
            Beat(beat.is_speaking, beat.is_phrase_start, False, False, accent and beat.accent, 0.8, beat.phrase)
            for beat in beats(1500)
        ]
        pitch = np.array([head.advance(dice, beat)[1] for beat in script])
        slow = np.convolve(pitch, np.ones(60) / 60, "same")
        return float(np.mean(pitch - slow < -0.8))

    assert dips(1.0) > 0.1
    assert dips(0.0) < 0.02


def test_brows_rise_at_accents_and_a_smile_ends_a_phrase() -> None:
    """Brows are higher with accents than without, and over many phrases some end in a smile."""

    def act(seed: int, accent: bool) -> tuple[float, float]:
        expression, dice = Expression(), Dice(seed)
        brows, smiles = [], []
        for beat in beats(400):
            quiet = Beat(beat.is_speaking, beat.is_phrase_start, beat.is_phrase_end, False, 0.0, 0.5, beat.phrase)
            curves = expression.advance(dice, beat if accent else quiet, blink=0)
            brows.append(curves["BrowInnerUp"])
            smiles.append(curves["MouthSmileLeft"])
        return float(np.mean(brows)), max(smiles)

    with_accents = [act(seed, True) for seed in range(8)]
    without = [act(seed, False) for seed in range(8)]

    assert np.mean([brow for brow, _ in with_accents]) > 3 * np.mean([brow for brow, _ in without])
    assert 0.08 < max(smile for _, smile in without) < 0.35


def follow(levels_db: np.ndarray, speech: np.ndarray) -> list[Beat]:
    rhythm = Rhythm()
    padded = np.append(levels_db, np.full(LOOK_AHEAD_TICKS, QUIET_DB))
    for level_db in padded[:LOOK_AHEAD_TICKS]:
        rhythm.look_ahead(float(level_db))
    return [rhythm.advance(float(padded[tick + LOOK_AHEAD_TICKS]), float(share)) for tick, share in enumerate(speech)]


def test_phrases_start_at_once_and_end_after_a_pause() -> None:
    """A gap of 0.1 s is part of a phrase, one of 0.4 s ends it."""
    speech = np.array([0] * 20 + [1] * 30 + [0] * 5 + [1] * 20 + [0] * 20 + [1] * 10)
    made = follow(np.where(speech > 0, -20.0, QUIET_DB), speech)

    assert [tick for tick, beat in enumerate(made) if beat.is_phrase_start] == [20, 95]
    assert [tick for tick, beat in enumerate(made) if beat.is_phrase_end] == [81]


def test_accents_are_announced_before_they_peak() -> None:
    """A syllable that is 10 dB louder is an accent, just ahead of its peak; even speech has none."""
    even = np.full(200, -26.0)
    loud = even.copy()
    loud[100:107] += [4, 8, 10, 12, 10, 8, 4]

    accents = [tick for tick, beat in enumerate(follow(loud, np.ones(200))) if beat.accent > 0 and tick > 20]
    none = [tick for tick, beat in enumerate(follow(even, np.ones(200))) if beat.accent > 0 and tick > 20]

    assert accents == [102]
    assert none == []
