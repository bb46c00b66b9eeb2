"""The quality report as the client gives it and as the command prints it."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from visage.cli import console, identity
from visage.client import Identity, wire
from visage.v1 import identity_service_pb2 as pb

pytestmark = pytest.mark.unit


@pytest.fixture
def made() -> Identity:
    """An identity whose photo is dark and otherwise good."""
    message = pb.Identity(name="identities/anna", state="STATE_READY")
    report = message.photo_report
    report.score = 0.75
    report.pose.score, report.pose.yaw_degrees = 0.875, -12.5
    report.light.score, report.light.skin_level = 0.25, 0.125
    report.light.findings.add(reason="REASON_TOO_DARK", message="the face is dark", value=0.125, limit=0.2)
    return wire.identity(message)


def printed(made: Identity) -> str:
    file = io.StringIO()
    Console(file=file, width=120).print(identity._details(made))
    return file.getvalue()


def test_report_as_values(made: Identity) -> None:
    """Scores come by aspect, measures by aspect and name, warnings in one list."""
    assert made.report is not None
    assert made.report.score == 0.75
    assert made.report.scores["pose"] == 0.875
    assert set(made.report.scores) == {"pose", "resolution", "sharpness", "light", "occlusion", "expression", "matte"}
    assert made.report.measures["pose.yaw_degrees"] == -12.5
    (warning,) = made.report.warnings
    assert (warning.reason, warning.message, warning.value) == ("too_dark", "the face is dark", 0.125)


def test_identity_without_a_report() -> None:
    """An identity of an earlier release has none, and is printed all the same."""
    old = wire.identity(pb.Identity(name="identities/old", state="STATE_READY"))

    assert old.report is None
    assert "identities/old" in printed(old)


def test_printed_report(made: Identity) -> None:
    """The command prints scores, measures and warnings."""
    text = printed(made)

    assert "0.75" in text
    assert "skin_level 0.125" in text
    assert "warning: the face is dark" in text


def test_report_as_json(made: Identity) -> None:
    """With --json the whole report is one object."""
    found = json.loads(json.dumps(made, default=console._plain))

    assert found["report"]["warnings"][0]["reason"] == "too_dark"
    assert found["report"]["measures"]["light.skin_level"] == 0.125
