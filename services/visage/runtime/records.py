"""Documents of the store: small JSON objects that services keep what they know in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A document of the store. One with a field that is not known, of a younger version, is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> bytes:
        """Returns the stored form."""
        return self.model_dump_json().encode()
