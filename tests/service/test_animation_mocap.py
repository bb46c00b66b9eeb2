"""AnimateFromMocap over real gRPC: recordings, live rows, what is refused; and our own files read back."""

from __future__ import annotations

import asyncio
import csv
import io
import wave as wave_files
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.fakes.animation_service import animation_client
from tests.fakes.lip_sync import speech_like
from tests.fakes.recordings import bvh, json_lines, live_link_csv, seconds_csv
from visage.cli import __main__ as command
from visage.cli.curve_files import to_csv, to_json_lines
from visage.client import InvalidRequest, performance_controls
from visage.media.arkit import CURVE_INDEX, CURVE_NAMES
from visage.media.curve_schemas import SCHEMAS
from visage.media.pcm import to_int16
from visage.runtime.wire import duration_of
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import curves_pb2
from visage.v1.animation_service_pb2_grpc import AnimationServiceStub

pytestmark = pytest.mark.service

JAW = CURVE_INDEX["JawOpen"]
Request = pb.AnimateFromMocapRequest


def wave(count: int) -> np.ndarray:
    return 0.3 - 0.3 * np.cos(np.arange(count) / 10)


def wav() -> bytes:
    file = io.BytesIO()
    with wave_files.open(file, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
        writer.writeframes(to_int16(speech_like(2)).tobytes())
    return file.getvalue()


@pytest.mark.parametrize("name", ["live link", "audio2face", "json", "bvh"])
async def test_every_format_becomes_curves(name: str) -> None:
    """Two seconds each, found by their first bytes."""
    times = np.arange(60) / 30
    files = {
        "live link": live_link_csv({"JawOpen": wave(120), "HeadYaw": wave(120)}),
        "audio2face": seconds_csv({"JawOpen": wave(60)}, times, prefix="blendShapes."),
        "json": json_lines({"jawOpen": wave(60)}, times, nested=True),
        "bvh": bvh([(0, 0, turn) for turn in range(50)]),
    }
    async with animation_client() as visage:
        clip = await visage.animation.from_mocap(files[name].encode())

        assert len(clip.values) == 50
        assert tuple(clip.channels) == CURVE_NAMES
        assert clip.notices == ()
        if name == "bvh":
            assert clip.poses[20, 0] == pytest.approx(20, abs=1e-3)
        else:
            assert np.ptp(clip.values[:, JAW]) > 0.5


@pytest.mark.parametrize("schema", ["arkit-52", "arkit-68"])
@pytest.mark.parametrize("fps", [24, 25, 29.97, 60])
async def test_our_own_files_read_back_exactly(schema: str, fps: float) -> None:
    """What `visage animate` wrote of speech is the same after another round, digit for digit, in both formats."""
    async with animation_client() as visage:
        spoken = await visage.animation.from_audio(wav(), fps=fps, schema=schema)
        written = to_csv(spoken)
        options: dict[str, Any] = {"fps": fps, "schema": schema}
        from_csv = await visage.animation.from_mocap(written.encode(), **options)
        from_json = await visage.animation.from_mocap(to_json_lines(spoken).encode(), **options)

        assert to_csv(from_csv) == written
        assert to_csv(from_json) == written
        assert from_csv.notices == ()


async def test_a_recorded_tongue_is_passed_on() -> None:
    """arkit-68 holds the tongue of an Audio2Face recording."""
    text = seconds_csv({"jawOpen": np.full(10, 0.3), "tongueTipUp": np.full(10, 0.6)}, np.arange(10) / 25)
    async with animation_client() as visage:
        clip = await visage.animation.from_mocap(text.encode(), schema="arkit-68")

        assert tuple(clip.channels) == SCHEMAS["curveSchemas/arkit-68"].channels
        assert clip.values[:, list(clip.channels).index("TongueTipUp")] == pytest.approx(0.6)


async def test_what_was_mended_and_ignored_is_told() -> None:
    """Notices carry their metadata through to the client."""
    text = "Time,JawOpen,Ears\n0,0.1,1\n0.04,nan,1\n0.08,0.1,1\n0.08,0.1,1\n"
    async with animation_client() as visage:
        clip = await visage.animation.from_mocap(text.encode())

        assert {(notice.kind, *sorted(notice.metadata.items())) for notice in clip.notices} == {
            ("channel_ignored", ("channel", "Ears")),
            ("recording_mended", ("cause", "not_finite"), ("count", "1")),
            ("recording_mended", ("cause", "repeated"), ("count", "1")),
        }


async def test_live_rows_are_answered_at_once() -> None:
    """A row goes in, its frame comes out, before the next row is sent."""
    async with animation_client() as visage:
        answered: asyncio.Queue[int] = asyncio.Queue()

        async def rows() -> AsyncIterator[bytes]:
            yield b"Time,JawOpen\n0,0\n"
            for row in range(1, 6):
                yield f"{row * 0.04},0.{row}\n".encode()
                assert await asyncio.wait_for(answered.get(), 10) <= row

        frames = 0
        async for response in visage.animation.live_mocap(rows(), Request.Config()):
            if response.HasField("block"):
                frames += response.block.frame_count
                answered.put_nowait(response.block.start_frame)

        assert frames == 6


async def test_controls_change_a_live_stream() -> None:
    """From the next frame on, eased."""
    async with animation_client() as visage:
        stub = AnimationServiceStub(visage._connection.channel("animation"))  # type: ignore[no-untyped-call]
        rows = [f"{row * 0.04:.2f},0.5\n".encode() for row in range(50)]
        still = curves_pb2.PerformanceControls(lower_face_strength=0)
        requests = [
            Request(config=Request.Config(live=True)),
            Request(data=b"Time,JawOpen\n" + b"".join(rows[:25])),
            Request(controls=still),
            Request(data=b"".join(rows[25:])),
        ]
        values: list[float] = []
        async for response in stub.AnimateFromMocap(iter(requests)):
            values += list(np.reshape(response.block.values, (-1, 52))[:, JAW]) if response.HasField("block") else []

        assert values[:24] == pytest.approx([0.5] * 24)
        assert values[-1] == 0


@pytest.mark.parametrize(
    ("config", "data", "field"),
    [
        ({}, b"", "data"),
        ({}, b"hello\n", "data"),
        ({"format": "FORMAT_BVH"}, b"Time,JawOpen\n0,0\n", "data"),
        ({"calibration_duration": duration_of(11)}, b"", "config.calibration_duration"),
        ({"calibration_duration": duration_of(-1)}, b"", "config.calibration_duration"),
        ({"smoothing": 1.5}, b"", "config.smoothing"),
        ({"live": True, "add_life": True}, b"", "config.add_life"),
        ({"output": {"schema": "curveSchemas/none"}}, b"", "config.output.schema"),
        ({"source_frame_rate": {"numerator": 1000, "denominator": 1}}, b"", "config.source_frame_rate"),
        ({"controls": {"channel_gains": {"Nose": 1}}}, b"", 'config.controls.channel_gains["Nose"]'),
    ],
)
async def test_what_cannot_be_is_refused(config: dict[str, Any], data: bytes, field: str) -> None:
    """INVALID_ARGUMENT with the field."""
    async with animation_client() as visage:
        pieces = _once(data)
        with pytest.raises(InvalidRequest) as caught:
            async for _ in visage.animation._connection.stream(
                "AnimateFromMocap",
                visage.animation._stub().AnimateFromMocap,
                _requests(Request.Config(**config), pieces),
            ):
                pass

        assert list(caught.value.fields) == [field]


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


async def _requests(config: Request.Config, pieces: AsyncIterator[bytes]) -> AsyncIterator[Request]:
    yield Request(config=config)
    async for piece in pieces:
        yield Request(data=piece)


async def test_too_long_a_recording_is_out_of_range() -> None:
    """The limit and what was found are named."""
    text = seconds_csv({"JawOpen": [0, 0]}, [0, 100], "Time")
    async with animation_client() as visage:
        with pytest.raises(InvalidRequest) as caught:
            await visage.animation.from_mocap(text.encode())

        assert caught.value.reason == "STREAM_TOO_LONG"
        assert caught.value.metadata["limit"] == "60 s"


async def test_the_first_message_is_the_config() -> None:
    """Data before it is out of order."""
    async with animation_client() as visage:
        stub = AnimationServiceStub(visage._connection.channel("animation"))  # type: ignore[no-untyped-call]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in stub.AnimateFromMocap(iter([Request(data=b"x")])):
                pass

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_gains_and_life_reach_the_recording() -> None:
    """Controls of the client, and blinks where the recording has none."""
    text = seconds_csv({"JawOpen": np.full(250, 0.5)}, np.arange(250) / 25, "Time").encode()
    controls = performance_controls(channel_gains={"JawOpen": 0.5}, blinks_per_minute=40)
    async with animation_client() as visage:
        clip = await visage.animation.from_mocap(text, controls=controls, add_life=True)

        assert clip.values[100, JAW] == pytest.approx(0.25, abs=0.05)
        assert clip.values[:, CURVE_INDEX["EyeBlinkLeft"]].max() > 0.8


def test_the_command_turns_a_recording_into_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`visage animate take.csv` against a running service, with smoothing and calibration."""
    take, output = tmp_path / "take.csv", tmp_path / "curves.csv"
    take.write_text(live_link_csv({"JawOpen": 0.2 + wave(120)}))

    async def work() -> None:
        async with animation_client() as visage:
            address = visage._connection.settings.animation_address
            monkeypatch.setenv("VISAGE_ANIMATION_ADDRESS", address)
            arguments = [
                "animate",
                str(take),
                "-o",
                str(output),
                "--calibrate",
                "0.1",
                "--smoothing",
                "0.2",
                "--fps",
                "30",
            ]
            outcome = await asyncio.to_thread(CliRunner().invoke, command.app, arguments)
            assert outcome.exit_code == 0, outcome.output

    asyncio.run(work())
    rows = list(csv.DictReader(output.read_text().splitlines()))

    assert len(rows) == 60
    assert float(rows[0]["JawOpen"]) < 0.05
    assert max(float(row["JawOpen"]) for row in rows) > 0.6
