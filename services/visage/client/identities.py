"""Faces: create, list, change, delete, embed, compare, look at."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

import numpy as np
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import duration_pb2, field_mask_pb2

from visage.client import errors, values, wire
from visage.client.assets import Assets
from visage.client.connection import Connection
from visage.client.creations import finish_or_undo
from visage.v1 import identity_service_pb2 as pb
from visage.v1 import identity_service_pb2_grpc

Progress = Callable[[str, int], None]
"""Told a stage's name and the percentage done."""


Faces = list[values.Face]


class Identities:
    """The identity service."""

    def __init__(self, connection: Connection, assets: Assets) -> None:
        self._connection = connection
        self._assets = assets

    def _stub(self) -> identity_service_pb2_grpc.IdentityServiceStub:
        return identity_service_pb2_grpc.IdentityServiceStub(self._connection.channel("identity"))

    async def create(
        self,
        photo: values.Media,
        *,
        identity_id: str = "",
        display_name: str = "",
        labels: Mapping[str, str] | None = None,
        consent_reference: str = "",
        progress: Progress | None = None,
    ) -> values.Identity:
        """Builds an identity from a photo and waits for it; raises NotUsable when the photo does not serve.

        Cancelling the wait deletes it: a face of which nobody knows the name must not stay.
        """
        request = pb.CreateIdentityRequest(
            request_id=str(uuid.uuid4()),
            identity_id=identity_id,
            identity=pb.Identity(
                display_name=display_name, labels=dict(labels or {}), consent_reference=consent_reference
            ),
            photo=await self._assets.source(photo),
        )
        beginning = self._connection.unary(self._stub().CreateIdentity, request)
        finished = await finish_or_undo(beginning, partial(self._wait, progress=progress), self._undo)
        if finished.HasField("error"):
            raise errors.from_status(finished.error)
        message = pb.Identity()
        finished.response.Unpack(message)
        return wire.identity(message)

    async def _undo(self, operation: operations_pb2.Operation) -> None:
        metadata = pb.CreateIdentityMetadata()
        operation.metadata.Unpack(metadata)
        await self.delete(metadata.identity, allow_missing=True)

    async def _wait(self, operation: operations_pb2.Operation, progress: Progress | None) -> operations_pb2.Operation:
        stub = operations_pb2_grpc.OperationsStub(self._connection.channel("identity"))
        while True:
            metadata = pb.CreateIdentityMetadata()
            if progress is not None and operation.metadata.Unpack(metadata):
                stage = pb.CreateIdentityMetadata.Stage.Name(metadata.stage).removeprefix("STAGE_").lower()
                progress(stage, metadata.progress_percent)
            if operation.done:
                return operation
            request = operations_pb2.WaitOperationRequest(
                name=operation.name, timeout=duration_pb2.Duration(nanos=250_000_000)
            )
            operation = await self._connection.unary(stub.WaitOperation, request)

    async def get(self, name: str) -> values.Identity:
        """Returns one identity."""
        return wire.identity(await self._connection.unary(self._stub().GetIdentity, pb.GetIdentityRequest(name=name)))

    async def list(self) -> AsyncIterator[values.Identity]:
        """Yields all identities, newest first."""
        token = ""
        while True:
            request = pb.ListIdentitiesRequest(page_token=token)
            page = await self._connection.unary(self._stub().ListIdentities, request)
            for message in page.identities:
                yield wire.identity(message)
            token = page.next_page_token
            if not token:
                return

    async def update(
        self, name: str, *, display_name: str | None = None, labels: Mapping[str, str] | None = None
    ) -> values.Identity:
        """Changes what is given and leaves the rest."""
        message = pb.Identity(name=name)
        mask = field_mask_pb2.FieldMask()
        if display_name is not None:
            message.display_name = display_name
            mask.paths.append("display_name")
        if labels is not None:
            message.labels.update(labels)
            mask.paths.append("labels")
        request = pb.UpdateIdentityRequest(identity=message, update_mask=mask)
        return wire.identity(await self._connection.unary(self._stub().UpdateIdentity, request))

    async def delete(self, name: str, *, allow_missing: bool = False) -> None:
        """Deletes an identity and everything derived from it."""
        request = pb.DeleteIdentityRequest(name=name, allow_missing=allow_missing)
        await self._connection.unary(self._stub().DeleteIdentity, request)

    async def _face(self, face: values.Media) -> pb.FaceRef:
        if isinstance(face, str) and face.startswith("identities/"):
            return pb.FaceRef(identity=face)
        return pb.FaceRef(image=await self._assets.source(face))

    async def embed(self, face: values.Media) -> Faces:
        """Returns the faces of an image, or the one of an identity, with embeddings [128]."""
        request = pb.EmbedFaceRequest(face=await self._face(face))
        response = await self._connection.unary(self._stub().EmbedFace, request)
        return [
            values.Face(
                wire.face_box(item.box),
                item.confidence,
                embedding=np.asarray(item.embedding.values, np.float32),
            )
            for item in response.faces
        ]

    async def compare(self, first: values.Media, second: values.Media) -> tuple[float, bool]:
        """Returns the cosine similarity of two faces and whether it speaks for one person."""
        request = pb.CompareFacesRequest(first=await self._face(first), second=await self._face(second))
        response = await self._connection.unary(self._stub().CompareFaces, request)
        return response.similarity, response.same_person

    async def landmarks(self, image: values.Media, *, max_faces: int = 0) -> Faces:
        """Returns the faces of an image with their 478 points."""
        request = pb.DetectLandmarksRequest(image=await self._assets.source(image), max_faces=max_faces)
        response = await self._connection.unary(self._stub().DetectLandmarks, request)
        return [
            values.Face(
                wire.face_box(item.box),
                item.confidence,
                points=np.asarray(item.points, np.float32).reshape(-1, 3),
            )
            for item in response.faces
        ]
