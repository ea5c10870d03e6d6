"""A BibTeX file -> its entries as they are written, one at a time; what is broken costs itself and nothing else."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bibtexparser.entrypoint import parse_string
from bibtexparser.model import DuplicateFieldKeyBlock, Entry

from .base import LONGEST_RECORD, Malformed, Source

_OPENING = re.compile(r"@\s*([A-Za-z]+)\s*([{(])")
_AT_LINE_START = re.compile(r"\s*@\s*[A-Za-z]+\s*[{(]")
_MARK = re.compile(r"\\.|[{}()\"]")
_GOES_ON = re.compile(r"\s*,?\s*[A-Za-z][\w-]*\s*=\s*[{\"\d]")  # what follows an entry with a brace too many
_NOTHING = re.compile(r"[\s,]*\Z")
_BRACE = re.compile(r"\\.|[{}]")
_QUOTE = re.compile(r"\\.|[{}\"]")
_WORD = re.compile(r"[^\s#{}\",]+")
_NEXT_FIELD = re.compile(r"([A-Za-z][\w-]*)\s*=\s*")
_LONGEST_VALUE = 200_000  # characters; macros made of macros would double it with each
_MOST_MACROS = 10_000

# It tells the log what is told here as a record that was left out.
logging.getLogger("bibtexparser").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class Block:
    """One entry of a file: its type and field names in small letters, its values with their LaTeX."""

    line: int
    type: str
    key: str
    fields: dict[str, str]


def blocks(source: Source) -> Iterator[Block | Malformed]:
    """The entries of a file in order, with its `@string` macros put in; comments and preambles are passed over."""
    macros: dict[str, str] = {}
    for cut in _cut(source):
        if isinstance(cut, Malformed):
            yield cut
            continue
        line, text = cut
        kind = text[1:].lstrip()[:8].lower()
        if kind.startswith(("comment", "preamble")):
            continue
        try:
            found = _parsed(line, text, macros)
        except ValueError as error:
            yield source.malformed(line, str(error))
            continue
        if found:
            yield found


def parse(text: str) -> Block:
    """The one entry of a text."""
    found = _parsed(1, text, {})
    if found is None:
        raise ValueError("the text holds no entry")
    return found


# -- cutting ----------------------------------------------------------------------------------------------------------


@dataclass
class _Cutter:
    """Takes a file line by line, and has in `found` what is complete."""

    source: Source
    found: list[tuple[int, str] | Malformed] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _first: int = 0  # the line where the open entry begins, 0 outside of one
    _size: int = 0
    _depth: int = 0
    _closing: str = "}"
    _quoted: bool = False
    _last: tuple[int, str] | None = None  # complete, unless what follows shows that it closed too early

    def line(self, number: int, text: str) -> None:
        if self._first and _AT_LINE_START.match(text):
            self._refuse("the entry is not closed before the next one begins")
        if not self._first and text.lstrip().startswith("%"):
            return
        place = 0
        while place < len(text):
            place = self._inside(text, place) if self._first else self._outside(number, text, place)
        if self._first:
            self._parts.append("\n")

    def end(self) -> None:
        if self._first:
            self._refuse("the entry is not closed at the end of the file")
        self._accept()

    def _outside(self, number: int, text: str, place: int) -> int:
        if self._last and not _NOTHING.match(text, place):
            if _GOES_ON.match(text, place):
                self.found.append(self.source.malformed(self._last[0], "the entry closes too early: one } too many"))
                self._last = None
            self._accept()
        opening = _OPENING.search(text, place)
        if not opening:
            return len(text)
        self._accept()
        self._first, self._parts, self._quoted = number, [opening[0]], False
        self._closing, self._depth = ("}", 1) if opening[2] == "{" else (")", 0)
        self._size = len(opening[0])
        return opening.end()

    def _inside(self, text: str, place: int) -> int:
        """Goes on to where the open entry ends, or to the end of the line."""
        for mark in _MARK.finditer(text, place):
            if self._closes(mark[0]):
                self._parts.append(text[place : mark.end()])
                self._last, self._first = (self._first, "".join(self._parts)), 0
                return mark.end()
        self._parts.append(text[place:])
        self._size += len(text) - place + 1
        if self._size > LONGEST_RECORD:
            self._refuse(f"the entry is longer than {LONGEST_RECORD:,} characters")
        return len(text)

    def _closes(self, mark: str) -> bool:
        if mark in "{}":
            self._depth += 1 if mark == "{" else -1
            return mark == "}" == self._closing and self._depth == 0
        if mark == '"' and self._depth == 0:
            self._quoted = not self._quoted
        return mark == ")" == self._closing and self._depth <= 0 and not self._quoted

    def _refuse(self, reason: str) -> None:
        self.found.append(self.source.malformed(self._first, reason))
        self._first, self._parts = 0, []

    def _accept(self) -> None:
        if self._last:
            self.found.append(self._last)
        self._last = None


def _cut(source: Source) -> Iterator[tuple[int, str] | Malformed]:
    """The line and the text of each `@type{...}` in the file."""
    cutter = _Cutter(source)
    for number, text in source.lines():
        cutter.line(number, text)
        if cutter.found:
            yield from cutter.found
            cutter.found.clear()
    cutter.end()
    yield from cutter.found


# -- reading one entry ------------------------------------------------------------------------------------------------


def _parsed(line: int, text: str, macros: dict[str, str]) -> Block | None:
    """The entry, or nothing if the text defines macros; raises `ValueError` that says what is wrong with it."""
    library = parse_string(text, parse_stack=[])
    for macro in library.strings:
        if len(macros) < _MOST_MACROS:
            macros[macro.key.lower()] = dict(_values(macro.key, macro.value, macros))[macro.key]
    entry = next(iter(library.entries), None)
    for failed in library.failed_blocks:
        if entry or not isinstance(failed, DuplicateFieldKeyBlock) or not isinstance(failed.ignore_error_block, Entry):
            raise ValueError("the entry cannot be understood; its braces, quotes or commas do not fit")
        entry = failed.ignore_error_block
    if entry is None:
        return None
    fields: dict[str, str] = {}
    for found in entry.fields:
        for name, value in _values(found.key, found.value, macros):
            fields.setdefault(name.lower(), value)
    return Block(line, entry.entry_type.strip().lower(), entry.key, fields)


def _values(name: str, written: str, macros: dict[str, str]) -> Iterator[tuple[str, str]]:
    """A field and its value; and those after it where only the comma between them is missing."""
    place, parts, size = 0, list[str](), 0
    while True:
        part, place = _part(written, place, macros)
        parts.append(part)
        size += len(part)
        if size > _LONGEST_VALUE:
            raise ValueError(f"{name[:60]!r} is longer than {_LONGEST_VALUE:,} characters")
        rest = written[place:].lstrip()
        place = len(written) - len(rest)
        if rest.startswith("#"):
            place += 1
            continue
        yield name, "".join(parts)
        following = _NEXT_FIELD.match(rest)
        if not following:
            if rest:
                raise ValueError(f"{name[:60]!r} is followed by {rest[:20]!r} where a comma should be")
            return
        name, place, parts, size = following[1], place + following.end(), [], 0


def _part(written: str, place: int, macros: dict[str, str]) -> tuple[str, int]:
    """One piece of a value, in braces, in quotes, or a macro's, and where it ends."""
    while place < len(written) and written[place].isspace():
        place += 1
    start = written[place : place + 1]
    if start == "{":
        end = _end(_BRACE, "}", written, place)
        return written[place + 1 : end], end + 1
    if start == '"':
        end = _end(_QUOTE, '"', written, place + 1)
        return written[place + 1 : end], end + 1
    word = _WORD.match(written, place)
    if not word:
        return "", place
    return macros.get(word[0].lower(), word[0]), word.end()


def _end(marks: re.Pattern[str], closing: str, written: str, place: int) -> int:
    depth = 0
    for mark in marks.finditer(written, place):
        depth += {"{": 1, "}": -1}.get(mark[0], 0)
        if mark[0] == closing and depth == 0:
            return mark.start()
    raise ValueError("the entry cannot be understood; its braces or quotes do not fit")
