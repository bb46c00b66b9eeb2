"""A document's source → a tree of elements whose text knows its place in the source.

expat reads it. There is no document type, so there are no entities but the five of XML itself, and nothing outside
the document is ever looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn
from xml.parsers import expat

from visage.speech.readable_text import ReadableText
from visage.speech.ssml.errors import SsmlInvalid

NAMESPACE: Final = "http://www.w3.org/2001/10/synthesis"
MAX_DEPTH: Final = 32
MAX_ELEMENTS: Final = 2000
_SEPARATOR: Final = "}"
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_REFERENCE: Final = re.compile(r"&#?\w+;")
_SCHEMA: Final = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass(slots=True)
class Element:
    """An element.

    Attributes:
        name: Of SSML, without prefix.
        attributes: By name; those of XML itself as xml:lang.
        position: Of its start tag in the source.
        children: Elements and text in order.
    """

    name: str
    attributes: Mapping[str, str]
    position: int
    children: list[Element | ReadableText] = field(default_factory=list)

    def elements(self) -> Iterator[Element]:
        """Yields this element and all in it."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.elements()


def parse(source: str, field: str) -> Element:
    """Returns the root element.

    Args:
        source: The document.
        field: Path of the request's field that held it, for errors.

    Raises:
        SsmlInvalid: Not well-formed XML, a document type, a foreign element, or over a limit.
    """
    return _Parser(source, field).run()


class _Parser:
    def __init__(self, source: str, field: str) -> None:
        self._source = source
        self._field = field
        self._bytes = source.encode("utf-8", "replace")
        self._is_ascii = len(self._bytes) == len(source)
        # The last place that was asked for, so that the search for the next one is short.
        self._known = (0, 0)
        self._open: list[Element] = []
        self._root: Element | None = None
        self._count = 0
        self._xml = expat.ParserCreate("utf-8", _SEPARATOR)
        self._xml.buffer_text = False
        self._xml.StartElementHandler = self._start
        self._xml.EndElementHandler = self._end
        self._xml.CharacterDataHandler = self._text
        self._xml.StartDoctypeDeclHandler = self._doctype
        self._xml.ProcessingInstructionHandler = self._instruction

    def run(self) -> Element:
        if "\x00" in self._source:
            self._fail(self._source.index("\x00"), "a character that XML does not have")
        try:
            self._xml.Parse(self._bytes, True)
        except expat.ExpatError as error:
            offset = min(max(self._xml.ErrorByteIndex, 0), len(self._bytes))
            self._fail(self._position(offset), expat.ErrorString(error.code))
        assert self._root is not None
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        position = self._here()
        namespace, _, local = name.rpartition(_SEPARATOR)
        if namespace not in ("", NAMESPACE):
            self._fail(position, f"element {local!r} is of the namespace {namespace!r}, not of SSML")
        self._count += 1
        if self._count > MAX_ELEMENTS:
            self._fail(position, f"more than {MAX_ELEMENTS} elements")
        if len(self._open) >= MAX_DEPTH:
            self._fail(position, f"elements nested more than {MAX_DEPTH} deep")
        element = Element(local, self._attributes(attributes), position)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _attributes(self, given: Mapping[str, str]) -> dict[str, str]:
        found = {}
        for name, value in given.items():
            namespace, _, local = name.rpartition(_SEPARATOR)
            if namespace == _XML:
                found[f"xml:{local}"] = value
            elif namespace != _SCHEMA:
                found[local] = value
        return found

    def _end(self, name: str) -> None:
        self._open.pop()

    def _text(self, data: str) -> None:
        offset = self._xml.CurrentByteIndex
        start = self._position(offset)
        reference = _REFERENCE.match(self._source, start) if len(data) == 1 else None
        if reference:
            text = ReadableText.standing_for(data, start, reference.end())
        else:
            # Line ends become one character, which stands for nothing that is spoken.
            text = ReadableText.verbatim(data, start)
        self._open[-1].children.append(text)

    def _doctype(self, *_: object) -> NoReturn:
        self._fail(self._source.index("<!DOCTYPE"), "a document type is not allowed, and so no entities of its own")

    def _instruction(self, target: str, data: str) -> NoReturn:
        self._fail(self._here(), f"processing instruction {target!r} is not allowed")

    def _here(self) -> int:
        return self._position(self._xml.CurrentByteIndex)

    def _position(self, offset: int) -> int:
        """Position in the source of a byte of it."""
        if self._is_ascii:
            return offset
        known_offset, known = self._known
        if offset < known_offset:
            known_offset = known = 0
        position = known + len(self._bytes[known_offset:offset].decode("utf-8", "ignore"))
        self._known = (offset, position)
        return position

    def _fail(self, position: int, message: str) -> NoReturn:
        raise SsmlInvalid(self._field, self._source, position, message)
