"""Web of Science's own plain text: two-letter tags, one author to a line, records from `PT` to `ER`."""

import re
from collections.abc import Iterator
from dataclasses import replace

from ..papers import Paper
from .base import Reader, Record, Source
from .markup import without_markup
from .tagged import Block, blocks, year_in

_FIRST = re.compile(r"FN [^\n]*\n\s*VR \d|PT [A-Z]\r?\n(AU|AF|BA|CA|TI) ")
_TAG = re.compile(r"([A-Z][A-Z0-9])(?: (.*))?")


def _recognises(_suffix: str, head: str) -> bool:
    return bool(_FIRST.match(head.lstrip("\ufeff \t\r\n")))


def _read(source: Source) -> Iterator[Record]:
    for block in blocks(source, lambda line: line.startswith("PT "), lambda line: line.rstrip() in {"ER", "EF"}):
        yield _record(block, source) if isinstance(block, Block) else block


def _record(block: Block, source: Source) -> Record:
    fields = _fields(block.lines)

    def text(tag: str) -> str:
        return without_markup(" ".join(fields.get(tag, [])))

    if not text("TI"):
        return source.malformed(block.line, "the record has no title (TI)")
    people = fields.get("AF") or fields.get("AU") or []  # full names, or initials
    paper = Paper(
        title=text("TI"),
        abstract=text("AB"),
        authors=(*people, *(name.replace(",", " ") for name in fields.get("CA", []))),
        year=year_in(text("PY"), text("EA"), text("PD")),
        venue=text("SO"),
        doi=text("DI"),
    )
    return replace(paper, source=source.name)


def _fields(lines: list[str]) -> dict[str, list[str]]:
    """The lines under each tag; what goes on with it is indented."""
    fields: dict[str, list[str]] = {}
    tag = ""
    for line in lines:
        if found := _TAG.fullmatch(line):
            tag = found[1]
            line = found[2] or ""
        if tag and line.strip():
            fields.setdefault(tag, []).append(line.strip())
    return fields


READER = Reader("Web of Science", 3, _recognises, _read)
