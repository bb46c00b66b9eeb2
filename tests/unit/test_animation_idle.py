"""Idling: from rest to rest, or in loops whose end runs into their start."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from visage.animation.animate_idle import animate_idle
from visage.animation.controls import Controls, EmotionKey
from visage.animation.dice import Dice, LoopDice
from visage.animation.loops import Loop, LoopedBlinks
from visage.animation.performance import Performance, Ticks
from visage.animation.rhythm import LOOK_AHEAD_TICKS, QUIET_DB
from visage.animation.stage import Output
from visage.media.arkit import CURVE_INDEX
from visage.media.curves import CurveBlock, CurveClip
from visage.media.emotions import EMOTION_INDEX
from visage.runtime.errors import InvalidField

pytestmark = pytest.mark.unit

BLINK = CURVE_INDEX["EyeBlinkLeft"]
EYES = [CURVE_INDEX[f"EyeLook{way}Left"] for way in ("In", "Out", "Up", "Down")]
# Lids and eyes are quick by nature; all else has inertia.
SLOW = [index for name, index in CURVE_INDEX.items() if not name.startswith(("EyeBlink", "EyeLook", "EyeWide"))]


async def blocks(duration: Fraction, controls: Controls, output: Output, is_loop: bool) -> list[CurveBlock]:
    return [block async for block in animate_idle(duration, controls, output, is_loop=is_loop)]


async def idle(length_s: float, rate: Fraction = Fraction(25), *, is_loop: bool = True, **controls: Any) -> CurveClip:
    made = await blocks(Fraction(length_s), Controls(**controls), Output(rate), is_loop)
    return CurveClip.joined(rate, made)


@pytest.mark.parametrize(
    ("length_s", "rate"), [(2, Fraction(25)), (7.3, Fraction(60)), (7.3, Fraction(30000, 1001)), (3, Fraction(10))]
)
async def test_a_loop_has_no_seam(length_s: float, rate: Fraction) -> None:
    """Over the seam neither values nor speeds change more than within the loops of six seeds, poses included."""
    seams, inners = [], []
    for seed in range(6):
        clip = await idle(length_s, rate, seed=seed, emotion_keys=(EmotionKey(0, {"joy": 0.5}),))
        ring = np.concatenate([clip.curves[:, SLOW], clip.poses], axis=1)
        ring = np.concatenate([ring, ring[:2]])
        steps, bends = np.abs(np.diff(ring, axis=0))[:-1], np.abs(np.diff(ring, 2, axis=0))
        seams.append(np.stack([steps[-1], bends[-1], bends[-2]]))
        inners.append(np.stack([steps[:-1].max(axis=0), bends[:-2].max(axis=0), bends[:-2].max(axis=0)]))

        assert clip.frame_count == int(np.ceil(length_s * rate))
    assert (np.max(seams, axis=0) <= 1.02 * np.max(inners, axis=0) + 1e-4).all()
    assert np.mean(seams) < 0.6 * np.mean(inners)


@pytest.mark.parametrize("weights", [{}, {"joy": 1.0}, {"outofbreath": 0.6, "grief": 0.4}])
def test_one_round_is_like_the_next(weights: dict[str, float]) -> None:
    """After the warm-up a performance repeats itself: lids, eyes, head, breath and emotions."""
    controls = Controls(seed=5, emotion_keys=(EmotionKey(0.5, weights), EmotionKey(2.5, {"fear": 0.3})))
    loop = Loop.of(controls, 250)
    performance = Performance(controls, loop.life, loop.feelings)

    def play(ticks: int) -> Ticks:
        still, quiet = np.zeros((ticks, 52), np.float32), np.full(ticks + LOOK_AHEAD_TICKS, QUIET_DB, np.float32)
        return performance.advance(still, np.zeros(ticks, np.float32), quiet)

    play(loop.warm_up_ticks)
    one, two = play(250), play(250)

    assert np.abs(one.life - two.life).max() < 1e-3
    assert np.abs(one.poses - two.poses).max() < 5e-3
    assert np.abs(one.emotions - two.emotions).max() < 1e-6
    assert np.ptp(one.life[:, BLINK]) > 0.9


@pytest.mark.parametrize(("length_s", "per_minute"), [(2, 17), (10, 17), (30, 6), (12, 40)])
def test_loops_keep_the_blink_rate(length_s: float, per_minute: float) -> None:
    """Over many seeds the mean is the rate wanted, even in loops too short for a whole blink; each round repeats."""
    ticks, counts = round(length_s * 50), []
    for seed in range(60):
        blinks = LoopedBlinks(Dice(seed), ticks, per_minute)
        closure = [
            blinks.advance(Dice(seed), per_minute, is_speaking=False, is_phrase_end=False, saccade_degrees=0)
            for _ in range(3 * ticks)
        ]
        second, third = np.array(closure[ticks : 2 * ticks]), np.array(closure[2 * ticks :])
        shut = third > 0.6
        counts.append(np.count_nonzero(shut & ~np.roll(shut, 1)))

        assert np.array_equal(second, third)
    assert np.mean(counts) == pytest.approx(per_minute * length_s / 60, rel=0.1)


async def test_a_loop_breathes_looks_and_moves() -> None:
    """A loop is alive: the head moves, the eyes shift, brows waver; the mouth rests."""
    clip = await idle(20, seed=4)

    assert (clip.poses[:, :3].std(axis=0) > 0.1).all()
    assert clip.poses[:, 4].std() > 0.2
    assert clip.curves[:, EYES].max() > 0.05
    assert clip.curves[:, CURVE_INDEX["JawOpen"]].max() == 0


async def test_seeds_name_the_loop() -> None:
    """Equal seeds give equal bits, another seed another loop."""
    one, same, other = await idle(3, seed=1), await idle(3, seed=1), await idle(3, seed=2)

    assert np.array_equal(one.curves, same.curves)
    assert np.array_equal(one.poses, same.poses)
    assert np.abs(one.poses - other.poses).max() > 0.2


async def test_keys_of_a_loop_lie_in_a_ring() -> None:
    """The last emotion holds over the seam until the first key is due."""
    keys = (EmotionKey(1, {"joy": 0.8}), EmotionKey(4, {"anger": 0.8}))
    made = await blocks(Fraction(6), Controls(emotion_keys=keys), Output(include_emotion=True), True)
    emotions = np.concatenate([block.emotions for block in made if block.emotions is not None])

    assert emotions[0, EMOTION_INDEX["anger"]] == pytest.approx(0.8, abs=0.01)
    assert emotions[30, EMOTION_INDEX["joy"]] == pytest.approx(0.8, abs=0.01)
    assert emotions[-1, EMOTION_INDEX["anger"]] == pytest.approx(0.8, abs=0.01)


async def test_a_gaze_target_holds_in_a_loop() -> None:
    """With a target 15 degrees aside, eyes and head together look there in every frame but small saccades."""
    clip = await idle(6, seed=3, gaze_degrees=(15.0, 0.0), gaze_motion=0.0)
    across = (clip.curves[:, CURVE_INDEX["EyeLookOutLeft"]] - clip.curves[:, CURVE_INDEX["EyeLookInLeft"]]) * 28.6
    direction = across + 0.95 * clip.poses[:, 0]

    assert np.abs(direction - 15).max() < 0.5


async def test_idling_once_starts_and_ends_at_rest() -> None:
    """Without a loop the first frame is near rest and the last one at it; in between the face lives."""
    clip = await idle(12, is_loop=False, seed=2, emotion_keys=(EmotionKey(0, {"joy": 1}),))

    assert np.abs(clip.poses[0, :3]).max() < 0.3
    assert clip.curves[0].max() < 0.1
    assert np.abs(clip.curves[-1]).max() < 0.01
    assert clip.curves[100, CURVE_INDEX["MouthSmileLeft"]] > 0.5
    assert clip.frame_count == 300


@pytest.mark.parametrize(
    ("length_s", "is_loop", "limit"),
    [(0.5, False, "1 to 600 s"), (601, False, "1 to 600 s"), (1.5, True, "2 to 120 s")],
)
async def test_bad_durations_are_refused(length_s: float, is_loop: bool, limit: str) -> None:
    """The error names the field and the limit."""
    with pytest.raises(InvalidField) as caught:
        await idle(length_s, is_loop=is_loop)

    assert limit in str(caught.value)


def test_noise_in_a_ring_repeats() -> None:
    """One period later noise is the same, and so is its slope over the seam."""
    dice = LoopDice(3, 7.0)
    values = np.array([dice.noise("sway", step * 0.02, 2.6) for step in range(-350, 700)])

    assert np.allclose(values[:350], values[350:700])
    assert np.abs(np.diff(values)).max() < 0.05
    assert values.std() > 0.2
