"""What a camera and a lamp may be, and the light that the renderer takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.composition.values import Camera, KeyLight, RawDelivery, Scene
from visage.media.curves import POSE_LIMITS
from visage.media.frames import PixelLayout, color_values
from visage.media.portrait import FRAMES_PER_ITEM, PHOTO_LIGHT
from visage.runtime.errors import InvalidField

ZOOM_RANGE: Final = (1.0, 4.0)
PAN_RANGE: Final = (-0.5, 0.5)
ANGLE_RANGE: Final = (-90.0, 90.0)
"""Of the lamp: behind the head it would light nothing that is seen."""
INTENSITY_RANGE: Final = (0.0, 1.0)
ORBIT_LIMITS: Final = tuple(float(limit) for limit in POSE_LIMITS[:3])
"""Of yaw, pitch and roll in degrees: those of the head pose, which they are added to."""

CAMERA_FIELD: Final = "scene.camera"
_LIGHT_FIELD: Final = "scene.light"


def limit_scene(scene: Scene) -> tuple[Scene, tuple[str, ...]]:
    """Returns the scene with camera and light within their ranges, and the paths of the fields that were not.

    Raises:
        InvalidField: A background is to stand behind transparent frames.
    """
    delivery = scene.video.delivery
    is_transparent = isinstance(delivery, RawDelivery) and delivery.layout is PixelLayout.RGBA32
    if is_transparent and scene.background is not None:
        raise InvalidField("scene.background", "must be absent with PIXEL_FORMAT_RGBA32, whose frames have none")
    limiter = _Limiter()
    camera = scene.camera
    yaw, pitch, roll = (
        limiter.limit(f"{CAMERA_FIELD}.orbit.{name}_degrees", value, (-limit, limit))
        for name, value, limit in zip(("yaw", "pitch", "roll"), camera.orbit, ORBIT_LIMITS, strict=True)
    )
    zoom = limiter.limit(f"{CAMERA_FIELD}.zoom", camera.zoom, ZOOM_RANGE)
    pan_x = limiter.limit(f"{CAMERA_FIELD}.pan_x", camera.pan[0], PAN_RANGE)
    pan_y = limiter.limit(f"{CAMERA_FIELD}.pan_y", camera.pan[1], PAN_RANGE)
    limited = Camera(camera.framing, (yaw, pitch, roll), zoom, (pan_x, pan_y))
    light = scene.light
    if light is not None:
        light = replace(
            light,
            azimuth_degrees=limiter.limit(f"{_LIGHT_FIELD}.azimuth_degrees", light.azimuth_degrees, ANGLE_RANGE),
            elevation_degrees=limiter.limit(f"{_LIGHT_FIELD}.elevation_degrees", light.elevation_degrees, ANGLE_RANGE),
            intensity=limiter.limit(f"{_LIGHT_FIELD}.intensity", light.intensity, INTENSITY_RANGE),
        )
    return replace(scene, camera=limited, light=light), tuple(limiter.fields)


def light_rows(light: KeyLight | None) -> NDArray[np.float32]:
    """Returns the renderer's input `light`, [8, 7]: the direction to the lamp, its intensity and its colour."""
    if light is None:
        return np.tile(np.array(PHOTO_LIGHT, np.float32), (FRAMES_PER_ITEM, 1))
    azimuth, elevation = np.radians([light.azimuth_degrees, light.elevation_degrees])
    direction = np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), -np.cos(azimuth) * np.cos(elevation)
    row = [*direction, light.intensity, *(value / 255 for value in color_values(light.color))]
    return np.tile(np.array(row, np.float32), (FRAMES_PER_ITEM, 1))


class _Limiter:
    """Clamps values and notes which needed it."""

    def __init__(self) -> None:
        self.fields: list[str] = []

    def limit(self, field: str, value: float, bounds: tuple[float, float]) -> float:
        limited = min(max(value, bounds[0]), bounds[1])
        if limited != value:
            self.fields.append(field)
        return limited
