"""Piper voices dropped into a model repository, on a real Triton behind the real speech service."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes import vits_voice
from visage.client.embedded import find_model_repository
from visage.media.pcm import FloatPcm
from visage.runtime import peers, server
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.errors import ModelUnavailable, ServerStartFailed
from visage.runtime.triton.local_server import LocalTriton
from visage.runtime.triton.settings import LocalTritonSettings, TritonClientSettings
from visage.speech import __main__ as speech
from visage.speech.engines.espeak import EspeakEngine
from visage.speech.engines.piper import PiperEngine
from visage.speech.prosody import Prosody
from visage.speech.settings import SpeechSettings
from visage.speech.utterance import Utterance
from visage.speech.voices import Voice
from visage.v1 import speech_service_pb2 as pb
from visage.v1 import speech_service_pb2_grpc

pytestmark = pytest.mark.mesh

TEXT = "The weather on the hill, isn't it: heard by 42 boys."
CARD = "# Tones\n\n* Speakers: 1\n* License: CC-BY-4.0\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of the project's models, a voice, one of two speakers, and one whose hop length is wrong."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(find_model_repository() / "voice_activity", folder / "voice_activity")
    single = vits_voice.drop(folder, "tones", vits_voice.describe(), vits_voice.make_graph(work=768))
    (single / "MODEL_CARD").write_text(CARD)
    pair = vits_voice.describe(
        espeak={"voice": "de"},
        language={"code": "de_DE"},
        num_speakers=2,
        speaker_id_map={"quick": 0, "slow one": 1},
        hop_length=128,
        audio={"sample_rate": 16_000, "quality": "low"},
        inference={"noise_scale": 0.0, "length_scale": 1.0, "noise_w": 0.0},
    )
    vits_voice.drop(folder, "pair", pair, vits_voice.make_graph(with_speakers=True, hop=128, work=64))
    vits_voice.drop(folder, "wrong_hop", vits_voice.describe(hop_length=200), vits_voice.make_graph(work=64))
    return folder


@pytest.fixture(scope="module")
def triton(repository: Path) -> Iterator[LocalTriton]:
    """A server of that repository."""
    settings = LocalTritonSettings(grpc_port=0, http_port=0, metrics_port=0)
    with LocalTriton(repository, settings=settings) as running:
        yield running


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[PiperEngine, TritonClient, dict[str, Voice]]]:
    """The engine with the voices it finds."""
    espeak = EspeakEngine(2, 20.0)
    async with TritonClient(TritonClientSettings(url=url)) as client:
        engine = PiperEngine(client, espeak.pool, 20.0)
        try:
            yield engine, client, {voice.name: voice for voice in await engine.look()}
        finally:
            await espeak.close()


@asynccontextmanager
async def served(url: str, folder: Path) -> AsyncIterator[Any]:
    """A stub of the speech service, put together as in production."""
    settings = SpeechSettings(
        port=0, triton_url=url, store_url=(folder / "store").as_uri(), drain_wait_s=0.0, drain_grace_s=2.0,
        processes_per_engine=1,
    )  # fmt: skip
    parts = await speech.build_service(settings)
    async with server.start(parts, settings) as running, peers.open_channel(running.address) as channel:
        assert all((await parts.check_ready()).values())
        yield speech_service_pb2_grpc.SpeechServiceStub(channel)  # type: ignore[no-untyped-call]


def silent(samples: FloatPcm, rate_hz: int, start_s: float, end_s: float) -> bool:
    return not np.abs(samples[round(start_s * rate_hz) : round(end_s * rate_hz)]).max(initial=0) > 1e-4


def assert_timing_is_exact(utterance: Utterance, hop: int) -> None:
    """Phonemes cover the sound without gap, in whole frames; words begin and end where the sound does."""
    rate_hz, phonemes = utterance.sample_rate_hz, utterance.timing.phonemes
    frames = [phoneme.end_s * rate_hz / hop for phoneme in phonemes]
    assert len(utterance.samples) == round(sum(p.end_s - p.start_s for p in phonemes) * rate_hz)
    assert len(utterance.samples) % hop == 0
    assert np.allclose(frames, np.round(frames), atol=1e-6)
    assert [p.start_s for p in phonemes] == pytest.approx([0.0, *(p.end_s for p in phonemes[:-1])])
    frame_s = hop / rate_hz
    for word in utterance.timing.words:
        assert not silent(utterance.samples, rate_hz, word.start_s, word.start_s + frame_s)
        assert silent(utterance.samples, rate_hz, word.start_s - frame_s, word.start_s - 1 / rate_hz)


async def test_voices_of_the_repository_are_listed_as_their_files_describe_them(
    triton: LocalTriton, tmp_path: Path
) -> None:
    """ListVoices has each speaker with language, rate and licence; a voice whose hop length is wrong is left out."""
    async with served(triton.grpc_url, tmp_path) as stub:
        listed = await stub.ListVoices(pb.ListVoicesRequest(page_size=1000))
        german = await stub.ListVoices(pb.ListVoicesRequest(language_code="de", page_size=1000))
    found = {voice.name: voice for voice in listed.voices if "/piper-" in voice.name}

    assert set(found) == {"voices/piper-tones", "voices/piper-pair-quick", "voices/piper-pair-slow-one"}
    tones = found["voices/piper-tones"]
    assert (list(tones.language_codes), tones.native_sample_rate_hertz, tones.license) == (
        ["en-US"],
        22_050,
        "CC-BY-4.0",
    )
    assert tones.display_name == "tones (Piper, medium, tones)"
    assert german.voices[0].name == "voices/piper-pair-quick"


async def test_a_piper_voice_speaks_through_the_service(triton: LocalTriton, tmp_path: Path) -> None:
    """SynthesizeSpeech answers sound with the caller's words in their places; SSML's phonemes are said."""
    ssml = '<speak>Say <phoneme alphabet="ipa" ph="təˈmɑːtəʊ">tomato</phoneme> twice.</speak>'
    options = {"voice": "voices/piper-tones"}
    async with served(triton.grpc_url, tmp_path) as stub:
        said = await stub.SynthesizeSpeech(pb.SynthesizeSpeechRequest(input={"text": TEXT}, options=options))
        spelled = await stub.SynthesizeSpeech(pb.SynthesizeSpeechRequest(input={"ssml": ssml}, options=options))

    words = [word.word for word in said.timing.words]
    assert words == ["The", "weather", "on", "the", "hill", "isn't", "it", "heard", "by", "42", "boys"]
    assert "tomato" in [word.word for word in spelled.timing.words]
    assert "ˈɑː" in [phoneme.phoneme for phoneme in spelled.timing.phonemes]


@pytest.mark.parametrize(("name", "text", "hop"), [("tones", TEXT, 256), ("pair-quick", "Schöne Grüße, Bär!", 128)])
async def test_durations_are_those_of_the_sound(triton: LocalTriton, name: str, text: str, hop: int) -> None:
    """The sound lasts as long as all its phonemes, and words begin where they sound."""
    async with opened(triton.grpc_url) as (engine, _, voices):
        utterance = await engine.speak(text, voices[f"voices/piper-{name}"], Prosody())

    assert len(utterance.timing.words) >= 3
    assert_timing_is_exact(utterance, hop)


async def test_hostile_text_breaks_nothing(triton: LocalTriton) -> None:
    """Markup, escapes, very long words, rows of signs and other scripts are read or skipped, with timing as exact."""
    texts = [
        "<speak>hi</speak>",
        "[[foo]] a",
        "a\\b `~ {}[]|",
        "x" * 240,
        "9," * 100,
        "$" * 50 + "1",
        "'\"'a",
        "…!?",
        "🙂",
    ]
    texts += ["мир 世界 שלום", "a\x00b \x07c"]
    async with opened(triton.grpc_url) as (engine, _, voices):
        said = [await engine.speak(text, voices["voices/piper-tones"], Prosody()) for text in texts]

    for text, utterance in zip(texts, said, strict=True):
        assert_timing_is_exact(utterance, 256)
        assert all(text[word.text_start : word.text_end] == word.text for word in utterance.timing.words)


async def test_rate_and_speaker_reach_the_model(triton: LocalTriton) -> None:
    """Half the rate takes twice as long, and the second speaker, who drawls, too."""
    async with opened(triton.grpc_url) as (engine, _, voices):
        quick, slow = voices["voices/piper-pair-quick"], voices["voices/piper-pair-slow-one"]
        plain, half, other = [
            await engine.speak("Guten Morgen.", voice, prosody)
            for voice, prosody in ((quick, Prosody()), (quick, Prosody(rate=0.5)), (slow, Prosody()))
        ]

    assert half.duration_s == pytest.approx(2 * plain.duration_s)
    assert other.duration_s == pytest.approx(2 * plain.duration_s)


async def test_calls_side_by_side_share_executions(triton: LocalTriton) -> None:
    """Calls of different texts, lengths and tempos run together, each with a timing that is exact."""
    texts = ["One hill.", "Two boys heard it.", "The weather changes."] * 4
    async with opened(triton.grpc_url) as (engine, client, voices):
        voice = voices["voices/piper-tones"]
        before = await client.statistics("tones")
        said = await asyncio.gather(
            *(engine.speak(text, voice, Prosody(rate=1 + index // 3 / 4)) for index, text in enumerate(texts))
        )
        counted = (await client.statistics("tones")).since(before)

    assert counted.item_count == len(texts)
    assert counted.execution_count < len(texts)
    for utterance in said:
        assert_timing_is_exact(utterance, 256)
    assert said[9].duration_s < said[0].duration_s


async def test_without_triton_there_are_no_piper_voices_and_the_service_is_ready(tmp_path: Path) -> None:
    """The other voices are listed, nothing fails."""
    async with served("127.0.0.1:9", tmp_path) as stub:
        listed = await stub.ListVoices(pb.ListVoicesRequest(page_size=1000))

    assert listed.voices
    assert not [voice.name for voice in listed.voices if "/piper-" in voice.name]


async def test_voices_come_and_go_with_the_repository(tmp_path: Path) -> None:
    """While the server is away its voices are listed but do not speak; afterwards those of its repository are there."""
    first = vits_voice.drop(tmp_path, "first", vits_voice.describe(), vits_voice.make_graph(work=8))
    settings = LocalTritonSettings(grpc_port=0, http_port=0, metrics_port=0)
    async with LocalTriton(tmp_path, settings=settings) as triton, opened(triton.grpc_url) as (engine, _, voices):
        triton.stop()
        away = await engine.look()
        with pytest.raises(ModelUnavailable):
            await engine.speak("One hill.", away[0], Prosody())
        shutil.rmtree(first)
        vits_voice.drop(tmp_path, "second", vits_voice.describe(), vits_voice.make_graph(work=8))
        triton.restart()
        async with asyncio.timeout(20.0):
            # The connection is made again within a second.
            while (after := await engine.look()) == away:
                await asyncio.sleep(0.1)

    assert away == list(voices.values())
    assert [voice.name for voice in after] == ["voices/piper-second"]


def test_a_wrong_file_keeps_the_server_from_starting(tmp_path: Path) -> None:
    """The message names folder, file and field."""
    description = vits_voice.describe()
    del description["audio"]["sample_rate"]
    vits_voice.drop(tmp_path, "broken", description, vits_voice.make_graph(work=8))

    with pytest.raises(ServerStartFailed, match=r"broken holds no Piper voice: .*\.onnx\.json: audio\.sample_rate"):
        LocalTriton(tmp_path).start()
