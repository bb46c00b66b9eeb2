"""How the face is lit: level, contrast, and differences across it."""

from __future__ import annotations

import numpy as np

from visage.identity.avatar.matte import face_mask
from visage.identity.quality.samples import FaceSamples, brightness, mirrored_points, skin_points

_WHITE = 0.97
_DARKEST = 0.003
"""Linear light below which a camera sees noise."""


def measure_light(samples: FaceSamples) -> dict[str, float]:
    """Returns the values of `report.Light`.

    side_stops: how much brighter one half of the face is than the other, median over pairs of mirrored points.
    shadow_stops: between the bright and the dark tenth of cheeks, nose and forehead, which have one skin colour.
    """
    skin = samples.half[samples.skin_mask]
    low, high = np.percentile(brightness(samples.half[face_mask(samples.framed.landmarks) > 0]), [3, 97])
    stops = np.log2(np.maximum(brightness(samples.broad_light), _DARKEST))
    points = np.array(skin_points())
    mirrored = mirrored_points()[points]
    is_right = samples.framed.landmarks[points, 0] > samples.framed.landmarks[mirrored, 0]
    dark, bright = np.percentile(stops[points], [10, 90])
    return {
        "skin_level": float(np.median(brightness(skin))),
        "contrast": float(high - low),
        "burnt_share": float((skin.min(-1) >= _WHITE).mean()),
        "side_stops": float(abs(np.median((stops[points] - stops[mirrored])[is_right]))),
        "shadow_stops": float(bright - dark),
    }
