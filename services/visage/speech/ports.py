"""What the verbs need of a speech engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from visage.speech.prosody import Prosody
from visage.speech.utterance import Utterance
from visage.speech.voices import Voice


class SpeechEngine(Protocol):
    """Speaks clauses with the voices it has."""

    @property
    def name(self) -> str:
        """The `Voice.engine` of its voices."""

    async def open(self) -> Sequence[Voice]:
        """Starts the engine and returns its voices, most natural first; none if it is not installed."""

    async def speak(self, text: str, voice: Voice, prosody: Prosody) -> Utterance:
        """Speaks one clause of readable text; word positions are those of `text`. The gain is left to the caller.

        Cancelling the call stops the engine's work.

        Raises:
            ModelUnavailable: The engine cannot do it now.
        """

    async def close(self) -> None:
        """Ends its processes."""
