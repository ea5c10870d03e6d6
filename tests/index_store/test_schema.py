"""A library of an earlier version opens with everything in it, and embeds nothing again."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import tantivy

from index_store import Catalogue, Embedder, Filter, Library, LibraryUnreadable, Paper, Ranking, schema, search

MakeEmbedder = Callable[..., Embedder]

PAPERS = [
    Paper("On the aardvark", "It eats ants. It digs.", ("Ann Lee",), 2010, "Zoo", "10.1/a", "", "https://a", "a.bib"),
    Paper("On the bison", "It grazes.", (), None, "", "", "1801.00001", "", "b.bib"),
    Paper("On the camel", "", ("Bo Li", "José García"), 1999, source="b.bib"),
]

# As version 1 made them.
TABLES = """
CREATE TABLE papers (
    position INTEGER NOT NULL, id VARCHAR NOT NULL, title VARCHAR NOT NULL, abstract VARCHAR NOT NULL,
    authors JSON NOT NULL, year INTEGER, venue VARCHAR NOT NULL, doi VARCHAR NOT NULL, arxiv_id VARCHAR NOT NULL,
    url VARCHAR NOT NULL, source VARCHAR NOT NULL, title_key VARCHAR NOT NULL, content_hash VARCHAR NOT NULL,
    state VARCHAR NOT NULL, PRIMARY KEY (position), UNIQUE (id)
);
CREATE INDEX ix_papers_arxiv_id ON papers (arxiv_id);
CREATE INDEX ix_papers_doi ON papers (doi);
CREATE INDEX ix_papers_source ON papers (source);
CREATE INDEX ix_papers_state ON papers (state);
CREATE INDEX ix_papers_title_key ON papers (title_key);
CREATE TABLE vectors (
    content_hash VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, passages BLOB NOT NULL, sentences BLOB NOT NULL,
    PRIMARY KEY (content_hash, fingerprint)
);
CREATE TABLE meta (name VARCHAR NOT NULL, value VARCHAR NOT NULL, PRIMARY KEY (name));
"""
COLUMNS = (
    "position, id, title, abstract, authors, year, venue, doi, arxiv_id, url, source, title_key, content_hash, state"
)


def to_version_1(home: Path) -> None:
    """Makes the library in `home` what version 1 would have left there."""
    file = home / "catalogue.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        papers = connection.execute(f"SELECT {COLUMNS} FROM papers").fetchall()
        vectors = connection.execute("SELECT content_hash, fingerprint, passages, sentences FROM vectors").fetchall()
        meta = [row for row in connection.execute("SELECT * FROM meta") if row[0] in ("fingerprint", "sample_offered")]
    for path in home.glob("catalogue.sqlite3*"):
        path.unlink()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(TABLES)
        connection.executemany(f"INSERT INTO papers ({COLUMNS}) VALUES ({','.join('?' * 14)})", papers)
        connection.executemany("INSERT INTO vectors VALUES (?, ?, ?, ?)", vectors)
        connection.executemany("INSERT INTO meta VALUES (?, ?)", [*meta, ("schema", "1")])
    shutil.rmtree(home / "words")
    (home / "words").mkdir()
    fields = tantivy.SchemaBuilder().add_text_field("id", stored=True).add_text_field("text").build()
    writer = tantivy.Index(fields, path=str(home / "words")).writer(heap_size=15_000_000, num_threads=1)
    writer.add_document(tantivy.Document(id="of version 1", text="aardvark"))
    writer.commit()
    writer.wait_merging_threads()


@pytest.fixture
def old_home(tmp_path: Path, make_embedder: MakeEmbedder) -> Path:
    """The home of version 1: two papers indexed, one pending, one removed."""
    home = tmp_path / "home"
    with Library(home, make_embedder()) as library:
        library.add_records(PAPERS[:2])
        library.add_records([Paper("On the dingo", "It barks.")])
        library.index()
        library.add_records(PAPERS[2:])
    with closing(sqlite3.connect(home / "catalogue.sqlite3")) as connection, connection:
        connection.execute("UPDATE papers SET state = 'removed' WHERE title = 'On the dingo'")
    to_version_1(home)
    return home


def as_added(papers: list[Paper]) -> list[Paper]:
    return [Paper.from_dict({**paper.to_dict(), "id": "", "sources": []}) for paper in papers]


def version(home: Path) -> str:
    with closing(sqlite3.connect(home / "catalogue.sqlite3")) as connection:
        return str(connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()[0])


def columns(home: Path) -> set[str]:
    with closing(sqlite3.connect(home / "catalogue.sqlite3")) as connection:
        return {row[1] for row in connection.execute("PRAGMA table_info(papers)")}


def assert_whole(home: Path, embedder: Embedder, embeds: list[str]) -> None:
    """The library opens, holds everything, and `embeds` only the given texts."""
    with Library(home, embedder) as library:
        assert as_added(library.catalogue.page()) == PAPERS
        assert library.status().pending == 3
        library.index()
        assert embedder.model.seen == embeds
        ids = {paper.id for paper in library.catalogue.page()}
        assert library.lexicon.ids() == library.vectors.ids() == ids, "the removed paper is gone too"
        for paper in PAPERS:
            for ranking in Ranking:
                hits = search(library, paper.title.split()[-1], 1, ranking=ranking).hits
                assert [hit.paper.title for hit in hits] == [paper.title]
        within = Filter(author="garcia", to_year=1999)
        assert [hit.paper.title for hit in search(library, "on the", 5, within=within).hits] == ["On the camel"]
    assert version(home) == schema.SCHEMA


def test_a_library_of_version_1_keeps_everything_and_embeds_only_what_was_pending(
    old_home: Path, make_embedder: MakeEmbedder
) -> None:
    assert_whole(old_home, make_embedder(), embeds=["On the camel\n"])
    again = make_embedder()
    with Library(old_home, again) as library:
        assert library.index() == 0, "the second open has nothing to do"
        assert again.model.seen == []


def test_an_old_catalogue_has_the_tables_and_indexes_of_a_new_one(old_home: Path, tmp_path: Path) -> None:
    def made(path: Path) -> tuple[set[str], set[tuple[str, str, int]]]:
        Catalogue(path).close()
        with closing(sqlite3.connect(path)) as connection:
            names = {
                row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'")
            }
            return names, {(row[1], row[2], row[3]) for row in connection.execute("PRAGMA table_info(papers)")}

    assert made(old_home / "catalogue.sqlite3") == made(tmp_path / "new.sqlite3")


@pytest.mark.parametrize("statement", range(len(schema._FROM_1) + len(schema._FROM_2) + 1))
def test_a_migration_that_fails_at_any_statement_leaves_version_1_and_can_be_repeated(
    old_home: Path, make_embedder: MakeEmbedder, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    before = columns(old_home)
    with monkeypatch.context() as patch:
        steps = (*schema._FROM_1, *schema._FROM_2)
        patch.setattr(schema, "_FROM_1", (*steps[:statement], "SELECT nothing FROM nowhere"))
        with pytest.raises(LibraryUnreadable, match=r"catalogue\.sqlite3"):
            Catalogue(old_home / "catalogue.sqlite3")
    assert (columns(old_home), version(old_home)) == (before, "1")
    assert_whole(old_home, make_embedder(), embeds=["On the camel\n"])


KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from index_store import Catalogue

@event.listens_for(Engine, "before_cursor_execute")
def kill(connection, cursor, statement, *rest):
    if "ix_papers_year" in statement:
        os.kill(os.getpid(), signal.SIGKILL)

Catalogue(Path(sys.argv[1]))
"""


def test_a_migration_that_was_really_killed_can_be_repeated(old_home: Path, make_embedder: MakeEmbedder) -> None:
    command = [sys.executable, "-c", KILLED, str(old_home / "catalogue.sqlite3")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(old_home)}
    root = Path(schema.__file__).parents[1]
    assert subprocess.run(command, check=False, cwd=root, env=environment).returncode == -signal.SIGKILL
    assert version(old_home) == "1"
    assert_whole(old_home, make_embedder(), embeds=["On the camel\n"])


def test_a_catalogue_that_was_killed_before_it_had_its_version_opens(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(TABLES)
    catalogue = Catalogue(file)
    catalogue.put(PAPERS)
    assert as_added(catalogue.page()) == PAPERS
    catalogue.close()


def test_opening_needs_no_turn_while_another_process_writes(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.sqlite3"
    Catalogue(file).close()
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        reader = Catalogue(file)
        assert reader.page() == []
        reader.close()


OPENED_AT_ONCE = """
import sys
from pathlib import Path
from index_store import Catalogue

print("ready", flush=True)
for line in sys.stdin:
    Catalogue(Path(line.strip())).close()
    print("opened", flush=True)
"""


def test_a_library_that_several_processes_make_at_once_opens_in_each(tmp_path: Path) -> None:
    # Without waiting, one in twenty was told that the database is locked.
    started = [
        subprocess.Popen(
            [sys.executable, "-c", OPENED_AT_ONCE],
            cwd=Path(schema.__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    try:
        for process in started:
            assert process.stdout and process.stdout.readline() == "ready\n"
        for number in range(40):
            for process in started:
                assert process.stdin
                process.stdin.write(f"{tmp_path / str(number)}.sqlite3\n")
                process.stdin.flush()
            for process in started:
                assert process.stdout and process.stderr
                assert process.stdout.readline() == "opened\n", process.stderr.read()
        for process in started:
            assert process.communicate(timeout=60) == ("", "")
    finally:
        for process in started:
            process.kill()
            process.communicate()
