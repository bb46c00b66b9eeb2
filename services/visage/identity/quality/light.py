"""How the face is lit: level, contrast, and differences across it."""

from __future__ import annotations

import numpy as np

from visage.identity.avatar.matte import face_mask
from visage.identity.quality.samples import FaceSamples, brightness, mirrored_points, skin_points
from visage.media.canonical_face import canonical_vertices

_WHITE = 0.97
_SIDE_MM = 18.0
_DARKEST = 0.003
"""Linear light below which a camera sees noise."""


def measure_light(samples: FaceSamples) -> dict[str, float]:
    """Returns the values of `report.Light`.

    side_stops: how much brighter one side of the face is than the other, median over pairs of mirrored points away from
    the nose.
    shadow_stops: between the bright and the dark tenth of cheeks, nose and forehead, which have one skin colour.
    """
    skin = samples.half[samples.skin_mask]
    low, high = np.percentile(brightness(samples.half[face_mask(samples.framed.landmarks) > 0]), [3, 97])
    stops = np.log2(np.maximum(brightness(samples.broad_light), _DARKEST))
    points = np.array(skin_points())
    right = points[canonical_vertices()[points, 0] > _SIDE_MM]
    dark, bright = np.percentile(stops[points], [10, 90])
    return {
        "skin_level": float(np.median(brightness(skin))),
        "contrast": float(high - low),
        "burnt_share": float((skin.min(-1) >= _WHITE).mean()),
        "side_stops": float(abs(np.median(stops[right] - stops[mirrored_points()[right]]))),
        "shadow_stops": float(bright - dark),
    }
