"""From one photo and one sentence to a talking video, through four real services and a real Triton."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tests.e2e.counters import active_calls, triton_load
from visage.client import AsyncVisage, Camera, Curves, KeyLight
from visage.client.embedded import EmbeddedMesh

pytestmark = pytest.mark.e2e

SENTENCE = "Peter bought a big red apple, and Mary ate the whole thing."
LONG_TEXT = " ".join(
    f"This is sentence number {number}, which is spoken slowly and clearly." for number in range(1, 10)
)
UPPER_LIP, LOWER_LIP = 13, 14


def decode(data: bytes) -> tuple[list[np.ndarray], np.ndarray, float, int]:
    """Returns frames, audio samples, frame rate and sample rate of an MP4."""
    with av.open(io.BytesIO(data)) as container:
        video = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video)]
        rate = float(video.average_rate)
    with av.open(io.BytesIO(data)) as container:
        if not container.streams.audio:
            return frames, np.zeros(0, np.float32), rate, 0
        audio = container.streams.audio[0]
        samples = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio)]
        return frames, np.concatenate(samples), rate, audio.sample_rate


def png(frame: np.ndarray) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1].tobytes()


async def lip_gap(visage: AsyncVisage, frame: np.ndarray) -> float:
    """Returns the distance of the inner lips in pixels, from the landmarks of a rendered frame."""
    points = (await visage.identities.landmarks(png(frame)))[0].points
    return float(np.linalg.norm(points[UPPER_LIP, :2] - points[LOWER_LIP, :2]))


async def test_a_sentence_becomes_a_film_with_sound(mesh: EmbeddedMesh, identity: str, tmp_path: Path) -> None:
    """Pictures at 25 fps and sound have one length, the mouth moves while it speaks, and the film starts at rest."""
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, text=SENTENCE)
        clip = await visage.generation.save(request, tmp_path / "clip.mp4")
        frames, samples, rate, sample_rate = decode((tmp_path / "clip.mp4").read_bytes())
        gaps = [await lip_gap(visage, frame) for frame in frames[5:60:3]]

    assert frames[0].shape == (512, 512, 3)
    assert rate == 25
    assert clip.summary is not None
    assert clip.summary.frame_count == len(frames) > 50
    assert abs(len(frames) / rate - len(samples) / sample_rate) < 0.1
    assert np.abs(samples).max() > 0.05
    assert max(gaps) - min(gaps) > 6


async def test_first_fragment_comes_before_the_text_is_synthesised(mesh: EmbeddedMesh, identity: str) -> None:
    """Of a text of about 30 s, pictures arrive while most of its words are not yet spoken."""
    words_before, words_in_all, fragments = 0, 0, 0
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, text=LONG_TEXT)
        request.include_timing = True
        async for response in visage.generation.stream(request):
            kind = response.WhichOneof("response")
            if kind == "timing":
                words_in_all += len(response.timing.words)
                words_before += len(response.timing.words) if fragments == 0 else 0
            elif kind == "fragment" and response.fragment.sequence_number > 0:
                fragments += 1
            elif kind == "summary":
                duration_s = response.summary.media_duration.seconds

    assert duration_s >= 25
    assert words_in_all == len(LONG_TEXT.split())
    assert 0 < words_before < words_in_all / 2


async def test_cancel_stops_the_whole_mesh_within_a_second(mesh: EmbeddedMesh, identity: str) -> None:
    """After the caller has gone, no service has a call in flight and Triton executes nothing more."""
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, text=LONG_TEXT)
        stream = visage.generation.stream(request)
        async for response in stream:
            if response.WhichOneof("response") == "fragment" and response.fragment.sequence_number > 0:
                break
        busy = await asyncio.to_thread(active_calls, mesh)
        await stream.aclose()
        async with asyncio.timeout(1.0) as limit:
            while any((await asyncio.to_thread(active_calls, mesh)).values()):
                await asyncio.sleep(0.02)
            # What Triton had begun when the call was cancelled may end within the same second.
            left_s = limit.when() - asyncio.get_running_loop().time()
    await asyncio.sleep(left_s)
    waiting, executed = await asyncio.to_thread(triton_load, mesh)
    await asyncio.sleep(1.0)

    assert busy["composition"] == busy["speech"] == busy["animation"] == 1
    assert waiting == 0
    assert await asyncio.to_thread(triton_load, mesh) == (0, executed)


async def test_same_seed_same_pictures(mesh: EmbeddedMesh, identity: str) -> None:
    """Two generations of one request are the same bytes of film."""
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, text="Twice the same.")
        films = []
        for _ in range(2):
            parts = [r.fragment.data async for r in visage.generation.stream(request) if r.HasField("fragment")]
            films.append(decode(b"".join(parts))[0])

    assert len(films[0]) == len(films[1])
    assert all(np.array_equal(one, two) for one, two in zip(*films, strict=True))


async def test_curves_drive_the_face(mesh: EmbeddedMesh, identity: str, tmp_path: Path) -> None:
    """A caller's own curves open the mouth and turn the head when and as far as they say."""
    values = np.zeros((30, 1), np.float32)
    values[10:20] = 0.8
    curves = Curves(("JawOpen",), 25.0, values, np.zeros((30, 6), np.float32))
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, curves=curves)
        await visage.generation.save(request, tmp_path / "curves.mp4")
        frames, samples, _, _ = decode((tmp_path / "curves.mp4").read_bytes())
        shut, wide = await lip_gap(visage, frames[2]), await lip_gap(visage, frames[15])

    assert len(frames) == 30
    assert len(samples) == 0
    assert wide - shut > 15


@pytest.mark.parametrize("size", [(256, 256), (720, 404)])
async def test_background_and_size_are_the_callers(
    mesh: EmbeddedMesh, identity: str, tmp_path: Path, size: tuple[int, int]
) -> None:
    """A colour replaces the background, and other sizes and aspect ratios are delivered."""
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(
            identity, text="Green.", width=size[0], height=size[1], background="#00c000"
        )
        await visage.generation.save(request, tmp_path / "green.mp4")
    frames, _, _, _ = decode((tmp_path / "green.mp4").read_bytes())
    corner = frames[len(frames) // 2][:8, :8].reshape(-1, 3).mean(0)

    assert frames[0].shape == (size[1], size[0], 3)
    assert np.abs(corner - (0, 192, 0)).max() < 25


async def still(visage: AsyncVisage, identity: str, pixel_format: str = "rgb24", **scene: Any) -> np.ndarray:
    """Returns one rendered frame of the face at rest: [height, width, channels], or [height * 3 / 2, width] in YUV."""
    curves = Curves(("JawOpen",), 25.0, np.zeros((1, 1), np.float32), np.zeros((1, 6), np.float32))
    request = await visage.generation.request(identity, curves=curves, pixel_format=pixel_format, **scene)
    data = b""
    async for response in visage.generation.stream(request):
        if response.HasField("header"):
            width, height = response.header.width, response.header.height
        elif response.HasField("frame"):
            data += response.frame.data
    pixels = np.frombuffer(data, np.uint8)
    is_planar = pixel_format in ("i420", "nv12")
    return pixels.reshape(height * 3 // 2, width) if is_planar else pixels.reshape(height, width, -1)


async def test_a_camera_orbits_and_comes_nearer(mesh: EmbeddedMesh, identity: str) -> None:
    """A yaw moves the nose to the right between the eyes; the face's framing makes the eyes lie wider apart."""
    left_eye, right_eye, nose = 33, 263, 1

    async with AsyncVisage(mesh.settings) as visage:

        async def measured(camera: Camera) -> tuple[float, float]:
            picture = await still(visage, identity, camera=camera)
            points = (await visage.identities.landmarks(png(picture)))[0].points
            apart = points[right_eye, 0] - points[left_eye, 0]
            return float(apart), float((points[nose, 0] - points[left_eye, 0]) / apart)

        front, turned, near = [
            await measured(camera) for camera in (Camera(), Camera(yaw_degrees=15.0), Camera(framing="face"))
        ]

    assert turned[1] - front[1] > 0.1
    assert near[0] / front[0] == pytest.approx(512 / 304, rel=0.05)


async def test_a_lamp_lights_its_side_of_the_face(mesh: EmbeddedMesh, identity: str) -> None:
    """From the left the left cheek is brighter than from the right; at intensity 0 the picture is the photo's own."""
    async with AsyncVisage(mesh.settings) as visage:
        own = await still(visage, identity)
        none = await still(visage, identity, light=KeyLight(-70.0, 0.0, 0.0))
        lit = [await still(visage, identity, light=KeyLight(azimuth)) for azimuth in (-70.0, 70.0)]
    cheeks = [(picture[280:330, 190:215].mean(), picture[280:330, 297:322].mean()) for picture in lit]

    assert np.array_equal(own, none)
    assert cheeks[0][0] > cheeks[1][0] + 20 and cheeks[1][1] > cheeks[0][1] + 20


async def test_transparent_frames_go_before_any_background(mesh: EmbeddedMesh, identity: str) -> None:
    """Put over a colour, RGBA gives what the service gives with that colour behind the head."""
    async with AsyncVisage(mesh.settings) as visage:
        layered = (await still(visage, identity, "rgba32")).astype(float)
        wanted = (await still(visage, identity, background="#00c000")).astype(float)
    green = np.array([0, 0xC0, 0])
    composed = layered[..., :3] + green * (255 - layered[..., 3:]) / 255

    assert layered[0, 0, 3] == 0 and layered[280, 256, 3] == 255
    assert np.abs(composed - wanted).max() <= 3


@pytest.mark.parametrize("side", [256, 512, 768])
async def test_the_renderer_s_yuv_shows_what_its_rgb_shows(mesh: EmbeddedMesh, identity: str, side: int) -> None:
    """At each native size, within the rounding of colour at half density."""
    async with AsyncVisage(mesh.settings) as visage:
        rgb = await still(visage, identity, width=side, height=side)
        planes = await still(visage, identity, "i420", width=side, height=side)
    decoded = cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420)

    assert np.abs(decoded.astype(float) - rgb).mean() < 3


async def test_a_recording_drives_the_lips(mesh: EmbeddedMesh, identity: str, shared_fixtures: Path) -> None:
    """Human speech without any text moves the mouth through the lip_sync model."""
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, audio=shared_fixtures / "speech" / "Claire_neutral.wav")
        before = (await asyncio.to_thread(triton_load, mesh, "lip_sync"))[1]
        parts = [r.fragment.data async for r in visage.generation.stream(request) if r.HasField("fragment")]
        frames, samples, rate, sample_rate = decode(b"".join(parts))
        gaps = [await lip_gap(visage, frame) for frame in frames[10:110:5]]
    executed = (await asyncio.to_thread(triton_load, mesh, "lip_sync"))[1] - before

    assert executed > 0
    assert abs(len(frames) / rate - len(samples) / sample_rate) < 0.1
    assert np.std(gaps) > 1.0
