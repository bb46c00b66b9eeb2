"""The composition service's process and composition root: `python -m visage.composition`."""

from __future__ import annotations

from collections.abc import Mapping

from visage.composition.calibration import streams_carried
from visage.composition.inference import RENDERERS, TritonRenderer
from visage.composition.ports import Renderer
from visage.composition.render_curves import RenderCurves
from visage.composition.renders.assembly import open_runner
from visage.composition.renders.operations import Renders
from visage.composition.renders.retention import Retention
from visage.composition.renders.servicer import render_services
from visage.composition.renders.store import RenderStore
from visage.composition.renders.work import RenderWork, generate_with
from visage.composition.servicer import CompositionServicer
from visage.composition.settings import CompositionSettings
from visage.composition.workshop import open_workshop
from visage.runtime import server
from visage.runtime.asset_servicer import asset_service
from visage.runtime.capacity import Places
from visage.runtime.server import Parts, Servicer
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.settings import TritonClientSettings
from visage.runtime.upkeep import Upkeep
from visage.v1 import composition_service_pb2_grpc


async def build_service(settings: CompositionSettings) -> Parts:
    """Returns the service on Triton; its `release` closes every connection."""
    triton = TritonClient(TritonClientSettings(url=settings.triton_url))

    async def check_ready() -> Mapping[str, bool]:
        return await triton.ready(RENDERERS.values())

    renderer = TritonRenderer(triton, settings.renders_in_flight)
    parts = build_on(renderer, settings)

    async def check_all() -> Mapping[str, bool]:
        return {**await parts.check_ready(), **await check_ready()}

    async def release() -> None:
        await parts.release()
        await triton.close()

    async def measure_capacity() -> float:
        cores, limit_s = settings.usable_cores, settings.calibration_s
        return await streams_carried(renderer, settings.renders_in_flight, cores, limit_s)

    return Parts(parts.name, parts.servicers, check_all, release, measure_capacity, parts.places)


def build_on(renderer: Renderer, settings: CompositionSettings) -> Parts:
    """Returns the service on a renderer, its renders at work; its `release` closes the connections to the others."""
    workshop = open_workshop(renderer, settings)
    places = Places(settings.max_concurrent_calls)
    store = RenderStore(workshop.objects)
    work = RenderWork(store, workshop.assets, generate_with(workshop.generate_avatar, settings.longest_call_s))
    runner = open_runner(settings, store, work, places)
    runner.start()
    retention = Retention(store, workshop.assets, runner, settings.render_retention_s)
    upkeep = Upkeep("renders", retention.sweep, settings.upkeep_period_s)
    upkeep.start()
    servicer = CompositionServicer(
        RenderCurves(workshop.studio, settings.longest_stream_s), workshop.generate_avatar, settings.longest_call_s
    )

    async def release() -> None:
        await upkeep.close()
        await runner.close()
        await workshop.release()

    own = Servicer(
        composition_service_pb2_grpc.add_CompositionServiceServicer_to_server,
        servicer,
        "visage.v1.CompositionService",
        frozenset({"RenderCurves", "GenerateAvatar"}),
    )
    servicers = [
        own,
        *render_services(Renders(store, runner, retention)),
        asset_service(workshop.assets, settings.max_media_bytes),
    ]
    return Parts("composition", servicers, workshop.check_ready, release, places=places)


def main() -> None:
    """Serves until told to stop."""
    server.run(build_service, CompositionSettings, "composition")


if __name__ == "__main__":
    main()
