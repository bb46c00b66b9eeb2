"""Who speaks a document: the voice asked for, and the voices its elements ask for."""

from __future__ import annotations

from dataclasses import dataclass

from visage.runtime.errors import InvalidField, ResourceNotFound
from visage.speech.voices import Gender, Voice, VoiceCatalogue


@dataclass(frozen=True, slots=True)
class Speakers:
    """Voices for a document.

    Attributes:
        catalogue: All that are there.
        voice: Of the call.
        is_chosen: Whether the caller named that voice or its language; otherwise the document's language decides.
    """

    catalogue: VoiceCatalogue
    voice: Voice
    is_chosen: bool

    def find(self, name: str, language: str, gender: str, current: Voice) -> Voice:
        """Returns the voice that fits what a voice element says best; raises ValueError with the nearest names."""
        if name:
            full = name if name.startswith("voices/") else f"voices/{name}"
            try:
                return self.catalogue.choose(full, language, "xml:lang")
            except (ResourceNotFound, InvalidField) as error:
                raise ValueError(error.message) from None
        wanted = {"female": Gender.FEMALE, "male": Gender.MALE, "neutral": Gender.UNSPECIFIED, "": None}
        if gender.lower() not in wanted:
            raise ValueError(f"gender {gender!r} is not one of female, male, neutral")
        base = self.of_language(language, current) if language else current
        if wanted[gender.lower()] is None or base.gender is wanted[gender.lower()]:
            return base
        same = self.catalogue.page(base.languages[0].split("-")[0], 1000, "")[0]
        fitting = [voice for voice in same if voice.gender is wanted[gender.lower()]]
        if not fitting:
            raise ValueError(f"no {gender} voice speaks {base.languages[0]}")
        return min(fitting, key=lambda voice: voice.tier)

    def of_language(self, language: str, current: Voice) -> Voice:
        """Returns `current` if it speaks the language, else the best voice that does; raises ValueError."""
        if current.speaks(language.split("-")[0]):
            return current
        try:
            return self.catalogue.choose("", language, "xml:lang")
        except InvalidField as error:
            raise ValueError(error.message) from None
