"""A tree of SSML → lines to speak."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NoReturn, TypeVar

from visage.speech.clauses import End
from visage.speech.line import Line, Mark
from visage.speech.prosody import Prosody
from visage.speech.readable_text import ReadableText
from visage.speech.reading.say_as import NotSayable, say_as
from visage.speech.ssml import values
from visage.speech.ssml.block import Blocks
from visage.speech.ssml.errors import SsmlInvalid
from visage.speech.ssml.ipa import check_ipa
from visage.speech.ssml.parser import Element, parse
from visage.speech.ssml.speakers import Speakers
from visage.speech.voices import Voice

_T = TypeVar("_T")

MAX_SPOKEN_CHARACTERS: Final = 10_000
_IGNORED: Final = frozenset({"meta", "metadata", "desc"})
_VERSIONS: Final = ("1.0", "1.1")
_ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    "speak": frozenset({"version", "onlangfailure"}),
    "p": frozenset({"onlangfailure"}),
    "s": frozenset({"onlangfailure"}),
    "lang": frozenset({"onlangfailure"}),
    "token": frozenset({"onlangfailure", "role"}),
    "w": frozenset({"onlangfailure", "role"}),
    "break": frozenset({"strength", "time"}),
    "prosody": frozenset({"rate", "pitch", "range", "volume"}),
    "emphasis": frozenset({"level"}),
    "say-as": frozenset({"interpret-as", "format", "detail"}),
    "sub": frozenset({"alias"}),
    "phoneme": frozenset({"alphabet", "ph", "type"}),
    "voice": frozenset({"name", "gender", "languages", "onvoicefailure"}),
    "mark": frozenset({"name"}),
}
_EVERYWHERE: Final = frozenset({"xml:lang", "xml:base", "xml:id", "xml:space"})


@dataclass(frozen=True, slots=True)
class _Manner:
    """How what follows is spoken: by whom, in which language, with which prosody."""

    voice: Voice
    language: str
    prosody: Prosody


def read_document(source: str, field: str, start: int, speakers: Speakers, *, is_first: bool = True) -> list[Line]:
    """Returns the lines of a document.

    Args:
        source: The document.
        field: Path of the request's field that held it, for errors.
        start: Position of its first character in all that the caller sent.
        speakers: Who speaks if the document does not say, and who else is there.
        is_first: Whether nothing has been spoken before it.

    Raises:
        SsmlInvalid: The document is not SSML that is spoken here.
    """
    root = parse(source, field)
    return _Reader(source, field, start, speakers, is_first).read(root)


class _Reader:
    def __init__(self, source: str, field: str, start: int, speakers: Speakers, is_first: bool) -> None:
        self._source = source
        self._field = field
        self._start = start
        self._speakers = speakers
        self._blocks = Blocks(source, start, is_first)
        self._length = 0
        self._pronunciation_count = 0
        self._handlers: Mapping[str, Callable[[Element, _Manner], None]] = {
            "break": self._break,
            "mark": self._mark,
            "say-as": self._say_as,
            "sub": self._sub,
            "phoneme": self._phoneme,
        }

    def read(self, root: Element) -> list[Line]:
        if root.name != "speak":
            self._fail(root, f"the document's element is {root.name!r}, not 'speak'")
        self._check_attributes(root)
        if root.attributes.get("version", "1.1") not in _VERSIONS:
            self._fail(root, f"version {root.attributes['version']!r} is not one of {', '.join(_VERSIONS)}")
        voice = self._speakers.voice
        manner = _Manner(voice, voice.languages[0], Prosody())
        if not self._speakers.is_chosen:
            manner = self._in_language(root, manner)
        self._children(root, manner)
        self._blocks.close(End.SENTENCE)
        return self._blocks.finish()

    def _children(self, element: Element, manner: _Manner) -> None:
        for child in element.children:
            if isinstance(child, ReadableText):
                self._say(child, manner, element)
            else:
                self._element(child, manner)

    def _element(self, element: Element, manner: _Manner) -> None:
        if element.name in _IGNORED:
            return
        if element.name not in _ATTRIBUTES:
            self._fail(element, _refusal(element.name))
        self._check_attributes(element)
        handler = self._handlers.get(element.name)
        if handler is not None:
            handler(element, manner)
            return
        changed = self._changed(element, manner)
        is_boundary = element.name in ("p", "s")
        if is_boundary or changed.voice != manner.voice:
            self._blocks.close(End.SENTENCE if is_boundary else End.CUT)
        self._children(element, changed)
        if is_boundary or changed.voice != manner.voice:
            self._blocks.close({"p": End.PARAGRAPH, "s": End.SENTENCE}.get(element.name, End.CUT))

    def _changed(self, element: Element, manner: _Manner) -> _Manner:
        if element.name == "speak":
            self._fail(element, "element 'speak' stands only around the whole document")
        if element.name == "prosody":
            return self._with_prosody(element, manner)
        if element.name == "emphasis":
            level = element.attributes.get("level", "moderate")
            return replace(manner, prosody=manner.prosody.then(self._value(element, values.emphasis, level)))
        if element.name == "voice":
            return self._with_voice(element, manner)
        if element.name == "lang" and "xml:lang" not in element.attributes:
            self._fail(element, "element 'lang' needs the attribute xml:lang")
        return self._in_language(element, manner)

    def _with_prosody(self, element: Element, manner: _Manner) -> _Manner:
        given = element.attributes
        if not given:
            self._fail(element, "element 'prosody' needs one of rate, pitch, range, volume")
        change = Prosody(
            rate=self._value(element, values.rate, given.get("rate", "medium")),
            pitch_semitones=self._value(element, values.pitch, given.get("pitch", "medium")),
            volume_gain_db=self._value(element, values.volume, given.get("volume", "medium")),
            pitch_range=self._value(element, values.pitch_range, given.get("range", "medium")),
        )
        return replace(manner, prosody=manner.prosody.then(change))

    def _with_voice(self, element: Element, manner: _Manner) -> _Manner:
        given = element.attributes
        language = given.get("xml:lang") or given.get("languages", "").split(" ")[0]
        try:
            voice = self._speakers.find(given.get("name", ""), language, given.get("gender", ""), manner.voice)
        except ValueError as error:
            self._fail(element, str(error))
        return replace(manner, voice=voice, language=language or voice.languages[0])

    def _in_language(self, element: Element, manner: _Manner) -> _Manner:
        language = element.attributes.get("xml:lang", "")
        if not language:
            return manner
        try:
            voice = self._speakers.of_language(language, manner.voice)
        except ValueError as error:
            self._fail(element, str(error))
        return replace(manner, voice=voice, language=language)

    def _break(self, element: Element, manner: _Manner) -> None:
        self._check_empty(element)
        given = element.attributes
        if "time" in given:
            duration_s = self._value(element, values.seconds, given["time"])
        else:
            duration_s = self._value(element, values.break_seconds, given.get("strength", "medium"))
        if duration_s > 0:
            self._blocks.close(End.CUT, duration_s)

    def _mark(self, element: Element, manner: _Manner) -> None:
        self._check_empty(element)
        name = element.attributes.get("name", "")
        if not name or len(name) > 100:
            self._fail(element, "element 'mark' needs the attribute name, at most 100 characters")
        self._blocks.mark(Mark(name, self._start + element.position))

    def _say_as(self, element: Element, manner: _Manner) -> None:
        kind = element.attributes.get("interpret-as", "")
        layout = element.attributes.get("format", "")
        try:
            self._replace(element, manner, lambda text: say_as(text, kind, layout, manner.language))
        except NotSayable as error:
            self._fail(element, str(error))

    def _sub(self, element: Element, manner: _Manner) -> None:
        alias = element.attributes.get("alias", "").strip()
        if not alias:
            self._fail(element, "element 'sub' needs the attribute alias")
        self._replace(element, manner, lambda _: alias)

    def _phoneme(self, element: Element, manner: _Manner) -> None:
        alphabet = element.attributes.get("alphabet", "ipa").lower()
        if alphabet != "ipa":
            self._fail(element, f"alphabet {alphabet!r} is not known; there is ipa")
        ipa = self._value(element, check_ipa, element.attributes.get("ph", ""))
        placeholder = chr(0xE000 + self._pronunciation_count)
        self._pronunciation_count += 1
        self._blocks.pronounce(placeholder, ipa)
        self._replace(element, manner, lambda _: placeholder)

    def _replace(self, element: Element, manner: _Manner, reading: Callable[[str], str]) -> None:
        """Says `reading` of the element's text in its place."""
        if any(isinstance(child, Element) for child in element.children):
            self._fail(element, f"element {element.name!r} holds text only")
        content = ReadableText.joined(child for child in element.children if isinstance(child, ReadableText))
        text = content.text.strip()
        if not text:
            self._fail(element, f"element {element.name!r} holds no text")
        first = len(content.text) - len(content.text.lstrip())
        span = content.span(first, first + len(text))
        self._say(ReadableText.standing_for(reading(text), *span), manner, element, as_it_is=True)

    def _say(self, text: ReadableText, manner: _Manner, element: Element, *, as_it_is: bool = False) -> None:
        self._length += len(text.text.strip())
        if self._length > MAX_SPOKEN_CHARACTERS:
            self._fail(element, f"more than {MAX_SPOKEN_CHARACTERS} characters to speak")
        self._blocks.say(text, manner.voice, manner.prosody, keep_private=as_it_is and element.name == "phoneme")

    def _value(self, element: Element, read: Callable[[str], _T], value: str) -> _T:
        try:
            return read(value)
        except ValueError as error:
            self._fail(element, str(error))

    def _check_empty(self, element: Element) -> None:
        if any(isinstance(child, Element) or child.text.strip() for child in element.children):
            self._fail(element, f"element {element.name!r} must be empty")

    def _check_attributes(self, element: Element) -> None:
        known = _ATTRIBUTES[element.name]
        for name in element.attributes:
            if name not in known | _EVERYWHERE:
                names = ", ".join(sorted(known)) or "none but xml:lang"
                self._fail(element, f"element {element.name!r} has no attribute {name!r} here; it has {names}")

    def _fail(self, element: Element, message: str) -> NoReturn:
        raise SsmlInvalid(self._field, self._source, element.position, message)


def _refusal(name: str) -> str:
    if name == "audio":
        return "element 'audio' is refused: recordings are not mixed into speech here"
    if name in ("lexicon", "lookup"):
        return f"element {name!r} is refused: nothing outside the document is read; use 'phoneme' or 'sub'"
    return f"element {name!r} is not known; there are {', '.join(_ATTRIBUTES)}"
