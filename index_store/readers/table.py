"""Tables (CSV, and with tabs or semicolons): what each column holds is guessed from its name, and told."""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ..errors import ReaderError
from ..identifiers import arxiv_id_of_address, named_arxiv_id
from ..papers import Paper
from .base import Malformed, Reader, Record, Remark, Source
from .markup import without_markup
from .name_lists import names_in
from .tagged import year_in

# Names of columns in small letters, signs left out, the best first: those of Zotero, Scopus, Web of Science (two
# letters), Dimensions, PubMed, IEEE Xplore, Publish or Perish and what people call them.
_COLUMNS = {
    "title": "title|article title|document title|paper title|ti|display name|titles|papertitle",
    "authors": "author full names|af|authors|author|au|author s|author names|creators",
    "year": "year|publication year|pubyear|py|date|publication date|published|cover date|issued|pub year",
    "venue": "source title|journal|journal book|so|publication title|venue|booktitle|book title|container title"
    "|journal title|proceedings title|conference|conference name|publication|anthology title|source",
    "doi": "doi|di|doi link|digital object identifier",
    "arxiv_id": "arxiv id|arxiv|arxivid|arxiv number",
    "url": "url|link|articleurl|article url|source linkout|pdf link|urls",
    "abstract": "abstract|abstract note|ab|abstracts|abstract text|summary|summaries",
    "note": "extra|notes|note",
}
_SHOWN = {"doi": "DOI", "arxiv_id": "arXiv id", "url": "address", "note": "arXiv id"}
_ANOTHER_TITLE = re.compile(r"(\w+ ){0,2}title")
_DELIMITERS = ",\t;|"
_FIRST_ROWS = 5  # among which the names of the columns stand; Dimensions and Excel put a line before them
_LONGEST_COLUMN_NAME = 4  # words
_LONGEST_LIST = 1_000  # characters of names of columns that are shown
_LONGEST_ROW = 1_000_000  # characters, after which a quote is taken to be left open
_MOST_LEFT_OPEN = 20  # rows, after which a line is a row, whatever quotes it has
_CLOSING = re.compile(r'[^"]*+(?:""[^"]*+)*+"')
_SUFFIXES = (".csv", ".tsv", ".tab")
_NOTHING = re.compile(r"\[?no (abstract|author name|author id|title) available\]?\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Header:
    """How a table is cut, the names of its columns, and in which of them a field of a paper is."""

    row: int
    delimiter: str
    names: tuple[str, ...]
    places: dict[str, int]


def _recognises(suffix: str, head: str) -> bool:
    if suffix in _SUFFIXES:
        return not head.lstrip("\ufeff \t\r\n").startswith(("{", "<"))
    found = _header(head)
    return found is not None and "title" in found.places and len(found.names) > 1


def _read(source: Source) -> Iterator[Record]:
    header = _header(source.head)
    if header is None or "title" not in header.places:
        first = next((line for line in source.head.splitlines() if line.strip()), "")
        shown = header.names if header else _cells(first, _most(first))
        raise ReaderError(f"{source.label} has no column that is called title; its columns are: {_listed(shown)}.")
    yield Remark(source.label, _told(header))
    for row in _rows(source, header):
        yield row if isinstance(row, Malformed) else _record(*row, header, source)


def _header(head: str) -> _Header | None:
    """The first line that has a title among short names of columns; else the first of several short names."""
    lines = head.splitlines()[:20]
    rows = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()][:_FIRST_ROWS]
    found = [header for number, line in rows for sign in _DELIMITERS if (header := _as_header(number, line, sign))]
    titled = [header for header in found if "title" in header.places]
    return max(titled or found[:1], key=lambda header: (len(header.places), len(header.names)), default=None)


def _as_header(number: int, line: str, delimiter: str) -> _Header | None:
    names = tuple(_cells(line.lstrip("\ufeff\0"), delimiter))
    places = _places(names)
    short = all(len(name.split()) <= _LONGEST_COLUMN_NAME or "(" in name for name in names)
    return _Header(number, delimiter, names, places) if short and (len(names) > 1 or "title" in places) else None


def _places(names: tuple[str, ...]) -> dict[str, int]:
    plain = [" ".join(re.findall(r"[a-z0-9]+", name.lower())) for name in names]
    places = {
        field: plain.index(known[0])
        for field, spellings in _COLUMNS.items()
        if (known := [spelling for spelling in spellings.split("|") if spelling in plain])
    }
    if "title" not in places:
        other = [place for place, name in enumerate(plain) if _ANOTHER_TITLE.fullmatch(name)]
        if other:
            places = {field: place for field, place in places.items() if place != other[0]} | {"title": other[0]}
    return places


def _told(header: _Header) -> str:
    taken = {field: header.names[place] for field, place in header.places.items()}
    known = "; ".join(f"{_SHOWN.get(field, field)} from {name!r}" for field, name in taken.items())
    rest = [name for name in header.names if name and name not in taken.values()]
    return f"{known}. " + (f"Not used: {_listed(rest)}." if rest else "Every column is used.")


def _listed(names: Sequence[str]) -> str:
    """The names as they can be shown on one line, however a file spells them."""
    text = ", ".join(names)[:_LONGEST_LIST]
    return "".join(character if character.isprintable() else "?" for character in text)


def _most(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def _cells(text: str, delimiter: str) -> list[str]:
    """The cells of one row; a text that is in quotes may hold the delimiter and line ends."""
    if '"' not in text:
        return [cell.strip() for cell in text.split(delimiter)]
    return [cell.strip() for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter) for cell in row]


def _rows(source: Source, header: _Header) -> Iterator[tuple[int, list[str]] | Malformed]:
    """The rows below the names of the columns, each with the number of its first line.

    A row in which a quote is left open is told, and the next line begins another.
    """
    lines, waiting, left_open = islice(source.lines(), header.row, None), deque[tuple[int, str]](), 0
    quotes = _Quotes(header.delimiter)
    while (line := waiting.popleft() if waiting else next(lines, None)) is not None:
        number, text = line
        following, size, is_open = list[tuple[int, str]](), len(text), quotes.open_after(text)
        while is_open and size <= _LONGEST_ROW and left_open < _MOST_LEFT_OPEN:
            more = waiting.popleft() if waiting else next(lines, None)
            if more is None:
                break
            following.append(more)
            size += len(more[1]) + 1
            is_open = quotes.open_after(more[1], was_open=True)
        whole = "\n".join([text, *(each for _, each in following)])
        cells = None if is_open else _fitting(whole, header)
        if cells is None:
            waiting.extendleft(reversed(following))
            left_open += is_open
            cells = _fitting(text, header, literally=True)
        if cells is None:
            reason = "a quote is left open" if quotes.open_after(text) else f"more than {len(header.names)} columns"
            yield source.malformed(number, f"the row does not fit the header: {reason}")
        elif any(cells):
            yield number, cells


class _Quotes:
    """Tells where quotes are left open at the end of a line. They count where a cell begins, nowhere else."""

    def __init__(self, delimiter: str) -> None:
        self._opening = re.compile(rf'(?:^|{re.escape(delimiter)}) *"')

    def open_after(self, line: str, *, was_open: bool = False) -> bool:
        """Whether they are after the line."""
        place = 0
        while True:
            if was_open:
                closing = _CLOSING.match(line, place)
                if not closing:
                    return True
                place, was_open = closing.end(), False
            opening = self._opening.search(line, place)
            if not opening:
                return False
            place, was_open = opening.end(), True


def _fitting(text: str, header: _Header, *, literally: bool = False) -> list[str] | None:
    """The cells of a row, or nothing if there are more than columns; empty ones are added where there are fewer."""
    try:
        cells = text.split(header.delimiter) if literally else _cells(text, header.delimiter)
    except csv.Error:  # a cell that is longer than the module allows
        return None
    count = len(header.names)
    if any(cell.strip() for cell in cells[count:]) or (literally and len(cells) < count):
        return None
    return [cell.strip().strip("\0") for cell in cells[:count]] + [""] * (count - len(cells))


def _record(number: int, cells: list[str], header: _Header, source: Source) -> Record:
    fields = {field: cells[place] for field, place in header.places.items() if not _NOTHING.fullmatch(cells[place])}
    title = without_markup(fields.get("title", ""))
    if not title:
        return source.malformed(number, "the row has no title")
    url = fields.get("url", "")
    return Paper(
        title=title,
        abstract=without_markup(fields.get("abstract", "")),
        authors=names_in(fields.get("authors", "")),
        year=year_in(fields.get("year", "")),
        venue=fields.get("venue", ""),
        doi=fields.get("doi", ""),
        arxiv_id=fields.get("arxiv_id", "") or arxiv_id_of_address(url) or _noted(fields.get("note", "")),
        url=url,
        source=source.name,
    )


def _noted(note: str) -> str:
    return next((found for line in re.split(r"[\n;]", note) if (found := named_arxiv_id(line))), "")


READER = Reader("table", 30, _recognises, _read)
