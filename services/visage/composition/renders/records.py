"""What the store keeps of a render: small JSON documents, each written once or by one writer at a time."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Final

from visage.runtime.operations import new_operation_id
from visage.runtime.records import Record
from visage.v1 import composition_service_pb2, render_service_pb2

RENDER_PREFIX: Final = "renders/"


class RenderRecord(Record):
    """What is to be made; `generation` is base64 of a GenerateAvatarRequest."""

    render_id: str
    generation: str
    create_time: datetime

    @classmethod
    def of(
        cls, render_id: str, generation: composition_service_pb2.GenerateAvatarRequest, create_time: datetime
    ) -> RenderRecord:
        """Packs a request."""
        packed = base64.b64encode(generation.SerializeToString(deterministic=True)).decode()
        return cls(render_id=render_id, generation=packed, create_time=create_time)

    @property
    def name(self) -> str:
        """The resource name."""
        return RENDER_PREFIX + self.render_id

    @property
    def request(self) -> composition_service_pb2.GenerateAvatarRequest:
        """The request."""
        return composition_service_pb2.GenerateAvatarRequest.FromString(base64.b64decode(self.generation))


class ProgressRecord(Record):
    """How far work has come; written by whoever works, at least every few seconds: a sign of life.

    `media_s` is the length of the finished fragments in seconds; `film` the asset that the film is, or is about to be.
    """

    attempt_count: int = 0
    segment_count: int = 0
    media_s: float = 0.0
    film: str = ""
    update_time: datetime


class OutcomeRecord(Record):
    """How a render ended: `render` is base64 of a visage.v1.Render, or `error` of a google.rpc.Status."""

    render: str = ""
    error: str = ""
    end_time: datetime

    @property
    def film(self) -> str:
        """Name of the asset that the film is; empty where there is none."""
        return render_service_pb2.Render.FromString(base64.b64decode(self.render)).asset if self.render else ""


def render_id_of(request_id: str) -> str:
    """Returns the id that all replicas derive from a caller's request id; a new one where there is none."""
    return new_operation_id("render", request_id)
