"""Looking at faces: landmarks of a picture, embeddings, and whether two faces are one person's."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from visage.identity.embedding import (
    Comparison,
    DifferentModels,
    Embedding,
    NoDirection,
    compare,
    embed_faces,
    normalised,
)
from visage.identity.gate import GateLimits, single_face
from visage.identity.identities import Identities
from visage.identity.pictures import Pictures
from visage.identity.ports import FaceModels
from visage.identity.records import IDENTITY_PREFIX
from visage.runtime.errors import InvalidField
from visage.runtime.faces import MOST_FACES, Face, find_faces
from visage.runtime.images import RgbImage
from visage.v1 import identity_service_pb2 as pb
from visage.v1 import media_pb2


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """Faces of a picture, widest first, and the size of the upright picture in pixels."""

    faces: list[Face]
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class EmbeddedFace:
    """An embedding and the face it was made from; None where it came without a picture."""

    embedding: Embedding
    face: Face | None


@dataclass(frozen=True)
class Recognition:
    """Looks at faces. All methods raise what `Pictures.read` and the models raise."""

    models: FaceModels
    pictures: Pictures
    identities: Identities
    gate_limits: GateLimits

    async def detect(self, source: media_pb2.MediaSource, max_faces: int, deadline_s: float) -> FoundFaces:
        """Returns up to `max_faces` faces of a picture; 0 means 4."""
        decoded = await self.pictures.read_full(source, "image")
        found = await find_faces(decoded.pixels, self.models, deadline_s)
        faces = [dataclasses.replace(face, landmarks=face.landmarks * decoded.reduction) for face in found]
        return FoundFaces(faces[: max_faces or MOST_FACES], decoded.full_width_px, decoded.full_height_px)

    async def embed(self, reference: pb.FaceRef, field: str, deadline_s: float) -> list[EmbeddedFace]:
        """Returns the embeddings of all faces of a picture, widest first, or the one referred to.

        Raises:
            InvalidField: An embedding of a model that is not known, or without length.
            ResourceNotFound: There is no such identity.
            ResourceNotReady: It is still being created.
        """
        kind = reference.WhichOneof("face")
        if kind == "identity":
            record = await self.identities.get_ready(reference.identity.removeprefix(IDENTITY_PREFIX))
            return [EmbeddedFace(record.content.embedding.unpack(), None)] if record.content else []
        if kind == "embedding":
            return [EmbeddedFace(_given(reference.embedding, f"{field}.embedding"), None)]
        image = await self.pictures.read(reference.image, f"{field}.image")
        return await self._embed_all(image, await find_faces(image, self.models, deadline_s), deadline_s)

    async def compare(self, first: pb.FaceRef, second: pb.FaceRef, deadline_s: float) -> Comparison:
        """Returns how alike two faces are.

        Raises:
            FaceNotUsable: A picture shows no face, or several of comparable size.
            InvalidField: The two come from different models, or as for `embed`.
        """
        first_embedding = await self._single(first, "first", deadline_s)
        second_embedding = await self._single(second, "second", deadline_s)
        try:
            return compare(first_embedding, second_embedding)
        except DifferentModels as error:
            raise InvalidField("second.embedding.model", str(error)) from error

    async def _single(self, reference: pb.FaceRef, field: str, deadline_s: float) -> Embedding:
        if reference.WhichOneof("face") != "image":
            return (await self.embed(reference, field, deadline_s))[0].embedding
        image = await self.pictures.read(reference.image, f"{field}.image")
        face = single_face(await find_faces(image, self.models, deadline_s), self.gate_limits)
        return (await self._embed_all(image, [face], deadline_s))[0].embedding

    async def _embed_all(self, image: RgbImage, faces: list[Face], deadline_s: float) -> list[EmbeddedFace]:
        embeddings = await embed_faces(image, faces, self.models, deadline_s)
        return [EmbeddedFace(embedding, face) for embedding, face in zip(embeddings, faces, strict=True)]


def _given(message: pb.FaceEmbedding, field: str) -> Embedding:
    try:
        return normalised(np.asarray(message.values, np.float32), message.model)
    except NoDirection as error:
        raise InvalidField(f"{field}.values", str(error)) from error
