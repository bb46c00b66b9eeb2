"""`make demo`: NASA's portrait of Eileen Collins speaks; writes out/demo.mp4 and its contact sheet out/demo.png.

The portrait (public domain) ships with scikit-image.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import skimage.data

from benchmarks.pictures import save_sheet

TEXT = (
    "Give me one photograph and one sentence, and I will speak for you, "
    "with my lips, my eyes, and just a little movement of my head."
)
VOICE = "festival-slt-hts"
"""The best woman's voice for a woman's face."""

OUTPUT = Path("out")


def main() -> int:
    """Makes the film with the `visage` command, then the sheet; returns the command's exit status."""
    OUTPUT.mkdir(exist_ok=True)
    video, sheet = OUTPUT / "demo.mp4", OUTPUT / "demo.png"
    with tempfile.TemporaryDirectory() as folder:
        portrait = Path(folder) / "astronaut.png"
        cv2.imwrite(str(portrait), cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR))
        command = [sys.executable, "-m", "visage.cli", "talk", str(portrait), "--text", TEXT, "-o", str(video)]
        status = subprocess.run([*command, "--voice", VOICE], check=False).returncode
        if status != 0:
            print(f"{VOICE} did not speak; trying the best voice that is installed here")
            status = subprocess.run(command, check=False).returncode
    if status == 0:
        save_sheet(video, sheet)
        print(f"{video} and {sheet} are written")
    return status


if __name__ == "__main__":
    sys.exit(main())
