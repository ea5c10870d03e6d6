"""Papers as Semantic Scholar gives them: its Graph API (search, batch, citations, one paper) and its data sets."""

import re
from collections.abc import Iterator
from typing import Any

from ..papers import Paper
from .base import Reader, Record, Source
from .json_fields import objects, part, text, titled, year
from .json_stream import read_objects

_PAPER = re.compile(r'"(paperId|externalIds|externalids|corpusid|corpusId|citingPaper|citedPaper|openaccessinfo)"\s*:')
_AROUND = ("citingPaper", "citedPaper", "paper")  # in lists of citations and of references


def _recognises(_suffix: str, head: str) -> bool:
    return head.lstrip("\ufeff \t\r\n").startswith(("{", "[")) and bool(_PAPER.search(head))


def _read(source: Source) -> Iterator[Record]:
    return read_objects(source, _paper)


def _paper(found: dict[str, Any], source: str) -> Paper:
    inner = next((found[name] for name in _AROUND if isinstance(found.get(name), dict)), found)
    record = {name.lower(): value for name, value in inner.items()}  # its data sets spell the names so
    if "openaccessinfo" in record and "title" not in record:
        raise ValueError("the record has no title; the data set `abstracts` holds none, `papers` does")
    known = _in_small_letters(record.get("externalids"))
    return Paper(
        title=titled(text(record.get("title"))),
        abstract=text(record.get("abstract")),
        authors=tuple(name for author in objects(record.get("authors")) if (name := text(author.get("name")))),
        year=year(record.get("year"), record.get("publicationdate")),
        venue=text(record.get("venue"), part(record, "publicationvenue", "name"), part(record, "journal", "name")),
        doi=text(known.get("doi")),
        arxiv_id=text(known.get("arxiv")),
        url=text(record.get("url")),
        source=source,
    )


def _in_small_letters(value: Any) -> dict[str, Any]:
    return {name.lower(): inner for name, inner in value.items()} if isinstance(value, dict) else {}


READER = Reader("Semantic Scholar", 12, _recognises, _read)
