"""Phone classes and the symbols mapped to them."""

from __future__ import annotations

import numpy as np
import pytest

from visage.media.phone_timing import phones_from_espeak, phones_from_segments
from visage.media.phones import (
    IPA_OF_CLASS,
    PHONE_CLASSES,
    PHONE_COUNT,
    VOWELS,
    TimedPhone,
    class_of_arpabet,
    classes_of_ipa,
    ipa_of,
)

pytestmark = pytest.mark.unit

SAMPLE_RATE_HZ = 16000


def test_the_set_is_silence_24_consonants_and_18_vowels() -> None:
    """The network's 43 posteriors have a name each."""
    consonants = [phone for phone in PHONE_CLASSES if phone not in VOWELS and phone != "sil"]

    assert PHONE_COUNT == 43
    assert len(consonants) == 24
    assert len(VOWELS) == 18


@pytest.mark.parametrize("phone", PHONE_CLASSES)
def test_ipa_leads_back_to_its_class(phone: str) -> None:
    """A class written as IPA is read as the same class."""
    ipa = ipa_of(phone)

    assert classes_of_ipa(ipa) == (phone,)


def test_ipa_strings_are_distinct() -> None:
    """No two classes share an IPA string."""
    strings = list(IPA_OF_CLASS.values())

    assert len(set(strings)) == PHONE_COUNT


@pytest.mark.parametrize(
    ("symbol", "phone"), [("AA1", "aa"), ("pau", "sil"), ("dx", "d"), ("ax", "ax"), ("HH", "hh"), ("el", "l")]
)
def test_arpabet_ignores_case_and_stress(symbol: str, phone: str) -> None:
    """ARPAbet of dictionaries and of CMU voices maps to one class."""
    found = class_of_arpabet(symbol)

    assert found == phone


def test_unknown_arpabet_is_refused() -> None:
    """A symbol outside ARPAbet is an error and no silent guess."""
    with pytest.raises(ValueError, match="qqq"):
        class_of_arpabet("qqq")


@pytest.mark.parametrize(
    ("ipa", "phones"),
    [
        ("ˈiː", ("iy",)),
        ("tʃ", ("ch",)),
        ("t͡ʃ", ("ch",)),
        ("əl", ("ax", "l")),
        ("ɑ̃", ("aa",)),
        ("aɪɚ", ("ay",)),
        ("ɪŋ", ("ih", "ng")),
        ("ˌoʊ", ("ow",)),
        ("pf", ("p", "f")),
        ("ː", ("sil",)),
        ("ʲ", ("y",)),
        ("☃", ("ax",)),
    ],
)
def test_espeak_ipa_maps_to_classes(ipa: str, phones: tuple[str, ...]) -> None:
    """Marks are ignored, joined sounds are taken apart, unknown letters become a schwa."""
    found = classes_of_ipa(ipa)

    assert found == phones


@pytest.mark.parametrize(("phone", "start_s", "end_s"), [("xx", 0.0, 1.0), ("p", 1.0, 0.5), ("p", 0.0, float("nan"))])
def test_impossible_phones_are_refused(phone: str, start_s: float, end_s: float) -> None:
    """A phone with an unknown class or with an end before its start cannot be made."""
    with pytest.raises(ValueError, match=phone):
        TimedPhone(phone, start_s, end_s)


def test_segments_are_shifted_and_pauses_joined() -> None:
    """Labels that run ahead of the audio are moved and neighbouring pauses become one."""
    phones = phones_from_segments([("pau", 0.0, 0.1), ("pau", 0.1, 0.2), ("m", 0.2, 0.3)], offset_s=0.012)

    assert [(phone.phone, pytest.approx(phone.end_s)) for phone in phones] == [("sil", 0.212), ("m", 0.312)]


def test_a_plosive_of_espeak_starts_with_its_silent_closure() -> None:
    """The silence before the burst belongs to the p, the burst is where the lips part."""
    pcm = np.full(SAMPLE_RATE_HZ // 2, 4000, np.int16)
    pcm[int(0.16 * SAMPLE_RATE_HZ) : int(0.2 * SAMPLE_RATE_HZ)] = 0

    vowel, plosive, _ = phones_from_espeak([("ˈæ", 0.0), ("p", 0.2), ("ɪ", 0.25)], pcm, SAMPLE_RATE_HZ)

    assert plosive.start_s == pytest.approx(0.16, abs=0.003)
    assert vowel.end_s == plosive.start_s
    assert plosive.release_s == pytest.approx(0.204)
    assert vowel.stress > 1


def test_no_events_give_no_phones() -> None:
    """Text without sounds is not an error."""
    phones = phones_from_espeak([], np.zeros(0, np.int16), SAMPLE_RATE_HZ)

    assert phones == []
