"""The networks that listen, on a real Triton, behind the real speech service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.onnx_speech_models import OnnxSpeechModels
from tests.fakes.speech_service import serve_speech
from visage.client.embedded import find_model_repository
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.local_server import LocalTriton
from visage.runtime.triton.settings import LocalTritonSettings, TritonClientSettings
from visage.speech.inference import SIGNATURES, TritonSpeechModels

pytestmark = pytest.mark.mesh

DEADLINE_S = 20.0


@pytest.fixture(scope="module")
def speech_server() -> Iterator[LocalTriton]:
    """A Triton with the three networks alone."""
    names = [signature.name for signature in SIGNATURES]
    settings = LocalTritonSettings(grpc_port=0, http_port=0, metrics_port=0)
    with LocalTriton(find_model_repository(), models=names, settings=settings) as server:
        yield server


@pytest.fixture
async def client(speech_server: LocalTriton) -> AsyncIterator[TritonClient]:
    async with TritonClient(TritonClientSettings(url=speech_server.grpc_url)) as connected:
        yield connected


async def test_served_networks_are_the_committed_ones(client: TritonClient) -> None:
    """Every network is ready with the declared signature and answers what its file does, in batches of any size."""
    served, local = TritonSpeechModels(client), OnnxSpeechModels()
    random = np.random.default_rng(3)
    voices = (random.normal(0, 2000, (19, 25_840))).astype(np.int16)
    windows = (random.normal(0, 2000, (3, 21_120))).astype(np.int16)
    sound = (random.normal(0, 2000, 40_000)).astype(np.int16)

    assert all((await served.ready()).values())
    for theirs, ours in (
        (await served.embed(voices, DEADLINE_S), await local.embed(voices, DEADLINE_S)),
        (await served.read_phones(windows, DEADLINE_S), await local.read_phones(windows, DEADLINE_S)),
        (await served.detect_voice(sound, DEADLINE_S), await local.detect_voice(sound, DEADLINE_S)),
    ):
        assert theirs.shape == ours.shape
        assert np.abs(theirs - ours).max() < 2e-3


async def test_a_voice_is_cloned_and_its_words_are_found(client: TritonClient, tmp_path: Path) -> None:
    """Sample in, voice out, speech with it, its words found again: all through Triton."""
    text = "These days a chicken leg is a rare dish, and rice is often served in round bowls. " * 2
    async with serve_speech((tmp_path / "store").as_uri(), TritonSpeechModels(client), tmp_path) as mesh:
        if "voices/flite-kal16" not in await mesh.names():
            pytest.skip("libflite is not installed here")
        sample = await mesh.say(text, "voices/flite-kal16")
        voice = await mesh.created(sample.audio, base_voice="voices/flite-rms")
        said = await mesh.say("The box was thrown beside the parked truck.", voice.name)
        found = await mesh.align(said.audio, transcript="The box was thrown beside the parked truck.")

    assert voice.clone.similarity > voice.clone.base_similarity
    assert found.confidence > 0.5
    assert [word.word for word in found.timing.words] == [word.word for word in said.timing.words]
