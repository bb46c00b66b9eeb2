"""Measures a framed photo and judges it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visage.identity.avatar import FramedPortrait
from visage.identity.gate import GateLimits, head_angles
from visage.identity.quality.bands import WARNING_SCORE, bands
from visage.identity.quality.expression import measure_expression
from visage.identity.quality.light import measure_light
from visage.identity.quality.limits import QualityLimits
from visage.identity.quality.matte import uncertain_share
from visage.identity.quality.occlusion import measure_occlusion
from visage.identity.quality.report import PhotoReport
from visage.identity.quality.samples import FaceSamples
from visage.identity.quality.sharpness import edge_blur_mm
from visage.media.windows import Array
from visage.runtime.errors import FaceNotUsable
from visage.runtime.faces import Face

Measures = dict[str, dict[str, float]]
"""Measured values by aspect and name, as in `PhotoReport`."""

_LEAST_SHARE = 0.01
"""A score of 0 in one aspect must not make all others meaningless in the geometric mean."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a photo is judged by.

    face: as found in the photo; reduction: pixels of the photo as sent per pixel of the photo that was looked at;
    spread_mm: float [468], unrest of the landmarks; segmentation: float [256, 256], 0..1, of the whole frame.
    """

    face: Face
    reduction: float
    framed: FramedPortrait
    spread_mm: Array
    segmentation: Array


def measure(evidence: Evidence) -> Measures:
    """Returns all measured values."""
    samples = FaceSamples(evidence.framed)
    angles = head_angles(evidence.face)
    light = measure_light(samples)
    return {
        "pose": angles._asdict(),
        "resolution": {"face_width_px": evidence.face.width_px * evidence.reduction},
        "sharpness": {"blur_mm": edge_blur_mm(samples)},
        "light": light,
        "occlusion": measure_occlusion(samples, evidence.spread_mm, light["contrast"]),
        "expression": measure_expression(evidence.framed.landmarks, samples.fit.scale),
        "matte": {"uncertain_share": uncertain_share(samples, evidence.segmentation)},
    }


def judge(measures: Measures, gate: GateLimits, limits: QualityLimits) -> PhotoReport:
    """Returns the report of measured values.

    Raises:
        FaceNotUsable: A measure is beyond the limit at which it refuses.
    """
    scores = dict.fromkeys(measures, 1.0)
    findings: dict[str, list[object]] = {aspect: [] for aspect in measures}
    for band in bands(gate, limits):
        value = measures[band.aspect][band.measure]
        score = band.score(value)
        if band.cause and score <= 0:
            raise FaceNotUsable(
                band.cause, f"{band.text.format(value=abs(value))}; the limit is {band.worst:g}",
                measure=band.measure, value=value, limit=band.worst,
            )  # fmt: skip
        scores[band.aspect] = min(scores[band.aspect], score)
        if score < WARNING_SCORE:
            findings[band.aspect].append(band.finding(value))
    total = float(np.exp(np.mean(np.log(np.maximum(list(scores.values()), _LEAST_SHARE)))))
    parts = {aspect: {"score": scores[aspect], "findings": findings[aspect], **measures[aspect]} for aspect in measures}
    return PhotoReport.model_validate({"score": total, **parts})
