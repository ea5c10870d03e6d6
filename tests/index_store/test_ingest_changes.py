"""Words at once, meaning behind; and whatever is changed while it is being embedded ends up right."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from index_store import (
    Embedder,
    Filter,
    IndexOutdated,
    Library,
    Paper,
    Ranking,
    State,
    open_catalogue,
    passages,
    search,
)
from index_store.lexicon import Lexicon
from index_store.vectors import PassageVectors

MakeEmbedder = Callable[..., Embedder]

ANIMALS = ["aardvark", "bison", "camel", "dingo", "emu", "ferret", "gnu"]


def paper(animal: str, **fields: Any) -> Paper:
    return replace(Paper(f"On the {animal}", f"The {animal} eats. The {animal} sleeps.", year=2010), **fields)


PAPERS = [paper(animal) for animal in ANIMALS]
LONG = " ".join(f"The aardvark eats ant number {number}." for number in range(99))


@pytest.fixture
def library(tmp_path: Path, make_embedder: MakeEmbedder) -> Iterator[Library]:
    with Library(tmp_path / "home", make_embedder(batch=2)) as opened:
        opened.embedder.dimension  # noqa: B018  # measured here, so that what is embedded below are texts of papers
        yield opened


def assert_right(library: Library, expected: list[Paper]) -> None:
    """Exactly these papers are there, everything is indexed, and both indexes know each as it is now."""
    papers = {one.title: one for one in library.catalogue.page()}
    assert {one.title: replace(one, id="", sources=()) for one in papers.values()} == {
        one.title: one for one in expected
    }
    assert library.catalogue.counts() == {State.INDEXED: len(expected), State.PENDING: 0, State.REMOVED: 0}
    assert library.catalogue.unworded(1) == []
    assert library.lexicon.ids() == library.vectors.ids() == {one.id for one in papers.values()}
    assert library.vectors.count == sum(len(passages(one.abstract)) for one in papers.values())
    for one in papers.values():
        assert_known(library, one)


def assert_known(library: Library, paper: Paper) -> None:
    """Both indexes hold the paper as it is: its text, its year, its author, its source."""
    (author,) = paper.authors or ("",)
    exact = Filter(from_year=paper.year, to_year=paper.year, author=author, source=paper.source)
    lexicon = library.lexicon
    assert paper.id in {paper_id for paper_id, _ in lexicon.search(paper.abstract, 99, exact)}
    texts = [f"{paper.title}\n{passage.text}" for passage in passages(paper.abstract)]
    ids = [f"{paper.id}:{number}" for number in range(1, len(texts) + 1)]
    # Not by a search, which may miss one of several passages with the very same vector.
    kept = library.vectors._collection.get(ids=ids, include=["embeddings", "metadatas"])
    facts = {"paper": paper.id, "sources": [*(paper.sources or [""])]} | (
        {} if paper.year is None else {"year": paper.year}
    )
    assert kept["metadatas"] == [facts] * len(texts)
    rows = dict(zip(kept["ids"], np.asarray(kept["embeddings"]), strict=True))
    assert np.allclose([rows[each] for each in ids], library.embedder.embed(texts), atol=1e-5)


# -- words at once ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranking", [Ranking.WORDS, Ranking.FUSED])
def test_a_paper_is_found_by_its_words_as_soon_as_it_is_added(library: Library, ranking: Ranking) -> None:
    library.add_records(PAPERS)
    assert (library.status().pending, library.status().indexed) == (len(PAPERS), 0)
    for one in PAPERS:
        (hit,) = search(library, one.title.split()[-1], 5, ranking=ranking).hits
        assert replace(hit.paper, id="") == one
    assert search(library, "aardvark", 5, ranking=Ranking.MEANING).hits == ()
    assert library.index() == len(PAPERS)
    assert library.status().pending == 0
    assert search(library, "On the aardvark", 5, ranking=Ranking.MEANING).hits[0].paper.title == "On the aardvark"
    assert_right(library, PAPERS)


def test_a_new_paper_comes_before_embedded_ones_that_hold_less_of_the_question(library: Library) -> None:
    library.add_records(PAPERS)
    library.index()
    library.add_records([Paper("The okapi and the gnu", "An okapi meets a gnu.")])
    assert library.status().pending == 1
    assert search(library, "okapi meets gnu", 3).hits[0].paper.title == "The okapi and the gnu"


def test_a_new_text_is_found_at_once_and_the_old_one_no_longer(library: Library) -> None:
    library.add_records(PAPERS)
    library.index()
    library.add_records([paper("aardvark", abstract="It digs tunnels.")])
    for ranking in (Ranking.WORDS, Ranking.FUSED):
        assert search(library, "tunnels", 1, ranking=ranking).hits[0].paper.abstract == "It digs tunnels."
    assert not {hit.paper.title for hit in search(library, "sleeps", 9, ranking=Ranking.WORDS).hits} & {
        "On the aardvark"
    }


# -- stopping ---------------------------------------------------------------------------------------------------------


def test_stopped_between_batches_it_keeps_what_is_done_and_goes_on_later(library: Library) -> None:
    library.add_records(PAPERS)
    stop = Event()
    with while_embedding(stop.set):
        assert library.index(stop=stop) == 2, "the batch it was at"
    seen = list(library.embedder.model.seen)
    assert (library.status().indexed, library.status().pending) == (2, len(PAPERS) - 2)
    assert len(seen) == 2 * 3, "a passage and two sentences of each"
    assert library.index(stop=stop) == 0, "while it is set"
    assert library.embedder.model.seen == seen
    assert library.index() == len(PAPERS) - 2
    embedded = library.embedder.model.seen
    assert len(embedded) == len(set(embedded)) == 3 * len(PAPERS)
    assert_right(library, PAPERS)


# -- facts about a paper ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed", [{"year": 2020}, {"authors": ("José García",)}, {"source": "new.bib", "year": 2011}], ids=str
)
def test_a_change_of_facts_reaches_both_indexes_and_embeds_nothing(library: Library, changed: dict[str, Any]) -> None:
    library.add_records(PAPERS)
    library.index()
    before = list(library.embedder.model.seen)
    # A title finds its paper within a year only, so the change is of a record with an identifier.
    library.add_records([paper("aardvark", doi="10.1/a")])
    library.add_records([paper("aardvark", doi="10.1/a", **changed)])
    assert library.status().pending == 1
    now = paper("aardvark", doi="10.1/a", **changed)
    within = Filter(now.year, now.year, *now.authors, source=now.source)
    hits = search(library, "aardvark", 1, within=within).hits
    assert [hit.paper.title for hit in hits] == ["On the aardvark"], "at once, by its words"
    assert library.index() == 1
    assert [text for text in library.embedder.model.seen if text not in before] == ["aardvark"], "only the question"
    assert_right(library, [now, *PAPERS[1:]])


# -- changed in flight ------------------------------------------------------------------------------------------------


@contextmanager
def while_embedding(change: Callable[[], object], *, call: int = 1) -> Iterator[None]:
    """Makes a change while the given batch is being embedded."""
    real, calls = Embedder.embed, 0

    def embed(self: Embedder, texts: list[str], **how: bool) -> Any:
        nonlocal calls
        rows = real(self, texts, **how)
        calls += 1
        if calls == call:
            change()
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Embedder, "embed", embed)
        yield
    assert calls >= call


@contextmanager
def just_before_writing(change: Callable[[], object]) -> Iterator[None]:
    """Makes a change when a batch was compared with the catalogue, and is not yet in the index."""
    real, done = PassageVectors.put, False

    def put(self: PassageVectors, *args: Any) -> None:
        nonlocal done
        if not done:
            done = True
            change()
        real(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PassageVectors, "put", put)
        yield
    assert done


MOMENTS = pytest.mark.parametrize("moment", [while_embedding, just_before_writing])


@MOMENTS
@pytest.mark.parametrize(
    "changed",
    [
        {"year": 2011},
        {"authors": ("Ann Lee",)},
        {"source": "new.bib", "year": 2009},
        {"abstract": LONG},
        {"abstract": "It digs."},
    ],
    ids=lambda fields: next(iter(fields)) + str(len(str(fields))),
)
@pytest.mark.parametrize("indexed_before", [False, True], ids=["new", "known"])
def test_a_change_while_its_paper_is_embedded_stays_pending_and_ends_up_right(
    library: Library, moment: Any, changed: dict[str, Any], indexed_before: bool
) -> None:
    if indexed_before:
        library.add_records([paper("aardvark", abstract=f"{LONG} And so on.")])
        library.index()
    library.add_records(PAPERS)
    stop = Event()

    def change() -> None:
        library.catalogue.put([paper("aardvark", **changed)])
        stop.set()

    with moment(change):
        library.index(stop=stop)
    (aardvark,) = (one for one in library.catalogue.page() if one.title == "On the aardvark")
    assert aardvark.id in library.catalogue.ids(State.PENDING)
    library.index()
    assert_right(library, [paper("aardvark", **changed), *PAPERS[1:]])


def test_what_changes_while_it_is_embedded_is_finished_in_the_same_run(library: Library) -> None:
    library.add_records(PAPERS)
    with while_embedding(
        lambda: library.add_records([paper("aardvark", abstract="It digs."), Paper("Late", "Still in.")])
    ):
        library.index()
    assert_right(library, [paper("aardvark", abstract="It digs."), *PAPERS[1:], Paper("Late", "Still in.")])


def id_of(library: Library, title: str) -> str:
    return next(one.id for one in library.catalogue.page() if one.title == title)


@pytest.mark.parametrize("call", [1, 2], ids=["first batch", "second batch"])
def test_a_paper_that_is_removed_while_it_is_embedded_leaves_nothing(library: Library, call: int) -> None:
    library.add_records(PAPERS)
    gone = [id_of(library, f"On the {animal}") for animal in ("aardvark", "camel")]  # one of each batch
    with while_embedding(lambda: library.remove(gone), call=call):
        library.index()
    assert_right(library, [one for one in PAPERS if one.title not in ("On the aardvark", "On the camel")])


def test_a_paper_that_is_removed_while_it_is_written_leaves_nothing(library: Library) -> None:
    library.add_records(PAPERS)
    gone = id_of(library, "On the aardvark")
    with just_before_writing(lambda: library.catalogue.remove([gone])):
        library.index()
    library.index()
    assert_right(library, PAPERS[1:])


@pytest.mark.parametrize("changed", [{}, {"year": 2011}, {"abstract": "It digs."}, {"abstract": LONG}], ids=str)
def test_a_paper_that_is_removed_and_comes_back_while_it_is_embedded_is_as_it_came_back(
    library: Library, changed: dict[str, Any]
) -> None:
    back = paper("aardvark", **changed)
    library.add_records(PAPERS[1:])
    library.add_records([PAPERS[0]])

    def change() -> None:
        library.remove([id_of(library, "On the aardvark")])
        library.add_records([back])

    with while_embedding(change, call=4):
        library.index()
    library.index()
    assert_right(library, [*PAPERS[1:], back])


# -- threads ----------------------------------------------------------------------------------------------------------


def run_all(*works: Callable[[], object]) -> None:
    """Runs each in a thread of its own; the first exception of any is raised here."""
    errors: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_what_several_threads_add_and_remove_during_indexing_is_all_there(library: Library) -> None:
    adders, each = 4, 15
    finished = [Event() for _ in range(adders)]

    def adder(own: int) -> Callable[[], None]:
        def add() -> None:
            try:
                for start in range(0, each, 5):
                    numbers = range(start, start + 5)
                    own_papers = [paper(f"beast{own}x{number}") for number in numbers]
                    library.add_records([*own_papers, *(paper(f"common{number}") for number in numbers)])
                    library.remove([id_of(library, own_papers[0].title)])
                    hits = search(library, f"beast{own}x{start + 1}", 1, ranking=Ranking.WORDS).hits
                    assert [hit.paper.title for hit in hits] == [own_papers[1].title]
            finally:
                finished[own].set()

        return add

    def index() -> None:
        while not all(each.is_set() for each in finished):
            library.index()

    run_all(index, index, *(adder(own) for own in range(adders)))
    library.index()
    expected = [paper(f"common{number}") for number in range(each)]
    expected += [paper(f"beast{own}x{number}") for own in range(adders) for number in range(each) if number % 5]
    assert_right(library, expected)


def test_threads_that_add_the_same_papers_at_once_add_them_once(library: Library) -> None:
    reports: list[int] = []
    run_all(*[lambda: reports.append(library.add_records(PAPERS).new)] * 5)
    assert sum(reports) == len(PAPERS)
    library.index()
    assert_right(library, PAPERS)


def test_processes_that_put_the_same_papers_at_once_put_them_once(library: Library) -> None:
    """Catalogues of one file have no lock in common but that of the file."""
    catalogues = [open_catalogue(library.home) for _ in range(3)]
    put: list[str] = []
    run_all(*(lambda own=own: put.extend(str(outcome) for outcome, _ in own.put(PAPERS)) for own in catalogues))
    assert put.count("new") == len(PAPERS)
    assert len(library.catalogue.page()) == len(PAPERS)
    for catalogue in catalogues:
        catalogue.close()


def test_words_that_were_lost_are_found_again_as_soon_as_the_library_is_open(
    tmp_path: Path, make_embedder: MakeEmbedder
) -> None:
    with Library(tmp_path, make_embedder()) as library:
        library.add_records([Paper("On whales", "The whale sings.")])
        library.index()
    Lexicon.delete(tmp_path / "words")
    again = make_embedder()
    with Library(tmp_path, again) as library:
        assert library.lexicon.search("whale", 5)
        assert library.status().pending == 0


def test_a_wrong_model_is_refused_before_anything_is_emptied(tmp_path: Path, make_embedder: MakeEmbedder) -> None:
    with Library(tmp_path, make_embedder()) as library:
        library.add_records([Paper("On whales", "The whale sings.")])
        library.index()
        library.catalogue.set_meta("layout", "of an earlier version")
    with pytest.raises(IndexOutdated):
        Library(tmp_path, make_embedder("another"))
    catalogue = open_catalogue(tmp_path)
    assert catalogue.counts()[State.INDEXED] == 1
    catalogue.close()


def test_what_must_be_embedded_is_told_from_what_is_only_put_back(tmp_path: Path, make_embedder: MakeEmbedder) -> None:
    with Library(tmp_path, make_embedder()) as library:
        library.add_records([Paper("On whales", "The whale sings."), Paper("On bees", "The bee hums.")])
        library.index()
    embedder = make_embedder()
    with Library(tmp_path, embedder, rebuild=True) as library:
        library.add_records([Paper("On ants", "The ant digs.")])
        assert library.status().pending == 3
        assert library.catalogue.unembedded(embedder.fingerprint) == 1
