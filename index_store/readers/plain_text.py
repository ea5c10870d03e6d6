"""Plain text: a title line, then the abstract. Two or more empty lines, or a line of dashes, part two papers."""

import re
from collections.abc import Iterator

from ..papers import Paper
from .base import Reader, Record, Source

_RULE = re.compile(r"-{3,}")
_LONGEST_TITLE = 500


def _recognises(_suffix: str, _head: str) -> bool:
    return True


def _read(source: Source) -> Iterator[Record]:
    block: list[str] = []
    first, empty = 0, 0
    for number, raw in source.lines():
        line = raw.strip()
        if not line:
            empty += 1
            continue
        if block and (empty >= 2 or _RULE.fullmatch(line)):
            yield _record(source, first, block)
            block = []
        empty = 0
        if not _RULE.fullmatch(line):
            first = first if block else number
            block.append(line)
    if block:
        yield _record(source, first, block)


def _record(source: Source, line: int, block: list[str]) -> Record:
    title, abstract = block[0], " ".join(block[1:])
    if len(title) > _LONGEST_TITLE:
        return source.malformed(line, "the first line is too long for a title; put the title on a line of its own")
    if not abstract:
        return source.malformed(line, f"the title {title[:60]!r} has no abstract below it")
    return Paper(title=title, abstract=abstract, source=source.name)


READER = Reader("plain text", 1000, _recognises, _read)
