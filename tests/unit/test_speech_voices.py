"""Finding voices by name, by language and page by page."""

from __future__ import annotations

import pytest

from visage.runtime.errors import InvalidField, ResourceNotFound
from visage.speech.voices import Gender, Tier, Voice, VoiceCatalogue

pytestmark = pytest.mark.unit


def voice(name: str, *languages: str, tier: Tier = Tier.BASIC) -> Voice:
    return Voice(f"voices/{name}", name, languages, 16_000, tier, Gender.MALE, "MIT", "engine", name)


CATALOGUE = VoiceCatalogue(
    [
        voice("rms", "en-US", tier=Tier.STANDARD),
        voice("awb", "en-US", "en-GB", tier=Tier.STANDARD),
        voice("formant-en-us", "en-US", "en"),
        voice("formant-en-gb", "en-GB", "en"),
        voice("formant-de", "de"),
        voice("formant-cmn", "cmn", "zh"),
        voice("formant-pt-br", "pt-BR", "pt"),
    ]
)


def chosen(language: str, name: str = "") -> str:
    return CATALOGUE.choose(name, language, "options.language_code").name.removeprefix("voices/")


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("", "rms"),
        ("en", "rms"),
        ("en-US", "rms"),
        ("EN-us", "rms"),
        ("en-GB", "awb"),
        ("en-AU", "rms"),
        ("de", "formant-de"),
        ("de-CH", "formant-de"),
        ("zh", "formant-cmn"),
        ("zh-Hans-CN", "formant-cmn"),
        ("pt", "formant-pt-br"),
    ],
)
def test_best_voice_of_a_language(language: str, name: str) -> None:
    """Natural voices come first, the region asked for before others, a wider language where there is none."""
    assert chosen(language) == name


def test_language_nobody_speaks() -> None:
    """A language without a voice is an error of that field."""
    with pytest.raises(InvalidField) as caught:
        chosen("tlh")

    assert caught.value.field == "options.language_code"


def test_voice_and_language_must_fit() -> None:
    """A voice may be asked for a region of its language, not for another language."""
    assert chosen("en-NZ", "voices/rms") == "rms"
    with pytest.raises(InvalidField, match="en-US"):
        chosen("de", "voices/rms")


def test_unknown_voice_is_not_found_with_near_names() -> None:
    """The error names voices that look alike."""
    with pytest.raises(ResourceNotFound, match="voices/formant-en-gb") as caught:
        CATALOGUE.get("voices/formant-en-bg")

    assert caught.value.metadata["name"] == "voices/formant-en-bg"


def test_pages_make_the_list() -> None:
    """Pages follow one another without gap or repetition, in order, and the last one has no token."""
    names: list[str] = []
    token = ""
    for _ in range(4):
        page, token = CATALOGUE.page("", 2, token)
        names += [voice.name for voice in page]

    whole, end = CATALOGUE.page("", 0, "")
    assert names == [voice.name for voice in whole]
    assert token == end == ""


def test_language_is_a_prefix() -> None:
    """A filter matches whole subtags, in any case; unknown languages have no voices."""
    english, _ = CATALOGUE.page("EN", 0, "")
    british, _ = CATALOGUE.page("en-gb", 0, "")

    assert len(english) == 4
    assert [voice.display_name for voice in british] == ["awb", "formant-en-gb"]
    assert CATALOGUE.page("e", 0, "") == ([], "")


def test_foreign_tokens_are_refused() -> None:
    """A token from elsewhere, or from another filter, is an error of its field."""
    with pytest.raises(InvalidField) as caught:
        CATALOGUE.page("de", 0, "voices/rms")

    assert caught.value.field == "page_token"
