"""How clearly head and hair part from the background."""

from __future__ import annotations

import cv2
import numpy as np

from visage.identity.avatar.matte import face_mask
from visage.identity.quality.samples import FaceSamples
from visage.media.portrait import FRAME_PX
from visage.media.windows import Array

_UNSURE = (0.1, 0.9)


def uncertain_share(samples: FaceSamples, segmentation: Array) -> float:
    """Area where the segmentation is undecided around the head, relative to the head's own area, 0 and more.

    segmentation: float [256, 256], 0..1, of the whole frame. Counted is what lies above the chin and outside of the
    face: hair, its border, hats.
    """
    size = segmentation.shape[0]
    chin = float(samples.framed.landmarks[152, 1]) * size / FRAME_PX
    head = np.arange(size)[:, None] < chin
    face = np.asarray(cv2.dilate(face_mask(samples.framed.landmarks, size), np.ones((3, 3), np.uint8))) > 0
    unsure = (segmentation > _UNSURE[0]) & (segmentation < _UNSURE[1]) & head & ~face
    area = ((segmentation >= 0.5) & head) | face
    return float(unsure.sum() / max(int(area.sum()), 1))
