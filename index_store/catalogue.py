"""The truth of the library: its papers, which of them are indexed, and every vector ever computed (SQLite)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import JSON, ColumnElement, LargeBinary, create_engine, delete, event, func, or_, select, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from .errors import LibraryUnreadable, UnknownPaper
from .papers import Paper, normalise, title_key

SCHEMA = "1"
_SQL_VARIABLES = 500  # SQLite allows 32,766 in a statement; smaller statements read better in a log


class State(StrEnum):
    """Where a paper stands between the catalogue and the two indexes."""

    PENDING = "pending"
    INDEXED = "indexed"
    REMOVED = "removed"


class Outcome(StrEnum):
    """What adding one record did."""

    NEW = "new"
    UPDATED = "updated"
    SAME = "same"


class _Base(DeclarativeBase):
    type_annotation_map: ClassVar = {tuple[str, ...]: JSON}


class _PaperRow(_Base):
    __tablename__ = "papers"
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    abstract: Mapped[str]
    authors: Mapped[tuple[str, ...]]
    year: Mapped[int | None]
    venue: Mapped[str]
    doi: Mapped[str] = mapped_column(index=True)
    arxiv_id: Mapped[str] = mapped_column(index=True)
    url: Mapped[str]
    source: Mapped[str] = mapped_column(index=True)
    title_key: Mapped[str] = mapped_column(index=True)
    content_hash: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)


class _VectorsRow(_Base):
    __tablename__ = "vectors"
    content_hash: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    passages: Mapped[bytes] = mapped_column(LargeBinary)
    sentences: Mapped[bytes] = mapped_column(LargeBinary)


class _MetaRow(_Base):
    __tablename__ = "meta"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


@dataclass(frozen=True, slots=True)
class PaperVectors:
    """float32 rows of length 1: one per passage and one per sentence of a paper."""

    passages: NDArray[np.float32]
    sentences: NDArray[np.float32]


_FIELDS = ("title", "abstract", "authors", "year", "venue", "doi", "arxiv_id", "url", "source")


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
            _Base.metadata.create_all(self._engine)
            schema = self.meta("schema") or SCHEMA
            if not self.meta("schema"):
                self.set_meta("schema", SCHEMA)
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

        A record of a known paper replaces the fields it fills and leaves the others. A changed title or abstract
        makes the paper pending again.
        """
        with self._transaction() as session:
            return [_put_one(session, normalise(paper)) for paper in papers]

    def knows(self, paper: Paper) -> bool:
        """Whether a record of the same paper is already here."""
        with self._transaction() as session:
            row = _find(session, normalise(paper))
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
            for part in _parts(paper_ids):
                rows = session.scalars(select(_PaperRow).where(_PaperRow.id.in_(part), _present()))
                found.update((row.id, _paper(row)) for row in rows)
        return found

    def page(self, *, limit: int = -1, offset: int = 0, state: State | None = None) -> list[Paper]:
        """Papers in the order they were added; `limit` -1 means all."""
        chosen = _PaperRow.state == state if state else _present()
        statement = select(_PaperRow).where(chosen).order_by(_PaperRow.position).limit(limit).offset(offset)
        with self._transaction() as session:
            return [_paper(row) for row in session.scalars(statement)]

    def ids(self, state: State) -> list[str]:
        """The ids of all papers in one state, oldest first."""
        with self._transaction() as session:
            statement = select(_PaperRow.id).where(_PaperRow.state == state).order_by(_PaperRow.position)
            return list(session.scalars(statement))

    def ids_from(self, source: str) -> list[str]:
        """The ids of all papers whose text came from one source."""
        with self._transaction() as session:
            return list(session.scalars(select(_PaperRow.id).where(_PaperRow.source == source, _present())))

    def counts(self) -> dict[State, int]:
        """How many papers are in each state."""
        with self._transaction() as session:
            rows = session.execute(select(_PaperRow.state, func.count()).group_by(_PaperRow.state)).all()
        found = {State(state): count for state, count in rows}
        return {state: found.get(state, 0) for state in State}

    def mark(self, paper_ids: Sequence[str], state: State) -> None:
        """Moves papers to a state."""
        with self._transaction() as session:
            for part in _parts(paper_ids):
                session.execute(update(_PaperRow).where(_PaperRow.id.in_(part)).values(state=state))

    def mark_indexed(self, papers: Iterable[Paper]) -> None:
        """Marks papers as indexed, unless their text has changed since they were read."""
        with self._transaction() as session:
            for paper in papers:
                same = (_PaperRow.id == paper.id, _PaperRow.content_hash == paper.content_hash)
                pending = _PaperRow.state == State.PENDING
                session.execute(update(_PaperRow).where(*same, pending).values(state=State.INDEXED))

    def mark_all_pending(self) -> None:
        """Makes every paper pending, for a rebuild."""
        with self._transaction() as session:
            session.execute(update(_PaperRow).where(_present()).values(state=State.PENDING))

    def forget(self, paper_ids: Sequence[str]) -> None:
        """Deletes papers that are marked as removed. Their vectors stay, so that an undo does not embed them again."""
        with self._transaction() as session:
            for part in _parts(paper_ids):
                gone = (_PaperRow.id.in_(part), _PaperRow.state == State.REMOVED)
                session.execute(delete(_PaperRow).where(*gone))

    def prune_vectors(self, fingerprint: str) -> None:
        """Deletes vectors of other models, and those whose text no paper has any longer."""
        unused = _VectorsRow.content_hash.not_in(select(_PaperRow.content_hash))
        with self._transaction() as session:
            session.execute(delete(_VectorsRow).where(or_(unused, _VectorsRow.fingerprint != fingerprint)))

    # -- vectors --------------------------------------------------------------------------------------------------

    def put_vectors(self, fingerprint: str, vectors: dict[str, PaperVectors]) -> None:
        """Keeps vectors by content hash, so that the same text is never embedded twice."""
        with self._transaction() as session:
            for content_hash, value in vectors.items():
                row = _VectorsRow(content_hash=content_hash, fingerprint=fingerprint)
                row.passages, row.sentences = value.passages.tobytes(), value.sentences.tobytes()
                session.merge(row)

    def vectors(self, fingerprint: str, papers: Sequence[Paper], dimension: int) -> dict[str, PaperVectors]:
        """The kept vectors of papers, by content hash; papers not yet embedded are absent."""
        found: dict[str, PaperVectors] = {}
        with self._transaction() as session:
            for part in _parts([paper.content_hash for paper in papers]):
                chosen = (_VectorsRow.content_hash.in_(part), _VectorsRow.fingerprint == fingerprint)
                for row in session.scalars(select(_VectorsRow).where(*chosen)):
                    found[row.content_hash] = PaperVectors(
                        np.frombuffer(row.passages, dtype=np.float32).reshape(-1, dimension),
                        np.frombuffer(row.sentences, dtype=np.float32).reshape(-1, dimension),
                    )
        return found

    # -- meta -----------------------------------------------------------------------------------------------------

    def meta(self, name: str) -> str | None:
        """A named fact about the library, or None."""
        with self._transaction() as session:
            row = session.get(_MetaRow, name)
            return row.value if row else None

    def set_meta(self, name: str, value: str) -> None:
        """Sets a named fact about the library."""
        with self._transaction() as session:
            session.merge(_MetaRow(name=name, value=value))


def _put_one(session: Session, paper: Paper) -> tuple[Outcome, Paper]:
    row = _find(session, paper)
    if row is None:
        row = _PaperRow(id=_free_id(session, paper.id))
        session.add(row)
        _fill(row, paper, State.PENDING)
        outcome = Outcome.NEW
    else:
        known = _paper(row)
        given = {name: value for name in _FIELDS if (value := getattr(paper, name))}
        merged = replace(known, **given)
        returned = row.state == State.REMOVED
        if replace(merged, source=known.source) == known and not returned:
            return Outcome.SAME, known
        unchanged = merged.content_hash == row.content_hash and not returned
        _fill(row, merged, State(row.state) if unchanged else State.PENDING)
        outcome = Outcome.NEW if returned else Outcome.UPDATED
    session.flush()
    return outcome, _paper(row)


def _find(session: Session, paper: Paper) -> _PaperRow | None:
    """The row of the same paper: DOI, else arXiv id, else the title with no contradicting year or identifier."""
    for column, value in ((_PaperRow.doi, paper.doi), (_PaperRow.arxiv_id, paper.arxiv_id)):
        if value and (row := session.scalars(select(_PaperRow).where(column == value)).first()):
            return row
    near_year = or_(_PaperRow.year.is_(None), func.abs(_PaperRow.year - paper.year) <= 1) if paper.year else None
    statement = select(_PaperRow).where(_PaperRow.title_key == title_key(paper.title))
    if near_year is not None:
        statement = statement.where(near_year)
    for row in session.scalars(statement.order_by(_PaperRow.position)):
        if _agree(row.doi, paper.doi) and _agree(row.arxiv_id, paper.arxiv_id):
            return row
    return None


def _agree(known: str, given: str) -> bool:
    return not known or not given or known == given


def _free_id(session: Session, wanted: str) -> str:
    """`wanted`, or with a counter behind it if another paper with the same title came first."""
    candidate, number = wanted, 2
    while session.scalars(select(_PaperRow.id).where(_PaperRow.id == candidate)).first():
        candidate, number = f"{wanted}-{number}", number + 1
    return candidate


def _fill(row: _PaperRow, paper: Paper, state: State) -> None:
    for name in _FIELDS:
        setattr(row, name, getattr(paper, name))
    row.title_key, row.content_hash, row.state = title_key(paper.title), paper.content_hash, state


def _paper(row: _PaperRow) -> Paper:
    fields = {name: getattr(row, name) for name in _FIELDS}
    return Paper(**{**fields, "authors": tuple(row.authors), "id": row.id})


def _present() -> ColumnElement[bool]:
    return _PaperRow.state != State.REMOVED


def _parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _SQL_VARIABLES):
        yield values[start : start + _SQL_VARIABLES]
