"""Statuses with their details, however much a caller sent."""

from __future__ import annotations

import base64

import pytest
from google.rpc import error_details_pb2

from visage.runtime.errors import InvalidField
from visage.runtime.status import shortened, to_status

pytestmark = pytest.mark.unit


def test_details_fit_into_trailing_metadata() -> None:
    """Clients take 8 KiB: long names, and many of them, are cut short; the first ones are still told."""
    status = to_status(InvalidField.of([(f'gains["{number}{"😀" * 5000}"]', "x" * 5000) for number in range(500)]))
    bad = error_details_pb2.BadRequest()
    found = [detail.Unpack(bad) for detail in status.details]

    assert len(base64.b64encode(status.SerializeToString())) + 3 * len(status.message.encode()) < 8_000
    assert any(found) and [v.field[:8] for v in bad.field_violations][:3] == ['gains["0', 'gains["1', 'gains["2']


@pytest.mark.parametrize("text", ["", "plain", "ä" * 120])
def test_short_texts_stay(text: str) -> None:
    """Nothing is added or taken away."""
    assert shortened(text) == text
