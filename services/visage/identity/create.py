"""From a photo to what an identity consists of: avatar, preview, embedding."""

from __future__ import annotations

import asyncio
import dataclasses
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from PIL import Image, PngImagePlugin

from visage.identity.avatar import Avatar, build_framed_avatar, frame_portrait
from visage.identity.avatar.mouth_interior import draw_mouth
from visage.identity.embedding import Embedding, embed_faces
from visage.identity.gate import GateLimits, check_face, single_face
from visage.identity.ports import FaceModels
from visage.identity.quality import Evidence, PhotoReport, QualityLimits, judge, landmark_spread_mm, measure
from visage.identity.stage_clock import StageClock
from visage.media.portrait import AVATAR_LAYOUT
from visage.runtime.errors import FaceNotUsable
from visage.runtime.faces import find_faces
from visage.runtime.images import ImageLimits, RgbImage, decode_full_image


class Stage(StrEnum):
    """Steps of a creation, with what is done when they begin."""

    DECODING = "DECODING"
    DETECTING = "DETECTING"
    BUILDING = "BUILDING"
    STORING = "STORING"

    @property
    def percent(self) -> int:
        """Progress at the step's begin; building takes most of the time."""
        return {"DECODING": 0, "DETECTING": 10, "BUILDING": 20, "STORING": 95}[self.value]


@dataclass(frozen=True)
class BuiltIdentity:
    """What a photo became; `preview_png` shows the avatar at rest, `stage_seconds` is wall time by step."""

    avatar: bytes
    avatar_layout: str
    width_px: int
    height_px: int
    preview_png: bytes
    embedding: Embedding
    report: PhotoReport | None = None
    stage_seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class IdentityBuilder:
    """Builds identities with the given models within the given limits."""

    models: FaceModels
    image_limits: ImageLimits
    gate_limits: GateLimits
    quality_limits: QualityLimits
    model_deadline_s: float

    async def prepare(self) -> None:
        """Does what is the same for all photos ahead of the first one."""
        await asyncio.to_thread(draw_mouth)

    async def build(self, photo: bytes, field: str, uid: str, report: Callable[[Stage], None]) -> BuiltIdentity:
        """Builds an identity from a photo; `field` is where the request held it, `report` hears of each step.

        Raises:
            MediaUndecodable: The photo cannot be decoded.
            MediaTooLarge: It is over a limit.
            FaceNotUsable: It shows no face that can become an avatar.
            ModelError: A model on Triton failed.
        """
        deadline_s, clock = self.model_deadline_s, StageClock()
        report(Stage.DECODING)
        decoded = await decode_full_image(photo, field, self.image_limits)
        image = decoded.pixels
        clock.lap("decode")
        report(Stage.DETECTING)
        face = single_face(await find_faces(image, self.models, deadline_s), self.gate_limits)
        check_face(face, image.shape[1], image.shape[0], self.gate_limits, decoded.reduction)
        clock.lap("find")
        try:
            framed = await asyncio.to_thread(frame_portrait, image, face.landmarks)
            clock.lap("frame")
            segmentation, spread_mm, (embedding,) = await asyncio.gather(
                self.models.segment(framed.matte_input(), deadline_s),
                landmark_spread_mm(image, face, self.models, deadline_s),
                embed_faces(image, [face], self.models, deadline_s),
            )
            clock.lap("look")
            evidence = Evidence(face, decoded.reduction, framed, spread_mm, segmentation)
            quality = await asyncio.to_thread(self._judge, evidence)
            clock.lap("judge")
            report(Stage.BUILDING)
            avatar = await asyncio.to_thread(build_framed_avatar, framed, segmentation)
        except ValueError as error:
            raise FaceNotUsable("no_face", f"the face cannot be modelled: {error}") from error
        clock.lap("build")
        built = await asyncio.to_thread(_pack, avatar, embedding, quality, uid)
        clock.lap("pack")
        return dataclasses.replace(built, stage_seconds=clock.seconds)

    def _judge(self, evidence: Evidence) -> PhotoReport:
        return judge(measure(evidence), self.gate_limits, self.quality_limits)


def _pack(avatar: Avatar, embedding: Embedding, quality: PhotoReport, uid: str) -> BuiltIdentity:
    height_px, width_px = avatar.preview.shape[:2]
    preview = _png(avatar.preview, uid)
    return BuiltIdentity(avatar.to_bytes(), AVATAR_LAYOUT, width_px, height_px, preview, embedding, quality)


def _png(image: RgbImage, uid: str) -> bytes:
    """A PNG that no other identity has, even of the same photo: deleting one must not take another one's preview."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Identity", uid)
    buffer = io.BytesIO()
    # A third of the time of the best compression, for a tenth more bytes.
    Image.fromarray(image).save(buffer, "PNG", pnginfo=text, compress_level=3)
    return buffer.getvalue()
