"""What SQLite looks through for a search, or for a paper that is added, in a small library and in one ten times it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
def counting() -> Iterator[list[int]]:
    """One number for each statement meanwhile: how many instructions of its own machine SQLite goes through for it."""
    taken: list[int] = []

    def one() -> int:
        taken[-1] += 1
        return 0

    def begin(_: Any, cursor: Any, *__: Any) -> None:
        taken.append(0)
        cursor.connection.set_progress_handler(one, 1)

    event.listen(Engine, "before_cursor_execute", begin)
    try:
        yield taken
    finally:
        event.remove(Engine, "before_cursor_execute", begin)


def _search(library: Library, _: Sequence[str]) -> None:
    assert search(library, "heron", 5).hits


def _add(library: Library, _: Sequence[str]) -> None:
    library.catalogue.put([_NEW])


def _index(library: Library, _: Sequence[str]) -> None:
    waiting = library.catalogue.waiting(10)
    assert library.catalogue.still_waiting(waiting) == waiting
    library.catalogue.mark_indexed(waiting)


def _remove(library: Library, _: Sequence[str]) -> None:
    library.catalogue.remove([paper.id for paper in library.catalogue.page(limit=5)])


def _restore(library: Library, removed: Sequence[str]) -> None:
    assert library.catalogue.restore(removed) == len(removed)


@pytest.mark.parametrize("deed", [_search, _add, _index, _remove, _restore], ids=lambda deed: deed.__name__.strip("_"))
def test_a_library_ten_times_as_large_is_not_looked_through(
    deed: Callable[[Library, Sequence[str]], None], tmp_path: Path, cheap_embedder: Embedder
) -> None:
    taken = []
    for count in (150, 1500):
        with Library(tmp_path / str(count), cheap_embedder) as library:
            library.add_records(papers(count))
            if deed is not _index:
                library.index()
            removed: list[str] = []
            if deed is _restore:
                removed = [paper.id for paper in library.catalogue.page(limit=count // 2)]
                library.remove(removed)
            _search(library, removed)  # what is counted once and kept
            with counting() as steps:
                deed(library, removed[-5:])
        taken.append(sum(steps))
    assert 0 < taken[1] < 2 * taken[0]
