"""IdentityService: messages in, messages out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from visage.identity import messages
from visage.identity.creations import Creations, NewIdentity
from visage.identity.identities import Identities
from visage.identity.operations import Operations
from visage.identity.pictures import Pictures
from visage.identity.recognition import Recognition
from visage.identity.store import IdentityStore
from visage.runtime.deadlines import remaining_s
from visage.v1 import identity_service_pb2 as pb
from visage.v1 import identity_service_pb2_grpc


class IdentityServicer(identity_service_pb2_grpc.IdentityServiceServicer):
    """`model_deadline_s` caps the time that one call of a model may take."""

    def __init__(
        self,
        store: IdentityStore,
        identities: Identities,
        creations: Creations,
        operations: Operations,
        recognition: Recognition,
        pictures: Pictures,
        model_deadline_s: float,
    ) -> None:
        self._store = store
        self._identities = identities
        self._creations = creations
        self._operations = operations
        self._recognition = recognition
        self._pictures = pictures
        self._model_deadline_s = model_deadline_s

    async def CreateIdentity(self, request: pb.CreateIdentityRequest, context: Any) -> operations_pb2.Operation:
        """Begins a creation."""
        wanted = NewIdentity(
            identity_id=request.identity_id,
            request_id=request.request_id,
            display_name=request.identity.display_name,
            labels=dict(request.identity.labels),
            consent_reference=request.identity.consent_reference,
            load_photo=partial(self._pictures.load, request.photo, "photo"),
            photo_field="photo",
        )
        record = await self._creations.begin(wanted)
        return messages.operation_message(await self._operations.view(record))

    async def GetIdentity(self, request: pb.GetIdentityRequest, context: Any) -> pb.Identity:
        """Returns one identity."""
        return messages.identity_message(await self._identities.get(messages.identity_id(request.name)))

    async def ListIdentities(self, request: pb.ListIdentitiesRequest, context: Any) -> pb.ListIdentitiesResponse:
        """Returns a page of identities."""
        page = await self._identities.list(request.page_size, request.page_token)
        return pb.ListIdentitiesResponse(
            identities=map(messages.identity_message, page.identities), next_page_token=page.next_token
        )

    async def UpdateIdentity(self, request: pb.UpdateIdentityRequest, context: Any) -> pb.Identity:
        """Changes the description of an identity."""
        name = messages.identity_id(request.identity.name, "identity.name")
        changes = messages.changes_of(request)
        return messages.identity_message(await self._identities.update(name, request.identity.etag, changes))

    async def DeleteIdentity(self, request: pb.DeleteIdentityRequest, context: Any) -> empty_pb2.Empty:
        """Deletes an identity."""
        delete = self._identities.delete_if_there if request.allow_missing else self._identities.delete
        await delete(messages.identity_id(request.name), request.etag)
        return empty_pb2.Empty()

    async def EmbedFace(self, request: pb.EmbedFaceRequest, context: Any) -> pb.EmbedFaceResponse:
        """Returns embeddings."""
        found = await self._recognition.embed(request.face, "face", self._deadline_s(context))
        return pb.EmbedFaceResponse(faces=map(messages.embedded_face_message, found))

    async def CompareFaces(self, request: pb.CompareFacesRequest, context: Any) -> pb.CompareFacesResponse:
        """Compares two faces."""
        result = await self._recognition.compare(request.first, request.second, self._deadline_s(context))
        return pb.CompareFacesResponse(
            similarity=result.similarity,
            threshold=result.threshold,
            same_person=result.same_person,
            model=result.model,
        )

    async def DetectLandmarks(self, request: pb.DetectLandmarksRequest, context: Any) -> pb.DetectLandmarksResponse:
        """Returns faces with landmarks."""
        found = await self._recognition.detect(request.image, request.max_faces, self._deadline_s(context))
        return pb.DetectLandmarksResponse(
            faces=map(messages.landmarks_message, found.faces),
            image_width=found.width_px,
            image_height=found.height_px,
        )

    async def GetAvatar(self, request: pb.GetAvatarRequest, context: Any) -> AsyncIterator[pb.GetAvatarResponse]:
        """Sends the avatar's header, then its bytes unless the caller holds them."""
        record = await self._identities.get_ready(messages.identity_id(request.name))
        assert record.content is not None
        avatar = record.content.avatar
        header = pb.GetAvatarResponse.Header(digest=avatar.digest, size_bytes=avatar.size_bytes, layout=avatar.layout)
        yield pb.GetAvatarResponse(header=header)
        if request.known_digest == avatar.digest:
            return
        async for piece in self._store.stream_blob(record.uid, avatar.digest):
            yield pb.GetAvatarResponse(data=piece)

    def _deadline_s(self, context: Any) -> float:
        return remaining_s(context, self._model_deadline_s)
