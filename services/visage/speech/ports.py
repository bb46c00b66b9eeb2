"""What the verbs need of a speech engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from visage.speech.prosody import Prosody
from visage.speech.utterance import Utterance
from visage.speech.voices import Voice

NO_PRONUNCIATIONS: Final[Mapping[str, str]] = MappingProxyType({})


class SpeechEngine(Protocol):
    """Speaks clauses with the voices it has."""

    @property
    def name(self) -> str:
        """The `Voice.engine` of its voices."""

    async def open(self) -> Sequence[Voice]:
        """Starts the engine and returns its voices, most natural first; none if it is not installed."""

    async def speak(
        self, text: str, voice: Voice, prosody: Prosody, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS
    ) -> Utterance:
        """Speaks one clause of readable text; word positions are those of `text`.

        Rate and pitch are the engine's; gain, range and brightness are left to the caller. Each character of `text`
        that is a key of `pronunciations` is one word, said as its IPA. Cancelling the call stops the engine's work.

        Raises:
            ModelUnavailable: The engine cannot do it now.
        """

    async def close(self) -> None:
        """Ends its processes."""


class VisitingEngine(SpeechEngine, Protocol):
    """A speech engine whose voices come and go while the service runs."""

    async def look(self) -> Sequence[Voice]:
        """Returns the voices that are there now, or were last while they cannot be reached."""
