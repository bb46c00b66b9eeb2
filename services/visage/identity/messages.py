"""Values of this service ↔ its messages."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Final

from google.longrunning import operations_pb2

from visage.identity.operations import OperationView
from visage.identity.quality import PhotoReport
from visage.identity.recognition import EmbeddedFace
from visage.identity.records import IDENTITY_PREFIX, IdentityRecord
from visage.runtime.errors import InvalidField
from visage.runtime.faces import Face
from visage.runtime.operations import PREFIX
from visage.v1 import identity_service_pb2 as pb
from visage.v1 import media_pb2

_NAME: Final = re.compile(r"identities/([a-z][a-z0-9-]{2,62})")
_CHANGEABLE: Final = ("display_name", "labels", "consent_reference")


def identity_id(name: str, field: str = "name") -> str:
    """Returns the last part of an identity's name. Raises InvalidField."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise InvalidField(field, f"does not match {IDENTITY_PREFIX}{{identity}}, an id of 3 to 63 of a-z, 0-9 and -")
    return match[1]


def identity_message(record: IdentityRecord) -> pb.Identity:
    """Returns an identity as it goes over the wire."""
    message = pb.Identity(
        name=record.name,
        display_name=record.display_name,
        labels=record.labels,
        consent_reference=record.consent_reference,
        state=f"STATE_{record.state}",
        etag=record.etag,
    )
    message.create_time.FromDatetime(record.create_time)
    message.update_time.FromDatetime(record.update_time)
    if record.content is not None:
        message.native_width = record.content.avatar.width_px
        message.native_height = record.content.avatar.height_px
        message.preview_asset = record.content.preview_asset
        if record.content.report is not None:
            message.photo_report.CopyFrom(report_message(record.content.report))
    return message


def report_message(report: PhotoReport) -> pb.PhotoReport:
    """Returns a photo's quality report."""
    fields = report.model_dump(mode="json")
    for part in fields.values():
        for finding in part["findings"] if isinstance(part, dict) else ():
            finding["reason"] = f"REASON_{finding['reason']}"
    return pb.PhotoReport(**fields)


def changes_of(request: pb.UpdateIdentityRequest) -> Mapping[str, object]:
    """Returns the fields to set and their values. Raises InvalidField for a path that cannot be changed."""
    paths = list(request.update_mask.paths) if request.HasField("update_mask") else list(_CHANGEABLE)
    for path in paths:
        if path not in _CHANGEABLE:
            raise InvalidField("update_mask", f"{path!r} is not one of {', '.join(_CHANGEABLE)}")
    identity = request.identity
    values = {
        "display_name": identity.display_name,
        "labels": dict(identity.labels),
        "consent_reference": identity.consent_reference,
    }
    return {path: values[path] for path in paths}


def box_message(face: Face) -> media_pb2.BoundingBox:
    """Returns a face's bounding box."""
    x, y, width, height = face.box
    return media_pb2.BoundingBox(x=x, y=y, width=width, height=height)


def landmarks_message(face: Face) -> pb.FaceLandmarks:
    """Returns a face with its points."""
    points = face.landmarks.ravel().tolist()
    return pb.FaceLandmarks(box=box_message(face), confidence=face.confidence, points=points)


def embedded_face_message(found: EmbeddedFace) -> pb.EmbedFaceResponse.Face:
    """Returns a face with its embedding."""
    embedding = pb.FaceEmbedding(model=found.embedding.model, values=found.embedding.values.tolist())
    if found.face is None:
        return pb.EmbedFaceResponse.Face(embedding=embedding)
    return pb.EmbedFaceResponse.Face(embedding=embedding, box=box_message(found.face), confidence=found.face.confidence)


def operation_message(view: OperationView) -> operations_pb2.Operation:
    """Returns an operation as it goes over the wire."""
    message = operations_pb2.Operation(name=PREFIX + view.record.operation_id, done=view.is_done)
    message.metadata.Pack(
        pb.CreateIdentityMetadata(
            identity=IDENTITY_PREFIX + view.record.identity_id,
            stage=f"STAGE_{view.stage}",
            progress_percent=100 if view.identity is not None else view.stage.percent,
        )
    )
    if view.identity is not None:
        message.response.Pack(identity_message(view.identity))
    elif view.record.error:
        message.error.ParseFromString(base64.b64decode(view.record.error))
    return message
