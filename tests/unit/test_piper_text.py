"""espeak-ng's IPA → a Piper voice's ids, and durations → phonemes and words."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.vits_voice import ID_MAP
from visage.speech.engines.piper_text import spell, split_phones

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("ipa", "phones"),
    [
        ("wˈɛðɚɹ", ["w", "ˈɛ", "ð", "ɚ", "ɹ"]),
        ("tʃˈaɪld", ["tʃ", "ˈaɪ", "l", "d"]),
        ("fˈɔːɹɾi", ["f", "ˈɔː", "ɹ", "ɾ", "i"]),
        ("ni2χˈɑu2", ["n", "i2", "χ", "ˈɑ", "u2"]),
        ("ː", []),
    ],
)
def test_phones_keep_their_marks(ipa: str, phones: list[str]) -> None:
    """Stress stands before a sound, length and tone behind it; diphthongs and affricates are one."""

    assert split_phones(ipa) == phones


def test_ids_are_those_of_piper() -> None:
    """Start, each character with the filling behind it, a space between words, the sign that ends, the end."""
    spelled = spell("Hi, you!", ["hˈaɪ", "juː"], [0, 4], ID_MAP)
    written = [next(sign for sign, (number,) in ID_MAP.items() if number == one) for one in spelled.ids]

    assert "".join(written) == "^_h_ˈ_a_ɪ_,_ _j_u_ː_!_$"
    assert sum(piece.id_count for piece in spelled.pieces) == len(spelled.ids)


def test_signs_without_an_id_are_left_out() -> None:
    """A letter that the voice does not know takes neither id nor time."""
    spelled = spell("ab", ["aǁb"], [0], ID_MAP)

    assert len(spelled.ids) == len("^_a_b_$")


def test_a_cluster_has_one_id() -> None:
    """What a voice's vowel_clusters join is looked up as one, stress apart."""
    id_map = ID_MAP | {"eɪ": [200]}
    spelled = spell("day", ["dˈeɪ"], [0], id_map, {"eɪ"})

    assert [number for number in spelled.ids if number] == [1, *ID_MAP["d"], *ID_MAP["ˈ"], 200, 2]


def test_a_decomposed_sign_is_found_and_shown_composed() -> None:
    """ç is looked up as c and a cedilla, and reported as ç."""
    spelled = spell("ich", ["ɪç"], [0], ID_MAP)
    timing = spelled.timing("ich", np.full(len(spelled.ids), 0.05))

    assert {ID_MAP["c"][0], ID_MAP["\u0327"][0]} < set(spelled.ids)
    assert ("ç", "sh") in [(phoneme.ipa, phoneme.phone) for phoneme in timing.phonemes]


def test_words_last_from_their_first_sound_to_their_last() -> None:
    """Two words that espeak-ng joins share their sounds; pauses belong to none."""
    spelled = spell("Walk on the hill.", ["wɔk", "ɔnðə", "hɪl"], [0, 5, 12], ID_MAP)
    timing = spelled.timing("Walk on the hill.", np.full(len(spelled.ids), 0.01))

    assert [word.text for word in timing.words] == ["Walk", "on", "the", "hill"]
    assert timing.words[0].start_s == pytest.approx(0.02 + 0.0)
    assert timing.phonemes[-1].end_s == pytest.approx(0.01 * len(spelled.ids))
    for word, following in zip(timing.words, timing.words[1:], strict=False):
        assert word.end_s <= following.start_s + 1e-9


@pytest.mark.parametrize("positions", [[], [0], [0, 2, 4, 6, 8]])
def test_any_number_of_word_events_will_do(positions: list[int]) -> None:
    """Groups and events that differ in number are spread over one another, in order."""
    spelled = spell("a b c d e", ["a", "b", "k"], positions, ID_MAP)
    timing = spelled.timing("a b c d e", np.full(len(spelled.ids), 0.05))
    starts = [word.text_start for word in timing.words]

    assert starts == sorted(starts)
    assert timing.words


def test_silence_has_no_words() -> None:
    """Text without a sound makes a pause."""
    spelled = spell("...", [], [], ID_MAP)
    timing = spelled.timing("...", np.full(len(spelled.ids), 0.1))

    assert not timing.words
    assert all(phoneme.is_pause for phoneme in timing.phonemes)
