"""The identity service on a real Triton: real photos, real models, and Triton going away in the middle."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import grpc.aio
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.fakes.identity_service import IdentityMesh, Refusal, files_below, serve_identity
from tests.fakes.onnx_face_models import REPOSITORY, OnnxFaceModels
from visage.identity.inference import SIGNATURES, TritonFaceModels
from visage.runtime.face_crops import Square, landmark_crop
from visage.runtime.faces import find_faces
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.local_server import LocalTriton
from visage.runtime.triton.settings import LocalTritonSettings, TritonClientSettings
from visage.v1 import identity_service_pb2 as pb

pytestmark = pytest.mark.mesh

Picture = npt.NDArray[np.uint8]
MODELS = [signature.name for signature in SIGNATURES]


@pytest.fixture(scope="module")
def face_server() -> Iterator[LocalTriton]:
    """Triton with the five face models."""
    with LocalTriton(REPOSITORY, MODELS, LocalTritonSettings(grpc_port=0, http_port=0, metrics_port=0)) as server:
        yield server


@pytest.fixture
async def models(face_server: LocalTriton) -> AsyncIterator[TritonFaceModels]:
    """The face models on that server."""
    async with TritonClient(TritonClientSettings(url=face_server.grpc_url)) as client:
        yield TritonFaceModels(client)


@pytest.fixture
async def mesh(tmp_path: Path, models: TritonFaceModels) -> AsyncIterator[IdentityMesh]:
    """The identity service on that server."""
    async with serve_identity(tmp_path, models) as running:
        yield running


def jpeg(image: Picture) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


async def test_models_are_ready_and_as_declared(face_server: LocalTriton, models: TritonFaceModels) -> None:
    """All five models are served with the signatures that the service declares."""
    async with TritonClient(TritonClientSettings(url=face_server.grpc_url)) as client:
        await client.check(SIGNATURES)

    assert await models.ready() == dict.fromkeys(MODELS, True)


async def test_triton_agrees_with_the_files(astronaut: Picture, models: TritonFaceModels) -> None:
    """Landmarks through Triton are those of the model files, to a tenth of a pixel."""
    (through_triton,) = await find_faces(astronaut, models, 10)
    (from_files,) = await find_faces(astronaut, OnnxFaceModels(), 10)

    assert np.abs(through_triton.landmarks - from_files.landmarks)[:, :2].max() < 0.1


async def test_more_crops_than_a_request_takes(astronaut: Picture, models: TritonFaceModels) -> None:
    """Any number of crops is looked at, in order."""
    crops = np.stack([landmark_crop(astronaut, Square(224 + index, 120, 165)) for index in range(19)])
    landmarks, presence = await models.find_landmarks(crops, 10)
    noses = landmarks[:, 1, 0]

    assert landmarks.shape == (19, 478, 3)
    assert (presence > 0.5).all()
    assert np.corrcoef(noses, np.arange(19))[0, 1] < -0.99


async def test_photo_to_avatar(mesh: IdentityMesh, astronaut: Picture) -> None:
    """A portrait becomes an identity, and is recognised again."""
    identity = await mesh.created(jpeg(astronaut), identity_id="eileen")
    photo = pb.FaceRef(image={"content": jpeg(np.ascontiguousarray(astronaut[:, ::-1]))})
    comparison = await mesh.identity.CompareFaces(
        pb.CompareFacesRequest(first=pb.FaceRef(identity=identity.name), second=photo)
    )
    size_bytes = 0
    async for response in mesh.identity.GetAvatar(pb.GetAvatarRequest(name=identity.name)):
        size_bytes += len(response.data)

    assert comparison.same_person
    assert size_bytes > 5_000_000
    assert identity.photo_report.resolution.face_width_px == pytest.approx(93, abs=3)
    assert identity.photo_report.occlusion.score > 0.8


async def test_every_fixture_photo(mesh: IdentityMesh, shared_fixtures: Path) -> None:
    """Each test photo becomes an identity whose report has no word against its landmarks."""
    photos = sorted((shared_fixtures / "photos").glob("*.jpg"))
    made = [await mesh.created(photo.read_bytes()) for photo in photos]
    unsure = pb.PhotoReport.REASON_LANDMARKS_UNSURE

    assert len(made) == 5
    assert all(unsure not in [item.reason for item in one.photo_report.occlusion.findings] for one in made)


async def test_strangers(mesh: IdentityMesh, shared_fixtures: Path) -> None:
    """The people of the test photos are told apart."""
    photos = sorted((shared_fixtures / "photos").glob("*.jpg"))
    embeddings = []
    for photo in photos:
        request = pb.EmbedFaceRequest(face={"image": {"content": photo.read_bytes()}})
        embeddings.append((await mesh.identity.EmbedFace(request)).faces[0].embedding)
    same = [
        (
            await mesh.identity.CompareFaces(
                pb.CompareFacesRequest(first=pb.FaceRef(embedding=one), second=pb.FaceRef(embedding=other))
            )
        ).same_person
        for index, one in enumerate(embeddings)
        for other in embeddings[index + 1 :]
    ]

    assert len(same) == 10
    assert not any(same)


def start_triton(port: int = 0) -> LocalTriton:
    server = LocalTriton(REPOSITORY, MODELS, LocalTritonSettings(grpc_port=port, http_port=0, metrics_port=0))
    server.start()
    return server


async def until_available(call: Callable[[], Awaitable[pb.DetectLandmarksResponse]]) -> pb.DetectLandmarksResponse:
    """Calls again as often as RetryInfo says: the channel looks for the server in intervals of its own."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await call()
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNAVAILABLE
                await asyncio.sleep(Refusal.of_call(error).retry_after_s)


async def test_triton_stops_and_starts_again(tmp_path: Path, astronaut: Picture) -> None:
    """While Triton is away, calls and creations are refused with a time to come back; then all goes on."""
    server = start_triton()
    port = int(server.grpc_url.rpartition(":")[2])
    try:
        async with (
            TritonClient(TritonClientSettings(url=server.grpc_url)) as client,
            serve_identity(tmp_path, TritonFaceModels(client)) as mesh,
        ):
            request = pb.DetectLandmarksRequest(image={"content": jpeg(astronaut)})
            before = await mesh.identity.DetectLandmarks(request)
            server.stop()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await mesh.identity.DetectLandmarks(request)
            failed = Refusal.of((await mesh.create(jpeg(astronaut))).error)
            refusal = Refusal.of_call(caught.value)
            left = files_below(tmp_path)
            server = start_triton(port)
            after = await until_available(lambda: mesh.identity.DetectLandmarks(request))
    finally:
        server.stop()

    for answer in (refusal, failed):
        assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE.value[0], "MODEL_UNAVAILABLE")
        assert answer.metadata["model"] == "face_detector"
        assert answer.retry_after_s is not None
    assert [path.split("/")[0] for path in left] == ["operations"]
    assert after == before
