"""Which stored paper a record is the same as, and what the two become. One transaction, a batch of records."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from .papers import Paper, title_key
from .schema import PaperRow

SQL_VARIABLES = 500  # SQLite allows 32,766 in a statement; smaller statements read better in a log
FIELDS = ("title", "abstract", "authors", "year", "venue", "doi", "arxiv_id", "url", "source")


class State(StrEnum):
    """Where a paper stands between the catalogue and the index of meanings."""

    PENDING = "pending"
    INDEXED = "indexed"
    REMOVED = "removed"


class Outcome(StrEnum):
    """What adding one record did."""

    NEW = "new"
    UPDATED = "updated"
    SAME = "same"


class Known:
    """The stored rows that a batch of records may be the same papers as, by what identifies them."""

    def __init__(self, session: Session, papers: Sequence[Paper]) -> None:
        """Reads all rows that share a DOI, an arXiv id, a title or an id with one of the papers."""
        self._session = session
        self._order: dict[PaperRow, int] = {}  # of adding
        self._rows: dict[tuple[str, str], dict[PaperRow, None]] = {}  # by the name and value of what identifies them
        rows: dict[int, PaperRow] = {}
        wanted: list[tuple[InstrumentedAttribute[str], set[str]]] = [
            (PaperRow.doi, {paper.doi for paper in papers if paper.doi}),
            (PaperRow.arxiv_id, {paper.arxiv_id for paper in papers if paper.arxiv_id}),
            (PaperRow.title_key, {title_key(paper.title) for paper in papers}),
        ]
        for column, values in wanted:
            for part in parts(sorted(values)):
                rows |= {row.position: row for row in session.scalars(select(PaperRow).where(column.in_(part)))}
        ids = sorted({paper.id for paper in papers})
        self._ids = {row_id for part in parts(ids) for row_id in session.scalars(_ids_in(part))}
        for position in sorted(rows):
            self._note(rows[position])

    def put(self, paper: Paper) -> tuple[Outcome, Paper]:
        """Stores one record: as a new paper, or merged into the one it is the same as."""
        row = self.find(paper)
        if row is None:
            row = PaperRow(id=self._free_id(paper.id), revision=0, passage_count=0)
            self._session.add(row)
            _fill(row, paper)
            self._note(row)
            return Outcome.NEW, as_paper(row)
        known = as_paper(row)
        merged = replace(known, **{name: value for name in FIELDS if (value := getattr(paper, name))})
        returned = row.state == State.REMOVED
        if replace(merged, source=known.source) == known and not returned:
            return Outcome.SAME, known
        _fill(row, merged)
        self._note(row)
        return Outcome.NEW if returned else Outcome.UPDATED, as_paper(row)

    def find(self, paper: Paper) -> PaperRow | None:
        """The row of the same paper: DOI, else arXiv id, else the title with no contradicting year or identifier."""
        for name, value in (("doi", paper.doi), ("arxiv_id", paper.arxiv_id)):
            if value and (rows := self._having(name, value)):
                return rows[0]
        for row in self._having("title_key", title_key(paper.title)):
            near = not paper.year or row.year is None or abs(row.year - paper.year) <= 1
            if near and _agree(row.doi, paper.doi) and _agree(row.arxiv_id, paper.arxiv_id):
                return row
        return None

    def _having(self, name: str, value: str) -> list[PaperRow]:
        """The rows with this value, in the order of adding; some may have had it before an earlier record only."""
        rows = [row for row in self._rows.get((name, value), ()) if getattr(row, name) == value]
        return sorted(rows, key=self._order.__getitem__)

    def _note(self, row: PaperRow) -> None:
        self._order.setdefault(row, len(self._order))
        for name in ("doi", "arxiv_id", "title_key"):
            self._rows.setdefault((name, getattr(row, name)), {})[row] = None

    def _free_id(self, wanted: str) -> str:
        """`wanted`, or with a counter behind it if another paper with the same title came first."""
        candidate, number = wanted, 2
        while candidate in self._ids or (number > 2 and self._session.scalars(_ids_in([candidate])).first()):
            candidate, number = f"{wanted}-{number}", number + 1
        self._ids.add(candidate)
        return candidate


def as_paper(row: Any) -> Paper:
    """The paper that a row, or a result with the columns of one, describes."""
    fields = {name: getattr(row, name) for name in FIELDS}
    return Paper(**{**fields, "authors": tuple(row.authors), "id": row.id})


def parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """The values in pieces that one statement can take."""
    for start in range(0, len(values), SQL_VARIABLES):
        yield values[start : start + SQL_VARIABLES]


def present() -> ColumnElement[bool]:
    """That a paper is not removed."""
    return PaperRow.state != State.REMOVED


def _ids_in(ids: Iterable[str]) -> Any:
    return select(PaperRow.id).where(PaperRow.id.in_(list(ids)))


def _agree(known: str, given: str) -> bool:
    return not known or not given or known == given


def _fill(row: PaperRow, paper: Paper) -> None:
    """Writes a changed paper; both indexes are behind from now on if they hold anything that has changed."""
    if row.state in (None, State.REMOVED) or searched_by(row) != searched_by(paper):
        row.state, row.worded, row.revision = State.PENDING, False, row.revision + 1
    for name in FIELDS:
        setattr(row, name, getattr(paper, name))
    row.title_key, row.content_hash = title_key(paper.title), paper.content_hash


def searched_by(record: PaperRow | Paper) -> tuple[Any, ...]:
    """What either index holds of a paper."""
    return record.content_hash, tuple(record.authors), record.year, record.source
