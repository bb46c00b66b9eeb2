"""Messages of AnimateFromVideo ↔ its values."""

from __future__ import annotations

from collections.abc import AsyncIterator

from visage.animation.animate_from_video import Tracking, VideoAnimation
from visage.animation.film_curves import DEFAULT_SMOOTHING, Driving
from visage.animation.messages import controls_of, output_of
from visage.runtime.errors import StreamOutOfOrder
from visage.runtime.wire import frame_rate_message
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import driving_pb2


def video_animation_of(config: pb.AnimateFromVideoRequest.Config) -> VideoAnimation:
    """Value of a stream's first message; raises InvalidField where it contradicts itself."""
    options = config.driving
    controls = controls_of(config.controls, "config.controls")
    head_motion = options.head_motion_strength if options.HasField("head_motion_strength") else 1.0
    return VideoAnimation(
        output_of(config.output),
        controls,
        Driving(
            options.reference == driving_pb2.DrivingOptions.REFERENCE_FIRST_FRAME,
            head_motion * controls.head_motion,
            options.smoothing if options.HasField("smoothing") else DEFAULT_SMOOTHING,
        ),
        options.face_index,
    )


async def film_pieces(requests: AsyncIterator[pb.AnimateFromVideoRequest]) -> AsyncIterator[bytes]:
    """The film's bytes; raises StreamOutOfOrder for a second config."""
    async for request in requests:
        if request.WhichOneof("request") != "data":
            raise StreamOutOfOrder("data", str(request.WhichOneof("request")))
        yield request.data


def report_message(tracking: Tracking) -> driving_pb2.TrackingReport:
    """Message for how well a film was followed."""
    return driving_pb2.TrackingReport(
        source_frames=tracking.source_frames,
        lost_frames=tracking.lost_frames,
        face_count=tracking.face_count,
        source_frame_rate=frame_rate_message(tracking.source_frame_rate),
        residual_mm=tracking.residual_mm,
    )
