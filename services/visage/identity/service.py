"""The identity service put together from its parts; the models and the store come from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from google.longrunning import operations_pb2_grpc

from visage.identity.create import IdentityBuilder
from visage.identity.creations import Builder, Creations
from visage.identity.identities import Identities
from visage.identity.messages import pack_failure
from visage.identity.operations import Operations
from visage.identity.operations_servicer import OperationsServicer
from visage.identity.pictures import Pictures
from visage.identity.ports import FaceModels
from visage.identity.recognition import Recognition
from visage.identity.servicer import IdentityServicer
from visage.identity.settings import IdentitySettings
from visage.identity.store import IdentityStore
from visage.identity.upkeep import Upkeep
from visage.runtime.asset_servicer import asset_service
from visage.runtime.assets import AssetStore
from visage.runtime.capacity import Places
from visage.runtime.server import Parts, Servicer
from visage.runtime.store import ObjectStore
from visage.v1 import identity_service_pb2_grpc


async def assemble(
    settings: IdentitySettings,
    models: FaceModels,
    objects: ObjectStore,
    check_ready: Callable[[], Awaitable[Mapping[str, bool]]],
    release: Callable[[], Awaitable[None]],
    builder: Builder | None = None,
) -> Parts:
    """Returns the running service; what a crashed process left in the store is cleaned up first.

    `check_ready` tells which models are there; `release` closes what `models` and `objects` hold; `builder` takes the
    place of the one that works with `models`.
    """
    assets = AssetStore(objects)
    store = IdentityStore(objects, assets)
    pictures = Pictures(assets, settings.image_limits)
    own_builder = IdentityBuilder(
        models, settings.image_limits, settings.gate_limits, settings.quality_limits, settings.model_deadline_s
    )
    places = Places(settings.max_concurrent_calls)
    creations = Creations(store, builder or own_builder, pack_failure, settings.creation_limits, places)
    identities = Identities(store, creations)
    operations = Operations(store, creations)
    recognition = Recognition(models, pictures, identities, settings.gate_limits)
    upkeep = Upkeep(store, pack_failure, timedelta(seconds=settings.operation_retention_s), settings.upkeep_period_s)
    await upkeep.start()
    preparing = [] if builder else [asyncio.create_task(own_builder.prepare(), name="identity-preparation")]

    async def close() -> None:
        await asyncio.gather(*preparing)
        await upkeep.close()
        await creations.close(settings.drain_grace_s)
        await release()

    identity_servicer = IdentityServicer(
        store, identities, creations, operations, recognition, pictures, settings.model_deadline_s
    )
    servicers = (
        Servicer(
            identity_service_pb2_grpc.add_IdentityServiceServicer_to_server,
            identity_servicer,
            "visage.v1.IdentityService",
            frozenset({"EmbedFace", "CompareFaces", "DetectLandmarks"}),
        ),
        Servicer(
            operations_pb2_grpc.add_OperationsServicer_to_server,
            OperationsServicer(operations, settings.longest_wait_s),
            "google.longrunning.Operations",
        ),
        asset_service(assets, settings.max_asset_bytes),
    )
    return Parts("identity", servicers, check_ready, close, places=places)
