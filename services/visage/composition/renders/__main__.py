"""Works on one render and ends: `python -m visage.composition.renders RENDER`, what a Job's pod runs.

Exit status: 0 when the render has its outcome, good or bad; 1 when a service or a model is away, so that the cluster
tries again; 2 for wrong arguments or settings.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from visage.composition.inference import TritonRenderer
from visage.composition.renders.store import RenderStore
from visage.composition.renders.work import Interrupted, RenderWork, generate_with
from visage.composition.settings import CompositionSettings
from visage.composition.workshop import open_workshop
from visage.runtime import logs, telemetry
from visage.runtime.errors import VisageError
from visage.runtime.settings import exit_on_bad_settings, read_settings
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.settings import TritonClientSettings

_log = logs.get(__name__)


async def work_on(render_id: str, settings: CompositionSettings) -> int:
    """Works on a render until it is done, or SIGTERM; returns the exit status."""
    triton = TritonClient(TritonClientSettings(url=settings.triton_url))
    workshop = open_workshop(TritonRenderer(triton, settings.renders_in_flight), settings)
    generate = generate_with(workshop.generate_avatar, settings.longest_call_s)
    work = RenderWork(RenderStore(workshop.objects), workshop.assets, generate)
    running = asyncio.create_task(work.run(render_id))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        # The pod has to go: what is stored stays, and the next one goes on from there.
        return 1
    except Interrupted as interruption:
        _log.warning("render_interrupted", render=render_id, reason=interruption.cause.reason)
        return 1
    except VisageError as error:
        _log.error("render_left", render=render_id, cause=error.message)
        return 1
    finally:
        await workshop.release()
        await triton.close()
    return 0


def main(arguments: list[str]) -> int:
    """Runs; returns the exit status."""
    if len(arguments) != 1:
        print("usage: python -m visage.composition.renders RENDER", file=sys.stderr)
        return 2
    with exit_on_bad_settings():
        settings = read_settings(CompositionSettings)
        logs.configure("render", settings.log_level)
        exporters = telemetry.configure("render", settings.otlp_endpoint, -1)
        try:
            return asyncio.run(work_on(arguments[0], settings))
        finally:
            exporters.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
