"""Works as OpenAlex gives them: pages of its API, and the lines of its snapshot."""

import re
from collections.abc import Iterator
from typing import Any

from ..identifiers import arxiv_id_of_address
from ..papers import Paper
from .base import LONGEST_RECORD, Reader, Record, Source
from .json_fields import objects, part, text, titled, year
from .json_stream import read_objects
from .markup import without_markup

_WORK = re.compile(r'"id"\s*:\s*"https://openalex\.org/W\d|"abstract_inverted_index"|"authorships"')


def _recognises(_suffix: str, head: str) -> bool:
    return head.lstrip("\ufeff \t\r\n").startswith(("{", "[")) and bool(_WORK.search(head))


def _read(source: Source) -> Iterator[Record]:
    return read_objects(source, _paper)


def _paper(work: dict[str, Any], source: str) -> Paper:
    names = (part(authorship, "author", "display_name") for authorship in objects(work.get("authorships")))
    raw_names = (authorship.get("raw_author_name") for authorship in objects(work.get("authorships")))
    return Paper(
        title=titled(without_markup(text(work.get("display_name"), work.get("title")))),
        abstract=without_markup(text(work.get("abstract")) or _in_order(work.get("abstract_inverted_index"))),
        authors=tuple(name for found in zip(names, raw_names, strict=True) if (name := text(*found))),
        year=year(work.get("publication_year"), work.get("publication_date")),
        venue=text(part(work, "primary_location", "source", "display_name"), part(work, "host_venue", "display_name")),
        doi=text(work.get("doi"), part(work, "ids", "doi")),
        arxiv_id=_arxiv_id(work),
        url=text(part(work, "primary_location", "landing_page_url"), work.get("id")),
        source=source,
    )


def _in_order(index: Any) -> str:
    """The text of which only is said at which places each word stands."""
    if not isinstance(index, dict):
        return ""
    places = {
        place: word for word, found in index.items() if isinstance(found, list) for place in found if type(place) is int
    }
    if sum(map(len, places.values())) > LONGEST_RECORD:
        raise ValueError("the abstract is too long")
    return " ".join(places[place] for place in sorted(places))


def _arxiv_id(work: dict[str, Any]) -> str:
    locations = [work.get("primary_location"), *objects(work.get("locations")), work.get("best_oa_location")]
    addresses = [text(place.get(name)) for place in objects(locations) for name in ("landing_page_url", "pdf_url")]
    return next((found for address in addresses if (found := arxiv_id_of_address(address))), "")


READER = Reader("OpenAlex", 11, _recognises, _read)
