"""The Atom feed in which arXiv's API answers."""

import re
from collections.abc import Iterator

from ..papers import Paper
from .base import Reader, Record, Source
from .tagged import year_in
from .xml_records import Element, records, text_of

_ATOM = re.compile(r"<(?:\w+:)?(feed|entry)\b")
_ID = re.compile(r"https?://arxiv\.org/abs/(.+)", re.IGNORECASE)


def _recognises(_suffix: str, head: str) -> bool:
    return bool(head.lstrip("\ufeff \t\r\n").startswith("<") and _ATOM.search(head) and "arxiv.org/" in head)


def _read(source: Source) -> Iterator[Record]:
    for found in records(source, {"entry"}):
        yield _record(found, source) if isinstance(found, Element) else found


def _record(found: Element, source: Source) -> Record:
    entry = found.root
    address, title = text_of(entry.find("id")), text_of(entry.find("title"))
    abstract = text_of(entry.find("summary"))
    number = _ID.fullmatch(address)
    if title == "Error" and not number:
        return source.malformed(found.line, f"arXiv answered: {abstract.rstrip('.')}")
    if not title:
        return source.malformed(found.line, f"the entry {address[:60] or 'here'} has no title")
    return Paper(
        title=title,
        abstract=abstract,
        authors=tuple(
            name.replace(",", " ") for author in entry.findall("author") if (name := text_of(author.find("name")))
        ),
        year=year_in(text_of(entry.find("published"))),
        venue=text_of(entry.find("journal_ref")),
        doi=text_of(entry.find("doi")).partition(" ")[0],  # a paper in parts has several
        arxiv_id=number[1] if number else "",
        url=address if number else "",
        source=source.name,
    )


READER = Reader("arXiv", 6, _recognises, _read)
