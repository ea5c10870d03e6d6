"""PubMed's `.nbib`, also called MEDLINE: tags of up to four letters, records parted by an empty line."""

import re
from collections.abc import Iterator

from ..papers import Paper
from .base import Reader, Record, Source
from .pubmed import address_of, plain_title
from .tagged import Block, blocks, year_in

_FIRST = re.compile(r"PMID ?- ?\d")
_TAG = re.compile(r"([A-Z]{2,4}) {0,2}-(?: (.*))?")


def _recognises(_suffix: str, head: str) -> bool:
    return bool(_FIRST.match(head.lstrip("\ufeff \t\r\n")))


def _read(source: Source) -> Iterator[Record]:
    for block in blocks(source, lambda line: bool(_FIRST.match(line)), lambda line: not line.strip()):
        yield _record(block, source) if isinstance(block, Block) else block


def _record(block: Block, source: Source) -> Record:
    fields = list(_fields(block.lines))

    def all_of(*tags: str) -> list[str]:
        return [value for tag, value in fields if tag in tags and value]

    def first(*tags: str) -> str:
        return next((value for tag in tags for value in all_of(tag)), "")

    title = plain_title(first("TI")) or plain_title(first("TT")) or plain_title(first("BTI"))
    if not title:
        return source.malformed(block.line, "the record has no title (TI)")
    people = "FAU" if all_of("FAU") else "AU"
    return Paper(
        title=title,
        abstract=first("AB"),
        authors=tuple(
            value.replace(",", " ") if tag == "CN" else value
            for tag, value in fields
            if tag in {people, "CN"} and value
        ),
        year=year_in(first("DP"), first("DEP"), first("CDAT")),
        venue=first("JT", "TA", "BTI" if first("TI") else "PB", "PB"),
        doi=next(
            (value.removesuffix("[doi]").strip() for value in all_of("LID", "AID") if value.endswith("[doi]")), ""
        ),
        url=address_of(first("PMID")),
        source=source.name,
    )


def _fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Each tag with its value; a line that goes on begins with six spaces."""
    tag, parts = "", list[str]()
    for line in lines:
        if found := _TAG.fullmatch(line):
            yield tag, " ".join(parts)
            tag, parts = found[1], [(found[2] or "").strip()]
        else:
            parts.append(line.strip())
    yield tag, " ".join(parts)


READER = Reader("PubMed", 4, _recognises, _read)
