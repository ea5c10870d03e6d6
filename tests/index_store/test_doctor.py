"""What differs between the catalogue and the indexes is named, with its papers; what does not, is not."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from index_store import Embedder, Library, Paper
from index_store.doctor import INDEX, REBUILD, Diagnosis, Problem, examine
from index_store.seal import Seal
from index_store.vectors import Entry

ANIMALS = ["aardvark", "bison", "camel", "dingo", "emu"]
PAPERS = [Paper(f"On the {animal}", f"The {animal} eats. The {animal} sleeps.") for animal in ANIMALS]
LONG = Paper("On the ferret", " ".join(f"The ferret digs hole number {number}." for number in range(99)))


@pytest.fixture
def library(tmp_path: Path, cheap_embedder: Embedder) -> Iterator[Library]:
    """Five papers of one passage, one of several, and one without an abstract, all indexed."""
    with Library(tmp_path / "home", cheap_embedder) as opened:
        opened.add_records([*PAPERS, LONG, Paper("On the gnu", "")])
        opened.index()
        yield opened


def id_of(library: Library, title: str) -> str:
    return next(one.id for one in library.catalogue.page() if one.title == title)


def only_problem(library: Library) -> Problem:
    (problem,) = examine(library).problems
    return problem


def change(library: Library, statement: str) -> None:
    """Changes the catalogue's file behind its back."""
    with closing(sqlite3.connect(library.home / "catalogue.sqlite3")) as file, file:
        assert file.execute(statement).rowcount


def test_a_library_in_order_has_no_problem_and_every_passage_is_reached(library: Library) -> None:
    passages = library.vectors.count
    assert passages > 7, "one paper has several"
    assert examine(library) == Diagnosis(papers=7, passages=passages, sought=passages, reached=passages, problems=())


def test_an_empty_library_has_no_problem(tmp_path: Path, cheap_embedder: Embedder) -> None:
    with Library(tmp_path / "empty", cheap_embedder) as library:
        assert examine(library) == Diagnosis(0, 0, 0, 0, ())


def test_what_waits_is_named_and_is_no_damage(library: Library) -> None:
    library.add_records([Paper("On the heron", "It wades.")])
    heron = id_of(library, "On the heron")
    waits = Problem("Papers wait to be indexed by their meaning.", (heron,), 1, INDEX)
    assert examine(library).problems == (waits,)
    assert examine(library).damage == ()
    library.index()
    assert examine(library).problems == ()


def test_a_paper_that_changed_and_waits_is_no_damage(library: Library) -> None:
    library.add_records([Paper(LONG.title, "The ferret rests.")])
    assert examine(library).damage == ()


def test_a_removal_that_another_process_made_waits_and_is_no_damage(library: Library) -> None:
    gone = id_of(library, "On the emu")
    library.catalogue.remove([gone])
    problem = only_problem(library)
    assert (problem.papers, problem.remedy) == ((gone,), INDEX)
    assert examine(library).damage == ()
    library.index()
    assert examine(library).problems == ()


def test_passages_that_are_not_in_chroma_are_named(library: Library) -> None:
    camel = id_of(library, "On the camel")
    library.vectors.remove([camel])
    assert only_problem(library) == Problem(
        "Passages of papers are not in the index of meanings.", (camel,), 1, REBUILD
    )


def test_papers_in_chroma_that_the_library_does_not_have_are_named(library: Library) -> None:
    row = np.eye(1, library.embedder.dimension, dtype=np.float32)
    library.vectors.put([Entry(Paper("Stray", "", id="stray"), 1, 0)], row)
    assert only_problem(library).what == "The index of meanings holds papers that the library does not have."
    assert only_problem(library).papers == ("stray",)


def test_passages_that_a_paper_has_no_longer_are_named(library: Library) -> None:
    emu = library.catalogue.papers([id_of(library, "On the emu")]).popitem()[1]
    rows = library.embedder.embed(["On the emu\nThe emu eats. The emu sleeps.", "An old text."])
    library.vectors.put([Entry(emu, 2, 0)], rows)
    assert only_problem(library).what == "The index of meanings holds passages that papers no longer have."
    assert only_problem(library).papers == (emu.id,)


def test_a_passage_with_the_vector_of_another_text_is_named(library: Library) -> None:
    emu = library.catalogue.papers([id_of(library, "On the emu")]).popitem()[1]
    library.vectors.put([Entry(emu, 1, 1)], library.embedder.embed(["An old text."]))
    assert only_problem(library).what == "Passages are in the index of meanings with another vector."
    assert only_problem(library).papers == (emu.id,)


def test_passages_that_are_counted_but_that_no_search_finds_are_named(
    tmp_path: Path, make_embedder: Callable[..., Embedder]
) -> None:
    """The graph of an earlier time beside the list of ids of now; of 1,000 vectors and more, Chroma keeps no other."""
    home, embedder = tmp_path / "home", make_embedder(batch=500)
    early, late = (
        [Paper(f"{when} beast {number}", f"Beast {number * number} was {when}.") for number in range(1100)]
        for when in ("early", "late")
    )
    with Library(home, embedder) as library:
        library.add_records(early)
        library.index()
    (graph,) = (path for path in (home / "vectors").iterdir() if path.is_dir())
    shutil.copytree(graph, tmp_path / "graph")
    with Library(home, embedder) as library:
        library.add_records(late)
        library.index()
    shutil.copytree(tmp_path / "graph", graph, dirs_exist_ok=True)
    Seal(home / "vectors", "*/*").renew()  # else it would be noticed, and mended, when the library is opened
    with Library(home, embedder) as library:
        assert (library.mended, library.vectors.count) == ((), 2200), "all are counted"
        found = examine(library)
        (problem,) = (one for one in found.damage if "no search finds them" in one.what)
        assert 1000 < problem.count == found.sought - found.reached
        assert len(problem.papers) == 20
    with Library(home, embedder, rebuild=True) as library:
        library.index()
        assert examine(library).problems == ()


def test_papers_with_one_and_the_same_text_are_no_problem(library: Library) -> None:
    library.add_records(Paper("Editorial", "Welcome to this issue.", year=1000 + 10 * number) for number in range(300))
    library.index()
    found = examine(library)
    assert (found.papers, found.problems) == (307, ())


def test_papers_that_are_not_in_the_index_of_words_are_named(library: Library) -> None:
    camel = id_of(library, "On the camel")
    library.lexicon.put([], removed=[camel])
    assert only_problem(library) == Problem("Papers are not in the index of words.", (camel,), 1, REBUILD)


def test_papers_in_the_index_of_words_that_the_library_does_not_have_are_named(library: Library) -> None:
    library.lexicon.put([Paper("Stray", "It strays.", id="stray")])
    assert only_problem(library).what == "The index of words holds papers that the library does not have."
    assert only_problem(library).papers == ("stray",)


def test_a_paper_with_the_words_of_another_text_is_named(library: Library) -> None:
    emu = id_of(library, "On the emu")
    library.lexicon.put([Paper("An old title", "An old text.", id=emu)])
    assert only_problem(library).what == "Papers are not found by the words of their titles."
    assert only_problem(library).papers == (emu,)


@pytest.mark.parametrize(
    "damage",
    ["passages = substr(passages, 1, 100)", "passages = x''", "passages = passages || passages"],
    ids=["cut", "empty", "twice"],
)
def test_kept_vectors_that_do_not_fit_the_model_are_named_and_a_rebuild_makes_them_anew(
    library: Library, cheap_embedder: Embedder, damage: str
) -> None:
    change(library, f"UPDATE vectors SET {damage} WHERE rowid = (SELECT min(rowid) FROM vectors)")
    what = "The vectors that are kept of papers do not fit the embedding model."
    (problem,) = (one for one in examine(library).problems if one.what == what)
    assert (problem.count, problem.remedy) == (1, REBUILD)
    library.close()
    with Library(library.home, cheap_embedder, rebuild=True) as rebuilt:
        rebuilt.index()
        assert examine(rebuilt).problems == ()


def test_papers_without_kept_vectors_are_named(library: Library) -> None:
    change(library, "DELETE FROM vectors WHERE rowid = (SELECT min(rowid) FROM vectors)")
    what = "Papers count as indexed, but their vectors are not in the catalogue."
    assert [one.count for one in examine(library).problems if one.what == what] == [1]


def test_a_catalogue_whose_file_is_damaged_is_named(library: Library) -> None:
    with closing(sqlite3.connect(library.home / "catalogue.sqlite3")) as file, file:
        file.execute("CREATE INDEX of_years ON papers (year)")
        file.execute("PRAGMA writable_schema = ON")
        file.execute("UPDATE sqlite_master SET sql = replace(sql, '(year)', '(venue)') WHERE name = 'of_years'")
    (problem,) = examine(library).damage
    assert problem.what.startswith("The catalogue's file is damaged") and "of_years" in problem.what
    assert "rebuild" not in problem.remedy, "that would not mend it"


def test_of_many_passages_a_sample_is_searched_for(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index_store.doctor._EVERY", 4)
    monkeypatch.setattr("index_store.doctor._SAMPLE", 3)
    found = examine(library)
    assert (found.sought, found.reached) == (3, 3)
    assert found.passages == library.vectors.count


def test_looking_changes_nothing(library: Library) -> None:
    library.vectors.remove([id_of(library, "On the camel")])
    assert examine(library) == examine(library)
