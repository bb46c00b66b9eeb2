"""Requests to the composition service: clips that open the jaw, streams of curves, raw frames."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np

from tests.fakes.composition_peers import JAW
from visage.media.arkit import CURVE_COUNT
from visage.media.curves import CurveBlock
from visage.runtime.wire import curve_block_message, curve_header_message
from visage.v1 import composition_service_pb2 as pb
from visage.v1 import curves_pb2, media_pb2

NAME = "identities/anna"
RAW = media_pb2.VideoOutput(raw_frames=media_pb2.RawFrameOutput())


def ramp(frame_count: int, rate: int = 25) -> curves_pb2.CurveClip:
    """A clip whose jaw opens from 0 to 1."""
    curves = np.zeros((frame_count, CURVE_COUNT), np.float32)
    curves[:, JAW] = np.linspace(0, 1, frame_count)
    header = curve_header_message(Fraction(rate))
    return curves_pb2.CurveClip(header=header, blocks=[curve_block_message(CurveBlock(0, curves))])


def shown(clip: curves_pb2.CurveClip, video: media_pb2.VideoOutput | None = None) -> pb.GenerateAvatarRequest:
    """A request to show a clip."""
    return pb.GenerateAvatarRequest(scene=pb.Scene(identity=NAME, video=video), performance=pb.Performance(curves=clip))


def opened(found: dict[str, list[Any]]) -> Any:
    """The MP4 that the parts make."""
    return av.open(io.BytesIO(b"".join(part.data for part in found["fragment"])))


def config(
    video: media_pb2.VideoOutput | None = None, header: curves_pb2.CurveHeader | None = None
) -> pb.RenderCurvesRequest:
    scene = pb.Scene(identity=NAME, video=video)
    return pb.RenderCurvesRequest(
        config=pb.RenderCurvesRequest.Config(scene=scene, header=header or curve_header_message(Fraction(25)))
    )


def block(start_frame: int, frame_count: int, jaw: float = 0.0) -> pb.RenderCurvesRequest:
    curves = np.zeros((frame_count, CURVE_COUNT), np.float32)
    message = curve_block_message(CurveBlock(start_frame, curves, np.zeros((frame_count, 6), np.float32)))
    for index in range(frame_count):
        message.values[index * CURVE_COUNT + JAW] = jaw
    return pb.RenderCurvesRequest(block=message)
