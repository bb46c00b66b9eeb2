"""From measures to scores: for each measure where it is perfect, where it warns and where it refuses.

A score is 1 where the measure is perfect, 0.5 where it begins to warn and 0 where it refuses, linear between; so every
score says how far a photo is from either limit. Measures that never refuse reach 0 at a value far out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from visage.identity.gate import GateLimits
from visage.identity.quality.limits import QualityLimits
from visage.identity.quality.report import Finding, Reason

WARNING_SCORE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Band:
    """One measure's scale; `cause` is that of FaceNotUsable, empty where the measure never refuses.

    `text` is the finding in words, with {value} for what was measured.
    """

    aspect: str
    measure: str
    reason: Reason
    best: float
    warn: float
    worst: float
    text: str
    cause: str = ""

    def score(self, value: float) -> float:
        """Returns the score 0..1 of a measured value; turns count either way."""
        places, scores = [self.best, self.warn, self.worst], [1.0, WARNING_SCORE, 0.0]
        if self.best > self.worst:
            places, scores = places[::-1], scores[::-1]
        return float(np.interp(abs(value), places, scores))

    def finding(self, value: float) -> Finding:
        """Returns what the report says of a value beyond the warning limit."""
        return Finding(reason=self.reason, message=self.text.format(value=abs(value)), value=value, limit=self.warn)


def bands(gate: GateLimits, limits: QualityLimits) -> tuple[Band, ...]:
    """Returns the scales of all measures; where several refuse, the first one names the cause."""
    return (
        Band("pose", "yaw_degrees", Reason.TURNED_SIDEWAYS, 5, limits.warn_yaw_degrees, gate.most_yaw_degrees,
             "the head is turned to the side by {value:.0f} degrees", "turned_too_far"),
        Band("pose", "pitch_degrees", Reason.TILTED, 5, limits.warn_pitch_degrees, gate.most_pitch_degrees,
             "the head is tilted up or down by {value:.0f} degrees", "turned_too_far"),
        Band("resolution", "face_width_px", Reason.LOW_RESOLUTION, 400, limits.warn_face_width_px, gate.least_width_px,
             "the face is {value:.0f} pixels wide", "too_small"),
        Band("sharpness", "blur_mm", Reason.BLURRED, 0.8, limits.warn_blur_mm, limits.most_blur_mm,
             "the face is blurred by {value:.1f} mm", "too_blurred"),
        Band("light", "skin_level", Reason.TOO_DARK, 0.4, limits.warn_skin_level, limits.least_skin_level,
             "the face is dark: brightness {value:.2f} of 1", "too_dark"),
        Band("light", "burnt_share", Reason.BURNT_OUT, 0.0, limits.warn_burnt_share, limits.most_burnt_share,
             "{value:.0%} of the skin is plain white", "too_bright"),
        Band("light", "contrast", Reason.LOW_CONTRAST, 0.2, limits.warn_contrast, limits.least_contrast,
             "the face has little contrast: {value:.2f} of 1", "too_flat"),
        Band("light", "side_stops", Reason.SIDE_LIGHT, 0.5, limits.warn_side_stops, 4.0,
             "one half of the face is {value:.1f} stops brighter than the other"),
        Band("light", "shadow_stops", Reason.SHADOW, 1.0, limits.warn_shadow_stops, 7.0,
             "shadows on the skin are {value:.1f} stops deep"),
        Band("occlusion", "eye_detail", Reason.EYES_HIDDEN, 0.5, limits.warn_eye_detail, limits.least_eye_detail,
             "an eye is hidden, as by dark glasses, or unclear: its detail is {value:.2f}", "eyes_hidden"),
        Band("occlusion", "eye_spread_mm", Reason.EYES_HIDDEN, 0.8, limits.warn_eye_spread_mm,
             limits.most_eye_spread_mm, "an eye is hidden or unclear: its landmarks shift by {value:.1f} mm",
             "eyes_hidden"),
        Band("occlusion", "lip_contrast", Reason.MOUTH_HIDDEN, 12, limits.warn_lip_contrast, limits.least_lip_contrast,
             "the mouth is hidden or has no lips: their contrast is {value:.1f}", "mouth_hidden"),
        Band("occlusion", "mouth_spread_mm", Reason.MOUTH_HIDDEN, 1.0, limits.warn_mouth_spread_mm,
             limits.most_mouth_spread_mm, "the mouth is hidden or unclear: its landmarks shift by {value:.1f} mm",
             "mouth_hidden"),
        Band("occlusion", "face_spread_mm", Reason.LANDMARKS_UNSURE, 1.2, limits.warn_face_spread_mm,
             limits.most_face_spread_mm, "the face is hidden or unclear: its landmarks shift by {value:.1f} mm",
             "landmarks_unsure"),
        Band("occlusion", "foreign_share", Reason.PARTLY_HIDDEN, 0.05, limits.warn_foreign_share, 0.8,
             "{value:.0%} of cheeks, nose and forehead has another colour than the skin"),
        Band("expression", "eye_opening", Reason.EYES_CLOSED, 0.24, limits.warn_eye_opening, limits.least_eye_opening,
             "an eye is closed or narrow: its height is {value:.2f} of its width", "eyes_closed"),
        Band("expression", "mouth_open_mm", Reason.MOUTH_OPEN, 1.0, limits.warn_mouth_open_mm, 45.0,
             "the mouth is open by {value:.0f} mm"),
        Band("expression", "smile", Reason.SMILE, 0.2, limits.warn_smile, 2.0,
             "the face smiles: {value:.1f} of a full smile"),
        Band("matte", "uncertain_share", Reason.BORDER_UNCERTAIN, 0.04, limits.warn_uncertain_share,
             limits.most_uncertain_share, "the border of head and hair is unclear: {value:.0%} of the head's area",
             "border_unclear"),
    )  # fmt: skip
