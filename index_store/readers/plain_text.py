"""Plain text: a title line, then the abstract. Two or more empty lines, or a line of dashes, part two papers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ..papers import Paper
from .base import Malformed, Reader, Record

_RULE = re.compile(r"-{3,}")
_LONGEST_TITLE = 500


def _recognises(_path: Path, _head: str) -> bool:
    return True


def _read(path: Path, file: TextIO) -> Iterator[Record]:
    block: list[str] = []
    first, empty = 0, 0
    for number, raw in enumerate(file, start=1):
        line = raw.strip()
        if not line:
            empty += 1
            continue
        if block and (empty >= 2 or _RULE.fullmatch(line)):
            yield _record(path, first, block)
            block = []
        empty = 0
        if not _RULE.fullmatch(line):
            first = first if block else number
            block.append(line)
    if block:
        yield _record(path, first, block)


def _record(path: Path, line: int, block: list[str]) -> Record:
    title, abstract = block[0], " ".join(block[1:])
    if len(title) > _LONGEST_TITLE:
        return Malformed(str(path), line, "the first line is too long for a title; put the title on a line of its own")
    if not abstract:
        return Malformed(str(path), line, f"the title {title[:60]!r} has no abstract below it")
    return Paper(title=title, abstract=abstract, source=path.name)


READER = Reader("plain text", 1000, _recognises, _read)
