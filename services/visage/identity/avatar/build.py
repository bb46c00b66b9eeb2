"""From one framed photo to an avatar."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from visage.identity.avatar.background import complete_background
from visage.identity.avatar.canonical_map import map_to_canonical
from visage.identity.avatar.depth import lift_surface
from visage.identity.avatar.displacement import displace
from visage.identity.avatar.eyeballs import complete_eyes
from visage.identity.avatar.eyelids import outline_eyes
from visage.identity.avatar.framing import FramedPortrait, frame_portrait
from visage.identity.avatar.glasses import find_glasses
from visage.identity.avatar.inpainting import resize
from visage.identity.avatar.jaw_layer import cut_jaw
from visage.identity.avatar.lighting import Tone, fit_light, measure_tone
from visage.identity.avatar.lip_seam import find_lip_seam
from visage.identity.avatar.matte import face_mask, refine_matte
from visage.identity.avatar.mouth_interior import MouthAtlas, draw_mouth
from visage.identity.avatar.neutral import measure_smile
from visage.identity.avatar.package import Avatar
from visage.identity.avatar.photo_teeth import (
    blend_photo_teeth,
    bright_share,
    shows_teeth,
    upper_lip_share,
)
from visage.identity.avatar.tensors import PortraitParts, closed_seam_mm, pack_tensors
from visage.media.canonical_face import fit_face
from visage.media.portrait import FRAME_PX
from visage.media.windows import Array


def build_avatar(image_rgb: Array, landmarks: Array, matte: Callable[[Array], Array]) -> Avatar:
    """One call for a whole photo.

    image_rgb: uint8 [height, width, 3]; landmarks: float [478, 3] in photo pixels; matte: the segmentation model,
    uint8 [256, 256, 3] → alpha [256, 256]. Raises ValueError when the inputs do not describe a face.
    """
    framed = frame_portrait(image_rgb, landmarks)
    return build_framed_avatar(framed, matte(framed.matte_input()))


def build_framed_avatar(framed: FramedPortrait, segmentation: Array) -> Avatar:
    """The avatar of a framed photo; segmentation: float [any, any], 0..1, of the whole frame. Deterministic."""
    picture = framed.image.astype(np.float32) / 255
    half, landmarks = resize(picture, FRAME_PX, FRAME_PX), framed.landmarks
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    fit = fit_face(landmarks)
    alpha = refine_matte(half, segmentation, landmarks)
    seam = find_lip_seam(grey, landmarks, fit.scale)
    maps = map_to_canonical(landmarks, fit, seam)
    surface = lift_surface(landmarks, alpha, fit)
    tone = measure_tone(half, landmarks)
    bright = bright_share(grey, seam, float(np.median(half[face_mask(landmarks) > 0])), fit.scale)
    upper_share = upper_lip_share(seam, bright)
    eye_layers, eyes = complete_eyes(picture, outline_eyes(landmarks, fit), tone.bright_skin)
    jaw = cut_jaw(picture, half, landmarks, alpha, seam, maps.lower, fit.scale)
    seam_mm = closed_seam_mm(seam, upper_share, fit.scale)
    atlas = _grade_mouth(tone)
    if shows_teeth(bright):
        teeth = blend_photo_teeth(atlas.upper_teeth, picture, seam, seam_mm, fit.scale)
        atlas = MouthAtlas(teeth, atlas.lower_teeth, atlas.tongue)
    parts = PortraitParts(
        picture=picture, half=half, alpha=alpha, background=complete_background(picture, alpha), fit=fit, seam=seam,
        maps=maps, surface=surface, displacements=displace(fit, seam, maps, upper_share), eyes=eyes,
        eye_layers=eye_layers, glasses=find_glasses(picture, maps.upper, eyes, fit.scale), jaw=jaw, atlas=atlas,
        tone=tone, light=fit_light(half, landmarks, surface.jaw), smile=measure_smile(landmarks),
        upper_share=upper_share,
    )  # fmt: skip
    return Avatar(pack_tensors(parts), np.asarray((half * 255 + 0.5).clip(0, 255).astype(np.uint8)))


def _grade_mouth(tone: Tone) -> MouthAtlas:
    drawn = draw_mouth()
    return MouthAtlas(
        tone.grade(drawn.upper_teeth, tone.teeth),
        tone.grade(drawn.lower_teeth, tone.teeth * 0.97),
        tone.grade(drawn.tongue, tone.flesh),
    )
