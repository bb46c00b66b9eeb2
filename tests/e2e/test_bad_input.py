"""Whatever comes in gets its documented status with details, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from PIL import Image

from tests.e2e.counters import active_calls
from tests.fakes import hard_photos
from visage.client import AsyncVisage, Curves, InvalidRequest, NotFound, NotUsable, synthesis_options
from visage.client.embedded import EmbeddedMesh
from visage.v1 import (
    animation_service_pb2,
    animation_service_pb2_grpc,
    asset_service_pb2,
    asset_service_pb2_grpc,
    composition_service_pb2,
    composition_service_pb2_grpc,
)

pytestmark = pytest.mark.e2e

Picture = npt.NDArray[np.uint8]


def kept_files(store: Path) -> list[Path]:
    """Returns the files of a store; a failed creation's operation is kept on purpose, so that it can be asked about."""
    return sorted(path for path in store.rglob("*") if path.is_file() and "operations" not in path.parts)


@pytest.fixture(autouse=True)
def nothing_is_left(mesh: EmbeddedMesh, identity: str) -> Iterator[None]:
    """After each test no call is in flight, and the store holds the one identity and no unfinished upload."""
    store = Path(mesh.environment["VISAGE_STORE_URL"].removeprefix("file://"))
    before = kept_files(store)
    yield

    async def check() -> list[str]:
        async with asyncio.timeout(2.0):
            while any((await asyncio.to_thread(active_calls, mesh)).values()):
                await asyncio.sleep(0.05)
        async with AsyncVisage(mesh.settings) as visage:
            return [item.name async for item in visage.identities.list()]

    assert asyncio.run(check()) == [identity]
    assert kept_files(store) == before


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def wav(samples: npt.NDArray[np.float32], rate_hz: int = 16000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def bomb() -> bytes:
    """A PNG of a few kilobytes that would be 1.2 GB of pixels."""
    return encoded(Image.new("1", (20000, 20000)))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda face: b"this is not a picture", "MEDIA_UNDECODABLE"),
        (lambda face: encoded(Image.fromarray(face))[:20000], "MEDIA_UNDECODABLE"),
        (lambda face: bomb(), "MEDIA_TOO_LARGE"),
    ],
    ids=["text", "truncated", "bomb"],
)
async def test_what_is_no_picture_is_refused(mesh: EmbeddedMesh, astronaut: Picture, make: object, reason: str) -> None:
    """Bytes that cannot or must not be decoded are INVALID_ARGUMENT and name the field."""
    async with AsyncVisage(mesh.settings) as visage:
        with pytest.raises(InvalidRequest) as caught:
            await visage.identities.create(make(astronaut))  # type: ignore[operator]

    assert caught.value.reason == reason
    assert any(field.startswith("photo") for field in caught.value.fields)


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda face: Image.new("RGB", (400, 400), (90, 120, 150)), "no_face"),
        (lambda face: Image.new("RGB", (1, 1)), "no_face"),
        (lambda face: Image.fromarray(np.hstack([face[:400, 60:400], face[:400, 60:400]])), "several_faces"),
        (lambda face: Image.fromarray(face).resize((150, 150)), "too_small"),
        (lambda face: Image.fromarray(np.ascontiguousarray(face[:, 195:])), "cut_off"),
        (lambda face: Image.fromarray(hard_photos.blurred(4)), "too_blurred"),
        (lambda face: Image.fromarray(hard_photos.with_sunglasses()), "eyes_hidden"),
        (lambda face: Image.fromarray(hard_photos.with_mask((235, 235, 232))), "mouth_hidden"),
    ],
    ids=["landscape", "one pixel", "two faces", "small", "cut off", "blurred", "sunglasses", "mask"],
)
async def test_photo_without_a_usable_face_says_why(
    mesh: EmbeddedMesh, astronaut: Picture, make: object, cause: str
) -> None:
    """The quality gate refuses with FAILED_PRECONDITION and its reason."""
    async with AsyncVisage(mesh.settings) as visage:
        with pytest.raises(NotUsable) as caught:
            await visage.identities.create(encoded(make(astronaut)))  # type: ignore[operator]

    assert caught.value.reason == "FACE_NOT_USABLE"
    assert caught.value.metadata["cause"] == cause
    if cause != "no_face":
        assert {"measure", "value", "limit", "score"} <= set(caught.value.metadata)


@pytest.mark.parametrize("text", ["", "x" * 20_000, "?!…"], ids=["empty", "endless", "signs"])
async def test_text_that_cannot_be_spoken(mesh: EmbeddedMesh, identity: str, text: str) -> None:
    """Empty, endless and unspeakable texts are refused with the caller's own field name."""
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, text=text)
        with pytest.raises(InvalidRequest) as caught:
            await anext(visage.generation.stream(request))

    assert set(caught.value.fields) == {"performance.speech.text"}


async def test_unknown_voice_and_identity(mesh: EmbeddedMesh, identity: str) -> None:
    """Both are NOT_FOUND, before any picture; the voice's message names what there is."""
    kinds = set()
    async with AsyncVisage(mesh.settings) as visage:
        with pytest.raises(NotFound) as voice:
            await visage.speech.say("Hello.", synthesis_options("flite-rmz"))
        request = await visage.generation.request("identities/nobody", text="Hello.")
        with pytest.raises(NotFound) as nobody:
            # Identity is asked while speech begins, so the header may have gone out when it answers.
            async for response in visage.generation.stream(request):
                kinds.add(response.WhichOneof("response"))

    assert kinds <= {"header"}
    assert "flite" in voice.value.message
    assert nobody.value.metadata["name"] == "identities/nobody"


@pytest.mark.parametrize("rate_hz", [8000, 22050, 48000])
async def test_every_usual_rate_and_stereo_are_taken(mesh: EmbeddedMesh, identity: str, rate_hz: int) -> None:
    """Half a second of stereo at any rate between 8 and 48 kHz gives its 13 frames."""
    tone = 0.3 * np.sin(2 * np.pi * 200 * np.arange(rate_hz // 2) / rate_hz)
    stereo = np.stack([tone, tone], -1).astype(np.float32)
    async with AsyncVisage(mesh.settings) as visage:
        curves = await visage.animation.from_audio(wav(stereo, rate_hz))

    assert len(curves.values) == 13


async def test_silent_and_clipped_audio_are_noticed(mesh: EmbeddedMesh, identity: str, tmp_path: Path) -> None:
    """Both are rendered, with a notice in the stream."""
    kinds = []
    noise = np.random.default_rng(0).normal(0, 3, 16000).clip(-1, 1).astype(np.float32)
    async with AsyncVisage(mesh.settings) as visage:
        for samples in (np.zeros(16000, np.float32), noise):
            request = await visage.generation.request(identity, audio=wav(samples))
            clip = await visage.generation.save(request, tmp_path / "clip.mp4")
            kinds.append({notice.kind for notice in clip.notices})

    assert "audio_silent" in kinds[0]
    assert "audio_clipped" in kinds[1]


async def test_one_sample_of_audio_is_one_frame(mesh: EmbeddedMesh, identity: str, tmp_path: Path) -> None:
    """The shortest audio there is becomes the shortest film there is."""
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, audio=wav(np.zeros(1, np.float32)))
        clip = await visage.generation.save(request, tmp_path / "clip.mp4")

    assert clip.summary is not None
    assert clip.summary.frame_count == 1


@pytest.mark.parametrize(
    ("channels", "value", "fragment"),
    [(("JawOpen",), np.nan, "values"), (("JawOpened",), 0.1, "channels")],
    ids=["NaN", "unknown name"],
)
async def test_wrong_curves_are_refused(
    mesh: EmbeddedMesh, identity: str, channels: tuple[str, ...], value: float, fragment: str
) -> None:
    """Curves that are not numbers or have no such name are INVALID_ARGUMENT with their path."""
    values = np.full((5, 1), value, np.float32)
    curves = Curves(channels, 25.0, values, np.zeros((5, 6), np.float32))
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, curves=curves)
        with pytest.raises(InvalidRequest) as caught:
            async for _ in visage.generation.stream(request):
                pass

    assert any(fragment in name for name in caught.value.fields)


async def test_messages_out_of_order_are_refused(mesh: EmbeddedMesh, identity: str) -> None:
    """Data before config ends each client stream with STREAM_OUT_OF_ORDER."""
    async with AsyncVisage(mesh.settings) as visage:
        connection = visage._connection
        animation = animation_service_pb2_grpc.AnimationServiceStub(connection.channel("animation"))
        composition = composition_service_pb2_grpc.CompositionServiceStub(connection.channel("composition"))
        assets = asset_service_pb2_grpc.AssetServiceStub(connection.channel("identity"))
        block = composition_service_pb2.RenderCurvesRequest()
        block.block.frame_count = 1
        calls = [
            (animation.AnimateFromAudio, animation_service_pb2.AnimateFromAudioRequest(audio=b"\0\0")),
            (composition.RenderCurves, block),
        ]
        reasons = []
        for method, message in calls:
            with pytest.raises(InvalidRequest) as caught:
                async for _ in connection.stream("Test", method, iter([message])):
                    pass
            reasons.append(caught.value.reason)
        with pytest.raises(InvalidRequest) as upload:
            request = iter([asset_service_pb2.UploadAssetRequest(data=b"x")])
            await connection.upload("UploadAsset", assets.UploadAsset, request)

    assert {*reasons, upload.value.reason} == {"STREAM_OUT_OF_ORDER"}


async def test_client_that_vanishes_in_an_upload_leaves_nothing(mesh: EmbeddedMesh, identity: str) -> None:
    """An upload that is cut off in the middle leaves no asset and no temporary file."""
    sent = asyncio.Event()

    async def requests() -> AsyncIterator[asset_service_pb2.UploadAssetRequest]:
        yield asset_service_pb2.UploadAssetRequest(header=asset_service_pb2.UploadAssetRequest.Header())
        for _ in range(8):
            yield asset_service_pb2.UploadAssetRequest(data=b"x" * 1_000_000)
        sent.set()
        await asyncio.sleep(60)

    async with AsyncVisage(mesh.settings) as visage:
        stub = asset_service_pb2_grpc.AssetServiceStub(visage._connection.channel("identity"))
        call = stub.UploadAsset(requests())
        await asyncio.wait_for(sent.wait(), 20)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
