"""The Piper engine: VITS voices that lie in Triton's model repository. espeak-ng's process turns text into phonemes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from visage.media.pcm import FloatPcm
from visage.runtime import logs
from visage.runtime.errors import ModelUnavailable
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.errors import ModelError, ModelFailed
from visage.runtime.triton.signature import Array, ModelSignature, TensorSpec
from visage.runtime.triton.vits_graph import NotAVoice
from visage.runtime.triton.voice_files import PAD, VOICE_PARAMETER, VoiceFile, read_voice_file
from visage.speech.analysis_ports import FloatArray
from visage.speech.engines.piper_text import SpelledText, spell
from visage.speech.engines.worker_pool import WorkerPool
from visage.speech.ports import NO_PRONUNCIATIONS
from visage.speech.prosody import Prosody, semitones_to_factor
from visage.speech.psola import change_pitch_and_duration
from visage.speech.utterance import Utterance
from visage.speech.voices import Gender, Tier, Voice

_log = logs.get(__name__)
# Calls of the same padded length can share an execution.
_ID_STEP: Final = 64
_UNKNOWN_LICENSE: Final = "LicenseRef-unknown"
_LONGEST_NAME: Final = 64
_PROBE_COUNT: Final = 3


@dataclass(frozen=True, slots=True)
class _Model:
    """A voice as Triton announces it: its file, and the espeak-ng voice that reads for it."""

    name: str
    announced: str
    file: VoiceFile
    reader: str

    @property
    def signature(self) -> ModelSignature:
        speaker = (TensorSpec("speaker", "INT64", (1,)),) if self.file.speakers else ()
        return ModelSignature(
            self.name,
            (
                TensorSpec("ids", "INT64", (-1,)),
                TensorSpec("lengths", "INT64", (1,)),
                TensorSpec("prosody", "FP32", (3,)),
                *speaker,
            ),
            (TensorSpec("audio", "FP32", (-1,)), TensorSpec("durations", "FP32", (-1,))),
        )


class PiperEngine:
    """Implements `visage.speech.ports.VisitingEngine`."""

    name = "piper"

    def __init__(self, client: TritonClient, espeak: WorkerPool, limit_s: float) -> None:
        """Makes the engine; the client and the processes of espeak-ng are the caller's to close."""
        self._client = client
        self._espeak = espeak
        self._limit_s = limit_s
        self._models: dict[str, _Model] = {}
        self._voices: dict[str, tuple[Voice, str, int]] = {}
        self._refused: dict[str, str] = {}
        self._readers: dict[str, str] | None = None

    async def open(self) -> Sequence[Voice]:
        """Returns no voice: they come and go with Triton's repository, see `look`."""
        return []

    async def look(self) -> Sequence[Voice]:
        """Returns the voices that Triton serves now; those it served last while it is away."""
        try:
            announced = await self._client.find_models(VOICE_PARAMETER)
        except ModelError as error:
            _log.debug("piper_voices_not_listed", cause=str(error))
            return self._found()
        for name in set(self._models) - set(announced):
            del self._models[name]
        for name, text in announced.items():
            known = self._models.get(name)
            if (known is None or known.announced != text) and self._refused.get(name) != text:
                await self._meet(name, text)
        self._voices = {}
        for model in self._models.values():
            for speaker, number in (model.file.speakers or {"": 0}).items():
                voice = _voice(model, speaker, number, self._voices)
                self._voices[voice.name] = (voice, model.name, number)
        return self._found()

    def _found(self) -> list[Voice]:
        return [voice for voice, _, _ in self._voices.values()]

    async def speak(
        self, text: str, voice: Voice, prosody: Prosody, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS
    ) -> Utterance:
        """Speaks one clause. Raises ModelError, too."""
        _, name, speaker = self._voices.get(voice.name, (voice, "", 0))
        model = self._models.get(name)
        if model is None:
            raise ModelUnavailable(voice.name)
        request = {"only_phonemes": True, "text": text, "voice": model.reader, "pronunciations": dict(pronunciations)}
        answer, _ = await self._espeak.ask(request)
        if "refused" in answer:
            raise ModelUnavailable(self.name, answer["refused"])
        file = model.file
        spelled = spell(text, answer["groups"], answer["positions"], file.phoneme_id_map, file.clusters)
        samples, durations_s = await self._run(model, spelled, speaker, prosody.rate)
        rate_hz = file.audio.sample_rate
        factor = semitones_to_factor(prosody.pitch_semitones)
        if factor != 1.0:
            samples = await asyncio.to_thread(change_pitch_and_duration, samples, rate_hz, factor, 1.0)
        return Utterance(samples, rate_hz, spelled.timing(text, durations_s))

    async def close(self) -> None:
        """Does nothing: it owns neither the client nor the processes."""

    async def _run(self, model: _Model, spelled: SpelledText, speaker: int, rate: float) -> tuple[FloatPcm, FloatArray]:
        """The sound, and the seconds of each id."""
        frames, audio = await self._infer(model, spelled.ids, speaker, rate)
        count = round(float(frames.sum())) * model.file.hop_length
        if len(audio) < count:
            raise ModelFailed(model.name, f"{len(audio)} samples of sound are fewer than its durations, {count}")
        durations_s = frames * (model.file.hop_length / model.file.audio.sample_rate)
        return np.ascontiguousarray(audio[:count], np.float32), durations_s

    async def _infer(
        self, model: _Model, ids: Sequence[int], speaker: int, rate: float
    ) -> tuple[FloatArray, FloatArray]:
        """Frames of each id, and the sound: longer than the frames if it shared a batch with a longer one."""
        scales, count = model.file.inference, len(ids)
        filling = model.file.phoneme_id_map[PAD][:1] * (-count % _ID_STEP)
        inputs: dict[str, Array] = {
            "ids": np.array([[*ids, *filling]], np.int64),
            "lengths": np.array([[count]], np.int64),
            "prosody": np.array([[scales.noise_scale, scales.length_scale / rate, scales.noise_w]], np.float32),
        }
        if model.file.speakers:
            inputs["speaker"] = np.array([[speaker]], np.int64)
        answer = await self._client.infer(model.signature, inputs, deadline_s=self._limit_s)
        return answer["durations"][0, :count].astype(np.float64), answer["audio"][0]

    async def _meet(self, name: str, announced: str) -> None:
        """Takes a voice in, or says once why not."""
        try:
            file = read_voice_file(announced)
            model = _Model(name, announced, file, await self._reader(file.espeak.voice))
            await self._client.check([model.signature])
            await self._probe(model)
        except (NotAVoice, ModelUnavailable) as error:
            self._refused[name] = announced
            _log.error("piper_voice_refused", voice=name, cause=str(error))
        except ModelError as error:
            # It may be there when asked again.
            _log.warning("piper_voice_not_ready", voice=name, cause=str(error))
        else:
            self._models[name] = model
            self._refused.pop(name, None)
            _log.info("piper_voice_found", voice=name)

    async def _probe(self, model: _Model) -> None:
        """Warms the model up, and compares its sound with the hop length that its file names. Raises NotAVoice."""
        signs = list(model.file.phoneme_id_map.values())
        ids = [number for numbers in signs[:16] for number in numbers]
        for _ in range(_PROBE_COUNT):
            frames, audio = await self._infer(model, ids, 0, 1.0)
            samples, count = len(audio), round(float(frames.sum())) * model.file.hop_length
            # Sharing a batch with a longer call makes the sound longer.
            if samples == count:
                return
        raise NotAVoice(f"hop_length {model.file.hop_length} makes {count} samples of what the model makes {samples}")

    async def _reader(self, language: str) -> str:
        """The espeak-ng voice for a code such as en-us. Raises NotAVoice, or ModelUnavailable without espeak-ng."""
        if self._readers is None:
            greeting = await self._espeak.greet()
            if "missing" in greeting:
                raise ModelUnavailable("espeak", greeting["missing"])
            best: dict[str, tuple[int, str]] = {}
            for identifier, _, _, languages in greeting["voices"]:
                best.setdefault(identifier.split("/")[-1].lower(), (99, identifier))
                for code, priority in languages:
                    best[code.lower()] = min(best.get(code.lower(), (999, "")), (priority, identifier))
            self._readers = {code: identifier for code, (_, identifier) in best.items()}
        reader = self._readers.get(language.lower())
        if reader is None:
            raise NotAVoice(f"espeak-ng has no voice {language!r} to read for it")
        return reader


def _voice(model: _Model, speaker: str, number: int, taken: Mapping[str, object]) -> Voice:
    file = model.file
    name = _resource_name(f"piper-{model.name}" + (f"-{speaker}" if speaker else ""))
    if name in taken:
        name = _resource_name(f"piper-{model.name}"[:48] + f"-{number}")
    about = ", ".join(filter(None, ["Piper", file.audio.quality, file.dataset]))
    return Voice(
        name=name,
        display_name=f"{model.name}{f' {speaker}' if speaker else ''} ({about})",
        languages=((file.language.code or file.espeak.voice).replace("_", "-"),),
        sample_rate_hz=file.audio.sample_rate,
        tier=Tier.STANDARD,
        gender=Gender.UNSPECIFIED,
        license=file.license or _UNKNOWN_LICENSE,
        engine=PiperEngine.name,
        engine_voice=f"{model.name}/{number}",
        pitch_reach=0.0,
    )


def _resource_name(text: str) -> str:
    return "voices/" + re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:_LONGEST_NAME]
