"""Text to a narration with one voice: what unary and streaming synthesis share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from visage.media.pcm import FloatPcm
from visage.runtime.errors import ModelUnavailable
from visage.speech.clauses import Clause
from visage.speech.narration import Narration, Passage
from visage.speech.ports import SpeechEngine
from visage.speech.prosody import Prosody
from visage.speech.readable_text import has_speech, make_readable
from visage.speech.voices import Voice


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a text is to be spoken: voice, output rate and prosody."""

    voice: Voice
    sample_rate_hz: int
    prosody: Prosody


class Narrator:
    """Speaks clause after clause of one text."""

    def __init__(self, engines: Mapping[str, SpeechEngine], delivery: Delivery) -> None:
        self._delivery = delivery
        engine = engines.get(delivery.voice.engine)
        if engine is None:
            raise ModelUnavailable(delivery.voice.engine)
        self._engine = engine
        self._narration = Narration(delivery.voice.sample_rate_hz, delivery.sample_rate_hz, delivery.prosody)

    async def speak(self, clause: Clause) -> Passage | None:
        """Returns the sound and the timing of a clause; None if the voice finds nothing in it to say.

        Raises:
            ModelUnavailable: The engine cannot do it now.
        """
        readable = make_readable(clause.text)
        if not has_speech(readable.text):
            return None
        utterance = await self._engine.speak(readable.text, self._delivery.voice, self._delivery.prosody)
        if not any(not phoneme.is_pause for phoneme in utterance.timing.phonemes):
            return None
        return self._narration.add(utterance, clause, readable)

    def finish(self) -> FloatPcm:
        """Returns the end of the sound; call it once, last."""
        return self._narration.finish()
