"""Emotions through the animation service, over real gRPC."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from tests.fakes.lip_sync import sound, speech_like
from tests.service.test_animation import Mesh, Request, animate, audio, collect, config, failure, serving
from visage.client import errors as client_errors
from visage.media.arkit import CURVE_INDEX
from visage.media.curves import CurveClip
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import curves_pb2, speech_service_pb2

pytestmark = pytest.mark.service

SMILE, BROW = CURVE_INDEX["MouthSmileLeft"], CURVE_INDEX["BrowDownLeft"]


def felt(at_s: float = 0.0, **weights: float) -> curves_pb2.EmotionKey:
    offset = Duration(seconds=int(at_s), nanos=round(at_s % 1 * 1e9))
    return curves_pb2.EmotionKey(start_offset=offset, emotion=curves_pb2.EmotionWeights(weights=weights))


async def test_keys_are_reached_in_time_and_returned_with_the_blocks() -> None:
    """Joy at once and anger at two seconds show in curves and, on demand, in each block's emotion."""
    controls = curves_pb2.PerformanceControls(emotion_keys=[felt(0, joy=0.9), felt(2, anger=0.6)])
    output = pb.CurveOutput(include_emotion=True, frames_per_block=1)
    async with serving() as mesh:
        requests = [config(controls=controls, output=output), *audio(speech_like(3))]
        responses = [response async for response in mesh.stub.AnimateFromAudio(iter(requests))]
        emotions = [dict(item.block.emotion.weights) for item in responses if item.HasField("block")]
        _, clip, _ = collect(responses)

        assert emotions[30] == {"joy": pytest.approx(0.9, abs=1e-3)}
        assert emotions[52] == {"anger": pytest.approx(0.6, abs=1e-3)}
        assert clip.curves[20:35, SMILE].mean() > 0.4 > 0.2 > clip.curves[55:65, SMILE].mean()
        assert clip.curves[55:65, BROW].mean() > 0.3 > clip.curves[20:35, BROW].mean()


async def test_emotions_are_left_out_unless_asked_for() -> None:
    """Without include_emotion blocks carry none."""
    controls = curves_pb2.PerformanceControls(emotion_keys=[felt(0, joy=0.9)])
    async with serving() as mesh:
        requests = [config(controls=controls), *audio(speech_like(1))]
        responses = [response async for response in mesh.stub.AnimateFromAudio(iter(requests))]

        assert not any(item.block.HasField("emotion") for item in responses if item.HasField("block"))


async def test_emotions_may_change_in_mid_stream() -> None:
    """New keys after a second are felt half a second later, and speech and life go on."""
    angry = curves_pb2.PerformanceControls(emotion_keys=[felt(0, anger=1)])
    hum = audio(sound(("hum", 1)))
    async with serving() as mesh:
        _, clip, _ = await animate(mesh, config(), *hum, Request(controls=angry), *hum)

        assert clip.curves[5:24, BROW].max() < 0.2
        assert clip.curves[38:45, BROW].min() > 0.6
        assert np.abs(np.diff(clip.curves[:45, BROW])).max() < 0.2


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        ([felt(1, joy=1), felt(0.5, joy=1)], "config.controls.emotion_keys[1].start_offset"),
        ([felt(0, glee=1)], "config.controls.emotion_keys[0].emotion.weights"),
        ([felt(0, joy=1.5)], "config.controls.emotion_keys[0].emotion.weights"),
    ],
)
async def test_bad_keys_are_refused_by_name(keys: list[curves_pb2.EmotionKey], field: str) -> None:
    """Times that fall back, unknown emotions and weights above 1 name their field."""
    controls = curves_pb2.PerformanceControls(emotion_keys=keys)
    async with serving() as mesh:
        error = await failure(mesh.stub.AnimateFromAudio(iter([config(controls=controls)])))

        assert type(error) is client_errors.InvalidRequest
        assert any(name.startswith(field) for name in error.fields)


async def say(mesh: Mesh, **fields: Any) -> CurveClip:
    request = pb.AnimateFromTextRequest(input=speech_service_pb2.SynthesisInput(text="abcdefgh"), **fields)
    return collect([response async for response in mesh.stub.AnimateFromText(request)])[1]


async def test_a_style_is_felt_unless_the_caller_says_otherwise() -> None:
    """style=anger lowers the brows; keys of the caller take its place."""
    style = speech_service_pb2.SynthesisOptions(style="anger")
    joy = curves_pb2.PerformanceControls(emotion_keys=[felt(0, joy=1)])
    async with serving() as mesh:
        plain, angry = await say(mesh), await say(mesh, synthesis=style)
        joyful = await say(mesh, synthesis=style, controls=joy)

        assert angry.curves[15:30, BROW].mean() > plain.curves[15:30, BROW].mean() + 0.3
        assert joyful.curves[15:30, BROW].mean() < 0.2
        assert joyful.curves[15:30, SMILE].mean() > 0.4
