"""`make sheets`: contact sheets in out/sheets, of every photo of the test media and of performances on some of them.

Without test media beside this folder: the astronaut's sheets alone.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import cv2

from benchmarks.performances import Performance, seen, spoken, strip
from benchmarks.quality.face_models import FaceWatch
from benchmarks.quality.subjects import Portrait, Stage, fixtures, photos, portrait_of
from models.renderer.contact_sheets import SHEETS
from models.renderer.rendering import OpenVinoRenderer, model_path

OUTPUT = Path("out") / "sheets"
PERFORMERS: Final = ("s0", "s9", "s12")
FILMS: Final = ("d0", "d18", "d19")
EMOTIONS: Final = ("anger", "joy")
RECORDING: Final = "Claire_neutral.wav"


async def draw() -> None:
    """Writes one PNG per photo and sheet, and one per performance, and prints their paths."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    watch, renderer = FaceWatch(), OpenVinoRenderer(model_path().read_bytes())
    portraits = [await portrait_of(name, photo, watch) for name, photo in photos().items()]
    for portrait in portraits:
        for sheet, drawing in SHEETS.items():
            _write(f"{portrait.name}_{sheet}", drawing(renderer, portrait.tensors))
    folder = fixtures()
    if folder is None:
        print("No test media beside this folder: the astronaut alone.")
        return
    await draw_performances(folder, [portrait for portrait in portraits if portrait.name in PERFORMERS], watch)


async def draw_performances(folder: Path, portraits: list[Portrait], watch: FaceWatch) -> None:
    """Writes one PNG per performance: speech, speech with emotions, films."""
    stage = Stage()
    recording = folder / "speech" / RECORDING
    performances: list[Performance] = [await spoken("speech", recording)]
    performances += [await spoken(emotion, recording, emotion) for emotion in EMOTIONS]
    performances += [await seen(name, folder / "videos" / f"{name}.mp4", watch.models) for name in FILMS]
    for performance in performances:
        _write(f"performance_{performance.name}", strip(performance, portraits, stage))


def _write(name: str, picture: cv2.typing.MatLike) -> None:
    target = OUTPUT / f"{name}.png"
    cv2.imwrite(str(target), picture[..., ::-1])
    print(target)


if __name__ == "__main__":
    asyncio.run(draw())
