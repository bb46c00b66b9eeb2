"""What composition needs from the outside; `peers`, `inference`, `sources` and tests' fakes implement it.

Every call raises `VisageError` or, where models are concerned, `ModelError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from fractions import Fraction
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from visage.composition.values import Avatar, AvatarDownload, Frames, Look, SeenFace, Sound
from visage.media.frames import Picture
from visage.v1 import curves_pb2, driving_pb2, errors_pb2, media_pb2, speech_service_pb2

SpeechMessage: TypeAlias = bytes | curves_pb2.SpeechTiming | errors_pb2.StreamNotice
"""LINEAR16 bytes, the timing of sound that follows, or a notice."""
AnimationMessage: TypeAlias = curves_pb2.CurveHeader | curves_pb2.CurveBlock | errors_pb2.StreamNotice


class SpeechCall(Protocol):
    """One running synthesis."""

    async def say(self, text: str) -> None:
        """Sends text; returns at once when the call has ended, whose reader then learns why."""

    async def say_document(self, ssml: str) -> None:
        """Sends a whole SSML document."""

    async def finish(self) -> None:
        """Says that no text follows."""

    async def sample_rate_hz(self) -> int:
        """Waits for the header; to be called once, before reading."""

    def __aiter__(self) -> AsyncIterator[SpeechMessage]:
        """Yields what the service sends."""


class Speech(Protocol):
    """Text to sound."""

    def speak(
        self, options: speech_service_pb2.SynthesisOptions, deadline_s: float
    ) -> AbstractAsyncContextManager[SpeechCall]:
        """Opens a call; leaving the context cancels it."""


class AnimationCall(Protocol):
    """One running animation."""

    async def send(self, item: bytes | curves_pb2.SpeechTiming) -> None:
        """Sends LINEAR16 bytes or the timing of sound that follows; returns at once when the call has ended."""

    async def finish(self) -> None:
        """Says that no sound follows."""

    def __aiter__(self) -> AsyncIterator[AnimationMessage]:
        """Yields what the service sends."""


class FilmCall(Protocol):
    """One film that is being followed."""

    async def show(self, film: bytes) -> None:
        """Sends a whole film; returns at once when the call has ended, whose reader then learns why."""

    def __aiter__(self) -> AsyncIterator[AnimationMessage]:
        """Yields what the service sends, but for its report."""


class Animation(Protocol):
    """Sound and films to curves."""

    def animate(
        self,
        sample_rate_hz: int,
        frame_rate: Fraction,
        controls: curves_pb2.PerformanceControls | None,
        is_timed: bool,
        deadline_s: float,
    ) -> AbstractAsyncContextManager[AnimationCall]:
        """Opens a call; leaving the context cancels it."""

    def follow(
        self,
        frame_rate: Fraction,
        controls: curves_pb2.PerformanceControls,
        driving: driving_pb2.DrivingOptions,
        deadline_s: float,
    ) -> AbstractAsyncContextManager[FilmCall]:
        """Opens a call; leaving the context cancels it."""


class Identities(Protocol):
    """Where avatars come from."""

    async def avatar(self, identity: str, known_digest: str) -> AvatarDownload:
        """Returns an identity's avatar, without its bytes when `known_digest` is current."""


class Faces(Protocol):
    """Who is in a picture."""

    async def embedding_of(self, identity: str) -> NDArray[np.float32]:
        """Returns the embedding of an identity's photo, [128], of length 1."""

    async def look(self, picture: bytes) -> SeenFace | None:
        """Returns the widest face of a PNG, None where there is none."""


class Avatars(Protocol):
    """Avatars ready for the renderer."""

    async def get(self, identity: str) -> Avatar:
        """Returns the current avatar of an identity."""


class RenderSession(Protocol):
    """One avatar with one look."""

    async def render(self, curves: NDArray[np.float32], poses: NDArray[np.float32], deadline_s: float) -> Frames:
        """Returns eight frames as `Look.pixels` says for curves [8, 52] and poses [8, 6]; calls may overlap."""


class Renderer(Protocol):
    """Curves to pictures."""

    def open(self, avatar: Avatar, look: Look) -> AbstractAsyncContextManager[RenderSession]:
        """Keeps an avatar at hand for the renderer."""


class MediaReader(Protocol):
    """Bytes that a request holds or names."""

    async def read(self, source: media_pb2.MediaSource, field: str) -> bytes:
        """Returns the bytes; raises ResourceNotFound for an unknown asset. `field` is the path of `source`."""


class SoundDecoder(Protocol):
    """Bytes of an audio file to samples."""

    async def decode(self, content: bytes, field: str) -> Sound:
        """Returns mono sound of 8 to 48 kHz; raises MediaUndecodable or MediaTooLarge."""

    async def decode_film(self, content: bytes, field: str) -> Sound | None:
        """Returns a film's sound from its first picture on, None where it is mute; raises as `decode` does."""


class PictureDecoder(Protocol):
    """Bytes of a picture file to pixels."""

    async def decode(self, content: bytes, field: str) -> Picture:
        """Returns the upright picture; raises MediaUndecodable or MediaTooLarge."""
