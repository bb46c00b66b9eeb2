"""A driving film through the whole mesh: decoded, followed on Triton, rendered, and heard."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from tests.e2e.test_command import visage
from tests.fakes.driving_films import Picture, film, talking_head
from visage.client import ClientSettings

pytestmark = pytest.mark.e2e


def test_talk_moves_as_a_film_does(
    addresses: ClientSettings, identity: str, astronaut: Picture, tmp_path: Path
) -> None:
    """`visage talk --video`: as many pictures as the film lasts, and its sound at its place."""
    sound = np.zeros(48_000, np.float32)
    sound[24_000:24_480] = 0.8
    driver, made = tmp_path / "driver.mp4", tmp_path / "film.mp4"
    driver.write_bytes(film(talking_head(astronaut, 25), sound=sound))
    outcome = visage("--json", "talk", identity, "--video", str(driver), "-o", str(made))
    assert outcome.returncode == 0, outcome.stderr
    with av.open(str(made)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        rate = container.streams.audio[0].sample_rate

    assert json.loads(outcome.stdout)["summary"]["frame_count"] == 25
    assert np.abs(heard).argmax() / rate == pytest.approx(0.5, abs=0.05)


def test_a_film_without_a_face_is_explained(addresses: ClientSettings, identity: str, tmp_path: Path) -> None:
    """One clear line says why nothing can be taken over."""
    driver = tmp_path / "driver.mp4"
    driver.write_bytes(film([np.full((96, 96, 3), 90, np.uint8)] * 5))
    outcome = visage("talk", identity, "--video", str(driver), "-o", str(tmp_path / "film.mp4"))

    assert outcome.returncode == 1
    assert "face" in outcome.stderr
