"""The composition service over real gRPC: what it asks of its peers, what it streams out, and how it ends."""

from __future__ import annotations

import asyncio
import io
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.fakes.composition_mesh import Mesh, collect, failure, serving
from tests.fakes.composition_peers import CORNER_PX, JAW, avatar_bytes, hum
from tests.fakes.composition_requests import NAME, RAW, block, config, opened, ramp, shown
from visage.media.arkit import CURVE_COUNT
from visage.media.curves import CurveBlock
from visage.runtime import errors
from visage.runtime.triton.errors import ModelUnavailable
from visage.runtime.wire import curve_block_message, curve_header_message, seconds_of
from visage.v1 import asset_service_pb2, curves_pb2, errors_pb2, media_pb2
from visage.v1 import composition_service_pb2 as pb

pytestmark = pytest.mark.service

SENTENCES = "One is here. Two are here. Three are here. Four are here. Five are here. Six are here. "


def spoken(text: str = SENTENCES, video: media_pb2.VideoOutput | None = None, **fields: Any) -> Any:
    """A request to say something."""
    request = pb.GenerateAvatarRequest(scene=pb.Scene(identity=NAME, video=video), **fields)
    request.performance.speech.text = text
    return request


def recorded(samples: Any, rate_hz: int, format: str = "WAV") -> bytes:
    """A recording."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=format)
    return file.getvalue()


def frames_of(found: dict[str, list[Any]], width: int = 512, height: int = 512) -> list[Any]:
    """RGB frames from raw parts."""
    data: dict[int, bytes] = {}
    for part in found["frame"]:
        assert part.byte_offset == len(data.get(part.frame_index, b""))
        data[part.frame_index] = data.get(part.frame_index, b"") + part.data
    assert list(data) == list(range(len(data)))
    return [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in data.values()]


class TestSpeech:
    """Text in, pictures with sound out."""

    async def test_the_first_fragment_leaves_before_speech_has_ended(self) -> None:
        """While the speech service still has text to say, pictures of its first words are out."""
        async with serving() as mesh:
            released = asyncio.Event()

            async def hold_back(index: int) -> None:
                if index == 3:
                    await released.wait()

            mesh.speech.before_piece = hold_back
            kinds = []
            call = mesh.stub.GenerateAvatar(spoken())
            async for response in call:
                kinds.append(response.WhichOneof("response"))
                if kinds[-1] == "fragment" and response.fragment.kind == media_pb2.VideoFragmentPart.KIND_MEDIA:
                    pieces_when_first = len(mesh.speech.texts)
                    was_complete = mesh.speech.log.completed
                    break
            call.cancel()
            released.set()

            assert 1 <= pieces_when_first <= 3 and not was_complete
            assert kinds == ["header", "fragment", "fragment"]

    async def test_picture_and_sound_are_complete(self) -> None:
        """Six pieces of a second give 150 frames and six seconds of sound in one playable file."""
        async with serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(spoken()))
            with opened(found) as file:
                frames = list(file.decode(video=0))
            with opened(found) as file:
                sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
                rate_hz = file.streams.audio[0].rate

            assert len(frames) == 150 and float(frames[-1].pts * frames[-1].time_base) == pytest.approx(149 / 25)
            assert len(sound) / rate_hz == pytest.approx(6.0, abs=0.04)
            assert np.sqrt(np.mean(sound**2)) == pytest.approx(8000 / 32768 / np.sqrt(2), rel=0.05)
            assert "".join(mesh.speech.texts) == SENTENCES
            assert found[""][0] == "header" and found[""][-1] == "summary"

    async def test_the_summary_adds_up(self) -> None:
        """Frames, length, time to the first frame and the four stages are told."""
        async with serving() as mesh:
            summary = (await collect(mesh.stub.GenerateAvatar(spoken())))["summary"][0]

            assert (summary.frame_count, seconds_of(summary.media_duration)) == (150, 6.0)
            assert 0 < seconds_of(summary.time_to_first_frame) < 10
            assert set(summary.stage_seconds) == {"speech", "animation", "render", "encode"}
            assert all(seconds >= 0 for seconds in summary.stage_seconds.values())

    async def test_each_timing_reaches_animation_before_its_sound(self) -> None:
        """The animation is told that timings come, and gets each ahead of the audio it describes."""
        async with serving() as mesh:
            await collect(mesh.stub.GenerateAvatar(spoken()))

            assert mesh.animation.config.timed
            assert mesh.animation.received == (["timing"] + ["audio"] * 4) * 6

    async def test_side_data_comes_when_asked_for(self) -> None:
        """Curves and timings are in the stream, after the header, and complete."""
        async with serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(spoken(include_curves=True, include_timing=True)))

            assert len(found["timing"]) == 6 and len(found["curve_header"]) == 1
            assert sum(block.frame_count for block in found["curves"]) == 150

    async def test_side_data_stays_away_unless_asked_for(self) -> None:
        """Without the wish there are pictures only."""
        async with serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(spoken("One is here. ")))

            assert set(found) == {"", "header", "fragment", "summary"}

    async def test_raw_frames_and_sound_share_a_clock(self) -> None:
        """Sound of each frame comes right before it, its times are gapless, and both last equally long."""
        async with serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(spoken("One. Two. ", video=RAW)))
            header = found["header"][0]
            sample_count = sum(len(chunk.data) for chunk in found["audio"]) // 2

            assert header.audio_format.sample_rate_hertz == 16_000
            assert len(frames_of(found)) == 50 and sample_count == 32_000
            order = [kind for kind in found[""] if kind in ("audio", "frame")]
            assert order[:4] == ["audio", "frame", "audio", "frame"]
            starts = [seconds_of(chunk.start_offset) for chunk in found["audio"]]
            assert starts == pytest.approx([index / 25 for index in range(50)])

    async def test_notices_of_the_animation_are_passed_on(self) -> None:
        """That a recording is silent reaches the caller."""
        async with serving() as mesh:
            mesh.animation.notice = errors_pb2.StreamNotice(kind=errors_pb2.StreamNotice.KIND_AUDIO_SILENT)
            found = await collect(mesh.stub.GenerateAvatar(spoken("One. ")))

            assert found["notice"] == [mesh.animation.notice]

    async def test_a_document_is_sent_whole(self) -> None:
        """An SSML document takes the text's place and reaches the speech service in one piece."""
        request = spoken("")
        request.performance.speech.ssml = "<speak>One. Two.</speak>"
        async with serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(request))

            assert mesh.speech.texts == ["<speak>One. Two.</speak>"]
            assert found["summary"]

    @pytest.mark.parametrize("text", ["... !", ""])
    async def test_text_without_a_letter_is_refused(self, text: str) -> None:
        """There is nothing to say; the field's name is the caller's."""
        async with serving() as mesh:
            error = await failure(mesh.stub.GenerateAvatar(spoken(text)))

            assert error.code == "INVALID_ARGUMENT"
            assert set(error.fields) == {"performance.speech.text"}

    async def test_a_fault_of_a_peer_names_our_field(self) -> None:
        """What the speech service calls `config.voice` is `performance.synthesis.voice` to the caller."""
        async with serving() as mesh:

            async def refuse(index: int) -> None:
                raise errors.InvalidField("config.language_code", "unknown", limit="en")

            mesh.speech.before_piece = refuse
            error = await failure(mesh.stub.GenerateAvatar(spoken()))

            assert error.code == "INVALID_ARGUMENT"
            assert error.fields == {"performance.synthesis.language_code": "unknown"}

    async def test_a_style_is_felt_by_the_face(self) -> None:
        """The animation gets the emotion of the voice's style as a key, unless the caller sent keys."""
        async with serving() as mesh:
            request = spoken("One is here. ")
            request.performance.synthesis.style = "sadness"
            await collect(mesh.stub.GenerateAvatar(request))
            styled = mesh.animation.config.controls
            request.performance.controls.emotion_keys.add().emotion.weights["joy"] = 1.0
            await collect(mesh.stub.GenerateAvatar(request))

            assert dict(styled.emotion_keys[0].emotion.weights) == {"sadness": pytest.approx(0.7)}
            assert dict(mesh.animation.config.controls.emotion_keys[0].emotion.weights) == {"joy": 1.0}

    async def test_a_peer_that_fails_midway_ends_everything(self) -> None:
        """After some frames the animation breaks: the caller gets its status, and no call is left anywhere."""
        async with serving() as mesh:

            async def fail(frame: int) -> None:
                if frame >= 40:
                    raise errors.Overloaded("too many faces", retry_after_s=2.0)

            mesh.animation.before_block = fail
            error = await failure(mesh.stub.GenerateAvatar(spoken()))
            await mesh.settled()

            assert (error.code, error.retry_after_s) == ("RESOURCE_EXHAUSTED", 2.0)
            assert mesh.speech.log.cancelled == 1

    async def test_a_peer_that_is_gone_is_named(self) -> None:
        """Nobody listens where speech should be."""
        async with serving(speech_address="127.0.0.1:1") as mesh:
            error = await failure(mesh.stub.GenerateAvatar(spoken()))

            assert (error.code, error.metadata["peer"]) == ("UNAVAILABLE", "speech")

    async def test_cancelling_stops_every_peer(self) -> None:
        """A caller that leaves ends speech, animation and rendering within a second."""
        async with serving() as mesh:
            mesh.renderer.delay_s = 0.02
            call = mesh.stub.GenerateAvatar(spoken(SENTENCES * 10))
            async for response in call:
                if response.WhichOneof("response") == "fragment" and response.fragment.sequence_number == 2:
                    break
            call.cancel()
            await mesh.settled()

            assert (mesh.speech.log.cancelled, mesh.animation.log.cancelled) == (1, 1)
            assert mesh.renderer.running == 0

    async def test_cancelling_reaches_a_render_that_hangs(self) -> None:
        """A call that waits for the renderer is cancelled there."""
        async with serving() as mesh:
            mesh.renderer.hold = asyncio.Event()
            call = mesh.stub.GenerateAvatar(spoken())
            await call.read()
            async with asyncio.timeout(2):
                while mesh.renderer.running < 2:
                    await asyncio.sleep(0.005)
            call.cancel()
            await mesh.settled()

            assert mesh.renderer.cancelled == 2

    async def test_a_slow_reader_stalls_the_whole_pipeline(self) -> None:
        """Nobody reads: rendering and speech stop, far from the end of the text, and go on when somebody does."""
        async with serving() as mesh:
            video = media_pb2.VideoOutput(width=1024, height=1024, raw_frames=media_pb2.RawFrameOutput())
            call = mesh.stub.GenerateAvatar(spoken(SENTENCES * 8, video=video))
            await call.read()
            chunks = await _until_still(mesh)
            texts = len(mesh.speech.texts)
            for _ in range(60):
                await call.read()
            later = await _until_still(mesh)
            call.cancel()

            # gRPC itself holds some MiB on the way, which is a frame or three of 3 MiB each.
            assert chunks * 8 <= 40 and texts < 12
            assert later > chunks

    async def test_speech_runs_only_seconds_ahead(self) -> None:
        """With a renderer that hangs, text is held back rather than spoken."""
        async with serving() as mesh:
            mesh.renderer.hold = asyncio.Event()
            call = mesh.stub.GenerateAvatar(spoken(SENTENCES * 8))
            await call.read()
            await asyncio.sleep(0.5)
            spoken_s = mesh.speech.spoken_s
            call.cancel()

            assert spoken_s <= 6.0

    async def test_a_low_frame_rate_does_not_stall(self) -> None:
        """At 10 frames per second the renderer's chunks hold more sound; everything comes out all the same."""
        async with serving() as mesh:
            video = media_pb2.VideoOutput(frame_rate=media_pb2.FrameRate(numerator=10, denominator=1))
            found = await collect(mesh.stub.GenerateAvatar(spoken(SENTENCES * 2, video=video)))

            assert found["summary"][0].frame_count == 120


async def _until_still(mesh: Mesh) -> int:
    """Waits until no chunk was rendered for a while; returns how many were."""
    count = -1
    while count != mesh.renderer.chunks:
        count = mesh.renderer.chunks
        await asyncio.sleep(0.4)
    return count


class TestRecording:
    """Sound in, pictures with this sound out."""

    async def test_a_recording_moves_the_mouth(self) -> None:
        """Silence, then a hum: the mouth opens when the hum is heard, and the sound is in the file."""
        async with serving() as mesh:
            samples = np.concatenate([np.zeros(8000, np.int16), hum(1.0)])
            request = spoken(video=RAW)
            request.performance.audio.content = recorded(samples, 16_000)
            found = await collect(mesh.stub.GenerateAvatar(request))
            jaw = [int(frame[256, 256, 0]) for frame in frames_of(found)]

            assert not mesh.animation.config.timed and mesh.speech.log.begun == 0
            assert len(jaw) == 38 and max(jaw[:12]) < 20 and min(jaw[13:37]) > 200
            assert sum(len(chunk.data) for chunk in found["audio"]) == pytest.approx(1.52 * 96_000, abs=200)

    async def test_a_stored_recording_is_found(self) -> None:
        """An asset uploaded to the same port drives a performance."""
        async with serving() as mesh:
            content = recorded(np.stack([hum(0.4)] * 2, axis=1), 16_000, "FLAC")
            upload = asset_service_pb2.UploadAssetRequest
            asset = await mesh.assets.UploadAsset(
                iter([upload(header=upload.Header(size_bytes=len(content))), upload(data=content)])
            )
            request = spoken()
            request.performance.audio.asset = asset.name
            found = await collect(mesh.stub.GenerateAvatar(request))

            assert found["summary"][0].frame_count == 10

    async def test_one_sample_is_enough(self) -> None:
        """The shortest recording gives one frame."""
        async with serving() as mesh:
            request = spoken()
            request.performance.audio.content = recorded(hum(1)[:1], 16_000)
            found = await collect(mesh.stub.GenerateAvatar(request))

            assert found["summary"][0].frame_count == 1

    @pytest.mark.parametrize(
        ("content", "reason"),
        [(b"not sound at all", "MEDIA_UNDECODABLE"), (recorded(hum(61), 16_000), "MEDIA_TOO_LARGE")],
        ids=["no sound", "too long"],
    )
    async def test_bad_recordings_are_refused(self, content: bytes, reason: str) -> None:
        """Bytes that are no sound, and more than 60 s, name the field."""
        async with serving() as mesh:
            request = spoken()
            request.performance.audio.content = content
            error = await failure(mesh.stub.GenerateAvatar(request))

            assert (error.code, error.reason) == ("INVALID_ARGUMENT", reason)
            assert any(field.startswith("performance.audio") for field in error.fields)

    async def test_an_unknown_asset_is_not_found(self) -> None:
        """A name that nothing has."""
        async with serving() as mesh:
            request = spoken()
            request.performance.audio.asset = "assets/" + "0" * 64

            assert (await failure(mesh.stub.GenerateAvatar(request))).code == "NOT_FOUND"


class TestClip:
    """Curves in, mute pictures out."""

    async def test_every_frame_shows_its_curves(self) -> None:
        """21 frames take three chunks; the pictures come in order and the padding is not shown."""
        async with serving() as mesh:
            frames = frames_of(await collect(mesh.stub.GenerateAvatar(shown(ramp(21), RAW))))

            assert [int(frame[256, 256, 0]) for frame in frames] == np.rint(np.linspace(0, 255, 21)).tolist()
            assert mesh.renderer.chunks == 3

    async def test_one_frame_is_a_clip(self) -> None:
        """The shortest clip is a playable file of one frame."""
        async with serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(shown(ramp(1))))
            with opened(found) as file:
                assert len(list(file.decode(video=0))) == 1 and not file.streams.audio

            assert found["header"][0].mime_type.startswith('video/mp4; codecs="avc1.64')

    async def test_sixty_frames_per_second(self) -> None:
        """The clip's own rate counts where the scene gives none."""
        async with serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(shown(ramp(60, rate=60))))
            with opened(found) as file:
                times = [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]

            assert found["header"][0].frame_rate == media_pb2.FrameRate(numerator=60, denominator=1)
            assert times == pytest.approx([index / 60 for index in range(60)], abs=1e-4)

    async def test_another_rate_than_the_scene_s_is_refused(self) -> None:
        """30 is not 25."""
        async with serving() as mesh:
            video = media_pb2.VideoOutput(frame_rate=media_pb2.FrameRate(numerator=25, denominator=1))
            error = await failure(mesh.stub.GenerateAvatar(shown(ramp(5, rate=30), video)))

            assert list(error.fields) == ["performance.curves.header.frame_rate"]

    async def test_a_clip_of_more_than_a_minute_is_out_of_range(self) -> None:
        """1510 frames at 25 per second are too many."""
        async with serving() as mesh:
            clip = ramp(1000)
            clip.blocks.append(curve_block_message(CurveBlock(1000, np.zeros((510, CURVE_COUNT), np.float32))))

            assert (await failure(mesh.stub.GenerateAvatar(shown(clip)))).code == "OUT_OF_RANGE"

    @pytest.mark.parametrize(("width", "height"), [(513, 512), (512, 63), (1026, 512)])
    async def test_odd_and_extreme_sizes_are_refused(self, width: int, height: int) -> None:
        """Sides are even and between 64 and 1024."""
        async with serving() as mesh:
            error = await failure(
                mesh.stub.GenerateAvatar(shown(ramp(1), media_pb2.VideoOutput(width=width, height=height)))
            )

            assert error.code == "INVALID_ARGUMENT"
            assert any(field.startswith("scene.video.") for field in error.fields)

    async def test_other_sizes_are_cropped_and_scaled(self) -> None:
        """A wide picture has the wanted size and the middle of the frame."""
        async with serving() as mesh:
            video = media_pb2.VideoOutput(width=640, height=360, raw_frames=media_pb2.RawFrameOutput())
            frames = frames_of(await collect(mesh.stub.GenerateAvatar(shown(ramp(2), video))), 640, 360)

            assert frames[1][180, 320].tolist() == [255, 255, 255]

    @pytest.mark.parametrize("layout", ["PIXEL_FORMAT_NV12", "PIXEL_FORMAT_I420"])
    async def test_yuv_frames_have_their_planes(self, layout: str) -> None:
        """A white frame is luma 235 and neutral chroma in both layouts."""
        async with serving() as mesh:
            video = media_pb2.VideoOutput(width=64, height=64, raw_frames=media_pb2.RawFrameOutput(pixel_format=layout))
            clip = ramp(2)
            found = await collect(mesh.stub.GenerateAvatar(shown(clip, video)))
            last = np.frombuffer(found["frame"][-1].data, np.uint8)

            assert len(last) == 64 * 64 * 3 // 2
            assert abs(int(last[32 * 64 + 32]) - 235) <= 2 and abs(int(last[-1]) - 128) <= 2


class TestScene:
    """Who is shown before what."""

    async def test_the_photo_s_own_background_is_kept(self) -> None:
        """Without a wish the avatar's tensor is used."""
        async with serving() as mesh:
            frames = frames_of(await collect(mesh.stub.GenerateAvatar(shown(ramp(1), RAW))))

            assert frames[0][8, 8].tolist() == [1, 1, 1]

    async def test_a_colour_replaces_it(self) -> None:
        """#20c040 stands in the corner."""
        async with serving() as mesh:
            request = shown(ramp(1), RAW)
            request.scene.background.color = "#20c040"
            frames = frames_of(await collect(mesh.stub.GenerateAvatar(request)))

            assert frames[0][8, 8].tolist() == [0x20, 0xC0, 0x40]

    async def test_a_picture_replaces_it(self) -> None:
        """The middle of a wide PNG covers the frame; its left part, of another colour, is cut off."""
        async with serving() as mesh:
            picture = np.full((100, 300, 3), [200, 10, 30], np.uint8)
            picture[:, :90] = 0
            file = io.BytesIO()
            Image.fromarray(picture).save(file, "PNG")
            request = shown(ramp(1), RAW)
            request.scene.background.image.content = file.getvalue()
            frames = frames_of(await collect(mesh.stub.GenerateAvatar(request)))

            assert frames[0][8, CORNER_PX // 2].tolist() == [200, 10, 30]

    async def test_a_broken_picture_names_its_field(self) -> None:
        """Bytes that are no picture."""
        async with serving() as mesh:
            request = shown(ramp(1))
            request.scene.background.image.content = b"\x89PNG\r\n\x1a\nbroken"
            error = await failure(mesh.stub.GenerateAvatar(request))

            assert error.reason == "MEDIA_UNDECODABLE"
            assert any(field.startswith("scene.background.image") for field in error.fields)

    async def test_an_unknown_identity_is_not_found(self) -> None:
        """Identity's own status passes through, and nothing goes on."""
        async with serving() as mesh:
            request = spoken()
            request.scene.identity = "identities/nobody"
            error = await failure(mesh.stub.GenerateAvatar(request))
            await mesh.settled()

            assert (error.code, error.reason) == ("NOT_FOUND", "RESOURCE_NOT_FOUND")

    async def test_an_avatar_is_fetched_once_and_again_when_it_changed(self) -> None:
        """The second call sends the digest; a new avatar is noticed by the third."""
        async with serving() as mesh:
            for content in (avatar_bytes(1), avatar_bytes(1), avatar_bytes(2)):
                mesh.identity.content = content
                frames = frames_of(await collect(mesh.stub.GenerateAvatar(shown(ramp(1), RAW))))

            first, second, third = mesh.identity.known_digests
            assert first == "" and second == third != ""
            assert frames[0][8, 8].tolist() == [2, 2, 2]

    async def test_triton_gone_is_unavailable_with_a_hint(self) -> None:
        """The renderer goes away in the middle: UNAVAILABLE, the model's name, and when to come back."""
        async with serving() as mesh:
            mesh.renderer.error, mesh.renderer.fails_after = ModelUnavailable("renderer", "connection lost", 1.5), 3
            error = await failure(mesh.stub.GenerateAvatar(spoken()))
            await mesh.settled()

            assert (error.code, error.metadata["model"], error.retry_after_s) == ("UNAVAILABLE", "renderer", 1.5)

    async def test_a_deadline_ends_the_call(self) -> None:
        """A caller's deadline passes while the renderer hangs; everything below ends."""
        async with serving() as mesh:
            mesh.renderer.hold = asyncio.Event()
            error = await failure(mesh.stub.GenerateAvatar(spoken(), timeout=0.5))
            await mesh.settled()

            assert error.code == "DEADLINE_EXCEEDED"


class TestRenderCurves:
    """A stream of curves to a stream of pictures."""

    async def test_blocks_become_pictures_as_they_come(self) -> None:
        """After eight frames eight pictures are out, while the caller still sends."""
        async with serving() as mesh:
            call = mesh.stub.RenderCurves()
            await call.write(config(RAW))
            await call.write(block(0, 8, jaw=0.2))
            found = [await call.read()]
            while sum(r.frame.end_of_frame for r in found) < 8:
                found.append(await call.read())
            await call.write(block(8, 3, jaw=0.6))
            await call.done_writing()
            while not found[-1].HasField("summary"):
                found.append(await call.read())

            assert found[0].WhichOneof("response") == "header" and not found[0].header.HasField("audio_format")
            assert found[-1].summary.frame_count == 11 and sum(r.frame.end_of_frame for r in found) == 11

    async def test_channels_are_found_by_name(self) -> None:
        """Two named channels of an unnamed schema go to their places, all others rest."""
        async with serving() as mesh:
            header = curves_pb2.CurveHeader(
                channels=["TongueOut", "JawOpen"], frame_rate=media_pb2.FrameRate(numerator=25, denominator=1)
            )
            message = pb.RenderCurvesRequest(block=curves_pb2.CurveBlock(frame_count=1, values=[0.25, 0.75]))
            await collect(mesh.stub.RenderCurves(iter([config(RAW, header), message])))
            row = mesh.renderer.curves[0][0]

            assert row[JAW] == 0.75 and row[-1] == 0.25 and np.count_nonzero(row) == 2

    async def test_values_out_of_range_are_clamped_with_one_notice_each(self) -> None:
        """A curve, a yaw and a shift beyond their bounds: three notices, however often it happens."""
        async with serving() as mesh:
            wild = block(0, 2, jaw=1.5)
            for pose in wild.block.head_poses:
                pose.yaw_degrees, pose.x = -50, 1.0
            again = block(2, 2, jaw=2.0)
            found = await collect(mesh.stub.RenderCurves(iter([config(RAW), wild, again])))

            told = [dict(notice.metadata) for notice in found["notice"]]
            assert told == [{"channel": "JawOpen"}, {"field": "yaw_degrees"}, {"field": "x"}]
            assert mesh.renderer.curves[0][0, JAW] == 1.0
            assert mesh.renderer.poses[0][0].tolist() == [-20, 0, 0, 12, 0, 0]

    @pytest.mark.parametrize(
        ("requests", "reason", "named"),
        [
            (lambda: [block(0, 1)], "STREAM_OUT_OF_ORDER", "block"),
            (list, "STREAM_OUT_OF_ORDER", "end of stream"),
            (lambda: [config(), config()], "STREAM_OUT_OF_ORDER", "config"),
            (lambda: [config(), block(1, 1)], "FIELD_INVALID", "block.start_frame"),
            (lambda: [config(), block(0, 2), block(1, 1)], "FIELD_INVALID", "block.start_frame"),
            (lambda: [config()], "FIELD_INVALID", "block"),
            (lambda: [config(), block(0, 1, jaw=float("nan"))], "FIELD_INVALID", "block.values"),
            (lambda: [config(), _with(block(0, 2), "values")], "FIELD_INVALID", "block.values"),
            (lambda: [config(), _with(block(0, 2), "head_poses")], "FIELD_INVALID", "block.head_poses"),
            (lambda: [config(header=named("JawOpen", "Elbow"))], "FIELD_INVALID", "config.header.channels[1]"),
            (lambda: [config(header=curve_header_message(Fraction(5)))], "FIELD_INVALID", "config.header.frame_rate"),
        ],
        ids=[
            "no config", "nothing", "config twice", "gap at the start", "overlap", "no block", "not a number",
            "too few values", "too few poses", "unknown channel", "too slow",
        ],
    )  # fmt: skip
    async def test_streams_that_break_a_rule_are_refused(self, requests: Any, reason: str, named: str) -> None:
        """Each fault has its documented status and names the field."""
        async with serving() as mesh:
            error = await failure(mesh.stub.RenderCurves(iter(requests())))

            assert (error.code, error.reason) == ("INVALID_ARGUMENT", reason)
            assert any(field.startswith(named) for field in error.fields)

    async def test_a_stream_over_its_limit_is_out_of_range(self) -> None:
        """The service's limit is in seconds of pictures."""
        async with serving(longest_stream_s=1.0) as mesh:
            requests = [config(RAW), block(0, 20), block(20, 20)]

            assert (await failure(mesh.stub.RenderCurves(iter(requests)))).code == "OUT_OF_RANGE"

    async def test_a_silent_client_is_given_up(self) -> None:
        """No message for longer than allowed ends the call."""
        async with serving(idle_stream_s=0.2) as mesh:
            call = mesh.stub.RenderCurves()
            await call.write(config(RAW))
            error = await failure(call)

            assert (error.code, error.reason) == ("ABORTED", "CLIENT_STALLED")

    async def test_chunks_are_rendered_side_by_side_and_shown_in_order(self) -> None:
        """Two chunks at a time, no more."""
        async with serving() as mesh:
            mesh.renderer.delay_s = 0.01
            clip = ramp(80)
            requests = [config(RAW), pb.RenderCurvesRequest(block=clip.blocks[0])]
            frames = frames_of(await collect(mesh.stub.RenderCurves(iter(requests))))

            assert mesh.renderer.most_running == 2
            greys = [int(frame[256, 256, 0]) for frame in frames]
            assert greys == sorted(greys) and len(greys) == 80


def named(*channels: str) -> curves_pb2.CurveHeader:
    header = curve_header_message(Fraction(25))
    del header.channels[:]
    header.channels.extend(channels)
    return header


def _with(request: pb.RenderCurvesRequest, shortened: str) -> pb.RenderCurvesRequest:
    """Drops the last entry of a repeated field of the block."""
    del getattr(request.block, shortened)[-1]
    return request
