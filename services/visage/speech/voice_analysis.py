"""AlignSpeech, CreateVoice and DeleteVoice: messages in, messages out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from google.longrunning import operations_pb2

from visage.media.pcm import FloatPcm
from visage.runtime.assets import AssetStore, load_media
from visage.runtime.errors import InvalidField, ResourceExists, ResourceNotFound, ResourceNotReady
from visage.speech.align_speech import Alignment, AlignSpeech
from visage.speech.alignment_messages import alignment_message, read_alignment_config, read_audio
from visage.speech.cloned_voices import ClonedVoices
from visage.speech.voice_creations import NewVoice, VoiceCreations
from visage.speech.voice_operations import VoiceOperations
from visage.speech.voice_records import VOICE_PREFIX
from visage.speech.voice_store import VoiceStore
from visage.speech.voices import DEFAULT_LANGUAGE, Voice
from visage.v1 import speech_alignment_pb2, voice_cloning_pb2

MAX_SAMPLE_BYTES: Final = 20 * 1024 * 1024
# Languages have up to a dozen basic voices, which differ little.
_MOST_CANDIDATES: Final = 8


@dataclass(frozen=True)
class VoiceAnalysis:
    """The half of the speech service that listens."""

    aligner: AlignSpeech
    voices: ClonedVoices
    store: VoiceStore
    creations: VoiceCreations
    operations: VoiceOperations
    assets: AssetStore

    async def align(
        self, requests: AsyncIterator[speech_alignment_pb2.AlignSpeechRequest]
    ) -> speech_alignment_pb2.AlignSpeechResponse:
        """Times a recording."""
        config = await read_alignment_config(requests)
        voice = self.voices.installed.choose("", config.language_code, "config.language_code")
        samples = await read_audio(requests, config.audio_format)
        return alignment_message(await self._timed(samples, config.transcript, voice))

    async def _timed(self, samples: FloatPcm, transcript: str, voice: Voice) -> Alignment:
        if not transcript:
            return await self.aligner.freely(samples)
        return await self.aligner.with_transcript(samples, transcript, "config.transcript", voice)

    async def create(self, request: voice_cloning_pb2.CreateVoiceRequest) -> operations_pb2.Operation:
        """Begins a creation."""
        if self.voices.is_provided(VOICE_PREFIX + request.voice_id):
            raise ResourceExists("voice", VOICE_PREFIX + request.voice_id)
        wanted = NewVoice(
            voice_id=request.voice_id,
            request_id=request.request_id,
            display_name=request.display_name,
            consent_reference=request.consent_reference,
            candidates=self.candidates(request.base_voice, request.language_code),
            strength=request.strength if request.HasField("strength") else None,
            load_sample=partial(load_media, request.sample, "sample", self.assets, MAX_SAMPLE_BYTES),
            sample_field="sample",
        )
        return await self.operations.view(await self.creations.begin(wanted))

    def candidates(self, base_voice: str, language: str) -> list[Voice]:
        """Returns the installed voice that was asked for, or the most natural ones of a language.

        Raises:
            InvalidField: No such installed voice, or none that speaks the language.
        """
        if base_voice:
            if not self.voices.is_installed(base_voice):
                raise InvalidField("base_voice", f"{base_voice} is not an installed voice; ListVoices lists them")
            return [self.voices.installed.choose(base_voice, language, "language_code")]
        first = self.voices.installed.choose("", language, "language_code")
        found, _ = self.voices.installed.page(language or DEFAULT_LANGUAGE, 1000, "")
        natural = [voice for voice in found if voice.tier == first.tier]
        return ([first, *(voice for voice in natural if voice != first)])[:_MOST_CANDIDATES]

    async def delete(self, request: voice_cloning_pb2.DeleteVoiceRequest) -> None:
        """Deletes a cloned voice; one that is being made is cancelled."""
        if self.voices.is_provided(request.name):
            raise ResourceNotReady("voice", request.name, "INSTALLED")
        try:
            record = await self.store.get(request.name.removeprefix(VOICE_PREFIX))
        except ResourceNotFound:
            if request.allow_missing:
                return
            raise
        await self.creations.jobs.cancel(record.operation_id)
        await self.store.erase(record.voice_id, record.uid)
        await self.store.operations.delete(record.operation_id)
        await self.voices.look(0.0)
