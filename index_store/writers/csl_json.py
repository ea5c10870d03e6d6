"""CSL-JSON, as Zotero and Pandoc take it: one array, written a paper at a time."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..identifiers import arxiv_id_of_address, named_arxiv_id
from ..papers import Paper, normalise
from ..readers.markup import with_markup_escaped
from .names import family_and_given, is_conference


def pieces(papers: Iterable[Paper]) -> Iterator[str]:
    """The array, an object to a line."""
    yield "["
    separator = "\n"
    for paper in papers:
        yield f"{separator}{json.dumps(_item(normalise(paper)), ensure_ascii=False)}"
        separator = ",\n"
    yield "\n]\n"


def _item(paper: Paper) -> dict[str, Any]:
    kind = "article"
    if paper.venue:
        kind = "paper-conference" if is_conference(paper) else "article-journal"
    # Where the reader would find an arXiv id that the paper does not have, it gets the text under another name.
    venue = "container-title" if paper.arxiv_id or not named_arxiv_id(paper.venue) else "event-title"
    address = "URL" if paper.arxiv_id or not arxiv_id_of_address(paper.url) else "url"
    fields = {
        "title": with_markup_escaped(paper.title),
        "author": [_author(name) for name in paper.authors],
        "issued": {"date-parts": [[paper.year]]} if paper.year else None,
        venue: with_markup_escaped(paper.venue),
        "DOI": paper.doi,
        "number": f"arXiv:{paper.arxiv_id}" if paper.arxiv_id else "",
        address: paper.url,
        "abstract": with_markup_escaped(paper.abstract),
    }
    return {"id": paper.id, "type": kind} | {name: value for name, value in fields.items() if value}


def _author(name: str) -> dict[str, str]:
    family, given = family_and_given(name)
    return {"family": family, "given": given} if given else {"literal": name}
