"""The speech service in this process, over real gRPC on loopback, with its own engines and given models."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import duration_pb2

from visage.media.pcm import FloatPcm
from visage.runtime import peers, server
from visage.runtime.store import ObjectStore
from visage.speech.analysis_ports import SpeechModels
from visage.speech.engines.espeak import EspeakEngine
from visage.speech.engines.flite import FliteEngine
from visage.speech.engines.flite_install import installed_folder
from visage.speech.ports import SpeechEngine
from visage.speech.service import assemble
from visage.speech.settings import SpeechSettings
from visage.speech.voice_creations import Builder
from visage.v1 import speech_alignment_pb2, speech_service_pb2_grpc, voice_cloning_pb2
from visage.v1 import speech_service_pb2 as pb

CONSENT = "consent 17 of 1 May"


@dataclass
class SpeechMesh:
    """A running service and stubs for what it serves."""

    running: server.RunningServer
    speech: Any
    operations: Any

    async def create(self, sample: bytes, **fields: Any) -> operations_pb2.Operation:
        """Creates a voice and returns the operation once it is done."""
        fields = {"consent_reference": CONSENT} | fields
        request = voice_cloning_pb2.CreateVoiceRequest(sample={"content": sample}, **fields)
        return await self.finish(await self.speech.CreateVoice(request))

    async def finish(self, operation: operations_pb2.Operation) -> operations_pb2.Operation:
        """Waits until an operation is done."""
        while not operation.done:
            request = operations_pb2.WaitOperationRequest(
                name=operation.name, timeout=duration_pb2.Duration(seconds=30)
            )
            operation = await self.operations.WaitOperation(request)
        return operation

    async def created(self, sample: bytes, **fields: Any) -> pb.Voice:
        """Creates a voice that must succeed."""
        operation = await self.create(sample, **fields)
        assert operation.HasField("response"), operation.error
        voice = pb.Voice()
        operation.response.Unpack(voice)
        return voice

    async def names(self) -> list[str]:
        """All voices."""
        listed = await self.speech.ListVoices(pb.ListVoicesRequest(page_size=1000))
        return [voice.name for voice in listed.voices]

    async def say(self, text: str, voice: str, **options: Any) -> pb.SynthesizeSpeechResponse:
        """Speaks a text."""
        request = pb.SynthesizeSpeechRequest(input={"text": text}, options={"voice": voice, **options})
        return await self.speech.SynthesizeSpeech(request)

    async def align(self, audio: bytes, **config: Any) -> speech_alignment_pb2.AlignSpeechResponse:
        """Aligns a recording that arrives in pieces."""
        pieces = [audio[start : start + 30_000] for start in range(0, len(audio), 30_000)]
        requests = [
            speech_alignment_pb2.AlignSpeechRequest(config=config),
            *(speech_alignment_pb2.AlignSpeechRequest(audio=piece) for piece in pieces),
        ]
        return await self.speech.AlignSpeech(iter(requests))


@asynccontextmanager
async def serve_speech(
    store_url: str,
    models: SpeechModels,
    cache: Path,
    engines: Sequence[SpeechEngine] | None = None,
    builder: Builder | None = None,
    **settings: Any,
) -> AsyncIterator[SpeechMesh]:
    """Serves the speech service on a free loopback port."""
    given = {
        "port": 0,
        "store_url": store_url,
        "drain_wait_s": 0.0,
        "drain_grace_s": 5.0,
        "stream_capacity": 16,
    } | settings
    chosen = SpeechSettings(cache_dir=cache, **given)
    own = [FliteEngine(1, 20.0, installed_folder(SpeechSettings().cache_dir)), EspeakEngine(1, 20.0)]

    async def release() -> None:
        return None

    objects = ObjectStore.open(store_url)
    parts = await assemble(chosen, own if engines is None else engines, models, objects, release, builder)
    async with server.start(parts, chosen) as running, peers.open_channel(running.address) as channel:
        yield SpeechMesh(
            running,
            speech_service_pb2_grpc.SpeechServiceStub(channel),  # type: ignore[no-untyped-call]
            operations_pb2_grpc.OperationsStub(channel),
        )


def wav(samples: FloatPcm, rate_hz: int = 16_000) -> bytes:
    """A 16-bit WAV file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1, 1), rate_hz, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
