"""The speech service put together from its parts; engines, models and the store come from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from visage.runtime.asset_servicer import asset_service
from visage.runtime.assets import AssetStore
from visage.runtime.creation_operations import CreationOperations
from visage.runtime.creations import interrupted
from visage.runtime.operations import pack_failure
from visage.runtime.operations_servicer import operations_service
from visage.runtime.server import Parts, Servicer
from visage.runtime.store import ObjectStore
from visage.runtime.upkeep import Upkeep
from visage.speech.align_speech import AlignSpeech
from visage.speech.analysis_ports import SpeechModels
from visage.speech.base_voices import BaseVoices
from visage.speech.calibration import streams_carried
from visage.speech.cloned_engine import ClonedEngine
from visage.speech.cloned_voices import FRESH_S, LOOK_PERIOD_S, ClonedVoices
from visage.speech.create_voice import VoiceBuilder
from visage.speech.ports import SpeechEngine, VisitingEngine
from visage.speech.riva.servicer import RivaServicer, riva_service
from visage.speech.sample_gate import SampleLimits
from visage.speech.servicer import SpeechServicer
from visage.speech.settings import SpeechSettings
from visage.speech.voice_analysis import MAX_SAMPLE_BYTES, VoiceAnalysis
from visage.speech.voice_creations import Builder, VoiceCreations
from visage.speech.voice_operations import VoiceOperations
from visage.speech.voice_store import VoiceStore
from visage.v1 import speech_service_pb2_grpc

_CLEANING_PERIOD_S: Final = 60.0


async def assemble(
    settings: SpeechSettings,
    engines: Sequence[SpeechEngine],
    models: SpeechModels,
    objects: ObjectStore,
    release_models: Callable[[], Awaitable[None]],
    builder: Builder | None = None,
    visitors: Sequence[VisitingEngine] = (),
) -> Parts:
    """Starts the engines and returns the service; its `release` ends them.

    Readiness speaks of voices alone: a service whose models are away still says everything with all its voices, cloned
    ones included. Only AlignSpeech and CreateVoice need the models, and answer UNAVAILABLE with the model's name.

    Args:
        settings: What the service is told.
        engines: Not yet open.
        models: The networks that listen.
        objects: Where cloned voices are kept.
        release_models: Closes what `models` holds.
        builder: Takes the place of the one that works with `models`.
        visitors: Engines whose voices come and go; they speak, but are no base of cloned voices.
    """
    voices = [voice for engine in engines for voice in await engine.open()]
    present = {voice.engine for voice in voices}
    speaking: dict[str, SpeechEngine] = {engine.name: engine for engine in engines if engine.name in present}
    clones = ClonedEngine(dict(speaking))
    store, assets, deadline_s = VoiceStore(objects), AssetStore(objects), settings.model_deadline_s
    catalogue = ClonedVoices(voices, store, clones, visitors)
    bases = BaseVoices(speaking, models, settings.cache_dir / "voices", deadline_s)
    own_builder = VoiceBuilder(models, speaking, bases, SampleLimits(), deadline_s)
    creations = VoiceCreations(store, builder or own_builder, settings.creation_limits)
    operations = VoiceOperations(store, catalogue, creations.jobs)
    long_running = CreationOperations(store.operations, creations.jobs, operations.view)
    aligner = AlignSpeech(models, speaking, deadline_s)
    analysis = VoiceAnalysis(aligner, catalogue, store, creations, operations, assets)

    async def clean_up() -> None:
        retention = timedelta(seconds=settings.operation_retention_s)
        await store.remove_leftovers(datetime.now(UTC), retention, pack_failure(interrupted()))

    # In the background: a store that is away must not keep the service from starting.
    upkeep = (
        Upkeep("voices", clean_up, _CLEANING_PERIOD_S),
        Upkeep("catalogue", partial(catalogue.look, FRESH_S), LOOK_PERIOD_S),
    )
    for work in upkeep:
        work.start()

    async def check_ready() -> Mapping[str, bool]:
        return {"voices": bool(voices)}

    async def release() -> None:
        for work in upkeep:
            await work.close()
        await creations.jobs.close(settings.drain_grace_s)
        for engine in (*visitors, *engines):
            await engine.close()
        await release_models()

    async def measure_capacity() -> float:
        return await streams_carried(voices, speaking, settings.processes_per_engine, settings.calibration_s)

    visiting = {visitor.name: visitor for visitor in visitors}
    everybody: dict[str, SpeechEngine] = {**speaking, **visiting, clones.name: clones}
    servicer = SpeechServicer(catalogue, everybody, analysis)
    riva = RivaServicer(catalogue, everybody, analysis, clones)
    return Parts(
        "speech",
        [
            Servicer(
                speech_service_pb2_grpc.add_SpeechServiceServicer_to_server,
                servicer,
                "visage.v1.SpeechService",
                frozenset({"SynthesizeSpeech", "StreamSynthesizeSpeech", "AlignSpeech"}),
            ),
            riva_service(riva),
            operations_service(long_running, settings.longest_wait_s),
            asset_service(assets, MAX_SAMPLE_BYTES),
        ],
        check_ready,
        release,
        measure_capacity,
    )
