"""Camera, light, sizes and pixel formats of the composition service, over real gRPC."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes.composition_mesh import collect, failure, serving
from tests.fakes.composition_requests import RAW, block, config, opened, ramp, shown
from visage.composition.values import Pixels
from visage.media.portrait import PHOTO_LIGHT
from visage.v1 import composition_service_pb2 as pb
from visage.v1 import media_pb2

pytestmark = pytest.mark.service

NAN = float("nan")


def raw(width: int, height: int, pixel_format: str = "PIXEL_FORMAT_RGB24") -> media_pb2.VideoOutput:
    """Raw frames of a size."""
    return media_pb2.VideoOutput(
        width=width, height=height, raw_frames=media_pb2.RawFrameOutput(pixel_format=pixel_format)
    )


def seen(camera: pb.Camera | None = None, light: pb.KeyLight | None = None, video: Any = RAW) -> Any:
    """A request to show three frames, the last one white."""
    request = shown(ramp(3), video)
    if camera is not None:
        request.scene.camera.CopyFrom(camera)
    if light is not None:
        request.scene.light.CopyFrom(light)
    return request


def last_frame(found: dict[str, list[Any]], width: int, height: int, channels: int = 3) -> np.ndarray:
    """The last frame of a raw stream that shows a single part a frame."""
    data = b"".join(part.data for part in found["frame"] if part.frame_index == 2)
    return np.frombuffer(data, np.uint8).reshape(height, width, channels)


class TestCamera:
    """What part of the avatar is shown."""

    async def test_the_renderer_s_yuv_goes_into_films_of_native_size(self) -> None:
        """256, 512 and 768 need neither RGB nor scaling."""
        async with serving() as mesh:
            for side in (256, 512, 768):
                video = media_pb2.VideoOutput(width=side, height=side)
                found = await collect(mesh.stub.GenerateAvatar(seen(video=video)))
                with opened(found) as file:
                    luma = [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]

                assert luma[2].shape == (side, side) and abs(int(luma[2][side // 2, side // 2]) - 255) <= 3
            looks = [(look.size, look.pixels) for look in mesh.renderer.looks]

            assert looks == [(256, Pixels.YUV), (512, Pixels.YUV), (768, Pixels.YUV)]

    @pytest.mark.parametrize(
        ("camera", "size"),
        [(pb.Camera(), 256), (pb.Camera(framing="FRAMING_HEAD"), 512), (pb.Camera(zoom=3.0), 768)],
    )
    async def test_zoom_and_framing_ask_for_larger_renders(self, camera: pb.Camera, size: int) -> None:
        """A picture of 256 x 256 is cropped from a render in which it stays sharp."""
        async with serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(seen(camera, video=raw(256, 256))))

            assert mesh.renderer.looks[0].size == size
            assert last_frame(found, 256, 256)[128, 128].tolist() == [255, 255, 255]

    async def test_a_zoom_leaves_the_corner_out(self) -> None:
        """What the fake paints into the frame's corner is no longer seen."""
        async with serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(seen(pb.Camera(zoom=2.0))))

            assert (last_frame(found, 512, 512) == 255).all()

    @pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (480, 600), (1024, 64), (66, 1022)])
    @pytest.mark.parametrize("pixel_format", ["PIXEL_FORMAT_RGB24", "PIXEL_FORMAT_I420"])
    async def test_any_shape_before_a_colour(self, width: int, height: int, pixel_format: str) -> None:
        """The avatar stands in the middle of the picture, the colour around it; the bytes are those of the format."""
        async with serving() as mesh:
            request = seen(video=raw(width, height, pixel_format))
            request.scene.background.color = "#000000"
            found = await collect(mesh.stub.GenerateAvatar(request))
            data = b"".join(part.data for part in found["frame"] if part.frame_index == 2)
            channels, black = (3, 0) if pixel_format == "PIXEL_FORMAT_RGB24" else (1, 16)
            luma = np.frombuffer(data, np.uint8)[: width * height * channels].reshape(height, width, channels)

            assert luma[-2, width // 2, 0] >= 230
            assert width == height or (luma[0, 0, 0] == luma[0, -1, 0] == black) or height <= 640

    async def test_a_camera_orbits_by_head_pose(self) -> None:
        """Its degrees are added to those of the curves."""
        async with serving() as mesh:
            scene_config = config(RAW)
            scene_config.config.scene.camera.orbit.yaw_degrees = 10
            scene_config.config.scene.camera.orbit.pitch_degrees = -5
            turned = block(0, 1)
            turned.block.head_poses[0].yaw_degrees = 4
            found = await collect(mesh.stub.RenderCurves(iter([scene_config, turned])))

            assert mesh.renderer.poses[0][0].tolist() == [14, -5, 0, 0, 0, 0] and "notice" not in found

    async def test_orbit_and_pose_together_stay_honest(self) -> None:
        """Each is in range, their sum is not: it is clamped, and told once."""
        async with serving() as mesh:
            scene_config = config(RAW)
            scene_config.config.scene.camera.orbit.yaw_degrees = 15
            turned = block(0, 30)
            for pose in turned.block.head_poses:
                pose.yaw_degrees = 10
            found = await collect(mesh.stub.RenderCurves(iter([scene_config, turned])))

            assert mesh.renderer.poses[0][0, 0] == 20
            assert [dict(notice.metadata) for notice in found["notice"]] == [{"field": "yaw_degrees"}]

    async def test_what_is_out_of_range_is_clamped_with_one_notice_each(self) -> None:
        """After the header, once for each field, however many frames follow."""
        async with serving() as mesh:
            camera = pb.Camera(zoom=99.0, pan_x=-3.0)
            camera.orbit.roll_degrees = 360
            light = pb.KeyLight(elevation_degrees=180, intensity=7)
            found = await collect(mesh.stub.GenerateAvatar(seen(camera, light)))
            fields = [notice.metadata["field"] for notice in found["notice"]]

            assert found[""][:6] == ["header"] + ["notice"] * 5
            assert fields == [
                "scene.camera.orbit.roll_degrees",
                "scene.camera.zoom",
                "scene.camera.pan_x",
                "scene.light.elevation_degrees",
                "scene.light.intensity",
            ]
            assert (mesh.renderer.poses[0][:, 2] == 20).all()

    async def test_a_pan_that_stops_at_the_photo_s_edge_is_told(self) -> None:
        """The whole photo is shown, so there is nowhere to go."""
        async with serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(seen(pb.Camera(pan_y=0.25))))

            assert [dict(notice.metadata) for notice in found["notice"]] == [{"field": "scene.camera.pan_y"}]


class TestLight:
    """The lamp."""

    async def test_without_one_the_photo_s_light_stays(self) -> None:
        """Intensity 0."""
        async with serving() as mesh:
            await collect(mesh.stub.GenerateAvatar(seen()))

            assert (mesh.renderer.looks[0].light == np.array(PHOTO_LIGHT, np.float32)).all()

    async def test_a_lamp_reaches_the_renderer(self) -> None:
        """From the left and above, at four fifths, orange."""
        async with serving() as mesh:
            light = pb.KeyLight(azimuth_degrees=-90, elevation_degrees=0, intensity=0.8, color="#ff8000")
            found = await collect(mesh.stub.GenerateAvatar(seen(light=light)))

            wanted = [-1, 0, 0, 0.8, 1, 128 / 255, 0]
            assert mesh.renderer.looks[0].light == pytest.approx(np.tile(wanted, (8, 1)), abs=1e-6)
            assert "notice" not in found


class TestTransparency:
    """RGBA32."""

    async def test_frames_are_premultiplied_before_nothing(self) -> None:
        """Where the fake shows its background there is nothing; elsewhere it is opaque."""
        async with serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(seen(video=raw(256, 256, "PIXEL_FORMAT_RGBA32"))))
            frame = last_frame(found, 256, 256, 4)

            assert found["header"][0].pixel_format == media_pb2.PIXEL_FORMAT_RGBA32
            assert not frame[4, 4].any() and frame[128, 128].tolist() == [255, 255, 255, 255]

    async def test_a_background_behind_them_is_refused(self) -> None:
        """They have none; the field is named."""
        async with serving() as mesh:
            request = seen(video=raw(256, 256, "PIXEL_FORMAT_RGBA32"))
            request.scene.background.color = "#ffffff"
            error = await failure(mesh.stub.GenerateAvatar(request))

            assert (error.code, list(error.fields)) == ("INVALID_ARGUMENT", ["scene.background"])


class TestRefusals:
    """What cannot be."""

    @pytest.mark.parametrize(
        ("scene", "field"),
        [
            (pb.Scene(camera=pb.Camera(zoom=NAN)), "scene.camera.zoom"),
            (pb.Scene(camera=pb.Camera(zoom=float("inf"))), "scene.camera.zoom"),
            (pb.Scene(camera=pb.Camera(pan_x=NAN)), "scene.camera.pan_x"),
            (pb.Scene(camera=pb.Camera(orbit=pb.Orbit(yaw_degrees=NAN))), "scene.camera.orbit.yaw_degrees"),
            (pb.Scene(camera=pb.Camera(framing=9)), "scene.camera.framing"),
            (pb.Scene(light=pb.KeyLight(azimuth_degrees=NAN)), "scene.light.azimuth_degrees"),
            (pb.Scene(light=pb.KeyLight(intensity=NAN)), "scene.light.intensity"),
            (pb.Scene(light=pb.KeyLight(color="orange")), "scene.light.color"),
        ],
    )
    async def test_values_without_meaning_name_their_field(self, scene: pb.Scene, field: str) -> None:
        """Not a number, infinite, unknown: INVALID_ARGUMENT."""
        async with serving() as mesh:
            request = seen()
            request.scene.MergeFrom(scene)
            error = await failure(mesh.stub.GenerateAvatar(request))

            assert (error.code, list(error.fields)) == ("INVALID_ARGUMENT", [field])

    @pytest.mark.parametrize(("index", "field"), [(0, "block.values[3]"), (1, "block.head_poses[1].pitch_degrees")])
    async def test_curves_that_are_not_finite_name_block_and_field(self, index: int, field: str) -> None:
        """A value of the second block, or an angle of its head."""
        async with serving() as mesh:
            broken = block(2, 2)
            if index == 0:
                broken.block.values[3] = NAN
            else:
                broken.block.head_poses[1].pitch_degrees = float("inf")
            error = await failure(mesh.stub.RenderCurves(iter([config(RAW), block(0, 2), broken])))

            assert (error.code, list(error.fields)) == ("INVALID_ARGUMENT", [field])

    @pytest.mark.parametrize(("width", "height"), [(62, 512), (513, 512), (512, 1026), (-2, 512)])
    async def test_sizes_that_are_refused_name_range_and_native_sizes(self, width: int, height: int) -> None:
        """64 to 1024, even; 256, 512 and 768."""
        async with serving() as mesh:
            error = await failure(mesh.stub.GenerateAvatar(seen(video=raw(width, height))))
            (message,) = error.fields.values()

            assert error.code == "INVALID_ARGUMENT"
            assert all(number in message for number in ("64", "1024", "256", "512", "768"))

    async def test_a_clip_s_value_that_is_not_finite_names_its_block(self) -> None:
        """Clips are checked as streams are."""
        async with serving() as mesh:
            request = seen()
            request.performance.curves.blocks[0].values[7] = NAN
            error = await failure(mesh.stub.GenerateAvatar(request))

            assert (error.code, list(error.fields)) == ("INVALID_ARGUMENT", ["performance.curves.blocks[0].values[7]"])
