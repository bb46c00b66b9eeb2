"""Installs festival and its HTS voice into the project's cache folder where the system lacks them; needs no root.

`python -m visage.speech.engines.festival_install` works like `flite_install`. Without apt or a mirror this
voice is absent.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from visage.runtime.debian_install import Bundle, install_command, run_probe

VOICE: Final = "cmu_us_slt_arctic_hts"
_PACKAGES: Final = ("festival", "festlex-cmu", "festlex-poslex", "festvox-us-slt-hts")


def festival_command(program_folder: Path | None) -> list[str]:
    """Returns the command that starts festival, from the unpacked /usr/bin or from the system's own places."""
    if program_folder is None:
        return [shutil.which("festival") or "/usr/bin/festival"]
    usr = program_folder.parent
    folders = ["--libdir", str(usr / "lib" / "festival"), "--datadir", str(usr / "share" / "festival")]
    return [str(program_folder / "festival"), *folders]


def festival_environment(program_folder: Path | None) -> dict[str, str]:
    """Returns the variables that festival needs to find its unpacked libraries."""
    if program_folder is None:
        return {}
    root = program_folder.parent.parent
    folders = {str(path.parent) for path in root.glob("**/lib*.so*")}
    return {"LD_LIBRARY_PATH": ":".join([*sorted(folders), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])}


def _speaks(program_folder: Path | None) -> bool:
    """Whether a new process can load the voice."""
    command = [*festival_command(program_folder), "-b", f"(voice_{VOICE})"]
    return run_probe(command, festival_environment(program_folder))


FESTIVAL: Final = Bundle("festival", _PACKAGES, "bin/festival", _speaks)


def main(arguments: Sequence[str]) -> None:
    """Installs; prints one line."""
    install_command(FESTIVAL, "the festival voice is", arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
