"""A Hugging Face Papers page, selected and copied: some lines of the page itself, then title, abstract, title, ..."""

import re
from collections.abc import Iterator

from ..papers import Paper
from .base import Reader, Record, Source

_PAGE_LINES = ("Get trending papers in your email inbox", "byAK and the research community")
_DATE = re.compile(r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{1,2}(, \d{4})?")
_LONGEST_TITLE = 300
_SHORTEST_ABSTRACT = 300


def _recognises(_suffix: str, head: str) -> bool:
    lines = [line.strip() for line in head.splitlines() if line.strip()]
    if lines and lines[0].startswith("<"):
        return False
    return any(line.startswith(_PAGE_LINES) for line in lines[:20]) or _alternates(lines)


def _alternates(lines: list[str]) -> bool:
    """Whether at least two short lines without a full stop each stand before a long one, and nothing else."""
    pairs = list(zip(lines[0::2], lines[1:-1:2], strict=False))  # the last line of the head may be cut
    return len(pairs) >= 2 and all(
        len(title) <= _LONGEST_TITLE and not title.endswith(".") and len(abstract) >= _SHORTEST_ABSTRACT
        for title, abstract in pairs
    )


def _read(source: Source) -> Iterator[Record]:
    title, title_line, on_page_header = "", 0, True
    buffered: list[tuple[int, str]] = []
    for number, raw in source.lines():
        line = raw.strip()
        if not line:
            continue
        if on_page_header and number <= 40:
            # Keep lines back until the date under the page's header shows that they were not papers.
            if _DATE.fullmatch(line) or line.startswith(_PAGE_LINES):
                buffered = []
                on_page_header = not _DATE.fullmatch(line)
                continue
            buffered.append((number, line))
            if len(line) < _SHORTEST_ABSTRACT:
                continue
            on_page_header = False
            if len(buffered) > 1:
                title_line, title = buffered[-2]
        if len(line) > _LONGEST_TITLE or title:
            if title:
                yield Paper(title=title, abstract=line, source=source.name)
            else:
                yield source.malformed(number, "an abstract without a title line above it")
            title = ""
        elif not _DATE.fullmatch(line):
            title, title_line = line, number
    if on_page_header and buffered:
        title_line, title = buffered[-1]
    if title:
        yield source.malformed(title_line, f"the title {title!r} has no abstract below it")


READER = Reader("Hugging Face Papers listing", 40, _recognises, _read)
