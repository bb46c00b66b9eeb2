"""A clip's quality inside its production: what is sampled on the way, and what the caller hears at the end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visage.composition.flow import Channel
from visage.composition.ports import Faces, Renderer
from visage.composition.quality import ClipSampler, measure_quality
from visage.composition.values import Avatar, ClipQuality, Look, Part, Pixels
from visage.media.portrait import FRAME_PX
from visage.runtime.errors import VisageError
from visage.v1 import errors_pb2


class Inspection:
    """Of one clip."""

    def __init__(self, renderer: Renderer, faces: Faces, identity: str) -> None:
        self._renderer = renderer
        self._faces = faces
        self._identity = identity
        self._sampler = ClipSampler()

    def see(self, curves: NDArray[np.float32], poses: NDArray[np.float32]) -> None:
        """Takes the next frames as they go to the renderer, [n, 52] and [n, 6]."""
        self._sampler.see(curves, poses)

    async def conclude(
        self, avatar: Avatar, light: NDArray[np.float32], outlet: Channel[Part], deadline_s: float
    ) -> ClipQuality | None:
        """Returns the quality; where it cannot be measured, the caller is told why and the clip stays good.

        Raises ModelError where the renderer itself fails.
        """
        look = Look(FRAME_PX, Pixels.RGB, light)
        cause = "no face was found in a frame"
        try:
            async with self._renderer.open(avatar, look) as session:
                quality = await measure_quality(self._sampler, session, self._faces, self._identity, deadline_s)
        except VisageError as error:
            quality, cause = None, str(error)
        if quality is None:
            await outlet.put(
                errors_pb2.StreamNotice(
                    kind=errors_pb2.StreamNotice.KIND_QUALITY_UNKNOWN,
                    message=f"the clip's quality is not known: {cause}",
                    metadata={"cause": cause},
                )
            )
        return quality
