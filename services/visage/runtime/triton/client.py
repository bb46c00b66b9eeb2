"""Call models on Triton: checked tensors, deadlines, cancellation, trace context, shared memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import tritonclient.grpc.aio as triton_grpc
from opentelemetry.propagate import inject
from tritonclient.utils import InferenceServerException

from visage.runtime.tls import check_certificates, check_pair
from visage.runtime.triton.announcements import ModelStatistics
from visage.runtime.triton.attempts import RegionsForgotten, somewhere
from visage.runtime.triton.calls import Call
from visage.runtime.triton.errors import (
    DeadlineExceeded,
    ModelOverloaded,
    ModelRejectedInput,
    ModelUnavailable,
)
from visage.runtime.triton.pinned import PinnedCache, PinnedInputs
from visage.runtime.triton.regions import Place, Region, lay_out
from visage.runtime.triton.served_models import ServedModels
from visage.runtime.triton.settings import TritonClientSettings
from visage.runtime.triton.shared_memory import SharedMemoryLink, has_shared_memory, is_loopback
from visage.runtime.triton.signature import Array, ModelSignature
from visage.runtime.triton.statuses import to_model_error

_MAX_MESSAGE_BYTES: Final = 2**31 - 1


class TritonClient:
    """One connection to one Triton server, shared by all calls of a process, used from one event loop.

    It survives a restart of the server: calls fail with `ModelUnavailable` meanwhile and succeed afterwards.
    """

    def __init__(self, settings: TritonClientSettings | None = None) -> None:
        """Describe a client; the connection is made by the first call.

        Args:
            settings: Address and limits; from the environment by default.

        Raises:
            TlsFileProblem: Certificates are named that cannot be used.
        """
        self._settings = settings or TritonClientSettings()
        self._tls = _tls_of(self._settings)
        self._connection: Any = None
        self._link: SharedMemoryLink | None = None
        self._pinned: PinnedCache | None = None
        self._probing = asyncio.Lock()
        self._is_probed = False
        self._models = ServedModels(self._triton, self._settings.control_timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Release all shared memory, here and on the server, and close the connection."""
        if self._connection is None:
            return
        if self._pinned is not None:
            self._pinned.clear()
        if self._link is not None:
            await self._link.close(self._settings.close_timeout_s)
        connection, self._connection = self._connection, None
        self._link, self._pinned, self._is_probed = None, None, False
        await connection.close()

    async def infer(
        self,
        signature: ModelSignature,
        inputs: Mapping[str, Array],
        *,
        deadline_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        pinned: PinnedInputs | None = None,
    ) -> dict[str, Array]:
        """Run a model once.

        Cancelling the awaiting task cancels the call on the server: still queued, it is not executed.

        Args:
            signature: The model and its tensors.
            inputs: Tensors by name, each with the batch as axis 0; they take precedence over pinned ones.
            deadline_s: Seconds until the answer must be there; the settings' maximum by default and at most.
            headers: gRPC metadata; the current trace context is added.
            pinned: Further inputs, from `pin`.

        Returns:
            The signature's outputs by name, each with the batch as axis 0; arrays may be read-only.

        Raises:
            ModelRejectedInput: The inputs do not fit the signature or the server's model.
            ModelUnavailable: No server answers for the model now, nor did at two more attempts.
            ModelOverloaded: Its queue is full, or the call waited in it too long.
            DeadlineExceeded: The answer did not come in time.
            ModelFailed: The model broke while it worked.
        """
        held = {} if pinned is None else {n: t for n, t in pinned.tensors.items() if n not in inputs}
        batch_size = signature.batch_size({**held, **inputs})
        limit_s = min(deadline_s or self._settings.max_deadline_s, self._settings.max_deadline_s)
        deadline = asyncio.get_running_loop().time() + limit_s
        metadata = dict(headers or {})
        inject(metadata)
        call = Call(signature, batch_size, inputs, pinned, tuple(held), metadata, deadline)
        if pinned is not None:
            pinned.hold()
        try:
            return await somewhere(lambda: self._run(call), deadline)
        except RegionsForgotten:
            raise ModelUnavailable(signature.name, "the server keeps being restarted", 1.0) from None
        finally:
            if pinned is not None:
                pinned.release()

    async def pin(self, digest: str, arrays: Mapping[str, Array]) -> PinnedInputs:
        """Keep inputs for many calls, in shared memory if the server shares this host.

        Args:
            digest: Names the content; a digest seen before returns the tensors kept then.
            arrays: Tensors by name, each with the batch as axis 0.

        Returns:
            A handle with one more holder: a context manager that releases it.
        """
        link, cache = await self._memory()
        return cache.find(digest) or cache.add(digest, arrays, link.is_usable)

    def find_pinned(self, digest: str) -> PinnedInputs | None:
        """Return what `pin` would for a digest that is still kept; None if the tensors are needed again."""
        return None if self._pinned is None else self._pinned.find(digest)

    async def ready(self, signatures: Iterable[ModelSignature]) -> dict[str, bool]:
        """Ask for each model whether it can take calls now; see `ServedModels.ready`."""
        return await self._models.ready(signatures)

    async def check(self, signatures: Iterable[ModelSignature]) -> None:
        """Compare each signature with what the server announces; see `ServedModels.check`."""
        await self._models.check(signatures)

    async def find_models(self, parameter: str) -> dict[str, str]:
        """Return a parameter of the configuration of each model that has it; see `ServedModels.find_models`."""
        return await self._models.find_models(parameter)

    async def statistics(self, model: str) -> ModelStatistics:
        """Return the server's counters for a model; see `ServedModels.statistics`."""
        return await self._models.statistics(model)

    def _triton(self) -> Any:
        if self._connection is None:
            settings = self._settings
            options = {
                "grpc.max_send_message_length": _MAX_MESSAGE_BYTES,
                "grpc.max_receive_message_length": _MAX_MESSAGE_BYTES,
                "grpc.keepalive_time_ms": int(settings.keepalive_s * 1000),
                "grpc.initial_reconnect_backoff_ms": 100,
                "grpc.min_reconnect_backoff_ms": 100,
                "grpc.max_reconnect_backoff_ms": int(settings.reconnect_s * 1000),
                # Behind a dns:/// name stand several servers.
                "grpc.lb_policy_name": "round_robin",
            }
            self._connection = triton_grpc.InferenceServerClient(
                settings.url, channel_args=list(options.items()), **self._tls
            )
        return self._connection

    async def _memory(self) -> tuple[SharedMemoryLink, PinnedCache]:
        """Return the shared memory with the server; find out first whether there is any."""
        if self._link is None or self._pinned is None:
            self._link = SharedMemoryLink(self._triton(), self._settings.pool_bytes)
            self._pinned = PinnedCache(self._settings.pinned_bytes, self._link.retire)
        wanted = self._settings.shared_memory
        if not self._is_probed and wanted and is_loopback(self._settings.url) and has_shared_memory():
            async with self._probing:
                # A server that is not up yet is asked again by the next call.
                if not self._is_probed and await self._triton_is_live():
                    await self._link.probe()
                    self._is_probed = True
        return self._link, self._pinned

    async def _triton_is_live(self) -> bool:
        try:
            return bool(await self._triton().is_server_live(client_timeout=self._settings.control_timeout_s))
        except InferenceServerException:
            return False

    async def _run(self, call: Call) -> dict[str, Array]:
        link, cache = await self._memory()
        region, places = await self._place(call, link)
        pinned_region = call.pinned.region if call.pinned is not None else None
        if pinned_region is not None and not await link.register(pinned_region):
            pinned_region = None
        is_answered = False
        try:
            inputs = call.make_inputs(region, places, pinned_region)
            outputs = call.make_outputs(region, places)
            answer = await self._send(call, inputs, outputs)
            is_answered = True
            return call.read(answer, region, places)
        except RegionsForgotten:
            link.forget_registrations(cache.regions)
            is_answered = True
            raise
        except (ModelOverloaded, ModelRejectedInput):
            is_answered = True
            raise
        finally:
            if region is not None:
                (link.release if is_answered else link.retire)(region)

    async def _place(self, call: Call, link: SharedMemoryLink) -> tuple[Region | None, dict[str, Place]]:
        """Find room for the call's large tensors in shared memory; without it they go by wire."""
        places, byte_size = lay_out(call.large_tensors(self._settings.shared_memory_threshold_bytes))
        region = link.acquire(byte_size) if link.is_usable and byte_size else None
        if region is None:
            return None, {}
        is_registered = False
        try:
            is_registered = await link.register(region)
        finally:
            if not is_registered:
                link.retire(region)
        return (region, places) if is_registered else (None, {})

    async def _send(self, call: Call, inputs: list[Any], outputs: list[Any]) -> Any:
        remaining_s = call.deadline - asyncio.get_running_loop().time()
        if remaining_s <= 0:
            raise DeadlineExceeded(call.signature.name, "no time is left to make the call")
        try:
            return await self._triton().infer(
                call.signature.name,
                inputs,
                outputs=outputs,
                headers=call.headers,
                client_timeout=remaining_s,
                timeout=int(remaining_s * 1e6),
            )
        except InferenceServerException as error:
            if "find shared memory region" in error.message():
                raise RegionsForgotten from None
            raise to_model_error(call.signature.name, error.status(), error.message()) from None


def _tls_of(settings: TritonClientSettings) -> dict[str, Any]:
    """Arguments of the connection, which reads the files; raises TlsFileProblem."""
    ca, certificate, key = settings.tls_ca_file, settings.tls_cert_file, settings.tls_key_file
    if ca is None:
        return {}
    check_certificates("triton_tls_ca_file", ca)
    arguments: dict[str, Any] = {"ssl": True, "root_certificates": str(ca)}
    if certificate is not None and key is not None:
        check_pair("triton_tls_cert_file", certificate, "triton_tls_key_file", key)
        arguments |= {"certificate_chain": str(certificate), "private_key": str(key)}
    return arguments
