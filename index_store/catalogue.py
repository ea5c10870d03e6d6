"""The truth of the library: its papers, which of them are indexed, and every vector ever computed (SQLite)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, create_engine, delete, event, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from .errors import LibraryUnreadable, UnknownPaper
from .merging import Known, Outcome, State, as_paper, parts, present, searched_by
from .papers import Paper, normalise
from .schema import IMMEDIATE, SCHEMA, MetaRow, PaperRow, VectorsRow, prepare


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

    def close(self) -> None:
        """Closes all connections to the file."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with Session(self._engine) as session, session.begin():
            yield session

    # -- papers ---------------------------------------------------------------------------------------------------

    def put(self, papers: Iterable[Paper]) -> list[tuple[Outcome, Paper]]:
        """Adds or updates papers in one transaction; says for each what happened, with the paper as now stored.

        A record of a known paper replaces the fields it fills and leaves the others. A change of anything that is
        searched by makes the paper pending again.
        """
        records = [normalise(paper) for paper in papers]
        with self._transaction() as session:
            session.execute(IMMEDIATE)  # nobody adds the same paper between our reading and writing
            known = Known(session, records)
            return [known.put(record) for record in records]

    def knows(self, paper: Paper) -> bool:
        """Whether a record of the same paper is already here."""
        record = normalise(paper)
        with self._transaction() as session:
            row = Known(session, [record]).find(record)
            return row is not None and row.state != State.REMOVED

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

    def sources(self) -> dict[str, int]:
        """How many papers came from each source, by its name."""
        statement = select(PaperRow.source, func.count()).where(present()).group_by(PaperRow.source)
        with self._transaction() as session:
            return {row.source: row[1] for row in session.execute(statement.order_by(PaperRow.source))}

    def ids_from(self, source: str) -> list[str]:
        """The ids of all papers whose text came from one source."""
        with self._transaction() as session:
            return list(session.scalars(select(PaperRow.id).where(PaperRow.source == source, present())))

    def count_from(self, source: str) -> int:
        """How many papers came from one source."""
        statement = select(func.count()).select_from(PaperRow).where(PaperRow.source == source, present())
        with self._transaction() as session:
            return session.scalar(statement) or 0

    def counts(self) -> dict[State, int]:
        """How many papers are in each state."""
        with self._transaction() as session:
            rows = session.execute(select(PaperRow.state, func.count()).group_by(PaperRow.state)).all()
        found = {State(state): count for state, count in rows}
        return {state: found.get(state, 0) for state in State}

    def mark(self, paper_ids: Sequence[str], state: State) -> None:
        """Moves papers to a state."""
        with self._transaction() as session:
            for part in parts(paper_ids):
                session.execute(update(PaperRow).where(PaperRow.id.in_(part)).values(state=state))

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

    def forget(self, paper_ids: Sequence[str]) -> None:
        """Deletes papers that are marked as removed. Their vectors stay, so that an undo does not embed them again."""
        with self._transaction() as session:
            for part in parts(paper_ids):
                gone = (PaperRow.id.in_(part), PaperRow.state == State.REMOVED)
                session.execute(delete(PaperRow).where(*gone))

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
