"""The identity service's look at faces; implements `ports.Faces`."""

from __future__ import annotations

from typing import Any, Final

import grpc.aio
import numpy as np

from visage.composition.values import SeenFace
from visage.runtime.errors import PeerUnavailable
from visage.runtime.peers import trace_metadata, translate
from visage.v1 import identity_service_pb2 as pb
from visage.v1 import identity_service_pb2_grpc, media_pb2

_PEER: Final = "identity"


class FacePeer:
    """Asks the identity service who is in a picture and where the landmarks are."""

    def __init__(self, channel: grpc.aio.Channel, deadline_s: float) -> None:
        self._stub = identity_service_pb2_grpc.IdentityServiceStub(channel)
        self._deadline_s = deadline_s

    async def embedding_of(self, identity: str) -> np.ndarray:
        """Returns the embedding of an identity's photo, float32 [128]."""
        response = await self._call(self._stub.EmbedFace, pb.EmbedFaceRequest(face=pb.FaceRef(identity=identity)))
        if not response.faces:
            raise PeerUnavailable(_PEER, f"{identity} has no embedding")
        return np.array(response.faces[0].embedding.values, np.float32)

    async def look(self, picture: bytes) -> SeenFace | None:
        """Returns the widest face of a PNG, None where there is none."""
        source = media_pb2.MediaSource(content=picture)
        embedded = await self._call(self._stub.EmbedFace, pb.EmbedFaceRequest(face=pb.FaceRef(image=source)))
        found = await self._call(self._stub.DetectLandmarks, pb.DetectLandmarksRequest(image=source, max_faces=1))
        if not embedded.faces or not found.faces:
            return None
        points = np.array(found.faces[0].points, np.float64).reshape(-1, 3)
        return SeenFace(points, np.array(embedded.faces[0].embedding.values, np.float32))

    async def _call(self, method: Any, request: Any) -> Any:
        try:
            return await method(request, timeout=self._deadline_s, metadata=trace_metadata())
        except grpc.aio.AioRpcError as error:
            raise translate(_PEER, error) from error
