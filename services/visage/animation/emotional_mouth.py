"""An emotion's mouth under speech: lips that must meet meet, teeth find the lip, rounded vowels stay round.

Speech comes first: where it closes the lips, nothing that an emotion adds may part them; where it rounds them, what
widens the mouth gives way. In pauses the emotion has the mouth to itself.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.springs import Follower
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX, CURVE_NAMES

Array = NDArray[np.float32]

_JAW: Final = CURVE_INDEX["JawOpen"]
_CLOSE: Final = CURVE_INDEX["MouthClose"]
_FUNNEL: Final = CURVE_INDEX["MouthFunnel"]
_PUCKER: Final = CURVE_INDEX["MouthPucker"]
_ROLL_LOWER: Final = CURVE_INDEX["MouthRollLower"]
_PARTING_WORDS: Final = ("MouthUpperUp", "MouthLowerDown", "MouthFunnel", "JawOpen", "JawForward")
_WIDENING_WORDS: Final = ("MouthSmile", "MouthStretch", "MouthDimple", "MouthFrown")
_PRESSING_WORDS: Final = ("MouthPress", "MouthShrug", "MouthRoll")
_OPENING: Final = [_JAW, _CLOSE, *(CURVE_INDEX[f"{name}{side}"] for name in ("MouthUpperUp", "MouthLowerDown")
                                   for side in ("Left", "Right"))]  # fmt: skip

# The mouth belongs to speech at once, and to the emotion again within this time after it.
_YIELDING_S: Final = 0.04
_RETURNING_S: Final = 0.25
# Share of closing over JawOpen at which the emotion starts and finishes to give way.
_CLOSING: Final = 0.45
_CLOSED: Final = 0.85
# Visible opening, as `visage.media.articulation.lip_opening`, at which the emotion may part the lips fully.
_OPEN: Final = 0.12
_ROUNDEST: Final = 0.6
_WIDENING_WHEN_ROUND: Final = 0.25
_WIDENING_WHEN_CLOSED: Final = 0.7
_OPENEST: Final = 0.4
_PRESSING_WHEN_OPEN: Final = 0.3
_BITING: Final = (0.1, 0.28)


def _named(words: tuple[str, ...]) -> Array:
    """[52] ones where a curve's name starts with one of the words."""
    return np.array([name.startswith(words) for name in CURVE_NAMES], np.float32)


_PARTING, _WIDENING, _PRESSING = _named(_PARTING_WORDS), _named(_WIDENING_WORDS), _named(_PRESSING_WORDS)


class EmotionalMouth:
    """Follows who has the mouth, tick by tick."""

    def __init__(self) -> None:
        """Starts in a pause."""
        self._speech = Follower(_YIELDING_S, _RETURNING_S)

    def advance(self, mouth: Array, speech: Array, jaw: Array, feeling: Array) -> tuple[Array, Array]:
        """Returns [ticks, 52] of the speaking mouth and [ticks, 52] of what the emotion may add to it.

        Args:
            mouth: [ticks, 52] of speech.
            speech: [ticks] share of speech.
            jaw: [ticks] scale of the opening.
            feeling: [ticks, 52] that the emotion would like, other parts of the face included.
        """
        # Half a chance of speech is enough to give way.
        talking = np.array([self._speech.advance(min(1.0, 2 * share)) for share in speech.tolist()], np.float32)
        if not feeling.any() and (jaw == 1).all():
            return mouth, feeling
        spoken = mouth.copy()
        biting = np.clip((mouth[:, _ROLL_LOWER] - _BITING[0]) / (_BITING[1] - _BITING[0]), 0, 1)
        # Closing scales with the jaw, so lips that meet still do; a bitten lip stays where it is.
        spoken[:, _OPENING] *= (1 + (jaw - 1) * (1 - biting))[:, None]
        return spoken, feeling * self._room(mouth, talking, biting)

    @staticmethod
    def _room(mouth: Array, talking: Array, biting: Array) -> Array:
        """[ticks, 52] share of each of the emotion's curves that speech leaves room for."""
        closing = closedness(mouth)
        # Lips that are nearly shut stay nearly shut.
        open_share = np.square(np.clip(_opening(mouth) / _OPEN, 0, 1))
        parted = np.minimum(1 - closing, 1 - talking * (1 - open_share * (1 - biting)))
        rounded = np.clip(np.maximum(mouth[:, _FUNNEL], mouth[:, _PUCKER]) / _ROUNDEST, 0, 1)
        widened = 1 - (1 - _WIDENING_WHEN_ROUND) * rounded
        widened = np.minimum(widened, 1 - (1 - _WIDENING_WHEN_CLOSED) * np.maximum(closing, biting))
        agape = np.clip(mouth[:, _JAW] - mouth[:, _CLOSE], 0, _OPENEST) / _OPENEST
        pressed = 1 - (1 - _PRESSING_WHEN_OPEN) * np.maximum(agape, rounded)
        room = np.ones((len(mouth), CURVE_COUNT), np.float32)
        for share, curves in ((parted, _PARTING), (widened, _WIDENING), (pressed, _PRESSING)):
            room -= (1 - share)[:, None] * curves
        # The jaw itself is the speaker's; in pauses it may hang.
        room[:, _JAW] *= 1 - talking
        return room


def closedness(mouth: Array) -> Array:
    """[...] 0..1: how far MouthClose cancels JawOpen; 0 where the jaw is shut anyway and nothing needs cancelling."""
    jaw = mouth[..., _JAW]
    share = np.where(jaw > 0.02, mouth[..., _CLOSE] / np.maximum(jaw, 0.02), 0)
    closed: Array = np.clip((share - _CLOSING) / (_CLOSED - _CLOSING), 0, 1)
    return closed


def _opening(mouth: Array) -> Array:
    """[ticks] visible gap between the lips; see `visage.media.articulation.lip_opening`, which takes 17 curves."""
    raised = mouth[:, CURVE_INDEX["MouthLowerDownLeft"]] * 0.25 + mouth[:, CURVE_INDEX["MouthUpperUpLeft"]] * 0.15
    jaw = np.maximum(mouth[:, _JAW] - mouth[:, _CLOSE] - 0.15 * mouth[:, _PUCKER], 0)
    opening: Array = jaw + raised - 0.25 * mouth[:, _ROLL_LOWER]
    return opening
