"""What the speech service can be told."""

from __future__ import annotations

from pydantic import Field

from visage.runtime.settings import ServiceSettings, settings_config


class SpeechSettings(ServiceSettings):
    """Environment variables VISAGE_SPEECH_…."""

    model_config = settings_config("VISAGE_SPEECH_")

    port: int = Field(50052, ge=0, le=65535, description="Port to bind; 0 takes a free one.")
    processes_per_engine: int = Field(
        2, ge=1, le=32, description="Processes of each engine; a process speaks about 30 times faster than real time."
    )
    clause_limit_s: float = Field(
        20.0, gt=0, description="Seconds an engine may take for a clause; it is killed then. A usual one takes 0.2 s."
    )
