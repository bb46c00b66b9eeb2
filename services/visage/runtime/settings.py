"""Settings that all services share; each service subclasses `ServiceSettings`.

A field is read from the service's own variable first (`VISAGE_IDENTITY_PORT`), then from the shared one
(`VISAGE_PORT`), so one line configures the whole mesh and another line the exception.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

import platformdirs
from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from visage.runtime.cache import cache_dir
from visage.runtime.tls import TlsFileProblem, TlsFiles

SHARED_PREFIX = "VISAGE_"


def settings_config(prefix: str) -> SettingsConfigDict:
    """Returns the configuration of a settings class whose own variables start with `prefix`."""
    return SettingsConfigDict(env_prefix=prefix, extra="ignore", frozen=True)


def default_store_url() -> str:
    """Returns the file URL of the user's data folder."""
    return (Path(platformdirs.user_data_dir("visage")) / "store").as_uri()


class SettingsProblem(Exception):
    """Settings cannot be used; each line of the message names a field."""


Settings = TypeVar("Settings", bound=BaseSettings)


def read_settings(settings: type[Settings]) -> Settings:
    """Returns settings from the environment; raises SettingsProblem."""
    try:
        return settings()
    except ValidationError as error:
        raise SettingsProblem("\n".join(_lines_of(error, settings))) from None


def _lines_of(error: ValidationError, settings: type[BaseSettings]) -> list[str]:
    prefix = settings.model_config.get("env_prefix", "")
    lines = []
    for item in error.errors():
        name = "".join(str(part) for part in item["loc"][:1])
        text = item["msg"].removeprefix("Value error, ")
        lines.append(f"{prefix}{name.upper()}: {text}" if name else text)
    return lines


@contextmanager
def exit_on_bad_settings() -> Iterator[None]:
    """Lets a process end with status 2 and lines that name the fields."""
    try:
        yield
    except SettingsProblem as problem:
        print(problem, file=sys.stderr)
    except ValidationError as error:
        for item in error.errors():
            field = ".".join(str(part) for part in item["loc"])
            print(f"{error.title}.{field}: {item['msg']}", file=sys.stderr)
    except TlsFileProblem as problem:
        print(f"{SHARED_PREFIX}{problem.field.upper()}{str(problem).removeprefix(problem.field)}", file=sys.stderr)
    else:
        return
    sys.exit(2)


class _SharedSource(EnvSettingsSource):
    """Reads `VISAGE_<FIELD>` whatever the class's own prefix is."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls, env_prefix=SHARED_PREFIX)


class ServiceSettings(BaseSettings):
    """What every service process can be told."""

    model_config = settings_config(SHARED_PREFIX)

    host: str = Field("127.0.0.1", description="Address to bind; loopback unless a pod says otherwise.")
    port: int = Field(0, ge=0, le=65535, description="Port to bind; 0 takes a free one.")
    triton_url: str = Field("127.0.0.1:8001", description="host:port of Triton's gRPC endpoint.")
    identity_address: str = Field("127.0.0.1:50051", description="gRPC target of the identity service.")
    speech_address: str = Field("127.0.0.1:50052", description="gRPC target of the speech service.")
    animation_address: str = Field("127.0.0.1:50053", description="gRPC target of the animation service.")
    store_url: str = Field(
        default_factory=default_store_url,
        description="Object store of identities and assets: file:///, s3://, gs:// or memory:///.",
    )
    cache_dir: Path = Field(default_factory=cache_dir, description="Folder for what can be made again.")
    max_concurrent_calls: int = Field(
        16,
        ge=1,
        description="Calls admitted at a time; the next one gets RESOURCE_EXHAUSTED with RetryInfo. "
        "A call holds a stream's buffers of about 30 MB.",
    )
    stream_capacity: int = Field(
        0,
        ge=0,
        description="Streams admitted at a time, which is also what the autoscaler counts against; "
        "0 measures it once models and peers are there.",
    )
    calibration_s: float = Field(3.0, gt=0, le=60, description="Seconds that measuring the capacity may take.")
    cores: int = Field(
        0, ge=0, description="CPU cores to count on; 0: all it may run on. In a pod, what the pod requests."
    )
    default_deadline_s: float = Field(
        300.0, gt=0, description="Seconds for calls without a deadline; longest clip at a tenth of real time."
    )
    idle_stream_s: float = Field(
        30.0, gt=0, description="Seconds a client may leave a stream silent before it is ended."
    )
    drain_wait_s: float = Field(
        5.0, ge=0, description="Seconds between NOT_SERVING and stop: endpoints need that to leave rotation."
    )
    drain_grace_s: float = Field(30.0, ge=0, description="Seconds that running calls get to finish at shutdown.")
    readiness_period_s: float = Field(
        2.0, gt=0, description="Seconds between two looks at models and peers for the health status."
    )
    max_connection_age_s: float = Field(
        300.0, gt=0, description="Seconds after which clients reconnect, so that they see new pods."
    )
    otlp_endpoint: str = Field("", description="OTLP/gRPC endpoint of traces and metrics; empty: none sent.")
    health_port: int = Field(
        -1,
        ge=-1,
        le=65535,
        description="Port that answers health checks alone, without TLS, for probes that know none; -1: none, 0: a "
        "free one. The service's own port answers them, too.",
    )
    tls_cert_file: Path | None = Field(
        None, description="PEM certificate chain of this process, for callers and peers; none: no TLS."
    )
    tls_key_file: Path | None = Field(None, description="PEM key of the certificate, without a password.")
    tls_ca_file: Path | None = Field(
        None,
        description="PEM certificates of the mesh's CA: callers must show a certificate of it, and peers have one. "
        "None: anybody may call, and peers are known to the system's CAs.",
    )
    metrics_port: int = Field(-1, ge=-1, le=65535, description="Prometheus port; -1: none, 0: a free one.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Lowest level logged.")

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        """Raises ValueError where a file is named without those that belong to it."""
        if self.tls_cert_file is None and (self.tls_key_file or self.tls_ca_file):
            raise ValueError("tls_cert_file: must be given with tls_key_file or tls_ca_file")
        if self.tls_cert_file is not None and self.tls_key_file is None:
            raise ValueError("tls_key_file: must be given with tls_cert_file")
        return self

    @property
    def tls(self) -> TlsFiles | None:
        """Files of TLS; None where calls are plaintext."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return TlsFiles(self.tls_cert_file, self.tls_key_file, self.tls_ca_file)

    @property
    def usable_cores(self) -> int:
        """CPU cores that this process may count on."""
        return self.cores or len(os.sched_getaffinity(0))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Own variables win over shared ones; arguments win over both."""
        return init_settings, env_settings, _SharedSource(settings_cls)
