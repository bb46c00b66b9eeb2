"""Builds the training corpus: synthesised speech with, for each 20 ms, the face that its phones ask for.

    python -m models.lip_sync.corpus build/lip_sync [--scale 1.0]

Writes one .npz per voice: `pcm` int16 [samples at 16 kHz], `curves` float16 [frames, 17] and `phones` uint8 [frames]
at 50 Hz, frame j centred at (j + 0.5) * 20 ms, and `starts` int64 [utterances + 1], the first frame of each utterance.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import resample_poly

from models.lip_sync.festival_voices import FESTIVAL_VOICES, FestivalVoice
from models.lip_sync.piper import Piper, voice_file
from models.lip_sync.resynthesis import random_style, speak_again
from models.lip_sync.texts import Texts
from models.lip_sync.voices import FLITE_PITCH_HZ, Espeak, Flite, Utterance, speak_with_festival
from visage.media.coarticulation import articulate_lower_face
from visage.media.phones import PHONE_INDEX, TimedPhone

SAMPLE_RATE_HZ = 16000
FRAME_RATE_HZ = 50
HOP = SAMPLE_RATE_HZ // FRAME_RATE_HZ
# Slowest and fastest playback: pitch and formants move together, as between large and small speakers.
SPEEDS = (0.84, 1.22)
FESTIVAL_BATCH = 40

# Minutes of speech per voice. The validation voices are never trained on: another speaker and another technique.
TRAINING_MINUTES = {
    "espeak": 150,
    "flite_slt": 30,
    "flite_rms": 30,
    "flite_awb": 30,
    "flite_kal16": 12,
    "festival_kal": 8,
    "festival_italian_lp": 10,
    "festival_italian_pc": 10,
    "festival_finnish_lj": 10,
    "festival_finnish_mv": 10,
    "festival_czech_dita": 12,
    "festival_czech_krb": 10,
    "festival_czech_machac": 12,
    "festival_czech_ph": 10,
    "festival_russian_nsh": 20,
    "festival_hindi_nsk": 8,
    "festival_telugu_nsk": 8,
    "piper_joe": 50,
    "again": 90,
}
# Another technique and speaker; another speaker; another language, technique and speaker.
VALIDATION_MINUTES = {"held_out_hts": 4, "held_out_ked": 4, "held_out_catalan": 4}
# Whose speech WORLD speaks again, in which share.
SPOKEN_AGAIN = {"piper_joe": 40, "flite_slt": 12, "flite_rms": 12, "flite_awb": 12, "festival_russian_nsh": 12}
SPOKEN_AGAIN |= {"festival_czech_dita": 4, "festival_czech_krb": 4, "festival_czech_machac": 4}
ENGLISH_ACCENTS = ("en-us", "en-us", "en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-gb-x-gbclan")
LANGUAGES = ("de", "fr", "es", "it", "pt-br", "nl", "sv", "pl", "fi", "tr", "hu", "ro", "ru", "ja", "ko")
LANGUAGES += ("cmn-latn-pinyin", "de", "fr", "es")
ESPEAK_VARIANTS = tuple(
    f"+{variant}"
    for variant in (
        *(f"m{number}" for number in range(1, 9)),
        *(f"f{number}" for number in range(1, 6)),
        *("klatt2", "klatt4", "Alex", "Alicia", "Andrea", "Andy", "Annie", "belinda", "benjamin", "boris", "caleb"),
        *("david", "ed", "edward", "Gene", "grandma", "grandpa", "ian", "iven", "john", "linda", "Lee", "marcelo"),
        *("Mario", "max", "Michael", "michel", "miguel", "Mike", "norbert", "pablo", "paul", "pedro", "quincy"),
        *("rob", "sandro", "shelby", "steph", "steph2", "travis", "victor", "zac", "adam", "anika", "antonio"),
        *("Denis", "Diogo", "Hugo", "Jacky", "kaukovalta", "Marco", "aunty"),
    )
)

Random = np.random.Generator


def random_speed(random: Random) -> float:
    """A playback speed, uniform in its logarithm."""
    return float(np.exp(random.uniform(*np.log(SPEEDS))))


def espeak_utterances(random: Random, texts: Texts) -> Iterator[tuple[Utterance, float]]:
    """Endless utterances of espeak-ng in many accents, languages and timbres, with playback speeds."""
    with Espeak() as espeak:
        while True:
            speed = random_speed(random)
            if random.random() < 0.6:
                language, text = str(random.choice(ENGLISH_ACCENTS)), texts.english()
            else:
                language = str(random.choice(LANGUAGES))
                text = texts.invented(language)
            voice = language + str(random.choice(["", *ESPEAK_VARIANTS]))
            rate_wpm = random.uniform(115, 215) / speed**0.8
            pitch, pitch_range = int(random.integers(15, 81)), int(random.integers(20, 91))
            yield espeak.speak(text, voice, rate_wpm, pitch, pitch_range), speed


def flite_utterances(voice: str, random: Random, texts: Texts) -> Iterator[tuple[Utterance, float]]:
    """Endless utterances of one flite voice with varied tempo, pitch and liveliness."""
    flite = Flite(voice)
    while True:
        speed = random_speed(random)
        pitch_hz = FLITE_PITCH_HZ[voice] * random.uniform(0.8, 1.25)
        stretch = random.uniform(0.78, 1.25) * speed
        yield flite.speak(texts.english(), stretch, pitch_hz, random.uniform(8, 35)), speed


def festival_utterances(
    voice: FestivalVoice, random: Random, texts: Texts, *, varied: bool
) -> Iterator[tuple[Utterance, float]]:
    """Endless utterances of one festival voice."""
    language = voice.language
    while True:
        sentences = [texts.invented(language) if language else texts.english() for _ in range(FESTIVAL_BATCH)]
        stretches = random.uniform(0.8, 1.3, FESTIVAL_BATCH) if varied else np.ones(FESTIVAL_BATCH)
        with tempfile.TemporaryDirectory() as folder:
            utterances = speak_with_festival(voice, sentences, stretches.tolist(), Path(folder))
        if not utterances:
            raise RuntimeError(f"festival speaks nothing with {voice.selector}")
        for utterance in utterances:
            yield utterance, random_speed(random) if varied else 1.0


def piper_utterances(random: Random, texts: Texts) -> Iterator[tuple[Utterance, float]]:
    """Endless utterances of the Piper voice."""
    with Espeak() as espeak:
        piper = Piper(voice_file(), espeak)
        while True:
            speed = random_speed(random)
            stretch = random.uniform(0.75, 1.25) * speed
            yield piper.speak(texts.english(), stretch, random.uniform(0.4, 0.9)), speed


def utterances_spoken_again(random: Random, texts: Texts) -> Iterator[tuple[Utterance, float]]:
    """Endless utterances of several voices, each in another style of `models.lip_sync.resynthesis`."""
    sources = {name: utterances_of(name, random, texts) for name in SPOKEN_AGAIN}
    names, shares = list(SPOKEN_AGAIN), np.array(list(SPOKEN_AGAIN.values()), float)
    while True:
        utterance, speed = next(sources[str(random.choice(names, p=shares / shares.sum()))])
        ratio = Fraction(SAMPLE_RATE_HZ, utterance.sample_rate_hz)
        pcm = resample_poly(utterance.pcm.astype(np.float64) / 32768, ratio.numerator, ratio.denominator)
        spoken = speak_again(pcm, random_style(random), random)
        # The style has its own throat, so half the utterances keep their speed.
        kept = random.random() < 0.5
        yield Utterance((spoken * 32767).astype(np.int16), SAMPLE_RATE_HZ, utterance.phones), 1.0 if kept else speed


def utterances_of(name: str, random: Random, texts: Texts) -> Iterator[tuple[Utterance, float]]:
    """The endless utterances of one entry of the minutes tables."""
    if name == "espeak":
        return espeak_utterances(random, texts)
    if name == "piper_joe":
        return piper_utterances(random, texts)
    if name == "again":
        return utterances_spoken_again(random, texts)
    if name in FESTIVAL_VOICES:
        return festival_utterances(FESTIVAL_VOICES[name], random, texts, varied=name in TRAINING_MINUTES)
    return flite_utterances(name.removeprefix("flite_"), random, texts)


def effort_of(pcm: NDArray[np.float64]) -> NDArray[np.float32]:
    """[frames] how far louder syllables open the mouth: level over a quarter second against the loud ones."""
    frames = pcm[: len(pcm) // HOP * HOP].reshape(-1, HOP)
    power = uniform_filter1d(np.mean(frames**2, axis=1), 13) + 1e-9
    level_db = 10 * np.log10(power)
    return np.clip(1 + 0.02 * (level_db - np.percentile(level_db, 80)), 0.72, 1.15).astype(np.float32)


def frame_classes(phones: list[TimedPhone], frame_count: int) -> NDArray[np.uint8]:
    """[frames] index of the phone that sounds at the middle of each frame."""
    classes = np.full(frame_count, PHONE_INDEX["sil"], np.uint8)
    time_s = (np.arange(frame_count) + 0.5) / FRAME_RATE_HZ
    for phone in phones:
        classes[(time_s >= phone.start_s) & (time_s < phone.end_s)] = PHONE_INDEX[phone.phone]
    return classes


def example(utterance: Utterance, speed: float) -> tuple[NDArray[np.int16], NDArray[np.float16], NDArray[np.uint8]]:
    """PCM at 16 kHz played at `speed`, with its curves [frames, 17] and classes [frames]."""
    ratio = Fraction(SAMPLE_RATE_HZ / (utterance.sample_rate_hz * speed)).limit_denominator(200)
    pcm = resample_poly(utterance.pcm.astype(np.float64) / 32768, ratio.numerator, ratio.denominator)
    stretch = float(ratio) * utterance.sample_rate_hz / SAMPLE_RATE_HZ
    phones = [
        TimedPhone(
            phone.phone,
            phone.start_s * stretch,
            phone.end_s * stretch,
            phone.stress,
            None if phone.release_s is None else phone.release_s * stretch,
        )
        for phone in utterance.phones
    ]
    frame_count = len(pcm) // HOP
    curves = articulate_lower_face(phones, frame_count, FRAME_RATE_HZ, effort=effort_of(pcm))
    scaled = pcm[: frame_count * HOP] / (np.abs(pcm).max() + 1e-6) * 0.9 * 32767
    return scaled.astype(np.int16), curves.astype(np.float16), frame_classes(phones, frame_count)


def build_voice(name: str, minutes: float, file: Path, make: Callable[[], Iterator[tuple[Utterance, float]]]) -> None:
    """Collect `minutes` of examples of one voice into `file`."""
    wanted = int(minutes * 60 * FRAME_RATE_HZ)
    examples = []
    frame_count = 0
    for utterance, speed in make():
        if len(utterance.pcm) < utterance.sample_rate_hz // 2:
            continue
        examples.append(example(utterance, speed))
        frame_count += len(examples[-1][2])
        if frame_count >= wanted:
            break
    pcm, curves, classes = (np.concatenate(parts) for parts in zip(*examples, strict=True))
    starts = np.cumsum([0, *(len(part[2]) for part in examples)])
    np.savez(file, pcm=pcm, curves=curves, phones=classes, starts=starts)
    print(f"{name}: {len(examples)} utterances, {frame_count / FRAME_RATE_HZ / 60:.1f} min", flush=True)


def main() -> None:
    """Build all voices that are not built yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the minutes of each training voice")
    parser.add_argument("--only", nargs="+", default=[], metavar="VOICE", help="these voices instead of all")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    plan = [(name, minutes * arguments.scale) for name, minutes in TRAINING_MINUTES.items()]
    plan += list(VALIDATION_MINUTES.items())
    started = time.monotonic()
    for seed, (name, minutes) in enumerate(plan):
        file = arguments.folder / f"{name}.npz"
        if not file.exists() and name in (arguments.only or [name]):
            random, texts = np.random.default_rng(seed), Texts(seed)
            build_voice(name, minutes, file, lambda n=name, r=random, t=texts: utterances_of(n, r, t))
    print(f"corpus ready after {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
