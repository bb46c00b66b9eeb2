"""Emotions: are they told apart, do the lips still meet, what is heard in voices, and what does it cost?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np
import skimage.data
import soundfile
from numpy.typing import NDArray
from rich.table import Table

from benchmarks.animation.emotion_figures import closures, separation
from benchmarks.animation.fit_voice_emotion import heard
from benchmarks.animation.held_mouths import held
from benchmarks.animation.styled_voices import HELD_OUT, styled_clips
from benchmarks.quality.closure import open_pixels, paint_inside
from benchmarks.quality.face_models import FaceWatch
from benchmarks.quality.subjects import Stage, fixtures, portrait_of
from visage.animation.controls import Controls, EmotionKey
from visage.animation.performance import Performance
from visage.animation.rhythm import LOOK_AHEAD_TICKS
from visage.animation.ticks import SAMPLE_RATE_HZ, TICK_RATE_HZ, TICK_SAMPLES
from visage.animation.voice_emotion import VoiceEmotion
from visage.animation.voice_features import MARGIN_SAMPLES, voice_features
from visage.media.arkit import CURVE_COUNT
from visage.media.emotions import EMOTION_INDEX, EMOTIONS

Sound = tuple[NDArray[np.float32], NDArray[np.float32]]

_HEARD: Final = ("joy", "anger", "sadness")
_STYLES: Final = ("neutral", "joy", "anger", "sadness", "fear", "surprise")
_CLIPS: Final = 3
_SETTLED_TICKS: Final = 150
_HOP_TICKS: Final = 10
_COST_S: Final = 60


def tables() -> Iterator[Table]:
    """Yields the tables, slowest last."""
    yield separation_table()
    yield closure_table()
    yield cost_table()
    yield heard_table()


def separation_table() -> Table:
    """Nearest centroid over windows of 1.5 s; other words and seeds than those of the centroids."""
    found = {weight: separation(range(4), range(10, 14), weight) for weight in (1.0, 0.5)}
    full = found[1.0]
    title = "Emotions told apart by the mean curves of 1.5 s of speech"
    made = Table("emotion", "recognised at 1", "recognised at 0.5", "nearest other", "distance", title=title)
    for row, name in enumerate(full.classes):
        distance = full.distance[row].copy()
        distance[row] = np.inf
        shares = [item.confusion[row, row] / item.confusion[row].sum() for item in found.values()]
        nearest = int(distance.argmin())
        made.add_row(name, *(f"{share:.0%}" for share in shares), full.classes[nearest], f"{distance[nearest]:.2f}")
    made.add_section()
    made.add_row("all", *(f"{item.accuracy:.1%}" for item in found.values()))
    return made


def closure_table() -> Table:
    """Lips under each emotion at 1, by curves over two minutes' worth of words and by the pixels of a held m."""
    pixels = asyncio.run(_shown_inside())
    title = "The speaking mouth under emotions at 1 (the worst of four texts), against the same words without"
    made = Table(
        "emotion", "p b m further open", "f v further from the teeth", "rounding kept", "jaw", "pixels inside an m",
        title=title,
    )  # fmt: skip
    for name in EMOTIONS:
        found = [closures(name, seed) for seed in range(20, 24)]
        made.add_row(
            name,
            f"{max(item.lips for item in found):.3f}",
            f"{max(item.bite for item in found):.3f}",
            f"{min(item.rounding for item in found):.2f}",
            f"{np.mean([item.jaw for item in found]):.2f}",
            str(pixels[name]),
        )
    return made


def cost_table() -> Table:
    """Processor time of a second of a stream, in this process."""
    joy = Controls(emotion_keys=(EmotionKey(0.0, {"joy": 1.0}),))
    made = Table("part", "ms per second", "streams per core", title="Processor time of emotion and life")
    parts: dict[str, Callable[[], None]] = {
        "life, neutral": lambda: _perform(Controls()),
        "life and an emotion": lambda: _perform(joy),
        "hearing emotions": _listen,
    }
    for name, work in parts.items():
        work()
        before_s = time.process_time()
        work()
        spent_ms = 1000 * (time.process_time() - before_s) / _COST_S
        made.add_row(name, f"{spent_ms:.2f}", f"{1000 / spent_ms:.0f}")
    return made


def heard_table() -> Table:
    """Mean weights that are heard: in held-out voices that go on in a style after 20 s without, and in people."""
    title = "Emotions heard (mean weight at detected_emotion_mix = 1)"
    made = Table("voice", "says", *_HEARD, title=title)
    for row in asyncio.run(_heard_styles()):
        made.add_row(*row)
    made.add_section()
    for row in _heard_people():
        made.add_row(*row)
    return made


async def _shown_inside() -> dict[str, int]:
    """Pixels of the mouth's inside in an m that is held, by emotion, on the astronaut."""
    watch, stage = FaceWatch(), Stage()
    portrait = await portrait_of("astronaut", np.asarray(skimage.data.astronaut(), np.uint8), watch)
    frames = [held(emotion, "m") for emotion in EMOTIONS]
    curves, poses = (np.stack(rows) for rows in zip(*frames, strict=True))
    shown = open_pixels(stage.render(portrait, curves, poses, **paint_inside(portrait)))
    return dict(zip(EMOTIONS, shown.tolist(), strict=True))


async def _heard_styles() -> list[Sequence[str]]:
    clips: dict[tuple[str, str], list[Sound]] = {}
    async for clip in styled_clips(_STYLES, _CLIPS, HELD_OUT):
        clips.setdefault((clip.voice, clip.style), []).append(heard(clip.samples))
    rows = []
    for (voice, style), sounds in clips.items():
        neutral = clips[voice, "neutral"]
        weights = [
            _weights(neutral[(number + 1) % _CLIPS], neutral[(number + 2) % _CLIPS], sound)[_SETTLED_TICKS:]
            for number, sound in enumerate(sounds)
        ]
        rows.append((voice, style, *_means(np.concatenate(weights))))
    return rows


def _heard_people() -> Iterator[Sequence[str]]:
    folder = fixtures()
    for path in sorted((folder / "speech").glob("*.wav")) if folder else ():
        samples, _ = soundfile.read(path, dtype="float32")
        person, _, mood = path.stem.partition("_")
        yield person, mood, *_means(_weights(heard(samples)))


def _weights(*sounds: Sound) -> NDArray[np.float32]:
    """[ticks, 10] weights while the last sound is heard."""
    ear = VoiceEmotion()
    return [ear.advance(features, speech) for features, speech in sounds][-1]


def _means(weights: NDArray[np.float32]) -> list[str]:
    return [f"{weights[:, EMOTION_INDEX[name]].mean():.2f}" for name in _HEARD]


def _perform(controls: Controls) -> None:
    performance, count = Performance(controls), _COST_S * TICK_RATE_HZ
    ticks = np.arange(count + LOOK_AHEAD_TICKS)
    speech = (ticks % 150 < 110).astype(np.float32)
    levels = np.where(speech > 0, -24 + 6 * np.sin(ticks * 0.35), -90).astype(np.float32)
    mouth = np.random.default_rng(0).random((count, CURVE_COUNT), np.float32) * 0.3
    for start in range(0, count, _HOP_TICKS):
        stop = start + _HOP_TICKS
        performance.advance(mouth[start:stop], speech[start:stop], levels[start : stop + LOOK_AHEAD_TICKS])


def _listen() -> None:
    ear, speech, voice = VoiceEmotion(), np.ones(_HOP_TICKS, np.float32), _hum()
    step = _HOP_TICKS * TICK_SAMPLES
    for start in range(0, len(voice) - step - 2 * MARGIN_SAMPLES + 1, step):
        ear.advance(voice_features(voice[start : start + step + 2 * MARGIN_SAMPLES]), speech)


@cache
def _hum() -> NDArray[np.int16]:
    """A minute of a voice that rises and falls."""
    time_s = np.arange(_COST_S * TICK_RATE_HZ * TICK_SAMPLES + 2 * MARGIN_SAMPLES) / SAMPLE_RATE_HZ
    pitch = 2 * np.pi * np.cumsum(140 + 20 * np.sin(2 * np.pi * time_s)) / SAMPLE_RATE_HZ
    return np.asarray(6000 * np.sin(pitch) * (1 + 0.5 * np.sin(8 * np.pi * time_s)), np.int16)
