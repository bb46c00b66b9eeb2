"""Measures the served ONNX file on voices it never heard and on human speech, beside two rules without training.

    python -m models.lip_sync.evaluate build/lip_sync [--recordings FOLDER]

The reference of a synthetic voice is its exact phone times; that of human speech a forced alignment by pocketsphinx.
Both become curves by the same coarticulation, so a correlation says how well the network hears phones and times, not
how well it would match a filmed face. Human recordings are for evaluation only and never part of the corpus.
"Network + posteriors" is what viewers see: lips that the posteriors of p, b and m say are together, are together.

Whispers, breathlessness and shouts are made of the same speech by `models.lip_sync.styles`; telephone, room and noise
by filters and seeded noise.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from models.lip_sync import baselines
from models.lip_sync.alignment import EXCERPTS, align, read_recording
from models.lip_sync.augment import load_voice
from models.lip_sync.corpus import FRAME_RATE_HZ, frame_classes
from models.lip_sync.scores import Spoken, score
from models.lip_sync.styles import SAMPLE_RATE_HZ, Signal, breathless, shouted, whispered
from models.lip_sync.windows import HOP, MODEL_FILE, Array, Run, answer
from visage.media.articulation import EXPANSION, LOWER_FACE_INDEX
from visage.media.coarticulation import articulate_lower_face
from visage.media.phones import BILABIALS, PHONE_INDEX

# Each ARKit curve is fed by one of the 17, so the transpose with its rows made means takes the expansion back.
CONTRACTION = (EXPANSION / EXPANSION.sum(axis=1, keepdims=True)).T

# As the animation service completes closures.
_CLOSING_GAIN, _CLOSING_POWER = 1.6, 0.8
_BILABIAL_COLUMNS = [PHONE_INDEX[phone] for phone in sorted(BILABIALS)]
_LIP_RAISERS = [LOWER_FACE_INDEX["MouthLowerDown"], LOWER_FACE_INDEX["MouthUpperUp"]]

Recording = tuple[NDArray[np.int16], Array, NDArray[np.integer]]
"""PCM at 16 kHz, reference curves [T, 17] and classes [T]."""
Row = tuple[str, str, dict[str, float]]
"""Set, method and figures."""

VOICES = {"held_out_hts": "festival HTS", "held_out_ked": "festival ked", "held_out_catalan": "festival Catalan"}
PEOPLE = "people"
RECORDINGS = Path(os.environ.get("VISAGE_FIXTURES", "../shared/fixtures")) / "speech"
# Figure → digits shown.
COLUMNS = {"jaw": 2, "opening": 2, "rounding": 2, "bilabials": 0, "closed": 2, "falsely closed": 2, "lag (frames)": 0}
COLUMNS |= {"phones": 2, "visemes": 2}


def open_model(file: Path) -> Run:
    """The served model in ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(pcm: NDArray[np.int16]) -> tuple[Array, Array]:
        curves, posteriors = session.run(["curves", "phonemes"], {"pcm": pcm})
        return curves, posteriors

    return run


def held_out(file: Path) -> list[Recording]:
    """The utterances of one validation voice."""
    voice = load_voice(file)
    starts = np.load(file)["starts"]
    return [
        (voice.pcm[first * HOP : last * HOP], voice.curves[first:last].astype(np.float32), voice.phones[first:last])
        for first, last in pairwise(starts)
    ]


def human(folder: Path) -> list[Recording]:
    """The recordings whose words are known, with forced alignment as reference."""
    recordings: list[Recording] = []
    for excerpt in EXCERPTS:
        file = folder / f"{excerpt.recording}.wav"
        if file.exists():
            pcm = read_recording(file, excerpt.start_s, excerpt.end_s)
            phones = align(pcm, excerpt.words)
            frame_count = len(pcm) // HOP
            curves = articulate_lower_face(phones, frame_count, FRAME_RATE_HZ)
            recordings.append((pcm, curves, frame_classes(phones, frame_count)))
    return recordings


def _white_noise(sound: Signal) -> Signal:
    """10 dB below the speech."""
    noise = np.random.default_rng(0).standard_normal(len(sound))
    return sound + noise * np.sqrt(np.mean(sound**2)) * 10**-0.5


def _room(sound: Signal) -> Signal:
    """Reverberation of 0.5 s, as strong as the direct sound."""
    time_s = np.arange(SAMPLE_RATE_HZ // 2) / SAMPLE_RATE_HZ
    tail = np.random.default_rng(0).standard_normal(len(time_s)) * 10 ** (-3 * time_s / 0.5)
    tail[: SAMPLE_RATE_HZ // 200] = 0
    tail /= np.sqrt(np.sum(tail**2))
    tail[0] = 1
    reverberant: Signal = fftconvolve(sound, tail)[: len(sound)]
    return reverberant


def _telephone(sound: Signal) -> Signal:
    """300 to 3400 Hz."""
    limited: Signal = sosfilt(butter(4, (300, 3400), "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), sound)
    return limited


def _quiet(sound: Signal) -> Signal:
    """30 dB quieter."""
    return sound * 10**-1.5


def _styled(style: Callable[[Signal, np.random.Generator], Signal]) -> Callable[[Signal], Signal]:
    return lambda sound: style(sound, np.random.default_rng(0))


STYLES = {"whispered": _styled(whispered), "breathless": _styled(breathless), "shouted": _styled(shouted)}
CHANNELS = {"noise 10 dB": _white_noise, "room 0.5 s": _room, "telephone": _telephone, "30 dB quieter": _quiet}


def changed(recordings: Iterable[Recording], change: Callable[[Signal], Signal]) -> list[Recording]:
    """The same words in another style or through a worse channel."""
    return [(_to_pcm(change(_from_pcm(pcm))), *rest) for pcm, *rest in recordings]


def _from_pcm(pcm: NDArray[np.int16]) -> Signal:
    return pcm.astype(np.float64) / 32768


def _to_pcm(sound: Signal) -> NDArray[np.int16]:
    loudest = float(np.abs(sound).max())
    return np.asarray(sound * (32767 / max(1.0, loudest)), np.int16)


def close_lips(curves: Array, posteriors: Array) -> Array:
    """[T, 17] curves with the closures that [T, 43] posteriors demand."""
    certainty = posteriors[:, _BILABIAL_COLUMNS].sum(axis=1)
    closing = np.clip(_CLOSING_GAIN * certainty**_CLOSING_POWER, 0, 1)
    closed = curves.copy()
    close, jaw = LOWER_FACE_INDEX["MouthClose"], LOWER_FACE_INDEX["JawOpen"]
    closed[:, close] = np.maximum(curves[:, close], closing * curves[:, jaw])
    closed[:, _LIP_RAISERS] *= (1 - closing)[:, None]
    return closed


def network_scores(run: Run, recordings: Iterable[Recording]) -> dict[str, dict[str, float]]:
    """Figures of the served model, alone and with closures completed."""
    alone, completed = [], []
    for pcm, reference, classes in recordings:
        curves, posteriors = answer(run, pcm)
        lower_face = curves @ CONTRACTION
        alone.append(Spoken(lower_face, reference, classes, posteriors))
        completed.append(Spoken(close_lips(lower_face, posteriors), reference, classes, posteriors))
    return {"network": score(alone), "network + posteriors": score(completed)}


def rule_scores(name: str, maps: dict[str, NDArray[np.float64]], recordings: Iterable[Recording]) -> dict[str, float]:
    """Figures of one rule."""
    return score([Spoken(baselines.predict(name, maps, pcm), ref, classes) for pcm, ref, classes in recordings])


def measure(run: Run, folder: Path, recordings: Path) -> Iterator[Row]:
    """The figures of all methods on all sets; rules are measured on undisturbed speech only.

    Args:
        run: The served model.
        folder: Where the corpus's held-out voices lie, and those that the rules are fitted to.
        recordings: Where recordings of people lie, or no folder.
    """
    maps = baselines.fit(folder)
    plain = {label: held_out(folder / f"{name}.npz") for name, label in VOICES.items()}
    if people := human(recordings):
        plain[PEOPLE] = people
    for name, speech in plain.items():
        yield from ((name, method, figures) for method, figures in network_scores(run, speech).items())
        yield from ((name, rule, rule_scores(rule, maps, speech)) for rule in baselines.FEATURES)
    for name in (VOICES["held_out_hts"], PEOPLE):
        speech = plain.get(name, [])
        for label, change in (STYLES | CHANNELS if name == PEOPLE else STYLES).items():
            if speech:
                scores = network_scores(run, changed(speech, change))
                yield from ((f"{name}, {label}", method, figures) for method, figures in scores.items())


def cells(figures: dict[str, float]) -> list[str]:
    """Figures of a row as text, in the order of `COLUMNS`."""
    return [f"{figures[name]:.{digits}f}" if name in figures else "-" for name, digits in COLUMNS.items()]


def main() -> None:
    """Read the command line, measure, print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where the corpus lies")
    parser.add_argument("--file", type=Path, default=MODEL_FILE)
    parser.add_argument("--recordings", type=Path, default=RECORDINGS, help="human speech")
    arguments = parser.parse_args()
    print(f"| set | method | {' | '.join(COLUMNS)} |\n|---|---|{'---|' * len(COLUMNS)}")
    for recordings, method, figures in measure(open_model(arguments.file), arguments.folder, arguments.recordings):
        print(f"| {recordings} | {method} | {' | '.join(cells(figures))} |", flush=True)


if __name__ == "__main__":
    main()
