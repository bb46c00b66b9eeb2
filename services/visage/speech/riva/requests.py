"""Riva's requests → ours, and the names of fields in errors back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from visage.runtime.audio import Encoding
from visage.runtime.errors import InvalidField
from visage.runtime.validation import validate
from visage.speech.lexicon import MAX_ENTRIES, Lexicon
from visage.speech.messages import format_message
from visage.speech.ssml.ipa import check_ipa
from visage.v1 import speech_service_pb2

VOICE_NAME: Final = "Visage"
"""What stands before the dot of every voice's name in Riva's list."""
CONSENT: Final = "consent_reference"
PROMPT_FIELD: Final = "zero_shot_data.audio_prompt"

_ENCODINGS: Final = {
    0: Encoding.LINEAR16,
    1: Encoding.LINEAR16,
    2: Encoding.FLAC,
    3: Encoding.MULAW,
    4: Encoding.OGG_OPUS,
    20: Encoding.ALAW,
}
"""nvidia.riva.AudioEncoding → ours."""
_DEFAULT_RATE_HZ: Final = 22_050
_DEFAULT_OPUS_RATE_HZ: Final = 24_000
_NUMBERS: Final = ("rate", "pitch_semitones", "volume_gain_db", "pitch_range")
_KEYS: Final = ("style", *_NUMBERS, CONSENT)
_FIELDS: Final = {
    "input": "text",
    "input.text": "text",
    "input.ssml": "text",
    "ssml": "text",
    "options.voice": "voice_name",
    "base_voice": "voice_name",
    "options.language_code": "language_code",
    "options.audio_format.encoding": "encoding",
    "options.audio_format.sample_rate_hertz": "sample_rate_hz",
    "audio_format.sample_rate_hertz": "sample_rate_hz",
    "options.style": 'custom_configuration["style"]',
} | {f"options.prosody.{name}": f'custom_configuration["{name}"]' for name in _NUMBERS}
"""Our path of a field → Riva's."""


@contextmanager
def in_riva_fields() -> Iterator[None]:
    """Lets an InvalidField out with Riva's names of the fields."""
    try:
        yield
    except InvalidField as error:
        renamed = InvalidField.of([(_FIELDS.get(field, field), message) for field, message in error.violations])
        renamed.metadata = error.metadata | renamed.metadata
        raise renamed from None


def read_request(request: Any) -> speech_service_pb2.SynthesizeSpeechRequest:
    """Returns what a request means in our terms, validated by our rules.

    Raises:
        InvalidField: A field breaks a rule, or is unknown.
    """
    if not request.text:
        raise InvalidField("text", "must hold a letter or a digit")
    ours = speech_service_pb2.SynthesizeSpeechRequest()
    if request.text.lstrip().startswith("<speak"):
        ours.input.ssml = request.text
    else:
        ours.input.text = request.text
    encoding = _ENCODINGS.get(request.encoding)
    if encoding is None:
        known = "LINEAR_PCM, FLAC, MULAW, OGGOPUS, ALAW"
        raise InvalidField("encoding", f"no encoding {request.encoding}; there are {known}", limit=known)
    default_hz = _DEFAULT_OPUS_RATE_HZ if encoding is Encoding.OGG_OPUS else _DEFAULT_RATE_HZ
    ours.options.voice = voice_name(request.voice_name)
    ours.options.language_code = request.language_code
    ours.options.audio_format.CopyFrom(format_message(encoding, request.sample_rate_hz or default_hz))
    for key, value in request.custom_configuration.items():
        _configure(ours.options, key, value)
    validate(ours)
    return ours


def voice_name(given: str) -> str:
    """Returns our resource name of a voice, empty for the best one: "Visage.flite-rms" is voices/flite-rms."""
    if given in ("", VOICE_NAME):
        return ""
    name = given.removeprefix(f"{VOICE_NAME}.")
    return name if name.startswith("voices/") else f"voices/{name}"


def consent_of(request: Any) -> str:
    """Returns the reference to the speaker's consent. Raises InvalidField where there is none."""
    consent = request.custom_configuration.get(CONSENT, "").strip()
    if not consent:
        raise InvalidField(f'custom_configuration["{CONSENT}"]', "must name the speaker's consent to a cloned voice")
    return str(consent)


def read_dictionary(written: str) -> Lexicon:
    """Returns the pronunciations of "grapheme  IPA,grapheme  IPA"; two spaces stand between.

    Raises:
        InvalidField: Another form, a phoneme that is not IPA, or more than 1,000 entries.
    """
    if not written.strip():
        return Lexicon({})
    items = written.split(",")
    if len(items) > MAX_ENTRIES:
        raise InvalidField("custom_dictionary", f"holds {len(items)} entries", limit=MAX_ENTRIES)
    entries: dict[str, str] = {}
    for number, item in enumerate(items, 1):
        grapheme, separator, phonemes = item.strip().partition("  ")
        if not separator or not grapheme:
            raise InvalidField("custom_dictionary", f"entry {number} is not a grapheme, two spaces and its phonemes")
        try:
            entries[grapheme] = check_ipa(phonemes)
        except ValueError as error:
            raise InvalidField("custom_dictionary", f"entry {number}: {error}") from None
    return Lexicon(entries)


def _configure(options: speech_service_pb2.SynthesisOptions, key: str, value: str) -> None:
    field = f'custom_configuration["{key}"]'
    if key == "style":
        options.style = value
    elif key in _NUMBERS:
        try:
            setattr(options.prosody, key, float(value))
        except ValueError:
            raise InvalidField(field, f"{value!r} is not a number") from None
    elif key != CONSENT:
        known = ", ".join(_KEYS)
        raise InvalidField(field, f"there is no such key; known are {known}", limit=known)
