"""What the composition service can be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from visage.runtime.settings import ServiceSettings, settings_config

_MIB = 1024 * 1024


class CompositionSettings(ServiceSettings):
    """Environment variables VISAGE_COMPOSITION_…."""

    model_config = settings_config("VISAGE_COMPOSITION_")

    port: int = Field(50054, ge=0, le=65535, description="Port to bind; 0 takes a free one.")
    longest_call_s: float = Field(
        1800.0, gt=0, description="Seconds a call may take whatever its deadline; 10,000 characters speak for 700."
    )
    longest_stream_s: float = Field(600.0, gt=0, description="Seconds of pictures that one RenderCurves may make.")
    longest_clip_s: float = Field(
        60.0, gt=0, description="Seconds of a recording or clip of curves; longer ones belong into a stream."
    )
    max_media_bytes: int = Field(20 * _MIB, ge=1, description="Bytes of a recording or background picture.")
    sound_lead_s: float = Field(
        3.0, gt=0, description="Seconds that speech is made ahead of the pictures; more wastes work on calls that end."
    )
    chunks_in_flight: int = Field(
        2, ge=1, le=8, description="Chunks of 8 frames that one stream has in the renderer; two keep it busy."
    )
    renders_in_flight: int = Field(
        8,
        ge=1,
        description="Chunks of all streams in the renderer; more would only wait in Triton's queue, which refuses "
        "what waits for 2 s. A GPU takes 32.",
    )
    render_limit_s: float = Field(20.0, gt=0, description="Seconds for one chunk, its wait for a place included.")
    avatar_cache_bytes: int = Field(
        256 * _MIB, ge=1, description="Bytes of avatars kept in memory, about 10 MB each; the least recent go first."
    )
    quality_limit_s: float = Field(30.0, gt=0, description="Seconds that measuring a complete clip may take.")
    render_runner: Literal["local", "kubernetes"] = Field(
        "local", description="Where renders run: beside the streams of this process, or as one Job of the cluster each."
    )
    renders_side_by_side: int = Field(1, ge=1, description="Renders that run in this process; each is a stream's load.")
    renders_waiting: int = Field(16, ge=0, description="Renders that this process accepts beyond these.")
    render_namespace: str = Field("", description="Namespace of renders' Jobs; empty: this pod's own.")
    render_template: str = Field("render", description="PodTemplate of renders' Jobs.")
    render_queue: str = Field(
        "", description="Kueue's LocalQueue for renders' Jobs, which then start suspended; empty: none."
    )
    render_retention_s: float = Field(
        604_800.0,
        ge=0,
        description="Seconds that a render that is done is remembered and its film kept, about 5 MB a minute; a week "
        "is time enough to fetch it. 0: for ever.",
    )
    upkeep_period_s: float = Field(300.0, gt=0, description="Seconds between two looks for renders that have expired.")
    face_limit_s: float = Field(10.0, gt=0, description="Seconds for one look of the identity service at a frame.")
    avatar_limit_s: float = Field(10.0, gt=0, description="Seconds to get an avatar from the identity service.")
