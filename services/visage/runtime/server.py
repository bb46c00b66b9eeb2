"""Server bootstrap, the same for the four services: telemetry, interceptor, health, reflection, drain.

A service's `__main__` builds a `Service` and calls `run`; tests and the embedded mesh use `start`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from visage.runtime import errors, logs, telemetry
from visage.runtime.admission import Admission
from visage.runtime.capacity import Places
from visage.runtime.interceptors import OUR_MANNERS, CallInterceptor, Manners
from visage.runtime.peers import MAX_MESSAGE_BYTES
from visage.runtime.settings import ServiceSettings, exit_on_bad_settings, read_settings
from visage.runtime.tls import server_credentials

Settings = TypeVar("Settings", bound=ServiceSettings)

_log = logs.get(__name__)

UNREADY_PERIOD_S = 0.25
_PATIENCE = 3.0
"""Times its planned length that a measurement of the capacity may take, warm-up included."""

_STATUS_S = 3.0
"""Before the end of the grace at shutdown, live streams are ended: time for their status to arrive."""

LIVE = "live"
"""Name under which health answers whether the process lives, whatever its models and peers do: what a liveness probe
asks, since a restart heals no peer."""

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass(frozen=True, slots=True)
class Servicer:
    """One gRPC service of a process: the generated `add_…_to_server`, its implementation and its full name.

    `streams` are its methods that take a place of the process's capacity (`visage.runtime.capacity`).
    Reflection lists it if `is_reflected`; its descriptors must be in the default pool then. `manners` are what its
    clients need otherwise than ours.
    """

    add_to_server: Callable[[Any, Any], None]
    implementation: object
    full_name: str
    streams: frozenset[str] = frozenset()
    is_reflected: bool = True
    manners: Manners = OUR_MANNERS


class Service(Protocol):
    """What a service gives to the bootstrap."""

    @property
    def name(self) -> str:
        """Short name: "identity"."""

    @property
    def servicers(self) -> Sequence[Servicer]:
        """gRPC services to serve."""

    @property
    def places(self) -> Places | None:
        """Places that streams take, where the service holds some itself; None: the bootstrap makes them."""

    async def ready(self) -> Mapping[str, bool]:
        """Returns model or peer → is it there; the service is healthy when all are."""

    async def streams_per_machine(self) -> float | None:
        """Measures how many streams this machine carries; None where nothing is to be measured."""

    async def close(self) -> None:
        """Releases channels, processes and files."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A `Service` put together from its parts; what `__main__` usually returns."""

    name: str
    servicers: Sequence[Servicer]
    check_ready: Callable[[], Awaitable[Mapping[str, bool]]]
    release: Callable[[], Awaitable[None]]
    measure_capacity: Callable[[], Awaitable[float]] | None = None
    places: Places | None = None

    async def streams_per_machine(self) -> float | None:
        """Measures how many streams this machine carries; None where nothing is to be measured."""
        return None if self.measure_capacity is None else await self.measure_capacity()

    async def ready(self) -> Mapping[str, bool]:
        """Returns model or peer → is it there."""
        return await self.check_ready()

    async def close(self) -> None:
        """Releases what the service holds."""
        await self.release()


class RunningServer:
    """A service that listens; `address` is host:port, as is `health_address` where health has a port of its own."""

    def __init__(self, service: Service, settings: ServiceSettings) -> None:
        self._service = service
        self._settings = settings
        self.places = service.places or Places(0)
        self.places.resize(settings.stream_capacity or settings.max_concurrent_calls)
        self._is_sized = settings.stream_capacity > 0
        self._admission = Admission(settings.max_concurrent_calls, self.places)
        streams = [f"{part.full_name}/{method}" for part in service.servicers for method in part.streams]
        self._health = health.aio.HealthServicer()
        self._watch: asyncio.Task[None] | None = None
        manners = {part.full_name: part.manners for part in service.servicers}
        self._interceptor = CallInterceptor(
            self._admission, settings.default_deadline_s, settings.idle_stream_s, streams, manners
        )
        self._server = grpc.aio.server(
            interceptors=[self._interceptor],
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_connection_age_ms", int(settings.max_connection_age_s * 1000)),
                ("grpc.max_connection_age_grace_ms", 60_000),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
                ("grpc.so_reuseport", 0),
            ],
        )
        # gRPC keeps no reference of its own to credentials that it asks again.
        self._credentials = None if settings.tls is None else server_credentials(settings.tls)
        # A kubelet's gRPC probes know no TLS.
        self._probed = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self.address = ""
        self.health_address = ""
        self.readiness: Mapping[str, bool] = {}

    @property
    def running_calls(self) -> int:
        """Calls in flight."""
        return self._admission.running

    async def start(self) -> None:
        """Binds and serves; raises OSError when the port is taken."""
        names = [servicer.full_name for servicer in self._service.servicers if servicer.is_reflected]
        for servicer in self._service.servicers:
            servicer.add_to_server(servicer.implementation, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        self.address = self._bind(self._server, self._settings.port, self._credentials)
        await self._set_health(NOT_SERVING)
        await self._health.set(LIVE, SERVING)
        await self._server.start()
        if self._settings.health_port >= 0:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._probed)
            self.health_address = self._bind(self._probed, self._settings.health_port, None)
            await self._probed.start()
        self._watch = asyncio.create_task(self._watch_readiness(), name=f"{self._service.name}-readiness")
        _log.info("listening", service=self._service.name, address=self.address)

    def _bind(self, server: grpc.aio.Server, port: int, credentials: grpc.ServerCredentials | None) -> str:
        """Returns the address; raises OSError when the port is taken."""
        target = f"{self._settings.host}:{port}"
        try:
            bound = server.add_secure_port(target, credentials) if credentials else server.add_insecure_port(target)
        except RuntimeError as error:
            raise OSError(f"cannot bind {target}") from error
        return f"{self._settings.host}:{bound}"

    async def _set_health(self, status: int) -> None:
        for name in ("", *(servicer.full_name for servicer in self._service.servicers)):
            await self._health.set(name, status)

    async def _watch_readiness(self) -> None:
        """Keeps the health status in step with models and peers."""
        while True:
            try:
                readiness = await self._service.ready()
                if all(readiness.values()) and not self._is_sized:
                    await self._size()
            except errors.VisageError as error:
                readiness = {error.metadata.get("peer") or error.metadata.get("model") or "service": False}
            except Exception as error:
                _log.error("readiness_check_broke", exc_info=error)
                readiness = {"service": False}
            if readiness != self.readiness:
                missing = sorted(name for name, there in readiness.items() if not there)
                _log.info("readiness", service=self._service.name, missing=missing)
            self.readiness = readiness
            is_ready = all(readiness.values())
            await self._set_health(SERVING if is_ready else NOT_SERVING)
            # What is missing comes up one after another at start: look more often then.
            period_s = self._settings.readiness_period_s
            await asyncio.sleep(period_s if is_ready else min(period_s, UNREADY_PERIOD_S))

    async def _size(self) -> None:
        """Measures the capacity, once; a measurement that fails leaves the service unready and is tried again."""
        try:
            async with asyncio.timeout(_PATIENCE * self._settings.calibration_s):
                measured = await self._service.streams_per_machine()
        except TimeoutError:
            # Slower than anything that can be called live.
            measured = 1.0
        if measured is not None:
            self.places.resize(min(max(1, int(measured)), self._settings.max_concurrent_calls))
        self._is_sized = True
        _log.info("capacity", service=self._service.name, streams=self.places.capacity, measured=measured)

    async def _end_streams(self) -> None:
        """Lets live streams run for most of the grace, then tells those that are left where to go on."""
        await asyncio.sleep(max(0.0, self._settings.drain_grace_s - _STATUS_S))
        self._interceptor.end_streams()

    async def drain(self) -> None:
        """NOT_SERVING, a wait for endpoints to notice, then stop with grace and release everything.

        Calls that give one answer have all of the grace; streams end a little before it does, with a resume point.
        """
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await self._health.enter_graceful_shutdown()
        if self._admission.running or self._settings.drain_wait_s:
            await asyncio.sleep(self._settings.drain_wait_s)
        self._admission.close()
        async with asyncio.TaskGroup() as group:
            ending = group.create_task(self._end_streams(), name=f"{self._service.name}-ending")
            await self._server.stop(self._settings.drain_grace_s)
            ending.cancel()
        await self._probed.stop(None)
        await self._service.close()


@asynccontextmanager
async def start(service: Service, settings: ServiceSettings) -> AsyncIterator[RunningServer]:
    """Serves inside a running event loop: `async with start(service, settings) as server`."""
    server = RunningServer(service, settings)
    await server.start()
    try:
        yield server
    finally:
        await server.drain()


async def serve(build: Callable[[], Awaitable[Service]], settings: ServiceSettings, name: str) -> None:
    """Runs a service until SIGTERM or SIGINT, then drains."""
    logs.configure(name, settings.log_level)
    exporters = telemetry.configure(name, settings.otlp_endpoint, settings.metrics_port, settings.host)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with start(await build(), settings) as server:
            print(f"{name} listening on {server.address}", flush=True)
            await stop.wait()
            _log.info("draining", service=name, running_calls=server.running_calls)
    finally:
        exporters.close()


def run(build: Callable[[Settings], Awaitable[Service]], settings: type[Settings], name: str) -> None:
    """Runs a service process; what `__main__` calls. Settings that cannot be used end it with one line for each."""
    with exit_on_bad_settings():
        read = read_settings(settings)
        asyncio.run(serve(lambda: build(read), read, name))
