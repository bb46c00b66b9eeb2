"""The espeak-ng engine: formant synthesis for more than a hundred languages, in child processes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from visage.media import pcm
from visage.media.pcm import IntPcm
from visage.media.phone_timing import PRIMARY_STRESS, phones_from_espeak
from visage.media.phones import classes_of_ipa, ipa_of
from visage.runtime.errors import ModelUnavailable
from visage.speech.engines.espeak_words import EventPhoneme, words_of_events
from visage.speech.engines.worker_pool import WorkerPool
from visage.speech.ports import NO_PRONUNCIATIONS
from visage.speech.prosody import Prosody, semitones_to_factor
from visage.speech.psola import change_pitch_and_duration
from visage.speech.utterance import Phoneme, Timing, Utterance
from visage.speech.voices import Gender, Tier, Voice

_LICENSE: Final = "GPL-3.0-or-later"
_RATE_WPM: Final = 175
_SLOWEST_WPM: Final = 80
# The engine's pitch parameter and the semitones it yields; measured.
_PITCH_STEPS: Final = (0, 25, 50, 75, 99)
_PITCH_SEMITONES: Final = (-6.4, -3.4, 0.0, 4.2, 8.9)
_SHORTEST_PAUSE_S: Final = 0.03
_STRESS_MARK: Final = "ˈ"
_LANGUAGE_MARK: Final = re.compile(r"\([\w-]+\)")
_FIRST_VOICE: Final = "voices/espeak-en-us"
_GENDERS: Final = {1: Gender.MALE, 2: Gender.FEMALE}


class EspeakEngine:
    """Implements `visage.speech.ports.SpeechEngine`."""

    name = "espeak"

    def __init__(self, process_count: int, reply_limit_s: float) -> None:
        self.pool = WorkerPool(self.name, "visage.speech.engines.espeak_worker", process_count, reply_limit_s)
        self._sample_rate_hz = 0

    async def open(self) -> Sequence[Voice]:
        """Starts a process; returns its voices, none if the library is absent."""
        greeting = await self.pool.greet_or_warn("pip install espeakng-loader")
        if greeting is None:
            return []
        self._sample_rate_hz = greeting["sample_rate_hz"]
        return _voices(greeting["voices"], self._sample_rate_hz)

    async def speak(
        self, text: str, voice: Voice, prosody: Prosody, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS
    ) -> Utterance:
        """Speaks one clause."""
        pitch = round(float(np.interp(prosody.pitch_semitones, _PITCH_SEMITONES, _PITCH_STEPS)))
        answer, payload = await self.pool.ask(
            {
                "text": text,
                "voice": voice.engine_voice,
                "rate_wpm": max(_SLOWEST_WPM, round(_RATE_WPM * prosody.rate)),
                "pitch": pitch,
                "pronunciations": dict(pronunciations),
            }
        )
        if "refused" in answer:
            raise ModelUnavailable(self.name, answer["refused"])
        samples = np.frombuffer(payload, np.int16)
        rate_hz = self._sample_rate_hz
        phonemes = _phonemes([(ipa, sample / rate_hz) for ipa, sample in answer["phonemes"]], samples, rate_hz)
        events = [(position, sample / rate_hz) for position, _, sample in answer["words"]]
        words = words_of_events(text, events, phonemes)
        timing = Timing(tuple(event.phoneme for event in phonemes), words)
        utterance = Utterance(pcm.to_float32(samples), rate_hz, timing)
        stretch = max(1.0, _SLOWEST_WPM / (_RATE_WPM * prosody.rate))
        reached = min(max(prosody.pitch_semitones, _PITCH_SEMITONES[0]), _PITCH_SEMITONES[-1])
        pitch_factor = semitones_to_factor(prosody.pitch_semitones - reached)
        if (pitch_factor, stretch) == (1.0, 1.0):
            return utterance
        return await asyncio.to_thread(_changed, utterance, pitch_factor, stretch)

    async def close(self) -> None:
        """Ends the processes."""
        await self.pool.close()


def _changed(utterance: Utterance, pitch_factor: float, stretch: float) -> Utterance:
    """Returns `utterance` with what the engine itself cannot reach of the pitch and rate asked for."""
    rate_hz = utterance.sample_rate_hz
    samples = change_pitch_and_duration(utterance.samples, rate_hz, pitch_factor, stretch)
    return Utterance(samples, rate_hz, utterance.timing.scaled(stretch))


def _voices(listed: Sequence[tuple[str, str, int, list[tuple[str, int]]]], rate_hz: int) -> list[Voice]:
    """Voices grouped by language, the one that fits its language best first in its group."""
    voices: dict[str, tuple[tuple[bool, str, int, str], Voice]] = {}
    for identifier, label, gender, languages in listed:
        codes = [code for code, _ in languages]
        name = f"voices/espeak-{codes[0].lower()}"
        if name in voices:
            name = f"voices/espeak-{identifier.split('/')[-1].lower()}"
        primary = codes[0].split("-")[0]
        fit = min((priority for code, priority in languages if code == primary), default=99)
        voice = Voice(
            name=name,
            display_name=f"{label} (espeak-ng)",
            languages=tuple(_bcp47(code) for code in codes),
            sample_rate_hz=rate_hz,
            tier=Tier.BASIC,
            gender=_GENDERS.get(gender, Gender.UNSPECIFIED),
            license=_LICENSE,
            engine=EspeakEngine.name,
            engine_voice=identifier,
            pitch_reach=-_PITCH_SEMITONES[0],
        )
        voices[name] = ((name != _FIRST_VOICE, primary, fit, name), voice)
    return [voice for _, voice in sorted(voices.values(), key=lambda pair: pair[0])]


def _bcp47(code: str) -> str:
    """`code` with the letter case that BCP-47 recommends: cmn-Latn-pinyin, en-GB-x-rp."""
    first, *rest = code.split("-")
    tags = [first.lower()]
    private = False
    for tag in rest:
        private = private or len(tag) == 1
        cased = tag.lower() if private or len(tag) not in (2, 4) else tag.upper() if len(tag) == 2 else tag.title()
        tags.append(cased)
    return "-".join(tags)


def _phonemes(events: list[tuple[str, float]], samples: IntPcm, rate_hz: int) -> list[EventPhoneme]:
    """Phonemes with the IPA that the engine gave where one event is one phone, and the time of their event."""
    kept = _without_marks(events, len(samples) / rate_hz)
    phonemes = []
    index = 0
    for phone in phones_from_espeak(kept, samples, rate_hz):
        while index + 1 < len(kept) and kept[index + 1][1] < phone.end_s - 1e-6:
            index += 1
        ipa, event_s = kept[index]
        whole = classes_of_ipa(ipa) == (phone.phone,)
        mark = _STRESS_MARK if phone.stress == PRIMARY_STRESS else ""
        symbol = ipa if whole else mark + ipa_of(phone.phone)
        phonemes.append(EventPhoneme(event_s, Phoneme(symbol, phone.phone, phone.start_s, phone.end_s)))
    return phonemes


def _without_marks(events: list[tuple[str, float]], duration_s: float) -> list[tuple[str, float]]:
    """Events without changes of language, lone diacritics, and pauses inside words too short to be any."""
    ends_s = [*(start_s for _, start_s in events[1:]), duration_s]
    kept: list[tuple[str, float]] = []
    for (ipa, start_s), end_s in zip(events, ends_s, strict=True):
        letters = _LANGUAGE_MARK.sub("", ipa)
        is_mark = bool(ipa) and (not letters or classes_of_ipa(letters) == ("sil",))
        is_gap = not ipa and end_s - start_s < _SHORTEST_PAUSE_S
        if not kept or not (is_mark or is_gap):
            kept.append((letters, start_s))
    return kept
