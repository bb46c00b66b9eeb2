"""IdentityService over real gRPC with the real networks in this process: photos in, identities and faces out."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from google.protobuf import field_mask_pb2
from PIL import Image

from tests.fakes import hard_photos
from tests.fakes.failing_face_models import FailingFaceModels
from tests.fakes.identity_builder import AVATAR_BYTES, ObedientBuilder
from tests.fakes.identity_service import IdentityMesh, Refusal, files_below, serve_identity
from visage.identity.avatar import Avatar
from visage.media.portrait import AVATAR_LAYOUT
from visage.runtime.triton.errors import ModelOverloaded, ModelUnavailable
from visage.v1 import asset_service_pb2
from visage.v1 import identity_service_pb2 as pb

pytestmark = pytest.mark.service

Picture = npt.NDArray[np.uint8]


@pytest.fixture
def models() -> FailingFaceModels:
    """The real networks; a test may break them."""
    return FailingFaceModels()


@pytest.fixture
async def mesh(tmp_path: Path, models: FailingFaceModels) -> AsyncIterator[IdentityMesh]:
    """A service that builds real avatars."""
    async with serve_identity(tmp_path, models) as running:
        yield running


@pytest.fixture
async def quick(tmp_path: Path, models: FailingFaceModels) -> AsyncIterator[IdentityMesh]:
    """A service that builds something from any bytes at once."""
    async with serve_identity(tmp_path, models, ObedientBuilder()) as running:
        yield running


def jpeg(image: Picture, quality: int = 92) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


async def refused(call: Any) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Refusal.of_call(caught.value)


async def avatar_of(mesh: IdentityMesh, name: str, known: str = "") -> tuple[pb.GetAvatarResponse.Header, list[bytes]]:
    stream = mesh.identity.GetAvatar(pb.GetAvatarRequest(name=name, known_digest=known))
    responses = [response async for response in stream]
    assert responses[0].WhichOneof("response") == "header"
    return responses[0].header, [response.data for response in responses[1:]]


async def names(mesh: IdentityMesh) -> list[str]:
    return [identity.name for identity in (await mesh.identity.ListIdentities(pb.ListIdentitiesRequest())).identities]


async def test_from_photo_to_avatar(mesh: IdentityMesh, astronaut: Picture, tmp_path: Path) -> None:
    """A photo becomes an identity with avatar, preview and embedding; deleting it leaves nothing at all."""
    request = {"identity": pb.Identity(display_name="Eileen", labels={"team": "crew"}, consent_reference="form 7")}
    identity = await mesh.created(jpeg(astronaut), identity_id="eileen", **request)
    header, pieces = await avatar_of(mesh, identity.name)
    data = b"".join(pieces)
    asset = await mesh.assets.GetAsset(asset_service_pb2.GetAssetRequest(name=identity.preview_asset))
    embedded = await mesh.identity.EmbedFace(pb.EmbedFaceRequest(face=pb.FaceRef(identity=identity.name)))

    assert identity.name == "identities/eileen"
    assert identity.state == pb.Identity.STATE_READY
    assert (identity.display_name, dict(identity.labels)) == ("Eileen", {"team": "crew"})
    assert (identity.consent_reference, identity.native_width, identity.native_height) == ("form 7", 512, 512)
    assert header.layout == AVATAR_LAYOUT
    assert (header.size_bytes, header.digest) == (len(data), hashlib.sha256(data).hexdigest())
    assert max(map(len, pieces)) <= 1024 * 1024
    assert Avatar.from_bytes(data).preview.shape == (512, 512, 3)
    assert asset.mime_type == "image/png"
    assert np.linalg.norm(embedded.faces[0].embedding.values) == pytest.approx(1, abs=1e-5)

    await mesh.identity.DeleteIdentity(pb.DeleteIdentityRequest(name=identity.name))
    assert files_below(tmp_path) == []
    for call in (
        mesh.identity.GetIdentity(pb.GetIdentityRequest(name=identity.name)),
        avatar_of(mesh, identity.name),
        mesh.identity.EmbedFace(pb.EmbedFaceRequest(face=pb.FaceRef(identity=identity.name))),
        mesh.assets.GetAsset(asset_service_pb2.GetAssetRequest(name=identity.preview_asset)),
    ):
        assert (await refused(call)).reason == "RESOURCE_NOT_FOUND"


async def test_report_is_kept(mesh: IdentityMesh) -> None:
    """How well the photo served stands in the identity, when it is made and afterwards."""
    made = await mesh.created(jpeg(hard_photos.sized(240)), identity_id="eileen")
    kept = await mesh.identity.GetIdentity(pb.GetIdentityRequest(name=made.name))
    report = kept.photo_report
    warnings = [finding.reason for finding in report.expression.findings]

    assert report == made.photo_report
    assert report.resolution.face_width_px == pytest.approx(240, abs=12)
    assert 0.5 < report.score <= 1
    assert set(warnings) == {pb.PhotoReport.REASON_SMILE, pb.PhotoReport.REASON_MOUTH_OPEN}
    assert all(finding.value > finding.limit and finding.message for finding in report.expression.findings)


async def test_photo_of_a_huge_face_held_sideways(mesh: IdentityMesh, astronaut: Picture) -> None:
    """A face of 6,000 pixels in a JPEG of 89 megapixels that lies on its side becomes an identity."""
    part = Image.fromarray(np.ascontiguousarray(np.rot90(astronaut[28:186, 158:294])))
    photo = jpeg(np.asarray(part.resize((10_190, 8_770), Image.Resampling.BICUBIC)), quality=75)
    identity = await mesh.created(photo)
    landmarks = await mesh.identity.DetectLandmarks(pb.DetectLandmarksRequest(image={"content": photo}))

    assert identity.photo_report.resolution.face_width_px == pytest.approx(6000, rel=0.06)
    assert abs(identity.photo_report.pose.roll_degrees) == pytest.approx(87, abs=5)
    assert (landmarks.image_width, landmarks.image_height) == (10_190, 8_770)
    assert landmarks.faces[0].box.height == pytest.approx(6000, rel=0.12)


async def test_every_fixture_photo(mesh: IdentityMesh, shared_fixtures: Path) -> None:
    """Each of the test photos becomes an identity with a report."""
    photos = sorted((shared_fixtures / "photos").glob("*.jpg"))
    made = [await mesh.created(photo.read_bytes()) for photo in photos]

    assert len(made) == 5
    assert all(identity.photo_report.score > 0.4 for identity in made)


async def test_two_identities_of_one_photo(mesh: IdentityMesh, astronaut: Picture) -> None:
    """Deleting one of two identities of the same photo leaves the other one whole."""
    first, second = await mesh.created(jpeg(astronaut)), await mesh.created(jpeg(astronaut))
    await mesh.identity.DeleteIdentity(pb.DeleteIdentityRequest(name=first.name))
    header, pieces = await avatar_of(mesh, second.name)

    assert hashlib.sha256(b"".join(pieces)).hexdigest() == header.digest
    preview = asset_service_pb2.GetAssetRequest(name=second.preview_asset)
    assert (await mesh.assets.GetAsset(preview)).size_bytes > 10_000


def beside(image: Picture) -> Picture:
    return np.ascontiguousarray(np.hstack([image, image[:, ::-1]]))


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("no_face", lambda image: skimage.data.coffee()),
        ("several_faces", beside),
        ("too_small", lambda image: np.ascontiguousarray(image[::2, ::2])),
        ("cut_off", lambda image: np.ascontiguousarray(image[:, 195:])),
        ("turned_too_far", lambda image: skimage.data.camera().repeat(2, axis=0).repeat(2, axis=1)),
        ("eyes_hidden", lambda image: hard_photos.with_sunglasses()),
        ("mouth_hidden", lambda image: hard_photos.with_mask((150, 190, 215))),
        ("too_blurred", lambda image: hard_photos.blurred(4)),
    ],
)
async def test_photos_that_do_not_serve(
    mesh: IdentityMesh, astronaut: Picture, tmp_path: Path, cause: str, change: Any
) -> None:
    """A photo without a usable face fails the operation with the cause, and leaves no identity."""
    operation = await mesh.create(jpeg(np.asarray(change(astronaut))))
    refusal = Refusal.of(operation.error)

    assert refusal.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert (refusal.reason, refusal.metadata["cause"]) == ("FACE_NOT_USABLE", cause)
    assert ("limit" in refusal.metadata) == (cause != "no_face")
    assert await names(mesh) == []
    assert all(path.startswith("operations/") for path in files_below(tmp_path))


@pytest.mark.parametrize("content", [b"not a picture", b"\xff\xd8\xff\xe0 cut"])
async def test_photos_that_are_none(mesh: IdentityMesh, content: bytes) -> None:
    """Bytes that are no picture fail the operation with the field's name, and leave no identity."""
    refusal = Refusal.of((await mesh.create(content)).error)

    assert (refusal.reason, refusal.fields) == ("MEDIA_UNDECODABLE", ["photo"])
    assert await names(mesh) == []


async def test_photo_as_an_asset(mesh: IdentityMesh, astronaut: Picture) -> None:
    """A photo may be uploaded first; the asset stays when the identity goes."""
    data = jpeg(astronaut)
    requests = [
        asset_service_pb2.UploadAssetRequest(header=asset_service_pb2.UploadAssetRequest.Header()),
        asset_service_pb2.UploadAssetRequest(data=data),
    ]
    asset = await mesh.assets.UploadAsset(iter(requests))
    started = await mesh.identity.CreateIdentity(pb.CreateIdentityRequest(photo={"asset": asset.name}))
    operation = await mesh.finish(started)
    (name,) = await names(mesh)
    await mesh.identity.DeleteIdentity(pb.DeleteIdentityRequest(name=name))

    assert operation.HasField("response")
    assert await mesh.assets.GetAsset(asset_service_pb2.GetAssetRequest(name=asset.name)) == asset


async def test_photo_as_a_missing_asset(quick: IdentityMesh, tmp_path: Path) -> None:
    """A photo that names no asset is refused at once."""
    request = pb.CreateIdentityRequest(photo={"asset": "assets/" + "0" * 64})
    refusal = await refused(quick.identity.CreateIdentity(request))

    assert refusal.reason == "RESOURCE_NOT_FOUND"
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (ModelUnavailable("face_detector", "gone", 1.0), grpc.StatusCode.UNAVAILABLE, "MODEL_UNAVAILABLE"),
        (ModelOverloaded("face_detector", "full", 0.5), grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
    ],
)
async def test_models_out_of_order(
    mesh: IdentityMesh,
    models: FailingFaceModels,
    astronaut: Picture,
    error: Exception,
    code: grpc.StatusCode,
    reason: str,
) -> None:
    """While Triton is away or busy, calls and creations fail with a time to come back; afterwards all is well."""
    models.error = error
    photo = pb.DetectLandmarksRequest(image={"content": jpeg(astronaut)})
    failed_call = await refused(mesh.identity.DetectLandmarks(photo))
    failed_creation = Refusal.of((await mesh.create(jpeg(astronaut))).error)
    models.error = None

    for refusal in (failed_call, failed_creation):
        assert (refusal.code, refusal.reason) == (code.value[0], reason)
        assert refusal.retry_after_s is not None
    assert len((await mesh.identity.DetectLandmarks(photo)).faces) == 1
    assert await names(mesh) == []


async def test_detect_landmarks(mesh: IdentityMesh, astronaut: Picture) -> None:
    """Faces come by size, with 478 points in pixels of the upright picture."""
    canvas = np.full((600, 1000, 3), 127, np.uint8)
    canvas[:512, 400:912] = astronaut
    canvas[100:484, 10:394] = np.asarray(Image.fromarray(astronaut).resize((384, 384)))
    response = await mesh.identity.DetectLandmarks(pb.DetectLandmarksRequest(image={"content": jpeg(canvas)}))
    one = await mesh.identity.DetectLandmarks(pb.DetectLandmarksRequest(image={"content": jpeg(canvas)}, max_faces=1))

    assert (response.image_width, response.image_height) == (1000, 600)
    assert [len(face.points) for face in response.faces] == [3 * 478, 3 * 478]
    assert response.faces[0].box.x == pytest.approx(578, abs=10)
    assert response.faces[0].box.width > response.faces[1].box.width
    assert len(one.faces) == 1
    assert one.faces[0].box == response.faces[0].box


async def test_rotated_photo(mesh: IdentityMesh, astronaut: Picture) -> None:
    """A photo that EXIF turns is looked at upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(astronaut[:, :400]))).save(buffer, "JPEG", exif=exif.tobytes())
    response = await mesh.identity.DetectLandmarks(pb.DetectLandmarksRequest(image={"content": buffer.getvalue()}))

    assert (response.image_width, response.image_height) == (400, 512)
    assert response.faces[0].box.x == pytest.approx(178, abs=8)


async def test_picture_without_faces(mesh: IdentityMesh) -> None:
    """Looking at a picture without faces is no error."""
    content = jpeg(skimage.data.coffee())
    landmarks = await mesh.identity.DetectLandmarks(pb.DetectLandmarksRequest(image={"content": content}))
    embedded = await mesh.identity.EmbedFace(pb.EmbedFaceRequest(face={"image": {"content": content}}))

    assert (len(landmarks.faces), len(embedded.faces)) == (0, 0)


async def test_compare_faces(mesh: IdentityMesh, astronaut: Picture) -> None:
    """One person's faces are told from two people's; image, embedding and image agree."""
    first = pb.FaceRef(image={"content": jpeg(astronaut)})
    second = pb.FaceRef(image={"content": jpeg(np.ascontiguousarray(astronaut[::2, ::2][:, ::-1]), 70)})
    stranger = pb.FaceRef(image={"content": jpeg(skimage.data.camera())})
    embedded = (await mesh.identity.EmbedFace(pb.EmbedFaceRequest(face=first))).faces[0].embedding
    same = await mesh.identity.CompareFaces(pb.CompareFacesRequest(first=first, second=second))
    other = await mesh.identity.CompareFaces(pb.CompareFacesRequest(first=first, second=stranger))
    itself = await mesh.identity.CompareFaces(
        pb.CompareFacesRequest(first=pb.FaceRef(embedding=embedded), second=first)
    )

    assert same.same_person
    assert same.similarity >= same.threshold == pytest.approx(0.94)
    assert not other.same_person
    assert other.model == same.model == embedded.model
    assert itself.similarity == pytest.approx(1, abs=1e-4)


async def test_faces_that_cannot_be_compared(mesh: IdentityMesh, astronaut: Picture) -> None:
    """A picture with no face or two, an embedding of another model or without direction: each is refused."""
    good = pb.FaceRef(image={"content": jpeg(astronaut)})
    unknown = pb.FaceRef(embedding={"model": "another/1", "values": [1.0] * 128})
    null = pb.FaceRef(embedding={"model": "face_embedder/1", "values": [0.0] * 128})
    nan = pb.FaceRef(embedding={"model": "face_embedder/1", "values": [float("nan")] * 128})
    short = pb.FaceRef(embedding={"model": "face_embedder/1", "values": [1.0] * 127})
    pair = pb.FaceRef(image={"content": jpeg(beside(astronaut))})
    none = pb.FaceRef(image={"content": jpeg(skimage.data.coffee())})

    async def compare(second: pb.FaceRef) -> Refusal:
        return await refused(mesh.identity.CompareFaces(pb.CompareFacesRequest(first=good, second=second)))

    assert (await compare(pair)).metadata["cause"] == "several_faces"
    assert (await compare(none)).metadata == {"cause": "no_face"}
    assert (await compare(unknown)).fields == ["second.embedding.model"]
    assert (await compare(null)).fields == ["second.embedding.values"]
    assert (await compare(nan)).fields[0] == "second.embedding.values[0]"
    assert (await compare(short)).fields == ["second.embedding.values"]
    assert (await compare(pb.FaceRef())).fields == ["second.face"]
    assert (await compare(pb.FaceRef(image={"content": b"?"}))).fields == ["second.image"]


async def test_avatar_short_cut(quick: IdentityMesh) -> None:
    """Who holds the current avatar gets the header alone; who holds another one gets the bytes."""
    identity = await quick.created(b"photo")
    header, pieces = await avatar_of(quick, identity.name)
    same, nothing = await avatar_of(quick, identity.name, header.digest)
    _, everything = await avatar_of(quick, identity.name, "0" * 64)

    assert sum(map(len, pieces)) == AVATAR_BYTES
    assert (same, nothing) == (header, [])
    assert everything == pieces


async def test_client_that_leaves_during_the_avatar(quick: IdentityMesh) -> None:
    """A download that is broken off ends on the server."""
    identity = await quick.created(b"photo")
    call = quick.identity.GetAvatar(pb.GetAvatarRequest(name=identity.name))
    await call.read()
    call.cancel()

    async with asyncio.timeout(2):
        while quick.running.running_calls:
            await asyncio.sleep(0.01)


async def test_list_in_pages(quick: IdentityMesh) -> None:
    """Pages hold all identities once, newest first, whatever comes and goes between them."""
    made = [(await quick.created(f"{index}".encode(), identity_id=f"face-{index}")).name for index in range(5)]
    first = await quick.identity.ListIdentities(pb.ListIdentitiesRequest(page_size=2))
    await quick.created(b"new", identity_id="newest")
    await quick.identity.DeleteIdentity(pb.DeleteIdentityRequest(name="identities/face-2"))
    second = await quick.identity.ListIdentities(
        pb.ListIdentitiesRequest(page_size=2, page_token=first.next_page_token)
    )

    listed = [identity.name for identity in [*first.identities, *second.identities]]
    assert listed == [made[4], made[3], made[1], made[0]]
    assert (await names(quick))[0] == "identities/newest"
    assert second.next_page_token == ""


@pytest.mark.parametrize("token", ["x", "!!!", "aGVsbG8", "MTIz", "é"])
async def test_bad_page_token(quick: IdentityMesh, token: str) -> None:
    """A page token that is none is refused."""
    assert (await refused(quick.identity.ListIdentities(pb.ListIdentitiesRequest(page_token=token)))).fields == [
        "page_token"
    ]


@pytest.mark.parametrize("size", [-1, 1001])
async def test_bad_page_size(quick: IdentityMesh, size: int) -> None:
    """A page size out of range is refused."""
    assert (await refused(quick.identity.ListIdentities(pb.ListIdentitiesRequest(page_size=size)))).fields == [
        "page_size"
    ]


async def test_update(quick: IdentityMesh) -> None:
    """A masked field changes, the others stay, and so does the avatar; time and etag move on."""
    before = await quick.created(b"photo", identity=pb.Identity(display_name="Old", labels={"a": "1"}))
    mask = field_mask_pb2.FieldMask(paths=["display_name"])
    changed = pb.Identity(name=before.name, display_name="New", labels={"b": "2"}, etag=before.etag)
    after = await quick.identity.UpdateIdentity(pb.UpdateIdentityRequest(identity=changed, update_mask=mask))

    assert (after.display_name, dict(after.labels)) == ("New", {"a": "1"})
    assert after.etag != before.etag
    assert after.update_time.ToDatetime() > before.update_time.ToDatetime()
    assert (after.create_time, after.preview_asset) == (before.create_time, before.preview_asset)
    assert await quick.identity.GetIdentity(pb.GetIdentityRequest(name=before.name)) == after


async def test_update_without_mask(quick: IdentityMesh) -> None:
    """Without a mask all three fields are set, empty ones too."""
    before = await quick.created(b"photo", identity=pb.Identity(display_name="Old", labels={"a": "1"}))
    after = await quick.identity.UpdateIdentity(
        pb.UpdateIdentityRequest(identity=pb.Identity(name=before.name, consent_reference="form 8"))
    )

    assert (after.display_name, dict(after.labels), after.consent_reference) == ("", {}, "form 8")


@pytest.mark.parametrize(
    ("identity", "paths", "fields"),
    [
        (pb.Identity(name="identities/some"), ["state"], ["update_mask"]),
        (pb.Identity(name="identities/some"), ["*"], ["update_mask"]),
        (pb.Identity(name="some"), [], ["identity.name"]),
        (pb.Identity(), [], ["identity.name"]),
        (pb.Identity(name="identities/some", display_name="x" * 201), [], ["identity.display_name"]),
        (pb.Identity(name="identities/some", labels={"k": "x" * 201}), [], ['identity.labels["k"]']),
        (None, [], ["identity"]),
    ],
)
async def test_bad_update(
    quick: IdentityMesh, identity: pb.Identity | None, paths: list[str], fields: list[str]
) -> None:
    """An update of what cannot be changed, or to what is not allowed, is refused with the field."""
    request = pb.UpdateIdentityRequest(identity=identity, update_mask=field_mask_pb2.FieldMask(paths=paths))
    refusal = await refused(quick.identity.UpdateIdentity(request))

    assert (refusal.reason, refusal.fields) == ("FIELD_INVALID", fields)


async def test_stale_etag(quick: IdentityMesh) -> None:
    """Who changes or deletes what somebody else has changed is told so, and nothing happens."""
    before = await quick.created(b"photo")
    fresh = await quick.identity.UpdateIdentity(
        pb.UpdateIdentityRequest(identity=pb.Identity(name=before.name, display_name="Mine"))
    )
    stale = pb.Identity(name=before.name, display_name="Yours", etag=before.etag)
    update = await refused(quick.identity.UpdateIdentity(pb.UpdateIdentityRequest(identity=stale)))
    delete = await refused(quick.identity.DeleteIdentity(pb.DeleteIdentityRequest(name=before.name, etag=before.etag)))

    assert (update.reason, delete.reason) == ("ETAG_MISMATCH", "ETAG_MISMATCH")
    assert await quick.identity.GetIdentity(pb.GetIdentityRequest(name=before.name)) == fresh
    await quick.identity.DeleteIdentity(pb.DeleteIdentityRequest(name=before.name, etag=fresh.etag))


async def test_delete_what_is_not_there(quick: IdentityMesh) -> None:
    """Deleting what is not there is an error unless that is allowed."""
    request = pb.DeleteIdentityRequest(name="identities/nobody")
    refusal = await refused(quick.identity.DeleteIdentity(request))

    assert refusal.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert refusal.metadata == {"kind": "identity", "name": "identities/nobody"}
    await quick.identity.DeleteIdentity(pb.DeleteIdentityRequest(name="identities/nobody", allow_missing=True))


@pytest.mark.parametrize("name", ["", "nobody", "identities/", "identities/Anna", "identities/a/b", "identities/../x"])
async def test_bad_names(quick: IdentityMesh, name: str) -> None:
    """A name that cannot be an identity's is refused with the field."""
    for call in (
        quick.identity.GetIdentity(pb.GetIdentityRequest(name=name)),
        quick.identity.DeleteIdentity(pb.DeleteIdentityRequest(name=name)),
        avatar_of(quick, name),
    ):
        refusal = await refused(call)

        assert (refusal.reason, refusal.fields) == ("FIELD_INVALID", ["name"])


@pytest.mark.parametrize("identity_id", ["Ab", "ab", "1abc", "a" * 64, "a/b", "anna!"])
async def test_bad_ids(quick: IdentityMesh, identity_id: str) -> None:
    """An id that cannot be part of a name is refused with the field."""
    request = pb.CreateIdentityRequest(identity_id=identity_id, photo={"content": b"photo"})

    assert (await refused(quick.identity.CreateIdentity(request))).fields == ["identity_id"]


@pytest.mark.parametrize(
    ("request_message", "fields"),
    [
        (pb.CreateIdentityRequest(), ["photo"]),
        (pb.CreateIdentityRequest(photo={}), ["photo.source"]),
        (pb.CreateIdentityRequest(photo={"content": b""}), ["photo.content"]),
        (pb.CreateIdentityRequest(photo={"content": b"x"}, request_id="no uuid"), ["request_id"]),
        (pb.CreateIdentityRequest(photo={"asset": "assets/../x"}), ["photo.asset"]),
    ],
)
async def test_bad_create_requests(
    quick: IdentityMesh, request_message: pb.CreateIdentityRequest, fields: list[str]
) -> None:
    """A creation that breaks a rule of the contract is refused at once."""
    assert (await refused(quick.identity.CreateIdentity(request_message))).fields == fields
