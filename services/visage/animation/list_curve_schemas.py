"""The channel layouts that the service knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from visage.media.curve_schemas import SCHEMAS, CurveSchema
from visage.runtime.errors import InvalidField

_DEFAULT_PAGE: Final = 100


def list_curve_schemas(page_size: int, page_token: str) -> tuple[Sequence[CurveSchema], str]:
    """Returns a page of layouts and the token of the next one, empty on the last page.

    Raises:
        InvalidField: The token is not one of ours.
    """
    try:
        start = int(page_token or "0")
    except ValueError:
        start = -1
    if not 0 <= start <= len(SCHEMAS):
        raise InvalidField("page_token", "is not one that this service gave out")
    stop = start + (page_size or _DEFAULT_PAGE)
    return tuple(SCHEMAS.values())[start:stop], str(stop) if stop < len(SCHEMAS) else ""
