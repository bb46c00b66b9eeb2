"""Where things lie that can be made again: the embedded Triton, voices, compiled models."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_dir


def cache_dir() -> Path:
    """Returns the project's cache folder: VISAGE_CACHE_DIR, or the user's cache folder for `visage`."""
    return Path(os.environ.get("VISAGE_CACHE_DIR") or user_cache_dir("visage")).absolute()
