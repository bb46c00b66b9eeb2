"""The embedded server's life: start, neighbours, stop, crash, restart, death of its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.errors import ModelUnavailable, ServerCrashed, ServerStartFailed
from visage.runtime.triton.installation import install
from visage.runtime.triton.local_server import LocalTriton
from visage.runtime.triton.processes import descendants
from visage.runtime.triton.settings import LocalTritonSettings, TritonClientSettings
from visage.runtime.triton.signature import Array, ModelSignature, TensorSpec

pytestmark = pytest.mark.mesh

EXACT = ModelSignature(
    "exact",
    (
        TensorSpec("image", "UINT8", (128, 256, 3)),
        TensorSpec("gain", "FP16", (4,)),
        TensorSpec("count", "INT16", (3,)),
    ),
    (TensorSpec("shifted", "UINT8", (128, 256, 3)),),
    max_batch_size=8,
)
INPUTS: dict[str, Array] = {
    "image": np.full((1, 128, 256, 3), 9, np.uint8),
    "gain": np.zeros((1, 4), np.float16),
    "count": np.zeros((1, 3), np.int16),
}


def make_server(tiny_models: Path, on_crash: Callable[[ServerCrashed], None] | None = None) -> LocalTriton:
    settings = LocalTritonSettings(grpc_port=0, http_port=0, metrics_port=0)
    return LocalTriton(tiny_models, models=["exact"], settings=settings, on_crash=on_crash)


def wait_until(condition: Callable[[], bool], timeout_s: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def memory_of(server: LocalTriton) -> list[Path]:
    return list(Path("/dev/shm").glob(f"{server.log_path.stem}*"))


def are_gone(pids: set[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def pids_of(server: LocalTriton) -> set[int]:
    assert server.pid is not None
    return {server.pid} | {pid for pid, _ in descendants(server.pid)}


async def call(url: str) -> Array:
    async with TritonClient(TritonClientSettings(url=url)) as client:
        return (await client.infer(EXACT, INPUTS, deadline_s=20))["shifted"]


async def test_two_servers_live_side_by_side(triton_server: LocalTriton, tiny_models: Path) -> None:
    """A second server takes other ports and other memory, and leaves the first one alone when it stops."""
    async with make_server(tiny_models) as second:
        both = await asyncio.gather(call(triton_server.grpc_url), call(second.grpc_url))
        assert second.grpc_url != triton_server.grpc_url
    after = await call(triton_server.grpc_url)

    for result in (*both, after):
        np.testing.assert_array_equal(result, np.full((1, 128, 256, 3), 16, np.uint8))


def test_a_stopped_server_leaves_nothing(tiny_models: Path) -> None:
    """No process, no shared memory, no log, no open port."""
    server = make_server(tiny_models)
    with server:
        pids = pids_of(server)
        host, port = server.grpc_url.split(":")
        memory = memory_of(server)

    assert len(pids) >= 2
    assert memory
    assert are_gone(pids)
    assert memory_of(server) == []
    assert not server.log_path.exists()
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect((host, int(port)))


async def test_a_client_survives_a_restart(tiny_models: Path) -> None:
    """While the server is down calls are unavailable; after a start on the same port they and their memory work."""
    server = make_server(tiny_models)
    async with server, TritonClient(TritonClientSettings(url=server.grpc_url)) as client:
        with await client.pin("avatar", {"image": INPUTS["image"]}) as pinned:
            rest = {name: array for name, array in INPUTS.items() if name != "image"}
            before = await client.infer(EXACT, rest, pinned=pinned, deadline_s=20)
            await asyncio.to_thread(server.stop)
            with pytest.raises(ModelUnavailable):
                await client.infer(EXACT, rest, pinned=pinned, deadline_s=5)
            readiness_down = await client.ready([EXACT])
            await asyncio.to_thread(server.start)
            deadline = time.monotonic() + 10
            while not (await client.ready([EXACT]))["exact"] and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            after = await client.infer(EXACT, rest, pinned=pinned, deadline_s=20)

    assert readiness_down == {"exact": False}
    np.testing.assert_array_equal(before["shifted"], after["shifted"])


async def test_a_crash_is_noticed_and_mended(tiny_models: Path) -> None:
    """A killed server is reported with its signal and log; `restart` serves again on the same port."""
    crashes: list[ServerCrashed] = []
    server = make_server(tiny_models, on_crash=crashes.append)
    async with server:
        pids = pids_of(server)
        url = server.grpc_url
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        crash = await asyncio.to_thread(server.wait_crashed, 20.0)
        gone = await asyncio.to_thread(wait_until, lambda: are_gone(pids))
        log_kept = server.log_path.exists()
        await asyncio.to_thread(server.restart)
        result = await call(url)
        healed = server.crash is None

    assert crash is not None
    assert "SIGKILL" in str(crash)
    assert crash.exit_status == -signal.SIGKILL
    assert await asyncio.to_thread(wait_until, lambda: crashes == [crash])
    assert gone
    assert log_kept
    assert healed
    np.testing.assert_array_equal(result[0, 0, 0], [16, 16, 16])
    assert memory_of(server) == []


async def test_the_death_of_a_model_process_is_a_crash(tiny_models: Path) -> None:
    """Triton would call a model ready whose process is gone; the embedded server ends instead and can be restarted."""
    server = make_server(tiny_models)
    async with server:
        (model_pid,) = pids_of(server) - {server.pid}
        os.kill(model_pid, signal.SIGKILL)
        crash = await asyncio.to_thread(server.wait_crashed, 20.0)
        await asyncio.to_thread(server.restart)
        result = await call(server.grpc_url)

    assert crash is not None
    assert f"model process {model_pid} of Triton died" in str(crash)
    np.testing.assert_array_equal(result[0, 0, 0], [16, 16, 16])


def test_a_stop_is_no_crash(tiny_models: Path) -> None:
    """A server that was told to stop reports nothing."""
    crashed = threading.Event()
    with make_server(tiny_models, on_crash=lambda _: crashed.set()) as server:
        pass

    assert not crashed.is_set()
    assert server.crash is None


def test_a_broken_model_explains_itself(tmp_path: Path, tiny_models: Path) -> None:
    """A model that differs from its config.pbtxt stops the start; the error shows the reason from the log."""
    broken = tmp_path / "broken"
    (broken / "1").mkdir(parents=True)
    (broken / "1" / "model.onnx").write_bytes((tiny_models / "exact" / "1" / "model.onnx").read_bytes())
    config = (tiny_models / "exact" / "config.pbtxt").read_text().replace("TYPE_INT16", "TYPE_INT32")
    (broken / "config.pbtxt").write_text(config)
    server = LocalTriton(tmp_path, settings=LocalTritonSettings(grpc_port=0, http_port=0, metrics_port=0))

    with pytest.raises(ServerStartFailed) as caught:
        server.start()

    assert "input count is int16 in the ONNX file, TYPE_INT32 in config.pbtxt" in str(caught.value)
    assert server.pid is None
    assert memory_of(server) == []


def test_a_taken_port_is_an_error(tiny_models: Path) -> None:
    """A fixed port that something else uses is named instead of waiting for the wrong server."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = LocalTritonSettings(grpc_port=taken.getsockname()[1], http_port=0, metrics_port=0)

        with pytest.raises(ServerStartFailed, match="a port of Triton cannot be used"):
            LocalTriton(tiny_models, models=["exact"], settings=settings).start()


@pytest.mark.parametrize("fatal", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_dies_with_its_parent(tiny_models: Path, fatal: signal.Signals) -> None:
    """However the command that runs a server ends, the server, its model processes and its memory go with it."""
    command = [sys.executable, "-m", "visage.runtime.triton.local", "run"]
    command += ["--model-repository", str(tiny_models), "--models", "exact"]
    ports = {f"VISAGE_TRITON_SERVER_{name}_PORT": "0" for name in ("GRPC", "HTTP", "METRICS")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **ports}) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        words = parent.stdout.readline().split()
        pids = {pid for pid, _ in descendants(parent.pid)}
        server_pid, log_path = int(words[1]), Path(words[3])
        parent.send_signal(fatal)
        parent.wait(30)

    assert server_pid in pids
    assert len(pids) >= 2
    assert wait_until(lambda: are_gone(pids))
    assert wait_until(lambda: not list(Path("/dev/shm").glob(f"{log_path.stem}*")))
    assert log_path.exists() is (fatal == signal.SIGKILL)
    log_path.unlink(missing_ok=True)


def test_installing_again_is_free() -> None:
    """An installation that is there is found, by several callers at once, without building anything."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(install())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({result.tritonserver for result in results}) == 1
    assert results[0].tritonserver.is_file()
    assert (results[0].backends / "python" / "triton_python_backend_stub").is_file()
