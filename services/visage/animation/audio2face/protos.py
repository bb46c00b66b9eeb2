"""Audio2Face-3D's messages, from a descriptor pool of their own; see `visage.runtime.foreign`.

The sample application and the PyPI package spell the messages' packages differently and agree in paths, numbers and
types, so that one spelling serves both. On the wire a name shows in one place only: the type of a packed
EmotionAggregate.
"""

from __future__ import annotations

import enum
from typing import Any, Final

from visage.runtime.foreign import ForeignProtos

FULL_NAME: Final = "nvidia_ace.services.a2f_controller.v1.A2FControllerService"
CONFIG_FULL_NAME: Final = "nvidia_ace.services.a2x_export_config.v1.A2XExportConfigService"
PROTOS: Final = ForeignProtos("compat/a2f_controller.proto")
CONFIG_PROTOS: Final = ForeignProtos("compat/a2f_export_config.proto")

_MESSAGES: Final = "com.nvidia.ace.services.audio2face_3d.v1"
_ANIMATION: Final = "com.nvidia.ace.animation.v1"

Request: Final[Any] = PROTOS.message(f"{_MESSAGES}.AudioWithEmotionStream")
Response: Final[Any] = PROTOS.message(f"{_MESSAGES}.A2F3DAnimationDataStream")
AnimationData: Final[Any] = PROTOS.message(f"{_ANIMATION}.AnimationData")
EmotionAggregate: Final[Any] = PROTOS.message(f"{_MESSAGES}.EmotionAggregate")
Packed: Final[Any] = PROTOS.message("google.protobuf.Any")
A2XConfig: Final[Any] = CONFIG_PROTOS.message("nvidia_ace.services.a2x_export_config.v1.A2XConfig")


class Spelling(enum.StrEnum):
    """Whose names of messages a packed EmotionAggregate has."""

    SAMPLE = "sample"
    PACKAGE = "package"

    @property
    def aggregate_type(self) -> str:
        """URL of the type."""
        names = {
            Spelling.SAMPLE: "nvidia_ace.emotion_aggregate.v1.EmotionAggregate",
            Spelling.PACKAGE: f"{_MESSAGES}.EmotionAggregate",
        }
        return f"type.googleapis.com/{names[self]}"
