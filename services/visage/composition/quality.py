"""How good a clip is, measured on a few of its frames: is it still that person, do the lips go where they were told?

The frames are rendered once more, at 512 pixels, from the front and before the photo's own background, so that one item
of the renderer and a fixed number of looks by the identity service are all that a clip of any length costs, and so that
figures of clips in any size, form and framing compare.
"""

from __future__ import annotations

import asyncio
import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visage.composition.ports import Faces, RenderSession
from visage.composition.values import ClipQuality, Frames
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.canonical_face import fit_face
from visage.media.curves import POSE_COUNT
from visage.media.face_solver import FaceSolver, NeutralFace
from visage.media.portrait import FRAMES_PER_ITEM
from visage.media.vertex_basis import vertex_basis

SAMPLES: Final = FRAMES_PER_ITEM - 2
"""The first and the last frame of the item show the face at rest."""
_WIDE, _SHUT, _SPREAD = 2, 2, 2
_UPPER_LIP, _LOWER_LIP = 13, 14
_SHUT_GAP_MM: Final = 0.3
_LEAST_EFFORT: Final = 0.2
_LEAST_GAP_RANGE_MM: Final = 2.0
_LEAST_JAW_RANGE: Final = 0.1
_CLOSERS: Final = ("MouthClose", "MouthPressLeft", "MouthPressRight", "MouthRollLower", "MouthRollUpper")

Floats = NDArray[np.floating]


class ClipSampler:
    """Keeps six frames of a clip of any length: the widest mouths, the most firmly shut ones, and some of the rest."""

    def __init__(self) -> None:
        self._seen = 0
        self._stride = 1
        self._wide: list[tuple[float, int, Floats]] = []
        self._shut: list[tuple[float, int, Floats]] = []
        self._spread: list[tuple[float, int, Floats]] = []

    def see(self, curves: Floats, poses: Floats) -> None:
        """Takes the next frames: curves [n, 52] and poses [n, 6]."""
        gaps = asked_gap_mm(curves)
        efforts = curves[:, [CURVE_INDEX[name] for name in _CLOSERS]].sum(1)
        for gap, effort, frame in zip(gaps, efforts, np.concatenate([curves, poses], 1), strict=True):
            _keep(self._wide, float(gap), self._seen, frame, _WIDE)
            if gap < _SHUT_GAP_MM and effort > _LEAST_EFFORT:
                _keep(self._shut, float(effort), self._seen, frame, _SHUT)
            if self._seen % self._stride == 0:
                self._spread.append((0.0, self._seen, frame))
                if len(self._spread) > 2 * SAMPLES:
                    self._spread, self._stride = self._spread[::2], 2 * self._stride
            self._seen += 1

    def frames(self) -> tuple[Floats, Floats]:
        """Curves [n, 52] and poses [n, 6] of at most six different frames, in the order of the clip."""
        chosen = {index: frame for _, index, frame in (*self._wide, *self._shut)}
        others = [(index, frame) for _, index, frame in self._spread if index not in chosen]
        free = min(SAMPLES - len(chosen), len(others))
        for position in np.linspace(0, len(others) - 1, free).round().astype(int) if free else ():
            index, frame = others[position]
            chosen[index] = frame
        rows = np.stack([chosen[index] for index in sorted(chosen)])
        return rows[:, :CURVE_COUNT], rows[:, CURVE_COUNT:]


def _keep(kept: list[tuple[float, int, Floats]], score: float, index: int, frame: Floats, count: int) -> None:
    kept.append((score, index, frame))
    kept.sort(key=lambda item: -item[0])
    del kept[count:]


async def measure_quality(
    sampler: ClipSampler, session: RenderSession, faces: Faces, identity: str, deadline_s: float
) -> ClipQuality | None:
    """Renders what `sampler` kept and looks at it; None where no face is found in a frame.

    session: of 512 pixels in RGB. Raises VisageError, or ModelError of the renderer.
    """
    curves, poses = sampler.frames()
    count = len(curves)
    item_curves = np.zeros((FRAMES_PER_ITEM, CURVE_COUNT), np.float32)
    item_poses = np.zeros((FRAMES_PER_ITEM, POSE_COUNT), np.float32)
    item_curves[1 : count + 1], item_poses[1 : count + 1] = curves, poses
    frames = await session.render(item_curves, item_poses, deadline_s)
    pictures = [await asyncio.to_thread(_png, frame) for frame in frames[: count + 1]]
    embedding = await faces.embedding_of(identity)
    seen = [await faces.look(picture) for picture in pictures]
    found = [face for face in seen if face is not None]
    if len(found) < len(seen):
        return None
    similarities = np.array([float(face.embedding @ embedding) for face in found[1:]])
    flicker = float(np.abs(frames[0].astype(np.int16) - frames[-1]).max())
    landmarks = np.stack([face.landmarks for face in found])
    return await asyncio.to_thread(_judge, curves, poses, landmarks, similarities, flicker)


def _judge(curves: Floats, poses: Floats, landmarks: Floats, similarities: Floats, flicker: float) -> ClipQuality:
    solver = FaceSolver(NeutralFace.of(landmarks[0]))
    solved = [solver.solve(points) for points in landmarks[1:]]
    jaw = CURVE_INDEX["JawOpen"]
    asked, found = asked_gap_mm(curves), _gap_mm(landmarks)
    shut = (asked < _SHUT_GAP_MM) & (curves[:, [CURVE_INDEX[name] for name in _CLOSERS]].sum(1) > _LEAST_EFFORT)
    turned = np.stack([face.pose[:3] for face in solved]) - poses[:, :3]
    return ClipQuality(
        sampled_frames=len(curves),
        mean_similarity=float(similarities.mean()),
        least_similarity=float(similarities.min()),
        lips_error_mm=float(np.abs(asked - found).mean()),
        lips_correlation=_correlation(asked, found, _LEAST_GAP_RANGE_MM),
        jaw_correlation=_correlation(curves[:, jaw], np.array([face.curves[jaw] for face in solved]), _LEAST_JAW_RANGE),
        shut_lips_gap_mm=float(found[shut].max()) if shut.any() else None,
        pose_error_degrees=float(np.abs(turned).mean()),
        flicker_levels=flicker,
    )


def asked_gap_mm(curves: Floats) -> Floats:
    """How far curves [n, 52] part the lips in the middle of the mouth, [n] in millimetres; shut lips stay shut."""
    basis = vertex_basis()
    return np.asarray(np.maximum(curves @ (basis[:, _LOWER_LIP, 1] - basis[:, _UPPER_LIP, 1]), 0.0))


def _gap_mm(landmarks: Floats) -> Floats:
    """How far the lips are apart, beyond what they are in the first frame, in all others."""
    gap = np.linalg.norm(landmarks[:, _LOWER_LIP, :2] - landmarks[:, _UPPER_LIP, :2], axis=1)
    return np.asarray((gap[1:] - gap[0]) / fit_face(landmarks[0]).scale)


def _correlation(asked: Floats, found: Floats, least_range: float) -> float | None:
    """None where too little was asked to tell."""
    if len(asked) < 3 or np.ptp(asked) < least_range:
        return None
    return float(np.corrcoef(asked, found)[0, 1]) if np.ptp(found) > 0 else 0.0


def _png(frame: Frames) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
