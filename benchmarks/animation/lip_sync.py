"""How well mouths follow speech: the network beside two rules, on voices it never heard and on people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from benchmarks.animation.held_out import prepare
from models.lip_sync.evaluate import COLUMNS, RECORDINGS, cells, measure, open_model
from models.lip_sync.windows import MODEL_FILE


def tables() -> Iterator[Table]:
    """One table; people are left out where their recordings are absent."""
    table = Table(
        "speech",
        "method",
        *COLUMNS,
        title="Lip sync: correlation with the curves of the phones; share of p, b, m and of vowel frames closed",
    )
    last = ""
    for speech, method, figures in measure(open_model(MODEL_FILE), prepare(), RECORDINGS):
        if last and speech != last:
            table.add_section()
        table.add_row(speech if speech != last else "", method, *cells(figures))
        last = speech
    yield table
