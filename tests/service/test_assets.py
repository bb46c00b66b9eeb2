"""AssetService over real gRPC: what goes in comes out, and what is not whole is not there."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.fakes.identity_builder import ObedientBuilder
from tests.fakes.identity_service import IdentityMesh, Refusal, files_below, serve_identity
from tests.fakes.onnx_face_models import OnnxFaceModels
from visage.runtime.assets import mime_type_of
from visage.v1 import asset_service_pb2 as pb

pytestmark = pytest.mark.service

CHUNK = 1024 * 1024
DATA = os.urandom(2 * CHUNK + 321)


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[IdentityMesh]:
    """A service whose uploads end at 4 MiB."""
    async with serve_identity(tmp_path, OnnxFaceModels(), ObedientBuilder(), max_asset_bytes=4 * CHUNK) as running:
        yield running


def header(size_bytes: int = 0, sha256: str = "") -> pb.UploadAssetRequest:
    return pb.UploadAssetRequest(header=pb.UploadAssetRequest.Header(size_bytes=size_bytes, sha256=sha256))


def chunks(data: bytes) -> list[pb.UploadAssetRequest]:
    return [pb.UploadAssetRequest(data=data[start : start + CHUNK]) for start in range(0, len(data), CHUNK)]


async def upload(mesh: IdentityMesh, requests: Iterable[pb.UploadAssetRequest]) -> pb.Asset:
    return await mesh.assets.UploadAsset(iter(list(requests)))


async def refused(call: Any) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Refusal.of_call(caught.value)


async def download(mesh: IdentityMesh, name: str, offset: int = 0) -> tuple[pb.Asset, list[bytes]]:
    responses = [r async for r in mesh.assets.DownloadAsset(pb.DownloadAssetRequest(name=name, offset=offset))]
    assert responses[0].WhichOneof("response") == "asset"
    return responses[0].asset, [response.data for response in responses[1:]]


async def test_round_trip(mesh: IdentityMesh) -> None:
    """Uploaded bytes come back in chunks of at most 1 MiB, with their metadata."""
    digest = hashlib.sha256(DATA).hexdigest()
    asset = await upload(mesh, [header(len(DATA), digest), *chunks(DATA)])
    downloaded, pieces = await download(mesh, asset.name)

    assert (asset.size_bytes, asset.sha256) == (len(DATA), digest)
    assert asset.mime_type == "application/octet-stream"
    assert downloaded == asset == await mesh.assets.GetAsset(pb.GetAssetRequest(name=asset.name))
    assert b"".join(pieces) == DATA
    assert max(map(len, pieces)) <= CHUNK


@pytest.mark.parametrize("offset", [1, CHUNK, len(DATA) - 1, len(DATA)])
async def test_resume(mesh: IdentityMesh, offset: int) -> None:
    """A download goes on where an earlier one ended, up to the very end."""
    asset = await upload(mesh, [header(), *chunks(DATA)])

    assert b"".join((await download(mesh, asset.name, offset))[1]) == DATA[offset:]


async def test_resume_beyond_the_end(mesh: IdentityMesh) -> None:
    """An offset beyond the end is refused with the asset's size."""
    asset = await upload(mesh, [header(), *chunks(DATA)])
    refusal = await refused(download(mesh, asset.name, len(DATA) + 1))

    assert refusal.reason == "FIELD_INVALID"
    assert refusal.fields == ["offset"]
    assert refusal.metadata["limit"] == str(len(DATA))


async def test_same_content_is_one_asset(mesh: IdentityMesh, tmp_path: Path) -> None:
    """The same bytes uploaded twice are one asset, first come, first named."""
    first = await upload(mesh, [header(), *chunks(DATA)])
    second = await upload(mesh, [header(), *chunks(DATA)])

    assert first == second
    assert files_below(tmp_path) == [first.name]


@pytest.mark.parametrize(
    ("announced", "reason"),
    [
        (header(size_bytes=len(DATA) + 1), "CHECKSUM_MISMATCH"),
        (header(size_bytes=1), "CHECKSUM_MISMATCH"),
        (header(sha256="0" * 64), "CHECKSUM_MISMATCH"),
        (header(size_bytes=4 * CHUNK + 1), "MEDIA_TOO_LARGE"),
        (header(sha256="no digest"), "FIELD_INVALID"),
        (header(size_bytes=-1), "FIELD_INVALID"),
    ],
)
async def test_bytes_that_were_not_announced(
    mesh: IdentityMesh, tmp_path: Path, announced: pb.UploadAssetRequest, reason: str
) -> None:
    """Bytes that are not the announced ones are refused, and nothing is stored."""
    refusal = await refused(upload(mesh, [announced, *chunks(DATA)]))

    assert refusal.reason == reason
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    ("requests", "expected", "got"),
    [
        (chunks(DATA), "header", "data"),
        ([header(), header()], "data", "header"),
        ([*chunks(b"x"), header()], "header", "data"),
        ([], "header", "end of stream"),
    ],
)
async def test_messages_out_of_order(
    mesh: IdentityMesh, tmp_path: Path, requests: list[pb.UploadAssetRequest], expected: str, got: str
) -> None:
    """The header comes first and once."""
    refusal = await refused(upload(mesh, requests))

    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert (refusal.reason, refusal.metadata) == ("STREAM_OUT_OF_ORDER", {"expected": expected, "got": got})
    assert files_below(tmp_path) == []


async def test_too_large(mesh: IdentityMesh, tmp_path: Path) -> None:
    """An upload over the limit is refused as soon as it is over, announced or not."""
    refusal = await refused(upload(mesh, [header(), *chunks(bytes(4 * CHUNK + 1))]))

    assert refusal.reason == "MEDIA_TOO_LARGE"
    assert refusal.metadata["limit"] == "4 MiB"
    assert files_below(tmp_path) == []


async def test_empty(mesh: IdentityMesh, tmp_path: Path) -> None:
    """An upload without a byte is refused."""
    assert (await refused(upload(mesh, [header()]))).fields == ["data"]
    assert files_below(tmp_path) == []


async def test_message_without_content(mesh: IdentityMesh) -> None:
    """A message that is neither header nor data breaks a rule of the contract."""
    assert (await refused(upload(mesh, [pb.UploadAssetRequest()]))).reason == "FIELD_INVALID"


async def test_client_that_vanishes(mesh: IdentityMesh, tmp_path: Path) -> None:
    """An upload that is cut off leaves nothing, and ends on the server."""
    sent = asyncio.Event()

    async def requests() -> AsyncIterator[pb.UploadAssetRequest]:
        yield header(len(DATA))
        yield chunks(DATA)[0]
        sent.set()
        await asyncio.Event().wait()

    call = mesh.assets.UploadAsset(requests())
    await sent.wait()
    call.cancel()
    async with asyncio.timeout(2):
        while mesh.running.running_calls:
            await asyncio.sleep(0.01)

    assert files_below(tmp_path) == []


async def test_silent_client(tmp_path: Path) -> None:
    """An upload that stalls is ended by the server."""

    async def requests() -> AsyncIterator[pb.UploadAssetRequest]:
        yield header()
        await asyncio.Event().wait()

    async with serve_identity(tmp_path, OnnxFaceModels(), ObedientBuilder(), idle_stream_s=0.1) as mesh:
        refusal = await refused(mesh.assets.UploadAsset(requests()))

    assert refusal.reason == "CLIENT_STALLED"


async def test_delete(mesh: IdentityMesh, tmp_path: Path) -> None:
    """A deleted asset is gone; deleting it again is an error unless that is allowed."""
    asset = await upload(mesh, [header(), *chunks(DATA)])
    await mesh.assets.DeleteAsset(pb.DeleteAssetRequest(name=asset.name))

    assert files_below(tmp_path) == []
    assert (await refused(mesh.assets.GetAsset(pb.GetAssetRequest(name=asset.name)))).reason == "RESOURCE_NOT_FOUND"
    assert (await refused(download(mesh, asset.name))).reason == "RESOURCE_NOT_FOUND"
    again = pb.DeleteAssetRequest(name=asset.name)
    assert (await refused(mesh.assets.DeleteAsset(again))).reason == "RESOURCE_NOT_FOUND"
    await mesh.assets.DeleteAsset(pb.DeleteAssetRequest(name=asset.name, allow_missing=True))


@pytest.mark.parametrize(
    "name", ["", "assets/", "assets/../identities", "assets/A", "identities/x", "assets/" + 65 * "a"]
)
async def test_bad_names(mesh: IdentityMesh, name: str) -> None:
    """A name that cannot be an asset's is refused by the contract, before the store is asked."""
    for call in (
        mesh.assets.GetAsset(pb.GetAssetRequest(name=name)),
        mesh.assets.DeleteAsset(pb.DeleteAssetRequest(name=name)),
        download(mesh, name),
    ):
        refusal = await refused(call)

        assert (refusal.reason, refusal.fields) == ("FIELD_INVALID", ["name"])


@pytest.mark.parametrize(
    ("head", "mime_type"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"fLaC", "audio/flac"),
        (b"OggS", "audio/ogg"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"hello", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_mime_type_by_content(head: bytes, mime_type: str) -> None:
    """The MIME type is told by the first bytes."""
    assert mime_type_of(head) == mime_type
