"""Recordings as files: names, times, rotations, limits; the cut of the bytes leaves no trace."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.fakes.recordings import bvh, json_lines, live_link_csv, seconds_csv, time_code
from visage.animation.mocap.columns import COLUMN_NAMES, EYES, POSE
from visage.animation.mocap.lines import Lines
from visage.animation.mocap.opening import Format, Intake
from visage.animation.mocap.rows import Rows
from visage.animation.mocap.time_codes import CodeClock, parse_code
from visage.runtime.errors import InvalidField, MediaUndecodable, StreamTooLong, VisageError

pytestmark = pytest.mark.unit

JAW = COLUMN_NAMES.index("JawOpen")


def read(
    text: str | bytes,
    kind: Format = Format.ANY,
    rate: Fraction | None = None,
    piece: int = 1 << 20,
    *,
    is_live: bool = False,
    longest_s: float = 600.0,
) -> tuple[Rows, Intake]:
    """Reads a file in pieces."""
    data = text.encode() if isinstance(text, str) else text
    intake = Intake(kind, rate, longest_s, is_live=is_live)
    parts = [intake.push(data[start : start + piece]) for start in range(0, len(data), piece)]
    return Rows.joined([*parts, intake.finish()]), intake


def ramp(count: int) -> np.ndarray:
    return np.linspace(0, 0.9, count)


RAMP = {"JawOpen": ramp(30), "JawLeft": ramp(30) / 2, "HeadYaw": ramp(30) / 10}
TIMES = np.arange(30) / 30
FILES = {
    "live link": live_link_csv(RAMP),
    "audio2face": seconds_csv({"JawOpen": ramp(30)}, TIMES, prefix="blendShapes."),
    "own": seconds_csv(RAMP, TIMES, "Time"),
    "json": json_lines(RAMP, TIMES),
    "nested json": json_lines(RAMP, TIMES, nested=True),
    "bvh": bvh([(0, 0, turn) for turn in range(30)]),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("piece", [1, 97])
def test_the_cut_of_a_file_leaves_no_trace(name: str, piece: int) -> None:
    """Byte by byte or all at once, with any line end: the same rows."""
    whole, _ = read(FILES[name])
    cut, _ = read(FILES[name], piece=piece)
    returns, _ = read(b"\xef\xbb\xbf" + FILES[name].replace("\n", "\r\n").encode(), piece=piece)

    assert len(whole) == 30
    for other in (cut, returns):
        assert np.array_equal(whole.times, other.times)
        assert np.array_equal(whole.values, other.values, equal_nan=True)


@pytest.mark.parametrize("name", ["live link", "audio2face", "own", "json", "nested json"])
def test_columns_are_found_by_name(name: str) -> None:
    """JawOpen is the ramp in every format; what a file does not tell is unknown."""
    rows, intake = read(FILES[name])

    assert np.allclose(rows.values[:, JAW], ramp(30), atol=1e-6)
    assert not intake.findings.ignored
    if "json" in name:
        assert np.isnan(rows.values[:, COLUMN_NAMES.index("BrowInnerUp")]).all()


def test_order_case_and_spelling_of_columns_do_not_matter() -> None:
    """jawOpen, JAWRIGHT and mouthSmile_L are read; unknown and repeated names are told and left out."""
    text = "Nose,mouthSmile_L,time,JAWRIGHT,jawOpen,JawOpen\n1,0.1,0,0.2,0.3,0.9\n1,0.1,0.1,0.2,0.3,0.9\n"
    rows, intake = read(text)

    assert rows.times.tolist() == [0, 0.1]
    assert [rows.values[0, COLUMN_NAMES.index(name)] for name in ("MouthSmileLeft", "JawRight", "JawOpen")] == (
        pytest.approx([0.1, 0.2, 0.3])
    )
    assert list(intake.findings.ignored) == ["Nose", "JawOpen"]


def test_live_link_rotations_have_our_signs_and_units() -> None:
    """Radians become degrees; pitch and roll change sign; eyes likewise."""
    tracks = {"HeadYaw": [0.1] * 2, "HeadPitch": [0.2] * 2, "HeadRoll": [0.3] * 2, "LeftEyePitch": [0.05] * 2}
    rows, _ = read(live_link_csv(tracks))

    assert rows.values[0, POSE][:3] == pytest.approx(np.degrees([0.1, -0.2, -0.3]), abs=1e-3)
    assert rows.values[0, EYES] == pytest.approx([0, np.degrees(-0.05), 0, 0], abs=1e-3)


def test_our_own_head_is_in_degrees_and_metres() -> None:
    """As `visage animate` writes it."""
    rows, _ = read(seconds_csv({"HeadYaw": [5.0, 5.0], "HeadZ": [0.02, 0.02]}, [0, 0.04], "Time"))

    assert rows.values[0, POSE.start] == 5
    assert rows.values[0, POSE.stop - 1] == pytest.approx(20)


def test_semicolons_part_columns_where_commas_are_points() -> None:
    """As spreadsheets of half of Europe write CSV."""
    rows, _ = read("Time;JawOpen\n0,0;0,25\n0,04;0,5\n")

    assert rows.times.tolist() == [0, 0.04]
    assert rows.values[:, JAW].tolist() == [0.25, 0.5]


@pytest.mark.parametrize("nominal", [24, 25, 30, 60])
def test_time_codes_show_their_own_rate(nominal: int) -> None:
    """The last frame before the seconds change tells it; rows are evenly apart, also across midnight."""
    start = 86_400 * nominal - 2 * nominal
    text = live_link_csv({"JawOpen": np.zeros(4 * nominal)}, start_frame=start, nominal=nominal)
    rows, intake = read(text.replace("\n24:00:0", "\n00:00:0"))

    assert intake.frame_rate == nominal
    assert np.allclose(np.diff(rows.times), 1 / nominal)


@pytest.mark.parametrize(("nominal", "dropped"), [(30, 2), (60, 4)])
@pytest.mark.parametrize("is_marked", [False, True])
def test_drop_frame_codes_have_no_gap(nominal: int, dropped: int, is_marked: bool) -> None:
    """Over a minute's start, by the jump in the codes or by their semicolons: 1000/1001 of the rate, evenly apart."""
    start = 59 * nominal
    text = live_link_csv({"JawOpen": np.zeros(2 * nominal)}, start_frame=start, nominal=nominal, dropped=dropped)
    if is_marked:
        text = "\n".join(f"{line[:8]};{line[9:]}" if line[2:3] == ":" else line for line in text.splitlines())
    rows, intake = read(text)

    assert intake.frame_rate == nominal * Fraction(1000, 1001)
    assert np.allclose(np.diff(rows.times), 1.001 / nominal)


def test_codes_that_count_on_are_not_drop_frame() -> None:
    """00 and 01 after a minute's start are there: no number is left out."""
    rows, intake = read(live_link_csv({"JawOpen": np.zeros(60)}, start_frame=59 * 30, nominal=30))

    assert intake.frame_rate == 30
    assert np.allclose(np.diff(rows.times), 1 / 30)


def test_a_frame_rate_that_is_told_counts() -> None:
    """29.97 with whole numbers; a rate that the codes exceed is refused."""
    text = live_link_csv({"JawOpen": np.zeros(60)}, nominal=30)
    rows, _ = read(text, rate=Fraction(30000, 1001))

    assert np.allclose(np.diff(rows.times), 1.001 / 30)
    with pytest.raises(InvalidField) as caught:
        read(text, rate=Fraction(24))
    assert caught.value.field == "config.source_frame_rate"


@pytest.mark.parametrize("name", ["own", "json"])
def test_a_frame_rate_says_nothing_of_seconds(name: str) -> None:
    """Files that tell seconds keep their own rate; it stands in only where no time is told."""
    _, intake = read(FILES[name], rate=Fraction(60))
    rows, timeless = read("JawOpen\n0.1\n0.2\n", rate=Fraction(50))
    objects, _ = read('{"jawOpen": 0.1}\n{"jawOpen": 0.2}\n', rate=Fraction(50))

    assert intake.frame_rate is None
    assert timeless.frame_rate == 50
    assert rows.times.tolist() == objects.times.tolist() == [0, 0.02]


def test_a_live_link_file_may_lack_rotations_and_faces() -> None:
    """52 columns are enough; a row without a face (count 0, no values) is unknown throughout."""
    lines = live_link_csv({"JawOpen": ramp(30)}, has_rotations=False).splitlines()
    lines[10] = lines[10][:15] + ",0"
    rows, _ = read("\n".join(lines))

    assert len(lines[0].split(",")) == 54
    assert np.isnan(rows.values[9]).all()
    assert np.isfinite(rows.values[10, JAW])


def test_fractions_of_frames_count() -> None:
    """The digits behind the point are parts of a frame."""
    assert parse_code("01:02:03:04.500") == (3723, 4.5, False)
    assert parse_code("1:02:03;04") == (3723, 4, True)
    assert [parse_code(text) for text in ("0.04", "00:61:00:00", "00:00:00", "")] == [None] * 4


def test_drop_frame_labels_count_as_the_standard_says() -> None:
    """00:10:00;00 is frame 17982 at 29.97."""
    clock = CodeClock.of(np.array([[600.0, 0.0]]), Fraction(30000, 1001), is_marked=True)

    assert clock.seconds(np.array([[600.0, 0.0]]))[0] * 30000 / 1001 == pytest.approx(17982)
    assert time_code(17982, 30, 2) == "00:10:00:00.000"


def test_live_time_codes_are_known_once_a_second_has_ended() -> None:
    """Rows wait for the first end of a second, then come at once."""
    text = live_link_csv({"JawOpen": np.zeros(90)}, start_frame=30, nominal=60).encode()
    intake = Intake(Format.ANY, None, 600, is_live=True)
    counts = [len(intake.push(line)) for line in text.splitlines(keepends=True)]

    assert counts[:31] == [0] * 31
    assert counts[31] == 31
    assert counts[32:] == [1] * 59


def test_bvh_gives_the_pose_of_head_and_neck() -> None:
    """Turns about y, x and z are yaw, pitch (down is negative) and roll; the neck adds, arms and spine do not."""
    rows, intake = read(bvh([(0, 0, 0), (0, 0, 20), (0, 15, 0), (10, 0, 0)], frame_s=0.0333333))
    with_neck, _ = read(bvh([(0, 0, 10)], neck=(5, 0, 0)))

    assert rows.values[:, POSE.start : POSE.start + 3] == pytest.approx(
        np.array([[0, 0, 0], [20, 0, 0], [0, -15, 0], [0, 0, -10]]), abs=1e-4
    )
    assert with_neck.values[0, POSE.start] == pytest.approx(15, abs=1e-4)
    assert np.allclose(np.diff(rows.times), 0.0333333)
    assert intake.frame_rate == pytest.approx(30, abs=0.01)
    assert np.isnan(rows.values[:, JAW]).all()


def test_values_that_are_none_are_counted() -> None:
    """NaN, infinity, words, empty and missing cells are unknown; a row without a time is left out."""
    rows, intake = read("Time,JawOpen,JawLeft\n0,nan,0.1\n0.04,inf,\n0.08,x,0.1\n0.12\nlater,0.5,0.5\n")

    assert len(rows) == 4
    assert np.isnan(rows.values[:, JAW]).all()
    assert intake.findings.mended["not_finite"] == 7


@pytest.mark.parametrize(
    ("text", "kind", "error", "message"),
    [
        ("", Format.ANY, MediaUndecodable, "no lines"),
        ("\n\n", Format.ANY, MediaUndecodable, "no lines"),
        ("a,b,c\n1,2,3\n", Format.ANY, MediaUndecodable, "no known curve"),
        ("JawOpen\n1\n", Format.ANY, MediaUndecodable, "source_frame_rate"),
        ("Time,JawOpen\nnoon,1\n", Format.ANY, MediaUndecodable, "line 2"),
        ("Time,JawOpen\n", Format.BVH, MediaUndecodable, "not that of BVH"),
        ('{"time": 0}', Format.LIVE_LINK_CSV, MediaUndecodable, "not that of Live Link"),
        (b"\xff\xfe\x00", Format.ANY, MediaUndecodable, "UTF-8"),
        ("{]\n", Format.ANY, MediaUndecodable, "line 1 is no JSON"),
        ('{"a": ' + "[" * 30_000 + "\n", Format.ANY, MediaUndecodable, "no JSON"),
        ("{}\n[1]\n", Format.ANY, MediaUndecodable, "line 2"),
        ("x" * 70_000, Format.ANY, InvalidField, "65536"),
        ("Time," + ",".join(f"c{index}" for index in range(2000)), Format.ANY, InvalidField, "1024"),
        (
            bvh([(0, 0, 0)]).replace("Head", "Hand").replace("Neck", "Nick"),
            Format.ANY,
            MediaUndecodable,
            "head or neck",
        ),
        (bvh([(0, 0, 0)]).replace("CHANNELS 6", "CHANNELS 7"), Format.ANY, MediaUndecodable, "line 5"),
        (bvh([(0, 0, 0)]).replace("Frame Time: 0.04", "Frame Time: 0"), Format.ANY, MediaUndecodable, "0.004"),
        (bvh([]).split("MOTION")[0], Format.ANY, MediaUndecodable, "before its motion"),
        ("HIERARCHY\n" + "ROOT a\n{\n" * 600, Format.ANY, InvalidField, "joints"),
    ],
)
def test_files_that_are_none_are_refused(
    text: str | bytes, kind: Format, error: type[VisageError], message: str
) -> None:
    """Each with its cause, and the line where there is one."""
    with pytest.raises(error, match=message):
        read(text, kind)


def test_rows_are_limited() -> None:
    """More rows than the longest recording can have are refused while they come, waiting ones included."""
    with pytest.raises(StreamTooLong):
        read(seconds_csv({"JawOpen": np.zeros(130)}, np.arange(130) * 1e-3), longest_s=1)
    with pytest.raises(StreamTooLong):
        read(live_link_csv({"JawOpen": np.zeros(130)}), longest_s=1)


def test_lines_end_in_any_way() -> None:
    """Feed, return or both, even where the cut lies between them."""
    lines = Lines()

    assert lines.push(b"a\r") + lines.push(b"\nb\rc\n") + lines.push(b"d") + lines.finish() == ["a", "b", "c", "d"]
