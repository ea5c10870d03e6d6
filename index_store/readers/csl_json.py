"""CSL-JSON: what Zotero and Mendeley export, Pandoc cites from, and Crossref and DataCite answer with."""

import re
from collections.abc import Iterator
from typing import Any

from ..identifiers import arxiv_id_of_address, bare_arxiv_id, named_arxiv_id
from ..papers import Paper
from .base import Reader, Record, Source
from .json_fields import objects, part, text, titled, year
from .json_stream import read_objects
from .markup import without_markup

_TYPES = (
    "article|article-journal|article-magazine|article-newspaper|bill|book|broadcast|chapter|classic|collection|dataset"
    "|document|entry|entry-dictionary|entry-encyclopedia|event|figure|graphic|hearing|interview|legal_case|legislation"
    "|manuscript|map|motion_picture|musical_score|pamphlet|paper-conference|patent|performance|periodical"
    "|personal_communication|post|post-weblog|regulation|report|review|review-book|software|song|speech|standard|thesis"
    "|treaty|webpage|journal-article|proceedings-article|proceedings|posted-content|book-chapter|book-section|monograph"
    "|edited-book|reference-entry|dissertation|peer-review|component|other"
)
_ITEM = re.compile(rf'"type"\s*:\s*"({_TYPES})"|"(issued|container-title|citation-key)"\s*:')
_NOT_AN_ITEM = re.compile(r'"authors"\s*:')
_DATES = ("issued", "published", "published-print", "published-online", "submitted", "original-date")


def _recognises(_suffix: str, head: str) -> bool:
    begins = head.lstrip("\ufeff \t\r\n").startswith(("{", "["))
    return begins and bool(_ITEM.search(head)) and not _NOT_AN_ITEM.search(head)


def _read(source: Source) -> Iterator[Record]:
    return read_objects(source, _paper)


def _paper(item: dict[str, Any], source: str) -> Paper:
    return Paper(
        title=titled(without_markup(text(item.get("title"), item.get("title-short")))),
        abstract=without_markup(text(item.get("abstract"))),
        authors=tuple(name for author in _names(item) if (name := _name(author))),
        year=next((found for name in _DATES if (found := _year(item.get(name)))), None),
        venue=without_markup(_venue(item)),
        doi=text(item.get("DOI"), item.get("doi")),
        arxiv_id=_arxiv_id(item),
        url=text(item.get("URL"), item.get("url")),
        source=source,
    )


def _names(item: dict[str, Any]) -> list[dict[str, Any]]:
    return objects(item.get("author")) or objects(item.get("editor"))


def _name(author: dict[str, Any]) -> str:
    """Given name, particles ("van der"), family name and suffix ("Jr."), or the name of an institution."""
    parts = (
        text(author.get(name)).rstrip(",")
        for name in ("given", "dropping-particle", "non-dropping-particle", "family", "suffix")
    )
    return " ".join(filter(None, parts)) or text(author.get("literal"), author.get("name"))


def _year(date: Any) -> int | None:
    """In whichever way the date is told: in parts, of which the first is the year, or as text."""
    if not isinstance(date, dict):
        return year(date)
    parts = date.get("date-parts")
    first = parts[0] if isinstance(parts, list) and parts else None
    return year(first[:1] if isinstance(first, list) else first, date.get("literal"), date.get("raw"))


def _venue(item: dict[str, Any]) -> str:
    names = ("container-title", "event-title", "event")
    venue = text(*(part(item, name, "name") or item.get(name) for name in names))
    publisher = text(part(item, "publisher", "name") or item.get("publisher"))
    return venue or ("" if publisher == "arXiv" else publisher)  # that of what is not published


def _arxiv_id(item: dict[str, Any]) -> str:
    """Where Zotero (`number`, the address), its older releases (`note`) and others put it."""
    if any("arxiv" in text(item.get(name)).lower() for name in ("archive", "publisher", "source")):
        for name in ("archive_location", "archive-location", "number"):
            if found := bare_arxiv_id(text(item.get(name))):
                return found
    notes = [text(item.get(name)) for name in ("number", "archive_location", "archive", "note", "container-title")]
    lines = [line for note in notes for line in note.splitlines()]
    named = next((found for line in lines if (found := named_arxiv_id(line))), "")
    return named or arxiv_id_of_address(text(item.get("URL")))


READER = Reader("CSL-JSON", 14, _recognises, _read)
