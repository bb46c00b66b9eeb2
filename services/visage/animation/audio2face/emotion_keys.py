"""Emotions with time codes, whenever they come, as the controls of a performance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from visage.animation.audio2face.bounds import bounded
from visage.animation.audio2face.remarks import Remarks
from visage.animation.controls import Controls, EmotionKey
from visage.media.emotions import EMOTION_INDEX, EMOTIONS
from visage.runtime.errors import InvalidField

MAX_KEYS: Final = 1000
HEARD_SHARE: Final = 0.5
"""Share of the emotions that are heard while none are sent; that of visage.v1."""
_SPELLINGS: Final = {"out_of_breath": "outofbreath"}
"""Other names that clients have for an emotion."""
_NEUTRAL: Final = "neutral"
_BEGINNING_S: Final = 1.0
_FIELD: Final = "audio_with_emotion.emotions"


@dataclass(frozen=True, slots=True)
class EmotionMixing:
    """How emotions that are sent are used.

    Attributes:
        is_enabled: Whether they move the face at all.
        sent_share: Share 0..1 of them against those that are heard.
        beginning: Emotion of the first second, where none is sent for it.
    """

    is_enabled: bool = True
    sent_share: float = 1.0
    beginning: EmotionKey | None = None


class EmotionKeys:
    """The emotions of a clip so far."""

    def __init__(self, controls: Controls, mixing: EmotionMixing, remarks: Remarks) -> None:
        """Takes the setting that emotions are added to."""
        self._controls = controls
        self._mixing = mixing
        self._remarks = remarks
        self._sent: dict[float, Mapping[str, float]] = {}
        self._unseen: list[EmotionKey] = []

    @property
    def controls(self) -> Controls:
        """The setting with the emotions that are known."""
        keys = [EmotionKey(at_s, self._sent[at_s]) for at_s in sorted(self._sent)] if self._mixing.is_enabled else []
        heard_share = 1 - self._mixing.sent_share if keys else HEARD_SHARE
        if self._mixing.beginning is not None:
            first_s = keys[0].at_s if keys else math.inf
            opening = [self._mixing.beginning, EmotionKey(_BEGINNING_S, {})]
            keys = [key for key in opening if key.at_s < first_s] + keys
        return replace(self._controls, emotion_keys=tuple(keys), detected_emotion_mix=heard_share)

    def add(self, emotions: Iterable[Any]) -> bool:
        """Takes EmotionWithTimeCode messages; returns whether `controls` are others now.

        Raises:
            InvalidField: A time code is negative, a number is not finite, or there are more than 1,000 keys.
        """
        is_changed = False
        for index, message in enumerate(emotions):
            at_s = float(message.time_code)
            if not (math.isfinite(at_s) and at_s >= 0):
                raise InvalidField(f"{_FIELD}[{index}].time_code", "must be finite and not negative")
            weights = read_weights(message.emotion, f"{_FIELD}[{index}].emotion", self._remarks)
            self._unseen.append(EmotionKey(at_s, weights))
            is_changed |= self._sent.get(at_s) != weights
            self._sent[at_s] = weights
        if len(self._sent) > MAX_KEYS:
            raise InvalidField(_FIELD, f"more than {MAX_KEYS} time codes in a clip", limit=MAX_KEYS)
        if self._sent and not self._mixing.is_enabled:
            self._remarks.warn("emotions that are sent do not move the face while enable_preferred_emotion is false")
        return is_changed and self._mixing.is_enabled

    def begun_before(self, time_s: float) -> list[EmotionKey]:
        """Returns the emotions that were sent and begin before `time_s`, each once."""
        begun = [key for key in self._unseen if key.at_s < time_s]
        if begun:
            self._unseen = [key for key in self._unseen if key.at_s >= time_s]
        return begun


def read_weights(weights: Mapping[str, float], field: str, remarks: Remarks) -> dict[str, float]:
    """Returns the weights of emotions that exist, 0..1; unknown names are remarked on and left out.

    Raises:
        InvalidField: A weight is not finite.
    """
    known: dict[str, float] = {}
    for given, weight in weights.items():
        name = _SPELLINGS.get(given, given)
        if name in EMOTION_INDEX:
            known[name] = bounded(weight, 0, 1, f'{field}["{given}"]', remarks)
        elif name != _NEUTRAL:
            remarks.warn(f"there is no emotion {given[:40]!r}; known are {', '.join(EMOTIONS)}")
    return known
