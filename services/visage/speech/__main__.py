"""The speech service's process and composition root: `python -m visage.speech`."""

from __future__ import annotations

from visage.runtime import server
from visage.runtime.server import Parts
from visage.runtime.store import ObjectStore
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.settings import TritonClientSettings
from visage.speech.engines.espeak import EspeakEngine
from visage.speech.engines.festival import FestivalEngine
from visage.speech.engines.festival_install import FESTIVAL
from visage.speech.engines.flite import FliteEngine
from visage.speech.engines.flite_install import installed_folder
from visage.speech.engines.piper import PiperEngine
from visage.speech.inference import TritonSpeechModels
from visage.speech.ports import SpeechEngine
from visage.speech.service import assemble
from visage.speech.settings import SpeechSettings


async def build_service(settings: SpeechSettings) -> Parts:
    """Returns the service on the engines that are installed, on Triton and on the store that the settings name."""
    count, limit_s = settings.processes_per_engine, settings.clause_limit_s
    espeak = EspeakEngine(count, limit_s)
    engines: list[SpeechEngine] = [
        FliteEngine(count, limit_s, installed_folder(settings.cache_dir)),
        FestivalEngine(count, limit_s, FESTIVAL.installed_folder(settings.cache_dir)),
        espeak,
    ]
    client = TritonClient(TritonClientSettings(url=settings.triton_url))
    return await assemble(
        settings,
        engines,
        TritonSpeechModels(client),
        ObjectStore.open(settings.store_url),
        client.close,
        visitors=[PiperEngine(client, espeak.pool, limit_s)],
    )


def main() -> None:
    """Serves until told to stop."""
    server.run(build_service, SpeechSettings, "speech")


if __name__ == "__main__":
    main()
