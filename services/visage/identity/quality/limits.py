"""What a usable photo keeps to beyond the gate: from where each measure warns, and from where it refuses."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class QualityLimits(BaseModel):
    """Limits of the measures; `warn_…` puts a finding into the report, `least_…` and `most_…` refuse the photo."""

    model_config = ConfigDict(frozen=True)

    warn_yaw_degrees: float = Field(
        25.0, description="Turn to the side in degrees; beyond it the far cheek is stretched when the head turns back."
    )
    warn_pitch_degrees: float = Field(15.0, description="Tilt up or down in degrees; beyond it chin or brow is short.")
    warn_face_width_px: float = Field(
        150.0, description="Width of the face, cheek to cheek, in pixels; renders show about 240, so this is 1.6 times."
    )
    warn_blur_mm: float = Field(
        3.0, description="Blur of the sharpest edges in mm on the face (standard deviation); lashes are lost."
    )
    most_blur_mm: float = Field(6.5, description="Blur in mm; beyond it lids and lips have no edge to move.")
    warn_skin_level: float = Field(
        0.15, description="Median brightness of the skin, 0..1 in sRGB; dark skin in good light lies above it."
    )
    least_skin_level: float = Field(0.06, description="Median brightness of the skin, 0..1; 15 of 255 shades are left.")
    warn_burnt_share: float = Field(0.05, description="Share 0..1 of the skin that is plain white.")
    most_burnt_share: float = Field(0.5, description="Share 0..1 of white skin; beyond it there is nothing to shade.")
    warn_contrast: float = Field(
        0.12, description="Span 0..1 from the face's dark to its bright pixels (3rd and 97th percentile), sRGB; fog."
    )
    least_contrast: float = Field(0.06, description="Span 0..1; 15 of 255 shades are left for all features.")
    warn_side_stops: float = Field(
        1.5, description="One half of the face brighter than the other, in stops; new light cannot undo more."
    )
    warn_shadow_stops: float = Field(
        2.5, description="Bright to dark tenth of the skin, in stops; a shadow's edge then moves with the skin."
    )
    warn_eye_spread_mm: float = Field(
        1.7, description="Unrest of the lids' landmarks between looks, mm on the face; 1.5 is the most in clear photos."
    )
    most_eye_spread_mm: float = Field(3.2, description="Unrest of the lids' landmarks in mm; a lid's height is 10.")
    warn_eye_detail: float = Field(
        0.15, description="Fine contrast around the eye relative to the face's; 0.4 and more with open eyes."
    )
    least_eye_detail: float = Field(0.08, description="Fine contrast around the eye; dark glasses and hands have none.")
    warn_mouth_spread_mm: float = Field(
        2.2, description="Unrest of the lips' landmarks in mm on the face; 2.1 in a mouth opened as wide as it goes."
    )
    most_mouth_spread_mm: float = Field(3.5, description="Unrest of the lips' landmarks in mm; masks give 3.7 to 4.3.")
    warn_lip_contrast: float = Field(
        5.0, description="Colour difference of lips and the skin around, CIE Lab units per unit of the face's contrast."
    )
    least_lip_contrast: float = Field(1.5, description="The same; below it what is there has no lips: a hand, a mask.")
    warn_face_spread_mm: float = Field(2.5, description="Unrest of all landmarks in mm on the face.")
    most_face_spread_mm: float = Field(3.5, description="Unrest of all landmarks in mm; they then mark nothing.")
    warn_foreign_share: float = Field(
        0.2,
        description="Share 0..1 of cheeks, nose and forehead whose colour is not the skin's: hair, hands in gloves.",
    )
    warn_mouth_open_mm: float = Field(6.0, description="Gap between the lips in mm; the closed mouth is then made up.")
    warn_smile: float = Field(0.8, description="Smile, 1 is a full one; cheeks and folds keep a part of it.")
    warn_eye_opening: float = Field(0.18, description="Height / width of the narrower eye; 0.3 is an eye at rest.")
    least_eye_opening: float = Field(0.11, description="Height / width; a closed eye shows no iris, and measures 0.1.")
    warn_uncertain_share: float = Field(
        0.12, description="Undecided border of the head, relative to its area; background may stick to moving hair."
    )
    most_uncertain_share: float = Field(0.6, description="Undecided border; head and background are one.")
