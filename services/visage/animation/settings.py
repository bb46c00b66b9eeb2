"""Settings of the animation service."""

from __future__ import annotations

from pydantic import Field

from visage.animation.audio2face.protos import Spelling
from visage.animation.audio2face.settings import Audio2FaceLimits
from visage.runtime.settings import ServiceSettings, settings_config

_MIB = 1024 * 1024


class AnimationSettings(ServiceSettings):
    """What the animation process can be told."""

    model_config = settings_config("VISAGE_ANIMATION_")

    port: int = Field(50053, ge=0, le=65535, description="Port to bind; 0 takes a free one.")
    longest_stream_s: float = Field(
        600.0, gt=0, description="Seconds of audio in one stream; the next sample gets OUT_OF_RANGE."
    )
    windows_in_flight: int = Field(
        8,
        ge=1,
        le=64,
        description="Windows of one stream with the network at a time: enough to fill a batch, "
        "few enough that one file does not crowd out live streams.",
    )
    lip_sync_deadline_s: float = Field(
        5.0, gt=0, description="Seconds for one window, queue included; live streams have given up by then."
    )
    speech_deadline_s: float = Field(300.0, gt=0, description="Seconds for the synthesis behind one AnimateFromText.")
    max_film_bytes: int = Field(20 * _MIB, ge=1, description="Bytes of a driving video.")
    longest_film_s: float = Field(60.0, gt=0, description="Seconds of a driving video.")
    films_side_by_side: int = Field(
        2, ge=1, description="Driving videos that are decoded at a time, up to 1 GiB each; others wait."
    )
    face_deadline_s: float = Field(10.0, gt=0, description="Seconds for one call of a face model, queue included.")
    audio2face_frame_rate: int = Field(30, ge=10, le=60, description="Frames per second for Audio2Face-3D clients.")
    audio2face_longest_clip_s: float = Field(
        300.0, gt=0, description="Seconds of audio in one stream of an Audio2Face-3D client."
    )
    audio2face_tongue: bool = Field(
        False, description="Whether Audio2Face-3D clients get 16 shapes of the tongue behind the 52 of ARKit."
    )
    audio2face_spelling: Spelling = Field(
        Spelling.SAMPLE,
        description="Names of messages that Audio2Face-3D clients know: sample, as the sample application has them, "
        "or package, as nvidia-audio2face-3d of PyPI has them. Emotions that come back are packed under one of them.",
    )

    @property
    def audio2face(self) -> Audio2FaceLimits:
        """Limits and shape of the streams of Audio2Face-3D clients."""
        return Audio2FaceLimits(
            self.audio2face_frame_rate,
            self.audio2face_longest_clip_s,
            self.idle_stream_s,
            self.audio2face_tongue,
            self.audio2face_spelling,
        )
