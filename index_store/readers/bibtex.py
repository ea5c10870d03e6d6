"""BibTeX and BibLaTeX, as reference managers, publishers and people write them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..identifiers import arxiv_id_of_address, bare_arxiv_id, bare_doi, doi_of_address, named_arxiv_id
from ..papers import Paper
from .base import Reader, Record, Remark, Source
from .bibtex_blocks import Block, blocks
from .latex import to_text
from .markup import without_markup

_FIRST_ENTRY = re.compile(
    r"(?:\s|%[^\n]*(?:\n|\Z)|Scopus[ \t]*\n|EXPORT DATE:[^\n]*(?:\n|\Z))*@\s*[A-Za-z]+\s*[{(]", re.IGNORECASE
)
_SUFFIXES = {".bib", ".bibtex", ".biblatex"}
_OTHER_FORMAT = ("<", "[", "{")
_YEAR = re.compile(r"(?<!\d)[12]\d{3}(?!\d)")
_AND = re.compile(r"\\.|[{}]|(?<=\s)and(?=\s)", re.IGNORECASE | re.DOTALL)
_COMMA = re.compile(r"\\.|[{},]", re.DOTALL)
_NAMED_PART = re.compile(r"\s*(family|given|prefix|suffix)(?:-i)?\s*=\s*(.*)", re.IGNORECASE | re.DOTALL)
_NAMESAKE = re.compile(r"\s\d{4}\Z")  # DBLP tells people of one name apart: "Wei Wang 0001"
_URL_COMMAND = re.compile(r"\\url\s*\{(.*)\}", re.DOTALL)
_VOLUMES = {"proceedings", "mvproceedings", "collection", "mvcollection", "book", "mvbook"}
_NOT_PAPERS = {"proceedings", "mvproceedings"}
_HELPERS = {"xdata", "set"}
_VENUES = ("journaltitle", "journal", "booktitle", "school", "institution", "organization")
_PLACES_OF_ARXIV_IDS = ("journal", "journaltitle", "note", "number", "howpublished", "eprint", "volume", "pages")
_MOST_HELD = 10_000  # entries that wait for their volume, and volumes that are remembered
_JOURNALS = {  # the commands that ADS writes for journals
    r"\aap": "Astronomy & Astrophysics",
    r"\aj": "The Astronomical Journal",
    r"\apj": "The Astrophysical Journal",
    r"\apjl": "The Astrophysical Journal Letters",
    r"\apjs": "The Astrophysical Journal Supplement Series",
    r"\araa": "Annual Review of Astronomy and Astrophysics",
    r"\jcap": "Journal of Cosmology and Astroparticle Physics",
    r"\mnras": "Monthly Notices of the Royal Astronomical Society",
    r"\nat": "Nature",
    r"\pasp": "Publications of the Astronomical Society of the Pacific",
    r"\prd": "Physical Review D",
    r"\prl": "Physical Review Letters",
}


def _recognises(suffix: str, head: str) -> bool:
    text = head.lstrip("\ufeff \t\r\n")
    return bool(_FIRST_ENTRY.match(text)) or (suffix in _SUFFIXES and not text.startswith(_OTHER_FORMAT))


def _read(source: Source) -> Iterator[Record]:
    volumes: dict[str, Mapping[str, str]] = {}
    waiting: list[Block] = []
    only_volumes = 0
    for block in blocks(source):
        if not isinstance(block, Block):
            yield block
            continue
        if block.type in _VOLUMES and len(volumes) < _MOST_HELD:
            volumes[block.key.lower()] = {
                name: block.fields.get(name, "") for name in ("title", "booktitle", "year", "date")
            }
        if block.type in _HELPERS:
            continue
        if block.type in _NOT_PAPERS and not block.fields.get("abstract"):
            only_volumes += 1
        elif "crossref" in block.fields and not _has(block, volumes) and len(waiting) < _MOST_HELD:
            waiting.append(block)
        else:
            yield _record(block, source, volumes)
    for block in waiting:
        yield _record(block, source, volumes)
    if only_volumes:
        yield Remark(
            source.label, f"{only_volumes} proceedings without an abstract are volumes, and not taken for papers."
        )


def _has(block: Block, volumes: Mapping[str, object]) -> bool:
    return block.fields["crossref"].strip().lower() in volumes


def _record(block: Block, source: Source, volumes: Mapping[str, Mapping[str, str]]) -> Record:
    volume = volumes.get(block.fields.get("crossref", "").strip().lower(), {})
    inherited = {"booktitle": volume.get("booktitle") or volume.get("title", "")}
    inherited |= {name: volume[name] for name in ("year", "date") if volume.get(name)}
    paper = paper_of(inherited | block.fields)
    if not paper.title:
        return source.malformed(block.line, f"the entry {block.key[:60]!r} has no title")
    return replace(paper, source=source.name)


def paper_of(fields: Mapping[str, str]) -> Paper:
    """The paper that the fields of an entry describe; names of fields in small letters, values with their LaTeX."""
    written = _address(fields)
    # Braces in an address mean that it is not to be looked through; `writers.bibtex` rests on that.
    url, looked_through = _identifier(written), "" if "{" in written else _identifier(written)
    return Paper(
        title=": ".join(text for name in ("title", "subtitle") if (text := _text(fields.get(name, "")))),
        abstract=_text(fields.get("abstract", "")),
        authors=tuple(names_in(fields.get("author", ""))),
        year=_year(fields),
        venue=next((text for name in _VENUES if (text := _venue(fields.get(name, "")))), "") or _publisher(fields),
        doi=_identifier(fields.get("doi", "")) or doi_of_address(looked_through) or bare_doi(fields.get("note", "")),
        arxiv_id=_arxiv_id(fields) or arxiv_id_of_address(looked_through),
        url=url,
    )


def _text(latex: str) -> str:
    # Mendeley writes the tags that publishers leave in abstracts so.
    return to_text(without_markup(latex.replace(r"{\textless}", "<").replace(r"{\textgreater}", ">"), in_latex=True))


def _venue(latex: str) -> str:
    return _JOURNALS.get(latex.strip()) or _text(latex)


def _publisher(fields: Mapping[str, str]) -> str:
    publisher = _text(fields.get("publisher", ""))
    return "" if publisher == "arXiv" else publisher  # the publisher of what is not published


def _year(fields: Mapping[str, str]) -> int | None:
    for name in ("year", "date"):
        if found := _YEAR.search(fields.get(name, "")):
            return int(found[0])
    return None


def _identifier(value: str) -> str:
    """An address or a number, which most tools write as it is, and some with LaTeX."""
    return to_text(value) if "\\" in value or "{" in value else " ".join(value.split())


def _address(fields: Mapping[str, str]) -> str:
    """The address as it is written."""
    howpublished = fields.get("howpublished", "").strip()
    named = (fields.get(name, "").strip() for name in ("url", "ee", "link", "bdsk-url-1", "adsurl"))
    found = next((value for value in named if value), "")
    if not found and howpublished.startswith((r"\url", "http://", "https://")):
        found = howpublished
    command = _URL_COMMAND.fullmatch(found)
    return command[1] if command else found


def _arxiv_id(fields: Mapping[str, str]) -> str:
    kind = fields.get("archiveprefix") or fields.get("eprinttype") or ""
    named = fields.get("arxivid") or (fields.get("eprint", "") if kind.strip().lower() == "arxiv" else "")
    if named.strip():
        return _identifier(named)
    if found := next((found for name in _PLACES_OF_ARXIV_IDS if (found := named_arxiv_id(fields.get(name, "")))), ""):
        return found
    if fields.get("journal", "").strip() == "CoRR":  # DBLP's name for arXiv
        return bare_arxiv_id(fields.get("volume", "").strip().removeprefix("abs/"))
    return "" if kind else bare_arxiv_id(fields.get("eprint", ""))


def names_in(value: str) -> Iterator[str]:
    """The names in a field of authors, given names first."""
    for written in _split(_AND, value):
        name = written.strip()
        if name and name.lower() not in {"others", "et al", "et al."} and (spoken := _spoken(name)):
            yield spoken


def _spoken(written: str) -> str:
    """A name, given names first and without commas."""
    parts = [part.strip() for part in _split(_COMMA, _NAMESAKE.sub("", written))]
    named = {found[1].lower(): found[2].strip().strip('"') for part in parts if (found := _NAMED_PART.fullmatch(part))}
    if "family" in named:
        parts = [named.get(name, "") for name in ("given", "prefix", "family", "suffix")]
    elif len(parts) == 2:
        parts.reverse()
    elif len(parts) > 2:  # "Last, Jr, First"
        parts = [parts[2], parts[0], parts[1], *parts[3:]]
    return " ".join(_text(" ".join(part for part in parts if part)).replace(",", " ").split())


def _split(marks: re.Pattern[str], value: str) -> Iterator[str]:
    """The parts of a value between separators that stand in no braces."""
    depth, start = 0, 0
    for mark in marks.finditer(value):
        if mark[0] in "{}":
            depth += 1 if mark[0] == "{" else -1
        elif mark[0][0] != "\\" and depth <= 0:
            yield value[start : mark.start()]
            start = mark.end()
    yield value[start:]


READER = Reader("BibTeX", 2, _recognises, _read)
