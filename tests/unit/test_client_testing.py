"""The fake that users test with has the real client's surface."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from visage.client import AsyncVisage, Conflict, NotFound, errors
from visage.client.testing import FakeVisage

pytestmark = pytest.mark.unit

PARTS = ("assets", "identities", "speech", "voices", "animation", "generation", "renders")


def _public(part: object) -> set[str]:
    return {name for name in dir(part) if not name.startswith("_") and callable(getattr(part, name))}


@pytest.mark.parametrize("name", PARTS)
async def test_fake_has_every_method_with_the_same_parameters(name: str) -> None:
    """Each method of each part exists in the fake and takes the same parameters."""
    async with AsyncVisage() as real:
        real_part, fake_part = getattr(real, name), getattr(FakeVisage(), name)

        for method in _public(real_part):
            expected = list(inspect.signature(getattr(real_part, method)).parameters)
            assert list(inspect.signature(getattr(fake_part, method)).parameters) == expected, method


async def test_fake_refuses_a_taken_id_like_the_service() -> None:
    """Creating the same id twice raises Conflict, getting an unknown one NotFound."""
    fake = FakeVisage()
    await fake.identities.create(b"photo", identity_id="anna")

    with pytest.raises(Conflict):
        await fake.identities.create(b"photo", identity_id="anna")
    with pytest.raises(NotFound):
        await fake.identities.get("identities/berta")


async def test_fake_raises_what_was_ordered() -> None:
    """`fail_next` makes exactly the next call fail."""
    fake = FakeVisage()
    fake.fail_next(errors.Busy("full", retry_after_s=1.0))

    with pytest.raises(errors.Busy):
        await fake.speech.voices()
    assert (await fake.speech.voices())[0].name == "voices/fake"


async def test_fake_saves_a_clip(tmp_path: Path) -> None:
    """A generation ends in a file and a summary, and wrong arguments fail as they do for real."""
    fake = FakeVisage()
    request = await fake.generation.request("identities/anna", text="hello")
    clip = await fake.generation.save(request, tmp_path / "clip.mp4")

    assert (tmp_path / "clip.mp4").stat().st_size == clip.byte_count > 0
    assert clip.summary is not None
    with pytest.raises(ValueError, match="exactly one"):
        await fake.generation.request("identities/anna")
