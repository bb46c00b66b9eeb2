"""What the speech service can be told."""

from __future__ import annotations

from pydantic import Field

from visage.runtime.creations import CreationLimits
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
    model_deadline_s: float = Field(10.0, gt=0, description="Seconds that one call of a model may take.")
    creations_side_by_side: int = Field(1, ge=1, description="Voices built at a time; each takes one core.")
    creations_waiting: int = Field(
        8, ge=0, description="Creations that may wait for a place; each holds its sample in memory."
    )
    creation_limit_s: float = Field(120.0, gt=0, description="Seconds after which a creation is given up.")
    longest_wait_s: float = Field(60.0, gt=0, description="Seconds that WaitOperation waits at most.")
    operation_retention_s: float = Field(
        86_400.0, gt=0, description="Seconds that ended operations, and with them request ids, are remembered."
    )

    @property
    def creation_limits(self) -> CreationLimits:
        """How many creations a process takes on."""
        return CreationLimits(self.creations_side_by_side, self.creations_waiting, self.creation_limit_s)
