"""Streams that no Audio2Face-3D client would send: each has a header first and a status last, and ends by a rule."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import grpc
import pytest

from tests.fakes.audio2face_client import audio_request, end_request, header_request, pb
from tests.fakes.audio2face_service import serve_audio2face
from visage.media.arkit import CURVE_NAMES
from visage.media.emotions import EMOTIONS

pytestmark = pytest.mark.fuzz

STREAMS = 200
NUMBERS = (0.0, 1.0, -1.0, 0.5, 1e30, -1e30, 3e-39, float("nan"), float("inf"))
NAMES = ("skinStrength", "faceMaskLevel", "", "😀", "x" * 3000, *CURVE_NAMES[:3], *EMOTIONS[:3])
RATES = (0, 1, 8_000, 16_000, 16_001, 48_000, 144_000, 144_001, 2**32 - 1)
ALLOWED = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE}


def numbers(dice: random.Random) -> dict[str, float]:
    return {dice.choice(NAMES): dice.choice(NUMBERS) for _ in range(dice.choice((0, 0, 0, 1, 3)))}


def header(dice: random.Random) -> Any:
    audio = {"channel_count": dice.choice((1, 1, 1, 2)), "bits_per_sample": dice.choice((16, 16, 16, 0, 24))}
    return header_request(
        dice.choice(RATES) if dice.random() < 0.3 else 16_000,
        audio_header=audio if dice.random() < 0.2 else {},
        face_params=pb.FaceParameters(float_params=numbers(dice)),
        blendshape_params=pb.BlendShapeParameters(
            bs_weight_multipliers=numbers(dice), enable_clamping_bs_weight=dice.random() < 0.5
        ),
        emotion_params=pb.EmotionParameters(beginning_emotion=numbers(dice)),
        emotion_post_processing_params=pb.EmotionPostProcessingParameters(emotion_strength=dice.choice(NUMBERS)),
    )


def message(dice: random.Random) -> Any:
    """The next message of a stream: mostly sound, of any length and content."""
    draw = dice.random()
    if draw < 0.05:
        return header(dice)
    if draw < 0.08:
        return pb.AudioWithEmotionStream()
    if draw < 0.1:
        # A message that the client could not have: an unknown field.
        return pb.AudioWithEmotionStream.FromString(b"\xa2\x06\x03abc")
    size = dice.choice((0, 1, 2, 31, 3_200, 6_400, 32_001))
    sound = dice.choice((bytes(size), b"\xff\x7f" * (size // 2), dice.randbytes(size)))
    return audio_request(sound, [(dice.choice(NUMBERS), numbers(dice))] if dice.random() < 0.1 else ())


async def test_any_stream_ends_by_a_rule() -> None:
    """OK or a refusal with details; weights are finite; nothing keeps running."""
    dice = random.Random(11)
    codes: dict[grpc.StatusCode | None, int] = {}
    async with serve_audio2face(audio2face_longest_clip_s=3) as mesh, asyncio.timeout(120):
        for number in range(STREAMS):
            requests = [message(dice) for _ in range(dice.choice((0, 1, 4, 12)))] + [end_request()] * dice.choice(
                (1, 2)
            )
            if dice.random() < 0.95:
                requests.insert(0, header(dice))
            clip = await mesh.client.animate(requests)
            codes[clip.code] = codes.get(clip.code, 0) + 1

            assert clip.code in ALLOWED, (number, clip.code, clip.statuses)
            assert clip.kinds[0] == "animation_data_stream_header" and clip.kinds[-1] == "status"
            assert (clip.statuses[-1][0] == 0) == (clip.code is grpc.StatusCode.OK)
            assert clip.code is grpc.StatusCode.OK or (clip.refusal is not None and clip.refusal.reason)
            assert all(value == value and abs(value) < float("inf") for row in clip.rows for value in row)
        assert mesh.running.running_calls == 0

    assert codes[grpc.StatusCode.OK] > STREAMS / 20 and codes[grpc.StatusCode.INVALID_ARGUMENT] > STREAMS / 20
