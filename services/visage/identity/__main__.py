"""Composition root of the identity service: `python -m visage.identity`."""

from __future__ import annotations

import dataclasses

import cv2

from visage.identity.calibration import calls_carried
from visage.identity.inference import TritonFaceModels
from visage.identity.service import assemble
from visage.identity.settings import IdentitySettings
from visage.runtime.server import Parts, run
from visage.runtime.store import ObjectStore
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.settings import TritonClientSettings


async def build(settings: IdentitySettings) -> Parts:
    """Returns the service on Triton and on the store that the settings name."""
    client = TritonClient(TritonClientSettings(url=settings.triton_url))
    models = TritonFaceModels(client)
    parts = await assemble(settings, models, ObjectStore.open(settings.store_url), models.ready, client.close)

    async def measure_capacity() -> float:
        return await calls_carried(models, settings.usable_cores, settings.calibration_s)

    return dataclasses.replace(parts, measure_capacity=measure_capacity)


def main() -> None:
    """Runs the service until SIGTERM."""
    # Calls run side by side already; threads of their own would only compete with Triton for the cores.
    cv2.setNumThreads(1)
    run(build, IdentitySettings, "identity")


if __name__ == "__main__":
    main()
