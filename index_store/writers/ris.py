"""RIS, a tag to a line; an arXiv id is the accession number."""

from collections.abc import Iterable, Iterator

from ..papers import Paper, normalise
from ..readers.markup import with_markup_escaped
from ..readers.ris import paper_of
from .names import family_and_given, is_conference, same


def pieces(papers: Iterable[Paper]) -> Iterator[str]:
    """A record per paper, with an empty line after it."""
    for paper in papers:
        yield _record(normalise(paper))


# Tags for the venue and the address; those of the later pairs are not looked through for a DOI or an arXiv id.
_CAREFULLY = (("T2", "UR"), ("T2", "LK"), ("BT", "UR"), ("BT", "LK"))


def _record(paper: Paper) -> str:
    lines: list[str] = []
    for venue, address in _CAREFULLY:
        lines = _lines(paper, venue, address)
        if same(normalise(paper_of(lines)), paper):
            break
    return "\n".join([*lines, "ER  - ", "", ""])


def _lines(paper: Paper, venue: str, address: str) -> list[str]:
    kind = "GEN"
    if paper.venue:
        kind = "CPAPER" if is_conference(paper) else "JOUR"
    fields = [
        ("TY", kind),
        ("TI", with_markup_escaped(paper.title)),
        *(("AU", with_markup_escaped(_author(name))) for name in paper.authors),
        ("PY", str(paper.year or "")),
        (venue, with_markup_escaped(paper.venue)),
        ("DO", paper.doi),
        ("AN", f"arXiv:{paper.arxiv_id}" if paper.arxiv_id else ""),
        (address, paper.url),
        ("AB", with_markup_escaped(paper.abstract)),
    ]
    return [f"{tag}  - {value}" for tag, value in fields if value]


def _author(name: str) -> str:
    family, given = family_and_given(name)
    return f"{family}, {given}" if given else family
