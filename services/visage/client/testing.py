"""`FakeVisage`: the client's surface without a mesh, for tests of code that uses Visage.

It keeps identities and assets in memory, speaks in sine tones with one word every 300 ms, and "renders" clips whose
bytes are a marker instead of a film. `fail_next` makes the next call raise an error of your choice; `calls` lists
what was called.
"""

from __future__ import annotations

import hashlib
import io
import re
import wave
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from visage.client import errors, values, wire
from visage.client.assets import INLINE_BYTES
from visage.client.connection import SERVICES
from visage.client.generation import Generation, refuse_raw
from visage.client.generation import Progress as VideoProgress
from visage.client.identities import Progress
from visage.client.testing_animation import WORD_S, FakeAnimation
from visage.client.testing_renders import FakeRenders
from visage.client.testing_voices import FakeVoices
from visage.v1 import composition_service_pb2, media_pb2, speech_service_pb2

SAMPLE_RATE_HZ = 16000
FAKE_FILM = b"visage fake film\n"


class FakeVisage:
    """Stands in for `AsyncVisage`; pass it wherever your code takes one."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._failures: list[errors.VisageError] = []
        self.assets = _FakeAssets(self)
        self.identities = _FakeIdentities(self)
        self.speech = _FakeSpeech(self)
        self.voices = FakeVoices(self)
        self.animation = FakeAnimation(self)
        self.generation = _FakeGeneration(self)
        self.renders = FakeRenders(self)

    def fail_next(self, error: errors.VisageError) -> None:
        """Makes the next call raise `error`; may be called several times."""
        self._failures.append(error)

    def called(self, name: str) -> None:
        """Notes a call and raises what was ordered."""
        self.calls.append(name)
        if self._failures:
            raise self._failures.pop(0)

    async def status(self, timeout_s: float = 2.0) -> dict[str, str]:
        """Returns "serving" for every service."""
        self.called("status")
        return dict.fromkeys(SERVICES, "serving")

    async def close(self) -> None:
        """Does nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _FakeAssets:
    def __init__(self, owner: FakeVisage) -> None:
        self._owner = owner
        self.stored: dict[str, bytes] = {}

    async def upload(self, data: bytes) -> str:
        """Keeps the bytes under a name derived from them."""
        self._owner.called("assets.upload")
        name = f"assets/{hashlib.sha256(data).hexdigest()[:32]}"
        self.stored[name] = data
        return name

    async def download(self, name: str, path: Path) -> int:
        """Writes the bytes into a file; raises NotFound."""
        self._owner.called("assets.download")
        if name not in self.stored:
            raise errors.NotFound(f"asset {name!r} does not exist", reason="RESOURCE_NOT_FOUND")
        return path.write_bytes(self.stored[name])

    async def delete(self, name: str) -> None:
        """Forgets an asset."""
        self._owner.called("assets.delete")
        self.stored.pop(name, None)

    async def source(self, media: values.Media) -> media_pb2.MediaSource:
        """Returns how a request refers to media."""
        if isinstance(media, str) and media.startswith("assets/"):
            return media_pb2.MediaSource(asset=media)
        data = media if isinstance(media, bytes) else Path(media).read_bytes()
        if len(data) <= INLINE_BYTES:
            return media_pb2.MediaSource(content=data)
        return media_pb2.MediaSource(asset=await self.upload(data))


class _FakeIdentities:
    def __init__(self, owner: FakeVisage) -> None:
        self._owner = owner
        self.stored: dict[str, values.Identity] = {}

    async def create(
        self,
        photo: values.Media,
        *,
        identity_id: str = "",
        display_name: str = "",
        labels: Mapping[str, str] | None = None,
        consent_reference: str = "",
        progress: Progress | None = None,
    ) -> values.Identity:
        """Keeps an identity; raises Conflict when the id is taken. The photo is not looked at."""
        self._owner.called("identities.create")
        name = f"identities/{identity_id or f'fake-{len(self.stored) + 1}'}"
        if name in self.stored:
            raise errors.Conflict(f"identity {name!r} exists already", reason="RESOURCE_EXISTS")
        if progress is not None:
            progress("storing", 100)
        self.stored[name] = values.Identity(name, display_name, dict(labels or {}), "READY", "assets/fake", "1")
        return self.stored[name]

    async def get(self, name: str) -> values.Identity:
        """Returns an identity; raises NotFound."""
        self._owner.called("identities.get")
        if name not in self.stored:
            raise errors.NotFound(f"identity {name!r} does not exist", reason="RESOURCE_NOT_FOUND")
        return self.stored[name]

    async def list(self) -> AsyncIterator[values.Identity]:
        """Yields identities, newest first."""
        self._owner.called("identities.list")
        for identity in reversed(list(self.stored.values())):
            yield identity

    async def update(
        self, name: str, *, display_name: str | None = None, labels: Mapping[str, str] | None = None
    ) -> values.Identity:
        """Changes what is given."""
        old = await self.get(name)
        self.stored[name] = values.Identity(
            name,
            old.display_name if display_name is None else display_name,
            old.labels if labels is None else dict(labels),
            old.state,
            old.preview_asset,
            str(int(old.etag) + 1),
        )
        return self.stored[name]

    async def delete(self, name: str, *, allow_missing: bool = False) -> None:
        """Forgets an identity; raises NotFound."""
        if not (allow_missing and name not in self.stored):
            await self.get(name)
        self.stored.pop(name, None)

    async def embed(self, face: values.Media) -> Any:
        """Returns one face with an embedding derived from the argument."""
        self._owner.called("identities.embed")
        seed = int.from_bytes(hashlib.sha256(repr(face).encode()).digest()[:4], "little")
        vector = np.random.default_rng(seed).normal(size=128).astype(np.float32)
        return [values.Face((0.0, 0.0, 100.0, 100.0), 0.99, embedding=vector / np.linalg.norm(vector))]

    async def compare(self, first: values.Media, second: values.Media) -> tuple[float, bool]:
        """Returns the cosine of the two fake embeddings."""
        one, two = (await self.embed(first))[0], (await self.embed(second))[0]
        similarity = float(one.embedding @ two.embedding)
        return similarity, similarity > 0.9

    async def landmarks(self, image: values.Media, *, max_faces: int = 0) -> Any:
        """Returns one face of 478 points on a circle."""
        self._owner.called("identities.landmarks")
        angle = np.linspace(0, 2 * np.pi, 478, endpoint=False)
        points = np.stack([50 + 40 * np.cos(angle), 50 + 40 * np.sin(angle), 0 * angle], -1).astype(np.float32)
        return [values.Face((10.0, 10.0, 80.0, 80.0), 0.99, points=points)]


class _FakeSpeech:
    def __init__(self, owner: FakeVisage) -> None:
        self._owner = owner

    async def voices(self, language_code: str = "") -> list[values.Voice]:
        """Returns one voice."""
        self._owner.called("speech.voices")
        return [values.Voice("voices/fake", "Fake", ("en-US",), SAMPLE_RATE_HZ, "standard", "female", "Apache-2.0")]

    async def say(
        self, text: str, options: speech_service_pb2.SynthesisOptions | None = None, *, ssml: bool = False
    ) -> values.Speech:
        """Returns a tone of 300 ms a word as WAV; tags count as no words."""
        self._owner.called("speech.say")
        spans = []
        plain = re.sub("<[^>]*>", " ", text) if ssml else text
        for index, word in enumerate(plain.split()):
            spans.append(values.Span(word, index * WORD_S, (index + 1) * WORD_S))
        times = np.arange(round(len(spans) * WORD_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        pcm = (8000 * np.sin(2 * np.pi * 220 * times)).astype("<i2")
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", "not compressed"))
            writer.writeframes(pcm.tobytes())
        return values.Speech(file.getvalue(), SAMPLE_RATE_HZ, values.Timing(words=tuple(spans)), "voices/fake")

    async def stream(
        self, texts: AsyncIterable[str], options: speech_service_pb2.SynthesisOptions | None = None
    ) -> AsyncIterator[speech_service_pb2.StreamSynthesizeSpeechResponse]:
        """Yields a header and one audio chunk per text."""
        self._owner.called("speech.stream")
        response = speech_service_pb2.StreamSynthesizeSpeechResponse()
        response.header.audio_format.encoding = media_pb2.AUDIO_ENCODING_LINEAR16
        response.header.audio_format.sample_rate_hertz = SAMPLE_RATE_HZ
        yield response
        async for text in texts:
            speech = await self.say(text)
            audio = media_pb2.AudioChunk(data=speech.audio[44:])
            yield speech_service_pb2.StreamSynthesizeSpeechResponse(audio=audio)


class _FakeGeneration:
    def __init__(self, owner: FakeVisage) -> None:
        self._owner = owner
        # Building a request needs no mesh: the real code does it, so that wrong arguments fail here as well.
        self._real = Generation(None, owner.assets)  # type: ignore[arg-type]  # only `request` is used
        self.request: Callable[..., Any] = self._real.request

    async def stream(
        self, request: composition_service_pb2.GenerateAvatarRequest
    ) -> AsyncIterator[composition_service_pb2.GenerateAvatarResponse]:
        """Yields header, two fragments with marker bytes and a summary; raw requests get one black frame."""
        self._owner.called("generation.stream")
        response, video = composition_service_pb2.GenerateAvatarResponse, request.scene.video
        width, height = video.width or 512, video.height or 512
        header = composition_service_pb2.PictureHeader(width=width, height=height, frame_rate=wire.frame_rate(25))
        is_raw = video.HasField("raw_frames")
        if is_raw:
            header.pixel_format = video.raw_frames.pixel_format or media_pb2.PIXEL_FORMAT_RGB24
        yield response(header=header)
        if is_raw:
            half_bytes = {media_pb2.PIXEL_FORMAT_RGB24: 6, media_pb2.PIXEL_FORMAT_RGBA32: 8}.get(header.pixel_format, 3)
            frame = media_pb2.FramePart(data=bytes(width * height * half_bytes // 2), end_of_frame=True)
            yield response(frame=frame)
        else:
            for number in range(2):
                fragment = media_pb2.VideoFragmentPart(sequence_number=number, data=FAKE_FILM, end_of_segment=True)
                yield response(fragment=fragment)
        yield response(summary=composition_service_pb2.GenerationSummary(frame_count=1 if is_raw else 25))

    async def save(
        self,
        request: composition_service_pb2.GenerateAvatarRequest,
        path: Path,
        progress: VideoProgress | None = None,
    ) -> values.Clip:
        """Writes the marker bytes into a file; raises ValueError for a request of raw frames."""
        refuse_raw(request)
        clip = values.Clip(path=path, mime_type="video/mp4")
        parts = []
        async for response in self.stream(request):
            if response.WhichOneof("response") == "fragment":
                parts.append(response.fragment.data)
            elif response.WhichOneof("response") == "summary":
                clip.summary = wire.summary(response.summary)
        clip.byte_count = path.write_bytes(b"".join(parts))
        return clip
