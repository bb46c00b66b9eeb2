"""Pictures for the parity gate: a NASA portrait in the public domain, varied, and noise."""

from __future__ import annotations

import numpy as np
from skimage import data, transform

# Square around the face of skimage.data.astronaut(), pixels: left, top, side.
PORTRAIT_FACE = (135, 20, 180)
_SEED = 20250131


def portraits(size: int) -> np.ndarray:
    """Eight uint8 pictures (8, size, size, 3): the whole portrait, mirrored, darker, smaller, two faces, noise."""
    whole = _scaled(data.astronaut(), size)
    half = _scaled(data.astronaut(), size // 2)
    small, pair = np.zeros_like(whole), np.zeros_like(whole)
    small[size // 3 : size // 3 + len(half), size // 4 : size // 4 + len(half)] = half
    pair[: len(half), : len(half)] = half
    pair[: len(half), len(half) : 2 * len(half)] = half[:, ::-1]
    return _varied(whole, [small, pair])


def faces(size: int) -> np.ndarray:
    """Eight uint8 crops (8, size, size, 3) around the face: exact, shifted, turned, mirrored, darker, noise."""
    left, top, side = PORTRAIT_FACE
    portrait = data.astronaut()
    exact = _scaled(portrait[top : top + side, left : left + side], size)
    shifted = _scaled(portrait[top + 12 : top + 12 + side, left - 15 : left - 15 + side], size)
    turned = np.rint(transform.rotate(exact, 15, mode="edge", preserve_range=True)).astype(np.uint8)
    return _varied(exact, [shifted, turned])


def _varied(picture: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
    random = np.random.default_rng(_SEED)
    noise = random.integers(0, 256, picture.shape, dtype=np.uint8)
    grainy = np.clip(picture + random.normal(0, 12, picture.shape), 0, 255).astype(np.uint8)
    dark = (picture * 0.5).astype(np.uint8)
    grey = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    return np.stack([picture, picture[:, ::-1], dark, grey, grainy, *others, noise])


def _scaled(picture: np.ndarray, size: int) -> np.ndarray:
    return np.rint(transform.resize(picture, (size, size), anti_aliasing=True, preserve_range=True)).astype(np.uint8)
