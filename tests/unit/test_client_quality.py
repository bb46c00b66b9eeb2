"""A clip's quality in the client and in the command's report."""

from __future__ import annotations

import pytest

from visage.cli.talk import _quality
from visage.client import Quality, wire
from visage.client.testing import FakeVisage
from visage.v1 import composition_service_pb2 as pb

pytestmark = pytest.mark.unit

FIGURES = {
    "sampled_frames": 6, "mean_similarity": 0.975, "least_similarity": 0.96, "lips_error_mm": 1.25,
    "lips_correlation": 0.5, "pose_error_degrees": 0.75, "flicker_levels": 0.0,
}  # fmt: skip


async def test_the_wish_reaches_the_message() -> None:
    """`include_quality` is off unless it is asked for."""
    visage = FakeVisage()
    plain = await visage.generation.request("identities/anna", text="Hello.")
    measured = await visage.generation.request("identities/anna", text="Hello.", include_quality=True)

    assert not plain.include_quality
    assert measured.include_quality


def test_absent_figures_are_none() -> None:
    """What could not be judged is None, not zero; a summary without quality has none."""
    summary = wire.summary(pb.GenerationSummary(quality=pb.ClipQuality(**FIGURES)))

    assert summary.quality is not None
    assert summary.quality.lips_correlation == 0.5
    assert summary.quality.jaw_correlation is None and summary.quality.shut_lips_gap_mm is None
    assert wire.summary(pb.GenerationSummary()).quality is None


def test_the_report_says_what_is_known() -> None:
    """Every figure has its unit, and what is not known is a dash."""
    text = _quality(Quality(**FIGURES, jaw_correlation=None, shut_lips_gap_mm=None))

    assert "6 frames" in text and "identity 0.975, least 0.960" in text
    assert "1.2 mm off, correlation 0.50, jaw -" in text
    assert "open - mm" in text
