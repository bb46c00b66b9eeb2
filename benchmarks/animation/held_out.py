"""Speech for the lip-sync tables: made on the spot by installed voices, which training never heard or baselines fit to.

Voices that the system lacks are unpacked into the cache folder, as `make setup` does with those of the product.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from visage.runtime.cache import cache_dir
from visage.runtime.debian_install import Bundle, run_probe
from visage.speech.engines.festival_install import festival_command, festival_environment
from visage.speech.engines.flite_install import FLITE

FOLDER = Path("build/bench-animation")
_NAMES = ("espeak", "flite_slt", "flite_rms", "held_out_hts", "held_out_ked", "held_out_catalan")
# Rules are fitted to 80 s of a training voice: a twentieth of the corpus is enough.
_SCALE = 0.05
_PACKAGES = ("festival", "festlex-cmu", "festlex-poslex", "festvox-us-slt-hts", "festvox-kdlpc16k")
_PACKAGES += ("festvox-ca-ona-hts", "festival-ca")
_SELECTORS = ("voice_cmu_us_slt_arctic_hts", "voice_ked_diphone", "voice_upc_ca_ona_hts")


def _speaks(program_folder: Path | None) -> bool:
    """Whether festival has all three held-out voices."""
    command = [*festival_command(program_folder), "-b", *(f"({selector})" for selector in _SELECTORS)]
    return run_probe(command, festival_environment(program_folder))


_FESTIVAL = Bundle("festival-held-out", _PACKAGES, "bin/festival", _speaks)


def prepare() -> Path:
    """Returns the folder with the speech, made if it is not there yet.

    Raises:
        NotInstallable: A voice can neither be found nor downloaded here.
        RuntimeError: A voice does not speak.
    """
    if all((FOLDER / f"{name}.npz").exists() for name in _NAMES):
        return FOLDER
    flite, festival = FLITE.install(cache_dir()), _FESTIVAL.install(cache_dir())
    environment = festival_environment(festival) | {"FESTIVAL": shlex.join(festival_command(festival))}
    if flite is not None:
        libraries = [str(flite), *filter(None, [environment.get("LD_LIBRARY_PATH")])]
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)
    command = [sys.executable, "-m", "models.lip_sync.corpus", str(FOLDER), "--scale", str(_SCALE), "--only", *_NAMES]
    outcome = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if outcome.returncode != 0:
        raise RuntimeError(f"no speech to measure with: {outcome.stderr.strip()[-500:]}")
    return FOLDER
