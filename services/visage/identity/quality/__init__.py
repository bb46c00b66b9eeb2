"""The quality report: what a photo is like as the source of an avatar, measured, scored, and refused beyond limits."""

from visage.identity.quality.limits import QualityLimits
from visage.identity.quality.measure import Evidence, judge, measure
from visage.identity.quality.report import PhotoReport
from visage.identity.quality.steadiness import landmark_spread_mm

__all__ = ["Evidence", "PhotoReport", "QualityLimits", "judge", "landmark_spread_mm", "measure"]
