"""What SQLite looks through for a search, or for a paper that is added, in a small library and in one ten times it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from index_store import Embedder, Library, Paper, search

_NEW = Paper("On the whale", "The whale sings. It dives.")


def papers(count: int) -> list[Paper]:
    """So many papers, the sixty that a search finds among them."""
    return [
        Paper(f"Paper {number}", f"{'A heron' if number < 60 else 'An engine'} stands. It is number n{number}.")
        for number in range(count)
    ]


@contextmanager
def reading() -> Iterator[list[tuple[str, Any]]]:
    """What is read from databases meanwhile: statements and their values."""
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, values: Any, ___: Any, many: bool) -> None:
        if statement.startswith("SELECT") and not many:
            asked.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def steps(file: Path, asked: list[tuple[str, Any]]) -> int:
    """How many instructions of its own machine SQLite goes through for what was asked."""
    count = 0

    def one() -> int:
        nonlocal count
        count += 1
        return 0

    with closing(sqlite3.connect(file)) as database:
        database.set_progress_handler(one, 1)
        for statement, values in asked:
            database.execute(statement, values).fetchall()
    return count


def _search(library: Library) -> None:
    assert search(library, "heron", 5).hits


def _add(library: Library) -> None:
    library.catalogue.put([_NEW])


def _index(library: Library) -> None:
    waiting = library.catalogue.waiting(10)
    assert library.catalogue.still_waiting(waiting) == waiting
    library.catalogue.mark_indexed(waiting)


def _restore(library: Library) -> None:
    removed = library.catalogue.page(limit=5)
    library.remove([paper.id for paper in removed])
    assert library.catalogue.restore([paper.id for paper in removed]) == 5


@pytest.mark.parametrize("deed", [_search, _add, _index, _restore], ids=lambda deed: deed.__name__.strip("_"))
def test_a_library_ten_times_as_large_is_not_looked_through(
    deed: Callable[[Library], None], tmp_path: Path, cheap_embedder: Embedder
) -> None:
    taken = []
    for count in (150, 1500):
        with Library(tmp_path / str(count), cheap_embedder) as library:
            library.add_records(papers(count))
            if deed is not _index:
                library.index()
            _search(library)  # what is counted once and kept
            with reading() as asked:
                deed(library)
        assert asked
        taken.append(steps(tmp_path / str(count) / "catalogue.sqlite3", asked))
    assert taken[1] < 2 * taken[0]
