"""What of a generation has come, so that it can go on with another replica: every frame once, none left out."""

from __future__ import annotations

from collections import Counter

from visage.client.errors import Failed
from visage.v1 import composition_service_pb2 as pb

_Response = pb.GenerateAvatarResponse


class Receipt:
    """Passes a generation's messages on in whole units, and knows where to go on.

    A unit is a fragment, or a frame with the sound that is heard with it: what of one has come when the stream breaks
    is forgotten, since it comes again. Curves, timings and notices come again from the start; those that the caller has
    are left out.
    """

    def __init__(self) -> None:
        self._header: pb.PictureHeader | None = None
        self._point = pb.ResumePoint()
        self._held: list[_Response] = []
        self._side_counts: Counter[str] = Counter()
        self._to_skip: Counter[str] = Counter()

    @property
    def has_begun(self) -> bool:
        """Whether anything has come."""
        return self._header is not None

    @property
    def point(self) -> pb.ResumePoint:
        """Where the next attempt goes on."""
        return self._point

    def begin_again(self) -> None:
        """Forgets the unit that had begun; what follows are the messages of the next attempt."""
        self._held = []
        self._to_skip = Counter(self._side_counts)

    def take(self, response: _Response) -> list[_Response]:
        """Takes the next message and returns those that the caller may have now.

        Raises:
            Failed: The attempt shows something else than the one before, such as a size that has changed.
        """
        kind = response.WhichOneof("response")
        if kind == "header":
            return self._take_header(response)
        if kind in ("fragment", "frame", "audio"):
            self._held.append(response)
            return self._units(response)
        if kind == "summary":
            return [*self._released(), response]
        self._to_skip[kind] -= 1
        if self._to_skip[kind] >= 0:
            return []
        self._side_counts[kind] += 1
        return [response]

    def _take_header(self, response: _Response) -> list[_Response]:
        if self._header is None:
            self._header = response.header
            return [response]
        if response.header != self._header:
            raise Failed("the stream cannot go on: another replica makes it in another format")
        return []

    def _units(self, response: _Response) -> list[_Response]:
        if response.HasField("fragment") and response.fragment.end_of_segment:
            self._point.next_segment = response.fragment.sequence_number + 1
            return self._released()
        if response.HasField("frame") and response.frame.end_of_frame:
            self._point.next_frame = response.frame.frame_index + 1
            return self._released()
        return []

    def _released(self) -> list[_Response]:
        whole, self._held = self._held, []
        return whole
