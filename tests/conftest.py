"""What all tests share: categories, test media, the portrait."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from hypothesis import HealthCheck, settings

# A busy machine is no failure, and two runs of one tree give one result.
settings.register_profile("visage", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("visage")

CATEGORIES = {"unit", "service", "mesh", "models", "contract", "compat", "fuzz", "e2e"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test module declares its category, or collection fails."""
    for item in items:
        if not CATEGORIES & {mark.name for mark in item.iter_markers()}:
            raise pytest.UsageError(f"{item.nodeid}: the module must set pytestmark to one of {sorted(CATEGORIES)}")


@pytest.fixture(scope="session")
def shared_fixtures() -> Path:
    """Folder of test photos, videos and speech; tests that need it are skipped where it is absent."""
    named = os.environ.get("VISAGE_FIXTURES")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "fixtures"
    if not folder.is_dir():
        pytest.skip("test media are not here; set VISAGE_FIXTURES to their folder")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> npt.NDArray[np.uint8]:
    """The portrait of Eileen Collins by NASA (public domain) that ships with scikit-image, [512, 512, 3] RGB."""
    return np.asarray(skimage.data.astronaut(), np.uint8)
