"""The databases that the catalogue and the conversations are kept in: a SQLite file each, or one on PostgreSQL."""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from zlib import crc32

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.orm import Session

from .errors import LibraryUnreadable

IMMEDIATE = text("BEGIN IMMEDIATE")
"""Begins a transaction that nobody else can write in. Python's sqlite3 begins one at the first INSERT or UPDATE only,
so that what is read and what is altered before stands outside of it."""

_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")
_DRIVER = "postgresql+psycopg"
_LOCKED_SECONDS = 30  # so long a SQLite file that others write is waited for
_CONNECT_SECONDS = 10
# A server whose machine vanishes says nothing: after a minute without an answer a connection counts as lost.
_ALIVE = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
# A writer that hangs is not waited for without end, and a machine that vanished frees its locks within a minute.
_SESSION = (
    "SET lock_timeout = '60s'",
    "SET tcp_keepalives_idle = 20",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
)
_OURS = crc32(b"research-assistant") & 0x7FFFFFFF  # the first half of the numbers of our advisory locks
_LOOK = 0.05  # seconds between two tries to get a lock
_LINE = 200  # characters of what a server says that are passed on


@dataclass(frozen=True, slots=True)
class Postgres:
    """A database on a PostgreSQL server. Its address holds a password, so that nothing prints it."""

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        self.parsed  # noqa: B018  # an address that cannot be is refused before anything is opened

    @property
    def parsed(self) -> URL:
        """The address as SQLAlchemy takes it. Raises `LibraryUnreadable`, without the address, if it is none."""
        try:
            parsed = make_url(self.url)
        except (ArgumentError, ValueError):
            parsed = None
        if parsed is None or not self.url.startswith(_SCHEMES) or not parsed.database:
            raise LibraryUnreadable(
                "DATABASE_URL is no address of a PostgreSQL database; it must look like "
                "postgresql://user:password@localhost/papers."
            )
        return parsed.set(drivername=_DRIVER)

    def __str__(self) -> str:
        """Where it is, without who may use it."""
        host = f"{self.parsed.host or 'this machine'}{f':{self.parsed.port}' if self.parsed.port else ''}"
        return f"{self.parsed.database!r} on PostgreSQL at {host}"

    def told(self, what: str, error: BaseException) -> str:
        """One line on what went wrong with `what` is kept there, without the password."""
        said = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")[:_LINE]
        for secret in filter(None, (self.url, str(self.parsed.password or ""))):
            said = said.replace(secret, "***")
        if ("disk" in said.lower() and "full" in said.lower()) or "no space left" in said.lower():
            return f"{what} in the database {self} cannot be written: the disk is full. Make room there."
        return f"{what} in the database {self} cannot be used ({said}). Check DATABASE_URL, and that the server runs."


DatabasePlace = Path | Postgres
"""Where a database is: in a file, or on a server."""


def open_engine(place: DatabasePlace) -> Engine:
    """An engine for the file or the server; connects when it is first used."""
    return _postgres_engine(place) if isinstance(place, Postgres) else _sqlite_engine(place)


def _sqlite_engine(path: Path) -> Engine:
    """A SQLite file that several processes may read while one writes; who finds it locked waits half a minute."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _LOCKED_SECONDS})

    @event.listens_for(engine, "connect")
    def _configure(connection, _record):  # type: ignore[no-untyped-def]  # a DBAPI connection, untyped
        _keep_a_log(connection)
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


def _keep_a_log(connection: sqlite3.Connection) -> None:
    """Turns the write-ahead log on, which stays on; waits, a minute at most, if others just do the same."""
    until = monotonic() + _LOCKED_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            # Of two that turn it on at once SQLite refuses one without waiting, as neither could ever go on.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
        sleep(_LOOK)


def _postgres_engine(place: Postgres) -> Engine:
    """Connections are tried before they are used again, as the server may have been started anew meanwhile."""
    named = {"connect_timeout": _CONNECT_SECONDS, "application_name": "research-assistant", **_ALIVE}
    engine = create_engine(place.parsed, connect_args=named, pool_pre_ping=True, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(connection, _record):  # type: ignore[no-untyped-def]  # a DBAPI connection, untyped
        for statement in _SESSION:
            connection.execute(statement)
        encoding = connection.execute("SHOW server_encoding").fetchone()[0]
        connection.commit()
        if encoding != "UTF8":
            raise LibraryUnreadable(
                f"The database {place} has the encoding {encoding}, which cannot hold every text; make one with UTF8."
            )

    return engine


def is_postgres(bound: Session | Connection | Engine) -> bool:
    """Whether a session or a connection goes to PostgreSQL."""
    dialect = bound.get_bind().dialect if isinstance(bound, Session) else bound.dialect
    return bool(dialect.name == "postgresql")


def inserting(session: Session, table: Any) -> Any:
    """An INSERT in the words of the session's database, which may say what is done about a row that is there."""
    return (postgresql if is_postgres(session) else sqlite_dialect).insert(table)


def begin_alone(connection: Connection, name: str) -> None:
    """Begins a transaction that waits for the one before it: in the whole file, or of the same name on a server."""
    if is_postgres(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:ours, :name)"), {"ours": _OURS, "name": _number(name)})
    else:
        connection.execute(IMMEDIATE)


def _number(name: str) -> int:
    return crc32(name.encode()) & 0x7FFFFFFF


class ServerLock:
    """A lock that one of all processes with a PostgreSQL database holds; the server frees it if that one is killed.

    Re-entrant within the process, whose threads have to agree among themselves, see `Exclusive`.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._depth = engine, 0
        self._key = {"ours": _OURS, "name": _number(name)}
        self._connection: Connection | None = None

    def take(self, wait: float) -> bool:
        """Tries for so many seconds; whether it is held now."""
        if self._depth:
            self._depth += 1
            return True
        until = monotonic() + wait
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            while not connection.execute(text("SELECT pg_try_advisory_lock(:ours, :name)"), self._key).scalar():
                if monotonic() >= until:
                    connection.close()
                    return False
                sleep(_LOOK)
        except BaseException:
            connection.invalidate()  # the server may have given the lock already
            connection.close()
            raise
        self._connection, self._depth = connection, 1
        return True

    def give(self) -> None:
        """Gives it back."""
        self._depth -= 1
        if self._depth:
            return
        connection, self._connection = self._connection, None
        assert connection is not None, "a lock that is given back was taken"
        with connection:
            try:
                connection.execute(text("SELECT pg_advisory_unlock(:ours, :name)"), self._key)
            except DatabaseError:
                connection.invalidate()  # the connection broke, and with it the server freed the lock
