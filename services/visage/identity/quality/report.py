"""The quality report of a photo, as it is kept with an identity; field names are those of `visage.v1.PhotoReport`."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Reason(StrEnum):
    """What a finding is about; `visage.v1.PhotoReport.Reason` without its prefix."""

    TURNED_SIDEWAYS = "TURNED_SIDEWAYS"
    TILTED = "TILTED"
    LOW_RESOLUTION = "LOW_RESOLUTION"
    BLURRED = "BLURRED"
    TOO_DARK = "TOO_DARK"
    BURNT_OUT = "BURNT_OUT"
    LOW_CONTRAST = "LOW_CONTRAST"
    SIDE_LIGHT = "SIDE_LIGHT"
    SHADOW = "SHADOW"
    EYES_HIDDEN = "EYES_HIDDEN"
    MOUTH_HIDDEN = "MOUTH_HIDDEN"
    LANDMARKS_UNSURE = "LANDMARKS_UNSURE"
    PARTLY_HIDDEN = "PARTLY_HIDDEN"
    MOUTH_OPEN = "MOUTH_OPEN"
    SMILE = "SMILE"
    EYES_CLOSED = "EYES_CLOSED"
    BORDER_UNCERTAIN = "BORDER_UNCERTAIN"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(_Part):
    """A measure beyond its warning limit."""

    reason: Reason
    message: str
    value: float
    limit: float


class Aspect(_Part):
    """One side of the quality; score 0..1 is the worst of its measures', findings are those below 0.5."""

    score: float
    findings: tuple[Finding, ...]


class Pose(Aspect):
    """How the head is held, degrees; roll is taken out by turning the photo and costs nothing."""

    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float


class Resolution(Aspect):
    """face_width_px: cheek to cheek, in pixels of the photo as it was sent."""

    face_width_px: float


class Sharpness(Aspect):
    """blur_mm: standard deviation of the strongest edges' blur, on the face."""

    blur_mm: float


class Light(Aspect):
    """Shares, level and contrast 0..1 of sRGB; side and shadow in photographic stops."""

    skin_level: float
    contrast: float
    burnt_share: float
    side_stops: float
    shadow_stops: float


class Occlusion(Aspect):
    """Unrest of landmarks between looks in mm on the face, and what eyes, lips and skin look like."""

    eye_spread_mm: float
    mouth_spread_mm: float
    face_spread_mm: float
    eye_detail: float
    lip_contrast: float
    foreign_share: float


class Expression(Aspect):
    """mouth_open_mm between the lips; smile 0..1.2; eye_opening: height / width of the narrower eye."""

    mouth_open_mm: float
    smile: float
    eye_opening: float


class Matte(Aspect):
    """uncertain_share: undecided border of the head relative to its area, 0 and more."""

    uncertain_share: float


class PhotoReport(_Part):
    """How well a photo serves; score is the geometric mean of its parts'."""

    score: float
    pose: Pose
    resolution: Resolution
    sharpness: Sharpness
    light: Light
    occlusion: Occlusion
    expression: Expression
    matte: Matte
