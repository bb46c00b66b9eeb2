"""What happens around every call, whatever the service: trace, deadline, admission, validation, errors.

One interceptor instead of five, because order matters: a refused call is traced and counted, a validation error
carries details, and health checks pass whatever the load.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message
from opentelemetry import propagate, trace

from visage.runtime import errors, logs, resumption, telemetry
from visage.runtime.admission import Admission
from visage.runtime.ending import Ending
from visage.runtime.model_errors import shown_error
from visage.runtime.status import STATUS_KEY, code_of, shortened, to_status
from visage.runtime.validation import validate, validated

EXEMPT_PREFIXES: Final = ("/grpc.health.v1.Health/", "/grpc.reflection.")
"""Never counted, refused or validated."""

_MOST_FAREWELLS: Final = 32
"""At a time: a machine that is full has little time for those that it refuses."""
_LONGEST_FAREWELL_S: Final = 60.0

_log = logs.get(__name__)


Farewell = Callable[[AsyncIterator[Any], errors.VisageError], AsyncIterator[Any]]


@dataclass(frozen=True, slots=True)
class Manners:
    """What clients of a service need otherwise than ours.

    Attributes:
        default_deadline_s: For calls without a deadline, in the place of the setting.
        farewell: Responses to a stream that is not admitted, from its requests and the refusal that it ends with.
    """

    default_deadline_s: float | None = None
    farewell: Farewell | None = None


OUR_MANNERS: Final = Manners()


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Wraps each handler of the server."""

    def __init__(
        self,
        admission: Admission,
        default_deadline_s: float,
        idle_stream_s: float,
        streams: Collection[str] = (),
        manners: Mapping[str, Manners] | None = None,
    ) -> None:
        """Wraps; `streams` are the full names of the methods that take a place of the capacity.

        `manners` are those of services, by their full names.
        """
        self._admission = admission
        self._streams = frozenset(streams)
        self._ending = Ending()
        self._default_deadline_s = default_deadline_s
        self._manners = manners or {}
        self._farewells = 0
        self._idle_stream_s = idle_stream_s
        meter = telemetry.meter()
        self._duration = meter.create_histogram(telemetry.SERVER_CALL_DURATION, unit="s")
        self._active = meter.create_up_down_counter(telemetry.ACTIVE_CALLS)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Returns the handler, wrapped unless its method is exempt."""
        handler = await continuation(details)
        if handler is None or details.method.startswith(EXEMPT_PREFIXES):
            return handler
        codec = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        method = details.method.lstrip("/")
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(self._unary(method, handler.unary_unary), **codec)
        if handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(self._unary(method, handler.stream_unary), **codec)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(self._stream(method, handler.unary_stream), **codec)
        return grpc.stream_stream_rpc_method_handler(self._stream(method, handler.stream_stream), **codec)

    def _unary(self, method: str, behaviour: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def handle(request: Any, context: grpc.aio.ServicerContext) -> Any:
            async def work() -> Any:
                return await behaviour(self._checked(request), context)

            return await self._around(method, context, work)

        return handle

    def _stream(self, method: str, behaviour: Callable[..., AsyncIterator[Any]]) -> Callable[..., Awaitable[None]]:
        # A coroutine that writes, not a generator: one parked in `yield` sees no cancellation.
        async def handle(request: Any, context: grpc.aio.ServicerContext) -> None:
            async def work() -> None:
                responses = behaviour(self._checked(request), context)
                try:
                    async for response in responses:
                        await _write(context, response)
                finally:
                    if hasattr(responses, "aclose"):
                        await responses.aclose()

            async def refuse(error: errors.VisageError) -> None:
                farewell = self._of(method).farewell
                if farewell is not None and self._farewells < _MOST_FAREWELLS:
                    await self._say(farewell(self._checked(request), error), context)

            await self._around(method, context, work, refuse)

        return handle

    async def _say(self, responses: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> None:
        """Writes a farewell; a client that does not listen to it is left."""
        self._farewells += 1
        try:
            with suppress(Exception):
                async with asyncio.timeout(_LONGEST_FAREWELL_S):
                    async for response in responses:
                        await context.write(response)
        finally:
            self._farewells -= 1

    def _of(self, method: str) -> Manners:
        return self._manners.get(method.rpartition("/")[0], OUR_MANNERS)

    def _checked(self, request: Any) -> Any:
        if isinstance(request, Message):
            validate(request)
            return request
        return validated(request, self._idle_stream_s)

    def end_streams(self) -> None:
        """Ends every call that streams answers with UNAVAILABLE and its resume point: another replica goes on."""
        self._ending.end()

    async def _around(
        self,
        method: str,
        context: grpc.aio.ServicerContext,
        work: Callable[[], Awaitable[Any]],
        refuse: Callable[[errors.VisageError], Awaitable[None]] | None = None,
    ) -> Any:
        """Runs `work` under trace, admission and deadline; ends the call with the right status.

        `refuse`, which streams have, is told where the call is not admitted.
        """
        is_stream = refuse is not None
        limit: asyncio.Timeout | None = None
        with self._observed(method, context) as request_id, resumption.notes() as point:
            default_s = self._of(method).default_deadline_s or self._default_deadline_s
            limit_s = default_s if context.time_remaining() is None else None
            try:
                async with self._admission.admit(method in self._streams), asyncio.timeout(limit_s) as limit:
                    with self._ending.watched(limit, is_stream):
                        return await work()
            except grpc.aio.AbortError:
                raise
            except _WriteFailed as error:
                # As a rule the caller has gone, and the cancellation has not arrived yet: nobody is left to be told.
                try:
                    await context.abort(grpc.StatusCode.INTERNAL, "a response could not be written")
                except grpc.aio.AbortError:
                    raise
                except Exception:
                    raise asyncio.CancelledError from error
            except Exception as error:
                if isinstance(error, TimeoutError) and limit is not None and limit.expired():
                    shown = self._ending.cause(is_stream) or errors.DeadlineExceeded(limit_s or 0.0)
                else:
                    shown = shown_error(error, "call_broke", "the service's log has the request id")
                if code_of(shown) is grpc.StatusCode.UNAVAILABLE:
                    shown.metadata |= point
                if limit is None and refuse is not None:
                    await refuse(shown)
                await _abort(context, shown, request_id)

    @contextmanager
    def _observed(self, method: str, context: grpc.aio.ServicerContext) -> Iterator[str]:
        """Opens the call's span and counts it; yields the request id."""
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        request_id = metadata.get("x-request-id") or str(uuid.uuid4())
        attributes = {telemetry.ATTRIBUTE_SYSTEM: "grpc", telemetry.ATTRIBUTE_METHOD: method}
        started_s = time.perf_counter()
        self._active.add(1, {telemetry.ATTRIBUTE_METHOD: method})
        with (
            telemetry.tracer().start_as_current_span(
                method,
                context=propagate.extract(metadata),
                kind=trace.SpanKind.SERVER,
                attributes=attributes,
                record_exception=False,
            ),
            structlog.contextvars.bound_contextvars(method=method, request_id=request_id),
        ):
            code = grpc.StatusCode.OK
            try:
                yield request_id
            except grpc.aio.AbortError:
                code = context.code()
                raise
            except asyncio.CancelledError:
                # The caller has gone, or waits no longer; gRPC tells the server the same of both.
                is_late = context.time_remaining() == 0
                code = grpc.StatusCode.DEADLINE_EXCEEDED if is_late else grpc.StatusCode.CANCELLED
                raise
            finally:
                elapsed_s = time.perf_counter() - started_s
                self._active.add(-1, {telemetry.ATTRIBUTE_METHOD: method})
                self._duration.record(elapsed_s, attributes | {telemetry.ATTRIBUTE_STATUS: code.name})
                _log.debug("call_ended", seconds=round(elapsed_s, 4), code=code.name)


class _WriteFailed(Exception):
    """A response could not be handed to the transport."""


async def _write(context: grpc.aio.ServicerContext, response: Any) -> None:
    try:
        await context.write(response)
    except Exception as error:
        raise _WriteFailed from error


async def _abort(context: grpc.aio.ServicerContext, error: errors.VisageError, request_id: str) -> None:
    status = to_status(error, request_id)
    context.set_trailing_metadata(((STATUS_KEY, status.SerializeToString()),))
    await context.abort(code_of(error), shortened(error.message))
