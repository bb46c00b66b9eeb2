"""The identity service in this process, over real gRPC on loopback, with fakes behind its ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2

from visage.identity.creations import Builder
from visage.identity.ports import FaceModels
from visage.identity.service import assemble
from visage.identity.settings import IdentitySettings
from visage.runtime import peers, server
from visage.runtime.status import STATUS_KEY
from visage.runtime.store import ObjectStore
from visage.v1 import asset_service_pb2_grpc, identity_service_pb2_grpc
from visage.v1 import identity_service_pb2 as pb


@dataclass
class IdentityMesh:
    """A running service and stubs for all that it serves."""

    running: server.RunningServer
    identity: Any
    operations: Any
    assets: Any

    async def create(self, photo: bytes, **fields: Any) -> operations_pb2.Operation:
        """Creates an identity and returns the operation once it is done."""
        request = pb.CreateIdentityRequest(photo={"content": photo}, **fields)
        return await self.finish(await self.identity.CreateIdentity(request))

    async def finish(self, operation: operations_pb2.Operation) -> operations_pb2.Operation:
        """Waits until an operation is done."""
        while not operation.done:
            request = operations_pb2.WaitOperationRequest(
                name=operation.name, timeout=duration_pb2.Duration(seconds=30)
            )
            operation = await self.operations.WaitOperation(request)
        return operation

    async def created(self, photo: bytes, **fields: Any) -> pb.Identity:
        """Creates an identity that must succeed."""
        operation = await self.create(photo, **fields)
        assert operation.HasField("response"), operation.error
        identity = pb.Identity()
        operation.response.Unpack(identity)
        return identity


@asynccontextmanager
async def serve_identity(
    folder: Path, models: FaceModels, builder: Builder | None = None, **settings: Any
) -> AsyncIterator[IdentityMesh]:
    """Serves the identity service on a free loopback port with its store in `folder`."""
    chosen = IdentitySettings(
        **({"port": 0, "store_url": folder.as_uri(), "drain_wait_s": 0.0, "drain_grace_s": 5.0} | settings)
    )

    async def ready() -> Mapping[str, bool]:
        return {"models": True}

    async def release() -> None:
        return None

    parts = await assemble(chosen, models, ObjectStore.open(chosen.store_url), ready, release, builder)
    async with server.start(parts, chosen) as running, peers.open_channel(running.address) as channel:
        yield IdentityMesh(
            running,
            identity_service_pb2_grpc.IdentityServiceStub(channel),  # type: ignore[no-untyped-call]
            operations_pb2_grpc.OperationsStub(channel),
            asset_service_pb2_grpc.AssetServiceStub(channel),  # type: ignore[no-untyped-call]
        )


@dataclass(frozen=True)
class Refusal:
    """A status with its google.rpc details taken apart."""

    code: int
    reason: str
    metadata: dict[str, str]
    fields: list[str]
    retry_after_s: float | None

    @classmethod
    def of(cls, status: status_pb2.Status) -> Refusal:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        retry_after_s = None
        for detail in status.details:
            detail.Unpack(info)
            detail.Unpack(bad)
            if detail.Unpack(retry):
                retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
        fields = [violation.field for violation in bad.field_violations]
        return cls(status.code, info.reason, dict(info.metadata), fields, retry_after_s)

    @classmethod
    def of_call(cls, error: grpc.aio.AioRpcError) -> Refusal:
        packed = dict(error.trailing_metadata() or ())[STATUS_KEY]
        return cls.of(status_pb2.Status.FromString(packed))


def files_below(folder: Path) -> list[str]:
    """Everything that lies in a store's folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
