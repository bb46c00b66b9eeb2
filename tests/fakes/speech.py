"""A speech service that says one vowel-consonant pair per letter, 0.1 s each."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from tests.fakes.lip_sync import sound
from visage.animation.ports import SpokenPart, Utterance
from visage.media.pcm import to_int16
from visage.media.phones import TimedPhone

RATE_HZ = 22_050
LETTER_S = 0.2


class FakeSpeech:
    """Implements `visage.animation.ports.Speech`."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.spoken: list[Utterance] = []
        self.closed = 0

    async def speak(self, utterance: Utterance) -> AsyncGenerator[SpokenPart, None]:
        self.spoken.append(utterance)
        try:
            if self.error is not None:
                raise self.error
            yield SpokenPart(sample_rate_hz=RATE_HZ)
            for index in range(len(utterance.text or utterance.ssml)):
                start_s = index * LETTER_S
                middle_s, end_s = start_s + LETTER_S / 2, start_s + LETTER_S
                yield SpokenPart(phones=(TimedPhone("aa", start_s, middle_s), TimedPhone("m", middle_s, end_s)))
                yield SpokenPart(audio=to_int16(sound(("hum", LETTER_S), rate_hz=RATE_HZ)).tobytes())
        finally:
            self.closed += 1
