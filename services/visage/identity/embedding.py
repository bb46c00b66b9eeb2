"""Embeddings: who a face is, as 128 numbers, and how alike two of them are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from visage.identity.alignment import aligned_face
from visage.identity.ports import FaceModels
from visage.runtime.faces import Face, FloatArray
from visage.runtime.images import RgbImage

MODEL: Final = "face_embedder/1"
"""Embeddings are only comparable within one model."""
SIZE: Final = 128
SAME_PERSON_COSINES: Final = {MODEL: 0.94}
"""Least cosine that speaks for one person. 0.94 corresponds to a distance of 0.5 between this model's raw descriptors,
whose mean length is 1.44; measured on 10 people: pairs of one person 0.958 and more, of two people 0.927 and less."""
_LEAST_LENGTH: Final = 1e-6


@dataclass(frozen=True)
class Embedding:
    """An L2-normalised vector float32 [128] and the model that made it."""

    model: str
    values: FloatArray


class NoDirection(ValueError):
    """A vector of length zero is no embedding."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Cosine of two embeddings, and the least one that speaks for one person."""

    similarity: float
    threshold: float
    model: str

    @property
    def same_person(self) -> bool:
        """Whether the similarity reaches the threshold."""
        return self.similarity >= self.threshold


class DifferentModels(ValueError):
    """The two embeddings come from different models, or from one that is not known here."""


def normalised(values: FloatArray, model: str = MODEL) -> Embedding:
    """Returns the embedding of a raw descriptor [128]. Raises NoDirection."""
    vector = np.asarray(values, np.float64)
    length = float(np.linalg.norm(vector))
    if not length > _LEAST_LENGTH:
        raise NoDirection("the vector has no length")
    return Embedding(model, np.asarray(vector / length, np.float32))


async def embed_faces(image: RgbImage, faces: Sequence[Face], models: FaceModels, deadline_s: float) -> list[Embedding]:
    """Returns one embedding per face of the picture, in order."""
    if not faces:
        return []
    crops = await asyncio.to_thread(lambda: np.stack([aligned_face(image, face.landmarks) for face in faces]))
    return [normalised(values) for values in await models.embed(crops, deadline_s)]


def compare(first: Embedding, second: Embedding) -> Comparison:
    """Returns how alike two faces are. Raises DifferentModels."""
    threshold = SAME_PERSON_COSINES.get(first.model)
    if first.model != second.model or threshold is None:
        raise DifferentModels(f"embeddings of {first.model!r} and {second.model!r} cannot be compared")
    similarity = float(np.clip(np.dot(first.values, second.values), -1.0, 1.0))
    return Comparison(similarity, threshold, first.model)
