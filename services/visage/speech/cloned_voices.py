"""The voices that can be spoken with: the installed ones, those of visiting engines and the store's cloned ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from visage.runtime import logs
from visage.runtime.errors import PeerUnavailable, ResourceNotFound
from visage.speech.cloned_engine import ENGINE_NAME, ClonedEngine
from visage.speech.conversion import Conversion
from visage.speech.ports import VisitingEngine
from visage.speech.voice_records import VoiceRecord
from visage.speech.voice_store import VoiceStore
from visage.speech.voices import Clone, Voice, VoiceCatalogue

_log = logs.get(__name__)

LOOK_PERIOD_S: Final = 5.0
FRESH_S: Final = 1.0
# Behind the installed voices: without a name nobody gets somebody else's voice.
_CLONE_RANK: Final = 1_000_000


class ClonedVoices:
    """Keeps the catalogue in step with the visiting engines and the store, which other replicas change, too."""

    def __init__(
        self,
        installed: Sequence[Voice],
        store: VoiceStore,
        engine: ClonedEngine,
        visitors: Sequence[VisitingEngine] = (),
    ) -> None:
        self.installed = VoiceCatalogue(installed)
        self._voices = tuple(installed)
        self._names = {voice.name: voice for voice in installed}
        self._store = store
        self._engine = engine
        self._visitors = tuple(visitors)
        self._visiting: dict[str, Voice] = {}
        self._known: dict[str, tuple[datetime, Voice | None]] = {}
        self._catalogue = self.installed
        self._looked_s = float("-inf")
        self._looking = asyncio.Lock()

    def is_installed(self, name: str) -> bool:
        """Whether a name is that of an installed voice."""
        return name in self._names

    def is_provided(self, name: str) -> bool:
        """Whether a name is that of a voice that nobody has cloned: installed, or of a visiting engine."""
        return name in self._names or name in self._visiting

    async def for_voice(self, name: str) -> VoiceCatalogue:
        """Returns the catalogue to find a voice in; the store is asked only for what is not provided here."""
        if name and not self.is_provided(name):
            await self.look(FRESH_S)
        return self._catalogue

    async def all(self) -> VoiceCatalogue:
        """Returns the catalogue as it is now; as it was last while the store is away."""
        try:
            await self.look(0.0)
        except PeerUnavailable as error:
            # The installed voices need no store.
            _log.warning("cloned_voices_not_listed", cause=error.message)
        return self._catalogue

    async def look(self, fresh_s: float) -> None:
        """Brings the catalogue up to date unless that was done within `fresh_s` seconds."""
        async with self._looking:
            if time.monotonic() - self._looked_s < fresh_s:
                return
            found = [voice for visitor in self._visitors for voice in await visitor.look()]
            self._visiting = {voice.name: voice for voice in found}
            # Before the store, which may be away.
            self._publish()
            changes = await self._store.list_changes()
            for voice_id in set(self._known) - set(changes):
                self._forget(voice_id)
            for voice_id, written in changes.items():
                known = self._known.get(voice_id)
                if known is None or known[0] != written:
                    self._forget(voice_id)
                    self._known[voice_id] = (written, await self._load(voice_id))
            self._publish()
            self._looked_s = time.monotonic()

    def _publish(self) -> None:
        cloned = [voice for _, voice in self._known.values() if voice is not None]
        cloned = [voice for voice in cloned if voice.name not in self._visiting]
        cloned.sort(key=lambda voice: voice.name)
        self._catalogue = VoiceCatalogue([*self._voices, *self._visiting.values(), *cloned])

    async def _load(self, voice_id: str) -> Voice | None:
        record = await self._store.find(voice_id)
        if record is None or record.content is None:
            return None
        base = self._names.get(record.content.base_voice)
        if base is None:
            _log.warning("base_voice_is_absent", voice=record.name, base=record.content.base_voice)
            return None
        try:
            conversion = Conversion.from_bytes(await self._store.read_conversion(record))
        except ResourceNotFound:
            return None
        self._engine.add(record.uid, base, conversion)
        return cloned_voice(record, base)

    def _forget(self, voice_id: str) -> None:
        _, voice = self._known.pop(voice_id, (None, None))
        if voice is not None:
            self._engine.remove(voice.engine_voice)


def cloned_voice(record: VoiceRecord, base: Voice) -> Voice:
    """Returns the voice of a finished record."""
    assert record.content is not None
    content = record.content
    clone = Clone(
        base_voice=content.base_voice,
        similarity=content.similarity,
        base_similarity=content.base_similarity,
        ceiling=content.ceiling,
        strength=content.strength,
        intelligibility=content.intelligibility,
        consent_reference=record.consent_reference,
        speech_s=content.speech_s,
        create_time=record.create_time,
    )
    return Voice(
        name=record.name,
        display_name=record.display_name or record.voice_id,
        languages=base.languages,
        sample_rate_hz=base.sample_rate_hz,
        tier=base.tier,
        gender=base.gender,
        license=base.license,
        engine=ENGINE_NAME,
        engine_voice=record.uid,
        rank=_CLONE_RANK,
        clone=clone,
    )
