"""Fits the model of `visage.animation.voice_emotion` to styled voices, and compares it with rules.

`python -m benchmarks.animation.fit_voice_emotion` prints the comparison and the weights; about two minutes of one core.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize

from benchmarks.animation.styled_voices import HELD_OUT, styled_clips
from visage.animation.ticks import TICK_SAMPLES
from visage.animation.voice_emotion import CLASSES, ORDINARY
from visage.animation.voice_features import MARGIN_SAMPLES, voice_features
from visage.animation.voice_statistics import UPDATE_TICKS, VoiceStatistics
from visage.media.pcm import FloatPcm, to_int16

Array = NDArray[np.float64]
Model = Callable[[Array], Array]

CLIPS_PER_VOICE: Final = 7
# Looks at the window of a clip that are left out: they still hold what came before.
_SETTLING_LOOKS: Final = 15
_PENALTY: Final = 1e-3
_NOISY_COPIES: Final = 6
_SPEECH_BELOW_LOUDEST_DB: Final = 28.0
_GAP_TICKS: Final = 8


@dataclass(frozen=True, eq=False)
class Looks:
    """rises: [looks, 8] in units of `ORDINARY`; labels: index into `CLASSES`; held_out: voice was not fitted to."""

    rises: Array
    labels: NDArray[np.intp]
    held_out: NDArray[np.bool_]


def heard(samples: FloatPcm) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """[ticks, 4] features and [ticks] speech of whole steps of a recording."""
    ticks = len(samples) // (UPDATE_TICKS * TICK_SAMPLES) * UPDATE_TICKS
    silence = np.zeros(MARGIN_SAMPLES, np.int16)
    features = voice_features(np.concatenate([silence, to_int16(samples[: ticks * TICK_SAMPLES]), silence]))
    loud = features[:, 2] > max(float(np.percentile(features[:, 2], 95)) - _SPEECH_BELOW_LOUDEST_DB, -58.0)
    speech = np.array([loud[max(0, tick - _GAP_TICKS) : tick + 1].any() for tick in range(ticks)], np.float32)
    return features, speech


async def collect() -> Looks:
    """Each voice speaks neutrally and goes on in each of the styles."""
    clips: dict[str, dict[str, list[tuple[NDArray[np.float32], NDArray[np.float32]]]]] = {}
    async for clip in styled_clips(CLASSES, CLIPS_PER_VOICE):
        clips.setdefault(clip.voice, {}).setdefault(clip.style, []).append(heard(clip.samples))
    rises, labels, held_out = [], [], []
    for voice, styles in clips.items():
        for label, style in enumerate(CLASSES):
            for number, second in enumerate(styles[style]):
                first = styles["neutral"][(number + 1) % CLIPS_PER_VOICE]
                found = _rises(first, second)
                rises += found
                labels += [label] * len(found)
                held_out += [voice in HELD_OUT] * len(found)
    return Looks(np.array(rises) / ORDINARY, np.array(labels), np.array(held_out))


def _rises(*parts: tuple[NDArray[np.float32], NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Rises at the looks at the last part."""
    statistics, found = VoiceStatistics(), []
    for features, speech in parts:
        found = []
        for start in range(0, len(features), UPDATE_TICKS):
            step = slice(start, start + UPDATE_TICKS)
            look = statistics.update(features[step], speech[step])
            if look is not None:
                found.append(look[1])
    return found[_SETTLING_LOOKS:]


def fit(rises: Array, labels: NDArray[np.intp]) -> Array:
    """[9, 4] weights of a logistic model with all classes counted alike."""
    inputs = np.column_stack([rises, np.ones(len(rises))])
    wanted = np.eye(len(CLASSES))[labels]
    importance = (1 / wanted.mean(axis=0))[labels]
    importance /= importance.sum()

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(inputs.shape[1], -1)
        odds = _softmax(inputs @ weights)
        likelihood = -(importance * np.log((odds * wanted).sum(axis=1) + 1e-12)).sum()
        slope = inputs.T @ ((odds - wanted) * importance[:, None])
        slope[:-1] += 2 * _PENALTY * weights[:-1]
        return float(likelihood + _PENALTY * np.square(weights[:-1]).sum()), slope.ravel()

    start = np.zeros(inputs.shape[1] * len(CLASSES))
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x.reshape(inputs.shape[1], -1))


def rules(rises: Array) -> Array:
    """[looks, 4] of a rule: the mean rise is arousal; brightness that outgrows pitch is anger, else joy."""
    arousal = rises[:, [0, 1, 3, 5, 6]] @ np.array([0.3, 0.2, 0.2, 0.15, 0.15])
    up, down = _sigmoid(5 * (arousal - 0.5)), _sigmoid(5 * (-arousal - 0.5))
    anger = _sigmoid(2 * (rises[:, 6] - rises[:, 0]))
    return np.column_stack([np.clip(1 - up - down, 0, 1), up * (1 - anger), up * anger, down])


def accuracy(model: Model, looks: Looks, chosen: NDArray[np.bool_], noise: float) -> float:
    """Mean share of looks that are recognised, over classes, with `noise` times a person's ups and downs added."""
    rises = looks.rises + noise * np.random.default_rng(1).normal(size=looks.rises.shape)
    guesses = model(rises[chosen]).argmax(axis=1)
    labels = looks.labels[chosen]
    return float(np.mean([np.mean(guesses[labels == label] == label) for label in range(len(CLASSES))]))


def models(looks: Looks) -> dict[str, Model]:
    """Rules, a model fitted to voices as they are, and one fitted with a person's ups and downs."""
    rises, labels = looks.rises[~looks.held_out], looks.labels[~looks.held_out]
    rng = np.random.default_rng(0)
    noisy = np.concatenate([rises + rng.normal(size=rises.shape) for _ in range(_NOISY_COPIES)])
    plain, careful = fit(rises, labels), fit(noisy, np.tile(labels, _NOISY_COPIES))
    return {"rules": rules, "logistic": _logistic(plain), "logistic, with ups and downs": _logistic(careful)}


def table(looks: Looks, named: dict[str, Model]) -> Table:
    """The comparison."""
    made = Table(
        "model", "fitted voices", "held-out voices", "held-out, ups and downs added", title="Styles recognised"
    )
    for name, model in named.items():
        figures = (
            accuracy(model, looks, ~looks.held_out, 0.0),
            accuracy(model, looks, looks.held_out, 0.0),
            accuracy(model, looks, looks.held_out, 1.0),
        )
        made.add_row(name, *(f"{figure:.3f}" for figure in figures))
    return made


def main() -> None:
    """Fits, compares and prints."""
    looks = asyncio.run(collect())
    named = models(looks)
    Console(width=120).print(table(looks, named))
    careful = named["logistic, with ups and downs"]
    identity = np.concatenate([np.zeros((1, 8)), np.eye(8)])
    logits = np.log(careful(identity))
    constant = logits[0] - logits[0].mean()
    slopes = logits[1:] - logits[1:].mean(axis=1, keepdims=True) - constant
    for row in np.vstack([slopes, constant]):
        print("    (" + ", ".join(f"{value:.3f}" for value in row) + "),")


def _logistic(weights: Array) -> Model:
    return lambda rises: _softmax(rises @ weights[:-1] + weights[-1])


def _softmax(logits: Array) -> Array:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _sigmoid(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-values)))


if __name__ == "__main__":
    main()
