"""Messages of motion capture ↔ its values."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from visage.animation.animate_from_mocap import MocapControls, MocapData, Piece
from visage.animation.messages import controls_of, output_of
from visage.animation.mocap.opening import Format
from visage.animation.mocap.whole import MocapAnimation
from visage.runtime.errors import InvalidField, StreamOutOfOrder
from visage.runtime.wire import frame_rate_of, seconds_of
from visage.v1 import animation_service_pb2 as pb

LONGEST_CALIBRATION_S: Final = 10.0
_SLOWEST_HZ: Final = 1
_FASTEST_HZ: Final = 240
_Request = pb.AnimateFromMocapRequest
_FORMATS: Final[Mapping[int, Format]] = {
    _Request.FORMAT_UNSPECIFIED: Format.ANY,
    _Request.FORMAT_LIVE_LINK_CSV: Format.LIVE_LINK_CSV,
    _Request.FORMAT_AUDIO2FACE_CSV: Format.AUDIO2FACE_CSV,
    _Request.FORMAT_BVH: Format.BVH,
    _Request.FORMAT_ARKIT_JSON_LINES: Format.JSON_LINES,
}


def mocap_animation_of(config: pb.AnimateFromMocapRequest.Config) -> MocapAnimation:
    """Value of a stream's first message; raises InvalidField where a field is out of range or contradicts another."""
    calibration_s = seconds_of(config.calibration_duration)
    if not 0 <= calibration_s <= LONGEST_CALIBRATION_S:
        limit = f"0 to {LONGEST_CALIBRATION_S:g} s"
        raise InvalidField("config.calibration_duration", f"{calibration_s:g} s is not within {limit}", limit)
    if config.live and config.add_life:
        raise InvalidField("config.add_life", "is not possible with live: what does not move is known only at the end")
    return MocapAnimation(
        kind=_FORMATS[config.format],
        output=output_of(config.output, "config.output"),
        controls=controls_of(config.controls, "config.controls"),
        source_rate=_source_rate_of(config),
        calibration_s=calibration_s,
        smoothing=config.smoothing,
        is_live=config.live,
        adds_life=config.add_life,
    )


def mocap_piece_of(request: pb.AnimateFromMocapRequest) -> Piece:
    """Value of a later message; raises StreamOutOfOrder for a second config."""
    kind = request.WhichOneof("request")
    if kind == "data":
        return MocapData(request.data)
    if kind == "controls":
        return MocapControls(controls_of(request.controls, "controls"))
    raise StreamOutOfOrder("data or controls", str(kind))


def _source_rate_of(config: pb.AnimateFromMocapRequest.Config) -> Fraction | None:
    if not config.HasField("source_frame_rate"):
        return None
    rate = frame_rate_of(config.source_frame_rate)
    if not _SLOWEST_HZ <= rate <= _FASTEST_HZ:
        limit = f"{_SLOWEST_HZ} to {_FASTEST_HZ}"
        raise InvalidField("config.source_frame_rate", f"must be within {limit} frames per second", limit)
    return rate
