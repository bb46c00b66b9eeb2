"""What one speech process carries, measured: how much faster than real time its engines speak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from visage.runtime.capacity import sustained_rate
from visage.speech.ports import SpeechEngine
from visage.speech.prosody import Prosody
from visage.speech.voices import Voice

SENTENCE: Final = "One two three four five six seven eight nine ten."


async def streams_carried(
    voices: Sequence[Voice], engines: Mapping[str, SpeechEngine], processes: int, limit_s: float
) -> float:
    """Returns how many voices of the slowest engine speak live side by side, `processes` of it at work."""
    carried = []
    for name, engine in engines.items():
        voice = next(voice for voice in voices if voice.engine == name)
        utterance = await engine.speak(SENTENCE, voice, Prosody())
        spoken_s = utterance.duration_s

        async def speak(engine: SpeechEngine = engine, voice: Voice = voice) -> None:
            await engine.speak(SENTENCE, voice, Prosody())

        carried.append(spoken_s * await sustained_rate(speak, processes, limit_s / len(engines)))
    return min(carried)
