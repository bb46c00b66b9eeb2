"""Voices made from a call's prompts: they speak for that call, and nothing of them is kept."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from visage.speech.cloned_engine import ClonedEngine
from visage.speech.riva.requests import PROMPT_FIELD
from visage.speech.voice_creations import VoiceCreations
from visage.speech.voices import Voice


class PromptVoices:
    """The voices of one call; a context manager that forgets them. A prompt that comes again is not built again."""

    def __init__(self, creations: VoiceCreations, clones: ClonedEngine) -> None:
        self._creations = creations
        self._clones = clones
        self._built: dict[tuple[str, ...], Voice] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        for voice in self._built.values():
            self._clones.remove(voice.engine_voice)

    async def get(self, prompt: bytes, candidates: Sequence[Voice]) -> Voice:
        """Returns the voice of a prompt's speaker on the nearest of `candidates`.

        Raises:
            Overloaded: Too many voices are being made.
            VisageError: Whatever `VoiceBuilder.build` raises.
        """
        key = (hashlib.sha256(prompt).hexdigest(), *(voice.name for voice in candidates))
        if key not in self._built:
            built = await self._creations.build_unkept(prompt, PROMPT_FIELD, candidates)
            uid = uuid.uuid4().hex
            self._clones.add(uid, built.base, built.conversion)
            self._built[key] = replace(built.base, engine=self._clones.name, engine_voice=uid)
        return self._built[key]
