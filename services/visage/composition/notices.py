"""Notices about values that were out of range: one for each channel or field of a stream."""

from __future__ import annotations

from fractions import Fraction

from visage.composition.flow import Channel
from visage.composition.values import Part
from visage.runtime.wire import duration_of
from visage.v1 import errors_pb2


class ClampNotices:
    """Tells a stream's caller what was clamped, once."""

    def __init__(self, outlet: Channel[Part]) -> None:
        self._outlet = outlet
        self._told: set[str] = set()

    async def tell(self, key: str, name: str, at_s: Fraction = Fraction(0)) -> None:
        """Puts a notice into the stream unless there was one about `name`; `key` is "channel" or "field"."""
        if name in self._told:
            return
        self._told.add(name)
        await self._outlet.put(
            errors_pb2.StreamNotice(
                kind=errors_pb2.StreamNotice.KIND_VALUE_CLAMPED,
                message=f"{name}: values out of range were clamped",
                metadata={key: name},
                at_offset=duration_of(at_s),
            )
        )
