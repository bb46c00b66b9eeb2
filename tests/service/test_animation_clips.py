"""BlendCurves and RetargetCurves over real gRPC, by the Python client."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes.animation_service import animation_client
from visage.client import Curves, InvalidRequest, Layer
from visage.client.curves import curve_clip, curve_output, layer_message
from visage.media.arkit import CURVE_INDEX, CURVE_NAMES
from visage.media.curve_schemas import SCHEMAS
from visage.runtime.wire import duration_of
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import curves_pb2

pytestmark = pytest.mark.service

JAW, BLINK = CURVE_INDEX["JawOpen"], CURVE_INDEX["EyeBlinkLeft"]


def clip(value: float, count: int = 50, fps: float = 25.0, channels: tuple[str, ...] = CURVE_NAMES) -> Curves:
    poses = np.zeros((count, 6), np.float32)
    poses[:, [0, 5]] = 10 * value, 0.01
    return Curves(channels, fps, np.full((count, len(channels)), value, np.float32), poses)


async def test_layers_are_mixed_over_the_wire() -> None:
    """A blink of 60 frames a second laid over a talking face for a while; the head is below's."""
    lids = clip(0.9, 60, 60.0, ("EyeBlinkLeft", "EyeBlinkRight"))
    async with animation_client() as visage:
        mixed = await visage.animation.blend(
            [Layer(clip(0.2)), Layer(lids, channel_mask=("EyeBlinkLeft",), start_s=0.4, fade_in_s=0.2, fade_out_s=0.2)]
        )

        assert len(mixed.values) == 50
        assert mixed.values[8, BLINK] == pytest.approx(0.2)
        assert mixed.values[22, BLINK] == pytest.approx(0.9)
        assert mixed.values[45, BLINK] == pytest.approx(0.2)
        assert np.delete(mixed.values, BLINK, axis=1) == pytest.approx(0.2)
        assert mixed.poses[22] == pytest.approx([2, 0, 0, 0, 0, 0.01])


async def test_a_clip_becomes_visemes_and_curves_again() -> None:
    """Through RetargetCurves; what visemes lack is told, and an unused channel map is refused by name."""
    face = clip(0.0)
    face.values[:, JAW] = 0.6
    face.values[:, CURVE_INDEX["BrowInnerUp"]] = 0.4
    async with animation_client() as visage:
        visemes = await visage.animation.retarget(face, schema="visemes-15", fps=60)
        again = await visage.animation.retarget(visemes)

        assert tuple(visemes.channels) == SCHEMAS["curveSchemas/visemes-15"].channels
        assert len(visemes.values) == 120
        assert visemes.values[50].argmax() == 10
        assert [(notice.kind, notice.metadata["channel"]) for notice in visemes.notices] == [
            ("channel_ignored", "BrowInnerUp")
        ]
        assert again.values[20, JAW] > 0.3
        assert again.poses[20, 5] == pytest.approx(0.01)


async def test_a_mapping_of_the_caller_is_obeyed() -> None:
    """One row makes its target alone."""
    async with animation_client() as visage:
        mapped = await visage.animation.retarget(clip(0.4), channel_maps=[("JawOpen", "MouthFunnel", 0.5)])

        assert mapped.values[:, JAW] == pytest.approx(0.2)
        assert mapped.values[:, BLINK] == pytest.approx(0.4)


def _layer(**fields: Any) -> pb.BlendCurvesRequest:
    layer = layer_message(Layer(clip(0.1, 5)))
    for name, value in fields.items():
        if name == "channel_mask":
            layer.channel_mask.extend(value)
        elif isinstance(value, float):
            layer.weight = value
        else:
            getattr(layer, name).CopyFrom(value)
    return pb.BlendCurvesRequest(layers=[layer])


def _gap() -> curves_pb2.CurveClip:
    message = curve_clip(clip(0.1, 5))
    message.blocks[0].start_frame = 3
    return message


@pytest.mark.parametrize(
    ("request_message", "field"),
    [
        (pb.BlendCurvesRequest(), "layers"),
        (_layer(channel_mask=["Nose"]), "layers[0].channel_mask[0]"),
        (_layer(start_offset=duration_of(-1)), "layers[0].start_offset"),
        (_layer(fade_in=duration_of(-1)), "layers[0].fade_in"),
        (_layer(weight=1.5), "layers[0].weight"),
        (_layer(clip=_gap()), "layers[0].clip.blocks[0].start_frame"),
    ],
)
async def test_mixtures_that_cannot_be_are_refused(request_message: pb.BlendCurvesRequest, field: str) -> None:
    """INVALID_ARGUMENT with the path of the field."""
    async with animation_client() as visage:
        with pytest.raises(InvalidRequest) as caught:
            await visage.animation._collect("BlendCurves", visage.animation._stub().BlendCurves, request_message)

        assert list(caught.value.fields) == [field]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"channel_maps": [curves_pb2.ChannelMap(target="Nose", source="JawOpen")]}, "channel_maps[0].target"),
        ({"channel_maps": [curves_pb2.ChannelMap(target="JawOpen", source="aa")]}, "channel_maps[0].source"),
        ({"output": pb.CurveOutput(schema="curveSchemas/none")}, "output.schema"),
        ({"identity": "identities/anna"}, "identity"),
        ({"identity": "anna"}, "identity"),
    ],
)
async def test_conversions_that_cannot_be_are_refused(fields: dict[str, Any], field: str) -> None:
    """INVALID_ARGUMENT with the path of the field."""
    message = pb.RetargetCurvesRequest(**{"clip": curve_clip(clip(0.1, 5)), "output": curve_output(25)} | fields)
    async with animation_client() as visage:
        with pytest.raises(InvalidRequest) as caught:
            await visage.animation._collect("RetargetCurves", visage.animation._stub().RetargetCurves, message)

        assert list(caught.value.fields) == [field]


async def test_clips_and_mixtures_have_a_longest_length() -> None:
    """A clip of more than a minute and layers that end after the limit are out of range."""
    long, short = clip(0.1, 601, 10.0, ("JawOpen",)), clip(0.1, 5)
    async with animation_client() as visage:
        with pytest.raises(InvalidRequest, match="60 s"):
            await visage.animation.retarget(long)
        with pytest.raises(InvalidRequest, match="60 s"):
            await visage.animation.blend([Layer(short, start_s=100.0)])
