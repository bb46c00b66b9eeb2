"""Prosody word by word on finished sound, and the track that measures it."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tests.unit.test_speech_psola import RATE_HZ, pitch_hz, vowel
from visage.media import pcm
from visage.speech.prosody import Prosody
from visage.speech.prosody_track import FRAME_S, join_tracks, measure_prosody
from visage.speech.psola import pitch_periods
from visage.speech.shaping import brighten, is_light, shape
from visage.speech.styles import NEUTRAL, STYLES
from visage.speech.utterance import Phoneme, Timing, Utterance, Word

pytestmark = pytest.mark.unit

WORD_S = 0.5


def three_words(hertz: tuple[float, float, float] = (120, 120, 120)) -> Utterance:
    """A vowel for each of three words, half a second each, without gaps."""
    samples = np.concatenate([vowel(pitch, WORD_S) for pitch in hertz])
    bounds_s = [(index * WORD_S, (index + 1) * WORD_S) for index in range(3)]
    words = tuple(Word("abc"[i], start_s, end_s, i, i + 1) for i, (start_s, end_s) in enumerate(bounds_s))
    phonemes = tuple(Phoneme("a", "aa", start_s, end_s) for start_s, end_s in bounds_s)
    return Utterance(samples, RATE_HZ, Timing(phonemes, words))


def middle(utterance: Utterance, index: int) -> pcm.FloatPcm:
    """The middle of a word, by its own times."""
    word = utterance.timing.words[index]
    quarter_s = (word.end_s - word.start_s) / 4
    first, last = (round(time_s * RATE_HZ) for time_s in (word.start_s + quarter_s, word.end_s - quarter_s))
    return utterance.samples[first:last]


def test_each_word_has_its_own_pace() -> None:
    """A word's duration is divided by its rate, times follow the sound, pitch stays."""
    shaped = shape(three_words(), Prosody(), [Prosody(), Prosody(rate=0.5), Prosody(rate=2.0)])
    times_s = [time_s for word in shaped.timing.words for time_s in (word.start_s, word.end_s)]

    assert times_s == pytest.approx([0, 0.5, 0.5, 1.5, 1.5, 1.75])
    assert shaped.duration_s == pytest.approx(1.75, abs=1e-3)
    assert [pitch_hz(middle(shaped, index)) for index in range(2)] == pytest.approx([120, 120], rel=0.03)


def test_each_word_has_its_own_pitch() -> None:
    """Pitch moves by semitones in the word that asks for it; durations stay."""
    shaped = shape(three_words(), Prosody(), [Prosody(), Prosody(pitch_semitones=5), Prosody(pitch_semitones=-5)])
    moved = [12 * np.log2(pitch_hz(middle(shaped, index)) / 120) for index in range(3)]

    assert moved == pytest.approx([0, 5, -5], abs=0.7)
    assert shaped.duration_s == pytest.approx(1.5, abs=1e-3)


def test_what_the_engine_did_is_not_done_again() -> None:
    """Rate and pitch count against what was spoken."""
    spoken = Prosody(rate=2.0, pitch_semitones=3.0)
    utterance = three_words()

    assert shape(utterance, spoken, [spoken] * 3).samples is not None
    assert np.array_equal(shape(utterance, spoken, [spoken] * 3).samples, utterance.samples)


def test_each_word_has_its_own_loudness() -> None:
    """Gain changes in the word that asks for it, by what it asks, without a step between words."""
    utterance = three_words()
    shaped = shape(utterance, Prosody(), [Prosody(), Prosody(volume_gain_db=-12), Prosody(volume_gain_db=6)])
    change_db = [pcm.level_db(middle(shaped, i)) - pcm.level_db(middle(utterance, i)) for i in range(3)]
    gain = shaped.samples[1:] / np.where(np.abs(utterance.samples[1:]) > 1e-3, utterance.samples[1:], np.nan)

    assert change_db == pytest.approx([0, -12, 6], abs=0.1)
    assert np.nanmax(np.abs(np.diff(gain))) < 0.05


@pytest.mark.parametrize(("factor", "expected_st"), [(0.0, 0.0), (0.5, 3.0), (1.5, 9.0)])
def test_range_widens_and_flattens_the_melody(factor: float, expected_st: float) -> None:
    """The distance of a high and a low word is multiplied by the range; the mean stays."""
    utterance = three_words((100, 119, 141.4))
    shaped = shape(utterance, Prosody(), [Prosody(pitch_range=factor)] * 3)
    pitches = [pitch_hz(middle(shaped, index)) for index in range(3)]

    assert 12 * np.log2(pitches[2] / pitches[0]) == pytest.approx(expected_st, abs=1.2)
    assert np.exp(np.log(pitches).mean()) == pytest.approx(119, rel=0.06)


def test_brightness_tilts_the_spectrum() -> None:
    """High tones gain against low ones by what is asked; the loudness of the whole stays."""
    times_s = np.arange(RATE_HZ) / RATE_HZ
    tones = (0.1 * np.sin(2 * np.pi * 300 * times_s) + 0.1 * np.sin(2 * np.pi * 3000 * times_s)).astype(np.float32)
    tilted = brighten(tones, RATE_HZ, 6.0)

    def tone_db(samples: pcm.FloatPcm, hertz: int) -> float:
        return 20 * float(np.log10(np.abs(np.fft.rfft(samples))[hertz]))

    change_db = tone_db(tilted, 3000) - tone_db(tilted, 300) - tone_db(tones, 3000) + tone_db(tones, 300)
    assert change_db == pytest.approx(6, abs=0.3)
    assert pcm.level_db(tilted) == pytest.approx(pcm.level_db(tones), abs=0.05)
    assert brighten(tones, RATE_HZ, 0.0) is tones


def test_light_work_is_known() -> None:
    """Loudness alone is light; pace, pitch, range or brightness are not."""
    assert is_light(Prosody(rate=2.0), [Prosody(rate=2.0, volume_gain_db=3.0)])
    assert not any(
        is_light(Prosody(), [change])
        for change in (Prosody(rate=2.0), Prosody(0.99), Prosody(pitch_range=0.5), Prosody(brightness_db=1.0))
    )


def test_prosodies_stay_within_limits() -> None:
    """What is put on top of one another never leaves the documented ranges."""
    most = Prosody(4.0, 12.0, 16.0, 3.0, 12.0)

    assert most.then(most) == most
    assert STYLES[NEUTRAL] == Prosody()
    assert all(style.then(most) is not None for style in STYLES.values())


def test_track_measures_pitch_energy_and_rate() -> None:
    """Frames of 10 ms hold the pitch of the vowel, its level, and its syllables a second; silence has none."""
    samples = np.concatenate([vowel(120, 1.0), np.zeros(RATE_HZ // 2, np.float32)])
    nuclei_s = [5.125 + 0.25 * index for index in range(4)]
    track = measure_prosody(samples, RATE_HZ, 5.0, nuclei_s, [(6.0, 6.5)])
    inside = slice(10, 90)

    assert len(track.f0_hz) == len(track.energy_db) == len(track.syllables_per_s) == 150
    assert np.median(track.f0_hz[inside]) == pytest.approx(120, rel=0.03)
    assert not track.f0_hz[110:].any()
    assert np.median(track.energy_db[inside]) == pytest.approx(pcm.level_db(samples[:RATE_HZ]), abs=1)
    assert track.energy_db[120:].max() == -120
    assert track.syllables_per_s[inside].mean() == pytest.approx(4, abs=0.5)
    assert not track.syllables_per_s[100:].any()


def test_tracks_join_on_one_grid() -> None:
    """Parts that follow one another become one track as long as both."""
    first = measure_prosody(vowel(120, 0.505), RATE_HZ, 0.0, [0.2], [])
    second = measure_prosody(vowel(200, 0.5), RATE_HZ, 0.505, [0.7], [])
    joined = join_tracks([first, second])

    assert len(joined.f0_hz) == pytest.approx(1.005 / FRAME_S, abs=1)
    assert np.median(joined.f0_hz[5:45]) == pytest.approx(120, rel=0.03)
    assert np.median(joined.f0_hz[58:95]) == pytest.approx(200, rel=0.03)


def test_periods_of_a_long_sound_take_little_memory() -> None:
    """Pitch is looked for block by block: two minutes of sound need less than twice their own size besides it."""
    sound = np.tile(vowel(120), 120)
    tracemalloc.start()
    periods = pitch_periods(sound, RATE_HZ)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(periods) == 24_000
    assert peak < 4 * sound.nbytes
