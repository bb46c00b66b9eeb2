"""Cloned voices and alignment with the `visage` command, and an avatar that speaks with a cloned voice."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from visage.client import AsyncVisage, ClientSettings, synthesis_options

pytestmark = pytest.mark.e2e

SAID = (
    "The box was thrown beside the parked truck, and nobody has seen it since that day. "
    "Four hours of steady work faced us when we came back to the house by the lake."
)


def visage(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command; it must never show a traceback."""
    command = [sys.executable, "-m", "visage.cli", *arguments]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert "Traceback" not in outcome.stderr, outcome.stderr
    return outcome


@pytest.fixture(scope="module")
def sample_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sample of the tests lies."""
    return tmp_path_factory.mktemp("sample") / "sample.wav"


def record(addresses: ClientSettings, path: Path) -> None:
    """Lets an installed voice stand for a person."""
    if path.exists():
        return
    outcome = visage("speak", SAID, "--voice", "flite-kal16", "-o", str(path))
    if outcome.returncode:
        pytest.skip("libflite is not installed here")


def test_a_voice_is_made_used_and_deleted(
    addresses: ClientSettings, identity: str, sample_file: Path, tmp_path: Path
) -> None:
    """`visage voice create`, an avatar that speaks with it, `list` and `delete`."""
    record(addresses, sample_file)
    made = visage("--json", "voice", "create", str(sample_file), "--consent", "c-1", "--id", "kal-two")
    assert made.returncode == 0, made.stderr
    film = tmp_path / "film.mp4"

    async def generate() -> int:
        async with AsyncVisage(addresses) as client:
            request = await client.generation.request(identity, text="Hello.", synthesis=synthesis_options("kal-two"))
            clip = await client.generation.save(request, film)
            return clip.summary.frame_count if clip.summary else 0

    frame_count = asyncio.run(generate())
    listed = json.loads(visage("--json", "voice", "list").stdout)
    deleted = visage("--json", "voice", "delete", "kal-two")

    assert json.loads(made.stdout)["clone"]["consent_reference"] == "c-1"
    assert frame_count > 5 and film.read_bytes()[4:8] == b"ftyp"
    assert [voice["name"] for voice in listed] == ["voices/kal-two"]
    assert deleted.returncode == 0
    assert json.loads(visage("--json", "voice", "list").stdout) == []


def test_speak_with_a_sample_leaves_no_voice(addresses: ClientSettings, sample_file: Path, tmp_path: Path) -> None:
    """`visage speak --clone` speaks with the sample's voice and forgets it; without consent it refuses."""
    record(addresses, sample_file)
    sound = tmp_path / "speech.wav"
    refused = visage("speak", "Hello.", "-o", str(sound), "--clone", str(sample_file))
    outcome = visage("speak", "Hello there.", "-o", str(sound), "--clone", str(sample_file), "--consent", "c-2")

    assert refused.returncode == 2 and "--consent" in refused.stderr
    assert outcome.returncode == 0, outcome.stderr
    assert soundfile.info(sound).duration > 0.4
    assert json.loads(visage("--json", "voice", "list").stdout) == []


def test_align_writes_times(addresses: ClientSettings, sample_file: Path, tmp_path: Path) -> None:
    """`visage align` finds every word of the transcript, and says why another one does not fit."""
    record(addresses, sample_file)
    timing = tmp_path / "timing.json"
    outcome = visage("align", str(sample_file), "--transcript", SAID, "-o", str(timing))
    wrong = visage("--json", "align", str(sample_file), "--transcript", "Nothing of that kind was ever said by me.")

    assert outcome.returncode == 0, outcome.stderr
    assert len(json.loads(timing.read_text())["timing"]["words"]) == len(SAID.split())
    assert wrong.returncode == 1
    assert json.loads(wrong.stderr)["metadata"]["cause"] == "transcript_differs"
