"""The tables of the catalogue, and how a file of an earlier version becomes one of this."""

from typing import ClassVar

from sqlalchemy import JSON, Connection, Engine, LargeBinary, inspect, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA = "2"

IMMEDIATE = text("BEGIN IMMEDIATE")
"""Begins a transaction that nobody else can write in. Python's sqlite3 begins one at the first INSERT or UPDATE only,
so that what is read and what is altered before stands outside of it."""

_FROM_1 = (
    "ALTER TABLE papers ADD COLUMN worded BOOLEAN NOT NULL DEFAULT 0",
    "ALTER TABLE papers ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE papers ADD COLUMN passage_count INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX ix_papers_worded ON papers (worded)",
    "ALTER TABLE vectors ADD COLUMN cuts BLOB",
    "CREATE INDEX ix_papers_year ON papers (year)",
    "INSERT OR REPLACE INTO meta (name, value) VALUES ('schema', '2')",
)


class Base(DeclarativeBase):
    """The root of the tables."""

    type_annotation_map: ClassVar = {tuple[str, ...]: JSON}


class PaperRow(Base):
    """A paper, and how far it is on its way into the two indexes.

    `worded` says that the index of words holds it as it is now, `state` the same of the index of meanings.
    `revision` grows with every change, so that what was indexed before a change does not count as done.
    `passage_count` is at least the number of passages that the index of meanings holds of it.
    """

    __tablename__ = "papers"
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    abstract: Mapped[str]
    authors: Mapped[tuple[str, ...]]
    year: Mapped[int | None] = mapped_column(index=True)
    venue: Mapped[str]
    doi: Mapped[str] = mapped_column(index=True)
    arxiv_id: Mapped[str] = mapped_column(index=True)
    url: Mapped[str]
    source: Mapped[str] = mapped_column(index=True)
    title_key: Mapped[str] = mapped_column(index=True)
    content_hash: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    worded: Mapped[bool] = mapped_column(index=True, default=False)
    revision: Mapped[int] = mapped_column(default=0)
    passage_count: Mapped[int] = mapped_column(default=0)


class VectorsRow(Base):
    """The vectors of one text under one model: float32 rows, one after the other.

    `cuts` are int32 pairs of offsets into the abstract, of the passages and then of the sentences; version 1 kept none.
    """

    __tablename__ = "vectors"
    content_hash: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    passages: Mapped[bytes] = mapped_column(LargeBinary)
    sentences: Mapped[bytes] = mapped_column(LargeBinary)
    cuts: Mapped[bytes | None] = mapped_column(LargeBinary)


class MetaRow(Base):
    """A named fact about the library."""

    __tablename__ = "meta"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


def prepare(engine: Engine) -> str:
    """Makes the tables, or brings those of version 1 up to date; returns the version that the file has now."""
    with engine.begin() as connection:
        found = _version(connection)
    if found in ("", "1"):
        with engine.begin() as connection:
            connection.execute(IMMEDIATE)  # all or nothing, and by one process
            found = _version(connection)
            if not found:
                Base.metadata.create_all(connection)
                connection.execute(text("INSERT INTO meta VALUES ('schema', :schema)"), {"schema": SCHEMA})
            elif found == "1":
                for statement in _FROM_1:
                    connection.execute(text(statement))
            found = _version(connection)
    return found


def _version(connection: Connection) -> str:
    """The version of a file, "" for an empty one. Version 1 was killed before it wrote its number if there is none."""
    if not inspect(connection).has_table(MetaRow.__tablename__):
        return ""
    return str(connection.execute(text("SELECT value FROM meta WHERE name = 'schema'")).scalar() or "1")
