"""Life under changing controls: gaze targets, strengths, seeds and breath, all with inertia."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from visage.animation.controls import Controls, EmotionKey
from visage.animation.performance import Performance
from visage.animation.rhythm import LOOK_AHEAD_TICKS
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX

pytestmark = pytest.mark.unit

OUT, IN = CURVE_INDEX["EyeLookOutLeft"], CURVE_INDEX["EyeLookInLeft"]
UP, DOWN = CURVE_INDEX["EyeLookUpLeft"], CURVE_INDEX["EyeLookDownLeft"]
BLINK = CURVE_INDEX["EyeBlinkLeft"]
SLOW = [index for name, index in CURVE_INDEX.items() if not name.startswith(("EyeBlink", "EyeLook", "EyeWide"))]


def live(
    count: int, changes: dict[int, Controls] | None = None, speaks: bool = True, **controls: Any
) -> tuple[np.ndarray, np.ndarray]:
    """[ticks, 52] life and [ticks, 6] poses over phrases of 2 s with pauses of 0.8 s, or without speech."""
    performance = Performance(Controls(**controls))
    ticks = np.arange(count + LOOK_AHEAD_TICKS)
    speech = ((ticks % 140 < 100) & speaks).astype(np.float32)
    levels = np.where(speech > 0, -24 + 6 * np.sin(ticks * 0.35), -90).astype(np.float32)
    made = performance.advance(np.zeros((count, CURVE_COUNT), np.float32), speech[:count], levels, changes)
    return made.life, made.poses


def gaze(life: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """[ticks, 2] degrees in the room where the left eye looks: right, up."""
    across = (life[:, OUT] - life[:, IN]) * 28.6 + 0.95 * poses[:, 0]
    upward = life[:, UP] * 18.3 - life[:, DOWN] * 19.5 + 0.85 * poses[:, 1]
    return np.stack([across, upward], axis=1)


def test_the_eyes_hold_a_target_while_the_head_moves() -> None:
    """Two thirds of a minute of speech with the target 12 degrees aside: gaze stays there, but for small saccades."""
    life, poses = live(2000, gaze_degrees=(12.0, -6.0))
    direction = gaze(life, poses)[50:]
    off = np.hypot(*(direction - [12, -6]).T)

    assert np.median(off) < 1.6
    assert np.mean(off < 3) > 0.7
    assert poses[:, 0].std() > 1


def test_a_large_shift_of_the_gaze_takes_the_head_along() -> None:
    """The eyes are at a new target within 0.2 s; the head follows by a part, within its limits."""
    calm = {"gaze_motion": 0.0, "seed": 3}
    changes = {100: Controls(gaze_degrees=(25.0, 10.0), gaze_motion=0.0, seed=3)}
    life, poses = live(300, changes, speaks=False, **calm)
    direction = gaze(life, poses)

    assert np.abs(direction[95]).max() < 0.5
    assert np.abs(direction[112] - [25, 10]).max() < 1
    assert 3 < poses[200:, 0].mean() - poses[:100, 0].mean() < 10
    assert np.abs(np.diff(poses[:, 0], 2)).max() / 0.0004 < 350


def test_the_target_is_honoured_under_grief() -> None:
    """A face that is told where to look does not lower its eyes."""
    grief = (EmotionKey(0, {"grief": 1.0}),)
    told = gaze(*live(600, speaks=False, gaze_motion=0.0, emotion_keys=grief, gaze_degrees=(10.0, 0.0)))
    free = gaze(*live(600, speaks=False, gaze_motion=1.0, emotion_keys=grief))

    assert abs(told[300:, 1].mean()) < 0.6
    assert free[300:, 1].mean() < -5


def test_whatever_changes_in_mid_stream_the_face_has_inertia() -> None:
    """Seeds, strengths, emotions and targets change every half second: head and skin stay within their limits."""
    rng = np.random.default_rng(2)
    changes = {
        int(tick): Controls(
            seed=int(rng.integers(5)),
            head_motion=float(rng.uniform(0, 2)),
            gaze_motion=float(rng.uniform(0, 2)),
            breathing=float(rng.uniform(0, 2)),
            gaze_degrees=(float(rng.uniform(-30, 30)), float(rng.uniform(-20, 20))),
            emotion_keys=(
                EmotionKey(0, {str(rng.choice(["joy", "fear", "anger", "cheekiness", "outofbreath"])): 1.0}),
            ),
            emotion_strength=float(rng.uniform(0, 2)),
        )
        for tick in range(25, 1500, 25)
    }
    life, poses = live(1500, changes)
    speed = np.diff(poses, axis=0) / 0.02
    acceleration = np.diff(speed, axis=0) / 0.02

    assert np.abs(speed[:, :3]).max() < 45
    assert np.abs(acceleration[:, :3]).max() < 350
    assert np.abs(speed[:, 3:]).max() < 60
    assert np.abs(acceleration[:, 3:]).max() < 600
    assert np.abs(poses[:, :3]).max() < 18
    assert np.abs(np.diff(life[:, SLOW], axis=0)).max() < 0.25


@pytest.mark.parametrize("per_minute", [8, 17, 30])
def test_the_blink_rate_holds_in_speech(per_minute: float) -> None:
    """Over five minutes of phrases and pauses, with gaze shifts, the mean is within a quarter of the wish."""
    life, _ = live(15_000, blinks_per_minute=per_minute)
    shut = life[:, BLINK] > 0.6
    count = int(np.count_nonzero(shut[1:] & ~shut[:-1]))

    assert 0.75 * per_minute <= count / 5 <= 1.25 * per_minute


def test_breathing_scales_and_stops() -> None:
    """At rest the head rises and sinks with the breath, twice as far at 2, not at all at 0."""

    def swing(breathing: float) -> float:
        _, poses = live(1500, speaks=False, breathing=breathing)
        return float((poses[300:, 4] + 0.12 * poses[300:, 1]).std())

    assert swing(0) < 1e-6
    assert swing(1) > 0.2
    assert swing(2) == pytest.approx(2 * swing(1), rel=0.05)


def test_out_of_breath_the_mouth_breathes_in_pauses() -> None:
    """Faster and deeper than at rest, with open lips in pauses and nothing added to the jaw in speech."""
    life, poses = live(1400, emotion_keys=(EmotionKey(0, {"outofbreath": 1.0}),))
    _, calm = live(1400)
    jaw = life[:, CURVE_INDEX["JawOpen"]]
    in_pause = np.arange(1400) % 140 > 125
    in_speech = (np.arange(1400) % 140 > 10) & (np.arange(1400) % 140 < 95)

    assert jaw[in_pause][5:].min() > 0.05
    assert jaw[in_speech].max() < 0.02
    assert poses[200:, 4].std() > 1.3 * calm[200:, 4].std()
