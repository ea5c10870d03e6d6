"""The database that the catalogue is: opened, brought up to date, and written in transactions (SQLite, PostgreSQL)."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from .engines import IMMEDIATE, DatabasePlace, Postgres, ServerLock, open_engine
from .errors import LibraryUnreadable
from .failures import told
from .schema import SCHEMA, ChangesRow, MetaRow, prepare

_NO_COPY = "nothing of it was changed; put a copy of it in its place, or choose another folder with --home"


class Database:
    """A SQLite file, or a database on PostgreSQL. Several processes may read it; one at a time writes."""

    def __init__(self, place: DatabasePlace) -> None:
        """Opens the database or makes its tables. Raises `LibraryUnreadable` if it is no catalogue of this version."""
        self._place = place
        self._engine = open_engine(place)
        self._watch: sqlite3.Connection | None = None
        self._watching = Lock()  # threads look at it, and one statement in two of them at once ends the process

        try:
            schema = prepare(self._engine)
        except BaseException as error:
            self.close()
            if not isinstance(error, DatabaseError):
                raise
            raise self._told(error) from error
        if schema != SCHEMA:
            self.close()
            raise LibraryUnreadable(
                f"The catalogue {place} has schema {schema}, this version reads {SCHEMA}; install the newer version."
            )
        if isinstance(place, Path):
            self._watch = sqlite3.connect(place, timeout=30, check_same_thread=False)

    @property
    def is_served(self) -> bool:
        """Whether it is on a server, so that processes with homes of their own share it."""
        return isinstance(self._place, Postgres)

    def lock(self, name: str) -> ServerLock:
        """A lock among all processes that share the database on its server."""
        return ServerLock(self._engine, name)

    def close(self) -> None:
        """Closes all connections to the database."""
        if self._watch:
            with self._watching:
                self._watch.close()
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        """Reads. Raises `LibraryUnreadable` where the database cannot be read."""
        try:
            with Session(self._engine) as session, session.begin():
                yield session
        except DatabaseError as error:
            if isinstance(error, IntegrityError | ProgrammingError):
                raise
            raise self._told(error) from error

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """All or nothing, and nobody else writes meanwhile. Raises `LibraryUnreadable`, as on a full disk."""
        with self._transaction() as session:
            if self.is_served:
                session.execute(update(ChangesRow).values(writes=ChangesRow.writes + 1))  # waits for who has the row
            else:
                session.execute(IMMEDIATE)
            yield session

    def _told(self, error: DatabaseError) -> LibraryUnreadable:
        if isinstance(self._place, Postgres):
            return LibraryUnreadable(self._place.told("The catalogue", error.orig or error))
        return told(f"The catalogue {self._place}", error.orig or error, _NO_COPY)

    def changes(self) -> int:
        """A number that is another one after a change that was not made over the connection kept for this.

        Raises `LibraryUnreadable`.
        """
        if self.is_served:
            with self._transaction() as session:
                return session.scalars(select(ChangesRow.writes)).one()
        assert self._watch, "the catalogue is not open"
        try:
            with self._watching:
                (version,) = self._watch.execute("PRAGMA data_version").fetchone()
        except sqlite3.DatabaseError as error:
            raise told(f"The catalogue {self._place}", error, _NO_COPY) from error
        return int(version)

    def meta(self, name: str) -> str | None:
        """A named fact about the library, or None."""
        with self._transaction() as session:
            row = session.get(MetaRow, name)
            return row.value if row else None

    def set_meta(self, name: str, value: str) -> None:
        """Sets a named fact about the library."""
        with self._writing() as session:
            session.merge(MetaRow(name=name, value=value))

    def defects(self) -> list[str]:
        """What the database itself says is damaged in it, at most 20 lines; a server looks after its own files."""
        if self.is_served:
            return []
        with self._transaction() as session:
            said = [str(line) for line in session.scalars(text("PRAGMA integrity_check(20)"))]
        return [] if said == ["ok"] else said
