"""`make sheets`: contact sheets of every photo of the test media, or of the astronaut alone, in out/sheets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cv2

from benchmarks.quality.face_models import FaceWatch
from benchmarks.quality.subjects import fixtures, photos, portrait_of
from models.renderer.contact_sheets import SHEETS
from models.renderer.rendering import OpenVinoRenderer, model_path

OUTPUT = Path("out") / "sheets"


async def draw() -> None:
    """Writes one PNG per photo and sheet, and prints their paths."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    if fixtures() is None:
        print("No test media beside this folder: the astronaut alone.")
    watch, renderer = FaceWatch(), OpenVinoRenderer(model_path().read_bytes())
    for name, photo in photos().items():
        portrait = await portrait_of(name, photo, watch)
        for sheet, drawing in SHEETS.items():
            target = OUTPUT / f"{name}_{sheet}.png"
            cv2.imwrite(str(target), drawing(renderer, portrait.tensors)[..., ::-1])
            print(target)


if __name__ == "__main__":
    asyncio.run(draw())
