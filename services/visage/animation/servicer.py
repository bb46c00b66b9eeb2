"""Messages in, messages out; all decisions are made by the verbs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from fractions import Fraction
from typing import Any, TypeVar, cast

import grpc.aio

from visage.animation import clip_messages, messages, mocap_messages
from visage.animation.animate_from_audio import AnimateFromAudio, Piece
from visage.animation.animate_from_mocap import AnimateFromMocap
from visage.animation.animate_from_text import AnimateFromText
from visage.animation.animate_from_video import AnimateFromVideo, Tracking
from visage.animation.animate_idle import animate_idle
from visage.animation.blend_curves import blend_curves
from visage.animation.list_curve_schemas import list_curve_schemas
from visage.animation.projection import ChannelBlock, Projection
from visage.animation.retarget_curves import retarget_curves
from visage.animation.stage import Notice, Output
from visage.animation.video_messages import film_pieces, report_message, video_animation_of
from visage.animation.viseme_timing import timed_phones
from visage.media.curves import CurveBlock
from visage.runtime.errors import StreamOutOfOrder
from visage.runtime.styled_controls import styled_controls
from visage.runtime.wire import seconds_of
from visage.v1 import animation_service_pb2 as pb
from visage.v1.animation_service_pb2_grpc import AnimationServiceServicer

Request = TypeVar("Request")
Response = TypeVar("Response")
Answer = CurveBlock | ChannelBlock | Notice | Tracking


class AnimationServicer(AnimationServiceServicer):
    """Implements `visage.v1.AnimationService`."""

    def __init__(
        self,
        from_audio: AnimateFromAudio,
        from_text: AnimateFromText,
        from_video: AnimateFromVideo,
        longest_s: float = 600.0,
    ) -> None:
        """Takes the verbs that need others, and the longest recording or mixture in seconds."""
        self._from_audio = from_audio
        self._from_text = from_text
        self._from_video = from_video
        self._from_mocap = AnimateFromMocap(longest_s)
        self._longest_s = longest_s

    async def AnimateFromAudio(
        self, requests: AsyncIterator[pb.AnimateFromAudioRequest], context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.AnimateFromAudioResponse, None]:
        """Audio to curves, live."""
        config = (await _first_with_config(requests)).config
        animation = messages.animation_of(config)
        answers = self._from_audio(animation, _pieces(requests))
        clamped = messages.clamped_gaze(config.controls)
        async with aclosing(_replies(pb.AnimateFromAudioResponse, animation.output, answers, clamped)) as replies:
            async for reply in replies:
                yield reply

    async def AnimateFromText(
        self, request: pb.AnimateFromTextRequest, context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.AnimateFromTextResponse, None]:
        """Text or phoneme timings to curves."""
        output = messages.output_of(request.output)
        if request.WhichOneof("source") == "timing":
            controls = messages.controls_of(request.controls, "controls")
            answers = self._from_text.from_phones(timed_phones(request.timing), controls, output)
        else:
            utterance = messages.utterance_of(request.input, request.synthesis)
            styled = styled_controls(request.controls, request.synthesis.style)
            controls = messages.controls_of(styled, "controls")
            answers = self._from_text.from_text(utterance, controls, output)
        clamped = messages.clamped_gaze(request.controls)
        async with aclosing(_replies(pb.AnimateFromTextResponse, output, answers, clamped)) as replies:
            async for reply in replies:
                yield reply

    async def AnimateFromMocap(
        self, requests: AsyncIterator[pb.AnimateFromMocapRequest], context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.AnimateFromMocapResponse, None]:
        """Recorded or live motion capture to curves."""
        animation = mocap_messages.mocap_animation_of((await _first_with_config(requests)).config)
        answers = self._from_mocap(animation, (mocap_messages.mocap_piece_of(request) async for request in requests))
        async with aclosing(_replies(pb.AnimateFromMocapResponse, animation.output, answers)) as replies:
            async for reply in replies:
                yield reply

    async def AnimateFromVideo(
        self, requests: AsyncIterator[pb.AnimateFromVideoRequest], context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.AnimateFromVideoResponse, None]:
        """Another person's video to curves."""
        animation = video_animation_of((await _first_with_config(requests)).config)
        answers = self._from_video(animation, film_pieces(requests))
        async with aclosing(_replies(pb.AnimateFromVideoResponse, animation.output, answers)) as replies:
            async for reply in replies:
                yield reply

    async def AnimateIdle(
        self, request: pb.AnimateIdleRequest, context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.AnimateIdleResponse, None]:
        """Life without speech."""
        controls = messages.controls_of(request.controls, "controls")
        output = messages.output_of(request.output)
        duration = Fraction(seconds_of(request.duration)).limit_denominator(1_000_000)
        answers = animate_idle(duration, controls, output, is_loop=request.loop)
        clamped = messages.clamped_gaze(request.controls)
        async with aclosing(_replies(pb.AnimateIdleResponse, output, answers, clamped)) as replies:
            async for reply in replies:
                yield reply

    async def BlendCurves(
        self, request: pb.BlendCurvesRequest, context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.BlendCurvesResponse, None]:
        """Mixes clips, layer over layer."""
        output = messages.output_of(request.output)
        answers = blend_curves(clip_messages.layers_of(request, output.schema), output, self._longest_s)
        async with aclosing(_replies(pb.BlendCurvesResponse, output, answers)) as replies:
            async for reply in replies:
                yield reply

    async def RetargetCurves(
        self, request: pb.RetargetCurvesRequest, context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.RetargetCurvesResponse, None]:
        """Converts a clip between schemas, frame rates and the ranges of faces."""
        output = messages.output_of(request.output)
        answers = retarget_curves(clip_messages.retargeting_of(request, output.schema), output)
        async with aclosing(_replies(pb.RetargetCurvesResponse, output, answers)) as replies:
            async for reply in replies:
                yield reply

    async def ListCurveSchemas(
        self, request: pb.ListCurveSchemasRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListCurveSchemasResponse:
        """Channel layouts."""
        schemas, next_page_token = list_curve_schemas(request.page_size, request.page_token)
        return pb.ListCurveSchemasResponse(
            curve_schemas=[
                pb.CurveSchema(name=schema.name, channels=schema.channels, description=schema.description)
                for schema in schemas
            ],
            next_page_token=next_page_token,
        )


async def _first_with_config(requests: AsyncIterator[Request]) -> Request:
    """The first message of a stream; raises StreamOutOfOrder where it is not the config."""
    first: Any = await anext(requests, None)
    if first is None or first.WhichOneof("request") != "config":
        raise StreamOutOfOrder("config", "end of stream" if first is None else str(first.WhichOneof("request")))
    return cast(Request, first)


async def _pieces(requests: AsyncIterator[pb.AnimateFromAudioRequest]) -> AsyncIterator[Piece]:
    async for request in requests:
        yield messages.piece_of(request)


async def _replies(
    respond: Callable[..., Response],
    output: Output,
    answers: AsyncGenerator[Answer, None],
    clamped: Iterable[Notice] = (),
) -> AsyncGenerator[Response, None]:
    """Yields the messages of a stream of curves, notices of `clamped` settings first.

    All responses have one shape: header, block, notice.
    """
    projection = Projection(output.schema)
    yield respond(header=projection.header_message(output.frame_rate))
    for notice in clamped:
        yield respond(notice=messages.notice_message(notice))
    async with aclosing(answers):
        async for answer in answers:
            if isinstance(answer, CurveBlock | ChannelBlock):
                yield respond(block=projection.block_message(answer))
            elif isinstance(answer, Tracking):
                yield respond(report=report_message(answer))
            else:
                yield respond(notice=messages.notice_message(answer))
