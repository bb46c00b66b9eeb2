"""RivaSpeechSynthesis: messages in, messages out; voices, limits and verbs are those of SpeechService."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from visage.runtime.audio import Encoding, encode_audio
from visage.runtime.errors import InvalidField
from visage.runtime.server import Servicer
from visage.speech.cloned_engine import ClonedEngine
from visage.speech.cloned_voices import ClonedVoices
from visage.speech.lexicon import Lexicon
from visage.speech.messages import Order, read_options
from visage.speech.ports import SpeechEngine
from visage.speech.riva.prompt_voices import PromptVoices
from visage.speech.riva.protos import FULL_NAME, PROTOS
from visage.speech.riva.requests import consent_of, in_riva_fields, read_dictionary, read_request
from visage.speech.riva.responses import config_message, response_message
from visage.speech.stream_speech import Document, Piece, Sound, stream_speech
from visage.speech.synthesize_speech import synthesize_speech
from visage.speech.utterance import Word
from visage.speech.voice_analysis import VoiceAnalysis
from visage.v1 import speech_service_pb2


@dataclass(frozen=True, slots=True)
class _Job:
    """A request as the verbs want it."""

    input: speech_service_pb2.SynthesisInput
    order: Order
    lexicon: Lexicon


class RivaServicer:
    """Implements `nvidia.riva.tts.RivaSpeechSynthesis`."""

    def __init__(
        self,
        voices: ClonedVoices,
        engines: Mapping[str, SpeechEngine],
        analysis: VoiceAnalysis,
        clones: ClonedEngine,
    ) -> None:
        """Takes what SpeechServicer takes, and the engine that speaks with the voices of prompts."""
        self._voices = voices
        self._engines = engines
        self._analysis = analysis
        self._clones = clones

    async def GetRivaSynthesisConfig(self, request: Any, context: Any) -> Any:
        """The voices by language."""
        return config_message(await self._voices.all(), request.model_name)

    async def Synthesize(self, request: Any, context: Any) -> Any:
        """A whole text at once."""
        async with self._prompts() as prompts:
            with in_riva_fields():
                job = await self._read(request, prompts)
                script, said = job.order.script(job.lexicon), job.input
                lines = script.document(said.ssml, "text") if said.ssml else [*script.text(said.text), *script.flush()]
                recording = await synthesize_speech(
                    lines, "text", job.order.delivery, job.order.encoding, self._engines
                )
        return response_message(request, recording.audio, request.text, recording.timing.words)

    async def SynthesizeOnline(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Text after text, each spoken by clause."""
        spoken_s = 0.0
        async with self._prompts() as prompts:
            async for request in requests:
                with in_riva_fields():
                    job = await self._read(request, prompts, is_stream=True)
                    async with aclosing(self._speak(request, job, spoken_s)) as responses:
                        async for duration_s, response in responses:
                            spoken_s += duration_s
                            yield response

    async def _speak(self, request: Any, job: _Job, start_s: float) -> AsyncGenerator[tuple[float, Any], None]:
        """Yields the responses to one request of a stream with the seconds that each sounds; the first has the text."""
        delivery, encoding = job.order.delivery, job.order.encoding
        rate_hz = delivery.sample_rate_hz
        text = request.text
        words: list[Word] = []
        script = job.order.script(job.lexicon)
        async with aclosing(stream_speech(_pieces(job.input), script, delivery, self._engines)) as parts:
            async for part in parts:
                if not isinstance(part, Sound):
                    words += part.moved(start_s).words
                    continue
                sound = encode_audio(part.samples, rate_hz, encoding)
                yield len(part.samples) / rate_hz, response_message(request, sound, text, words)
                text, words = "", []

    async def _read(self, request: Any, prompts: PromptVoices, *, is_stream: bool = False) -> _Job:
        ours = read_request(request)
        catalogue = await self._voices.for_voice(ours.options.voice)
        order = read_options(ours.options, "options", catalogue, Encoding.LINEAR16)
        if is_stream:
            _check_streams(order.encoding)
        lexicon = read_dictionary(request.custom_dictionary)
        if request.HasField("zero_shot_data"):
            consent_of(request)
            candidates = self._analysis.candidates(ours.options.voice, ours.options.language_code)
            voice = await prompts.get(request.zero_shot_data.audio_prompt, candidates)
            delivery = replace(order.delivery, voice=voice)
            order = replace(order, delivery=delivery, speakers=replace(order.speakers, voice=voice))
        return _Job(ours.input, order, lexicon)

    def _prompts(self) -> PromptVoices:
        return PromptVoices(self._analysis.creations, self._clones)


def riva_service(servicer: RivaServicer) -> Servicer:
    """Returns the service as the server wants it; reflection does not list it."""
    return PROTOS.servicer(FULL_NAME, servicer)


async def _pieces(said: speech_service_pb2.SynthesisInput) -> AsyncIterator[Piece]:
    yield Document(said.ssml) if said.ssml else said.text


def _check_streams(encoding: Encoding) -> None:
    if not encoding.is_raw:
        carried = "LINEAR_PCM, MULAW, ALAW"
        raise InvalidField("encoding", f"streams carry {carried}; Synthesize has FLAC and OGGOPUS, too", limit=carried)
