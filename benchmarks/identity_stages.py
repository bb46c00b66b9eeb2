"""What the creation of an identity spends its time on, step by step."""

from __future__ import annotations

from visage.identity.create import IdentityBuilder
from visage.identity.inference import TritonFaceModels
from visage.identity.settings import IdentitySettings
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.settings import TritonClientSettings

ROUNDS = 3
_STEPS = {
    "decode": "a child process of its own: start, decode, send the pixels",
    "find": "detectors, landmarks twice",
    "frame": "canonical crop, straightened",
    "look": "matte, embedding and landmarks' unrest, side by side",
    "judge": "quality report",
    "build": "avatar tensors",
    "pack": "safetensors, preview PNG",
}


async def identity_rows(triton_url: str, photo: bytes) -> list[tuple[str, str, str]]:
    """Returns the rows of the table: the fastest of some creations from a photo, by step; nothing is stored."""
    settings = IdentitySettings()
    best: dict[str, float] = {}
    async with TritonClient(TritonClientSettings(url=triton_url)) as client:
        builder = IdentityBuilder(
            TritonFaceModels(client),
            settings.image_limits,
            settings.gate_limits,
            settings.quality_limits,
            settings.model_deadline_s,
        )
        await builder.prepare()
        for _ in range(ROUNDS):
            built = await builder.build(photo, "photo", "bench", lambda stage: None)
            for step, seconds in built.stage_seconds.items():
                best[step] = min(seconds, best.get(step, seconds))
    return [(f"identity: {step}", f"{best[step]:.3f} s", how) for step, how in _STEPS.items()]
