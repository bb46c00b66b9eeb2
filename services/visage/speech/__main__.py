"""The speech service's process and composition root: `python -m visage.speech`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from visage.runtime import server
from visage.runtime.server import Parts, Servicer
from visage.speech.calibration import streams_carried
from visage.speech.engines.espeak import EspeakEngine
from visage.speech.engines.flite import FliteEngine
from visage.speech.engines.flite_install import installed_folder
from visage.speech.ports import SpeechEngine
from visage.speech.servicer import SpeechServicer
from visage.speech.settings import SpeechSettings
from visage.speech.voices import VoiceCatalogue
from visage.v1 import speech_service_pb2_grpc


async def build_service(settings: SpeechSettings) -> Parts:
    """Starts the engines and returns the service; its `release` ends them."""
    count, limit_s = settings.processes_per_engine, settings.clause_limit_s
    engines: Sequence[SpeechEngine] = [
        FliteEngine(count, limit_s, installed_folder(settings.cache_dir)),
        EspeakEngine(count, limit_s),
    ]
    voices = [voice for engine in engines for voice in await engine.open()]
    present = {voice.engine for voice in voices}

    async def check_ready() -> Mapping[str, bool]:
        return {"voices": bool(voices)}

    async def release() -> None:
        for engine in engines:
            await engine.close()

    speaking = {engine.name: engine for engine in engines if engine.name in present}

    async def measure_capacity() -> float:
        return await streams_carried(voices, speaking, count, settings.calibration_s)

    servicer = SpeechServicer(VoiceCatalogue(voices), speaking)
    add = speech_service_pb2_grpc.add_SpeechServiceServicer_to_server
    streams = frozenset({"SynthesizeSpeech", "StreamSynthesizeSpeech"})
    own = Servicer(add, servicer, "visage.v1.SpeechService", streams)
    return Parts("speech", [own], check_ready, release, measure_capacity)


def main() -> None:
    """Serves until told to stop."""
    settings = SpeechSettings()
    server.run(lambda: build_service(settings), settings, "speech")


if __name__ == "__main__":
    main()
