"""The database that conversations are kept in: its tables, opened, brought up to date, written in transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from sqlalchemy import JSON, Connection, Index, String, UniqueConstraint, text
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from index_store import DatabasePlace, Postgres, Versions, begin_alone, is_postgres, open_engine

from .archive_search import make
from .errors import ArchiveUnreadable, InvalidHistory

SCHEMA = "2"
VERSIONS = Versions("conversations_version", SCHEMA, Path(__file__).with_name("migrations"))
_LOCK = "conversations"
_READ = text("BEGIN")  # Python's sqlite3 begins one at the first INSERT or UPDATE only
_LINE = 200  # characters of what SQLite said that are passed on
_NAMELESS = "Untitled"
_META = "CREATE TABLE meta (name VARCHAR NOT NULL PRIMARY KEY, value VARCHAR NOT NULL)"


class Base(DeclarativeBase):
    """The root of the tables."""

    type_annotation_map: ClassVar = {
        tuple[str, ...]: JSON,
        str: String().with_variant(String(collation="C"), "postgresql"),
    }


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

    @property
    def shown_title(self) -> str:
        """What it is called in lists."""
        return self.title or self.question or _NAMELESS


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


def place_of(home: Path, database: Postgres | None) -> DatabasePlace:
    """Where the conversations of a home folder are, or those in a database."""
    return database or home / "conversations.sqlite3"


class ArchiveFile:
    """A SQLite file, or a database on PostgreSQL. Processes and threads may share it; one at a time writes."""

    def __init__(self, place: DatabasePlace) -> None:
        """Opens the database or makes its tables. Raises `ArchiveUnreadable` if it is no archive of this version."""
        self._place = place
        self._engine = open_engine(place)
        try:
            schema = VERSIONS.prepare(self._engine, _bring_up)
        except BaseException as error:
            self.close()
            if not isinstance(error, DatabaseError):
                raise
            raise self._told(error) from error
        if schema != SCHEMA:
            self.close()
            raise ArchiveUnreadable(
                f"The conversations {place} have schema {schema}, this version reads {SCHEMA}; install the newer one."
            )

    def close(self) -> None:
        """Closes all connections to the database."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Reads the conversations as they are now. Raises `ArchiveUnreadable`."""
        with self._transaction() as session:
            if is_postgres(session):
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            else:
                session.execute(_READ)
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """All or nothing, and nobody else writes meanwhile. Raises `ArchiveUnreadable`, as on a full disk."""
        with self._transaction() as session:
            begin_alone(session.connection(), _LOCK)
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
            raise ArchiveUnreadable(f"The conversations {self._place} are damaged: {error}") from error

    def _told(self, error: DatabaseError) -> ArchiveUnreadable:
        if isinstance(self._place, Postgres):
            return ArchiveUnreadable(self._place.told("What is kept of conversations", error.orig or error))
        what = f"The conversations {self._place}"
        said = str(error.orig or error).strip().partition("\n")[0].rstrip(".")[:_LINE]
        if "full" in said:
            return ArchiveUnreadable(f"{what} cannot be written: the disk is full. Make room.")
        if "readonly" in said:
            return ArchiveUnreadable(f"{what} cannot be written ({said}). Allow writing there.")
        return ArchiveUnreadable(
            f"{what} cannot be used ({said}); nothing of them was changed. Put a copy in their place, or move the file "
            "away to begin anew."
        )


def _bring_up(connection: Connection, found: str) -> None:
    """Makes the tables of an empty database, or adds what one of an earlier version lacks."""
    if not found:
        Base.metadata.create_all(connection)
        make(connection)
        if not is_postgres(connection):  # by which an earlier program refuses the file
            connection.execute(text(_META))
            connection.execute(text("INSERT INTO meta VALUES ('schema', :schema)"), {"schema": SCHEMA})
        VERSIONS.stamp(connection, SCHEMA)
    else:
        if not VERSIONS.stamped(connection):
            VERSIONS.stamp(connection, found)
        VERSIONS.upgrade(connection)
