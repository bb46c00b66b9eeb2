"""What `visage animate` and `visage talk` make of their options, with a fake in place of the mesh."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from visage.cli import __main__ as command
from visage.cli import animate, console, performing, talk
from visage.cli.curve_files import to_csv, to_json_lines
from visage.cli.performing import read_controls
from visage.client import Curves, Notice
from visage.client.testing import FakeVisage
from visage.media import emotions

pytestmark = pytest.mark.unit


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeVisage:
    """What the commands talk to."""
    visage = FakeVisage()

    @asynccontextmanager
    async def connect(_: tuple[str, ...]) -> AsyncIterator[FakeVisage]:
        yield visage

    monkeypatch.setattr(animate, "connect", connect)
    monkeypatch.setattr(talk, "connect", connect)
    return visage


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command.app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("said.txt", "from_text"),
        ("take.csv", "from_mocap"),
        ("take.jsonl", "from_mocap"),
        ("take.BVH", "from_mocap"),
        ("driver.mp4", "from_video"),
        ("driver.webm", "from_video"),
        ("timing.json", "from_visemes"),
    ],
)
def test_the_suffix_says_what_a_source_is(fake: FakeVisage, tmp_path: Path, name: str, call: str) -> None:
    """Each kind of file goes to its own method."""
    source = tmp_path / name
    source.write_text(json.dumps({"visemes": [{"text": "aa", "start_s": 0, "end_s": 1}]}))
    outcome = run("animate", source, "-o", tmp_path / "out.csv")

    assert outcome.exit_code == 0, outcome.output
    assert fake.calls == [f"animation.{call}"]
    assert len((tmp_path / "out.csv").read_text().splitlines()) > 1


def test_timing_files_drive_by_phonemes_where_they_have_any(fake: FakeVisage, tmp_path: Path) -> None:
    """What `visage speak --timing` writes has both; phonemes say more."""
    span = {"text": "a", "start_s": 0, "end_s": 1, "text_start": -1, "text_end": -1}
    source = tmp_path / "timing.json"
    source.write_text(json.dumps({"phonemes": [span], "visemes": [span | {"text": "aa"}]}))
    outcome = run("animate", source, "-o", tmp_path / "out.jsonl", "--schema", "visemes-15")

    assert outcome.exit_code == 0, outcome.output
    assert fake.calls == ["animation.from_phonemes"]


def test_an_idle_face_needs_no_source(fake: FakeVisage, tmp_path: Path) -> None:
    """--idle with --loop, as JSON with frames and notices."""
    outcome = run("--json", "animate", "--idle", "3", "--loop", "-o", tmp_path / "out.csv")
    run("animate", "--text", "Back to tables.", "-o", tmp_path / "out.csv")

    assert outcome.exit_code == 0, outcome.output
    assert json.loads(outcome.stdout) | {"path": ""} == {"path": "", "frames": 75, "notices": [], "tracking": None}
    assert fake.calls[0] == "animation.idle"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "exactly one"),
        (("--text", "Hi.", "--idle", "3"), "exactly one"),
        (("face.obj",), "SOURCE"),
        (("--text", "Hi.", "--loop"), "--loop"),
        (("take.csv", "--face-index", "1"), "--face-index"),
        (("driver.mp4", "--calibrate", "1"), "--calibrate"),
        (("--text", "Hi.", "--smoothing", "0.5"), "--smoothing"),
        (("take.csv", "--emotion", "joy=0.7"), "--add-life"),
        (("driver.mp4", "--gaze", "yaw=3"), "--add-life"),
        (("--text", "Hi.", "--emotion", "joy"), "joy=0.7"),
        (("--text", "Hi.", "--emotion", "joy=much"), "number"),
        (("--text", "Hi.", "--emotion", "joy=1@-2"), "negative"),
        (("--text", "Hi.", "--gaze", "left=10"), "yaw"),
        (("--text", "Hi.", "--gaze", "yaw=nan"), "yaw must be a number"),
        (("--text", "Hi.", "--emotion", "joy=1@inf"), "time of joy must be a number"),
        (("--text", "Hi.", "--emotion", "joy=1@1e30"), "length of time"),
        (("--text", "Hi.", "--seed", 2**63), "64 bits"),
        (("driver.mp4", "--face-index", 10), "--face-index"),
    ],
)
def test_options_that_cannot_be_are_refused_before_a_mesh_starts(
    fake: FakeVisage, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Status 2 and the option's name."""
    outcome = run("animate", *arguments, "-o", tmp_path / "out.csv")

    assert outcome.exit_code == 2
    assert message in outcome.output
    assert fake.calls == []


def test_a_source_that_is_missing_is_one_line(fake: FakeVisage, tmp_path: Path) -> None:
    """Status 1, the path and no call."""
    outcome = run("animate", tmp_path / "nothing.csv", "-o", tmp_path / "out.csv")

    assert outcome.exit_code == 1
    assert "nothing.csv" in outcome.output.replace("\n", "")
    assert fake.calls == []


def test_text_that_is_none_is_one_line(fake: FakeVisage, tmp_path: Path) -> None:
    """Status 1 and what is wanted, without a traceback."""
    (tmp_path / "said.txt").write_bytes(b"\xff\xfe")
    outcome = run("animate", tmp_path / "said.txt", "-o", tmp_path / "out.csv")

    assert outcome.exit_code == 1
    assert "UTF-8" in outcome.output


def test_a_folder_that_is_missing_is_told_before_the_work(fake: FakeVisage, tmp_path: Path) -> None:
    """Status 1, the folder and no call."""
    outcome = run("animate", "--text", "Hi.", "-o", tmp_path / "nowhere" / "out.csv")

    assert outcome.exit_code == 1
    assert "nowhere does not exist" in outcome.output.replace("\n", "")
    assert fake.calls == []


def test_brackets_in_a_message_are_shown(fake: FakeVisage, tmp_path: Path) -> None:
    """They are not taken for the console's markup."""
    outcome = run("animate", tmp_path / "[/b] [red].csv", "-o", tmp_path / "out.csv")

    assert outcome.exit_code == 1
    assert "[/b] [red].csv" in outcome.output.replace("\n", "")


def test_the_help_names_every_emotion() -> None:
    """Those of the services."""
    assert performing.EMOTIONS == emotions.EMOTIONS


def test_emotions_hold_until_they_are_named_again() -> None:
    """joy from the start, anger on top from 1.5 s, joy gone from 3 s; whatever the order of the options."""
    controls = read_controls(3, ["joy=0@3", "joy=0.7", "anger=0.2@1.5"], "yaw=10,pitch=-5")
    keys = [(key.start_offset.ToMilliseconds(), dict(key.emotion.weights)) for key in controls.emotion_keys]

    assert [at_ms for at_ms, _ in keys] == [0, 1500, 3000]
    assert keys[1][1] == pytest.approx({"joy": 0.7, "anger": 0.2})
    assert keys[2][1] == pytest.approx({"joy": 0.0, "anger": 0.2})
    assert (controls.gaze_target.yaw_degrees, controls.gaze_target.pitch_degrees, controls.seed) == (10, -5, 3)


def test_what_is_not_said_is_left_to_the_service() -> None:
    """Without options neither gaze nor emotion is set."""
    controls = read_controls(0, None, "")

    assert not controls.HasField("gaze_target")
    assert not controls.HasField("detected_emotion_mix")
    assert len(controls.emotion_keys) == 0


@pytest.mark.parametrize(
    ("driver", "calls"),
    [
        (("--video", "driver.mp4", "--relative"), ["generation.stream"]),
        (("--curves", "take.csv", "--add-life", "--emotion", "joy=1"), ["animation.from_mocap", "generation.stream"]),
        (("--text", "Hello.", "--emotion", "joy=0.7"), ["generation.stream"]),
    ],
)
def test_talk_takes_a_video_or_a_performance(
    fake: FakeVisage, tmp_path: Path, driver: tuple[str, ...], calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A video goes into the request; a performance becomes curves first."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "driver.mp4").write_bytes(bytes(3_000))
    (tmp_path / "take.csv").write_text("Time,JawOpen\n0,0\n")
    outcome = run("talk", "identities/anna", *driver, "-o", "film.mp4")

    assert outcome.exit_code == 0, outcome.output
    assert fake.calls == calls


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--text", "Hi.", "--curves", "take.csv"), "exactly one"),
        (("--text", "Hi.", "--relative"), "--video"),
        (("--audio", "a.wav", "--smoothing", "0.2"), "--video"),
        (("--audio", "a.wav", "--add-life"), "--curves"),
        (("--curves", "take.csv", "--emotion", "joy=0.7"), "--add-life"),
    ],
)
def test_talk_refuses_options_without_their_driver(fake: FakeVisage, arguments: tuple[str, ...], message: str) -> None:
    """Status 2 and what is needed."""
    outcome = run("talk", "identities/anna", *arguments, "-o", "film.mp4")

    assert outcome.exit_code == 2
    assert message in outcome.output


def test_files_have_one_row_a_frame() -> None:
    """Time, channels and pose, in CSV and in JSON lines alike."""
    values = np.array([[0.25], [0.5]], np.float32)
    clip = Curves(("JawOpen",), 30.0, values, np.full((2, 6), 0.125, np.float32))
    rows = list(csv.DictReader(to_csv(clip).splitlines()))
    lines = [json.loads(line) for line in to_json_lines(clip).splitlines()]

    assert [row["Time"] for row in rows] == ["0.0000", "0.0333"]
    assert [line["JawOpen"] for line in lines] == [float(row["JawOpen"]) for row in rows] == [0.25, 0.5]
    assert lines[1]["HeadZ"] == float(rows[1]["HeadZ"]) == 0.125


def test_a_note_says_what_is_known_of_it() -> None:
    """Which channel, how many rows and why."""
    notices = [Notice("recording_mended", "rows were filled in", 1.25, {"count": "3", "cause": "gap"})]

    assert console.notes(notices) == ["note at 1.2 s: rows were filled in (cause gap, count 3)"]
