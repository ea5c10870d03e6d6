"""The truth of the library: its papers, which of them are indexed, and every vector ever computed."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, tuple_, update

from .at_once import RowsAtOnce
from .errors import UnknownPaper
from .kept_vectors import KeptVectors
from .merging import Known, Outcome
from .papers import Paper, normalise
from .records import records_of, take_away
from .rows import FIELDS, State, as_paper, in_state, parts, present, removal, searched_by
from .schema import ChangesRow, CollectedRow, MetaRow, PaperRow, RecordRow
from .shelf import Shelf, with_collections

_PAPERS = RowsAtOnce(
    select(PaperRow.id, *(getattr(PaperRow, name) for name in FIELDS)).where(
        PaperRow.id.in_(bindparam("ids", expanding=True)), present()
    )
)
_FORGOTTEN = "forgotten"  # the fact that says up to which change papers that are gone were deleted
_KEPT = 30 * 24 * 3600.0  # seconds that a removed paper can be restored


@dataclass(frozen=True, slots=True)
class Waiting:
    """A paper that waits to be indexed.

    `position` is its place in the order of adding, `revision` says which change of it this is, and `passage_count`
    how many passages the index of meanings may hold of it.
    """

    paper: Paper
    position: int
    revision: int
    passage_count: int


@dataclass(frozen=True, slots=True)
class Change:
    """A paper as it is after its last change, whose number this is; `is_here` is False for one that was removed."""

    paper: Paper
    is_here: bool
    change: int
    position: int


class Catalogue(Shelf, KeptVectors):
    """A SQLite file, or a database on PostgreSQL. Several processes may read it; one at a time writes."""

    # -- papers ---------------------------------------------------------------------------------------------------

    def put(self, papers: Iterable[Paper]) -> list[tuple[Outcome, Paper]]:
        """Adds or updates papers in one transaction; says for each what happened, with the paper as now stored.

        A record of a known paper replaces the one that the same source gave before, and what all of its records
        say is merged. A change of anything that is searched by makes the paper pending again.
        """
        records = [normalise(paper) for paper in papers]
        with self._writing() as session:  # nobody adds the same paper between our reading and writing
            known = Known(session, records)
            outcomes = [known.put(record) for record in records]
            known.write()
            return outcomes

    def knows(self, paper: Paper) -> bool:
        """Whether a record of the same paper is already here."""
        record = normalise(paper)
        with self._transaction() as session:
            return any(row.state in (State.PENDING, State.INDEXED) for row in Known(session, [record]).matching(record))

    def paper(self, paper_id: str) -> Paper:
        """The paper with this id. Raises `UnknownPaper`."""
        found = self.papers([paper_id])
        if not found:
            raise UnknownPaper(paper_id)
        return found[paper_id]

    def papers(self, paper_ids: Sequence[str]) -> dict[str, Paper]:
        """The papers with these ids, by id; unknown and removed ones are absent."""
        found: dict[str, Paper] = {}
        with self._transaction() as session:
            for part in parts(paper_ids):
                found |= {row.id: as_paper(row) for row in _PAPERS(session, ids=part)}
        return found

    def page(self, *, limit: int | None = None, offset: int = 0, state: State | None = None) -> list[Paper]:
        """Papers in the order they were added; `limit` None means all."""
        chosen = PaperRow.state == state if state else present()
        statement = select(PaperRow).where(chosen).order_by(PaperRow.position).limit(limit).offset(offset)
        with self._transaction() as session:
            return [as_paper(row) for row in session.scalars(statement)]

    def each_with_records(self, batch: int = 2000) -> Iterator[list[tuple[Paper, list[Paper]]]]:
        """All papers in the order they were added, so many at once, each with what its sources say, the latest last.

        The papers have their collections.
        """
        after = 0
        while True:
            with self._transaction() as session:
                later = select(PaperRow).where(present(), PaperRow.position > after).order_by(PaperRow.position)
                rows = session.scalars(later.limit(batch)).all()
                if not rows:
                    return
                after = rows[-1].position
                of_row: dict[int, list[Paper]] = {}
                for position, record in records_of(session, [row.position for row in rows]):
                    of_row.setdefault(position, []).append(record)
                papers = with_collections(session, rows)
                found = [
                    (paper, of_row.get(row.position) or [replace(paper, sources=(), collections=())])
                    for row, paper in zip(rows, papers, strict=True)
                ]
            yield found

    def take_over(self, papers: Sequence[tuple[Paper, Sequence[Paper]]], taken: set[int]) -> list[Outcome]:
        """Puts papers of another catalogue in, each with all its records; says for each what happened.

        `taken` are the places of those that came before in the same copy; it grows. See `Known.take_over`.
        """
        with self._writing() as session:
            known = Known(session, [each for paper, records in papers for each in (paper, *records)])
            rows = known.at(taken)
            outcomes = [known.take_over(paper, records, rows) for paper, records in papers]
            known.write()
            taken.update(row.position for row in rows)
            return outcomes

    def ids(self, state: State) -> list[str]:
        """The ids of all papers in one state, oldest first."""
        with self._transaction() as session:
            statement = select(PaperRow.id).where(PaperRow.state == state).order_by(PaperRow.position)
            return list(session.scalars(statement))

    def remove(self, paper_ids: Sequence[str]) -> None:
        """Marks papers as removed. Raises `UnknownPaper` and then marks none."""
        known: set[str] = set()
        with self._writing() as session:
            for part in parts(paper_ids):
                known.update(session.scalars(select(PaperRow.id).where(PaperRow.id.in_(part), present())))
            for paper_id in paper_ids:
                if paper_id not in known:
                    raise UnknownPaper(paper_id)
            for part in parts(paper_ids):
                session.execute(update(PaperRow).where(PaperRow.id.in_(part)).values(**removal(session)))

    def remove_source(self, source: str) -> list[str]:
        """Forgets what a source says; marks the papers that came from no other as removed and returns their ids."""
        with self._writing() as session:
            return take_away(session, source)

    def restore(self, paper_ids: Sequence[str]) -> int:
        """Brings removed papers back as they were; returns how many there were of them."""
        restored = 0
        with self._writing() as session:
            for part in parts(paper_ids):
                removed = in_state(State.REMOVED, State.GONE)
                rows = {
                    row.position: row for row in session.scalars(select(PaperRow).where(PaperRow.id.in_(part), removed))
                }
                records: dict[int, list[Paper]] = {}
                for position, record in records_of(session, sorted(rows)):
                    records.setdefault(position, []).append(record)
                known = Known(session, [record for of_row in records.values() for record in of_row])
                for position, of_row in records.items():  # one that became part of another has none
                    known.bring_back(rows[position], of_row)
                known.write()
                restored += len(records)
        return restored

    # -- the way into the indexes ---------------------------------------------------------------------------------

    def counts(self) -> dict[State, int]:
        """How many papers are in each state, without those that are gone."""
        with self._transaction() as session:
            rows = session.execute(select(PaperRow.state, func.count()).group_by(PaperRow.state)).all()
        found = {State(state): count for state, count in rows}
        return {state: found.get(state, 0) for state in State if state is not State.GONE}

    @property
    def waits(self) -> bool:
        """Whether either index is behind."""
        counts = self.counts()
        return bool(counts[State.PENDING] or counts[State.REMOVED] or self.unworded(1))

    def waiting(self, limit: int, after: int = 0) -> list[Waiting]:
        """The first papers behind a position that wait for the index of meanings, oldest first."""
        return self._waiting(limit, PaperRow.state == State.PENDING, PaperRow.position > after)

    def unworded(self, limit: int | None) -> list[Waiting]:
        """The first papers that wait for the index of words, oldest first.

        None where every process has an index of its own, see `changed_after`.
        """
        if self.is_served:
            return []
        return self._waiting(limit, PaperRow.worded.is_(False), present())

    def still_waiting(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """Those of a batch that have neither changed nor been removed since it was read."""
        now: dict[str, tuple[Any, ...]] = {}
        with self._transaction() as session:
            for part in parts([waiting.paper.id for waiting in batch]):
                chosen = (PaperRow.id.in_(part), in_state(State.PENDING))
                rows = session.scalars(select(PaperRow).where(*chosen))
                now |= {row.id: (row.revision, *searched_by(as_paper(row))) for row in rows}
        # One that was removed and is back counts its changes anew.
        return [each for each in batch if now.get(each.paper.id) == (each.revision, *searched_by(each.paper))]

    def _waiting(self, limit: int | None, *chosen: Any) -> list[Waiting]:
        statement = select(*PaperRow.__table__.columns).where(*chosen).order_by(PaperRow.position)
        with self._transaction() as session:
            rows = session.execute(statement.limit(limit))
            return [Waiting(as_paper(row), row.position, row.revision, row.passage_count) for row in rows]

    def mark_indexed(self, done: Sequence[Waiting]) -> None:
        """Marks papers as indexed by meaning, unless they have changed since they were read."""
        pending = PaperRow.state == State.PENDING
        self._mark(done, update(PaperRow).where(pending).values(state=State.INDEXED))

    def mark_worded(self, done: Sequence[Waiting]) -> None:
        """Marks papers as indexed by words, unless they have changed since they were read."""
        self._mark(done, update(PaperRow).values(worded=True))

    def _mark(self, done: Sequence[Waiting], statement: Any) -> None:
        same = statement.where(PaperRow.id == bindparam("of_id"), PaperRow.revision == bindparam("of_revision"))
        with self._writing() as session:
            if done:
                each = [{"of_id": one.paper.id, "of_revision": one.revision} for one in done]
                session.connection().execute(same, each)

    def note_passages(self, counts: dict[str, int]) -> None:
        """Keeps how many passages of each paper the index of meanings may hold, before it is given more or fewer."""
        with self._writing() as session:
            if counts:
                statement = update(PaperRow).where(PaperRow.id == bindparam("of_id"))
                each = [{"of_id": paper_id, "passage_count": count} for paper_id, count in counts.items()]
                session.connection().execute(statement.values(passage_count=bindparam("passage_count")), each)

    def mark_all_pending(self, *, words: bool = True) -> None:
        """Makes every paper wait for the index of meanings, and with `words` for that of words too."""
        with self._writing() as session:
            session.execute(update(PaperRow).where(present()).values(state=State.PENDING))
        if words:
            self.mark_unworded()

    def mark_unworded(self) -> None:
        """Makes every paper wait for the index of words, where there is one for all."""
        if self.is_served:
            return
        with self._writing() as session:
            session.execute(update(PaperRow).where(present()).values(worded=False))

    def indexed_passages(self) -> int:
        """How many passages the index of meanings holds of the papers that are indexed."""
        with self._transaction() as session:
            return session.scalar(select(func.sum(PaperRow.passage_count)).where(PaperRow.state == State.INDEXED)) or 0

    def note_gone(self, paper_ids: Sequence[str]) -> None:
        """Notes that both indexes are without papers that are marked as removed, which can still be restored."""
        with self._writing() as session:
            for part in parts(paper_ids):
                gone = (PaperRow.id.in_(part), in_state(State.REMOVED))
                session.execute(update(PaperRow).where(*gone).values(state=State.GONE, passage_count=0))

    # -- the sequence of changes ----------------------------------------------------------------------------------

    def last_change(self) -> int:
        """The number of the last change of what an index of words holds."""
        with self._transaction() as session:
            return session.scalars(select(ChangesRow.number)).one()

    def leads_on(self, change: int, since: int) -> bool:
        """Whether who knows all up to a change, and began with nothing at the change `since`, can go on from there.

        Not who is behind what was forgotten, nor who comes from a catalogue that was put back to an earlier time.
        """
        forgotten = int(self.meta(_FORGOTTEN) or 0)
        return forgotten <= max(change, since) and change <= self.last_change()

    def changed_after(self, change: int, position: int, limit: int) -> list[Change]:
        """The first papers, removed ones too, behind this position of this change, in the order of changes."""
        columns = PaperRow.__table__.columns
        later = tuple_(PaperRow.change, PaperRow.position) > (change, position)
        statement = select(*columns).where(later).order_by(PaperRow.change, PaperRow.position)
        here = (State.PENDING, State.INDEXED)
        with self._transaction() as session:
            rows = session.execute(statement.limit(limit))
            return [Change(as_paper(row), row.state in here, row.change, row.position) for row in rows]

    # -- the end of papers ----------------------------------------------------------------------------------------

    def forget(self, before: float | None = None) -> None:
        """Deletes the papers that are gone and were removed before a time, which is 30 days ago if none is given.

        Their vectors stay until the next rebuild.
        """
        limit = time.time() - _KEPT if before is None else before
        old = or_(PaperRow.removed_at < limit, PaperRow.removed_at.is_(None))
        with self._writing() as session:
            gone = session.execute(select(PaperRow.position, PaperRow.change).where(PaperRow.state == State.GONE, old))
            changes = {row.position: row.change for row in gone}
            if changes:
                known = int(getattr(session.get(MetaRow, _FORGOTTEN), "value", 0))
                session.merge(MetaRow(name=_FORGOTTEN, value=str(max(known, *changes.values()))))
            for part in parts([*changes]):
                for table in (CollectedRow, RecordRow, PaperRow):
                    session.execute(delete(table).where(table.position.in_(part)))
