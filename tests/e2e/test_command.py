"""The `visage` command against a running mesh."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import av
import pytest
import soundfile

from visage.client import ClientSettings

pytestmark = pytest.mark.e2e


def visage(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command; it must never show a traceback."""
    command = [sys.executable, "-m", "visage.cli", *arguments]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert "Traceback" not in outcome.stderr, outcome.stderr
    return outcome


def test_talk_writes_a_film_and_leaves_no_identity(
    addresses: ClientSettings, identity: str, portrait_file: Path, tmp_path: Path
) -> None:
    """`visage talk` with a photo writes the MP4 and deletes the identity it made on the way."""
    film = tmp_path / "film.mp4"
    outcome = visage("--json", "talk", str(portrait_file), "--text", "Hello there.", "-o", str(film))
    listed = json.loads(visage("--json", "identity", "list").stdout)

    assert outcome.returncode == 0, outcome.stderr
    assert json.loads(outcome.stdout)["summary"]["frame_count"] > 10
    assert film.read_bytes()[4:8] == b"ftyp"
    assert [item["name"] for item in listed] == [identity]


def test_talk_takes_a_camera_and_a_lamp(addresses: ClientSettings, identity: str, tmp_path: Path) -> None:
    """Size, framing, zoom, orbit and light reach the film; what had to be clamped is said."""
    film = tmp_path / "film.mp4"
    scene = ("--size", "288x512", "--framing", "head", "--zoom", "1.2", "--orbit", "yaw=60,pitch=-5")
    light = ("--light", "azimuth=-60,elevation=30,intensity=0.8,color=#ffd0a0")
    outcome = visage("--json", "talk", identity, "--text", "Hi.", "-o", str(film), *scene, *light)
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        size = stream.width, stream.height

    assert outcome.returncode == 0, outcome.stderr
    assert size == (288, 512)
    told = [notice["message"] for notice in json.loads(outcome.stdout)["notices"]]
    assert any("scene.camera.orbit.yaw_degrees" in message for message in told)


@pytest.mark.parametrize(
    ("option", "value", "status", "message"),
    [
        ("--size", "512", 2, "WIDTHxHEIGHT"),
        ("--size", "511x512", 1, "256, 512 and 768"),
        ("--framing", "knee", 2, "bust"),
        ("--orbit", "jaw=3", 2, "yaw"),
        ("--zoom", "nan", 1, "scene.camera.zoom"),
        ("--light", "color=orange", 1, "scene.light.color"),
    ],
)
def test_scenes_that_cannot_be_are_explained(
    addresses: ClientSettings, identity: str, tmp_path: Path, option: str, value: str, status: int, message: str
) -> None:
    """Status 2 for what the command itself refuses, 1 for what the service does."""
    outcome = visage("talk", identity, "--text", "Hi.", "-o", str(tmp_path / "x.mp4"), option, value)

    assert outcome.returncode == status
    assert message in outcome.stderr.replace("\n", " ")


def test_speak_writes_audio_and_timing(addresses: ClientSettings, tmp_path: Path) -> None:
    """`visage speak` writes a WAV whose length holds all words of the timing file."""
    sound, timing = tmp_path / "speech.wav", tmp_path / "timing.json"
    outcome = visage("speak", "Good morning.", "-o", str(sound), "--timing", str(timing))
    words = json.loads(timing.read_text())["words"]

    assert outcome.returncode == 0, outcome.stderr
    assert [word["text"].strip(".").lower() for word in words] == ["good", "morning"]
    assert 0.3 < words[-1]["end_s"] <= soundfile.info(sound).duration + 0.05


def test_speak_takes_ssml_and_styles(addresses: ClientSettings, tmp_path: Path) -> None:
    """`--ssml` with `--style`, `--format`, `--track` writes headerless sound, marks and F0; a mistake is one line."""
    document = '<speak>Good <mark name="here"/><prosody rate="slow">morning</prosody>.</speak>'
    sound, timing = tmp_path / "speech.ul", tmp_path / "timing.json"
    options = ["--ssml", "--style", "joy", "--format", "mulaw", "--rate-hz", "8000"]
    outcome = visage("speak", document, *options, "-o", str(sound), "--timing", str(timing), "--track")
    found = json.loads(timing.read_text())
    wrong = visage("speak", "<speak><audio/></speak>", "--ssml", "-o", str(tmp_path / "no.wav"))

    assert outcome.returncode == 0, outcome.stderr
    assert [word["text"] for word in found["words"]] == ["Good", "morning"]
    assert found["marks"] == [["here", found["words"][1]["start_s"]]]
    assert len(found["prosody"]["f0_hz"]) == pytest.approx(sound.stat().st_size / 80, abs=2)
    assert wrong.returncode == 1
    assert "line 1, column 8" in wrong.stderr


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_animate_writes_curves(addresses: ClientSettings, tmp_path: Path, suffix: str) -> None:
    """`visage animate` writes one row a frame with 52 curves and a pose."""
    path = tmp_path / f"curves{suffix}"
    outcome = visage("animate", "--text", "Good morning.", "-o", str(path))
    lines = path.read_text().splitlines()
    rows = list(csv.DictReader(lines)) if suffix == ".csv" else [json.loads(line) for line in lines]

    assert outcome.returncode == 0, outcome.stderr
    assert len(rows[0]) == 1 + 52 + 6
    assert max(float(row["JawOpen"]) for row in rows) > 0.1


def test_curves_of_a_file_move_a_face(addresses: ClientSettings, identity: str, tmp_path: Path) -> None:
    """What `visage animate` wrote is read back the same, and `visage talk --curves` renders it frame by frame."""
    spoken, again, film = tmp_path / "spoken.csv", tmp_path / "again.csv", tmp_path / "film.mp4"
    emotion = ("--emotion", "joy=0.7", "--gaze", "yaw=5,pitch=0", "--seed", "3")
    first = visage("animate", "--text", "Good morning.", "-o", str(spoken), *emotion)
    second = visage("animate", str(spoken), "-o", str(again))
    shown = visage("--json", "talk", identity, "--curves", str(spoken), "-o", str(film))
    rows = spoken.read_text().splitlines()

    assert [outcome.returncode for outcome in (first, second, shown)] == [0, 0, 0], first.stderr + shown.stderr
    assert again.read_text().splitlines() == rows
    assert json.loads(shown.stdout)["summary"]["frame_count"] == len(rows) - 1
    assert film.read_bytes()[4:8] == b"ftyp"


def test_identity_lives_from_create_to_delete(
    addresses: ClientSettings, identity: str, portrait_file: Path, tmp_path: Path
) -> None:
    """create, show with preview, compare and delete work by name or id."""
    created = visage("--json", "identity", "create", str(portrait_file), "--id", "second-one")
    shown = visage("--json", "identity", "show", "second-one", "--preview", str(tmp_path / "preview.png"))
    compared = visage("--json", "identity", "compare", identity, str(portrait_file))
    deleted = visage("identity", "delete", "second-one")
    gone = visage("--json", "identity", "show", "second-one")

    assert created.returncode == 0, created.stderr
    assert json.loads(shown.stdout)["state"] == "READY"
    assert {item["reason"] for item in json.loads(created.stdout)["report"]["warnings"]} >= {"low_resolution", "smile"}
    assert json.loads(shown.stdout)["report"] == json.loads(created.stdout)["report"]
    assert (tmp_path / "preview.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads(compared.stdout)["same_person"] is True
    assert deleted.returncode == 0
    assert gone.returncode == 1
    assert json.loads(gone.stderr)["reason"] == "RESOURCE_NOT_FOUND"


def test_errors_are_one_clear_line(addresses: ClientSettings, identity: str, tmp_path: Path) -> None:
    """A wrong photo, a missing file and a wrong option end with status 1 or 2 and say what to do."""
    text = tmp_path / "notes.txt"
    text.write_text("not a photo")
    wrong = visage("identity", "create", str(text))
    missing = visage("talk", str(tmp_path / "nobody.jpg"), "--text", "Hi.", "-o", str(tmp_path / "x.mp4"))
    both = visage("talk", "identities/astronaut", "-o", str(tmp_path / "x.mp4"))

    assert (wrong.returncode, missing.returncode, both.returncode) == (1, 1, 2)
    assert "photo" in wrong.stderr
    assert "nobody.jpg" in missing.stderr
    assert "--text" in both.stderr
    assert not (tmp_path / "x.mp4").exists()


def test_status_names_every_service(addresses: ClientSettings, identity: str) -> None:
    """`visage status` shows four serving services and ends with 0."""
    outcome = visage("--json", "status")

    assert outcome.returncode == 0
    assert set(json.loads(outcome.stdout).values()) == {"serving"}


def test_doctor_finds_everything(identity: str) -> None:
    """On a machine that is set up, `visage doctor` is content."""
    outcome = visage("--json", "doctor")

    assert outcome.returncode == 0, outcome.stdout
    assert all(check["fine"] for check in json.loads(outcome.stdout))
