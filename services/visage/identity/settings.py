"""Settings of the identity service: `VISAGE_IDENTITY_<FIELD>`, shared ones also `VISAGE_<FIELD>`."""

from __future__ import annotations

from pydantic import Field

from visage.identity.gate import GateLimits
from visage.identity.quality import QualityLimits
from visage.runtime.creations import CreationLimits
from visage.runtime.images import ImageLimits
from visage.runtime.settings import ServiceSettings, settings_config


class IdentitySettings(ServiceSettings, QualityLimits):
    """What the identity service can be told; the limits of the quality report are `QualityLimits`."""

    model_config = settings_config("VISAGE_IDENTITY_")

    port: int = Field(50051, ge=0, le=65535, description="Port to bind; 0 takes a free one.")
    max_image_bytes: int = Field(
        20 * 1024 * 1024, gt=0, description="Largest picture file in bytes; a 25-megapixel JPEG at high quality."
    )
    max_image_pixels: int = Field(
        25_000_000, gt=0, description="Most pixels of a picture; decoding takes 8 bytes a pixel in the child process."
    )
    max_image_side_px: int = Field(8192, gt=0, description="Longest side of a picture in pixels.")
    max_jpeg_pixels: int = Field(
        120_000_000,
        gt=0,
        description="Most pixels of a JPEG, which is reduced while it is decoded; phones make 108 million, and the "
        "decoder's tables for more do not fit the child process.",
    )
    max_asset_bytes: int = Field(
        20 * 1024 * 1024, gt=0, description="Largest upload in bytes; uploads are held in memory until they are whole."
    )
    least_face_width_px: float = Field(
        80.0, gt=0, description="Least width of a face, cheek to cheek, in pixels; below it renders look blurred."
    )
    rival_face_share: float = Field(
        0.5, gt=0, le=1, description="Width from which a second face counts, relative to the widest one."
    )
    most_yaw_degrees: float = Field(
        42.0, gt=0, description="Largest turn to the side in degrees; beyond it half of the face is hidden."
    )
    most_pitch_degrees: float = Field(25.0, gt=0, description="Largest tilt up or down in degrees.")
    creations_side_by_side: int = Field(
        2, ge=1, description="Identities built at a time; each takes one core and about 300 MB."
    )
    creations_waiting: int = Field(
        16, ge=0, description="Creations that may wait for a place; each holds its photo in memory."
    )
    creation_limit_s: float = Field(60.0, gt=0, description="Seconds after which a creation is given up.")
    model_deadline_s: float = Field(10.0, gt=0, description="Seconds that one call of a model may take.")
    longest_wait_s: float = Field(60.0, gt=0, description="Seconds that WaitOperation waits at most.")
    operation_retention_s: float = Field(
        86_400.0, gt=0, description="Seconds that ended operations, and with them request ids, are remembered."
    )
    upkeep_period_s: float = Field(
        60.0, gt=0, description="Seconds between two looks for what crashed processes left in the store."
    )

    @property
    def image_limits(self) -> ImageLimits:
        """How large a picture may be."""
        return ImageLimits(self.max_image_bytes, self.max_image_pixels, self.max_image_side_px, self.max_jpeg_pixels)

    @property
    def gate_limits(self) -> GateLimits:
        """What a usable photo keeps to."""
        return GateLimits(
            least_width_px=self.least_face_width_px,
            rival_share=self.rival_face_share,
            most_yaw_degrees=self.most_yaw_degrees,
            most_pitch_degrees=self.most_pitch_degrees,
        )

    @property
    def quality_limits(self) -> QualityLimits:
        """From where the quality report warns and refuses."""
        return QualityLimits(**{name: getattr(self, name) for name in QualityLimits.model_fields})

    @property
    def creation_limits(self) -> CreationLimits:
        """How many creations a process takes on."""
        return CreationLimits(self.creations_side_by_side, self.creations_waiting, self.creation_limit_s)
