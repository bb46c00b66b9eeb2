"""Avatars from the identity service, kept by digest so that each is sent once."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load

from visage.composition.ports import Identities
from visage.composition.values import Avatar, AvatarDownload
from visage.media.portrait import AVATAR_LAYOUT, AVATAR_TENSORS
from visage.runtime.errors import PeerUnavailable, ResourceNotReady

"""Of the tensors that this renderer takes."""


class AvatarCache:
    """Asks for each avatar whether the one kept is current, downloads it if not; the least recent ones go first.

    Calls for one identity at the same time share one question and one download, which ends early only when all of
    them have gone.
    """

    def __init__(self, identities: Identities, capacity_bytes: int) -> None:
        self._identities = identities
        self._capacity_bytes = capacity_bytes
        self._avatars: OrderedDict[str, Avatar] = OrderedDict()
        self._digests: OrderedDict[str, str] = OrderedDict()
        self._fetches: dict[str, _Fetch] = {}

    @property
    def byte_size(self) -> int:
        """Bytes of all avatars kept."""
        return sum(avatar.byte_size for avatar in self._avatars.values())

    async def get(self, identity: str) -> Avatar:
        """Returns the current avatar of an identity.

        Raises:
            PeerFailed: The identity service refuses: there is no such identity, or it is not ready.
            PeerUnavailable: It does not answer, or the bytes are damaged.
            ResourceNotReady: The avatar was made for another renderer.
        """
        fetch = self._fetches.get(identity)
        if fetch is None:
            fetch = self._fetches[identity] = _Fetch(asyncio.create_task(self._fetch(identity)))
        fetch.waiting += 1
        try:
            return await asyncio.shield(fetch.task)
        finally:
            fetch.waiting -= 1
            # Neither may a finished fetch answer later calls, nor may anybody join one that is being given up.
            if (fetch.task.done() or not fetch.waiting) and self._fetches.get(identity) is fetch:
                del self._fetches[identity]
            if not fetch.waiting:
                fetch.task.cancel()

    async def _fetch(self, identity: str) -> Avatar:
        known = self._avatars.get(self._digests.get(identity, ""))
        download = await self._identities.avatar(identity, known.digest if known is not None else "")
        # Two identities of one photo share an avatar; `known` may have been dropped meanwhile.
        avatar = self._avatars.get(download.digest) or known
        if avatar is None or avatar.digest != download.digest:
            avatar = await asyncio.to_thread(_unpack, identity, download)
        self._keep(identity, avatar)
        return avatar

    def _keep(self, identity: str, avatar: Avatar) -> None:
        self._avatars[avatar.digest] = avatar
        self._avatars.move_to_end(avatar.digest)
        self._digests[identity] = avatar.digest
        while len(self._avatars) > 1 and self.byte_size > self._capacity_bytes:
            dropped, _ = self._avatars.popitem(last=False)
            for name in [name for name, digest in self._digests.items() if digest == dropped]:
                del self._digests[name]


class _Fetch:
    """A question under way and how many wait for its answer."""

    def __init__(self, task: asyncio.Task[Avatar]) -> None:
        self.task = task
        self.waiting = 0


def _unpack(identity: str, download: AvatarDownload) -> Avatar:
    """Returns the avatar in a download whose bytes are whole and fit the renderer."""
    if download.layout != AVATAR_LAYOUT:
        raise ResourceNotReady("identity", identity, f"made for another renderer ({download.layout})")
    content = download.content or b""
    if hashlib.sha256(content).hexdigest() != download.digest:
        raise PeerUnavailable("identity", "the avatar's bytes do not match their digest")
    try:
        loaded: dict[str, Any] = load(content)
    except SafetensorError as error:
        raise PeerUnavailable("identity", f"the avatar cannot be read: {error}") from error
    for spec in AVATAR_TENSORS:
        tensor = loaded.get(spec.name)
        if tensor is None or tensor.shape != spec.shape or tensor.dtype != spec.dtype:
            raise ResourceNotReady("identity", identity, f"made for another renderer (tensor {spec.name})")
    tensors = {spec.name: loaded[spec.name] for spec in AVATAR_TENSORS}
    return Avatar(download.digest, tensors, sum(tensor.nbytes for tensor in tensors.values()))
