"""From one photo and one sentence to a talking video, through four real services and a real Triton."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.e2e.counters import active_calls, triton_load
from visage.client import AsyncVisage, Curves
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
