"""Films of strangers, decoded in a confined child: pictures one by one, sound on their clock, and what is refused."""

from __future__ import annotations

import asyncio
import os

import numpy as np
import pytest

from tests.fakes.driving_films import Picture, film
from visage.runtime.audio import AudioLimits, decode_soundtrack
from visage.runtime.errors import MediaTooLarge, MediaUndecodable, VisageError
from visage.runtime.films import FilmFrame, FilmLimits, open_film

pytestmark = pytest.mark.service


def pictures(count: int, width: int = 96, height: int = 64) -> list[Picture]:
    """A white bar at the top of grey pictures that get lighter."""
    made = []
    for index in range(count):
        picture = np.full((height, width, 3), 20 + 100 * index // max(count, 1), np.uint8)
        picture[: height // 4] = 255
        made.append(picture)
    return made


async def decode(content: bytes, limits: FilmLimits | None = None) -> tuple[list[FilmFrame], float]:
    async with open_film(content, "data", limits) as opened:
        frames = [frame async for frame in opened]
        return frames, opened.end_s


async def refusal(content: bytes, limits: FilmLimits | None = None) -> VisageError:
    with pytest.raises(VisageError) as caught:
        await decode(content, limits)
    return caught.value


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "libx264"), ("mov", "mpeg4"), ("webm", "libvpx-vp9"), ("matroska", "libx264")]
)
async def test_every_container_gives_its_pictures(container: str, codec: str) -> None:
    """MP4, MOV, WebM and MKV: all pictures, in order, at their times."""
    frames, end_s = await decode(film(pictures(6), container=container, codec=codec))

    assert [round(frame.at_s, 2) for frame in frames] == [0.0, 0.04, 0.08, 0.12, 0.16, 0.2]
    assert end_s == pytest.approx(0.24, abs=0.01)
    assert frames[0].pixels.shape == (64, 96, 3)
    assert frames[5].pixels[40, 48].mean() > frames[0].pixels[40, 48].mean() + 40


@pytest.mark.parametrize(("rotation", "side"), [(90, "left"), (-90, "right"), (180, "bottom")])
async def test_rotation_is_applied(rotation: int, side: str) -> None:
    """A film held sideways stands upright: the bar at its top goes where the rotation, counter-clockwise, takes it."""
    (frame, *_), _ = await decode(film(pictures(2), rotation=rotation))
    edges = {"left": frame.pixels[:, 4], "right": frame.pixels[:, -4], "bottom": frame.pixels[-4]}

    assert edges[side].mean() > 200
    assert frame.pixels.shape == ((64, 96, 3) if rotation == 180 else (96, 64, 3))


async def test_variable_frame_rate_keeps_its_times() -> None:
    """Pictures come when the file says, not at a rate."""
    times = [0.0, 0.04, 0.5, 0.52, 1.3]
    frames, end_s = await decode(film(pictures(5), times_s=times))

    assert [frame.at_s for frame in frames] == pytest.approx(times, abs=1e-3)
    assert end_s > 1.3


async def test_dense_films_are_thinned() -> None:
    """Of 100 pictures a second every other one is handed on."""
    frames, _ = await decode(film(pictures(20), rate=100))

    assert len(frames) == 10
    assert np.diff([frame.at_s for frame in frames]).min() == pytest.approx(0.02, abs=1e-3)


async def test_pictures_are_reduced_to_what_is_wanted() -> None:
    """The longer side keeps to the limit, and the shape stays."""
    frames, _ = await decode(film(pictures(1, 192, 128)), FilmLimits(wanted_px=96))

    assert frames[0].pixels.shape == (64, 96, 3)


@pytest.mark.parametrize(
    ("content", "limits", "limit"),
    [
        (film(pictures(3, 256, 64)), FilmLimits(max_side_px=200), "200 pixels a side"),
        (film(pictures(3, 128, 128)), FilmLimits(max_pixels=10_000), "0.01 megapixels"),
        (film(pictures(2), times_s=[0.0, 3.0]), FilmLimits(max_duration_s=2.0), "2 s"),
        (film(pictures(1)), FilmLimits(max_bytes=100), "MiB"),
    ],
)
async def test_over_a_limit(content: bytes, limits: FilmLimits, limit: str) -> None:
    """The error names the field, the limit and what there was."""
    error = await refusal(content, limits)

    assert isinstance(error, MediaTooLarge)
    assert error.field == "data"
    assert limit in error.metadata["limit"]


def _truncated() -> bytes:
    content = film(pictures(50), container="mp4")
    return content[: len(content) // 2]


def _cut_matroska() -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (40, 64, 96, 3)).astype(np.uint8)
    content = film(list(noise), container="matroska")
    return content[:200]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "no bytes"),
        (b"#EXTM3U\nhttp://127.0.0.1/a.ts\n" * 20, "not an MP4"),
        (film([], sound=np.zeros(48_000, np.float32)), "only sound"),
        (b"\0\0\0\x18ftypisom" + bytes(200), "damaged"),
        (_truncated(), "damaged"),
        (_cut_matroska(), "damaged"),
    ],
    ids=["empty", "playlist", "audio only", "hollow", "truncated MP4", "truncated MKV"],
)
async def test_undecodable(content: bytes, cause: str) -> None:
    """What is no film, or not all of one, is refused with the field and why."""
    error = await refusal(content)

    assert isinstance(error, MediaUndecodable)
    assert error.field == "data"
    assert cause in error.metadata["cause"]


async def test_the_child_ends_with_its_reader() -> None:
    """Whoever leaves in the middle, or is cancelled, leaves no process behind."""
    noise = np.random.default_rng(2).integers(0, 255, (60, 256, 256, 3)).astype(np.uint8)
    started = asyncio.Event()
    pids: list[int] = []

    async def read_one() -> None:
        async with open_film(film(list(noise)), "data") as opened:
            await anext(opened)
            pids.append(opened.pid)
            started.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(read_one())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


@pytest.mark.parametrize(
    ("container", "codec", "sound_codec"),
    [("mp4", "libx264", "aac"), ("mov", "mpeg4", "pcm_s16le"), ("webm", "libvpx", "libopus")],
)
async def test_sound_is_on_the_clock_of_the_pictures(container: str, codec: str, sound_codec: str) -> None:
    """A click a second in is found a second in, to ten milliseconds, also where the sound starts later."""
    sound = np.zeros(48_000, np.float32)
    sound[24_000:24_200] = 0.8
    made = film(pictures(25), container=container, codec=codec, sound=sound, sound_codec=sound_codec, sound_start_s=0.5)

    samples = await decode_soundtrack(made, "data", 16_000)

    assert samples is not None
    assert np.abs(samples).argmax() / 16_000 == pytest.approx(1.0, abs=0.01)


async def test_two_channels_of_one_voice_are_as_loud_as_one() -> None:
    """Mixing down neither amplifies nor clips."""
    tone = (0.9 * np.sin(np.arange(48_000) * 0.05)).astype(np.float32)
    made = film(pictures(25), container="mov", sound=np.stack([tone, tone]), sound_codec="pcm_s16le")

    samples = await decode_soundtrack(made, "data", 48_000)

    assert samples is not None
    assert np.abs(samples).max() == pytest.approx(0.9, abs=0.01)


async def test_a_mute_film_has_no_sound() -> None:
    """Nothing is no error."""
    assert await decode_soundtrack(film(pictures(3)), "data", 16_000) is None


async def test_sound_beyond_the_longest_duration_is_left_out() -> None:
    """What a film has in sound after that cannot belong to its pictures."""
    made = film(pictures(3), sound=np.full(96_000, 0.1, np.float32))

    samples = await decode_soundtrack(made, "data", 16_000, AudioLimits(max_duration_s=1.0))

    assert samples is not None
    assert len(samples) == 16_000
