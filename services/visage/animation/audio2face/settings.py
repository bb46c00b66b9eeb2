"""What the Audio2Face-3D face of the service is told."""

from __future__ import annotations

from dataclasses import dataclass

from visage.animation.audio2face.protos import Spelling
from visage.media.curve_schemas import TONGUE_SCHEMA
from visage.media.curves import ARKIT_SCHEMA


@dataclass(frozen=True, slots=True)
class Audio2FaceLimits:
    """Limits and shape of its streams.

    Attributes:
        frame_rate: Frames per second.
        longest_clip_s: Seconds of audio in a stream.
        idle_s: Seconds of silence after which a client is ended; for GetConfigs, the server sees to it.
        has_tongue: Send 16 shapes of the tongue behind the 52 of ARKit.
        spelling: Whose names of messages are used where names show.
    """

    frame_rate: int = 30
    longest_clip_s: float = 300.0
    idle_s: float = 30.0
    has_tongue: bool = False
    spelling: Spelling = Spelling.SAMPLE

    @property
    def schema(self) -> str:
        """Resource name of the layout."""
        return TONGUE_SCHEMA if self.has_tongue else ARKIT_SCHEMA
