"""Settings of the Triton client and of the embedded server, from VISAGE_TRITON_… variables."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class LocalTritonSettings(BaseSettings):
    """How the embedded server runs: `VISAGE_TRITON_SERVER_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="VISAGE_TRITON_SERVER_", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on. Loopback: the server knows no callers.")
    grpc_port: int = Field(default=0, ge=0, le=65535, description="Port for gRPC; 0 picks a free one.")
    http_port: int = Field(default=0, ge=0, le=65535, description="Port for HTTP health checks; 0 picks a free one.")
    metrics_port: int = Field(default=0, ge=0, le=65535, description="Port for Prometheus metrics; 0 picks a free one.")
    start_timeout_s: float = Field(
        default=180.0,
        gt=0,
        description="Seconds until all models must be loaded and warm; compiling takes most of it.",
    )
    exit_timeout_s: int = Field(
        default=60,
        ge=0,
        description="Seconds the server waits for calls in flight after SIGTERM before it gives up on them.",
    )
    stop_timeout_s: float = Field(
        default=70.0,
        gt=0,
        description="Seconds from SIGTERM to SIGKILL; longer than exit_timeout_s, or that is cut short.",
    )
    max_connection_age_s: int = Field(
        default=600,
        gt=0,
        description="Seconds after which connections are renewed: an idle stream would block shutdown.",
    )
    max_connection_age_grace_s: int = Field(
        default=30, gt=0, description="Seconds that calls on a connection past its age have left to finish."
    )
    backend_shm_bytes: int = Field(
        default=64 * 2**20,
        gt=0,
        description="Bytes of shared memory between server and each model process at start: one full batch of the "
        "renderer, since growing it stalls a call. Pages are taken only when touched.",
    )
    backend_shm_growth_bytes: int = Field(
        default=32 * 2**20,
        gt=0,
        description="Bytes by which that shared memory grows when a batch does not fit.",
    )
    otlp_traces_url: str | None = Field(
        default=None,
        description="OTLP/HTTP endpoint for the server's spans, such as http://localhost:4318/v1/traces; none: no "
        "tracing. The server speaks HTTP only, the services gRPC, hence a setting of its own.",
    )
    log_verbose: int = Field(default=0, ge=0, description="Triton's log level beyond INFO; 1 shows each request.")
    log_dir: Path | None = Field(
        default=None,
        description="Folder that keeps the logs; by default they lie under the cache folder until a clean stop.",
    )


class TritonClientSettings(BaseSettings):
    """How a service reaches Triton: `VISAGE_TRITON_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="VISAGE_TRITON_", frozen=True)

    url: str = Field(
        default="127.0.0.1:8001",
        description="host:port of Triton's gRPC endpoint; dns:///host:port to balance.",
    )
    tls_ca_file: Path | None = Field(
        default=None,
        description="PEM certificates of the CA that Triton's certificate is of; none: calls are plaintext.",
    )
    tls_cert_file: Path | None = Field(
        default=None, description="PEM certificate chain to show, where Triton asks for one. Read once, with its key."
    )
    tls_key_file: Path | None = Field(default=None, description="PEM key of that certificate, without a password.")
    shared_memory: bool = Field(
        default=True,
        description="Use system shared memory for large tensors when the server shares this host.",
    )
    shared_memory_threshold_bytes: int = Field(
        default=64 * 1024,
        ge=1,
        description="Bytes from which a tensor goes through shared memory; copying less is cheaper.",
    )
    pool_bytes: int = Field(
        default=256 * 2**20,
        ge=0,
        description="Most bytes of shared memory for calls in flight; beyond, tensors are sent.",
    )
    pinned_bytes: int = Field(
        default=512 * 2**20,
        ge=0,
        description="Most bytes of pinned inputs, about 10 MB an avatar; the least recent go first.",
    )
    max_deadline_s: float = Field(
        default=30.0, gt=0, description="Seconds after which a call is given up whatever its caller allows."
    )
    control_timeout_s: float = Field(
        default=2.0, gt=0, description="Seconds for readiness, metadata and statistics calls."
    )
    close_timeout_s: float = Field(
        default=5.0,
        ge=0,
        description="Seconds to wait at close until the server has let go of shared memory.",
    )
    keepalive_s: float = Field(
        default=60.0,
        ge=60,
        description="Seconds between pings on an idle connection; servers punish more frequent ones.",
    )
    reconnect_s: float = Field(
        default=1.0, gt=0, description="Longest pause in seconds between attempts to connect again."
    )

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        """Raises ValueError where a file is named without those that belong to it."""
        if self.tls_ca_file is None and (self.tls_cert_file or self.tls_key_file):
            raise ValueError("tls_ca_file: must be given with tls_cert_file or tls_key_file")
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file: must be given with tls_key_file, and the other way round")
        return self
