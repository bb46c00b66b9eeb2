"""Blending and retargeting: what holds for all clips, layers and layouts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visage.animation.blend_curves import HEAD, Layer, blended, envelope
from visage.animation.channel_clips import ChannelClip, in_schema
from visage.animation.retarget_curves import MapRow, Retargeting, retargeted
from visage.animation.stage import NoticeKind, Output
from visage.media.arkit import CURVE_INDEX
from visage.media.curve_schemas import SCHEMAS, TONGUE_SCHEMA, VISEME_SCHEMA
from visage.media.curves import ARKIT_SCHEMA
from visage.media.viseme_curves import VISEME_CURVES
from visage.media.visemes import VISEME_INDEX

pytestmark = pytest.mark.unit

JAW, BLINK = CURVE_INDEX["JawOpen"], CURVE_INDEX["EyeBlinkLeft"]
RATES = st.sampled_from([Fraction(10), Fraction(25), Fraction(30000, 1001), Fraction(60)])
MILLISECONDS = st.integers(0, 1500).map(lambda count: count / 1000)
SHARES = st.floats(0, 1, width=32)


def clip_of(
    values: np.ndarray, rate: Fraction = Fraction(25), schema: str = ARKIT_SCHEMA, told: np.ndarray | None = None
) -> ChannelClip:
    everything = np.ones(values.shape[1], bool)
    poses = np.repeat(np.array([[4, 2, 1, 1, 0, 0]], np.float32), len(values), axis=0)
    return ChannelClip(schema, rate, values.astype(np.float32), everything if told is None else told, poses)


def constant(value: float, count: int = 25, rate: Fraction = Fraction(25), schema: str = ARKIT_SCHEMA) -> ChannelClip:
    return clip_of(np.full((count, len(SCHEMAS[schema].channels)), value), rate, schema)


def noise(seed: int, count: int = 25, channels: int = 52) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (count, channels)).astype(np.float32)


def at(rate: Fraction = Fraction(25), schema: str = ARKIT_SCHEMA) -> Output:
    return Output(rate, 8, schema)


@given(st.integers(0, 1000), RATES)
def test_one_layer_alone_is_itself(seed: int, rate: Fraction) -> None:
    """Whole, at its own rate: bit for bit."""
    clip = clip_of(noise(seed), rate)
    values, poses, notices = blended([Layer(clip)], at(rate))

    assert np.array_equal(values, clip.values)
    assert np.array_equal(poses, clip.poses)
    assert notices == []


@given(SHARES, SHARES, SHARES)
def test_a_replacing_layer_is_a_mean_by_its_weight(below: float, above: float, weight: float) -> None:
    """(1 - w) below + w above, in every channel and in the pose."""
    values, _, _ = blended([Layer(constant(below)), Layer(constant(above), weight)], at())

    assert values == pytest.approx(np.full((25, 52), below + weight * (above - below)), abs=1e-5)


@given(st.lists(st.tuples(SHARES, SHARES, st.booleans(), st.floats(0, 2)), min_size=1, max_size=5), RATES)
def test_mixtures_stay_in_range(layers: list[tuple[float, float, bool, float]], rate: Fraction) -> None:
    """Whatever lies over whatever, at whatever rate: 0..1, as long as the last layer."""
    mixture = [
        Layer(constant(value, 20, Fraction(24)), weight, start_s=start, fade_in_s=weight, is_additive=adds)
        for value, weight, adds, start in layers
    ]
    values, poses, _ = blended(mixture, at(rate))

    assert values.min() >= 0
    assert values.max() <= 1
    assert len(values) == len(poses)
    assert len(values) / float(rate) == pytest.approx(max(layer.end_s for layer in mixture), abs=1.1 / float(rate))


def test_additive_layers_commute() -> None:
    """Adding a to b is adding b to a; what goes beyond 1 is clamped and told."""
    one, two = clip_of(0.4 * noise(1)), clip_of(0.4 * noise(2))
    first, _, _ = blended([Layer(one, is_additive=True), Layer(two, is_additive=True)], at())
    second, _, notices = blended([Layer(two, is_additive=True), Layer(one, is_additive=True)], at())
    _, _, clamped = blended([Layer(constant(0.7)), Layer(constant(0.7), is_additive=True)], at())

    assert np.allclose(first, second)
    assert notices == []
    assert {notice.kind for notice in clamped} == {NoticeKind.VALUE_CLAMPED}
    assert len(clamped) == 52


def test_masks_touch_only_what_they_name() -> None:
    """The lids of one clip over the mouth of another; the head stays below's unless it is named."""
    below, above = constant(0.2), constant(0.9)
    values, poses, _ = blended([Layer(below), Layer(above, mask=frozenset({"EyeBlinkLeft"}))], at())
    _, turned, _ = blended([Layer(below), Layer(above, 0.0, frozenset({HEAD}), is_additive=True)], at())

    assert values[10, BLINK] == pytest.approx(0.9)
    assert np.delete(values, BLINK, axis=1) == pytest.approx(0.2)
    assert np.array_equal(poses, below.poses)
    assert np.array_equal(turned, below.poses)


def test_a_clip_touches_only_the_channels_it_sends() -> None:
    """Without a mask, what was not sent stays; with one, it counts as 0."""
    told = np.zeros(52, bool)
    told[BLINK] = True
    lids = clip_of(np.full((25, 52), 0.0), told=told)
    untouched, _, _ = blended([Layer(constant(0.5)), Layer(lids)], at())
    silenced, _, _ = blended([Layer(constant(0.5)), Layer(lids, mask=frozenset({"JawOpen"}))], at())

    assert untouched[5, JAW] == 0.5
    assert untouched[5, BLINK] == 0
    assert silenced[5, JAW] == 0
    assert silenced[5, BLINK] == 0.5


@given(MILLISECONDS, MILLISECONDS, MILLISECONDS, RATES)
def test_fades_rise_and_fall_without_a_step(fade_in: float, fade_out: float, start: float, rate: Fraction) -> None:
    """0 outside the layer, monotonous at both ends, symmetric for equal fades."""
    layer = Layer(constant(1.0, 50), start_s=start, fade_in_s=fade_in, fade_out_s=fade_out)
    weights = envelope(layer, rate, range(int((start + 3) * rate)))
    middles = (np.arange(len(weights)) + 0.5) / float(rate)

    assert not weights[(middles < start) | (middles > start + 2)].any()
    assert (np.diff(weights[(middles > start) & (middles < start + 2 - fade_out)]) >= -1e-6).all()
    assert (np.diff(weights[(middles > start + fade_in) & (middles < start + 2)]) <= 1e-6).all()


def test_layers_of_any_rate_keep_their_time() -> None:
    """A step at one second in a clip of 60 frames a second, moved by half a second, is at 1.5 s in 25."""
    step = clip_of(np.repeat((np.arange(120) >= 60)[:, None], 52, axis=1), Fraction(60))
    values, _, _ = blended([Layer(step, start_s=0.5)], at())

    assert len(values) == 63
    assert values[36, JAW] == 0
    assert values[38, JAW] == 1


@given(st.integers(0, 1000))
def test_the_longer_layout_and_back_is_the_same(seed: int) -> None:
    """arkit-52 to arkit-68 and back; the other way round the tongue is lost and told."""
    short, long = clip_of(noise(seed)), clip_of(noise(seed, channels=68), schema=TONGUE_SCHEMA)
    there, none = in_schema(short, TONGUE_SCHEMA)
    back, _ = in_schema(there, ARKIT_SCHEMA)
    _, lost = in_schema(long, ARKIT_SCHEMA)

    assert np.array_equal(back.values, short.values)
    assert none == []
    assert not there.told[52:].any()
    assert lost == list(SCHEMAS[TONGUE_SCHEMA].channels[52:])


def test_visemes_and_back_are_the_same_mouth() -> None:
    """Each viseme's curves become weights that become these curves again; brows are lost and told."""
    curves = VISEME_CURVES.copy()
    curves[:, CURVE_INDEX["BrowInnerUp"]] = 0.5
    visemes, lost = in_schema(clip_of(curves), VISEME_SCHEMA)
    again, _ = in_schema(visemes, ARKIT_SCHEMA)
    tongued, _ = in_schema(visemes, TONGUE_SCHEMA)

    assert lost == ["BrowInnerUp"]
    assert np.abs(again.values - VISEME_CURVES).max() < 0.07
    assert tongued.values[VISEME_INDEX["th"], 52:].max() > 0.3
    assert not again.told[BLINK]
    assert again.told[JAW]


@pytest.mark.parametrize("schema", list(SCHEMAS))
@given(seed=st.integers(0, 100), rate=RATES)
def test_retargeting_keeps_length_and_range(schema: str, seed: int, rate: Fraction) -> None:
    """To any layout at any rate: as long as before, 0..1, visemes with sum 1."""
    values, poses, _ = retargeted(Retargeting(clip_of(noise(seed, 40))), at(rate, schema))

    assert values.shape == (len(poses), len(SCHEMAS[schema].channels))
    assert len(values) / float(rate) == pytest.approx(1.6, abs=1.01 / float(rate))
    assert values.min() >= 0
    assert values.max() <= 1
    if schema == VISEME_SCHEMA:
        assert np.allclose(values.sum(axis=1), 1, atol=1e-4)


def test_rows_of_a_mapping_make_their_targets_alone() -> None:
    """Two rows add up, others are mapped as ever, a mirror swaps sides, and what goes beyond is clamped."""
    clip = clip_of(noise(3))
    rows = [
        MapRow("JawOpen", "MouthFunnel", 0.5),
        MapRow("JawOpen", "MouthPucker", 0.25),
        MapRow("MouthSmileLeft", "MouthSmileRight", 1.0),
        MapRow("MouthSmileRight", "MouthSmileLeft", 1.0),
        MapRow("CheekPuff", "MouthSmileLeft", 3.0),
    ]
    values, _, notices = retargeted(Retargeting(clip, rows), at())
    source = {name: clip.values[:, index] for name, index in CURVE_INDEX.items()}

    assert values[:, JAW] == pytest.approx(0.5 * source["MouthFunnel"] + 0.25 * source["MouthPucker"])
    assert np.array_equal(values[:, CURVE_INDEX["MouthSmileLeft"]], source["MouthSmileRight"])
    assert np.array_equal(values[:, BLINK], source["EyeBlinkLeft"])
    assert [notice.details["channel"] for notice in notices] == ["CheekPuff"]


def test_a_mapping_may_save_what_a_layout_lacks() -> None:
    """The tongue's tip drives TongueOut; the shapes that nobody uses are told."""
    clip = constant(0.0, schema=TONGUE_SCHEMA)
    clip.values[:, [52, 53]] = 0.5
    values, _, notices = retargeted(Retargeting(clip, [MapRow("TongueOut", "TongueTipUp", 1.0)]), at())

    assert values[:, CURVE_INDEX["TongueOut"]] == pytest.approx(0.5)
    assert [notice.details["channel"] for notice in notices] == ["TongueTipDown"]
