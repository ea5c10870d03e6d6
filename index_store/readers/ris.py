"""RIS, in the dialects of Zotero, Mendeley, EndNote, PubMed, Scopus, Web of Science and publishers' pages."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from rispy import RisParser

from ..identifiers import arxiv_id_of_address, bare_doi, doi_of_address, named_arxiv_id
from ..papers import Paper
from .base import Reader, Record, Source
from .markup import without_markup
from .tagged import Block, blocks, year_in

_BEGINS = re.compile(r"\s{0,3}TY {1,2}-(\s|$)")
_ENDS = re.compile(r"\s{0,3}ER {1,2}-")
_TAG = re.compile(r"\s{0,3}([A-Z][A-Z0-9])  ?-(?:\s|$)")
_WIDE_TAG = re.compile(r"\s{0,3}([A-Z][A-Z0-9])  -(?:\s|$)")  # where the first line is wide, "AI - based" is no tag
_FIRST = re.compile(r"(?:[^\n]{0,200}\n){0,10}?\s{0,3}TY {1,2}- ")
_VENUES = ("JF", "T2", "JO", "BT", "C3", "JA", "J2", "J1")
_TAGS = (
    *("TY", "TI", "T1", "CT", "AB", "N2", "AU", "A1", "PY", "Y1", "DA", "DO", "UR", "LK", "L3", "M3", "AN", "M1", "N1"),
    *_VENUES,
    "PB",
)


class _Parser(RisParser):  # type: ignore[misc]  # it comes without types
    """Every tag by its own name, each a list of what its lines say."""

    DEFAULT_MAPPING = {tag: tag for tag in _TAGS}  # noqa: RUF012  # as the class it extends has it
    DEFAULT_LIST_TAGS = list(_TAGS)  # noqa: RUF012
    DEFAULT_DELIMITER_MAPPING: dict[str, str] = {}  # noqa: RUF012  # an address may hold a ";"

    def parse_line(self, line: str) -> tuple[str, str]:
        """The tag and the content of a line, which `_joined` has made sure begins with a tag."""
        tag, _, content = line.strip().partition("-")
        return tag.strip(), content.strip()


def _recognises(_suffix: str, head: str) -> bool:
    return bool(_FIRST.match(head.lstrip("\ufeff \t\r\n")))


def _read(source: Source) -> Iterator[Record]:
    for block in blocks(source, lambda line: bool(_BEGINS.match(line)), lambda line: bool(_ENDS.match(line))):
        yield _record(block, source) if isinstance(block, Block) else block


def _record(block: Block, source: Source) -> Record:
    paper = paper_of(block.lines)
    if not paper.title:
        return source.malformed(block.line, "the record has no title (TI or T1)")
    return replace(paper, source=source.name)


def paper_of(lines: list[str]) -> Paper:
    """The paper that the lines of one record describe, from its `TY` on, with or without its `ER`."""
    parser = _Parser(skip_unknown_tags=True)
    found: Mapping[str, list[str]] = parser.parse_lines(iter([*_joined(lines), "ER  - "]))[0]

    def first(*tags: str) -> str:
        return next((value for tag in tags for value in found.get(tag, []) if value), "")

    address = first("UR", "L3")
    return Paper(
        title=without_markup(first("TI", "T1", "CT", "BT")),
        abstract=without_markup(" ".join(found.get("AB", []) or found.get("N2", []))),
        authors=tuple(without_markup(name) for name in found.get("AU", []) + found.get("A1", [])),
        year=year_in(first("PY"), first("Y1"), first("DA")),
        venue=without_markup(first(*_VENUES)) or _publisher(first("PB")),
        doi=first("DO")
        or bare_doi(first("M3"))
        or bare_doi(first("L3"))
        or _doi_of_notes(found)
        or doi_of_address(address),
        arxiv_id=_arxiv_id(found) or arxiv_id_of_address(address),
        url=address or first("LK"),
    )


def _publisher(name: str) -> str:
    return "" if name == "arXiv" else without_markup(name)  # the publisher of what is not published


def _joined(lines: list[str]) -> Iterator[str]:
    """The lines that begin with a tag, each with those that go on with it."""
    tag = _WIDE_TAG if _WIDE_TAG.match(lines[0]) else _TAG
    parts = [lines[0].strip()]
    for line in lines[1:]:
        if tag.match(line):
            yield " ".join(parts)
            parts = []
        parts.append(line.strip())
    yield " ".join(parts)


def _doi_of_notes(found: Mapping[str, list[str]]) -> str:
    notes = (note for note in found.get("N1", []) if note.lower().startswith("doi"))
    return next((doi for note in notes if (doi := bare_doi(note))), "")


def _arxiv_id(found: Mapping[str, list[str]]) -> str:
    for number in found.get("AN", []):
        if number.startswith("arXiv:"):
            return number.removeprefix("arXiv:").strip()
    places = (value for tag in ("M1", "N1", "JO", "JF", "T2", "JA") for value in found.get(tag, []))
    return next((number for value in places if (number := named_arxiv_id(value))), "")


READER = Reader("RIS", 3, _recognises, _read)
