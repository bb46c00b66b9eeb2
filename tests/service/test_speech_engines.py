"""The real engines in their processes: what they say, when they say it, and how they end."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from visage.media import pcm
from visage.media.phones import VOWELS
from visage.runtime.cache import cache_dir
from visage.runtime.errors import ModelUnavailable
from visage.speech.engines.espeak import EspeakEngine
from visage.speech.engines.festival import FestivalEngine
from visage.speech.engines.festival_install import FESTIVAL
from visage.speech.engines.flite import FliteEngine
from visage.speech.engines.flite_install import installed_folder
from visage.speech.engines.worker_pool import WorkerPool
from visage.speech.prosody import Prosody
from visage.speech.psola import pitch_periods
from visage.speech.utterance import Utterance
from visage.speech.voices import Tier, Voice

pytestmark = pytest.mark.service

PLOSIVES = (
    "A paper cup, a pepper pot, a taper, a topper, a cocoa pocket, a pattern, a potato, a poppy, a carpet, a ticket."
)
SENTENCE = "The birch canoe slid on the smooth planks."
ENGLISH = ["flite-rms", "festival-slt-hts", "flite-awb", "flite-slt", "flite-kal16", "espeak-en-us"]
LONG = SENTENCE * 40


class Engines:
    """All engines, opened, with their voices by short name."""

    def __init__(self) -> None:
        self.flite = FliteEngine(1, 30.0, installed_folder(cache_dir()))
        self.festival = FestivalEngine(1, 30.0, FESTIVAL.installed_folder(cache_dir()))
        self.espeak = EspeakEngine(1, 30.0)
        self.voices: dict[str, Voice] = {}

    def pids(self) -> list[int]:
        return self.flite.pool.pids + self.festival.pool.pids + self.espeak.pool.pids

    async def open(self) -> None:
        for voice in [*await self.flite.open(), *await self.festival.open(), *await self.espeak.open()]:
            self.voices[voice.name.removeprefix("voices/")] = voice

    async def speak(
        self, name: str, text: str, prosody: Prosody | None = None, pronunciations: dict[str, str] | None = None
    ) -> Utterance:
        kind = name.partition("-")[0]
        if name not in self.voices:
            assert kind != "espeak", f"{name} must always be there"
            pytest.skip(f"{kind} is not installed here")
        engine = {"flite": self.flite, "festival": self.festival, "espeak": self.espeak}[kind]
        return await engine.speak(text, self.voices[name], prosody or Prosody(), pronunciations or {})


@pytest.fixture
async def engines() -> AsyncIterator[Engines]:
    """Engines with one process each, ended with the test."""
    opened = Engines()
    await opened.open()
    yield opened
    await opened.flite.close()
    await opened.festival.close()
    await opened.espeak.close()


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat[stat.rindex(")") + 2] != "Z"


def has_ended(pid: int, within_s: float) -> bool:
    deadline_s = time.monotonic() + within_s
    while is_alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return not is_alive(pid)


def pitch_hz(utterance: Utterance) -> float:
    periods = pitch_periods(utterance.samples, utterance.sample_rate_hz)
    return utterance.sample_rate_hz / float(np.median(periods[periods > 0]))


def active_level_db(utterance: Utterance) -> float:
    levels = pcm.frame_levels_db(utterance.samples, utterance.sample_rate_hz)
    loud = levels[levels > levels.max() - 30]
    return float(10 * np.log10(np.mean(10 ** (loud / 10))))


@pytest.mark.parametrize("name", ENGLISH)
async def test_speech_is_sound_with_matching_times(engines: Engines, name: str) -> None:
    """A sentence lasts 2 to 4 s, is neither silent nor clipped, and its words sound while they are said to."""
    spoken = await engines.speak(name, SENTENCE)
    levels = pcm.frame_levels_db(spoken.samples, spoken.sample_rate_hz, 0.01)
    first_s, last_s = spoken.speech_bounds_s()
    loud = np.flatnonzero(levels > -40) * 0.01

    assert 2 < spoken.duration_s < 4
    assert pcm.clipped_share(spoken.samples) == 0
    assert [word.text for word in spoken.timing.words] == SENTENCE.rstrip(".").split()
    assert loud[0] == pytest.approx(first_s, abs=0.08)
    assert loud[-1] == pytest.approx(last_s, abs=0.12)


@pytest.mark.parametrize("name", ENGLISH)
async def test_voices_are_about_equally_loud(engines: Engines, name: str) -> None:
    """Speech of every voice lies within 3 dB of -20 dB."""
    assert active_level_db(await engines.speak(name, SENTENCE + " " + PLOSIVES)) == pytest.approx(-20, abs=3)


@pytest.mark.parametrize("name", ENGLISH)
async def test_plosives_begin_where_the_sound_stops(engines: Engines, name: str) -> None:
    """For p, t, k between vowels the level falls steepest within 20 ms of the phoneme's start, in the median."""
    spoken = await engines.speak(name, PLOSIVES)
    step_s = 0.005
    levels = pcm.frame_levels_db(spoken.samples, spoken.sample_rate_hz, step_s)
    phonemes = spoken.timing.phonemes
    errors_s = []
    for before, plosive, after in zip(phonemes, phonemes[1:], phonemes[2:], strict=False):
        if plosive.phone in "ptk" and before.phone in VOWELS and after.phone in VOWELS:
            start = round(plosive.start_s / step_s) - 8
            window = levels[start : start + 17]
            steepest = start + int((window[2:] - window[:-2]).argmin()) + 1.5
            errors_s.append(abs(steepest * step_s - plosive.start_s))

    assert len(errors_s) > 15
    assert np.median(errors_s) < 0.02
    assert np.percentile(errors_s, 90) < 0.04


@pytest.mark.parametrize("name", ENGLISH)
async def test_phonemes_are_in_order_within_the_sound(engines: Engines, name: str) -> None:
    """Phonemes follow one another without overlap, end with the sound, and words begin and end on them."""
    spoken = await engines.speak(name, "Peter paid $3.50 for 42 pop-tarts (really!) on May 5th, 1999; 10% & more.")
    phonemes, words = spoken.timing.phonemes, spoken.timing.words
    starts_s = {round(phoneme.start_s, 3) for phoneme in phonemes}
    overlaps = [a.end_s - b.start_s for a, b in itertools.pairwise(phonemes)]

    assert max(overlaps) < 1e-6
    assert phonemes[0].start_s >= 0
    assert phonemes[-1].end_s <= spoken.duration_s + 1e-3
    assert {"$3.50", "42", "pop-tarts", "really", "1999", "10%", "&"} <= {word.text for word in words}
    assert all(round(word.start_s, 3) in starts_s for word in words)


@pytest.mark.parametrize("semitones", [-12, -5, 5, 12])
@pytest.mark.parametrize("name", ["flite-rms", "festival-slt-hts", "flite-slt", "espeak-en-us"])
async def test_pitch_moves_by_semitones(engines: Engines, name: str, semitones: int) -> None:
    """The median pitch moves by what is asked, within two semitones, and the level stays within 8 dB."""
    plain = await engines.speak(name, SENTENCE)
    moved = await engines.speak(name, SENTENCE, Prosody(pitch_semitones=semitones))
    # The search for pitch ends at 60 Hz, above what a deep voice an octave down has.
    expected_hz = max(pitch_hz(plain) * 2 ** (semitones / 12), 66.0)

    assert 12 * np.log2(pitch_hz(moved) / expected_hz) == pytest.approx(0, abs=2)
    assert active_level_db(moved) == pytest.approx(active_level_db(plain), abs=8)


@pytest.mark.parametrize("rate", [0.25, 0.5, 2.0, 4.0])
@pytest.mark.parametrize("name", ["flite-rms", "festival-slt-hts", "espeak-en-us", "espeak-de"])
async def test_rate_scales_the_duration(engines: Engines, name: str, rate: float) -> None:
    """The duration is divided by the rate, within a fifth, and the last word ends before the sound does."""
    plain = await engines.speak(name, SENTENCE)
    paced = await engines.speak(name, SENTENCE, Prosody(rate=rate))

    assert paced.duration_s == pytest.approx(plain.duration_s / rate, rel=0.2)
    assert paced.timing.words[-1].end_s <= paced.duration_s + 1e-3
    assert paced.timing.words[-1].end_s > 0.8 * paced.duration_s


@pytest.mark.parametrize(
    ("name", "text", "words", "sounds"),
    [
        ("espeak-de", "Guten Tag, ich möchte 42 Brötchen.", ["Guten", "Tag", "ich", "möchte", "42", "Brötchen"], "øç"),
        ("espeak-fr-fr", "Où est la lune ?", ["Où", "est", "la", "lune"], "y"),
        ("espeak-ru", "Привет, как дела?", ["Привет", "как", "дела"], "r"),
        ("espeak-ar", "مرحبا بالعالم", ["مرحبا", "بالعالم"], "ħ"),
        ("espeak-he", "שלום עולם", ["שלום", "עולם"], "ʃ"),
        ("espeak-hi", "नमस्ते दुनिया", ["नमस्ते", "दुनिया"], "ʊ"),
    ],
)
async def test_other_languages_have_words_and_ipa(
    engines: Engines, name: str, text: str, words: list[str], sounds: str
) -> None:
    """Words are those of the text in any script, phonemes are the language's own IPA."""
    spoken = await engines.speak(name, text)
    ipa = "".join(phoneme.ipa for phoneme in spoken.timing.phonemes)

    assert [word.text for word in spoken.timing.words] == words
    assert all(sound in ipa for sound in sounds)


async def test_chinese_is_divided_into_words(engines: Engines) -> None:
    """Text without spaces has several words in order, none of them punctuation."""
    text = "你好，世界。今天天气很好。"
    words = (await engines.speak("espeak-cmn", text)).timing.words

    assert len(words) >= 5
    assert all(text[word.text_start : word.text_end] == word.text for word in words)
    assert not any(sign in word.text for word in words for sign in "，。")


async def test_every_listed_voice_speaks(engines: Engines) -> None:
    """Each voice has a name of its own and a language, and makes sound of digits or letters."""
    assert len(engines.voices) > 120
    for name, voice in engines.voices.items():
        spoken = await engines.speak(name, "7 8 9 ᎣᏏᏲ")
        assert voice.languages, name
        assert voice.tier is (Tier.BASIC if name.startswith("espeak") else Tier.STANDARD)
        assert not pcm.is_silent(spoken.samples, spoken.sample_rate_hz), name


@pytest.mark.parametrize("name", ["flite-rms", "festival-slt-hts", "espeak-en-us"])
async def test_hostile_text_breaks_nothing(engines: Engines, name: str) -> None:
    """Markup, escapes, very long words and rows of signs are read or skipped; the process lives on."""
    await engines.speak(name, "Hello.")
    before = engines.pids()
    for text in ("<speak>hi</speak>", "[[foo]] a", "a\\b `~ {}[]|", "x" * 240, "9," * 100, "$" * 50 + "1", "'\"'a"):
        await engines.speak(name, text)

    assert engines.pids() == before


async def test_letters_the_voice_lacks_are_left_out(engines: Engines) -> None:
    """An English voice says the Latin words of a mixed text and gives no times for the others."""
    spoken = await engines.speak("flite-rms", "Hello мир, naïve café!")

    assert [word.text for word in spoken.timing.words] == ["Hello", "naïve", "café"]


async def test_cancelling_kills_the_work(engines: Engines) -> None:
    """The process of a cancelled call ends at once, and the next call gets a new one."""
    if "flite-rms" not in engines.voices:
        pytest.skip("libflite is not installed here")
    call = asyncio.create_task(engines.speak("flite-rms", LONG))
    await asyncio.sleep(0.1)
    (pid,) = engines.flite.pool.pids
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    ended = await asyncio.to_thread(has_ended, pid, 1.0)
    spoken = await engines.speak("flite-rms", "Hello.")

    assert ended
    assert engines.flite.pool.pids != [pid]
    assert spoken.timing.words


async def test_a_dead_process_is_replaced(engines: Engines) -> None:
    """A call whose process was killed from outside is answered by a new one."""
    await engines.speak("espeak-en-us", "Hello.")
    (pid,) = engines.espeak.pool.pids
    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(has_ended, pid, 2.0)
    spoken = await engines.speak("espeak-en-us", "Hello again.")

    assert [word.text for word in spoken.timing.words] == ["Hello", "again"]


async def test_a_silent_process_is_given_up(engines: Engines) -> None:
    """An engine that does not answer in time is killed, and the call is UNAVAILABLE."""
    if "flite-rms" not in engines.voices:
        pytest.skip("libflite is not installed here")
    pool = FliteEngine(1, 2.0, installed_folder(cache_dir())).pool
    await pool.greet()
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    request = {"text": "Hello.", "voice": "rms", "stretch": 1.0, "pitch_factor": 1.0, "words": {}}
    answer, payload = await pool.ask(request)
    await pool.close()

    assert not is_alive(pid)
    assert answer["sample_rate_hz"] == 16_000
    assert len(payload) > 16_000


async def test_an_engine_that_cannot_start_is_unavailable() -> None:
    """A process that ends at once gives ModelUnavailable, not a hanging call."""
    pool = WorkerPool("broken", "visage.speech.engines.framing", 1, 5.0)
    with pytest.raises(ModelUnavailable):
        await pool.greet()
    with pytest.raises(ModelUnavailable):
        await pool.ask({})
    await pool.close()

    assert pool.pids == []


async def test_a_closed_engine_leaves_no_process(engines: Engines) -> None:
    """Closing ends the processes, also under a call, which ends too."""
    call = asyncio.create_task(engines.speak("espeak-en-us", LONG * 5))
    await asyncio.sleep(0.05)
    pids = engines.espeak.pool.pids
    await engines.espeak.close()
    outcome = (await asyncio.gather(call, return_exceptions=True))[0]

    assert pids
    assert not any(map(is_alive, pids))
    assert isinstance(outcome, ModelUnavailable | Utterance)


def test_processes_end_with_the_service() -> None:
    """When the service is killed outright, its engine processes end as well."""
    program = (
        "import asyncio, os\n"
        "from visage.speech.engines.espeak import EspeakEngine\n"
        "async def main():\n"
        "    engine = EspeakEngine(1, 30.0)\n"
        "    await engine.open()\n"
        "    print(*engine.pool.pids, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    service = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    with service.stdout:
        pid = int(service.stdout.readline())
    was_alive = is_alive(pid)
    service.kill()
    service.wait()

    assert was_alive
    assert has_ended(pid, 5.0)


async def test_gpl_code_stays_in_its_process() -> None:
    """The service's modules load neither espeak-ng's loader nor its library."""
    program = (
        "import sys, visage.speech.__main__\n"
        "print([name for name in sys.modules if 'espeakng' in name or name.endswith('espeak_library')])\n"
        "print('libespeak' in open('/proc/self/maps').read())\n"
    )
    outcome = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert outcome.stdout.split("\n")[:2] == ["[]", "False"]
