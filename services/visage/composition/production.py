"""From a driver's curves to the parts of a stream: render in chunks, several in flight, and deliver in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from visage.composition.chunks import Chunk, Chunker
from visage.composition.deliveries import Delivery, open_delivery
from visage.composition.drivers import Driver
from visage.composition.flow import Channel
from visage.composition.inspection import Inspection
from visage.composition.notices import ClampNotices
from visage.composition.ports import Avatars, Faces, MediaReader, PictureDecoder, Renderer, RenderSession
from visage.composition.remainder import FROM_THE_START, Remainder, ResumePoint, blank_frames
from visage.composition.scene_limits import limit_scene
from visage.composition.shots import Shot, plan_shot
from visage.composition.stages import Deadline, Lead, Run, StageClock
from visage.composition.values import Avatar, ClipQuality, Delivered, Frames, Look, Part, Scene, Segment, Summary
from visage.media.curves import CurveBlock
from visage.media.frames import Picture
from visage.runtime.errors import InvalidField

_Rendered = tuple[asyncio.Task[Frames], int]
_Stage = asyncio.Task[tuple[Avatar, Shot]]


@dataclass(frozen=True, slots=True)
class Studio:
    """What every production needs.

    Attributes:
        chunks_in_flight: Chunks of one stream that the renderer may have at a time.
        render_limit_s: Seconds one chunk may take.
        quality_limit_s: Seconds that measuring a complete clip may take.
    """

    avatars: Avatars
    renderer: Renderer
    media: MediaReader
    pictures: PictureDecoder
    faces: Faces
    chunks_in_flight: int = 2
    render_limit_s: float = 20.0
    quality_limit_s: float = 30.0


class Production:
    """One stream of pictures."""

    def __init__(
        self,
        studio: Studio,
        scene: Scene,
        deadline_s: float,
        include_quality: bool = False,
        resume: ResumePoint = FROM_THE_START,
    ) -> None:
        """Starts the call's clock; raises InvalidField for a scene that cannot be."""
        self._resume = resume
        self._inspection = Inspection(studio.renderer, studio.faces, scene.identity) if include_quality else None
        self._studio = studio
        self._scene, self._clamped = limit_scene(scene)
        self._deadline = Deadline(deadline_s)
        self._started_s = time.perf_counter()
        # Taken before a chunk is sent, free again when its pictures start to go out: a slow reader stops the renderer.
        self._places = asyncio.Semaphore(studio.chunks_in_flight)
        self._first_frame_s: float | None = None

    async def run(self, performer: Driver, outlet: Channel[Part]) -> None:
        """Puts header, parts and summary of a performance into `outlet`; whatever fails ends everything."""
        run = Run(outlet, StageClock(), Lead(), self._deadline)
        notices = ClampNotices(outlet)
        chunker = Chunker(performer.frame_rate, notices, self._scene.camera.orbit)
        blocks: Channel[CurveBlock] = Channel(2)
        rendered: Channel[_Rendered] = Channel(self._studio.chunks_in_flight)
        left = Remainder(self._resume, self._scene.video, performer.frame_rate)
        async with asyncio.TaskGroup() as group:
            stage = group.create_task(self._set_stage())
            async with (
                performer.open(run) as driver,
                open_delivery(self._scene.video, performer.frame_rate, driver.soundtrack) as delivery,
            ):
                await outlet.put(delivery.header)
                for field in self._clamped:
                    await notices.tell("field", field)
                async with asyncio.TaskGroup() as stages:
                    stages.create_task(driver.perform(blocks))
                    stages.create_task(self._render(stage, chunker.chunks(blocks), rendered, run, notices, left))
                    stages.create_task(self._deliver(stage, rendered, delivery, run, left))
            if not delivery.frame_count:
                raise InvalidField(performer.field, "must hold at least one frame", 1)

    async def _set_stage(self) -> tuple[Avatar, Shot]:
        """Returns who is to be shown, and how."""
        image: Picture | None = None
        if self._scene.background is not None and not isinstance(self._scene.background, str):
            field = "scene.background.image"
            content = await self._studio.media.read(self._scene.background, field)
            image = await self._studio.pictures.decode(content, field)
        avatar = await self._studio.avatars.get(self._scene.identity)
        return avatar, await asyncio.to_thread(plan_shot, self._scene, avatar.tensors, image)

    async def _render(
        self,
        stage: _Stage,
        chunks: AsyncIterator[Chunk],
        rendered: Channel[_Rendered],
        run: Run,
        notices: ClampNotices,
        left: Remainder,
    ) -> None:
        avatar, shot = await stage
        for field in shot.clamped:
            await notices.tell("field", field)
        async with self._studio.renderer.open(avatar, shot.look) as session, asyncio.TaskGroup() as group:
            start = 0
            async for chunk in chunks:
                if self._inspection is not None:
                    self._inspection.see(chunk.curves[: chunk.frame_count], chunk.poses[: chunk.frame_count])
                await self._places.acquire()
                is_unseen = left.is_unseen(start, chunk.frame_count)
                start += chunk.frame_count
                work = _blank(shot.look) if is_unseen else self._render_chunk(session, chunk, run)
                task = group.create_task(work)
                await rendered.put((task, chunk.frame_count))
            rendered.close()

    async def _render_chunk(self, session: RenderSession, chunk: Chunk, run: Run) -> Frames:
        with run.clock.busy("render"):
            deadline_s = run.deadline.remaining_s(self._studio.render_limit_s)
            return await session.render(chunk.curves, chunk.poses, deadline_s)

    async def _deliver(
        self, stage: _Stage, rendered: Channel[_Rendered], delivery: Delivery, run: Run, left: Remainder
    ) -> None:
        avatar, shot = await stage
        async for task, frame_count in rendered:
            frames = await task
            self._places.release()
            for frame in frames[:frame_count]:
                with run.clock.busy("encode"):
                    parts = await delivery.add(frame, shot.framer)
                await self._put(filter(left.wants, parts), run)
                run.lead.deliver_up_to(float(delivery.delivered_s))
        if not delivery.frame_count:
            return
        with run.clock.busy("encode"):
            parts = await delivery.finish()
        await self._put(filter(left.wants, parts), run)
        quality: ClipQuality | None = None
        if self._inspection is not None:
            limit_s = run.deadline.remaining_s(self._studio.quality_limit_s)
            with run.clock.busy("quality"):
                quality = await self._inspection.conclude(avatar, shot.look.light, run.outlet, limit_s)
        totals = delivery.frame_count, delivery.delivered_s, self._first_frame_s or 0.0, run.clock.seconds
        await run.outlet.put(Summary(*totals, quality))

    async def _put(self, parts: Iterable[Delivered], run: Run) -> None:
        for part in parts:
            is_init = isinstance(part, Segment) and part.number == 0
            if self._first_frame_s is None and not is_init:
                self._first_frame_s = time.perf_counter() - self._started_s
            await run.outlet.put(part)


async def _blank(look: Look) -> Frames:
    return blank_frames(look)
