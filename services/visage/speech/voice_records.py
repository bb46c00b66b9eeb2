"""What the store keeps of cloned voices and of the calls that make them: small JSON documents."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from visage.runtime.operation_records import OperationRecord
from visage.runtime.records import Record

VOICE_PREFIX: Final = "voices/"


class CloneContent(Record):
    """What a finished voice has besides its description; `conversion` is the sha256 of its bytes."""

    base_voice: str
    conversion: str
    similarity: float
    base_similarity: float
    ceiling: float
    strength: float
    intelligibility: float
    speech_s: float


class VoiceRecord(Record):
    """One cloned voice, or its id while it is being made; `uid` tells two voices apart that had the same id.

    A record without content is abandoned after `expire_time`: its process has ended before it was done.
    """

    voice_id: str
    uid: str
    operation_id: str
    display_name: str
    consent_reference: str
    create_time: datetime
    expire_time: datetime
    content: CloneContent | None = None

    @property
    def name(self) -> str:
        """The resource name."""
        return VOICE_PREFIX + self.voice_id


class CreationRecord(OperationRecord):
    """One CreateVoice."""

    voice_id: str
    uid: str
    expire_time: datetime
