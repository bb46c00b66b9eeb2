"""Messages ↔ values of the speech service."""

from __future__ import annotations

from dataclasses import dataclass

from visage.runtime.audio import OPUS_RATES_HZ, Encoding
from visage.runtime.errors import InvalidField
from visage.runtime.wire import duration_of
from visage.speech.lexicon import NO_LEXICON, Lexicon
from visage.speech.narrator import Delivery
from visage.speech.prosody import Prosody
from visage.speech.prosody_track import ProsodyTrack
from visage.speech.script import Script
from visage.speech.ssml.speakers import Speakers
from visage.speech.styles import STYLES, style_of
from visage.speech.utterance import Timing
from visage.speech.voices import Clone, Voice, VoiceCatalogue
from visage.v1 import curves_pb2, media_pb2, speech_service_pb2, voice_cloning_pb2


def voice_message(voice: Voice) -> speech_service_pb2.Voice:
    """Message for a voice."""
    message = speech_service_pb2.Voice(
        name=voice.name,
        display_name=voice.display_name,
        language_codes=voice.languages,
        native_sample_rate_hertz=voice.sample_rate_hz,
        tier=speech_service_pb2.Voice.Tier.Name(voice.tier),
        gender=speech_service_pb2.Voice.Gender.Name(voice.gender),
        license=voice.license,
        styles=STYLES,
    )
    if voice.clone is not None:
        message.clone.CopyFrom(clone_message(voice.clone))
    return message


def clone_message(clone: Clone) -> voice_cloning_pb2.VoiceClone:
    """Message for what a cloned voice is made of."""
    message = voice_cloning_pb2.VoiceClone(
        base_voice=clone.base_voice,
        similarity=clone.similarity,
        base_similarity=clone.base_similarity,
        ceiling=clone.ceiling,
        strength=clone.strength,
        intelligibility=clone.intelligibility,
        consent_reference=clone.consent_reference,
        speech_duration=duration_of(clone.speech_s),
    )
    message.create_time.FromDatetime(clone.create_time)
    return message


def timing_message(timing: Timing) -> curves_pb2.SpeechTiming:
    """Message for words, phonemes and visemes."""
    message = curves_pb2.SpeechTiming()
    for word in timing.words:
        message.words.add(
            word=word.text,
            start_offset=duration_of(word.start_s),
            end_offset=duration_of(word.end_s),
            text_start=word.text_start,
            text_end=word.text_end,
        )
    for phoneme in timing.phonemes:
        message.phonemes.add(
            phoneme=phoneme.ipa,
            start_offset=duration_of(phoneme.start_s),
            end_offset=duration_of(phoneme.end_s),
        )
    for viseme in timing.visemes():
        message.visemes.add(
            viseme=viseme.viseme,
            start_offset=duration_of(viseme.start_s),
            end_offset=duration_of(viseme.end_s),
        )
    for mark in timing.marks:
        message.marks.add(name=mark.name, offset=duration_of(mark.time_s))
    if timing.track is not None:
        message.prosody.CopyFrom(_track_message(timing.track))
    return message


def _track_message(track: ProsodyTrack) -> curves_pb2.ProsodyTrack:
    return curves_pb2.ProsodyTrack(
        start_offset=duration_of(track.start_s),
        f0_hertz=track.f0_hz.tolist(),
        energy_dbfs=track.energy_db.tolist(),
        syllables_per_second=track.syllables_per_s.tolist(),
    )


def format_message(encoding: Encoding, sample_rate_hz: int) -> media_pb2.AudioFormat:
    """Message for mono sound."""
    name = media_pb2.AudioEncoding.Name(encoding)
    return media_pb2.AudioFormat(encoding=name, sample_rate_hertz=sample_rate_hz, channel_count=1)


@dataclass(frozen=True, slots=True)
class Order:
    """What the options ask for: how to speak, how to encode, and who speaks a document's other voices."""

    delivery: Delivery
    encoding: Encoding
    speakers: Speakers

    def script(self, lexicon: Lexicon = NO_LEXICON) -> Script:
        """Returns a fresh script."""
        return Script(self.speakers, lexicon)


def read_options(
    options: speech_service_pb2.SynthesisOptions, field: str, catalogue: VoiceCatalogue, unspecified: Encoding
) -> Order:
    """Returns how to speak and how to encode.

    Args:
        options: As validated by its rules.
        field: Path of the options in the request, for errors.
        catalogue: Where voices are found.
        unspecified: The encoding meant by none.

    Raises:
        ResourceNotFound: No such voice.
        InvalidField: Voice and language do not fit, no such style, stereo is asked for, or the encoding lacks the rate.
    """
    voice = catalogue.choose(options.voice, options.language_code, f"{field}.language_code")
    prosody = style_of(options.style, f"{field}.style").then(_prosody_of(options.prosody))
    audio_format = options.audio_format
    encoding = Encoding(audio_format.encoding) if audio_format.encoding else unspecified
    if audio_format.channel_count > 1:
        raise InvalidField(f"{field}.audio_format.channel_count", "output is mono", limit=1)
    rate_hz = audio_format.sample_rate_hertz or voice.sample_rate_hz
    if encoding is Encoding.OGG_OPUS and rate_hz not in OPUS_RATES_HZ:
        if audio_format.sample_rate_hertz:
            rates = ", ".join(map(str, OPUS_RATES_HZ))
            raise InvalidField(f"{field}.audio_format.sample_rate_hertz", f"OGG_OPUS has {rates} Hz", limit=rates)
        rate_hz = min(rate for rate in OPUS_RATES_HZ if rate > rate_hz)
    speakers = Speakers(catalogue, voice, bool(options.voice or options.language_code))
    return Order(Delivery(voice, rate_hz, prosody, options.include_prosody), encoding, speakers)


def _prosody_of(message: speech_service_pb2.Prosody) -> Prosody:
    return Prosody(
        rate=message.rate if message.HasField("rate") else 1.0,
        pitch_semitones=message.pitch_semitones,
        volume_gain_db=message.volume_gain_db,
        pitch_range=message.pitch_range if message.HasField("pitch_range") else 1.0,
    )
