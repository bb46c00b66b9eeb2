"""AnimateFromVideo over real gRPC, with the real face models in this process and films made here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import grpc
import grpc.aio
import numpy as np
import pytest

from tests.fakes.driving_films import Picture, film, talking_head
from tests.fakes.onnx_face_models import OnnxFaceModels
from visage.animation.animate_from_video import AnimateFromVideo
from visage.animation.servicer import AnimationServicer
from visage.animation.settings import AnimationSettings
from visage.client import errors as client_errors
from visage.media.curves import CurveClip
from visage.runtime import peers, server, wire
from visage.runtime.faces import FloatArray
from visage.runtime.films import FilmLimits
from visage.runtime.images import RgbImage
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import curves_pb2, driving_pb2, errors_pb2, media_pb2
from visage.v1.animation_service_pb2_grpc import AnimationServiceStub, add_AnimationServiceServicer_to_server

pytestmark = pytest.mark.service

Request = pb.AnimateFromVideoRequest
LOST = errors_pb2.StreamNotice.KIND_FACE_LOST
SEVERAL = errors_pb2.StreamNotice.KIND_SEVERAL_FACES


class WatchedFaceModels(OnnxFaceModels):
    """Counts the calls of the landmark model, and can be told never to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.searches = 0
        self.waits = False
        self.cancelled = 0
        self.is_asked = asyncio.Event()

    async def detect(self, pictures: RgbImage, deadline_s: float) -> Any:
        self.searches += 1
        return await super().detect(pictures, deadline_s)

    async def find_landmarks(self, crops: RgbImage, deadline_s: float) -> tuple[FloatArray, FloatArray]:
        self.looks += 1
        self.is_asked.set()
        if self.waits:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return await super().find_landmarks(crops, deadline_s)


@dataclass
class Answer:
    """A whole answer."""

    header: curves_pb2.CurveHeader
    clip: CurveClip
    notices: list[errors_pb2.StreamNotice]
    report: driving_pb2.TrackingReport


@dataclass
class Mesh:
    """One running animation service."""

    stub: Any
    models: WatchedFaceModels

    async def animate(self, content: bytes, **config: Any) -> Answer:
        header, blocks, notices, report = None, [], [], None
        async for response in self.stub.AnimateFromVideo(iter(requests(content, **config))):
            kind = response.WhichOneof("response")
            assert report is None
            if kind == "header":
                header, reader = response.header, wire.CurveReader.of(response.header)
            elif kind == "block":
                blocks.append(reader.read(response.block))
            elif kind == "notice":
                notices.append(response.notice)
            else:
                report = response.report
        assert header is not None and report is not None
        return Answer(header, CurveClip.joined(reader.frame_rate, blocks), notices, report)

    async def refusal(self, content: bytes, **config: Any) -> client_errors.VisageError:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.animate(content, **config)
        return client_errors.from_rpc(caught.value)


def requests(content: bytes, **config: Any) -> Iterator[Request]:
    yield Request(config=Request.Config(**config))
    for start in range(0, len(content), 65_536):
        yield Request(data=content[start : start + 65_536])


@asynccontextmanager
async def serving(limits: FilmLimits | None = None) -> AsyncIterator[Mesh]:
    models = WatchedFaceModels()
    verb = AnimateFromVideo(models, limits or FilmLimits(), 10.0)
    servicer = AnimationServicer(None, None, verb)  # type: ignore[arg-type]  # the other verbs are not called

    async def ready() -> dict[str, bool]:
        return {}

    async def release() -> None:
        return None

    entry = server.Servicer(add_AnimationServiceServicer_to_server, servicer, "visage.v1.AnimationService")
    settings = AnimationSettings(port=0, drain_wait_s=0.0, drain_grace_s=1.0)
    async with server.start(server.Parts("animation", [entry], ready, release), settings) as running:
        channel = peers.open_channel(running.address)
        try:
            yield Mesh(AnimationServiceStub(channel), models)  # type: ignore[no-untyped-call]
        finally:
            await channel.close()


def crowd(portrait: Picture, widths: list[int], columns: int) -> Picture:
    """The portrait's head side by side, each as wide as told, on grey."""
    head, cell = portrait[:260, 90:350], max(widths)
    rows = -(-len(widths) // columns)
    picture = np.full((rows * cell, columns * cell, 3), 128, np.uint8)
    for index, width in enumerate(widths):
        y, x = index // columns * cell, index % columns * cell
        picture[y : y + width, x : x + width] = cv2.resize(head, (width, width), interpolation=cv2.INTER_AREA)
    return picture


async def test_a_film_becomes_curves(astronaut: Picture) -> None:
    """Header, blocks that cover the film at the rate asked for, the report last; models are asked batch by batch."""
    rate = media_pb2.FrameRate(numerator=30, denominator=1)
    async with serving() as mesh:
        answer = await mesh.animate(film(talking_head(astronaut, 25)), output=pb.CurveOutput(frame_rate=rate))

        assert answer.clip.frame_count == 30
        assert answer.header.has_head_pose
        assert np.ptp(answer.clip.poses[:, 3]) > 2
        assert (answer.report.source_frames, answer.report.lost_frames, answer.report.face_count) == (25, 0, 1)
        assert wire.frame_rate_of(answer.report.source_frame_rate) == 25
        assert 0 < answer.report.residual_mm < 3
        assert answer.notices == []
        assert mesh.models.searches <= 6
        assert mesh.models.looks <= 12


async def test_one_picture_is_a_film(astronaut: Picture) -> None:
    """A single picture is a face at rest, for as long as it is shown."""
    async with serving() as mesh:
        answer = await mesh.animate(film(talking_head(astronaut, 1)))

        assert answer.clip.frame_count == 1
        assert answer.clip.curves.max() < 0.2
        assert answer.report.source_frames == 1


async def test_a_film_held_sideways_is_followed(astronaut: Picture) -> None:
    """Rotation in the metadata is applied; without it the face is found all the same, and its roll is not told."""
    lying = [np.rot90(picture, -1) for picture in talking_head(astronaut, 9)]
    async with serving() as mesh:
        told = await mesh.animate(film(lying, rotation=90))
        untold = await mesh.animate(film(lying))

        assert told.report.lost_frames == untold.report.lost_frames == 0
        assert np.abs(told.clip.poses[:, 2]).max() < 5
        assert np.abs(untold.clip.poses[:, 2]).max() < 5


async def test_a_lost_face_fades_and_comes_back_without_a_jump(astronaut: Picture) -> None:
    """The notice says from when to when; curves and pose hold, rest and return, no step larger than the film's own."""
    head = talking_head(astronaut, 100)
    gone = [*head[:30], *(np.full_like(head[0], 90) for _ in range(50)), *head[80:]]
    async with serving() as mesh:
        answer = await mesh.animate(film(gone))
        (notice,) = answer.notices
        poses = answer.clip.poses[:, :3]

        assert notice.kind == LOST
        assert float(notice.metadata["from_s"]) == pytest.approx(1.2, abs=0.05)
        assert float(notice.metadata["to_s"]) == pytest.approx(3.2, abs=0.25)
        assert answer.report.lost_frames >= 50
        assert np.abs(answer.clip.curves[54:56]).max() == np.abs(poses[54:56]).max() == 0
        assert np.abs(np.diff(answer.clip.curves, axis=0)).max() < 0.2
        assert np.abs(np.diff(poses, axis=0)).max() < 1.5


async def test_a_covered_face_is_lost(astronaut: Picture) -> None:
    """What covers all of a face has none, though the landmark model would draw one over it."""
    head = talking_head(astronaut, 40)
    for picture in head[12:28]:
        picture[10:110, 60:170] = (120, 90, 70)
    async with serving() as mesh:
        answer = await mesh.animate(film(head))

        assert answer.report.lost_frames == pytest.approx(16, abs=4)
        assert [notice.kind for notice in answer.notices] == [LOST]


async def test_no_face_at_all(astronaut: Picture) -> None:
    """A film without a face is refused as a photo without one is."""
    async with serving() as mesh:
        error = await mesh.refusal(film([np.full((128, 128, 3), 90, np.uint8)] * 10))

        assert isinstance(error, client_errors.NotUsable)
        assert error.metadata["cause"] == "no_face"


async def test_ten_faces(astronaut: Picture) -> None:
    """All are counted; each index is a smaller one; an index beyond the last names the range."""
    widths = [220, 210, 200, 190, 180, 170, 160, 150, 140, 130]
    content = film([crowd(astronaut, widths, 4)] * 3)
    async with serving() as mesh:
        answer = await mesh.animate(content, driving=driving_pb2.DrivingOptions(face_index=9))
        error = await mesh.refusal(film(talking_head(astronaut, 2)), driving=driving_pb2.DrivingOptions(face_index=3))

        assert answer.report.face_count == 10
        assert [(notice.kind, dict(notice.metadata)) for notice in answer.notices] == [
            (SEVERAL, {"faces": "10", "face_index": "9"})
        ]
        assert isinstance(error, client_errors.InvalidRequest)
        assert set(error.fields) == {"config.driving.face_index"}
        assert error.metadata["limit"] == "0 to 0"


async def test_the_face_of_the_index_is_the_one_followed(astronaut: Picture) -> None:
    """Of two faces the larger one holds still and the smaller one sways: index 1 moves, index 0 does not."""
    large, small = cv2.resize(astronaut, (300, 300)), talking_head(astronaut, 16, 200)
    pictures = []
    for head in small:
        picture = np.full((300, 520, 3), 128, np.uint8)
        picture[:, :300], picture[50:250, 310:510] = large, head
        pictures.append(picture)
    content = film(pictures)
    async with serving() as mesh:
        first, second = [
            (await mesh.animate(content, driving=driving_pb2.DrivingOptions(face_index=index))).clip for index in (0, 1)
        ]

        assert np.ptp(first.poses[:, 3]) < 1 < np.ptp(second.poses[:, 3])


async def test_head_motion_and_gains_are_obeyed(astronaut: Picture) -> None:
    """Strength 0 keeps the head still, and a gain of 0 a channel; neither touches the rest."""
    options = driving_pb2.DrivingOptions(head_motion_strength=0.0)
    controls = curves_pb2.PerformanceControls(channel_offsets={"TongueOut": 0.25}, lower_face_strength=0.0)
    async with serving() as mesh:
        answer = await mesh.animate(film(talking_head(astronaut, 9)), driving=options, controls=controls)

        assert np.abs(answer.clip.poses).max() == 0
        assert np.allclose(answer.clip.curves[:, -1], 0.25)


@pytest.mark.parametrize("kind", ["audio only", "text", "too large", "empty"])
async def test_what_is_no_film_is_refused(kind: str, astronaut: Picture) -> None:
    """The status and the field say what is wrong with the bytes."""
    content = {
        "audio only": film([], sound=np.zeros(9_600, np.float32)),
        "text": b"a,b,c\n" * 100,
        "too large": bytes(300_000),
        "empty": b"",
    }[kind]
    async with serving(FilmLimits(max_bytes=200_000)) as mesh:
        error = await mesh.refusal(content)

        assert isinstance(error, client_errors.InvalidRequest)
        assert error.metadata["field"] == "data"


async def test_data_before_the_config() -> None:
    """The first message must be the config, and there is only one."""
    async with serving() as mesh:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in mesh.stub.AnimateFromVideo(iter([Request(data=b"x")])):
                pass

        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_cancelling_ends_the_child_and_the_model_call(astronaut: Picture) -> None:
    """Nothing is left of a call that its caller gave up."""
    async with serving() as mesh:
        mesh.models.waits = True
        call = mesh.stub.AnimateFromVideo(iter(requests(film(talking_head(astronaut, 30)))))
        reading = asyncio.ensure_future(call.read())
        await mesh.models.is_asked.wait()
        children = _decoders()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            while True:
                await reading
                reading = asyncio.ensure_future(call.read())
        for _ in range(100):
            if mesh.models.cancelled and not _decoders():
                break
            await asyncio.sleep(0.02)

        assert len(children) == 1
        assert mesh.models.cancelled == 1
        assert _decoders() == []


def _decoders() -> list[str]:
    """Children of this process that decode films."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"film_worker" in (process / "cmdline").read_bytes():
                found.append(process.name)
    return found
