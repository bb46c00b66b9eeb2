"""Where the services are; from arguments, then `VISAGE_…` variables, then the default ports on loopback."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClientSettings(BaseSettings):
    """Addresses and patience of a client."""

    model_config = SettingsConfigDict(env_prefix="VISAGE_", extra="ignore", frozen=True)

    identity_address: str = Field("127.0.0.1:50051", description="gRPC target of the identity service.")
    speech_address: str = Field("127.0.0.1:50052", description="gRPC target of the speech service.")
    animation_address: str = Field("127.0.0.1:50053", description="gRPC target of the animation service.")
    composition_address: str = Field("127.0.0.1:50054", description="gRPC target of the composition service.")
    tls_ca_file: Path | None = Field(
        None,
        description="PEM certificates of the CA of the services; none: calls are plaintext. They are read "
        "when a client connects, as the two below.",
    )
    tls_cert_file: Path | None = Field(
        None, description="PEM certificate chain to show, where the services ask for one."
    )
    tls_key_file: Path | None = Field(None, description="PEM key of that certificate, without a password.")
    call_timeout_s: float = Field(60.0, gt=0, description="Seconds for unary calls.")
    patience_s: float = Field(
        30.0,
        ge=0,
        description="Seconds that calls which may be repeated, and generations, go on trying while a service or a "
        "model is away; 0 leaves it at gRPC's three attempts.",
    )
    stream_timeout_s: float = Field(600.0, gt=0, description="Seconds for streams: a long clip on a slow machine.")
