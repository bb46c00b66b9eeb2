"""The avatar as a value: the renderer's tensors and a preview, one safetensors byte string, addressed by digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from visage.media.portrait import AVATAR_LAYOUT, AVATAR_TENSORS, FRAME_PX
from visage.media.windows import Array

_PREVIEW = "preview"


@dataclass(frozen=True)
class Avatar:
    """tensors: the renderer's inputs by name (`AVATAR_TENSORS`); preview: uint8 [512, 512, 3], the framed photo."""

    tensors: dict[str, Array]
    preview: Array

    def __post_init__(self) -> None:
        for spec in AVATAR_TENSORS:
            array = self.tensors.get(spec.name)
            if array is None or array.shape != spec.shape or array.dtype != spec.dtype:
                found = "nothing" if array is None else f"{array.dtype} {array.shape}"
                raise ValueError(f"avatar tensor {spec.name}: expected {spec.dtype} {spec.shape}, found {found}")
        if self.preview.shape != (FRAME_PX, FRAME_PX, 3) or self.preview.dtype != np.uint8:
            raise ValueError(f"avatar preview: found {self.preview.dtype} {self.preview.shape}")

    def to_bytes(self) -> bytes:
        """One safetensors byte string; equal avatars give equal bytes."""
        tensors = {spec.name: self.tensors[spec.name] for spec in AVATAR_TENSORS}
        return save(tensors | {_PREVIEW: self.preview}, metadata={"format": AVATAR_LAYOUT})

    @classmethod
    def from_bytes(cls, data: bytes) -> Avatar:
        """Raises ValueError when `data` is not an avatar."""
        try:
            tensors = load(data)
        except SafetensorError as error:
            raise ValueError(f"not an avatar: {error}") from error
        preview = tensors.pop(_PREVIEW, None)
        if preview is None:
            raise ValueError("not an avatar: no preview")
        return cls(tensors, preview)

    @cached_property
    def digest(self) -> str:
        """sha256 of `to_bytes()`, hexadecimal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()
