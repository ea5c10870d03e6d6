"""The truth of the library: its papers, which of them are indexed, and every vector ever computed (SQLite)."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, create_engine, delete, event, func, literal, or_, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from .errors import LibraryUnreadable, UnknownPaper
from .filters import Filter
from .listing import Listing, Order, Selection, chosen, ordered
from .merging import (
    Known,
    Outcome,
    State,
    as_paper,
    fill,
    parts,
    present,
    records_of,
    removal,
    searched_by,
    take_away,
)
from .papers import Paper, normalise
from .schema import IMMEDIATE, SCHEMA, CollectedRow, MetaRow, PaperRow, RecordRow, VectorsRow, prepare

_KEPT = 30 * 24 * 3600.0  # seconds that a removed paper can be restored


@dataclass(frozen=True, slots=True)
class PaperVectors:
    """float32 rows of length 1: one per passage and one per sentence of a paper.

    `cuts` are where these begin and end in the abstract: int32 pairs, first of the passages, then of the sentences;
    None where that is not known and has to be found anew.
    """

    passages: NDArray[np.float32]
    sentences: NDArray[np.float32]
    cuts: NDArray[np.int32] | None = None


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


class Catalogue:
    """A SQLite file. Several processes may read it; one at a time writes."""

    def __init__(self, path: Path) -> None:
        """Opens the file or makes it. Raises `LibraryUnreadable` if it is not a catalogue of this version."""
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        self._watch: sqlite3.Connection | None = None

        @event.listens_for(self._engine, "connect")
        def _configure(connection, _record):  # type: ignore[no-untyped-def]  # a DBAPI connection, untyped
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")

        try:
            schema = prepare(self._engine)
        except DatabaseError as error:
            self.close()
            raise LibraryUnreadable(f"The catalogue {path} cannot be opened: {error.orig}.") from error
        if schema != SCHEMA:
            self.close()
            raise LibraryUnreadable(
                f"The catalogue {path} has schema {schema}, this version reads {SCHEMA}; install the newer version."
            )
        self._watch = sqlite3.connect(path, timeout=30, check_same_thread=False)

    def close(self) -> None:
        """Closes all connections to the file."""
        if self._watch:
            self._watch.close()
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with Session(self._engine) as session, session.begin():
            yield session

    # -- papers ---------------------------------------------------------------------------------------------------

    def put(self, papers: Iterable[Paper]) -> list[tuple[Outcome, Paper]]:
        """Adds or updates papers in one transaction; says for each what happened, with the paper as now stored.

        A record of a known paper replaces the one that the same source gave before, and what all of its records
        say is merged. A change of anything that is searched by makes the paper pending again.
        """
        records = [normalise(paper) for paper in papers]
        with self._transaction() as session:
            session.execute(IMMEDIATE)  # nobody adds the same paper between our reading and writing
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
                rows = session.scalars(select(PaperRow).where(PaperRow.id.in_(part), present()))
                found.update((row.id, as_paper(row)) for row in rows)
        return found

    def page(self, *, limit: int = -1, offset: int = 0, state: State | None = None) -> list[Paper]:
        """Papers in the order they were added; `limit` -1 means all."""
        chosen = PaperRow.state == state if state else present()
        statement = select(PaperRow).where(chosen).order_by(PaperRow.position).limit(limit).offset(offset)
        with self._transaction() as session:
            return [as_paper(row) for row in session.scalars(statement)]

    def ids(self, state: State) -> list[str]:
        """The ids of all papers in one state, oldest first."""
        with self._transaction() as session:
            statement = select(PaperRow.id).where(PaperRow.state == state).order_by(PaperRow.position)
            return list(session.scalars(statement))

    def listing(
        self,
        selection: Selection,
        order: Order = Order.ADDED,
        descending: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> Listing:
        """One page of the papers that are selected, and how many there are in all."""
        conditions = chosen(selection)
        statement = select(PaperRow.position).where(*conditions).order_by(*ordered(order, descending))
        with self._transaction() as session:
            total = session.scalar(select(func.count()).select_from(PaperRow).where(*conditions)) or 0
            positions = [*session.scalars(statement.limit(limit).offset(offset))]
            shown = select(PaperRow).where(PaperRow.position.in_(positions))
            rows = {row.position: row for row in session.scalars(shown)}
            return Listing(tuple(as_paper(rows[position]) for position in positions), total)

    def selected_ids(self, selection: Selection) -> list[str]:
        """The ids of all papers that are selected, in the order they were added."""
        with self._transaction() as session:
            return [*session.scalars(select(PaperRow.id).where(*chosen(selection)).order_by(PaperRow.position))]

    def resolved(self, within: Filter) -> Filter:
        """The filter with its collection put as the ids of the papers in it."""
        if not within.collection:
            return within
        ids = self.selected_ids(Selection(collection=within.collection))
        named = ids if within.papers is None else [paper_id for paper_id in ids if paper_id in set(within.papers)]
        return replace(within, collection="", papers=tuple(named))

    def sources(self) -> dict[str, int]:
        """How many papers each source has a record of, by its name."""
        joined = PaperRow.position == RecordRow.position
        statement = select(RecordRow.source, func.count(RecordRow.position.distinct()).label("papers"))
        statement = statement.join(PaperRow, joined).where(present()).group_by(RecordRow.source)
        with self._transaction() as session:
            return {row.source: row.papers for row in session.execute(statement.order_by(RecordRow.source))}

    def sources_of(self, paper_id: str) -> tuple[str, ...]:
        """The sources that have a record of a paper, the first first. Raises `UnknownPaper`."""
        return self.paper(paper_id).sources

    def count_from(self, source: str) -> int:
        """How many papers a source has a record of."""
        joined = PaperRow.position == RecordRow.position
        statement = select(func.count(RecordRow.position.distinct())).join(PaperRow, joined)
        with self._transaction() as session:
            return session.scalar(statement.where(present(), RecordRow.source == source)) or 0

    def remove(self, paper_ids: Sequence[str]) -> None:
        """Marks papers as removed. Raises `UnknownPaper` and then marks none."""
        found = self.papers(paper_ids)
        for paper_id in paper_ids:
            if paper_id not in found:
                raise UnknownPaper(paper_id)
        with self._transaction() as session:
            for part in parts(paper_ids):
                session.execute(update(PaperRow).where(PaperRow.id.in_(part)).values(**removal()))

    def remove_source(self, source: str) -> list[str]:
        """Forgets what a source says; marks the papers that came from no other as removed and returns their ids."""
        with self._transaction() as session:
            session.execute(IMMEDIATE)
            return take_away(session, source)

    def restore(self, paper_ids: Sequence[str]) -> int:
        """Brings removed papers back as they were; returns how many there were of them."""
        restored = 0
        with self._transaction() as session:
            session.execute(IMMEDIATE)
            for part in parts(paper_ids):
                removed = PaperRow.state.in_([State.REMOVED, State.GONE])
                rows = {
                    row.position: row for row in session.scalars(select(PaperRow).where(PaperRow.id.in_(part), removed))
                }
                records: dict[int, list[Paper]] = {}
                for position, record in records_of(session, sorted(rows)):
                    records.setdefault(position, []).append(record)
                for position, of_row in records.items():  # one that became part of another has none
                    fill(rows[position], of_row)
                restored += len(records)
        return restored

    # -- collections ----------------------------------------------------------------------------------------------

    def collections(self) -> dict[str, int]:
        """How many papers each named collection has."""
        joined = PaperRow.position == CollectedRow.position
        statement = select(CollectedRow.name, func.count().label("papers")).join(PaperRow, joined).where(present())
        with self._transaction() as session:
            rows = session.execute(statement.group_by(CollectedRow.name).order_by(CollectedRow.name))
            return {row.name: row.papers for row in rows}

    def collections_of(self, paper_id: str) -> tuple[str, ...]:
        """The names of the collections that a paper is in."""
        statement = select(CollectedRow.name).join(PaperRow, PaperRow.position == CollectedRow.position)
        with self._transaction() as session:
            return tuple(session.scalars(statement.where(PaperRow.id == paper_id).order_by(CollectedRow.name)))

    def collect(self, name: str, paper_ids: Sequence[str]) -> int:
        """Puts papers into a named collection, made if need be; returns how many were not in it before."""
        found = 0
        with self._transaction() as session:
            for part in parts(paper_ids):
                members = select(literal(name), PaperRow.position).where(PaperRow.id.in_(part), present())
                into = insert(CollectedRow).from_select(["name", "position"], members).on_conflict_do_nothing()
                found += max(0, session.connection().execute(into).rowcount)
        return found

    def uncollect(self, name: str, paper_ids: Sequence[str]) -> int:
        """Takes papers out of a named collection; returns how many were in it."""
        found = 0
        with self._transaction() as session:
            for part in parts(paper_ids):
                positions = select(PaperRow.position).where(PaperRow.id.in_(part))
                gone = delete(CollectedRow).where(CollectedRow.name == name, CollectedRow.position.in_(positions))
                found += session.connection().execute(gone).rowcount
        return found

    def delete_collection(self, name: str) -> None:
        """Forgets a named collection; its papers stay."""
        with self._transaction() as session:
            session.execute(delete(CollectedRow).where(CollectedRow.name == name))

    def rename_collection(self, old: str, new: str) -> None:
        """Gives a named collection another name; one that has it already takes the papers in."""
        with self._transaction() as session:
            members = select(literal(new), CollectedRow.position).where(CollectedRow.name == old)
            into = insert(CollectedRow).from_select(["name", "position"], members).on_conflict_do_nothing()
            session.connection().execute(into)
            if new != old:
                session.execute(delete(CollectedRow).where(CollectedRow.name == old))

    def each(self, selection: Selection, batch: int = 500) -> Iterator[Paper]:
        """The selected papers in the order they were added, with their collections, read in batches."""
        after = 0
        while True:
            with self._transaction() as session:
                conditions = (*chosen(selection), PaperRow.position > after)
                rows = session.scalars(
                    select(PaperRow).where(*conditions).order_by(PaperRow.position).limit(batch)
                ).all()
                if not rows:
                    return
                after = rows[-1].position
                collected: dict[int, list[str]] = {}
                of_rows = CollectedRow.position.in_([row.position for row in rows])
                for each in session.scalars(select(CollectedRow).where(of_rows).order_by(CollectedRow.name)):
                    collected.setdefault(each.position, []).append(each.name)
                papers = [replace(as_paper(row), collections=tuple(collected.get(row.position, ()))) for row in rows]
            yield from papers

    # -- the way into the indexes ---------------------------------------------------------------------------------

    def counts(self) -> dict[State, int]:
        """How many papers are in each state, without those that are gone."""
        with self._transaction() as session:
            rows = session.execute(select(PaperRow.state, func.count()).group_by(PaperRow.state)).all()
        found = {State(state): count for state, count in rows}
        return {state: found.get(state, 0) for state in State if state is not State.GONE}

    def waiting(self, limit: int, after: int = 0) -> list[Waiting]:
        """The first papers behind a position that wait for the index of meanings, oldest first."""
        return self._waiting(limit, PaperRow.state == State.PENDING, PaperRow.position > after)

    def unworded(self, limit: int) -> list[Waiting]:
        """The first papers that wait for the index of words, oldest first."""
        return self._waiting(limit, PaperRow.worded.is_(False), present())

    def still_waiting(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """Those of a batch that have neither changed nor been removed since it was read."""
        now: dict[str, tuple[Any, ...]] = {}
        with self._transaction() as session:
            for part in parts([waiting.paper.id for waiting in batch]):
                chosen = (PaperRow.id.in_(part), PaperRow.state == State.PENDING)
                rows = session.scalars(select(PaperRow).where(*chosen))
                now |= {row.id: (row.revision, *searched_by(as_paper(row))) for row in rows}
        # One that was removed and is back counts its changes anew.
        return [each for each in batch if now.get(each.paper.id) == (each.revision, *searched_by(each.paper))]

    def _waiting(self, limit: int, *chosen: Any) -> list[Waiting]:
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
        with self._transaction() as session:
            if done:
                each = [{"of_id": one.paper.id, "of_revision": one.revision} for one in done]
                session.connection().execute(same, each)

    def note_passages(self, counts: dict[str, int]) -> None:
        """Keeps how many passages of each paper the index of meanings may hold, before it is given more or fewer."""
        with self._transaction() as session:
            if counts:
                statement = update(PaperRow).where(PaperRow.id == bindparam("of_id"))
                each = [{"of_id": paper_id, "passage_count": count} for paper_id, count in counts.items()]
                session.connection().execute(statement.values(passage_count=bindparam("passage_count")), each)

    def mark_all_pending(self, *, words: bool = True) -> None:
        """Makes every paper wait for the index of meanings, and with `words` for that of words too."""
        with self._transaction() as session:
            session.execute(update(PaperRow).where(present()).values(state=State.PENDING))
        if words:
            self.mark_unworded()

    def mark_unworded(self) -> None:
        """Makes every paper wait for the index of words."""
        with self._transaction() as session:
            session.execute(update(PaperRow).where(present()).values(worded=False))

    def indexed_passages(self) -> int:
        """How many passages the index of meanings holds of the papers that are indexed."""
        with self._transaction() as session:
            return session.scalar(select(func.sum(PaperRow.passage_count)).where(PaperRow.state == State.INDEXED)) or 0

    def unembedded(self, fingerprint: str) -> int:
        """How many pending papers have no kept vectors, so that they have to be embedded."""
        kept = select(VectorsRow.content_hash).where(
            VectorsRow.content_hash == PaperRow.content_hash, VectorsRow.fingerprint == fingerprint
        )
        waiting = (PaperRow.state == State.PENDING, ~kept.exists())
        with self._transaction() as session:
            return session.scalar(select(func.count()).select_from(PaperRow).where(*waiting)) or 0

    def note_gone(self, paper_ids: Sequence[str]) -> None:
        """Notes that both indexes are without papers that are marked as removed, which can still be restored."""
        with self._transaction() as session:
            for part in parts(paper_ids):
                gone = (PaperRow.id.in_(part), PaperRow.state == State.REMOVED)
                session.execute(update(PaperRow).where(*gone).values(state=State.GONE, passage_count=0))

    def forget(self, before: float | None = None) -> None:
        """Deletes the papers that are gone and were removed before a time, which is 30 days ago if none is given.

        Their vectors stay until the next rebuild.
        """
        limit = time.time() - _KEPT if before is None else before
        old = or_(PaperRow.removed_at < limit, PaperRow.removed_at.is_(None))
        with self._transaction() as session:
            positions = [*session.scalars(select(PaperRow.position).where(PaperRow.state == State.GONE, old))]
            for part in parts(positions):
                for table in (CollectedRow, RecordRow, PaperRow):
                    session.execute(delete(table).where(table.position.in_(part)))

    def changes(self) -> int:
        """A number that is another one after a change that was not made over the connection kept for this."""
        assert self._watch, "the catalogue is closed"
        (version,) = self._watch.execute("PRAGMA data_version").fetchone()
        return int(version)

    def prune_vectors(self, fingerprint: str) -> None:
        """Deletes vectors of other models, and those whose text no paper has any longer."""
        unused = VectorsRow.content_hash.not_in(select(PaperRow.content_hash))
        with self._transaction() as session:
            session.execute(delete(VectorsRow).where(or_(unused, VectorsRow.fingerprint != fingerprint)))

    # -- vectors --------------------------------------------------------------------------------------------------

    def put_vectors(self, fingerprint: str, vectors: dict[str, PaperVectors]) -> None:
        """Keeps vectors by content hash, so that the same text is never embedded twice."""
        rows = [
            {
                "content_hash": content_hash,
                "fingerprint": fingerprint,
                "passages": value.passages.tobytes(),
                "sentences": value.sentences.tobytes(),
                "cuts": None if value.cuts is None else value.cuts.tobytes(),
            }
            for content_hash, value in vectors.items()
        ]
        if rows:
            with self._transaction() as session:
                session.connection().execute(insert(VectorsRow).on_conflict_do_nothing(), rows)

    def vectors(self, fingerprint: str, papers: Sequence[Paper], dimension: int) -> dict[str, PaperVectors]:
        """The kept vectors of papers, by content hash; papers not yet embedded are absent."""
        found: dict[str, PaperVectors] = {}
        columns = (VectorsRow.content_hash, VectorsRow.passages, VectorsRow.sentences, VectorsRow.cuts)
        with self._transaction() as session:
            for part in parts([paper.content_hash for paper in papers]):
                chosen = (VectorsRow.content_hash.in_(part), VectorsRow.fingerprint == fingerprint)
                for content_hash, *blobs in session.execute(select(*columns).where(*chosen)):
                    found[content_hash] = _vectors(blobs, dimension)
        return found

    def vectors_by_id(self, fingerprint: str, paper_ids: Sequence[str], dimension: int) -> dict[str, PaperVectors]:
        """The kept vectors of papers that are not removed, by their ids; papers not yet embedded are absent."""
        found: dict[str, PaperVectors] = {}
        columns = (PaperRow.id, VectorsRow.passages, VectorsRow.sentences)
        joined = VectorsRow.content_hash == PaperRow.content_hash
        with self._transaction() as session:
            for part in parts(paper_ids):
                chosen = (PaperRow.id.in_(part), present(), VectorsRow.fingerprint == fingerprint)
                for paper_id, *blobs in session.execute(select(*columns).join(VectorsRow, joined).where(*chosen)):
                    found[paper_id] = _vectors(blobs, dimension)
        return found

    # -- meta -----------------------------------------------------------------------------------------------------

    def meta(self, name: str) -> str | None:
        """A named fact about the library, or None."""
        with self._transaction() as session:
            row = session.get(MetaRow, name)
            return row.value if row else None

    def set_meta(self, name: str, value: str) -> None:
        """Sets a named fact about the library."""
        with self._transaction() as session:
            session.merge(MetaRow(name=name, value=value))


def _vectors(blobs: Sequence[Any], dimension: int) -> PaperVectors:
    passages, sentences = (np.frombuffer(blob, dtype=np.float32).reshape(-1, dimension) for blob in blobs[:2])
    (cut,) = blobs[2:] or (None,)  # what only ranks papers reads no cuts
    return PaperVectors(passages, sentences, None if cut is None else np.frombuffer(cut, np.int32).reshape(-1, 2))
