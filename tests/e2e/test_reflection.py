"""What grpcurl sees of a running mesh."""

from __future__ import annotations

import grpc
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from visage.client.embedded import EmbeddedMesh

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("service", "names"),
    [
        ("identity", {"visage.v1.IdentityService", "visage.v1.AssetService", "google.longrunning.Operations"}),
        ("speech", {"visage.v1.SpeechService"}),
        ("animation", {"visage.v1.AnimationService"}),
        ("composition", {"visage.v1.CompositionService", "visage.v1.AssetService"}),
    ],
)
def test_reflection_lists_services_and_their_messages(mesh: EmbeddedMesh, service: str, names: set[str]) -> None:
    """Each port names its services, health among them, and gives their descriptors."""
    address = getattr(mesh.settings, f"{service}_address")
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        found = set(database.get_services())
        files = {name: database.FindFileContainingSymbol(name) for name in names}

    assert names | {"grpc.health.v1.Health"} <= found
    assert all(file.service for file in files.values())
