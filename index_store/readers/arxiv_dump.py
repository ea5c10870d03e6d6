"""The snapshot of all that arXiv knows of its papers: JSON Lines, millions of them."""

import re
from collections.abc import Iterator
from typing import Any

from ..papers import Paper
from .base import Reader, Record, Source
from .json_fields import objects, text, titled, year
from .json_stream import read_objects
from .latex import to_text

_PAPER = re.compile(r'"authors_parsed"\s*:|"submitter"\s*:.*"categories"\s*:', re.DOTALL)
_YEAR_IN_ID = re.compile(r"(?:[a-z-]+(?:\.[A-Z]{2})?/)?(\d{2})\d{2}")
_FIRST_YEAR = 91  # of 1991, when arXiv began; smaller numbers are of this century


def _recognises(_suffix: str, head: str) -> bool:
    return head.lstrip("\ufeff \t\r\n").startswith(("{", "[")) and bool(_PAPER.search(head))


def _read(source: Source) -> Iterator[Record]:
    return read_objects(source, _paper)


def _paper(record: dict[str, Any], source: str) -> Paper:
    arxiv_id = text(record.get("id"))
    return Paper(
        title=titled(text(record.get("title"))),
        abstract=text(record.get("abstract")),
        authors=_authors(record),
        year=_year(record, arxiv_id),
        venue=text(record.get("journal-ref")),
        doi=text(record.get("doi")).partition(" ")[0],  # a paper in parts has several
        arxiv_id=arxiv_id,
        source=source,
    )


def _authors(record: dict[str, Any]) -> tuple[str, ...]:
    """Family name, given name and what follows them ("Jr."), in this order and perhaps with more, become a name."""
    parsed = record.get("authors_parsed")
    if not isinstance(parsed, list):
        return tuple(re.split(r",\s*|\s+and\s+", to_text(text(record.get("authors")))))
    names = ([*map(text, author), "", "", ""] for author in parsed if isinstance(author, list))
    return tuple(name for family, given, after, *_ in names if (name := to_text(f"{given} {family} {after}")))


def _year(record: dict[str, Any], arxiv_id: str) -> int | None:
    """That of the first version, else the one that the id begins with."""
    versions = objects(record.get("versions"))
    if versions and (found := year(versions[0].get("created"))):
        return found
    if in_id := _YEAR_IN_ID.match(arxiv_id):
        return int(in_id[1]) + (1900 if int(in_id[1]) >= _FIRST_YEAR else 2000)
    return year(record.get("update_date"))


READER = Reader("arXiv snapshot", 13, _recognises, _read)
