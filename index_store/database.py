"""The file that the catalogue is: opened, brought up to date, and written in transactions (SQLite)."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from .errors import LibraryUnreadable
from .failures import told
from .schema import SCHEMA, MetaRow, prepare

_NO_COPY = "nothing of it was changed; put a copy of it in its place, or choose another folder with --home"


def sqlite_engine(path: Path) -> Engine:
    """A SQLite file that several processes may read while one writes; who finds it locked waits 30 seconds."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _configure(connection, _record):  # type: ignore[no-untyped-def]  # a DBAPI connection, untyped
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


class Database:
    """A SQLite file. Several processes may read it; one at a time writes."""

    def __init__(self, path: Path) -> None:
        """Opens the file or makes it. Raises `LibraryUnreadable` if it is not a catalogue of this version."""
        self._path = path
        self._engine = sqlite_engine(path)
        self._watch: sqlite3.Connection | None = None
        self._watching = Lock()  # threads look at it, and one statement in two of them at once ends the process

        try:
            schema = prepare(self._engine)
        except DatabaseError as error:
            self.close()
            raise told(f"The catalogue {path}", error.orig or error, _NO_COPY) from error
        if schema != SCHEMA:
            self.close()
            raise LibraryUnreadable(
                f"The catalogue {path} has schema {schema}, this version reads {SCHEMA}; install the newer version."
            )
        self._watch = sqlite3.connect(path, timeout=30, check_same_thread=False)

    def close(self) -> None:
        """Closes all connections to the file."""
        if self._watch:
            with self._watching:
                self._watch.close()
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        """All or nothing. Raises `LibraryUnreadable` where the disk is full or the file cannot be written or read."""
        try:
            with Session(self._engine) as session, session.begin():
                yield session
        except DatabaseError as error:
            if isinstance(error, IntegrityError | ProgrammingError):
                raise
            raise told(f"The catalogue {self._path}", error.orig or error, _NO_COPY) from error

    def changes(self) -> int:
        """A number that is another one after a change that was not made over the connection kept for this."""
        assert self._watch, "the catalogue is not open"
        with self._watching:
            (version,) = self._watch.execute("PRAGMA data_version").fetchone()
        return int(version)

    def meta(self, name: str) -> str | None:
        """A named fact about the library, or None."""
        with self._transaction() as session:
            row = session.get(MetaRow, name)
            return row.value if row else None

    def set_meta(self, name: str, value: str) -> None:
        """Sets a named fact about the library."""
        with self._transaction() as session:
            session.merge(MetaRow(name=name, value=value))
