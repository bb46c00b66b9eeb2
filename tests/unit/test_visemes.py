"""The 15 visemes."""

from __future__ import annotations

import pytest

from visage.media.phones import PHONE_CLASSES
from visage.media.visemes import VISEME_INDEX, VISEMES, viseme_of

pytestmark = pytest.mark.unit


def test_ids_stand_in_the_published_order() -> None:
    """Viseme numbers are those of the published set."""
    ids = " ".join(VISEMES)

    assert ids == "sil pp ff th dd kk ch ss nn rr aa e ih oh ou"
    assert VISEME_INDEX["ou"] == 14


def test_every_phone_has_a_viseme_and_every_viseme_a_phone() -> None:
    """The mapping leaves nothing out on either side."""
    seen = {viseme_of(phone) for phone in PHONE_CLASSES}

    assert seen == set(VISEMES)


@pytest.mark.parametrize(("phone", "viseme"), [("b", "pp"), ("v", "ff"), ("zh", "ch"), ("ay", "aa"), ("sil", "sil")])
def test_sounds_that_look_alike_share_a_viseme(phone: str, viseme: str) -> None:
    """Voicing does not show on the lips."""
    found = viseme_of(phone)

    assert found == viseme
