"""Pictures to sizes and layouts, messages in parts, fields of peers by our names, the renderer's signature."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from google.rpc import error_details_pb2, status_pb2
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2

from visage.composition.inference import RENDERERS
from visage.composition.messages import contents_of, scene_of
from visage.composition.peer_fields import rename, rename_fields
from visage.composition.pictures import (
    Scaler,
    covering,
    cropped,
    packed_array,
    packed_bytes,
    planes_of,
    scaled,
    video_frame,
)
from visage.composition.values import (
    Camera,
    Framing,
    KeyLight,
    Mp4Delivery,
    RawDelivery,
    RawFrame,
    RawSound,
    Segment,
)
from visage.media.frames import PixelLayout
from visage.media.portrait import Rect
from visage.runtime.errors import InvalidField, PeerFailed, PeerUnavailable
from visage.runtime.status import to_status
from visage.runtime.triton.announcements import read_signature
from visage.runtime.triton.signature import ModelSignature
from visage.v1 import composition_service_pb2, media_pb2

pytestmark = pytest.mark.unit


def test_a_scaler_keeps_the_picture(astronaut: NDArray[np.uint8]) -> None:
    """Half the size has the mean of each four pixels."""
    small = scaled(astronaut, 256, 256).astype(float)
    means = astronaut.reshape(256, 2, 256, 2, 3).mean((1, 3))

    assert np.abs(small - means).mean() < 1.5


def test_read_only_frames_are_accepted(astronaut: NDArray[np.uint8]) -> None:
    """Frames may lie in memory that is not ours to write."""
    frozen = astronaut.copy()
    frozen.setflags(write=False)

    assert len(packed_bytes(Scaler(512, 512, PixelLayout.I420).scale(video_frame(frozen)))) == 512 * 512 * 3 // 2


def test_nv12_and_i420_differ_in_order_only(astronaut: NDArray[np.uint8]) -> None:
    """The same luma; chroma interleaved or in planes. Luma is that of BT.601 with limited range."""
    planes = [
        np.frombuffer(packed_bytes(Scaler(512, 512, layout).scale(video_frame(astronaut))), np.uint8)
        for layout in (PixelLayout.NV12, PixelLayout.I420)
    ]
    count = 512 * 512
    chroma = planes[1][count:].reshape(2, -1).T.reshape(-1)
    luma = 16 + astronaut.reshape(-1, 3) @ np.array([65.481, 128.553, 24.966]) / 255

    assert np.abs(planes[0][:count].astype(float) - luma).max() < 3
    assert (planes[0][:count] == planes[1][:count]).all() and np.abs(planes[0][count:].astype(int) - chroma).max() <= 2


@pytest.mark.parametrize(("width", "height"), [(64, 64), (66, 64), (512, 512), (640, 362), (1024, 1024)])
@pytest.mark.parametrize("layout", list(PixelLayout))
def test_packed_bytes_have_the_layout_s_length(width: int, height: int, layout: PixelLayout) -> None:
    """Rows that libav pads in memory come out packed."""
    frame = Scaler(width, height, layout).scale(video_frame(np.full((512, 512, 3), 70, np.uint8)))

    assert len(packed_bytes(frame)) == layout.frame_bytes(width, height)
    assert packed_array(frame).nbytes == layout.frame_bytes(width, height)


def test_scaling_yuv_keeps_its_values() -> None:
    """From I420 to I420 no matrix or range is applied."""
    source = np.empty((768, 512), np.uint8)
    for plane, value in zip(planes_of(source), (235, 90, 170), strict=True):
        plane[:] = value
    small = planes_of(packed_array(Scaler(256, 256, PixelLayout.I420).scale(video_frame(source))))

    assert [int(plane.min()) for plane in small] == [int(plane.max()) for plane in small] == [235, 90, 170]


@pytest.mark.parametrize("rows", [64, 66])
def test_yuv_arrays_and_frames_are_the_same(rows: int) -> None:
    """Also where the number of rows is no multiple of four, planes keep their place."""
    source = np.random.default_rng(4).integers(0, 255, (rows * 3 // 2, 34), np.uint8)

    assert (packed_array(video_frame(source)) == source).all()


def test_a_crop_of_yuv_is_the_crop_of_its_planes() -> None:
    """Chroma is cut where luma is."""
    source = np.random.default_rng(3).integers(0, 255, (96, 64), np.uint8)
    crop = Rect(8, 4, 20, 30)
    parts = planes_of(cropped(source, crop))

    assert (parts[0] == planes_of(source)[0][4:34, 8:28]).all()
    assert (parts[1] == planes_of(source)[1][2:17, 4:14]).all() and (parts[2] == planes_of(source)[2][2:17, 4:14]).all()


@pytest.mark.parametrize("shape", [(1, 1, 3), (100, 300, 3), (2000, 900, 3), (512, 512, 3)])
@pytest.mark.parametrize(("width", "height"), [(512, 512), (1024, 576), (64, 1024)])
def test_any_picture_covers_the_frame(shape: tuple[int, int, int], width: int, height: int) -> None:
    """Small, wide, tall: the wanted size without borders."""
    background = covering(np.full(shape, 90, np.uint8), width, height)

    assert background.shape == (height, width, 3) and (background == 90).all()


def test_large_parts_are_cut() -> None:
    """Segments to 256 KiB, frames to 1 MiB, sound to 64 KiB; joined they are whole."""
    data = np.random.default_rng(2).bytes(1_200_000)
    segment = [c["fragment"] for c in contents_of(Segment(3, Fraction(1), Fraction(1, 2), data))]
    frame = [c["frame"] for c in contents_of(RawFrame(7, Fraction(7, 25), data))]
    sound = [c["audio"] for c in contents_of(RawSound(Fraction(1), 16_000, data[:100_000]))]

    assert b"".join(part.data for part in segment) == b"".join(part.data for part in frame) == data
    assert max(len(part.data) for part in segment) == 2**18 and max(len(part.data) for part in frame) == 2**20
    assert [part.end_of_segment for part in segment] == [False] * 4 + [True]
    assert [part.byte_offset for part in frame] == [0, 2**20] and frame[1].end_of_frame
    assert (
        len(sound[0].data) == 2**16 and sound[1].start_offset.nanos == 48_000_000 and sound[1].start_offset.seconds == 3
    )


def test_a_scene_has_its_defaults() -> None:
    """512 x 512, MP4 in fragments of 500 ms with sound, the photo's own background."""
    scene = scene_of(composition_service_pb2.Scene(identity="identities/anna"))

    assert (scene.video.width, scene.video.height, scene.video.frame_rate, scene.background) == (512, 512, None, None)
    assert scene.video.delivery == Mp4Delivery(0, Fraction(1, 2), False)
    assert scene.camera == Camera() and scene.light is None


def test_a_scene_says_what_is_wanted() -> None:
    """Sizes, an odd rate, raw NV12 and a colour."""
    video = media_pb2.VideoOutput(
        width=640, height=360, frame_rate=media_pb2.FrameRate(numerator=30000, denominator=1001)
    )
    video.raw_frames.pixel_format = media_pb2.PIXEL_FORMAT_NV12
    background = composition_service_pb2.Background(color="#102030")
    scene = scene_of(composition_service_pb2.Scene(identity="identities/a", video=video, background=background))

    assert (scene.video.width, scene.video.height, scene.video.frame_rate) == (640, 360, Fraction(30000, 1001))
    assert scene.video.delivery == RawDelivery(PixelLayout.NV12) and scene.background == "#102030"


def test_a_scene_has_its_camera_and_light() -> None:
    """Framing, angles, zoom and pan; a lamp without intensity and colour is full and white."""
    camera = composition_service_pb2.Camera(framing="FRAMING_HEAD", zoom=1.5, pan_x=0.25, pan_y=-0.125)
    camera.orbit.yaw_degrees, camera.orbit.roll_degrees = 10, -4
    light = composition_service_pb2.KeyLight(azimuth_degrees=-60, elevation_degrees=30)
    scene = scene_of(composition_service_pb2.Scene(identity="identities/a", camera=camera, light=light))

    assert scene.camera == Camera(Framing.HEAD, (10, 0, -4), 1.5, (0.25, -0.125))
    assert scene.light == KeyLight(-60, 30, 1.0, "#ffffff")


FIELDS = {"config": "performance.synthesis", "text": "performance.speech.text"}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("text", "performance.speech.text"),
        ("config.prosody.rate", "performance.synthesis.prosody.rate"),
        ("config[2].x", "performance.synthesis[2].x"),
        ("configuration", "configuration"),
        ("", ""),
    ],
)
def test_fields_are_renamed_with_what_lies_below(theirs: str, ours: str) -> None:
    """Only whole names count."""
    assert rename(theirs, FIELDS) == ours


def test_a_peer_s_refusal_names_our_fields() -> None:
    """Message, BadRequest and ErrorInfo speak of the caller's own request; the code stays."""
    packed = to_status(InvalidField("config.voice", "unknown"), "request-1").SerializeToString()
    error = rename_fields(PeerFailed("speech", 3, "config.voice: unknown", packed), FIELDS)

    assert isinstance(error, PeerFailed) and error.code == 3 and error.message == "performance.synthesis.voice: unknown"
    status = status_pb2.Status.FromString(error.packed_status or b"")
    bad_request, info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
    assert [detail.Unpack(into) for detail in status.details for into in (bad_request, info)].count(True) == 2
    assert bad_request.field_violations[0].field == info.metadata["field"] == "performance.synthesis.voice"


def test_other_errors_pass_unchanged() -> None:
    """A connection that broke names no field."""
    error = PeerUnavailable("speech", "gone")

    assert rename_fields(error, FIELDS) is error


@pytest.mark.parametrize("signature", RENDERERS.values(), ids=lambda signature: signature.name)
def test_the_renderer_s_signature_is_the_repository_s(signature: ModelSignature) -> None:
    """Names, types and shapes declared here are those of config.pbtxt, for each native size."""
    path = Path(__file__).resolve().parents[2] / "model_repository" / signature.name / "config.pbtxt"
    served = text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())

    signature.check(read_signature(served))
