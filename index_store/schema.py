"""The tables of the catalogue, and how a file of an earlier version becomes one of this."""

import json
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import JSON, Connection, Engine, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from .papers import author_key, listed_text, title_key
from .versions import Versions

SCHEMA = "4"
VERSIONS = Versions("catalogue_version", SCHEMA, Path(__file__).with_name("migrations"))
_BASELINE = "3"  # of the revisions in `migrations`; what is older, a SQLite file, comes there by the statements here

_FROM_1 = (
    "ALTER TABLE papers ADD COLUMN worded BOOLEAN NOT NULL DEFAULT 0",
    "ALTER TABLE papers ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE papers ADD COLUMN passage_count INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX ix_papers_worded ON papers (worded)",
    "ALTER TABLE vectors ADD COLUMN cuts BLOB",
    "CREATE INDEX ix_papers_year ON papers (year)",
)
# What a paper was made of before there were records is taken for its one record. (The tables are made before.)
_FROM_2 = (
    "ALTER TABLE papers ADD COLUMN sources JSON NOT NULL DEFAULT '[]'",
    "ALTER TABLE papers ADD COLUMN first_author VARCHAR NOT NULL DEFAULT ''",
    "ALTER TABLE papers ADD COLUMN listed VARCHAR NOT NULL DEFAULT ''",
    "ALTER TABLE papers ADD COLUMN removed_at DOUBLE",
    "UPDATE papers SET sources = json_array(source), title_key = title_key(title), first_author = author_key(authors), "
    "listed = listed_text(title, authors, venue, doi, arxiv_id)",
    "INSERT INTO records (position, source, record_id, doi, arxiv_id, title_key, fields) "
    "SELECT position, source, id, doi, arxiv_id, title_key, json_object('id', id, 'title', title, "
    "'abstract', abstract, 'authors', json(authors), 'year', year, 'venue', venue, 'doi', doi, 'arxiv_id', arxiv_id, "
    "'url', url, 'source', source) FROM papers WHERE state != 'removed'",
    "DROP INDEX ix_papers_doi",
    "DROP INDEX ix_papers_arxiv_id",
    "DROP INDEX ix_papers_source",
    "DROP INDEX ix_papers_title_key",
    "DROP INDEX ix_papers_year",
    "CREATE INDEX ix_papers_by_title ON papers (title_key, state)",
    "CREATE INDEX ix_papers_by_author ON papers (first_author, state)",
    "CREATE INDEX ix_papers_by_year ON papers (year, state)",
    "CREATE INDEX ix_papers_without_abstract ON papers (position) WHERE abstract = ''",
)
_BARE = text("abstract = ''")


class Base(DeclarativeBase):
    """The root of the tables."""

    type_annotation_map: ClassVar = {
        tuple[str, ...]: JSON,
        dict[str, Any]: JSON,
        str: String().with_variant(String(collation="C"), "postgresql"),  # in the order of characters, as SQLite has it
    }


class PaperRow(Base):
    """A paper as its records make it, and how far it is on its way into the two indexes.

    `worded` says that the index of words holds it as it is now, `state` the same of the index of meanings.
    `revision` grows with every change, so that what was indexed before a change does not count as done.
    `passage_count` is at least the number of passages that the index of meanings holds of it.
    `sources` are those of its records, the first in `source`. `title_key`, `first_author` and `listed` serve lists:
    they are what it is ordered and found by there. `removed_at` is in seconds since 1970. `change` is the number of the
    last change of what the index of words holds of it, see `ChangesRow`.
    """

    __tablename__ = "papers"
    __table_args__ = (
        Index("ix_papers_by_title", "title_key", "state"),  # with the state, so that a list's order needs no row
        Index("ix_papers_by_author", "first_author", "state"),
        Index("ix_papers_by_year", "year", "state"),
        Index("ix_papers_without_abstract", "position", sqlite_where=_BARE, postgresql_where=_BARE),
        Index("ix_papers_by_change", "change", "position"),
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    abstract: Mapped[str]
    authors: Mapped[tuple[str, ...]]
    year: Mapped[int | None]
    venue: Mapped[str]
    doi: Mapped[str]
    arxiv_id: Mapped[str]
    url: Mapped[str]
    source: Mapped[str]
    sources: Mapped[tuple[str, ...]]
    title_key: Mapped[str]
    first_author: Mapped[str]
    listed: Mapped[str]
    content_hash: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    worded: Mapped[bool] = mapped_column(index=True, default=False)
    revision: Mapped[int] = mapped_column(default=0)
    passage_count: Mapped[int] = mapped_column(default=0)
    removed_at: Mapped[float | None]
    change: Mapped[int] = mapped_column(default=0)


class RecordRow(Base):
    """What one source says of a paper: the fields of a `Paper`. A source may have several records of one paper.

    `number` grows, so that the latest record has the highest.
    """

    __tablename__ = "records"
    __table_args__ = (UniqueConstraint("position", "source", "record_id"),)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    position: Mapped[int]
    source: Mapped[str] = mapped_column(index=True)
    record_id: Mapped[str]
    doi: Mapped[str] = mapped_column(index=True)
    arxiv_id: Mapped[str] = mapped_column(index=True)
    title_key: Mapped[str] = mapped_column(index=True)
    fields: Mapped[dict[str, Any]]


class CollectedRow(Base):
    """That a paper is in a named collection."""

    __tablename__ = "collected"
    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, index=True)


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


class ChangesRow(Base):
    """The one row that every transaction that writes to PostgreSQL locks, so that they go one by one.

    `number` is that of the last one that changed what an index of words holds of papers: it has no gaps, and one that
    is seen has all before it seen too. `writes` counts all of them.
    """

    __tablename__ = "changes"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
    writes: Mapped[int]


def prepare(engine: Engine) -> str:
    """Makes the tables, or brings those of an earlier version up to date; returns the version that there is now."""
    return VERSIONS.prepare(engine, _bring_up)


def _bring_up(connection: Connection, found: str) -> None:
    if not found:
        Base.metadata.create_all(connection)
        connection.execute(text("INSERT INTO changes VALUES (1, 0, 0)"))
        connection.execute(text("INSERT INTO meta VALUES ('schema', :schema)"), {"schema": SCHEMA})
        VERSIONS.stamp(connection, SCHEMA)
    else:
        if not VERSIONS.stamped(connection):
            _to_baseline(connection, found)
        VERSIONS.upgrade(connection)


def _to_baseline(connection: Connection, found: str) -> None:
    """Brings a SQLite file from before the revisions to where these begin."""
    if found != _BASELINE:
        driver: Any = connection.connection.driver_connection
        driver.create_function("author_key", 1, lambda authors: author_key(json.loads(authors)), deterministic=True)
        driver.create_function("title_key", 1, title_key, deterministic=True)
        driver.create_function("listed_text", 5, _listed_text, deterministic=True)
        Base.metadata.create_all(connection, [RecordRow.__table__, CollectedRow.__table__])  # type: ignore[list-item]
        for statement in (*(_FROM_1 if found == "1" else ()), *_FROM_2):
            connection.execute(text(statement))
        connection.execute(text("INSERT OR REPLACE INTO meta VALUES ('schema', :schema)"), {"schema": _BASELINE})
    VERSIONS.stamp(connection, _BASELINE)


def _listed_text(title: str, authors: str, *others: str) -> str:
    return listed_text(title, json.loads(authors), *others)
