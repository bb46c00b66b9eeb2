"""Measures the served ONNX file on voices it never heard and on human speech, beside two rules without training.

    python -m models.lip_sync.evaluate build/lip_sync [--recordings FOLDER]

The reference of a synthetic voice is its exact phone times; that of human speech a forced alignment by pocketsphinx.
Both become curves by the same coarticulation, so a correlation says how well the network hears phones and times, not
how well it would match a filmed face. Human recordings are for evaluation only and never part of the corpus.
"Network + posteriors" is what viewers see: lips that the posteriors of p, b and m say are together, are together.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.lip_sync import baselines
from models.lip_sync.alignment import TRANSCRIPTS, align, read_recording
from models.lip_sync.augment import load_voice
from models.lip_sync.corpus import FRAME_RATE_HZ, VALIDATION_MINUTES, frame_classes
from models.lip_sync.export import MODEL_FILE
from models.lip_sync.scores import Spoken, score
from models.lip_sync.windows import HOP, Array, Run, answer
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
    for name, transcript in TRANSCRIPTS.items():
        file = folder / f"{name}.wav"
        if file.exists():
            pcm = read_recording(file)
            phones = align(pcm, transcript)
            frame_count = len(pcm) // HOP
            curves = articulate_lower_face(phones, frame_count, FRAME_RATE_HZ)
            recordings.append((pcm, curves, frame_classes(phones, frame_count)))
    return recordings


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


def print_table(rows: list[tuple[str, str, dict[str, float]]]) -> None:
    """A Markdown table, one line per method and set."""
    columns = list(rows[0][2])
    print(f"| set | method | {' | '.join(columns)} |\n|---|---|{'---|' * len(columns)}")
    for recordings, method, figures in rows:
        cells = (f"{figures[name]:.{0 if name == 'bilabials' else 2}f}" if name in figures else "–" for name in columns)
        print(f"| {recordings} | {method} | {' | '.join(cells)} |")


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where the corpus lies")
    parser.add_argument("--file", type=Path, default=MODEL_FILE)
    fixtures = Path(os.environ.get("VISAGE_FIXTURES", "../shared/fixtures"))
    parser.add_argument("--recordings", type=Path, default=fixtures / "speech", help="human speech")
    arguments = parser.parse_args()
    sets = {name: held_out(arguments.folder / f"{name}.npz") for name in VALIDATION_MINUTES}
    if people := human(arguments.recordings):
        sets["human"] = people
    run, maps = open_model(arguments.file), baselines.fit(arguments.folder)
    rows = []
    for name, recordings in sets.items():
        rows += [(name, method, figures) for method, figures in network_scores(run, recordings).items()]
        rows += [(name, rule, rule_scores(rule, maps, recordings)) for rule in baselines.FEATURES]
    print_table(rows)


if __name__ == "__main__":
    main()
