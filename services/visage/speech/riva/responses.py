"""Our values → Riva's responses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from visage.runtime.errors import ResourceNotFound
from visage.speech.riva.protos import ConfigResponse, SynthesizeResponse
from visage.speech.riva.requests import VOICE_NAME
from visage.speech.utterance import Word
from visage.speech.voices import Voice


def response_message(request: Any, audio: bytes, text: str, words: Sequence[Word]) -> Any:
    """Message for sound; words come only if the request asks for them."""
    message = SynthesizeResponse(audio=audio)
    message.meta.text = text
    if request.enable_word_time_offsets:
        for word in words:
            message.meta.words.add(
                word=word.text, start_time=round(word.start_s * 1000), end_time=round(word.end_s * 1000)
            )
    if request.HasField("id"):
        message.id.CopyFrom(request.id)
    return message


def config_message(voices: Iterable[Voice], model_name: str) -> Any:
    """Message for the list of voices: a model for each language, the most natural voices first.

    Raises:
        ResourceNotFound: No model of that name, unless it is empty.
    """
    languages: dict[str, list[str]] = {}
    for voice in voices:
        languages.setdefault(voice.languages[0], []).append(voice.name.removeprefix("voices/"))
    message = ConfigResponse()
    for language, names in languages.items():
        name = f"visage-{language}"
        if model_name not in ("", name):
            continue
        model = message.model_config.add(model_name=name)
        model.parameters["language_code"] = language
        model.parameters["voice_name"] = VOICE_NAME
        model.parameters["subvoices"] = ",".join(f"{voice}:{index}" for index, voice in enumerate(names))
    if model_name and not message.model_config:
        raise ResourceNotFound("model", model_name)
    return message
