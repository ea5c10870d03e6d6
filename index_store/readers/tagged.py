"""Formats of lines that begin with a tag: the lines of one record at a time, within bounds."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .base import LONGEST_RECORD, Malformed, Source

_YEAR = re.compile(r"(?<!\d)[12]\d{3}(?!\d)")


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of one record, and the number of the first."""

    line: int
    lines: list[str]


def blocks(source: Source, begins: Callable[[str], bool], ends: Callable[[str], bool]) -> Iterator[Block | Malformed]:
    """The records of a file: from a line that `begins` one to a line that `ends` it, or to where the next begins.

    What stands outside of a record is passed over. A record that is too long is told and passed over, too.
    """
    first, lines, size = 0, list[str](), 0
    for number, line in source.lines():
        if begins(line):
            if first:
                yield Block(first, lines)
            first, lines, size = number, [line], 0
        elif first and ends(line):
            yield Block(first, lines)
            first, lines = 0, []
        elif first:
            lines.append(line)
            size += len(line) + 1
            if size > LONGEST_RECORD:
                yield source.malformed(first, f"the record is longer than {LONGEST_RECORD:,} characters")
                first, lines = 0, []
    if first:
        yield Block(first, lines)


def year_in(*dates: str) -> int | None:
    """The first year in the first of the dates that has one."""
    return next((int(found[0]) for date in dates if (found := _YEAR.search(date))), None)
