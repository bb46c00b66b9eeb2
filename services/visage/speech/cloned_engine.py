"""Cloned voices as an engine: an installed voice speaks, its sound is converted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from visage.runtime.errors import ModelUnavailable, ResourceNotFound
from visage.speech.conversion import Conversion
from visage.speech.ports import NO_PRONUNCIATIONS, SpeechEngine
from visage.speech.prosody import Prosody
from visage.speech.utterance import Utterance
from visage.speech.voices import Voice

ENGINE_NAME = "clone"


class ClonedEngine:
    """Implements `visage.speech.ports.SpeechEngine`; voices come and go."""

    name = ENGINE_NAME

    def __init__(self, engines: Mapping[str, SpeechEngine]) -> None:
        """Takes the engines of the installed voices, which their owner opens and closes."""
        self._engines = engines
        self._voices: dict[str, tuple[Voice, Conversion]] = {}

    def add(self, uid: str, base: Voice, conversion: Conversion) -> None:
        """Makes a voice whose `engine_voice` is `uid` speakable."""
        self._voices[uid] = (base, conversion)

    def remove(self, uid: str) -> None:
        """Forgets a voice."""
        self._voices.pop(uid, None)

    def holds(self, uid: str) -> bool:
        """Whether the voice can be spoken with."""
        return uid in self._voices

    async def open(self) -> Sequence[Voice]:
        """Has no voices of its own."""
        return []

    async def speak(
        self, text: str, voice: Voice, prosody: Prosody, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS
    ) -> Utterance:
        """Speaks one clause.

        Raises:
            ModelUnavailable: The base voice's engine cannot do it now.
            ResourceNotFound: The voice was deleted meanwhile.
        """
        known = self._voices.get(voice.engine_voice)
        if known is None:
            raise ResourceNotFound("voice", voice.name)
        base, conversion = known
        return await convert_speech(self._engines, base, conversion, text, prosody, pronunciations)

    async def close(self) -> None:
        """Forgets all voices."""
        self._voices.clear()


async def convert_speech(
    engines: Mapping[str, SpeechEngine],
    base: Voice,
    conversion: Conversion,
    text: str,
    prosody: Prosody,
    pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS,
) -> Utterance:
    """Speaks one clause with a converted voice. Raises ModelUnavailable."""
    engine = engines.get(base.engine)
    if engine is None:
        raise ModelUnavailable(base.engine)
    utterance = await engine.speak(text, base, conversion.spoken(prosody), pronunciations)
    return await asyncio.to_thread(conversion.apply, utterance)
