"""NVIDIA's public Audio2Face-3D client package, unchanged, against the animation service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pool

from tests.fakes.audio2face_client import (
    Clip,
    animation_pb2,
    audio_pb2,
    config_pb,
    pb,
    requests_of,
    status_pb2,
)
from tests.fakes.audio2face_service import Audio2FaceMesh, serve_audio2face
from tests.fakes.lip_sync import VOWEL_JAW, sound, speech_like
from visage.animation.audio2face.protos import CONFIG_PROTOS, PROTOS, Request
from visage.media.arkit import CURVE_NAMES
from visage.media.emotions import EMOTIONS
from visage.media.pcm import to_int16
from visage.media.tongue import TONGUE_NAMES

pytestmark = pytest.mark.compat

SUCCESS, INFO, WARNING, ERROR = range(4)
HUM = sound(("hum", 1.0))
MESSAGES = [
    message
    for module in (animation_pb2, audio_pb2, status_pb2, pb)
    for message in module.DESCRIPTOR.message_types_by_name.values()
]


@pytest.fixture
async def mesh() -> AsyncIterator[Audio2FaceMesh]:
    async with serve_audio2face() as running:
        yield running


async def animate(mesh: Audio2FaceMesh, samples: np.ndarray = HUM, *emotions: Any, **fields: Any) -> Clip:
    """A clip that must succeed."""
    clip = await mesh.client.animate(requests_of(samples, emotions, **fields))
    assert clip.code is grpc.StatusCode.OK and clip.statuses[-1][0] == SUCCESS, clip.statuses
    return clip


def bs(**fields: Any) -> Any:
    return pb.BlendShapeParameters(**fields)


def face(**values: float) -> Any:
    return pb.FaceParameters(float_params=values)


@pytest.mark.parametrize("theirs", MESSAGES, ids=lambda message: message.full_name)
def test_fields_are_those_of_the_client(theirs: Any) -> None:
    """Every message of the client has the same fields, numbers and types here, in a pool of our own."""

    def fields(descriptor: Any) -> list[tuple[Any, ...]]:
        return [
            (f.name, f.number, f.type, f.is_repeated, f.containing_oneof and f.containing_oneof.name)
            for f in descriptor.fields
        ]

    ours = PROTOS.message(theirs.full_name).DESCRIPTOR

    assert fields(ours) == fields(theirs) and ours is not theirs
    assert [name for enum in ours.enum_types for name in enum.values_by_name] == [
        name for enum in theirs.enum_types for name in enum.values_by_name
    ]


def test_the_client_and_the_service_share_a_process() -> None:
    """Both hold the same names, in different pools, and agree on the wire."""
    message = requests_of(HUM, [(0.5, {"joy": 0.25})], face_params=face(skinStrength=0.5))[1]
    theirs = descriptor_pool.Default().FindMessageTypeByName(Request.DESCRIPTOR.full_name)
    ours = Request.FromString(message.SerializeToString(deterministic=True))
    config = CONFIG_PROTOS.message(config_pb.A2XConfig.DESCRIPTOR.full_name).DESCRIPTOR

    assert Request.DESCRIPTOR is not theirs
    assert ours.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)
    assert [f.name for f in config.fields] == [f.name for f in config_pb.A2XConfig.DESCRIPTOR.fields]


async def test_a_clip_comes_back_as_curves_and_sound(mesh: Audio2FaceMesh) -> None:
    """Header with 52 names, a frame every 1/30 s with its sound, the event, and SUCCESS last."""
    samples = speech_like(2.51)
    clip = await animate(mesh, samples)
    frames = int(np.ceil(len(samples) / 16_000 * 30))

    assert clip.kinds[0] == "animation_data_stream_header" and clip.kinds[-2:] == ["event", "status"]
    assert tuple(clip.header.skel_animation_header.blend_shapes) == CURVE_NAMES
    assert clip.header.audio_header.samples_per_second == 16_000 and clip.header.start_time_code_since_epoch > 1.6e9
    assert clip.times_s == pytest.approx([index / 30 for index in range(frames)])
    assert clip.audio == to_int16(samples).tobytes()
    assert clip.audio_times_s == clip.times_s
    assert clip.channel("JawOpen").max() > 0.3 and clip.curves.min() >= 0 and clip.curves.max() <= 1


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 44_100, 48_000, 144_000])
async def test_rates(mesh: Audio2FaceMesh, rate_hz: int) -> None:
    """Sound comes back at the rate that it was sent with, to the last sample, and moves the mouth the same."""
    samples = sound(("hum", 1.0), ("silence", 0.3), rate_hz=rate_hz)
    clip = await animate(mesh, samples, rate_hz=rate_hz)

    assert clip.audio == to_int16(samples).tobytes() and len(clip.rows) == 39
    assert clip.header.audio_header.samples_per_second == rate_hz
    assert clip.channel("JawOpen")[10:20].min() > 0.6 * VOWEL_JAW


async def test_the_frame_rate_is_a_setting() -> None:
    """Time codes and sound follow it."""
    async with serve_audio2face(audio2face_frame_rate=60) as mesh:
        clip = await animate(mesh)

    assert len(clip.rows) == 60 and clip.times_s[-1] == pytest.approx(59 / 60)
    assert clip.audio == to_int16(HUM).tobytes()


async def test_multipliers_and_offsets(mesh: Audio2FaceMesh) -> None:
    """Weights are multiplied, then offset, and kept within 0..1 only where that was asked for."""
    plain = (await animate(mesh)).channel("JawOpen")
    loose = await animate(
        mesh, blendshape_params=bs(bs_weight_multipliers={"JawOpen": 3}, bs_weight_offsets={"CheekPuff": -0.5})
    )
    kept = await animate(
        mesh,
        blendshape_params=bs(
            bs_weight_multipliers={"JawOpen": 3}, bs_weight_offsets={"CheekPuff": -0.5}, enable_clamping_bs_weight=True
        ),
    )

    assert loose.channel("JawOpen") == pytest.approx(3 * plain, abs=1e-5) and loose.channel("JawOpen").max() > 1
    assert loose.channel("CheekPuff") == pytest.approx(np.full(30, -0.5))
    assert kept.channel("JawOpen") == pytest.approx(np.minimum(1, 3 * plain), abs=1e-5)
    assert kept.channel("CheekPuff").min() == 0


async def test_strengths_of_the_face(mesh: Audio2FaceMesh) -> None:
    """The lower face scales with its own strength and with that of the skin; blinks with theirs."""
    plain = await animate(mesh, speech_like(6))
    half = await animate(mesh, speech_like(6), face_params=face(lowerFaceStrength=0.5))
    skin = await animate(mesh, speech_like(6), face_params=face(skinStrength=0.5))
    staring = await animate(mesh, speech_like(6), face_params=face(blinkStrength=0))

    assert half.channel("JawOpen") == pytest.approx(plain.channel("JawOpen") / 2, abs=0.02)
    assert skin.channel("JawOpen") == pytest.approx(half.channel("JawOpen"), abs=1e-5)
    assert plain.channel("EyeBlinkLeft").max() > 0.5 and staring.channel("EyeBlinkLeft").max() == 0


async def test_offsets_of_lids_and_lips(mesh: Audio2FaceMesh) -> None:
    """Lids open wide or droop, and lips part more or less, by the offsets."""
    plain = await animate(mesh)
    wide = await animate(mesh, face_params=face(eyelidOpenOffset=0.5, lipOpenOffset=0.2))
    drooping = await animate(mesh, face_params=face(eyelidOpenOffset=-0.4, lipOpenOffset=-0.2))

    assert (wide.channel("EyeWideLeft") - plain.channel("EyeWideLeft")).mean() > 0.3
    assert drooping.channel("EyeBlinkRight").min() >= 0.399
    assert wide.channel("MouthLowerDownLeft").min() >= 0.199
    assert drooping.channel("MouthLowerDownLeft").max() < plain.channel("MouthLowerDownLeft").max() - 0.1


async def test_smoothing_slows_the_lower_face(mesh: Audio2FaceMesh) -> None:
    """With a half-life of 0.1 s the jaw changes at a third of its speed and less; the upper face stays as it is."""
    plain = await animate(mesh, speech_like(3))
    slow = await animate(mesh, speech_like(3), face_params=face(lowerFaceSmoothing=0.1))

    def speed(clip: Clip) -> float:
        return float(np.abs(np.diff(clip.channel("JawOpen"))).max())

    assert speed(slow) < 0.5 * speed(plain)
    assert np.array_equal(slow.channel("BrowInnerUp"), plain.channel("BrowInnerUp"))


EMOTIONS_SENT = [(0.0, {"joy": 1.0}), (0.5, {"fear": 0.5}), (9.0, {"pain": 1.0})]


async def test_emotions_come_back() -> None:
    """Those that were sent, once and in their frame; and of each frame what the face shows."""
    async with serve_audio2face(audio2face_spelling="package") as mesh:
        clip = await animate(mesh, sound(("hum", 2.0)), *EMOTIONS_SENT)
    begun = [
        (frame, key.time_code, dict(key.emotion)) for frame, found in clip.emotions for key in found.input_emotions
    ]
    shown = [
        (found.a2f_smoothed_output[0].time_code, found.a2f_smoothed_output[0].emotion) for _, found in clip.emotions
    ]

    assert begun == [(0, 0.0, {"joy": 1.0}), (15, 0.5, {"fear": 0.5})]
    assert [time_s for time_s, _ in shown] == clip.times_s
    assert shown[0][1]["fear"] < 0.1 and shown[45][1]["fear"] == pytest.approx(0.5, abs=0.01)
    assert set(shown[0][1]) == set(EMOTIONS)


async def test_the_sample_application_has_another_spelling(mesh: Audio2FaceMesh) -> None:
    """By default emotions are packed under its name, which this package does not know; all else is the same."""
    clip = await animate(mesh, HUM, *EMOTIONS_SENT)

    assert clip.types == {"type.googleapis.com/nvidia_ace.emotion_aggregate.v1.EmotionAggregate"}
    assert not clip.emotions and len(clip.rows) == 30


async def test_emotions_move_the_face_at_their_time(mesh: Audio2FaceMesh) -> None:
    """Joy of the second second smiles then and not before; strength and switch of the client are honoured."""
    samples = sound(("hum", 3.0))
    emotions = [(0.0, {}), (1.5, {"joy": 1.0})]
    post = pb.EmotionPostProcessingParameters
    joy = (await animate(mesh, samples, *emotions)).channel("MouthSmileLeft")
    faint = await animate(mesh, samples, *emotions, emotion_post_processing_params=post(emotion_strength=0.3))
    off = await animate(mesh, samples, *emotions, emotion_post_processing_params=post(enable_preferred_emotion=False))
    begun = await animate(mesh, samples, emotion_params=pb.EmotionParameters(beginning_emotion={"joy": 1.0}))

    assert joy[48:75].min() > joy[:25].max() + 0.15
    assert faint.channel("MouthSmileLeft")[48:75].mean() < 0.5 * joy[48:75].mean()
    assert off.channel("MouthSmileLeft")[48:75].max() < 0.5 * joy[48:75].min()
    assert begun.channel("MouthSmileLeft")[15:25].min() > begun.channel("MouthSmileLeft")[60:75].max()


async def test_emotions_may_come_in_mid_stream(mesh: Audio2FaceMesh) -> None:
    """Keys that come with later sound make the same face as those that come first, if they come in time."""
    samples = sound(("hum", 3.0))
    early = await animate(mesh, samples, (0.0, {}), (2.0, {"joy": 1.0}))
    requests = requests_of(samples, [(0.0, {})])
    requests[2].audio_with_emotion.emotions.add(time_code=2.0, emotion={"joy": 1.0})
    late = await mesh.client.animate(requests)

    assert late.channel("MouthSmileLeft") == pytest.approx(early.channel("MouthSmileLeft"), abs=1e-5)


async def test_the_tongue_is_a_setting() -> None:
    """With it there are 68 names, and multipliers for those of the tongue count."""
    async with serve_audio2face(audio2face_tongue=True) as mesh:
        clip = await animate(mesh, blendshape_params=bs(bs_weight_offsets={"TongueTipUp": 0.25}))

    assert tuple(clip.header.skel_animation_header.blend_shapes) == CURVE_NAMES + TONGUE_NAMES
    assert clip.curves.shape == (30, 68) and clip.channel("TongueTipUp").min() >= 0.25


async def test_what_has_no_effect_is_said(mesh: Audio2FaceMesh) -> None:
    """INFO names parameters that nothing corresponds to, WARNING those that nobody knows or that are out of range."""
    post = pb.EmotionPostProcessingParameters(emotion_contrast=1, live_blend_coef=0.7, max_emotions=3)
    clip = await animate(
        mesh,
        HUM,
        (0.0, {"glee": 1.0, "neutral": 1.0, "joy": 7.0}),
        face_params=pb.FaceParameters(
            float_params={"faceMaskLevel": 0.6, "noseLength": 2, "skinStrength": 9}, integer_params={"sourceFrame": 1}
        ),
        blendshape_params=bs(bs_weight_multipliers={"Nose": 2, "TongueTipUp": 1}),
        emotion_post_processing_params=post,
        emotion_params=pb.EmotionParameters(live_transition_time=0.5, beginning_emotion={"joy": 0.5}),
    )

    assert "faceMaskLevel" in clip.told(INFO) and "emotion_contrast, live_blend_coef" in clip.told(INFO)
    warned = clip.told(WARNING)
    assert all(text in warned for text in ("glee", "noseLength, sourceFrame", "Nose", '["skinStrength"]: 9', '["joy"]'))
    assert "neutral" not in warned and "TongueTipUp" not in warned


async def test_silence_and_clipping_are_warned_of(mesh: Audio2FaceMesh) -> None:
    """The clip succeeds, and a WARNING before the end says what is wrong with the sound."""
    silent = await animate(mesh, sound(("silence", 2)))
    clipped = await animate(mesh, np.clip(4 * sound(("hum", 1), level=0.9), -1, 1))

    assert "no speech" in silent.told(WARNING) and silent.channel("JawOpen").max() == 0
    assert "clipped" in clipped.told(WARNING) and len(clipped.rows) == 30


@pytest.mark.parametrize("kind", ["YAML", "JSON"])
async def test_the_configuration_is_told(mesh: Audio2FaceMesh, kind: str) -> None:
    """GetConfigs gives one file with the limits and defaults in force; YAML 1.2 includes JSON."""
    yaml = pytest.importorskip("yaml")
    files = [file async for file in mesh.client.configs.GetConfigs(config_pb.ConfigsTypeRequest(config_type=kind))]
    told = (yaml.safe_load if kind == "YAML" else json.loads)(files[0].content)

    assert [file.name for file in files] == [f"visage_a2f_config.{kind.lower()}"]
    assert told["input_sanitization"]["max_audio_clip_size_second"] == 300
    assert told["output"] == {"frame_rate": 30, "blend_shapes": list(CURVE_NAMES)}
