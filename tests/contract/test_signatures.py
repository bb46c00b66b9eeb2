"""Services and model repository agree: each declared signature equals what config.pbtxt announces."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

import visage.animation.inference
import visage.composition.inference
import visage.identity.inference
import visage.speech.inference
from visage.runtime.triton.announcements import read_signature
from visage.runtime.triton.signature import ModelSignature

pytestmark = pytest.mark.contract

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repository"
SERVICES = (
    visage.animation.inference,
    visage.composition.inference,
    visage.identity.inference,
    visage.speech.inference,
)
# A model may be called by several services, each with the part of its outputs that it needs.
DECLARED = [
    (module.__name__.split(".")[1], value)
    for module in SERVICES
    for value in (*vars(module).values(), *vars(module).get("RENDERERS", {}).values())
    if isinstance(value, ModelSignature)
]


def test_every_served_model_is_declared_by_a_service() -> None:
    """No model lies in the repository that nobody calls, and no service calls one that is not there."""
    served = {path.parent.name for path in REPOSITORY.glob("*/config.pbtxt")}

    assert {signature.name for _, signature in DECLARED} == served


@pytest.mark.parametrize(
    "signature", [pytest.param(signature, id=f"{service}-{signature.name}") for service, signature in DECLARED]
)
def test_declared_signature_is_the_configured_one(signature: ModelSignature) -> None:
    """Names, types, shapes and batch limit of a service's declaration are those of config.pbtxt."""
    text = (REPOSITORY / signature.name / "config.pbtxt").read_text()
    config = text_format.Parse(text, model_config_pb2.ModelConfig())

    signature.check(read_signature(config))
    assert {tensor.name for tensor in signature.inputs} == {tensor.name for tensor in config.input}
