"""The revisions make of an earlier database what is made at once today, in a file and on PostgreSQL."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from index_store import Catalogue, DatabasePlace, LibraryUnreadable, Paper, Postgres, open_engine
from index_store.schema import SCHEMA, VERSIONS, Base

from ..postgres import PASSWORD


@contextmanager
def connected(place: DatabasePlace) -> Iterator[Connection]:
    engine = open_engine(place)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def indexes(connection: Connection) -> Any:
    """What the database itself says of its indexes."""
    sqlite = connection.dialect.name == "sqlite"
    of = "name FROM sqlite_master WHERE type = 'index'" if sqlite else "indexname, indexdef FROM pg_indexes"
    return sorted(map(tuple, connection.execute(text(f"SELECT {of}"))))


def test_what_the_revisions_make_is_what_the_tables_are_declared_to_be(database: DatabasePlace) -> None:
    with connected(database) as connection:
        VERSIONS.upgrade(connection)
        with_revisions = indexes(connection)
        context = MigrationContext.configure(connection, opts={"version_table": VERSIONS.table})
        assert compare_metadata(context, Base.metadata) == []
        for table in (*Base.metadata.tables, VERSIONS.table):
            connection.execute(text(f"DROP TABLE {table}"))
    Catalogue(database).close()
    with connected(database) as connection:
        assert [each[0] for each in indexes(connection)] == [each[0] for each in with_revisions]


def test_a_database_at_the_baseline_is_brought_up_with_what_is_in_it(database: DatabasePlace) -> None:
    paper = Paper("On bees", "They dance.", ("Ann Lee",), 2001, source="a.bib")
    made = Catalogue(database)
    ((_, stored),) = made.put([paper])
    made.close()
    with connected(database) as connection:
        for statement in ("DROP TABLE changes", "DROP INDEX ix_papers_by_change"):
            connection.execute(text(statement))
        connection.execute(text("ALTER TABLE papers DROP COLUMN change"))
        connection.execute(text(f"UPDATE {VERSIONS.table} SET version_num = '3'"))
        connection.execute(text("UPDATE meta SET value = '3' WHERE name = 'schema'"))
    catalogue = Catalogue(database)
    assert catalogue.page() == [stored]
    assert catalogue.meta("schema") == SCHEMA, "by which an earlier program refuses it"
    catalogue.remove([stored.id])
    assert catalogue.page() == []
    catalogue.close()


def test_the_newest_revision_is_that_of_the_program() -> None:
    assert ScriptDirectory(str(VERSIONS.folder)).get_heads() == [SCHEMA]


def test_alembic_is_loaded_only_where_something_is_brought_up(tmp_path: Path) -> None:
    command = (
        "import sys; from pathlib import Path; from index_store import Catalogue; "
        "Catalogue(Path(sys.argv[1])).close(); "
        "print(sorted({'alembic', 'psycopg'} & sys.modules.keys()))"
    )
    for _ in ("made", "opened"):
        ran = subprocess.run([sys.executable, "-c", command, tmp_path / "file"], capture_output=True, text=True)
        assert (ran.stdout.strip(), ran.returncode) == ("[]", 0), ran.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"postgresql://reader:{PASSWORD}@127.0.0.1:1/papers", "'papers' on PostgreSQL at 127.0.0.1:1 cannot be used"),
        (f"mysql://reader:{PASSWORD}@localhost/papers", "DATABASE_URL is no address"),
        (f"postgresql://reader:{PASSWORD}@localhost", "DATABASE_URL is no address"),
        (f"postgresql://reader:{PASSWORD}@localhost:port/papers", "DATABASE_URL is no address"),
        (PASSWORD, "DATABASE_URL is no address"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line_without_the_password(url: str, said: str) -> None:
    with pytest.raises(LibraryUnreadable) as refused:
        Catalogue(Postgres(url))
    assert said in str(refused.value) and "DATABASE_URL" in str(refused.value)
    assert "\n" not in str(refused.value) and PASSWORD not in str(refused.value)


def test_nothing_that_prints_a_place_shows_the_password() -> None:
    place = Postgres(f"postgres://reader:{PASSWORD}@localhost:5433/papers")
    assert PASSWORD not in f"{place} {place!r} {place.parsed}"
    assert str(place) == "'papers' on PostgreSQL at localhost:5433"
