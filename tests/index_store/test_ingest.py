"""Killed at any point, the next run finishes the work, and embeds nothing twice."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from index_store import (
    Catalogue,
    Embedder,
    IndexOutdated,
    Library,
    LibraryInUse,
    Paper,
    Ranking,
    State,
    ingest,
    open_embedder,
    passages,
    search,
)
from index_store.lexicon import Lexicon
from index_store.vectors import PassageVectors

ANIMALS = ["aardvark", "bison", "camel", "dingo", "emu"]
PAPERS = [Paper(f"On the {animal}", f"The {animal} eats. The {animal} sleeps.") for animal in ANIMALS]

MakeEmbedder = Callable[..., Embedder]


class Killed(Exception):
    """Stands for a process that ends here."""


@contextmanager
def killed(owner: type, step: str, *, after: bool = False, call: int = 1) -> Iterator[None]:
    """Ends the process just before, or just `after`, the given call of `owner.step`."""
    real = getattr(owner, step)
    calls = 0

    def die(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < call:
            return real(*args, **kwargs)
        if after:
            real(*args, **kwargs)
        raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(owner, step, staticmethod(die) if step == "delete" else die)
        yield


def assert_consistent(library: Library, animals: list[str] = ANIMALS) -> None:
    """The catalogue and both indexes hold exactly these papers, and each is found by its word."""
    papers = library.catalogue.page()
    assert sorted(paper.title for paper in papers) == [f"On the {animal}" for animal in animals]
    assert library.catalogue.counts() == {State.INDEXED: len(animals), State.PENDING: 0, State.REMOVED: 0}
    assert library.lexicon.ids() == library.vectors.ids() == {paper.id for paper in papers}
    assert library.vectors.count == sum(len(passages(paper.abstract)) for paper in papers)
    for animal in ANIMALS:
        hits = search(library, animal, 10, ranking=Ranking.WORDS).hits
        assert [hit.paper.title for hit in hits] == ([f"On the {animal}"] if animal in animals else [])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def indexed_home(home: Path, cheap_embedder: Embedder) -> Path:
    """The home of a closed library that holds all papers, indexed."""
    with Library(home, cheap_embedder) as library:
        library.add_records(PAPERS)
        library.index()
    return home


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (Embedder, "embed"),
        (Catalogue, "put_vectors"),
        (PassageVectors, "put"),
        (Catalogue, "mark_indexed"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_indexing_killed_at_any_step_is_finished_by_the_next_run(
    home: Path, make_embedder: MakeEmbedder, owner: type, step: str, after: bool
) -> None:
    first, second = make_embedder(batch=2), make_embedder(batch=2)
    assert first.dimension == second.dimension  # measured here, so that only papers count below
    with Library(home, first) as library:
        library.add_records(PAPERS)
        with killed(owner, step, after=after, call=2):
            library.index()
    with Library(home, second) as library:
        assert len(library.catalogue.ids(State.INDEXED)) >= 2, "the first batch was finished"
        library.index()
        assert_consistent(library)
    embedded = [*first.model.seen, *second.model.seen]
    if (owner, step, after) == (Embedder, "embed", True) or (step, after) == ("put_vectors", False):
        assert len(embedded) == 2 * 3 + len(set(embedded)), "only the batch whose vectors were not yet kept"
    else:
        assert len(embedded) == len(set(embedded)) + questions_asked_twice(first, second)


def questions_asked_twice(*embedders: Embedder) -> int:
    """How many texts were questions of `assert_consistent` that had come before."""
    asked = [text for embedder in embedders for text in embedder.model.seen if text in ANIMALS]
    return len(asked) - len(set(asked))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["put", "mark_worded"])
def test_adding_killed_at_any_step_is_finished_by_the_next_run(
    home: Path, cheap_embedder: Embedder, step: str, after: bool
) -> None:
    with Library(home, cheap_embedder) as library, killed(Lexicon if step == "put" else Catalogue, step, after=after):
        library.add_records(PAPERS)
    with Library(home, cheap_embedder) as library:
        assert library.status().pending == len(PAPERS), "the catalogue had them first"
        library.index()
        assert_consistent(library)


LONG = replace(PAPERS[0], abstract=" ".join(f"Sentence {number} of a long text." for number in range(99)))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("owner", "step", "call"),
    [(PassageVectors, "put", 1), (Catalogue, "note_passages", 1), (Catalogue, "note_passages", 2)],
)
@pytest.mark.parametrize("grows", [False, True], ids=["shrinks", "grows"])
def test_an_update_killed_before_it_is_indexed_leaves_no_trace_of_the_old_text(
    indexed_home: Path, cheap_embedder: Embedder, owner: type, step: str, call: int, after: bool, grows: bool
) -> None:
    with Library(indexed_home, cheap_embedder) as library:
        if not grows:
            library.add_records([LONG])
            library.index()
        library.add_records([LONG if grows else PAPERS[0]])
        with killed(owner, step, after=after, call=call):
            library.index()
        assert search(library, "aardvark", 5).hits, "a search in between works"
        if grows:
            library.add_records([PAPERS[0]])
    with Library(indexed_home, cheap_embedder) as library:
        library.index()
        assert_consistent(library)
        assert search(library, "sentence", 5, ranking=Ranking.WORDS).hits == ()


def test_a_search_between_an_update_and_its_indexing_shows_the_text_as_it_now_is(
    home: Path, cheap_embedder: Embedder
) -> None:
    long = replace(PAPERS[0], abstract=" ".join(f"The aardvark eats ant number {number}." for number in range(99)))
    with Library(home, cheap_embedder) as library:
        library.add_records([long, PAPERS[1]])
        library.index()
        library.add_records([PAPERS[0]])
        hits = {hit.paper.title: hit for hit in search(library, "aardvark", 5).hits}
        assert [passage.text for passage in hits["On the aardvark"].passages] == [PAPERS[0].abstract]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("owner", "step"),
    [(PassageVectors, "remove"), (Lexicon, "put"), (Catalogue, "note_gone")],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_removal_killed_at_any_step_is_finished_by_the_next_run(
    indexed_home: Path, cheap_embedder: Embedder, owner: type, step: str, after: bool
) -> None:
    with Library(indexed_home, cheap_embedder) as library:
        gone = [paper.id for paper in library.catalogue.page()[:2]]
        with killed(owner, step, after=after):
            library.remove(gone)
    with Library(indexed_home, cheap_embedder) as library:
        assert not {hit.paper.id for hit in search(library, "aardvark bison eats", 10).hits} & set(gone)
        library.index()
        assert_consistent(library, ANIMALS[2:])


def test_a_rebuild_uses_the_kept_vectors(indexed_home: Path, make_embedder: MakeEmbedder) -> None:
    embedder = make_embedder()
    with Library(indexed_home, embedder, rebuild=True) as library:
        assert library.status().pending == len(PAPERS)
        library.index()
        assert embedder.model.seen == []
        assert_consistent(library)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (Catalogue, "mark_all_pending"),
        (PassageVectors, "delete"),
        (Lexicon, "delete"),
        (Catalogue, "set_meta"),
        (Catalogue, "prune_vectors"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_rebuild_killed_at_any_step_is_finished_by_the_next_run(
    indexed_home: Path, make_embedder: MakeEmbedder, owner: type, step: str, after: bool
) -> None:
    embedder = make_embedder()
    with killed(owner, step, after=after):
        Library(indexed_home, embedder, rebuild=True)
    with Library(indexed_home, embedder) as library:
        library.index()
        assert embedder.model.seen == []
        assert_consistent(library)


def test_another_model_is_refused_until_a_rebuild(indexed_home: Path, make_embedder: MakeEmbedder) -> None:
    other = make_embedder("another-model")
    with pytest.raises(IndexOutdated, match=r"word-counts.*another-model.*research-assistant rebuild"):
        Library(indexed_home, other)
    with Library(indexed_home, other, rebuild=True) as library:
        library.index()
        assert len(other.model.seen) == 3 * len(PAPERS), "a passage and two sentences of each"
        assert_consistent(library)
    with pytest.raises(IndexOutdated):
        Library(indexed_home, make_embedder())


@pytest.mark.parametrize("folder", ["words", "vectors"])
def test_an_index_that_was_deleted_is_filled_again(
    indexed_home: Path, make_embedder: MakeEmbedder, folder: str
) -> None:
    shutil.rmtree(indexed_home / folder)
    embedder = make_embedder()
    with Library(indexed_home, embedder) as library:
        assert library.status().pending == (len(PAPERS) if folder == "vectors" else 0), "and says so until then"
        library.index()
        assert embedder.model.seen == []
        assert_consistent(library)


@pytest.mark.parametrize("file", ["words/meta.json", "vectors/chroma.sqlite3"])
def test_a_damaged_index_is_made_anew_which_is_told_and_embeds_nothing(
    indexed_home: Path, make_embedder: MakeEmbedder, file: str
) -> None:
    (indexed_home / file).write_bytes(b"damaged" * 100)
    embedder = make_embedder()
    with Library(indexed_home, embedder) as library:
        assert len(library.mended) == 1
        library.index()
        assert embedder.model.seen == []
        assert_consistent(library)
    with Library(indexed_home, embedder) as library:
        assert library.mended == ()


def test_a_library_that_could_not_be_opened_is_not_left_locked(
    indexed_home: Path, make_embedder: MakeEmbedder, cheap_embedder: Embedder
) -> None:
    with pytest.raises(IndexOutdated) as refusal:
        Library(indexed_home, make_embedder("another-model"))
    Library(indexed_home, cheap_embedder).close()
    del refusal  # kept until here, and with it the frames that hold the lock's file


# -- real processes ---------------------------------------------------------------------------------------------------

ANOTHER_PROCESS = """
import os, signal, sys
from pathlib import Path
from index_store import Catalogue, Library, Paper, open_embedder

home, killed_at = Path(sys.argv[1]), sys.argv[2]
if killed_at:
    setattr(Catalogue, killed_at, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
with Library(home, open_embedder("wordllama")) as library:
    animals = sys.argv[3:]
    library.add_records(Paper(f"On the {each}", f"The {each} eats. The {each} sleeps.") for each in animals)
    library.index()
    print("open", flush=True)
    sys.stdin.read()
"""


def another_process(home: Path, *, killed_at: str = "") -> "subprocess.Popen[str]":
    """Opens the library, adds and indexes all papers, says "open" and waits until its input ends."""
    command = [sys.executable, "-c", ANOTHER_PROCESS, str(home), killed_at, *ANIMALS]
    root = Path(ingest.__file__).parents[1]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)


def test_a_second_process_is_told_that_the_library_is_in_use(home: Path) -> None:
    with another_process(home) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        with pytest.raises(LibraryInUse, match="open in another process"):
            Library(home, open_embedder("wordllama"))
        owner.communicate()
    with Library(home, open_embedder("wordllama")) as library:
        assert_consistent(library)


def test_a_process_that_was_really_killed_leaves_what_the_next_one_finishes(home: Path) -> None:
    with another_process(home, killed_at="mark_indexed") as victim:
        victim.communicate()
    assert victim.returncode == -signal.SIGKILL
    assert os.path.exists(home / "index.lock")
    with Library(home, open_embedder("wordllama")) as library:
        assert library.status().pending == len(PAPERS)
        library.index()
        assert_consistent(library)
