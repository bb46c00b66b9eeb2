"""`visage talk`: a portrait and a performance in, an MP4 out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from visage.cli import console
from visage.cli.animate import STILL_ONLY
from visage.cli.mesh import connect
from visage.cli.performing import EmotionOption, GazeOption, SeedOption, read_controls
from visage.cli.scene import Framing, read_camera, read_light, read_size
from visage.client import AsyncVisage, Clip, Notice, Quality, driving_options, synthesis_options
from visage.client.connection import SERVICES


def talk(
    portrait: Annotated[str, typer.Argument(help="A photo's path or an identity's name (identities/…).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="MP4 file to write.")],
    text: Annotated[str | None, typer.Option(help="What to say.")] = None,
    audio: Annotated[Path | None, typer.Option(help="Speech to lip-sync to: WAV, FLAC, OGG, MP3.")] = None,
    video: Annotated[
        Path | None, typer.Option(help="Another face to follow, with its sound: MP4, MOV, WebM, MKV.")
    ] = None,
    curves: Annotated[
        Path | None, typer.Option(help="A performance to show: .csv, .jsonl or .bvh; see `visage animate`.")
    ] = None,
    voice: Annotated[str, typer.Option(help="Voice for --text; see `visage voices`.")] = "",
    width: Annotated[int | None, typer.Option(help="Width in pixels, even, 64-1024; default 512.")] = None,
    height: Annotated[int | None, typer.Option(help="Height in pixels, likewise.")] = None,
    size: Annotated[str, typer.Option(help="Both at once: 720x1280. Fastest are 256x256 and 512x512.")] = "",
    fps: Annotated[float, typer.Option(help="Frames per second, 10-60.")] = 25.0,
    background: Annotated[str | None, typer.Option(help='"#rrggbb" or a picture; default: the photo\'s.')] = None,
    framing: Annotated[Framing, typer.Option(help="What the picture holds.")] = Framing.BUST,
    zoom: Annotated[float, typer.Option(help="1-4: larger than the framing.")] = 1.0,
    pan: Annotated[str, typer.Option(help="Move the view right and down: x=0.1,y=-0.05 of the picture.")] = "",
    orbit: Annotated[str, typer.Option(help="Turn the head, in degrees: yaw=10,pitch=-5,roll=0.")] = "",
    light: Annotated[
        str, typer.Option(help="A lamp: azimuth=-60,elevation=30,intensity=0.8,color=#ffd0a0; default: the photo's.")
    ] = "",
    seed: SeedOption = 0,
    emotion: EmotionOption = None,
    gaze: GazeOption = "",
    face_index: Annotated[
        int, typer.Option(min=0, max=9, help="Of --video: which of several faces, 0 the largest in the first frame.")
    ] = 0,
    relative: Annotated[
        bool, typer.Option("--relative", help="Of --video: motion counts from the first frame with a face.")
    ] = False,
    add_life: Annotated[
        bool, typer.Option("--add-life", help="With --curves: blinks, gaze and head motion where they have none.")
    ] = False,
    smoothing: Annotated[float | None, typer.Option(help="Of --video and --curves: 0-1, without lag.")] = None,
    quality: Annotated[bool, typer.Option("--quality", help="Measure the clip and show how good it is.")] = False,
) -> None:
    """Make a portrait speak; uses a running mesh or starts one for this call."""
    drivers: dict[str, str | Path | None] = {"text": text, "audio": audio, "video": video, "curves": curves}
    if sum(driver is not None for driver in drivers.values()) != 1:
        raise typer.BadParameter("give exactly one of --text, --audio, --video and --curves")
    if video is None and (face_index or relative):
        raise typer.BadParameter("--face-index and --relative need --video")
    if add_life and curves is None:
        raise typer.BadParameter("--add-life needs --curves")
    if (emotion or gaze) and (video is not None or (curves is not None and not add_life)):
        raise typer.BadParameter(STILL_ONLY)
    if video is None and curves is None and smoothing is not None:
        raise typer.BadParameter("--smoothing needs --video or --curves")
    if text == "-":
        drivers["text"] = typer.get_text_stream("stdin").read()
    if size and (width is not None or height is not None):
        raise typer.BadParameter("give either --size or --width and --height")
    width, height = read_size(size) if size else (width or 512, height or 512)
    options: dict[str, Any] = {
        "width": width,
        "height": height,
        "fps": fps,
        "background": background,
        "camera": read_camera(framing, zoom, orbit, pan),
        "light": read_light(light),
        "include_quality": quality,
        "controls": read_controls(seed, emotion, gaze),
    }
    if text is not None:
        options["synthesis"] = synthesis_options(voice)
    if video is not None:
        options["driving"] = driving_options(relative=relative, face_index=face_index, smoothing=smoothing)
    given = {name: driver for name, driver in drivers.items() if driver is not None}
    recording = {"smoothing": smoothing or 0.0, "add_life": add_life}
    console.run(_talk(portrait, output, given, recording, options))


async def _talk(
    portrait: str,
    output: Path,
    driver: dict[str, str | Path],
    recording: dict[str, Any],
    options: dict[str, Any],
) -> None:
    if not output.parent.is_dir():
        raise ValueError(f"folder {output.parent} does not exist")
    async with connect(SERVICES) as visage:
        told: Sequence[Notice] = ()
        performance: dict[str, Any] = dict(driver)
        if "curves" in driver:
            curves = await visage.animation.from_mocap(
                driver["curves"], fps=options["fps"], controls=options["controls"], **recording
            )
            performance, told = {"curves": curves}, curves.notices
        name, temporary = await _identity(visage, portrait)
        try:
            request = await visage.generation.request(name, **performance, **options)
            with console.progress("rendering") as update:
                clip = await visage.generation.save(
                    request, output, lambda seconds: update(f"rendered {seconds:.1f} s", seconds)
                )
        finally:
            if temporary:
                await visage.identities.delete(name, allow_missing=True)
    clip.notices[:0] = told
    _report(clip)


async def _identity(visage: AsyncVisage, portrait: str) -> tuple[str, bool]:
    """Returns the identity's name and whether it was made for this call."""
    if portrait.startswith("identities/"):
        return portrait, False
    with console.progress("looking at the photo", 100) as update:
        identity = await visage.identities.create(Path(portrait), progress=update)
    return identity.name, True


def _report(clip: Clip) -> None:
    summary = clip.summary

    def text() -> str:
        lines = [f"{clip.path}: {clip.byte_count / 1e6:.2f} MB"]
        if summary is not None:
            speed = summary.duration_s / clip.received_s if clip.received_s else 0.0
            lines[0] += (
                f", {summary.frame_count} frames, {summary.duration_s:.1f} s, {speed:.1f} x real time, "
                f"first fragment after {summary.time_to_first_frame_s:.2f} s"
            )
            if summary.quality is not None:
                lines.append(_quality(summary.quality))
        return "\n".join(lines + console.notes(clip.notices))

    console.show(clip, text)


def _quality(quality: Quality) -> str:
    def known(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return (
        f"quality by {quality.sampled_frames} frames: identity {quality.mean_similarity:.3f}, least "
        f"{quality.least_similarity:.3f}; lips {quality.lips_error_mm:.1f} mm off, correlation "
        f"{known(quality.lips_correlation, '.2f')}, jaw {known(quality.jaw_correlation, '.2f')}; shut lips open "
        f"{known(quality.shut_lips_gap_mm, '.1f')} mm; pose {quality.pose_error_degrees:.1f} degrees off; "
        f"flicker {quality.flicker_levels:.0f}"
    )
