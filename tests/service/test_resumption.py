"""Streams that end early go on elsewhere: every frame once, none left out."""

from __future__ import annotations

import asyncio
import io
from fractions import Fraction
from typing import Any

import av
import grpc.aio
import numpy as np
import pytest

from tests.fakes.composition_mesh import collect, failure, serving
from tests.fakes.composition_requests import RAW, block, config, ramp, shown
from visage.client import AsyncVisage, ClientSettings
from visage.client import errors as client_errors
from visage.composition.remainder import first_frame_of
from visage.media.timeline import Timeline
from visage.runtime.errors import ModelUnavailable
from visage.v1 import composition_service_pb2 as pb

pytestmark = pytest.mark.service

FRAMES = 100
SENTENCES = "One is here. Two are here. Three are here. "


def spoken(video: Any = None) -> pb.GenerateAvatarRequest:
    request = pb.GenerateAvatarRequest(
        scene=pb.Scene(identity="identities/anna", video=video), include_curves=True, include_timing=True
    )
    request.performance.speech.text = SENTENCES
    return request


def resumed(request: pb.GenerateAvatarRequest, **point: int) -> pb.GenerateAvatarRequest:
    copy = pb.GenerateAvatarRequest()
    copy.CopyFrom(request)
    copy.resume.CopyFrom(pb.ResumePoint(**point))
    return copy


def luma(data: bytes) -> list[float]:
    """Mean brightness of each picture of an MP4, in the order of their times."""
    with av.open(io.BytesIO(data)) as file:
        pictures = [(frame.pts * frame.time_base, frame.to_ndarray().mean()) for frame in file.decode(video=0)]
    times = [time for time, _ in pictures]
    assert times == sorted(times)
    return [mean for _, mean in pictures]


class TestServer:
    """What a replica makes of a resume point."""

    async def test_an_mp4_goes_on_with_the_fragment_that_is_wanted(self) -> None:
        """The first part's bytes and the second's make one film with the pictures of the undivided one."""
        async with serving() as mesh:
            whole = await collect(mesh.stub.GenerateAvatar(shown(ramp(FRAMES))))
            rendered = mesh.renderer.chunks
            rest = await collect(mesh.stub.GenerateAvatar(resumed(shown(ramp(FRAMES)), next_segment=4)))
            begun = [part.data for part in whole["fragment"] if part.sequence_number < 4]
            film = luma(b"".join([*begun, *(part.data for part in rest["fragment"])]))
            expected = luma(b"".join(part.data for part in whole["fragment"]))

            assert rest["fragment"][0].sequence_number == 4
            assert np.allclose(film, expected, atol=1.0) and len(film) == FRAMES
            assert mesh.renderer.chunks - rendered < rendered
            assert rest["summary"][0].frame_count == FRAMES
            assert rest["header"] == whole["header"]

    @pytest.mark.parametrize("point", [1, 8, 13, 74, 75, 90])
    async def test_raw_frames_and_sound_go_on_with_the_frame_that_is_wanted(self, point: int) -> None:
        """What comes is byte for byte the end of the undivided stream, from the frame's own sound on."""
        async with serving() as mesh:
            whole = await collect(mesh.stub.GenerateAvatar(spoken(RAW)))
            rest = await collect(mesh.stub.GenerateAvatar(resumed(spoken(RAW), next_frame=point)))
            sound = b"".join(chunk.data for chunk in whole["audio"])
            rest_of_sound = b"".join(chunk.data for chunk in rest.get("audio", []))
            wanted = [part for part in whole["frame"] if part.frame_index >= point]

            assert rest.get("frame", []) == wanted
            assert sound[min(point, 75) * 2 * 640 :] == rest_of_sound

    async def test_curves_that_are_sent_again_go_on(self) -> None:
        """RenderCurves takes a point in its config; the blocks come from frame 0 all the same."""
        async with serving() as mesh:
            first = config(RAW)
            first.config.resume.next_frame = 20
            call = mesh.stub.RenderCurves(iter([first, *(block(start, 8) for start in range(0, 32, 8))]))
            found = await collect(call)

            assert [part.frame_index for part in found["frame"]] == list(range(20, 32))

    async def test_a_negative_point_is_refused(self) -> None:
        """The field is named."""
        async with serving() as mesh:
            refused = await failure(mesh.stub.GenerateAvatar(resumed(shown(ramp(8)), next_frame=-1)))

            assert refused.code == "INVALID_ARGUMENT" and "resume.next_frame" in refused.fields

    async def test_a_model_that_goes_away_leaves_a_resume_point(self) -> None:
        """UNAVAILABLE in the middle names the frame that comes next."""
        async with serving() as mesh:
            mesh.renderer.error, mesh.renderer.fails_after = ModelUnavailable("renderer", retry_after_s=1.0), 3
            seen = 0
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for response in mesh.stub.GenerateAvatar(shown(ramp(FRAMES), RAW)):
                    seen += response.HasField("frame")
            error = client_errors.from_rpc(caught.value)

            assert error.metadata["next_frame"] == str(seen) and seen > 0


@pytest.mark.parametrize("rate", [10, 25, 30, 60])
def test_fragments_start_where_the_writer_starts_them(rate: int) -> None:
    """Segment 1 starts with frame 0, segment 2 behind the short first fragment, the others by the clock."""
    timeline, duration_s = Timeline(Fraction(rate)), Fraction(1, 2)
    starts = [first_frame_of(segment, timeline, duration_s) for segment in range(1, 6)]

    assert starts[0] == first_frame_of(0, timeline, duration_s) == 0
    assert starts == sorted(set(starts))
    assert all(timeline.starts_fragment(start, duration_s) or start == 7 for start in starts)


class TestDrain:
    """What a service does to a stream when it has to go."""

    async def test_a_stream_ends_with_its_resume_point(self) -> None:
        """UNAVAILABLE, the reason DRAINING, RetryInfo, and the number of the fragment that comes next."""
        async with serving(drain_grace_s=3.0) as mesh:
            mesh.renderer.delay_s = 0.05
            call = mesh.stub.GenerateAvatar(shown(ramp(1000)))
            numbers: list[int] = []
            draining: asyncio.Task[None] | None = None
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for response in call:
                    if response.HasField("fragment"):
                        numbers.append(response.fragment.sequence_number)
                    if draining is None and len(numbers) == 3:
                        assert mesh.running is not None
                        draining = asyncio.create_task(mesh.running.drain())
            error = client_errors.from_rpc(caught.value)
            assert draining is not None
            await draining

            assert isinstance(error, client_errors.Unavailable)
            assert (error.reason, error.metadata) == ("DRAINING", {"next_segment": str(numbers[-1] + 1)})
            assert error.retry_after_s

    async def test_a_stream_that_nobody_reads_ends_too(self) -> None:
        """One that waits for its reader is ended within the grace like any other."""
        async with serving(drain_grace_s=0.5) as mesh:
            call = aiter(mesh.stub.GenerateAvatar(shown(ramp(1000), RAW)))
            await anext(call)
            await asyncio.sleep(0.3)
            assert mesh.running is not None
            await mesh.running.drain()
            refused = await failure(call)

            assert refused.code == "UNAVAILABLE"

    async def test_a_stream_that_is_nearly_done_is_let_finish(self) -> None:
        """What ends within the grace ends well."""
        async with serving(drain_grace_s=20.0) as mesh:
            call = aiter(mesh.stub.GenerateAvatar(shown(ramp(40))))
            await anext(call)
            assert mesh.running is not None
            draining = asyncio.create_task(mesh.running.drain())
            found = await collect(call)
            await draining

            assert found["summary"][0].frame_count == 40


class TestClient:
    """The Python client goes on by itself."""

    @pytest.mark.parametrize("video", [None, RAW], ids=["mp4", "raw"])
    async def test_a_stream_moves_to_another_replica(self, video: Any) -> None:
        """One of two replicas drains in the middle: all messages come once, as from one replica."""
        async with serving(drain_grace_s=0.3) as first, serving(drain_grace_s=0.3) as second:
            replicas = {mesh.running.address: mesh for mesh in (first, second) if mesh.running is not None}
            whole = await collect(first.stub.GenerateAvatar(spoken(video)))
            for mesh in replicas.values():
                mesh.renderer.delay_s = 0.05
                mesh.speech.spoken_s = 0.0
            settings = ClientSettings(composition_address=f"ipv4:{','.join(replicas)}", patience_s=20.0)
            found: dict[str, list[Any]] = {}
            draining: asyncio.Task[None] | None = None
            async with AsyncVisage(settings) as visage:
                async for response in visage.generation.stream(spoken(video)):
                    kind = response.WhichOneof("response")
                    found.setdefault(kind, []).append(getattr(response, kind))
                    if draining is None and len(found.get("fragment", found.get("frame", []))) == 4:
                        serving_one = next(mesh for mesh in replicas.values() if mesh.running_calls)
                        assert serving_one.running is not None
                        draining = asyncio.create_task(serving_one.running.drain())
            assert draining is not None
            await draining

            for kind in ("header", "curve_header", "curves", "timing", "audio"):
                assert found.get(kind) == whole.get(kind), kind
            if video is RAW:
                assert found["frame"] == whole["frame"]
            else:
                pictures = luma(b"".join(part.data for part in found["fragment"]))
                expected = luma(b"".join(part.data for part in whole["fragment"]))
                assert np.allclose(pictures, expected, atol=1.0) and len(pictures) == 75
            assert first.renderer.chunks and second.renderer.chunks

    async def test_a_full_replica_passes_a_caller_on(self) -> None:
        """With one place each, two streams run on two replicas, whichever is asked first; a third one is refused."""
        async with serving(stream_capacity=1) as first, serving(stream_capacity=1) as second:
            replicas = [mesh.running.address for mesh in (first, second) if mesh.running is not None]
            for mesh in (first, second):
                mesh.renderer.hold = asyncio.Event()
            settings = ClientSettings(composition_address=f"ipv4:{','.join(replicas)}")
            async with AsyncVisage(settings) as visage:
                streams = [visage.generation.stream(shown(ramp(40))) for _ in range(2)]
                for stream in streams:
                    await anext(stream)
                with pytest.raises(client_errors.Busy):
                    await anext(visage.generation.stream(shown(ramp(40))))
                running = (first.running_calls, second.running_calls)
                for mesh in (first, second):
                    assert mesh.renderer.hold is not None
                    mesh.renderer.hold.set()
                kinds = [[item.WhichOneof("response") async for item in stream][-1] for stream in streams]

            assert running == (1, 1)
            assert kinds == ["summary", "summary"]

    async def test_patience_has_an_end(self) -> None:
        """Without any replica left, the caller gets UNAVAILABLE after its patience."""
        async with serving(drain_grace_s=0.1) as mesh:
            assert mesh.running is not None
            mesh.renderer.delay_s = 0.05
            settings = ClientSettings(composition_address=mesh.running.address, patience_s=0.5)
            async with AsyncVisage(settings) as visage:
                draining: asyncio.Task[None] | None = None
                with pytest.raises(client_errors.Unavailable):
                    async for _ in visage.generation.stream(shown(ramp(1000))):
                        draining = draining or asyncio.create_task(mesh.running.drain())
            assert draining is not None
            await draining
