"""Styles: what a feeling does to pitch, range, rate, loudness and brightness.

The directions follow K. R. Scherer, "Vocal communication of emotion", Speech Communication 40 (2003), table 2; the
sizes are chosen by measuring and listening so that each is heard and none breaks the voice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from visage.runtime.errors import InvalidField
from visage.speech.prosody import Prosody

NEUTRAL: Final = "neutral"

STYLES: Final[Mapping[str, Prosody]] = {
    NEUTRAL: Prosody(),
    "joy": Prosody(1.1, 3.0, 2.0, 1.5, 2.0),
    "anger": Prosody(1.15, 1.0, 4.5, 1.35, 5.0),
    "sadness": Prosody(0.8, -2.0, -4.5, 0.55, -4.0),
    "fear": Prosody(1.2, 3.5, -1.0, 0.75, 1.0),
    "surprise": Prosody(1.0, 3.5, 2.0, 1.8, 1.5),
    "calm": Prosody(0.88, -1.0, -2.0, 0.75, -2.0),
}
"""Style → prosody on top of the voice's own; every voice has all of them."""


def style_of(name: str, field: str) -> Prosody:
    """Returns the prosody of a style; empty means neutral.

    Raises:
        InvalidField: No such style.
    """
    if name and name not in STYLES:
        raise InvalidField(field, f"no style {name!r}; there are {', '.join(STYLES)}", limit=", ".join(STYLES))
    return STYLES[name or NEUTRAL]
