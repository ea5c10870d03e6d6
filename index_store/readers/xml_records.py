"""XML -> the elements that are records, one at a time, in flat memory; entities and endless records are refused."""

import html.entities
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from .base import LONGEST_RECORD, Malformed, Source

_PORTION = 65_536
_DEEPEST = 100
_A_SECOND_DOCUMENT = {9, 17}  # expat's codes: something after the root, a declaration within
_ENTITIES = {name.removesuffix(";"): sign for name, sign in html.entities.html5.items()}


@dataclass(frozen=True, slots=True)
class Element:
    """A record of an XML file; names are without their namespaces."""

    line: int
    root: ElementTree.Element


def records(source: Source, names: Collection[str]) -> Iterator[Element | Malformed]:
    """The elements of these names; if the file is broken, what came before and then one `Malformed`."""
    target = _Target(names)
    parser = DefusedXMLParser(target=target)
    parser.entity.update(_ENTITIES)
    expat = target.position = parser.parser
    text, given = source.text(), 0
    while True:
        portion = text.read(_PORTION)
        given += len(portion.encode("utf-8", "surrogatepass"))
        try:
            parser.feed(portion) if portion else parser.close()
        except DefusedXmlException:
            yield from _told(target, source)
            yield source.malformed(expat.CurrentLineNumber, "the file defines entities of its own, which are not read")
            return
        except (ElementTree.ParseError, ValueError) as error:
            yield from _told(target, source)
            yield source.malformed(expat.ErrorLineNumber, _reason(error) if portion else "the file is cut short here")
            return
        yield from _told(target, source)
        if not portion:
            return
        if given - expat.CurrentByteIndex > LONGEST_RECORD:  # expat keeps a tag until it is whole
            yield source.malformed(expat.CurrentLineNumber, f"a tag is longer than {LONGEST_RECORD:,} characters")
            return


def text_of(element: ElementTree.Element | None) -> str:
    """All text in an element, that of the tags within it included, on one line."""
    return "" if element is None else " ".join("".join(element.itertext()).split())


def _told(target: "_Target", source: Source) -> Iterator[Element | Malformed]:
    for line, found in target.found:
        yield source.malformed(line, found) if isinstance(found, str) else Element(line, found)
    target.found.clear()


def _reason(error: Exception) -> str:
    if getattr(error, "code", 0) in _A_SECOND_DOCUMENT:
        return "a second document begins here; put it into a file of its own"
    return f"the XML is broken here: {str(error).partition(': line')[0].rstrip('.')}"


@dataclass
class _Target:
    """Builds the elements that are records; the rest of the file leaves nothing behind."""

    names: Collection[str]
    position: object = None
    found: list[tuple[int, ElementTree.Element | str]] = field(default_factory=list)
    _builder: ElementTree.TreeBuilder | None = None
    _line: int = 0
    _depth: int = 0  # within a record; 0 outside
    _size: int = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if self._depth == 0:
            if name not in self.names:
                return
            self._builder, self._size = ElementTree.TreeBuilder(), 0
            self._line = getattr(self.position, "CurrentLineNumber", 0)
        self._depth += 1
        if self._depth > _DEEPEST:
            self._refuse("the record is nested too deeply")
        self._grow(len(name) + sum(map(len, attributes)) + sum(map(len, attributes.values())))
        if self._builder:
            self._builder.start(name, attributes)

    def end(self, tag: str) -> None:
        if self._depth == 0:
            return
        self._depth -= 1
        if not self._builder:
            return
        self._builder.end(tag.rpartition("}")[2])
        if self._depth == 0:
            self.found.append((self._line, self._builder.close()))
            self._builder = None

    def data(self, text: str) -> None:
        if self._builder:
            self._grow(len(text))
        if self._builder:
            self._builder.data(text)

    def close(self) -> None:
        """Called at the end of the file."""

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > LONGEST_RECORD:
            self._refuse(f"the record is longer than {LONGEST_RECORD:,} characters")

    def _refuse(self, reason: str) -> None:
        if self._builder:
            self.found.append((self._line, reason))
        self._builder = None
