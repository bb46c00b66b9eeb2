"""The identity service put together from its parts; the models and the store come from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial

from google.longrunning import operations_pb2

from visage.identity.create import IdentityBuilder
from visage.identity.creations import Builder, Creations
from visage.identity.identities import Identities
from visage.identity.messages import operation_message
from visage.identity.operations import Operations
from visage.identity.pictures import Pictures
from visage.identity.ports import FaceModels
from visage.identity.recognition import Recognition
from visage.identity.records import CreationRecord
from visage.identity.servicer import IdentityServicer
from visage.identity.settings import IdentitySettings
from visage.identity.store import IdentityStore
from visage.identity.upkeep import clean_up
from visage.runtime.asset_servicer import asset_service
from visage.runtime.assets import AssetStore
from visage.runtime.capacity import Places
from visage.runtime.creation_operations import CreationOperations
from visage.runtime.operations_servicer import operations_service
from visage.runtime.server import Parts, Servicer
from visage.runtime.store import ObjectStore
from visage.runtime.upkeep import Upkeep
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
    creations = Creations(store, builder or own_builder, settings.creation_limits, places)
    identities = Identities(store, creations)
    operations = Operations(store, creations.jobs)
    recognition = Recognition(models, pictures, identities, settings.gate_limits)
    retention = timedelta(seconds=settings.operation_retention_s)
    await clean_up(store, retention)
    upkeep = Upkeep("identities", partial(clean_up, store, retention), settings.upkeep_period_s)
    upkeep.start(after_s=settings.upkeep_period_s)
    preparing = [] if builder else [asyncio.create_task(own_builder.prepare(), name="identity-preparation")]

    async def show(record: CreationRecord) -> operations_pb2.Operation:
        return operation_message(await operations.view(record))

    long_running = CreationOperations(store.operations, creations.jobs, show)

    async def close() -> None:
        await asyncio.gather(*preparing)
        await upkeep.close()
        await creations.jobs.close(settings.drain_grace_s)
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
        operations_service(long_running, settings.longest_wait_s),
        asset_service(assets, settings.max_asset_bytes),
    )
    return Parts("identity", servicers, check_ready, close, places=places)
