"""Which stored paper a record is the same as, and its being put there. One transaction, many records."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from .filters import name_words
from .papers import Paper, identity, title_key
from .records import fill, record_values, records_of
from .rows import State, as_paper, next_change, parts, rows_at
from .schema import CollectedRow, PaperRow, RecordRow


class Outcome(StrEnum):
    """What adding one record did."""

    NEW = "new"
    UPDATED = "updated"
    SAME = "same"


class Known:
    """The stored papers that a batch of records may be the same as, with their records."""

    def __init__(self, session: Session, papers: Sequence[Paper]) -> None:
        """Reads all papers with a record that shares a DOI, an arXiv id or a title with one of the batch."""
        self._session = session
        self._order: dict[PaperRow, int] = {}  # of adding
        self._by_key: dict[tuple[str, str], dict[PaperRow, None]] = {}
        self._records: dict[PaperRow, dict[tuple[str, str], Paper]] = {}  # by source and id, the latest last
        self._dirty: dict[PaperRow, None] = {}
        positions: set[int] = set()
        wanted: list[tuple[InstrumentedAttribute[str], set[str]]] = [
            (RecordRow.doi, {paper.doi for paper in papers if paper.doi}),
            (RecordRow.arxiv_id, {paper.arxiv_id for paper in papers if paper.arxiv_id}),
            (RecordRow.title_key, {title_key(paper.title) for paper in papers}),
        ]
        for column, values in wanted:
            for part in parts(sorted(values)):
                positions.update(session.scalars(select(RecordRow.position).where(column.in_(part))))
        self._read(sorted(positions))
        self._ids = {
            row_id for part in parts(sorted({p.id for p in papers})) for row_id in session.scalars(_ids_in(part))
        }

    def _read(self, positions: Sequence[int]) -> None:
        rows: dict[int, PaperRow] = {}
        for part in parts(positions):
            rows |= {row.position: row for row in self._session.scalars(rows_at(part))}
        for row in rows.values():
            self._order[row], self._records[row] = len(self._order), {}
        for position, record in records_of(self._session, positions):
            row = rows[position]
            self._records[row][record.source, record.id] = record
            self._note(row, record)

    def put(self, paper: Paper) -> tuple[Outcome, Paper]:
        """Stores one record: as a new paper, or merged into the one that it is the same as."""
        record = replace(paper, id=identity(paper), collections=())
        rows = self.matching(paper)
        row = rows[0] if rows else None
        if row is None:
            row = self._begun(paper.id)
            outcome = Outcome.NEW
        else:
            outcome = self._take_in(row, rows[1:], record)
        if outcome is not Outcome.SAME:
            for key in self._superseded(row, record):
                del self._records[row][key]  # also its own, so that the latest is the last
            self._records[row][record.source, record.id] = record
            self._note(row, record)
            self._dirty[row] = None
            before = as_paper(row) if outcome is Outcome.UPDATED and len(rows) == 1 else None
            fill(self._session, row, [*self._records[row].values()])
            if before and replace(as_paper(row), sources=before.sources) == before:
                outcome = Outcome.SAME  # another source says the same
        self._collect(row, paper.collections)
        return outcome, as_paper(row)

    def take_over(self, paper: Paper, records: Sequence[Paper], taken: set[PaperRow]) -> Outcome:
        """Stores a paper of another catalogue as it is there, or gives the same paper here what it lacks.

        What a source said here before stays, and so does a removal. Papers that are two there stay two: none is merged
        into one that is `taken`, where another of the same copy went. Its own is taken then.
        """
        row = self._counterpart(paper, records, taken)
        if row is not None and row.state in (State.REMOVED, State.GONE):
            taken.add(row)
            return Outcome.SAME
        outcome = Outcome.SAME
        if row is None:
            row = self._begun(paper.id)
            outcome = Outcome.NEW
        lacking = {(each.source, each.id): each for each in records if (each.source, each.id) not in self._records[row]}
        if lacking:
            outcome = outcome if outcome is Outcome.NEW else Outcome.UPDATED
            self._records[row] = lacking | self._records[row]  # the latest last, and those were here
            for record in lacking.values():
                self._note(row, record)
            self._dirty[row] = None
            fill(self._session, row, [*self._records[row].values()])
        self._collect(row, paper.collections)
        taken.add(row)
        return outcome

    def _begun(self, wanted_id: str) -> PaperRow:
        """A new paper, of which no source has said anything yet."""
        row = PaperRow(id=self._free_id(wanted_id), revision=0, passage_count=0, sources=())
        self._session.add(row)
        self._order[row], self._records[row] = len(self._order), {}
        return row

    def at(self, positions: Set[int]) -> set[PaperRow]:
        """Those of the stored papers that were read which are at these positions."""
        return {row for row in self._order if row.position in positions}

    def _counterpart(self, paper: Paper, records: Sequence[Paper], taken: set[PaperRow]) -> PaperRow | None:
        """What a paper of another catalogue is here: where one of its records is, else what matches one."""

        def last(row: PaperRow) -> tuple[bool, bool, int]:
            return row.state in (State.REMOVED, State.GONE), row.id != paper.id, self._order[row]

        alike = {row for record in records for key in _keys(record) for row in self._having(*key)}
        have = [row for row in alike if any(self._records[row].get((one.source, one.id)) == one for one in records)]
        matched = {row for record in records for row in self.matching(record)}
        for rows in (have, matched):
            if free := [row for row in rows if row not in taken]:
                return min(free, key=last)
        return None

    def bring_back(self, row: PaperRow, records: Sequence[Paper]) -> None:
        """Makes a removed paper what it was, or part of the one that has come to be the same in between."""
        others = [
            other
            for record in records
            for other in self.matching(record)
            if other is not row and other.state in (State.PENDING, State.INDEXED)
        ]
        if not others:
            fill(self._session, row, records)
            return
        for record in records:
            self.put(record)
        self._records[row] = {}
        self._dirty[row] = None
        _move_collections(self._session, row.position, others[0].position)

    def _take_in(self, row: PaperRow, others: Sequence[PaperRow], record: Paper) -> Outcome:
        """What the record does to the paper, which becomes one with `others` that the record shows to be the same."""
        if row.state in (State.REMOVED, State.GONE):  # what it was made of went with it
            self._records[row] = {}
            self._session.execute(delete(CollectedRow).where(CollectedRow.position == row.position))
            return Outcome.NEW
        if others:
            self._session.flush()  # so that each has its position
        for other in others:
            self._records[row] = self._records.pop(other) | self._records[row]
            for known in self._records[row].values():
                self._note(row, known)
            self._records[other] = {}
            if other.state not in (State.REMOVED, State.GONE):
                _move_collections(self._session, other.position, row.position)
            other.state, other.removed_at, other.revision = State.REMOVED, None, other.revision + 1
            other.change = next_change(self._session)
            self._dirty[other] = None
        same = self._records[row].get((record.source, record.id)) == record
        return Outcome.SAME if same and not others else Outcome.UPDATED

    def _superseded(self, row: PaperRow, record: Paper) -> list[tuple[str, str]]:
        """The records that this one replaces: its source's own, also one that lacked the identifiers it has now."""
        return [
            key
            for key, known in self._records[row].items()
            if known.source == record.source
            and (
                known.id == record.id
                or (
                    bool(record.abstract)
                    and known.doi in ("", record.doi)
                    and known.arxiv_id in ("", record.arxiv_id)
                    and title_key(known.title) == title_key(record.title)
                )
            )
        ]

    def matching(self, paper: Paper) -> list[PaperRow]:
        """The rows of the same paper, the first added first: more than one if the record shows two to be the same.

        By DOI or arXiv id; else by the title, with no contradicting year, identifier or first author, at most one.
        """
        found: dict[PaperRow, None] = {}
        for name, value in (("doi", paper.doi), ("arxiv_id", paper.arxiv_id)):
            if value:
                found |= dict.fromkeys(self._having(name, value))
        if not found:
            alike = (row for row in self._having("title_key", title_key(paper.title)) if self._agrees(row, paper))
            found |= dict.fromkeys([row] if (row := next(alike, None)) else [])
        here = [row for row in found if row.state not in (State.REMOVED, State.GONE)]
        return sorted(here, key=self._order.__getitem__) or [*found][:1]

    def _agrees(self, row: PaperRow, paper: Paper) -> bool:
        records = self._records[row].values()
        dois, arxiv_ids = {each.doi for each in records} - {""}, {each.arxiv_id for each in records} - {""}
        near = not paper.year or row.year is None or abs(row.year - paper.year) <= 1
        return (
            near
            and (not paper.doi or not dois or paper.doi in dois)
            and (not paper.arxiv_id or not arxiv_ids or paper.arxiv_id in arxiv_ids)
            and _same_author(row.authors, paper.authors)
        )

    def _having(self, name: str, value: str) -> list[PaperRow]:
        """The rows of which a record has this value, in the order of adding."""
        read = title_key if name == "title_key" else None
        rows = [
            row
            for row in self._by_key.get((name, value), ())
            if any((read(each.title) if read else getattr(each, name)) == value for each in self._records[row].values())
        ]
        return sorted(rows, key=self._order.__getitem__)

    def _note(self, row: PaperRow, record: Paper) -> None:
        for key in _keys(record):
            self._by_key.setdefault(key, {})[row] = None

    def _collect(self, row: PaperRow, names: Iterable[str]) -> None:
        for name in names:
            self._session.flush()
            self._session.merge(CollectedRow(name=name, position=row.position))

    def write(self) -> None:
        """Writes the records of what has changed; the papers themselves are the session's."""
        self._session.flush()
        rows = [row for row in self._dirty if row.position is not None]
        for part in parts([row.position for row in rows]):
            self._session.execute(delete(RecordRow).where(RecordRow.position.in_(part)))
        values = [record_values(row.position, record) for row in rows for record in self._records[row].values()]
        if values:
            self._session.connection().execute(insert(RecordRow), values)
        self._dirty.clear()

    def _free_id(self, wanted: str) -> str:
        """`wanted`, or with a counter behind it if another paper with the same title came first."""
        candidate, number = wanted, 2
        while candidate in self._ids or (number > 2 and self._session.scalars(_ids_in([candidate])).first()):
            candidate, number = f"{wanted}-{number}", number + 1
        self._ids.add(candidate)
        return candidate


def _keys(record: Paper) -> list[tuple[str, str]]:
    """By what a record is looked up."""
    keys = (("doi", record.doi), ("arxiv_id", record.arxiv_id), ("title_key", title_key(record.title)))
    return [key for key in keys if key[1]]


def _ids_in(ids: Iterable[str]) -> Any:
    return select(PaperRow.id).where(PaperRow.id.in_(list(ids)))


def _move_collections(session: Session, old: int, new: int) -> None:
    names = session.scalars(select(CollectedRow.name).where(CollectedRow.position == old)).all()
    session.execute(delete(CollectedRow).where(CollectedRow.position == old))
    for name in names:
        session.merge(CollectedRow(name=name, position=new))


def _same_author(known: Sequence[str], given: Sequence[str]) -> bool:
    """Whether two lists may begin with the same person: a word of the name is common, initials aside."""
    if not known or not given:
        return True
    first, other = ({word for word in name_words(names[0]) if len(word) > 1} for names in (known, given))
    return not first or not other or bool(first & other)
