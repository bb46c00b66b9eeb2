"""The part of `FakeVisage` that clones voices and times recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from visage.client import errors, values, wire
from visage.client.voices import Progress

_WORD_S = 0.3


class Owner(Protocol):
    """What the part needs of the fake it belongs to."""

    def called(self, name: str) -> None:
        """Notes a call and raises what was ordered."""


class FakeVoices:
    """Keeps cloned voices in memory; every sample serves."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.stored: dict[str, values.Voice] = {}

    async def create(
        self,
        sample: values.Media,
        *,
        consent_reference: str,
        voice_id: str = "",
        display_name: str = "",
        language_code: str = "",
        base_voice: str = "",
        strength: float | None = None,
        progress: Progress | None = None,
    ) -> values.Voice:
        """Keeps a voice; raises Conflict for a taken id and InvalidRequest without a consent reference."""
        self._owner.called("voices.create")
        if not consent_reference:
            raise errors.InvalidRequest(
                "consent_reference: must be given", fields={"consent_reference": "must be given"}
            )
        name = wire.voice_name(voice_id or f"clone-{len(self.stored) + 1}")
        if name in self.stored:
            raise errors.Conflict(f"voice {name!r} exists already", reason="RESOURCE_EXISTS")
        if progress is not None:
            progress("storing", 100)
        clone = values.Clone("voices/fake", 0.8, 0.6, 0.9, strength or 1.0, 0.9, consent_reference)
        self.stored[name] = values.Voice(
            name, display_name or name, (language_code or "en-US",), 16_000, "standard", "female", "Apache-2.0", clone
        )
        return self.stored[name]

    async def list(self) -> list[values.Voice]:
        """Returns the cloned voices, by name."""
        self._owner.called("voices.list")
        return [self.stored[name] for name in sorted(self.stored)]

    async def delete(self, name: str, *, allow_missing: bool = False) -> None:
        """Forgets a voice; raises NotFound."""
        self._owner.called("voices.delete")
        if self.stored.pop(wire.voice_name(name), None) is None and not allow_missing:
            raise errors.NotFound(f"voice {name!r} does not exist", reason="RESOURCE_NOT_FOUND")

    async def align(self, audio: str | Path | bytes, transcript: str = "", language_code: str = "") -> values.Alignment:
        """Returns 0.3 s for each word."""
        self._owner.called("voices.align")
        words = []
        position = 0
        for index, word in enumerate(transcript.split()):
            start = transcript.index(word, position)
            position = start + len(word)
            words.append(values.Span(word, index * _WORD_S, (index + 1) * _WORD_S, start, position))
        timing = values.Timing(words=tuple(words))
        return values.Alignment(timing, 0.9, (0.9,) * len(words), len(words) * _WORD_S)
