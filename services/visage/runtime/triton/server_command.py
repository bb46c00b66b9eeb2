"""How the embedded server is called: ports, flags, the question whether it is ready."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from visage.runtime.triton.installation import Installation
from visage.runtime.triton.settings import LocalTritonSettings


class Ports(NamedTuple):
    """Where a server listens."""

    grpc: int
    http: int
    metrics: int


def find_ports(settings: LocalTritonSettings) -> Ports:
    """Return the ports of the settings, each zero replaced by a free port, all different.

    Raises:
        OSError: A port that the settings name is in use.
    """
    return bind_ports(settings.host, Ports(settings.grpc_port, settings.http_port, settings.metrics_port))


def bind_ports(host: str, ports: Ports) -> Ports:
    """Bind the ports for a moment; return them, each zero replaced by the port that the system gave.

    Without this, a server elsewhere on a taken port would answer our readiness checks.

    Raises:
        OSError: A port is in use.
    """
    sockets = [socket.socket() for _ in ports]
    try:
        for port, held in zip(ports, sockets, strict=True):
            # Connections that linger after a stop do not count.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(port != 0))
            held.bind((host, port))
        return Ports(*(int(held.getsockname()[1]) for held in sockets))
    finally:
        for held in sockets:
            held.close()


def make_command(
    installation: Installation,
    settings: LocalTritonSettings,
    ports: Ports,
    repositories: Sequence[Path],
    models: Sequence[str] | None,
    shm_prefix: str,
) -> list[str]:
    """Return the server's command line.

    Args:
        installation: Where the server lies.
        settings: Limits and timeouts.
        ports: Where to listen.
        repositories: Folders of models.
        models: Names of the models to load; None for all.
        shm_prefix: Start of the names of its shared memory, unique to this server.
    """
    flags = {
        "grpc-address": settings.host,
        "grpc-port": ports.grpc,
        "http-address": settings.host,
        "http-port": ports.http,
        "metrics-address": settings.host,
        "metrics-port": ports.metrics,
        "backend-directory": installation.backends,
        "strict-readiness": "true",
        "exit-on-error": "true",
        "exit-timeout-secs": settings.exit_timeout_s,
        "grpc-max-connection-age": settings.max_connection_age_s * 1000,
        "grpc-max-connection-age-grace": settings.max_connection_age_grace_s * 1000,
        "allow-gpu-metrics": "false",
        "log-verbose": settings.log_verbose,
        "model-control-mode": "none" if models is None else "explicit",
    }
    backend_options = {
        "shm-region-prefix-name": shm_prefix,
        "shm-default-byte-size": settings.backend_shm_bytes,
        "shm-growth-byte-size": settings.backend_shm_growth_bytes,
    }
    trace_options = [
        "mode=opentelemetry",
        f"opentelemetry,url={settings.otlp_traces_url}",
        "opentelemetry,resource=service.name=triton",
        "rate=1",
        "level=TIMESTAMPS",
    ]
    return [
        str(installation.tritonserver),
        *(f"--{name}={value}" for name, value in flags.items()),
        "--disable-auto-complete-config",
        *(f"--model-repository={folder}" for folder in repositories),
        *(f"--load-model={model}" for model in models or ()),
        *(f"--backend-config=python,{name}={value}" for name, value in backend_options.items()),
        *(f"--trace-config={option}" for option in trace_options if settings.otlp_traces_url),
    ]


def is_ready(host: str, http_port: int) -> bool:
    """Return whether the server has loaded and warmed up all its models; False if nothing answers."""
    connection = http.client.HTTPConnection(host, http_port, timeout=2.0)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
