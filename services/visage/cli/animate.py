"""`visage animate`: curves as CSV or JSON lines, from whatever can drive a face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from visage.cli import console
from visage.cli.curve_files import SUFFIXES, write_curves
from visage.cli.mesh import connect
from visage.cli.performing import EmotionOption, GazeOption, SeedOption, read_controls
from visage.client import AsyncVisage, Curves, PerformanceControls, Span, driving_options

DRIVERS: Final[Mapping[str, str]] = {
    ".txt": "script",
    ".wav": "audio",
    ".flac": "audio",
    ".json": "timing",
    ".csv": "mocap",
    ".jsonl": "mocap",
    ".bvh": "mocap",
    ".mp4": "video",
    ".mov": "video",
    ".webm": "video",
    ".mkv": "video",
}
"""Suffix of a source → what it is; a script is a file with what is said."""


STILL_ONLY: Final = """--emotion and --gaze do not change a face that is recorded;
with --add-life they move what a recording leaves still"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made: kind and source of the driver, and the options that all kinds share."""

    kind: str
    source: str
    fps: float
    schema: str
    controls: PerformanceControls


def animate(
    output: Annotated[Path, typer.Option("--output", "-o", help=".csv or .jsonl file to write.")],
    source: Annotated[
        Path | None,
        typer.Argument(
            help="What drives the face: .txt; .wav or .flac; .csv, .jsonl or .bvh of a recorded performance; "
            ".mp4, .mov, .webm or .mkv of another face; or the .json of `visage speak --timing`."
        ),
    ] = None,
    text: Annotated[str | None, typer.Option(help="What is said.")] = None,
    audio: Annotated[Path | None, typer.Option(help="WAV or FLAC file to lip-sync to.")] = None,
    idle: Annotated[float | None, typer.Option(help="Seconds of a face that only lives.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="With --idle: without a seam at the end.")] = False,
    fps: Annotated[float, typer.Option(help="Frames per second, 10-60.")] = 25.0,
    schema: Annotated[str, typer.Option(help="Channels: arkit-52, arkit-68 or visemes-15; default arkit-52.")] = "",
    seed: SeedOption = 0,
    emotion: EmotionOption = None,
    gaze: GazeOption = "",
    smoothing: Annotated[float | None, typer.Option(help="Of recordings and videos: 0-1, without lag.")] = None,
    calibrate: Annotated[
        float | None, typer.Option(help="Of recordings: seconds at the start that are the neutral face, at most 10.")
    ] = None,
    source_fps: Annotated[
        float | None, typer.Option(help="Of recordings: frames per second that their time codes count.")
    ] = None,
    add_life: Annotated[
        bool, typer.Option("--add-life", help="Of recordings: blinks, gaze and head motion where they have none.")
    ] = False,
    face_index: Annotated[
        int | None,
        typer.Option(min=0, max=9, help="Of videos: which of several faces, 0 the largest in the first frame."),
    ] = None,
    relative: Annotated[
        bool, typer.Option("--relative", help="Of videos: motion counts from the first frame with a face.")
    ] = False,
) -> None:
    """Turn text, speech, a recorded performance or a video into curves and a head pose per frame."""
    if output.suffix not in SUFFIXES:
        raise typer.BadParameter("the output must end in .csv or .jsonl")
    kind, driver = _driver(source, text, audio, idle)
    _check_options(
        kind,
        {
            "--loop": ("idle", loop),
            "--smoothing": ("mocap video", smoothing is not None),
            "--calibrate": ("mocap", calibrate is not None),
            "--source-fps": ("mocap", source_fps is not None),
            "--add-life": ("mocap", add_life),
            "--face-index": ("video", face_index is not None),
            "--relative": ("video", relative),
        },
    )
    if (emotion or gaze) and (kind == "video" or (kind == "mocap" and not add_life)):
        raise typer.BadParameter(STILL_ONLY)
    recording = {
        "smoothing": smoothing or 0.0,
        "calibration_s": calibrate or 0.0,
        "source_fps": source_fps,
        "add_life": add_life,
    }
    driving = driving_options(relative=relative, face_index=face_index or 0, smoothing=smoothing)
    own: dict[str, dict[str, Any]] = {"mocap": recording, "video": {"driving": driving}, "idle": {"loop": loop}}
    options = own.get(kind, {})
    console.run(_animate(output, Wanted(kind, driver, fps, schema, read_controls(seed, emotion, gaze)), options))


def _driver(source: Path | None, text: str | None, audio: Path | None, idle: float | None) -> tuple[str, str]:
    """Kind of the one driver that is given, and its path, text or seconds."""
    given = {"source": source, "text": text, "audio": audio, "idle": idle}
    named = [(kind, str(value)) for kind, value in given.items() if value is not None]
    if len(named) != 1:
        raise typer.BadParameter("give exactly one of SOURCE, --text, --audio and --idle")
    if source is None:
        return named[0]
    kind = DRIVERS.get(source.suffix.lower())
    if kind is None:
        known = ", ".join(DRIVERS)
        raise typer.BadParameter(f"{source} must end in one of {known}; text is given by --text", param_hint="SOURCE")
    return kind, str(source)


def _check_options(kind: str, options: Mapping[str, tuple[str, bool]]) -> None:
    """Refuses options that say nothing about this kind of driver."""
    for option, (kinds, is_given) in options.items():
        if is_given and kind not in kinds.split():
            wanted = {
                "mocap": "a recording",
                "video": "a video",
                "idle": "--idle",
                "mocap video": "a recording or a video",
            }
            raise typer.BadParameter(f"it needs {wanted[kinds]}", param_hint=option)


async def _animate(output: Path, wanted: Wanted, options: Mapping[str, Any]) -> None:
    speaks = wanted.kind in ("text", "script")
    # What cannot be read is told before a mesh is started.
    content = None if wanted.kind in ("text", "idle") else Path(wanted.source).read_bytes()
    if not output.parent.is_dir():
        raise ValueError(f"folder {output.parent} does not exist")
    async with connect(("speech", "animation") if speaks else ("animation",)) as visage:
        with console.progress("animating"):
            curves = await _curves(visage, wanted, content, options)
    write_curves(output, curves)
    _report(output, curves)


async def _curves(visage: AsyncVisage, wanted: Wanted, content: bytes | None, options: Mapping[str, Any]) -> Curves:
    shape: dict[str, Any] = {"fps": wanted.fps, "schema": wanted.schema, "controls": wanted.controls}
    animation = visage.animation
    if wanted.kind == "text":
        return await animation.from_text(wanted.source, **shape)
    if wanted.kind == "idle":
        return await animation.idle(float(wanted.source), **shape, **options)
    assert content is not None
    if wanted.kind == "script":
        return await animation.from_text(_script(content), **shape)
    if wanted.kind == "audio":
        return await animation.from_audio(content, **shape)
    if wanted.kind == "mocap":
        return await animation.from_mocap(content, **shape, **options)
    if wanted.kind == "video":
        return await animation.from_video(content, **shape, **options)
    phonemes, visemes = _timing(content)
    if phonemes:
        return await animation.from_phonemes(phonemes, **shape)
    return await animation.from_visemes(visemes, **shape)


def _script(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the source must be text in UTF-8; byte {error.start + 1} is not") from error


def _timing(content: bytes) -> tuple[list[Span], list[Span]]:
    """Phonemes and visemes of a timing file as `visage speak --timing` writes it."""
    try:
        found = json.loads(content)
        phonemes, visemes = (
            [Span(span["text"], float(span["start_s"]), float(span["end_s"])) for span in found.get(name) or ()]
            for name in ("phonemes", "visemes")
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            'the source must be a JSON object with "phonemes" or "visemes": lists of text, start_s and end_s'
        ) from error
    return phonemes, visemes


def _report(output: Path, curves: Curves) -> None:
    frame_count = len(curves.values)
    found = {"path": str(output), "frames": frame_count, "notices": curves.notices, "tracking": curves.tracking}

    def text() -> str:
        lines = [f"{output}: {frame_count} frames, {frame_count / curves.frame_rate:.2f} s"]
        if curves.tracking is not None:
            seen = curves.tracking
            lines.append(
                f"followed {seen.source_frames - seen.lost_frames} of {seen.source_frames} frames, "
                f"{seen.face_count} face(s), {seen.residual_mm:.1f} mm off"
            )
        return "\n".join(lines + console.notes(curves.notices))

    console.show(found, text)
