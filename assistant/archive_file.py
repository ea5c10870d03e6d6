"""The file that conversations are kept in: its tables, opened, brought up to date, written in transactions (SQLite)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from sqlalchemy import JSON, Connection, Engine, Index, UniqueConstraint, inspect, text
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from index_store import sqlite_engine

from .errors import ArchiveUnreadable, InvalidHistory

SCHEMA = "2"
_READ, _WRITE = text("BEGIN"), text("BEGIN IMMEDIATE")  # Python's sqlite3 begins one at the first INSERT or UPDATE only
_LINE = 200  # characters of what SQLite said that are passed on
# What brings a file of an earlier version to the next one.
_STEPS = {
    "1": (
        "ALTER TABLE conversations ADD COLUMN owner VARCHAR NOT NULL DEFAULT ''",
        "CREATE INDEX conversations_of_owner ON conversations (owner, updated)",
    )
}
# One row per turn under its number, and one per title under the number of its conversation with a minus.
_WORDS = (
    "CREATE VIRTUAL TABLE words USING fts5(conversation UNINDEXED, said, "
    "tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')"
)


class Base(DeclarativeBase):
    """The root of the tables."""

    type_annotation_map: ClassVar = {tuple[str, ...]: JSON}


class ConversationRow(Base):
    """A conversation. `title` is the given one, `question` the first question in short; `root` is the first turn shown.

    `length` is the number of turns shown. `updated` and `removed_at` are in seconds since 1970. `owner` is the user
    whose conversation it is, "" where nobody signs in.
    """

    __tablename__ = "conversations"
    __table_args__ = (Index("conversations_of_owner", "owner", "updated"),)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    owner: Mapped[str] = mapped_column(default="", server_default="")
    title: Mapped[str] = mapped_column(default="")
    question: Mapped[str]
    root: Mapped[str] = mapped_column(default="")
    length: Mapped[int] = mapped_column(default=0)
    cited: Mapped[tuple[str, ...]] = mapped_column(default=())
    reserved: Mapped[int] = mapped_column(default=0)
    updated: Mapped[float] = mapped_column(index=True)
    removed_at: Mapped[float | None] = mapped_column(index=True)


class TurnRow(Base):
    """A turn behind its parent, or behind nothing; `chosen` is the one of its children that is shown.

    `number` grows, so that a later turn has a higher one. `body` is what `turn_json` makes of it.
    """

    __tablename__ = "turns"
    __table_args__ = (UniqueConstraint("conversation", "id"),)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    conversation: Mapped[str]
    id: Mapped[str]
    parent: Mapped[str]
    chosen: Mapped[str] = mapped_column(default="")
    body: Mapped[str] = mapped_column(deferred=True)


class OfferedRow(Base):
    """A paper that a conversation may cite, in its place among them; places count from 0."""

    __tablename__ = "offered"
    conversation: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    paper: Mapped[str]
    body: Mapped[str]


class MetaRow(Base):
    """A named fact about the file."""

    __tablename__ = "meta"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class ArchiveFile:
    """A SQLite file. Several processes and threads may use it; one at a time writes, the others wait."""

    def __init__(self, path: Path) -> None:
        """Opens the file or makes it. Raises `ArchiveUnreadable` if it is not an archive of this version."""
        self._path = path
        self._engine = sqlite_engine(path)
        try:
            schema = _prepare(self._engine)
        except DatabaseError as error:
            self.close()
            raise self._told(error) from error
        if schema != SCHEMA:
            self.close()
            raise ArchiveUnreadable(
                f"The conversations {path} have schema {schema}, this version reads {SCHEMA}; install the newer one."
            )

    def close(self) -> None:
        """Closes all connections to the file."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Reads the file as it is now. Raises `ArchiveUnreadable`."""
        with self._transaction() as session:
            session.execute(_READ)
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """All or nothing, and nobody else writes meanwhile. Raises `ArchiveUnreadable`, as on a full disk."""
        with self._transaction() as session:
            session.execute(_WRITE)
            yield session

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session, session.begin():
                yield session
        except DatabaseError as error:
            if isinstance(error, IntegrityError | ProgrammingError):
                raise
            raise self._told(error) from error
        except InvalidHistory as error:
            raise ArchiveUnreadable(f"The conversations {self._path} are damaged: {error}") from error

    def _told(self, error: DatabaseError) -> ArchiveUnreadable:
        said = str(error.orig or error).strip().partition("\n")[0].rstrip(".")[:_LINE]
        if "full" in said:
            return ArchiveUnreadable(f"The conversations {self._path} cannot be written: the disk is full. Make room.")
        if "readonly" in said:
            return ArchiveUnreadable(f"The conversations {self._path} cannot be written ({said}). Allow writing there.")
        return ArchiveUnreadable(
            f"The conversations {self._path} cannot be used ({said}); nothing of them was changed. Put a copy in their "
            "place, or move the file away to begin anew."
        )


def _prepare(engine: Engine) -> str:
    """Makes the tables of an empty file, or adds what an older one lacks; returns the version that it has now."""
    with engine.begin() as connection:
        connection.execute(_READ)
        found = _version(connection)
    if not found or found in _STEPS:
        with engine.begin() as connection:
            connection.execute(_WRITE)  # by one process
            if not _version(connection):
                Base.metadata.create_all(connection)
                connection.execute(text(_WORDS))
                connection.execute(text("INSERT INTO meta VALUES ('schema', :schema)"), {"schema": SCHEMA})
            _step(connection)
            found = _version(connection)
    return found


def _step(connection: Connection) -> None:
    """Brings a file up from one version to the next, until there is none."""
    while (version := _version(connection)) in _STEPS:
        for statement in _STEPS[version]:
            connection.execute(text(statement))
        following = {"schema": str(int(version) + 1)}
        connection.execute(text("UPDATE meta SET value = :schema WHERE name = 'schema'"), following)


def _version(connection: Connection) -> str:
    """The version of a file, "" for an empty one."""
    if not inspect(connection).has_table(MetaRow.__tablename__):
        return ""
    return str(connection.execute(text("SELECT value FROM meta WHERE name = 'schema'")).scalar() or "")
