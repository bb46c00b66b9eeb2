"""A process's metrics, read as Prometheus would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import prometheus_client
import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider

from visage.runtime import telemetry


class Meters:
    """Everything recorded while it is installed."""

    def text(self) -> str:
        return prometheus_client.generate_latest().decode()

    def value(self, series: str, **labels: str) -> float | None:
        """Returns the sum of a series' samples with these labels; None where there is none."""
        found = [
            float(line.rsplit(" ", 1)[1])
            for line in self.text().splitlines()
            if line.split("{")[0].split(" ")[0] == series
            and all(f'{key}="{value}"' in line for key, value in labels.items())
        ]
        return sum(found) if found else None


@contextmanager
def metered() -> Iterator[Meters]:
    """Installs a meter of this test's own; instruments made inside record into it."""
    reader = PrometheusMetricReader()
    provider = MeterProvider(metric_readers=[reader], views=telemetry.views())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telemetry, "meter", lambda: provider.get_meter(telemetry.SCOPE))
        try:
            yield Meters()
        finally:
            provider.shutdown()
