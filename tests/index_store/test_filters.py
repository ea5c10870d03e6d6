"""A filter means the same everywhere: `Filter.holds` is the definition, both indexes and the search keep to it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_store import Embedder, Filter, Library, Paper, Ranking, search
from index_store.filters import author_keys
from index_store.lexicon import Lexicon
from index_store.vectors import Entry, PassageVectors

YEARS = [None, 1950, 1999, 2000, 2001, 2010, 2020, 2024]
NAMES = [
    "Dan Klein",
    "Klein, Dan A.",
    "Dan Jurafsky",
    "Philipp Klein",
    "José García",
    "JOSE GARCIA",
    "Jose\u0301 Garci\u0301a",
    "Zoë O'Neil-Smith",
    "Øyvind Strauß",
    "李 明",
    "Prince",
    "The Very Large Collaboration of Many Klein Names and Dan",
]
SOURCES = [
    "",
    "a.jsonl",
    "A.jsonl",
    'it\'s "odd" & [1].bib',
    "naïve ünï.csv",
    "日本語 🎉.ris",
    "a:b*?\\c.txt",
    "a.jsonl ",
]
ASKED = [
    "",
    "Dan Klein",
    "klein, DAN",
    "Klein",
    "Garcia",
    "García José",
    "o'neil",
    "Smith Zoe",
    "strauss",
    "明 李",
    "Prince",
    "Prince Klein",
    "dan dan",
    "Dan A. Klein",
    "the very large collaboration of many klein names and dan",
    "nobody",
    "-",
    "…",
]
DIMENSION = 8
QUESTION = np.eye(DIMENSION, dtype=np.float32)[0]


def some_papers(count: int) -> list[Paper]:
    chance = random.Random(7)
    return [
        Paper(
            f"Network {number}",
            "Networks.",
            tuple(chance.sample(NAMES, chance.choice([0, 1, 1, 2, 3]))),
            chance.choice(YEARS),
            source=chance.choice(SOURCES),
            id=f"p{number}",
        )
        for number in range(count)
    ]


PAPERS = some_papers(150)
YEAR = st.sampled_from([None, 0, 1949, 1950, 1999, 2000, 2005, 2020, 2024, 2025, 9999])
FILTERS = st.builds(
    Filter,
    from_year=YEAR,
    to_year=YEAR,
    author=st.sampled_from(ASKED),
    source=st.sampled_from([*SOURCES, "absent.txt"]),
    papers=st.none() | st.lists(st.sampled_from([*(paper.id for paper in PAPERS), "nobody"]), max_size=60).map(tuple),
)
# Most filters with many conditions hold for nothing, so that each is also drawn by itself.
ONE = st.one_of(
    st.builds(Filter, from_year=YEAR),
    st.builds(Filter, to_year=YEAR),
    st.builds(Filter, from_year=YEAR, to_year=YEAR, source=st.sampled_from(SOURCES)),
    st.builds(Filter, author=st.sampled_from(ASKED)),
    st.builds(Filter, author=st.sampled_from(ASKED), from_year=YEAR),
)


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    made = Lexicon(tmp_path_factory.mktemp("words"))
    made.put(PAPERS)
    return made


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PassageVectors]:
    made = PassageVectors(tmp_path_factory.mktemp("vectors"), "some-model")
    rows = np.random.default_rng(7).normal(size=(2 * len(PAPERS), DIMENSION)).astype(np.float32)
    made.put([Entry(paper, 2, 0) for paper in PAPERS], rows)
    yield made
    made.close()


def passing(within: Filter) -> list[str]:
    return sorted(paper.id for paper in PAPERS if within.holds(paper))


def authored(lexicon: Lexicon, within: Filter) -> list[str] | None:
    return lexicon.ids_of_author(within) if within.author_keys else None


@settings(max_examples=150)
@given(within=ONE | FILTERS)
def test_the_index_of_words_finds_exactly_the_papers_that_pass(lexicon: Lexicon, within: Filter) -> None:
    expected = passing(within)
    assert sorted(paper_id for paper_id, _ in lexicon.search("network", len(PAPERS), within)) == expected
    assert lexicon.count_of(within) == len(expected)
    if within.author_keys:
        assert sorted(lexicon.ids_of_author(within)) == passing(Filter(author=within.author))


@settings(max_examples=150)
@given(within=ONE | FILTERS)
def test_the_index_of_meanings_finds_exactly_the_papers_that_pass(
    lexicon: Lexicon, vectors: PassageVectors, within: Filter
) -> None:
    hits = vectors.search(QUESTION, 2 * len(PAPERS), within, authored(lexicon, within))
    assert sorted({hit.paper_id for hit in hits}) == passing(within)
    assert len(hits) == 2 * len(passing(within)), "both passages of each"
    assert [hit.similarity for hit in hits] == sorted((hit.similarity for hit in hits), reverse=True)


@settings(max_examples=40)
@given(within=ONE | FILTERS)
def test_a_filter_changes_neither_the_scores_nor_the_order(
    lexicon: Lexicon, vectors: PassageVectors, within: Filter
) -> None:
    by_words = dict(lexicon.search("network 3 or 17", len(PAPERS)))
    for paper_id, score in lexicon.search("network 3 or 17", len(PAPERS), within):
        assert score == pytest.approx(by_words[paper_id])
    by_meaning = {(hit.paper_id, hit.number): hit.similarity for hit in vectors.search(QUESTION, 2 * len(PAPERS))}
    for hit in vectors.search(QUESTION, 2 * len(PAPERS), within, authored(lexicon, within)):
        assert hit.similarity == pytest.approx(by_meaning[hit.paper_id, hit.number], abs=1e-6)


# -- what it means ----------------------------------------------------------------------------------------------------


def test_no_condition_holds_for_every_paper_and_is_false() -> None:
    assert all(Filter().holds(paper) for paper in PAPERS)
    assert not Filter()
    assert Filter(papers=())
    assert Filter(from_year=0)


@pytest.mark.parametrize("within", [Filter(from_year=0), Filter(to_year=9999), Filter(from_year=1, to_year=9000)])
def test_a_paper_whose_year_is_not_known_meets_no_bound(within: Filter) -> None:
    assert within.holds(Paper("T", "", year=2000))
    assert not within.holds(Paper("T", ""))


def test_the_bounds_are_part_of_the_range() -> None:
    within = Filter(from_year=2000, to_year=2001)
    assert [year for year in (1999, 2000, 2001, 2002) if within.holds(Paper("T", "", year=year))] == [2000, 2001]


@pytest.mark.parametrize("asked", ["Dan Klein", "klein dan", "KLEIN, Dan"])
def test_a_name_is_of_one_author(asked: str) -> None:
    assert Filter(author=asked).holds(Paper("T", "", ("Chris Manning", "Dan Klein")))
    assert Filter(author=asked).holds(Paper("T", "", ("Klein, Dan A.",)))
    assert not Filter(author=asked).holds(Paper("T", "", ("Dan Jurafsky", "Philipp Klein")))


@pytest.mark.parametrize(
    ("asked", "author"),
    [("garcia", "José García"), ("GARCÍA", "jose garcia"), ("Strauss", "Øyvind Strauß"), ("李明", "李明")],
)
def test_case_and_accents_do_not_matter(asked: str, author: str) -> None:
    assert Filter(author=asked).holds(Paper("T", "", (author,)))


def test_a_part_of_a_word_is_no_name() -> None:
    assert not Filter(author="Klein").holds(Paper("T", "", ("Dan Kleinman",)))


def test_a_group_with_a_long_name_does_not_make_thousands_of_keys() -> None:
    group = " ".join(f"Member{number}" for number in range(1000))
    assert len(author_keys([group])) == 1000
    assert Filter(author="Member7").holds(Paper("T", "", (group,)))


# -- as many as there are ---------------------------------------------------------------------------------------------

CROWD = 1500


@pytest.mark.parametrize("few", [1, 7, 60])
def test_the_nearest_that_pass_come_back_though_all_the_nearest_do_not(tmp_path: Path, few: int) -> None:
    chance = np.random.default_rng(7)
    near = QUESTION + 0.05 * chance.normal(size=(CROWD, DIMENSION))
    far = -QUESTION + 0.5 * chance.normal(size=(few, DIMENSION))
    rows = np.concatenate([near, far]).astype(np.float32)
    papers = [Paper("T", "", year=2020 if number < CROWD else 1999, id=f"p{number}") for number in range(len(rows))]
    index = PassageVectors(tmp_path, "some-model")
    index.put([Entry(paper, 1, 0) for paper in papers], rows)
    cosines = rows @ QUESTION / np.linalg.norm(rows, axis=1)
    best = sorted(range(CROWD, len(rows)), key=lambda number: -cosines[number])[:10]
    for within in (Filter(to_year=2000), Filter(papers=tuple(paper.id for paper in papers[CROWD:]))):
        assert [hit.paper_id for hit in index.search(QUESTION, 10, within)] == [f"p{number}" for number in best]
    index.close()


def test_the_best_by_words_that_pass_come_back_though_all_the_best_do_not(tmp_path: Path) -> None:
    lexicon = Lexicon(tmp_path)
    crowd = [Paper("Attention attention", "Attention.", year=2020, id=f"p{number}") for number in range(300)]
    few = [Paper("Others", f"{'Filler ' * 50} attention.", year=1999, id=f"q{number}") for number in range(5)]
    lexicon.put([*crowd, *few])
    found = lexicon.search("attention", 3, Filter(to_year=2000))
    assert len(found) == 3
    assert {paper_id for paper_id, _ in found} <= {paper.id for paper in few}


def test_more_ids_than_a_statement_takes_can_be_named(lexicon: Lexicon, vectors: PassageVectors) -> None:
    ours = tuple(paper.id for paper in PAPERS)
    within = Filter(papers=(*ours[:75], *(f"absent{number}" for number in range(40_000)), *ours[75:]))
    assert len(lexicon.search("network", 1000, within)) == len(PAPERS)
    assert vectors.search(QUESTION, 20, within) == vectors.search(QUESTION, 20)
    assert vectors.search(QUESTION, 5, replace(within, from_year=9000)) == []


# -- the search -------------------------------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path, make_embedder: Callable[..., Embedder]) -> Iterator[Library]:
    with Library(tmp_path, make_embedder()) as opened:
        # With texts of their own: HNSW may miss one of many passages with the very same vector.
        chance = random.Random(7)
        texts = [" ".join(f"word{chance.randrange(10**6)}" for _ in range(20)) for _ in range(60)]
        opened.add_records(replace(paper, id="", abstract=text) for paper, text in zip(PAPERS, texts, strict=False))
        opened.index()
        yield opened


@pytest.mark.parametrize(
    "within",
    [
        Filter(),
        Filter(from_year=2000, to_year=2010),
        Filter(author="garcia"),
        Filter(author="Dan Klein", from_year=1950),
        Filter(source=SOURCES[3]),
        Filter(author="…"),
        Filter(from_year=2024, to_year=1950),
    ],
)
def test_a_search_says_how_many_papers_it_looked_at_and_finds_only_those(library: Library, within: Filter) -> None:
    passing = {paper.id for paper in library.catalogue.page() if within.holds(paper)}
    for ranking in Ranking:
        result = search(library, "Network 3", 60, ranking=ranking, within=within)
        assert result.searched == len(passing)
        assert {hit.paper.id for hit in result.hits} == passing, "each of them has the word"


def test_a_search_in_named_papers_finds_them_and_in_none_finds_nothing(library: Library) -> None:
    named = tuple(sorted(paper.id for paper in library.catalogue.page()[3:6]))
    for ranking in Ranking:
        result = search(library, "network", 10, ranking=ranking, within=Filter(papers=named))
        assert tuple(sorted(hit.paper.id for hit in result.hits)) == named
        nothing = search(library, "network", 10, ranking=ranking, within=Filter(papers=()))
        assert (nothing.hits, nothing.searched, nothing.relevance) == ((), 0, 0.0)


def test_a_filter_holds_for_a_paper_as_it_is_now_though_its_meaning_waits(library: Library) -> None:
    library.add_records([Paper("A lone zebra", "Zebras graze.", ("Dan Klein",), 2010, doi="10.1/z", source="zoo.txt")])
    library.add_records([Paper("A lion", "Lions hunt a zebra.", ("Dan Klein",), 2009, source="zoo.txt")])
    library.index()
    library.add_records([Paper("A lone zebra", "Zebras graze.", ("Ann Lee",), 2011, doi="10.1/z", source="zoo.txt")])
    for ranking in Ranking:
        for before in (Filter(to_year=2010, source="zoo.txt"), Filter(author="Klein", source="zoo.txt")):
            result = search(library, "zebra", 5, ranking=ranking, within=before)
            assert ([hit.paper.title for hit in result.hits], result.searched) == (["A lion"], 1)
    for now in (Filter(from_year=2011, source="zoo.txt"), Filter(author="ann lee")):
        assert [hit.paper.title for hit in search(library, "zebra", 5, within=now).hits] == ["A lone zebra"]
