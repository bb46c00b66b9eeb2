"""The part of `FakeVisage` that animates: every driver moves a jaw that opens and closes four times a second."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from pathlib import Path

import numpy as np

from visage.client import curves, values, wire
from visage.client.testing_voices import Owner
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import curves_pb2, driving_pb2, speech_service_pb2

WORD_S = 0.3
_Controls = curves_pb2.PerformanceControls | None


class FakeAnimation:
    """Makes curves of one channel; recordings and videos are not looked at and count as one second."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    async def from_audio(
        self, audio: bytes, *, fps: float = 25.0, controls: _Controls = None, schema: str = ""
    ) -> curves.Curves:
        """Returns curves as long as the WAV."""
        self._owner.called("animation.from_audio")
        with wave.open(io.BytesIO(audio)) as reader:
            duration_s = reader.getnframes() / reader.getframerate()
        return _jaw(duration_s, fps)

    async def from_text(
        self,
        text: str,
        *,
        fps: float = 25.0,
        controls: _Controls = None,
        synthesis: speech_service_pb2.SynthesisOptions | None = None,
        schema: str = "",
    ) -> curves.Curves:
        """Returns curves of 300 ms a word."""
        self._owner.called("animation.from_text")
        return _jaw(len(text.split()) * WORD_S, fps)

    async def from_phonemes(
        self, phonemes: Sequence[values.Span], *, fps: float = 25.0, controls: _Controls = None, schema: str = ""
    ) -> curves.Curves:
        """Returns curves as long as the phonemes."""
        self._owner.called("animation.from_phonemes")
        return _jaw(phonemes[-1].end_s, fps)

    async def from_visemes(
        self, visemes: Sequence[values.Span], *, fps: float = 25.0, controls: _Controls = None, schema: str = ""
    ) -> curves.Curves:
        """Returns curves as long as the visemes."""
        self._owner.called("animation.from_visemes")
        return _jaw(visemes[-1].end_s, fps)

    async def from_mocap(
        self,
        recording: str | Path | bytes,
        *,
        fps: float = 25.0,
        controls: _Controls = None,
        schema: str = "",
        source_fps: float | None = None,
        calibration_s: float = 0.0,
        smoothing: float = 0.0,
        add_life: bool = False,
    ) -> curves.Curves:
        """Returns one second."""
        self._owner.called("animation.from_mocap")
        return _jaw(1.0, fps)

    async def live_mocap(
        self, pieces: AsyncIterable[bytes], config: pb.AnimateFromMocapRequest.Config
    ) -> AsyncIterator[pb.AnimateFromMocapResponse]:
        """Yields a header and one frame a piece."""
        self._owner.called("animation.live_mocap")
        clip = _jaw(1.0, 25.0)
        yield pb.AnimateFromMocapResponse(header=curves.curve_clip(clip).header)
        frame = 0
        async for _ in pieces:
            value = float(clip.values[frame % len(clip.values), 0])
            block = curves_pb2.CurveBlock(start_frame=frame, frame_count=1, values=[value])
            yield pb.AnimateFromMocapResponse(block=block)
            frame += 1

    async def from_video(
        self,
        video: str | Path | bytes,
        *,
        fps: float = 25.0,
        controls: _Controls = None,
        schema: str = "",
        driving: driving_pb2.DrivingOptions | None = None,
    ) -> curves.Curves:
        """Returns one second of one face."""
        self._owner.called("animation.from_video")
        return _jaw(1.0, fps, tracking=curves.Tracking(25, 0, 1, 25.0, 1.0))

    async def idle(
        self, duration_s: float, *, loop: bool = False, fps: float = 25.0, controls: _Controls = None, schema: str = ""
    ) -> curves.Curves:
        """Returns curves of that length."""
        self._owner.called("animation.idle")
        return _jaw(duration_s, fps)

    async def blend(self, layers: Sequence[curves.Layer], *, fps: float = 25.0, schema: str = "") -> curves.Curves:
        """Returns curves up to the end of the last layer."""
        self._owner.called("animation.blend")
        # Building messages needs no mesh: the real code does it, so that wrong arguments fail here as well.
        ends = [wire.seconds(curves.layer_message(layer).start_offset) + _length_s(layer.curves) for layer in layers]
        return _jaw(max(ends), fps)

    async def retarget(
        self,
        clip: curves.Curves,
        *,
        fps: float = 25.0,
        schema: str = "",
        identity: str = "",
        channel_maps: Sequence[tuple[str, str, float]] = (),
    ) -> curves.Curves:
        """Returns curves as long as the clip."""
        self._owner.called("animation.retarget")
        return _jaw(_length_s(clip), fps)

    async def schemas(self) -> dict[str, Sequence[str]]:
        """Returns the layout of these curves."""
        self._owner.called("animation.schemas")
        return {curves.ARKIT_SCHEMA: ("JawOpen",)}


def _length_s(clip: curves.Curves) -> float:
    return len(clip.values) / clip.frame_rate


def _jaw(duration_s: float, fps: float, tracking: curves.Tracking | None = None) -> curves.Curves:
    times = np.arange(round(duration_s * fps)) / fps
    jaw = (0.3 * np.sin(np.pi * 4 * times) ** 2).astype(np.float32)
    poses = np.zeros((len(jaw), 6), np.float32)
    return curves.Curves(("JawOpen",), fps, jaw[:, None], poses, tracking=tracking)
