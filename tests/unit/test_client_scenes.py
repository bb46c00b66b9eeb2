"""Cameras, lamps, sizes and pixel formats as the client and the command write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from visage.cli.scene import read_camera, read_light, read_size
from visage.client import Camera, KeyLight
from visage.client.testing import FAKE_FILM, FakeVisage
from visage.v1 import composition_service_pb2 as pb
from visage.v1 import media_pb2

pytestmark = pytest.mark.unit


async def scene(**options: object) -> pb.Scene:
    """The scene of a request that the fake's client makes, which is the real one."""
    return (await FakeVisage().generation.request("identities/anna", text="hello", **options)).scene


async def test_a_camera_becomes_its_message() -> None:
    """Framing, zoom, pan and the three angles of the orbit."""
    camera = (await scene(camera=Camera("head", 10.0, -5.0, 2.0, zoom=1.5, pan_x=0.25, pan_y=-0.5))).camera

    assert camera == pb.Camera(
        framing=pb.Camera.FRAMING_HEAD,
        orbit=pb.Orbit(yaw_degrees=10, pitch_degrees=-5, roll_degrees=2),
        zoom=1.5,
        pan_x=0.25,
        pan_y=-0.5,
    )


async def test_a_lamp_becomes_its_message() -> None:
    """An intensity of zero is said, not left out."""
    light = (await scene(light=KeyLight(-60.0, 30.0, 0.0, "#ffd0a0"))).light

    assert light.HasField("intensity")
    assert light == pb.KeyLight(azimuth_degrees=-60, elevation_degrees=30, intensity=0.0, color="#ffd0a0")


async def test_without_wishes_the_message_has_none() -> None:
    """The service's defaults stay the service's."""
    plain = await scene()

    assert not plain.HasField("camera") and not plain.HasField("light") and not plain.video.HasField("raw_frames")


@pytest.mark.parametrize("name", ["rgb24", "rgba32", "nv12", "i420"])
async def test_pixel_formats_have_plain_names(name: str) -> None:
    """Each asks for raw frames."""
    video = (await scene(pixel_format=name)).video

    assert media_pb2.PixelFormat.Name(video.raw_frames.pixel_format) == f"PIXEL_FORMAT_{name.upper()}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"camera": Camera("knee")}, "unknown framing 'knee': it is one of bust, head, face"),
        ({"pixel_format": "rgb"}, "unknown pixel format 'rgb': it is one of rgb24, nv12, i420, rgba32"),
    ],
)
async def test_unknown_names_are_refused_with_the_known_ones(options: dict[str, object], message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=message):
        await scene(**options)


async def test_raw_frames_are_no_film(tmp_path: Path) -> None:
    """Saving them is refused; streaming gives them, in the fake as well."""
    fake = FakeVisage()
    request = await fake.generation.request("identities/a", text="hello", width=64, height=32, pixel_format="rgba32")
    with pytest.raises(ValueError, match="stream"):
        await fake.generation.save(request, tmp_path / "clip.mp4")
    kinds = {r.WhichOneof("response"): r async for r in fake.generation.stream(request)}

    assert list(kinds) == ["header", "frame", "summary"] and not (tmp_path / "clip.mp4").exists()
    assert (kinds["header"].header.width, kinds["header"].header.pixel_format) == (64, media_pb2.PIXEL_FORMAT_RGBA32)
    assert len(kinds["frame"].frame.data) == 64 * 32 * 4


async def test_the_fake_streams_the_wanted_size() -> None:
    """The header says what was asked for."""
    fake = FakeVisage()
    request = await fake.generation.request("identities/a", text="hello", width=256, height=320)
    responses = [r async for r in fake.generation.stream(request)]

    assert (responses[0].header.width, responses[0].header.height) == (256, 320)
    assert responses[1].fragment.data == FAKE_FILM


def test_a_size_is_two_numbers() -> None:
    """Width, then height."""
    assert read_size("720x1280") == (720, 1280)


def test_options_become_a_camera_and_a_lamp() -> None:
    """What is not named keeps its default; no --light is the photo's own."""
    assert read_camera("head", 1.4, "yaw=10, pitch=-5", "y=0.1") == Camera("head", 10.0, -5.0, zoom=1.4, pan_y=0.1)
    assert read_light("azimuth=-60,elevation=30,intensity=0.8,color=#ffd0a0") == KeyLight(-60, 30, 0.8, "#ffd0a0")
    assert read_light("azimuth=5") == KeyLight(5.0) and read_light("") is None


@pytest.mark.parametrize("text", ["512", "512X512", "x512", "512x", "12x12x12", "-1x4", ""])
def test_other_sizes_say_how_they_are_written(text: str) -> None:
    """The option and an example are named."""
    with pytest.raises(typer.BadParameter, match="WIDTHxHEIGHT"):
        read_size(text)


@pytest.mark.parametrize(
    ("orbit", "message"),
    [
        ("jaw=10", "yaw=…,pitch=…,roll=…"),
        ("yaw", "yaw=…"),
        ("yaw=1,yaw=2", "at most once"),
        ("yaw=left", "yaw must be a number"),
        ("yaw=1,,", "yaw=…"),
    ],
)
def test_faults_of_an_orbit_are_named(orbit: str, message: str) -> None:
    """What was expected stands in the error."""
    with pytest.raises(typer.BadParameter, match=message):
        read_camera("bust", 1.0, orbit, "")


def test_faults_of_a_lamp_are_named() -> None:
    """The names it knows."""
    with pytest.raises(typer.BadParameter, match="azimuth=…,elevation=…,intensity=…,color=…"):
        read_light("angle=5")
