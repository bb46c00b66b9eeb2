"""Installs libflite into the project's cache folder where the system lacks it; needs no root.

`python -m visage.speech.engines.flite_install` downloads Debian's packages with apt and unpacks them. Without apt, or
without a package mirror, the flite voices are absent and the service speaks with the engines it has.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from visage.runtime.debian_install import Bundle, install_command, run_probe

LIBRARY: Final = "libflite.so.1"
_PROBE: Final = (
    "import ctypes, sys\n"
    f"for name in ('{LIBRARY}', 'libflite_cmulex.so.1', 'libflite_usenglish.so.1', 'libflite_cmu_us_rms.so.1'):\n"
    "    ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)\n"
)


def _loads(folder: Path | None) -> bool:
    """Whether a new process can load the libraries, from `folder` or the system's own places."""
    return run_probe([sys.executable, "-c", _PROBE], {} if folder is None else {"LD_LIBRARY_PATH": str(folder)})


FLITE: Final = Bundle("flite", ("libflite1",), LIBRARY, _loads)


def installed_folder(cache: Path) -> Path | None:
    """Returns the folder of the libraries that were unpacked into `cache`, None if they were not."""
    return FLITE.installed_folder(cache)


def main(arguments: Sequence[str]) -> None:
    """Installs; prints one line."""
    install_command(FLITE, "flite voices are", arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
