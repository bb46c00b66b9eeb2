"""CompositionService: messages in, messages out; the decisions are the verbs'."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from visage.composition.generate_avatar import GenerateAvatar
from visage.composition.measures import StreamMeters
from visage.composition.messages import contents_of, scene_of
from visage.composition.remainder import note_taken, resume_point_of
from visage.composition.render_curves import RenderCurves
from visage.runtime.deadlines import remaining_s
from visage.runtime.errors import StreamOutOfOrder
from visage.v1 import composition_service_pb2 as pb
from visage.v1 import composition_service_pb2_grpc, curves_pb2


class CompositionServicer(composition_service_pb2_grpc.CompositionServiceServicer):
    """Implements `visage.v1.CompositionService`."""

    def __init__(self, render_curves: RenderCurves, generate_avatar: GenerateAvatar, longest_call_s: float) -> None:
        self._render_curves = render_curves
        self._generate_avatar = generate_avatar
        self._longest_call_s = longest_call_s
        self._meters = StreamMeters()

    async def RenderCurves(
        self, requests: AsyncIterator[pb.RenderCurvesRequest], context: Any
    ) -> AsyncIterator[pb.RenderCurvesResponse]:
        """Curves as they come to mute pictures."""
        config = await _read_config(requests)
        meter = self._meters.watch()
        parts = self._render_curves(
            scene_of(config.scene),
            config.header,
            _blocks(requests),
            remaining_s(context, self._longest_call_s),
            config.include_quality,
            resume_point_of(config.resume),
        )
        async with aclosing(parts):
            async for part in parts:
                meter.ready(part)
                for content in contents_of(part):
                    yield pb.RenderCurvesResponse(**content)
                meter.taken(part)
                note_taken(part)

    async def GenerateAvatar(
        self, request: pb.GenerateAvatarRequest, context: Any
    ) -> AsyncIterator[pb.GenerateAvatarResponse]:
        """Text, a recording or curves to pictures with sound."""
        meter = self._meters.watch()
        parts = self._generate_avatar(
            scene_of(request.scene),
            request.performance,
            request.include_curves,
            request.include_timing,
            remaining_s(context, self._longest_call_s),
            request.include_quality,
            resume_point_of(request.resume),
        )
        async with aclosing(parts):
            async for part in parts:
                meter.ready(part)
                for content in contents_of(part):
                    yield pb.GenerateAvatarResponse(**content)
                meter.taken(part)
                note_taken(part)


async def _read_config(requests: AsyncIterator[pb.RenderCurvesRequest]) -> pb.RenderCurvesRequest.Config:
    request = await anext(requests, None)
    kind = "end of stream" if request is None else request.WhichOneof("request")
    if request is None or kind != "config":
        raise StreamOutOfOrder(expected="config", got=str(kind))
    return request.config


async def _blocks(requests: AsyncIterator[pb.RenderCurvesRequest]) -> AsyncIterator[curves_pb2.CurveBlock]:
    async for request in requests:
        kind = request.WhichOneof("request")
        if kind != "block":
            raise StreamOutOfOrder(expected="block", got=str(kind))
        yield request.block
