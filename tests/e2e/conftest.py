"""The whole mesh as child processes, started once for all end-to-end tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.fakes.otlp import SpanCollector
from visage.client import AsyncVisage, ClientSettings
from visage.client.connection import SERVICES
from visage.client.embedded import EmbeddedMesh


def free_port() -> int:
    """Returns a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def spans() -> Iterator[SpanCollector]:
    """What the mesh's processes say of their calls."""
    with SpanCollector() as collector:
        yield collector


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory, spans: SpanCollector) -> Iterator[EmbeddedMesh]:
    """Triton and four services on free loopback ports with a store of their own."""
    folder = tmp_path_factory.mktemp("mesh")
    store = folder / "store"
    store.mkdir()
    environment = {
        "VISAGE_STORE_URL": store.as_uri(),
        "VISAGE_DRAIN_GRACE_S": "2",
        "VISAGE_IDLE_STREAM_S": "5",
        "VISAGE_OTLP_ENDPOINT": spans.grpc_url,
        "VISAGE_TRITON_SERVER_OTLP_TRACES_URL": spans.http_url,
    }
    for name in SERVICES:
        environment[f"VISAGE_{name.upper()}_METRICS_PORT"] = str(free_port())
    embedded = EmbeddedMesh(environment=environment, log_dir=folder / "logs")
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(embedded.start())
        yield embedded
    finally:
        loop.run_until_complete(embedded.stop())
        loop.close()


@pytest.fixture(scope="session")
def portrait_png(astronaut: npt.NDArray[np.uint8]) -> bytes:
    """The NASA portrait as PNG bytes."""
    return cv2.imencode(".png", cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR))[1].tobytes()


@pytest.fixture(scope="session")
def identity(mesh: EmbeddedMesh, portrait_png: bytes) -> str:
    """Name of an identity made from the NASA portrait."""

    async def create() -> str:
        async with AsyncVisage(mesh.settings) as visage:
            return (await visage.identities.create(portrait_png, identity_id="astronaut")).name

    return asyncio.run(create())


@pytest.fixture
def addresses(mesh: EmbeddedMesh, monkeypatch: pytest.MonkeyPatch) -> ClientSettings:
    """Points the `visage` command of this test at the mesh."""
    for name, value in mesh.settings.model_dump().items():
        if name.endswith("_address"):
            monkeypatch.setenv(f"VISAGE_{name.upper()}", value)
    return mesh.settings


@pytest.fixture
def portrait_file(portrait_png: bytes, tmp_path: Path) -> Path:
    """The NASA portrait as a file."""
    path = tmp_path / "portrait.png"
    path.write_bytes(portrait_png)
    return path
