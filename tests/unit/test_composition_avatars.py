"""The cache of avatars: one question per call, one download per avatar, bounded memory."""

from __future__ import annotations

import asyncio
import hashlib

import numpy as np
import pytest
from safetensors.numpy import save

from tests.fakes.composition_peers import avatar_bytes
from visage.composition.avatars import AvatarCache
from visage.composition.values import AvatarDownload
from visage.media.portrait import AVATAR_LAYOUT, AVATAR_TENSORS
from visage.runtime.errors import PeerUnavailable, ResourceNotFound, ResourceNotReady

pytestmark = pytest.mark.unit

ONE_AVATAR = sum(int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize for spec in AVATAR_TENSORS)


class Identities:
    """Answers with what `contents` holds, once `gate` is open."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.questions: list[tuple[str, bool]] = []
        self.cancelled = 0
        self.layout = AVATAR_LAYOUT

    async def avatar(self, identity: str, known_digest: str) -> AvatarDownload:
        self.questions.append((identity, bool(known_digest)))
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if identity not in self.contents:
            raise ResourceNotFound("identity", identity)
        content = self.contents[identity]
        digest = hashlib.sha256(content).hexdigest()
        return AvatarDownload(digest, self.layout, None if digest == known_digest else content)


async def test_an_avatar_is_downloaded_once() -> None:
    """Later calls ask, with the digest they know, and get the same tensors."""
    identities = Identities()
    identities.contents["a"] = avatar_bytes()
    cache = AvatarCache(identities, 10 * ONE_AVATAR)
    first, second = await cache.get("a"), await cache.get("a")

    assert first is second and identities.questions == [("a", False), ("a", True)]
    assert set(first.tensors) == {spec.name for spec in AVATAR_TENSORS} and first.byte_size == ONE_AVATAR


async def test_calls_at_the_same_time_share_one_download() -> None:
    """Ten callers, one question."""
    identities = Identities()
    identities.contents["a"] = avatar_bytes()
    cache = AvatarCache(identities, 10 * ONE_AVATAR)
    avatars = await asyncio.gather(*(cache.get("a") for _ in range(10)))

    assert len(identities.questions) == 1 and len({id(avatar) for avatar in avatars}) == 1


async def test_one_caller_may_leave_without_harm() -> None:
    """The others still get the avatar; when all have left the download ends."""
    identities = Identities()
    identities.contents["a"] = avatar_bytes()
    identities.gate.clear()
    cache = AvatarCache(identities, 10 * ONE_AVATAR)
    first, second = asyncio.create_task(cache.get("a")), asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    identities.gate.set()
    kept = await second
    identities.gate.clear()
    third = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    third.cancel()
    await asyncio.gather(first, third, return_exceptions=True)
    await asyncio.sleep(0)

    assert kept.byte_size == ONE_AVATAR and identities.cancelled == 1


async def test_an_error_is_not_kept() -> None:
    """An identity that was missing is asked for again."""
    identities = Identities()
    cache = AvatarCache(identities, 10 * ONE_AVATAR)
    with pytest.raises(ResourceNotFound):
        await cache.get("a")
    identities.contents["a"] = avatar_bytes()

    assert (await cache.get("a")).byte_size == ONE_AVATAR


async def test_the_least_recent_go_first() -> None:
    """With room for two, the third drops the one that was not used."""
    identities = Identities()
    identities.contents = {name: avatar_bytes(fill) for fill, name in enumerate("abc")}
    cache = AvatarCache(identities, 2 * ONE_AVATAR)
    for name in "abacab":
        await cache.get(name)

    known = [is_known for _, is_known in identities.questions]
    assert known == [False, False, True, False, True, False] and cache.byte_size == 2 * ONE_AVATAR


async def test_identities_of_one_photo_share_an_avatar() -> None:
    """Equal digests are one entry."""
    identities = Identities()
    identities.contents = {"a": avatar_bytes(), "b": avatar_bytes()}
    cache = AvatarCache(identities, 10 * ONE_AVATAR)

    assert await cache.get("a") is await cache.get("b") and cache.byte_size == ONE_AVATAR


async def test_damaged_bytes_are_refused() -> None:
    """Bytes that are no safetensors file raise PeerUnavailable, and are not kept."""
    identities = Identities()
    identities.contents["a"] = b"damaged"
    cache = AvatarCache(identities, 10 * ONE_AVATAR)

    with pytest.raises(PeerUnavailable, match="cannot be read"):
        await cache.get("a")
    assert cache.byte_size == 0


async def test_an_avatar_of_another_layout_is_refused() -> None:
    """A name of the layout, or a tensor, that the renderer does not know."""
    identities = Identities()
    identities.contents["a"] = save({"background": np.zeros((4, 4, 3), np.uint8)})
    cache = AvatarCache(identities, 10 * ONE_AVATAR)
    with pytest.raises(ResourceNotReady, match="tensor background"):
        await cache.get("a")
    identities.layout = "visage-avatar-0"

    with pytest.raises(ResourceNotReady, match="visage-avatar-0"):
        await cache.get("a")
