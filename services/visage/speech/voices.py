"""Voices and how one is found: by name, by language, page by page."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from visage.runtime.errors import InvalidField, ResourceNotFound

DEFAULT_LANGUAGE = "en-US"
DEFAULT_PAGE_SIZE = 100


class Tier(enum.IntEnum):
    """How natural a voice sounds; values of `visage.v1.Voice.Tier`."""

    STANDARD = 1
    BASIC = 2


class Gender(enum.IntEnum):
    """Perceived gender; values of `visage.v1.Voice.Gender`."""

    UNSPECIFIED = 0
    FEMALE = 1
    MALE = 2


@dataclass(frozen=True, slots=True)
class Clone:
    """What a cloned voice is made of and how near it comes; see `visage.v1.VoiceClone`."""

    base_voice: str
    similarity: float
    base_similarity: float
    ceiling: float
    strength: float
    intelligibility: float
    consent_reference: str
    speech_s: float
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice.

    Attributes:
        name: Resource name, voices/….
        display_name: For people.
        languages: BCP-47, the first is its own.
        sample_rate_hz: What the engine makes.
        tier: How natural.
        gender: As perceived.
        license: SPDX expression of engine and voice.
        engine: Name of the engine that speaks it.
        engine_voice: The engine's own name of it.
        pitch_reach: Semitones by which its engine moves its pitch well; beyond, the finished sound is changed.
        rank: Place among the voices of its tier, the most natural lowest.
        clone: Of a cloned voice only.
    """

    name: str
    display_name: str
    languages: tuple[str, ...]
    sample_rate_hz: int
    tier: Tier
    gender: Gender
    license: str
    engine: str
    engine_voice: str
    pitch_reach: float = 12.0
    rank: int = 100
    clone: Clone | None = None

    def speaks(self, language: str) -> bool:
        """Whether one of the voice's languages is `language` or a narrower form of it."""
        wanted = language.lower().split("-")
        return any(own.lower().split("-")[: len(wanted)] == wanted for own in self.languages)

    def names(self, language: str) -> bool:
        """Whether `language` itself is one of the voice's languages."""
        return language.lower() in (own.lower() for own in self.languages)


class VoiceCatalogue:
    """The voices that are installed here, most natural first."""

    def __init__(self, voices: Sequence[Voice]) -> None:
        self._voices = tuple(sorted(voices, key=lambda voice: (voice.tier, voice.rank)))
        self._by_name = {voice.name: voice for voice in voices}

    def __iter__(self) -> Iterator[Voice]:
        return iter(self._voices)

    def page(self, language: str, page_size: int, page_token: str) -> tuple[list[Voice], str]:
        """Returns a page of the voices that speak `language` (all if empty) and the token of the next page.

        Raises:
            InvalidField: The token is not one of this list.
        """
        found = [voice for voice in self._voices if not language or voice.speaks(language)]
        start = 0
        if page_token:
            names = [voice.name for voice in found]
            if page_token not in names:
                raise InvalidField("page_token", "is not a token that this list has given out")
            start = names.index(page_token)
        end = start + (page_size or DEFAULT_PAGE_SIZE)
        return found[start:end], found[end].name if end < len(found) else ""

    def get(self, name: str) -> Voice:
        """Returns the voice.

        Raises:
            ResourceNotFound: No such voice; the message names the nearest ones.
        """
        voice = self._by_name.get(name)
        if voice is None:
            near = difflib.get_close_matches(name, self._by_name, n=3, cutoff=0.5)
            hint = f"; did you mean {', '.join(near)}?" if near else "; ListVoices lists them"
            raise ResourceNotFound("voice", name, f"voice {name!r} does not exist{hint}")
        return voice

    def choose(self, name: str, language: str, field: str) -> Voice:
        """Returns the voice of that name, or the best one for `language` if the name is empty.

        A language without a voice of its own falls back to its wider form: de-CH to de (RFC 4647, lookup).

        Args:
            name: Resource name, or empty.
            language: BCP-47, or empty.
            field: Path of the request's field that held the language, for errors.

        Raises:
            ResourceNotFound: No such voice.
            InvalidField: The voice does not speak the language, or no voice does.
        """
        if name:
            voice = self.get(name)
            if language and not voice.speaks(language.split("-")[0]):
                raise InvalidField(field, f"{name} speaks {', '.join(voice.languages)}, not {language}")
            return voice
        subtags = (language or DEFAULT_LANGUAGE).split("-")
        while subtags:
            wanted = "-".join(subtags)
            speakers = [voice for voice in self._voices if voice.speaks(wanted)]
            if speakers:
                return min(speakers, key=lambda voice: (voice.tier, not voice.names(wanted)))
            subtags.pop()
        raise InvalidField(field, f"no voice speaks {language or DEFAULT_LANGUAGE}{self._near_languages(language)}")

    def _near_languages(self, language: str) -> str:
        """A hint at languages whose codes look alike."""
        codes = {own.lower(): own for voice in self._voices for own in voice.languages}
        near = difflib.get_close_matches(language.lower(), codes, n=3, cutoff=0.6)
        return f"; did you mean {', '.join(codes[code] for code in near)}?" if near else "; ListVoices lists them"
