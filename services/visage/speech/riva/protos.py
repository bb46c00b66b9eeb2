"""Riva's messages, from a descriptor pool of their own; see `visage.runtime.foreign`."""

from __future__ import annotations

from typing import Any, Final

from visage.runtime.foreign import ForeignProtos

FULL_NAME: Final = "nvidia.riva.tts.RivaSpeechSynthesis"
PROTOS: Final = ForeignProtos("compat/riva_tts.proto")

SynthesizeRequest: Final[Any] = PROTOS.message("nvidia.riva.tts.SynthesizeSpeechRequest")
SynthesizeResponse: Final[Any] = PROTOS.message("nvidia.riva.tts.SynthesizeSpeechResponse")
ConfigRequest: Final[Any] = PROTOS.message("nvidia.riva.tts.RivaSynthesisConfigRequest")
ConfigResponse: Final[Any] = PROTOS.message("nvidia.riva.tts.RivaSynthesisConfigResponse")
