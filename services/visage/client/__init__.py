"""The Python client of Visage; the only public Python API."""

from __future__ import annotations

from visage.client.controls import performance_controls
from visage.client.curves import Curves, Layer, Tracking, driving_options
from visage.client.errors import (
    Busy,
    Conflict,
    Failed,
    InvalidRequest,
    NotFound,
    NotUsable,
    TimedOut,
    Unavailable,
    VisageError,
)
from visage.client.settings import ClientSettings
from visage.client.speech import synthesis_options
from visage.client.values import (
    Alignment,
    Camera,
    Clip,
    Clone,
    Face,
    Identity,
    KeyLight,
    Notice,
    PhotoReport,
    PhotoWarning,
    ProsodyTrack,
    Quality,
    RenderJob,
    Span,
    Speech,
    Summary,
    Timing,
    Voice,
)
from visage.client.visage import AsyncVisage, Visage
from visage.v1.curves_pb2 import PerformanceControls

__all__ = [
    "Alignment",
    "AsyncVisage",
    "Busy",
    "Camera",
    "ClientSettings",
    "Clip",
    "Clone",
    "Conflict",
    "Curves",
    "Face",
    "Failed",
    "Identity",
    "InvalidRequest",
    "KeyLight",
    "Layer",
    "NotFound",
    "NotUsable",
    "Notice",
    "PerformanceControls",
    "PhotoReport",
    "PhotoWarning",
    "ProsodyTrack",
    "Quality",
    "RenderJob",
    "Span",
    "Speech",
    "Summary",
    "TimedOut",
    "Timing",
    "Tracking",
    "Unavailable",
    "Visage",
    "VisageError",
    "Voice",
    "driving_options",
    "performance_controls",
    "synthesis_options",
]
