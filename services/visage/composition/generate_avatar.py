"""The verb behind GenerateAvatar: text, a recording, a film or curves to pictures with sound, as they are made."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from visage.composition.drivers import ClipDriver, Driver, SoundDriver
from visage.composition.film_driver import FilmDriver
from visage.composition.flow import Channel, stream
from visage.composition.frame_rates import agreed_frame_rate, scene_frame_rate
from visage.composition.ports import Animation, SoundDecoder, Speech
from visage.composition.production import Production, Studio
from visage.composition.remainder import FROM_THE_START, ResumePoint
from visage.composition.speech_driver import SpeechDriver
from visage.composition.values import Part, Scene
from visage.media.portrait import FRAMES_PER_ITEM
from visage.runtime.errors import InvalidField, StreamTooLong
from visage.runtime.styled_controls import styled_controls
from visage.runtime.wire import read_curve_clip
from visage.v1 import composition_service_pb2


@dataclass(frozen=True, slots=True)
class GenerateAvatar:
    """Generates whole performances.

    Attributes:
        studio: Renders and delivers.
        speech: Speaks texts.
        animation: Makes curves of sound.
        sounds: Decodes recordings.
        max_clip_s: Longest clip of curves in seconds.
        sound_lead_s: Seconds that sound may be ahead of the pictures, beside what is in the renderer's hands.
    """

    studio: Studio
    speech: Speech
    animation: Animation
    sounds: SoundDecoder
    max_clip_s: float = 60.0
    sound_lead_s: float = 3.0

    def __call__(
        self,
        scene: Scene,
        performance: composition_service_pb2.Performance,
        include_curves: bool,
        include_timing: bool,
        deadline_s: float,
        include_quality: bool = False,
        resume: ResumePoint = FROM_THE_START,
    ) -> AsyncGenerator[Part, None]:
        """Yields the parts of the stream.

        Args:
            scene: Who, where, how big.
            performance: What drives the avatar.
            include_curves: Also yield curves.
            include_timing: Also yield the timed transcript.
            deadline_s: Seconds for all of it.
            include_quality: Also measure the clip, into its summary.
            resume: After what the caller has of an earlier stream of the same request.

        Raises:
            InvalidField: The performance breaks a rule.
        """

        async def produce(outlet: Channel[Part]) -> None:
            # The call's clock starts with the production, which therefore comes first.
            production = Production(self.studio, scene, deadline_s, include_quality, resume)
            driver = await self._driver(scene, performance, include_curves, include_timing)
            await production.run(driver, outlet)

        return stream(produce)

    async def _driver(
        self,
        scene: Scene,
        performance: composition_service_pb2.Performance,
        include_curves: bool,
        include_timing: bool,
    ) -> Driver:
        kind = performance.WhichOneof("driver")
        field = f"performance.{kind}"
        if kind == "curves":
            clip = read_curve_clip(performance.curves, field)
            agreed_frame_rate(scene, clip.frame_rate, f"{field}.header.frame_rate")
            if clip.duration_s > self.max_clip_s:
                raise StreamTooLong(f"{self.max_clip_s:g} s", f"{clip.duration_s:.1f} s")
            return ClipDriver(clip, field, include_curves)
        frame_rate = scene_frame_rate(scene)
        # What the renderer has in hand must not use up the lead, or low frame rates would stall.
        lead_s = self.sound_lead_s + (self.studio.chunks_in_flight + 2) * float(FRAMES_PER_ITEM / frame_rate)
        if kind == "audio":
            content = await self.studio.media.read(performance.audio, field)
            sound = await self.sounds.decode(content, field)
            return SoundDriver(self.animation, sound, frame_rate, field, performance.controls, include_curves, lead_s)
        if kind == "driving_video":
            content = await self.studio.media.read(performance.driving_video, field)
            film_sound = await self.sounds.decode_film(content, field)
            controls, driving = performance.controls, performance.driving
            return FilmDriver(self.animation, content, film_sound, frame_rate, field, controls, driving, include_curves)
        text, ssml = performance.speech.text, performance.speech.ssml
        if not ssml and not any(character.isalnum() for character in text):
            raise InvalidField(f"{field}.text", "must hold at least one letter or digit")
        return SpeechDriver(
            self.speech,
            self.animation,
            text,
            performance.synthesis,
            frame_rate,
            f"{field}.ssml" if ssml else f"{field}.text",
            styled_controls(performance.controls, performance.synthesis.style),
            include_curves,
            include_timing,
            lead_s,
            ssml,
        )
