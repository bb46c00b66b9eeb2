"""IPA in the terms of each engine, and the installation of the one whose program is unpacked."""

from __future__ import annotations

from pathlib import Path

import pytest

from visage.speech.engines import festival_install
from visage.speech.engines.cmu_labels import Spelling, phones_of_ipa
from visage.speech.engines.espeak_phonemes import PhonemeTable
from visage.speech.engines.festival import FestivalEngine, _syllables
from visage.speech.engines.festival_worker import _words
from visage.speech.engines.framing import Message
from visage.speech.engines.worker_pool import WorkerPool
from visage.speech.ssml.ipa import check_ipa

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("ipa", "phones"),
    [
        ("təˈmɑːtoʊ", [("t", 0), ("ax", 0), ("m", 0), ("aa", 1), ("t", 0), ("ow", 0)]),
        ("ˌaʊtˈsaɪd", [("aw", 2), ("t", 0), ("s", 0), ("ay", 1), ("d", 0)]),
        ("ʃøːn", [("sh", 0), ("er", 1), ("n", 0)]),
        ("dʒʌmp", [("jh", 0), ("ah", 1), ("m", 0), ("p", 0)]),
        ("s", [("s", 0)]),
    ],
)
def test_ipa_becomes_arpabet(ipa: str, phones: list[tuple[str, int]]) -> None:
    """Stress goes to the vowel of its syllable, to the first vowel if none is marked; foreign vowels become English."""
    assert phones_of_ipa(ipa) == phones


def test_a_pronunciation_is_an_invented_word() -> None:
    """The engine gets letters that it can pronounce, the same for the same sounds; times lead back to one word."""
    spelling = Spelling("a\ue000, naïve \ue001 b", {"\ue000": "kæt", "\ue001": "dɔɡ"})
    first, second = spelling.new_words
    again = Spelling("\ue005", {"\ue005": "kæt"})
    tokens = [(spelling.text.index(word) + len(word), 0.1 * i, 0.1 * (i + 1)) for i, word in enumerate((first, second))]

    assert spelling.text == f"a {first} , naive  {second}  b"
    assert first.isalpha() and first.isascii() and first.startswith("zu")
    assert list(again.new_words) == [first]
    assert [(word.text, word.text_start, word.text_end) for word in spelling.words(tokens, 0.0)] == [
        ("\ue000", 1, 2),
        ("\ue001", 10, 11),
    ]


def test_festival_gets_syllables() -> None:
    """Each syllable ends with its vowel, the last takes what follows; without a vowel there is one."""
    assert _syllables(phones_of_ipa("təˈmɑːtoʊz")) == "(((t ax) 0) ((m aa) 1) ((t ow z) 0))"
    assert _syllables([("s", 0)]) == "(((s) 0))"


def test_festivals_words_are_found_in_order() -> None:
    """Tokens are looked for one behind another; what makes no sound or is not in the text is left out."""
    lines = [
        "s pau 0.1 0",
        "t the",
        "w 0.1 0.2",
        "t the",
        "w 0.2 0.3",
        "t ,",
        "w 0.0 0.0",
        "t 42",
        "w 0.3 0.4",
        "w 0.4 0.5",
    ]

    assert _words(lines, "the the, 42") == [(3, 0.1, 0.2), (7, 0.2, 0.3), (11, 0.3, 0.4), (11, 0.4, 0.5)]
    assert _words(["t dog", "w 0.1 0.2"], "cat") == []


def listen(said: str) -> list[str]:
    """A language with the sounds p, t, a, u and a long a, which it writes as its mnemonics but for "S"."""
    sounds = {"p": "p", "t": "t", "a": "a", "a:": "aː", "u": "u", "S": "ʃ"}
    heard = []
    while said:
        length = 2 if said[:2] in sounds else 1
        heard.append(sounds.get(said[:length], ""))
        said = said[length:]
    return heard


def test_espeak_is_asked_for_its_phonemes() -> None:
    """Sounds become what the language calls them, the longest first; stress stands before the vowel."""
    table = PhonemeTable(listen)

    assert table.mnemonics("ˈpaːt") == "p|'a:|t"
    assert table.mnemonics("uˈʃa") == "u|S|'a"
    assert table.mnemonics("p.a ˌtʰ͡u") == "p|a|t|,u"


def test_sounds_that_a_language_lacks_become_near_ones() -> None:
    """A near sound takes the place of a missing one; where there is none, the reason names it."""
    table = PhonemeTable(listen)

    assert table.mnemonics("ʊ") == "u"
    assert table.mnemonics("æ") == "a"
    with pytest.raises(ValueError, match="'m'"):
        table.mnemonics("m")


@pytest.mark.parametrize(
    ("written", "ipa"), [(" təˈmɑːtoʊ ", "təˈmɑːtoʊ"), ("t@".replace("@", "ə"), "tə"), ("go", "ɡo")]
)
def test_ipa_is_cleaned(written: str, ipa: str) -> None:
    """White space goes, the Latin g is the IPA one."""
    assert check_ipa(written) == ipa


@pytest.mark.parametrize("written", ["", " ", "ж", "t4", "ˈ", "a" * 101, "t@"])
def test_what_is_no_ipa_is_refused(written: str) -> None:
    """Other letters, marks alone, nothing and too much are refused."""
    with pytest.raises(ValueError, match="ph"):
        check_ipa(written)


def test_the_unpacked_program_finds_its_files(tmp_path: Path) -> None:
    """The command and the library path lead into the unpacked folder; the system's program needs neither."""
    library = tmp_path / "usr" / "lib" / "machine" / "pulseaudio" / "libx-1.so"
    library.parent.mkdir(parents=True)
    library.touch()
    folder = tmp_path / "usr" / "bin"

    assert festival_install.festival_command(folder)[1:] == [
        "--libdir", str(tmp_path / "usr/lib/festival"), "--datadir", str(tmp_path / "usr/share/festival"),
    ]  # fmt: skip
    assert str(library.parent) in festival_install.festival_environment(folder)["LD_LIBRARY_PATH"]
    assert festival_install.festival_environment(None) == {}


def test_a_failed_installation_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without apt the command says so and does not fail the set-up."""
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    monkeypatch.setenv("VISAGE_CACHE_DIR", str(tmp_path))
    festival_install.main(["--ignore-system"])

    assert capsys.readouterr().out.startswith("the festival voice is not available: apt-get is not here")


class PoolWithoutProgram(WorkerPool):
    """A pool whose processes greet with the reason why they cannot work."""

    async def greet(self) -> Message:
        return {"missing": "festival: not found"}


async def test_an_absent_program_means_no_voice(caplog: pytest.LogCaptureFixture) -> None:
    """The engine opens with no voice and logs the remedy."""
    engine = FestivalEngine(1, 1.0, None)
    engine.pool = PoolWithoutProgram("festival", "absent", 1, 1.0)
    voices = await engine.open()

    assert voices == []
    assert "visage.speech.engines.festival_install" in caplog.text
