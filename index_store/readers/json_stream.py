"""The objects in a JSON file one by one, in flat memory: one a line, in a list, or in a list within an object.

The values are cut here and decoded by `json`. A parser of streams such as ijson ends at the first wrong character,
and here a wrong record costs only itself.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TextIO

from ..papers import Paper
from .base import LONGEST_RECORD, Malformed, Record, Source

_LISTS = ("results", "data", "items", "papers", "works", "records", "documents", "docs", "recommendedPapers")
_AROUND = ("message", "response", "hits", "result")  # what holds such a list, or the only record
_TITLES = ("title", "display_name")
_HOLDS_A_LIST = re.compile(rf'"({"|".join(_LISTS)})"\s*:\s*\[\s*[{{\]]|"({"|".join(_AROUND)})"\s*:\s*\{{')
_CHUNK = 256_000
_BETWEEN = re.compile(r"[\s,\x1e\ufeff\0]*")
_SIGN = re.compile(r'["{}\[\]]')
_TO_QUOTE = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_WORD = re.compile(r'[^\s,:\[\]{}"]++')
_KEY = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"\s*+:\s*+', re.DOTALL)
_decode = json.JSONDecoder(strict=False).raw_decode  # not strict: a line end within a text does no harm

_Found = tuple[int, Any]  # the line on which a value begins, and the value


def read_objects(source: Source, as_paper: Callable[[dict[str, Any], str], Paper]) -> Iterator[Record]:
    """A `Paper` for each object, made by `as_paper` of it and of the name of the source.

    What that raises as `ValueError` becomes a `Malformed`, as does what is not an object or no JSON. A file that
    breaks off gives what came before, and then a `Malformed` that says where.
    """
    for found in _lines(source) if _one_a_line(source.head) else _values(source):
        if isinstance(found, Malformed):
            yield found
            continue
        line, value = found
        try:
            if not isinstance(value, dict):
                raise ValueError(f"expected an object with a title, found {type(value).__name__}")
            yield as_paper(_within(value), source.name)
        except ValueError as error:
            yield source.malformed(line, str(error))


def _within(value: dict[str, Any]) -> dict[str, Any]:
    """The record that an answer to a question for one record holds, or else what was given."""
    if any(name in value for name in _TITLES):
        return value
    return next((inner for name in _AROUND if isinstance(inner := value.get(name), dict)), value)


def _one_a_line(head: str) -> bool:
    """Whether each line is a value of its own, to judge by the first two; some may be wrong."""
    lines = [line.strip() for line in head.splitlines() if line.strip()] or [""]
    first, second = lines[0].lstrip("\ufeff\x1e\0"), lines[1] if len(lines) > 1 else ""
    if first.startswith("["):
        return second.startswith("{") and _is_json(first)
    if not first.startswith("{"):
        return True
    if _HOLDS_A_LIST.search(first):
        return False
    return not second or _is_json(first) or (second.startswith("{") and not first.endswith(("{", "[")))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(source: Source) -> Iterator[_Found | Malformed]:
    for number, line in source.lines():
        text = line.strip(" \t\0\x1e\ufeff")
        try:
            if text:
                yield number, _loads(text)
        except (ValueError, RecursionError) as error:
            yield source.malformed(number, _reason(error))


def _loads(text: str) -> Any:
    try:
        value, end = _decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a whole number of thousands of digits
        value, end = json.JSONDecoder(strict=False, parse_int=float).raw_decode(text)
    if text[end:].strip(" \t\r,"):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON at column {error.colno}: {error.msg.removesuffix(' at')}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _values(source: Source) -> Iterator[_Found | Malformed]:
    """The values of a file in which they go over several lines or stand in a list."""
    text = _Text(source.text())
    try:
        while sign := text.next():
            if sign == "[" or (sign == "{" and text.enter_list()):
                yield from _list(text, source)
                text.leave()
            else:
                yield _value(text, source)
    except _Broken as error:
        yield source.malformed(text.line, str(error))


def _list(text: "_Text", source: Source) -> Iterator[_Found | Malformed]:
    text.go(text.position + 1)
    while (sign := text.next()) != "]":
        if not sign:
            raise _Broken("the file ends within a list")
        yield _value(text, source)
    text.go(text.position + 1)


def _value(text: "_Text", source: Source) -> _Found | Malformed:
    line = text.line
    try:
        return line, text.value()
    except (ValueError, RecursionError) as error:
        further = error.lineno - 1 if isinstance(error, json.JSONDecodeError) else 0
        return source.malformed(line + further, _reason(error))


def _end_of(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place


class _Broken(Exception):
    """The file cannot be read any further."""


class _TooLong(Exception):
    """A value is longer than can be kept; with how far it was followed."""


class _Nesting:
    """How deep within brackets and quotes a place is."""

    def __init__(self) -> None:
        self.depth, self.quoted = 0, False

    def follow(self, text: str, place: int) -> tuple[int, bool]:
        """Where the value ends in which `place` is, or how far that can be told, and whether it ends."""
        while found := _TO_QUOTE.match(text, place) if self.quoted else _SIGN.search(text, place):
            place = found.end()
            if self.quoted or found[0] == '"':
                self.quoted = not self.quoted
            else:
                self.depth += 1 if found[0] in "{[" else -1
            if self.depth < 0:
                raise _Broken(f"not valid JSON: {found[0]!r} where a record should begin")
            if not self.depth and not self.quoted:
                return place, True
        return place if self.quoted else len(text), False


class _Text:
    """A part of the file around the place where reading is; it grows until a value is whole."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._part = file, ""
        self.position, self.line = 0, 1
        self._around = 0  # objects around the list that is read

    def go(self, position: int) -> None:
        """Moves on, counting the lines on the way."""
        self.line += self._part.count("\n", self.position, position)
        self.position = position

    def next(self) -> str:
        """The first sign of what comes next, or nothing at the end."""
        while True:
            self.go(self._between(self.position))
            if self.position < len(self._part) or not self._grow():
                break
        if self.position > _CHUNK:
            self._forget()
        return self._part[self.position : self.position + 1]

    def value(self) -> Any:
        """The value that begins here. Raises `ValueError` or `RecursionError` for a wrong one, and goes past it."""
        with suppress(ValueError, RecursionError):  # wrong, or not all of it is here yet
            value, end = _decode(self._part, self.position)
            if end < len(self._part) and end - self.position <= LONGEST_RECORD:
                self.go(end)
                return value
        start = self.position
        self.skip()
        return _loads(self._part[start : self.position])

    def skip(self) -> None:
        """Goes past the value that begins here. Raises `ValueError` if it was too long to be kept."""
        start, too_long = self.position, False
        try:
            self.go(self._end(start))
            too_long = self.position - start > LONGEST_RECORD
        except _TooLong as error:
            self._pass_over(*error.args)
            too_long = True
        if too_long:
            raise ValueError(f"the record is longer than {LONGEST_RECORD:,} characters")

    def enter_list(self) -> bool:
        """Goes to the list in the object that begins here, if that is no record itself."""
        with suppress(_TooLong):
            place, around = self.position + 1, 1
            while key := self._key(self._between(place)):
                place = key.end()
                sign = self._part[place]
                if key[1] in _TITLES:
                    return False
                if key[1] in _LISTS and sign == "[" and self._sign(place + 1) in ("{", "]"):
                    self.go(place)
                    self._around = around
                    return True
                if key[1] in _AROUND and sign == "{":
                    place, around = place + 1, around + 1
                else:
                    place = self._end(place)
        return False

    def leave(self) -> None:
        """Goes past the rest of the objects around the list."""
        while self._around:
            sign = self.next()
            if not sign:
                raise _Broken("the file ends within an object")
            if sign in "}:]":
                self._around -= sign == "}"
                self.go(self.position + 1)
            else:
                with suppress(ValueError):  # nothing of it is wanted, however long it is
                    self.skip()

    def _key(self, place: int) -> re.Match[str] | None:
        """The name of a field, with the first sign of its value."""
        while not (key := _KEY.match(self._part, place)) or key.end() == len(self._part):
            if self._part[place : place + 1] != '"' or self._too_long(place) or not self._grow():
                return None
        return key

    def _sign(self, place: int) -> str:
        start = self._between(place)  # which may bring more into the part
        return self._part[start : start + 1]

    def _between(self, place: int) -> int:
        """Past what parts two values, as far as there is anything."""
        while (end := _end_of(_BETWEEN, self._part, place)) == len(self._part) and place > self.position:
            if self._too_long(place) or not self._grow():
                break
        return end

    def _end(self, start: int) -> int:
        """Where the value ends that begins at `start`. Raises `_TooLong`."""
        while (end := _end_of(_WORD, self._part, start)) == len(self._part):
            if self._too_long(start) or not self._grow():
                break
        if end > start:
            return end
        nesting = _Nesting()
        place, ended = nesting.follow(self._part, start)
        while not ended:
            if self._too_long(start):
                raise _TooLong(nesting, place)
            if not self._grow():
                raise _Broken("the file ends within a record")
            place, ended = nesting.follow(self._part, place)
        return place

    def _pass_over(self, nesting: _Nesting, place: int) -> None:
        ended = False
        while not ended:
            if nesting.quoted:  # nothing but a backslash at its end matters for what comes
                rest = self._part[place:]
                place = len(self._part) - (len(rest) - len(rest.rstrip("\\"))) % 2
            self.go(place)
            self._forget()
            if not self._grow():
                raise _Broken("the file ends within a record")
            place, ended = nesting.follow(self._part, 0)
        self.go(place)

    def _too_long(self, start: int) -> bool:
        return len(self._part) - start > LONGEST_RECORD

    def _forget(self) -> None:
        self._part, self.position = self._part[self.position :], 0

    def _grow(self) -> bool:
        """Reads on; as much again as there is, so that a long value is not gone through too often."""
        more = self._file.read(max(_CHUNK, len(self._part) - self.position))
        self._part += more
        return bool(more)
