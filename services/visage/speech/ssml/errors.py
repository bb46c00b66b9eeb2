"""What can be wrong with a document."""

from __future__ import annotations

from visage.runtime.errors import InvalidField


class SsmlInvalid(InvalidField):
    """The document is not SSML that is spoken here; message and metadata say in which line and column, both from 1."""

    def __init__(self, field: str, source: str, position: int, message: str) -> None:
        line = source.count("\n", 0, position) + 1
        column = position - (source.rfind("\n", 0, position) + 1) + 1
        super().__init__(field, f"line {line}, column {column}: {message}")
        self.metadata |= {"line": str(line), "column": str(column)}
