"""A batch of records does what they would have done one by one."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_store import Catalogue, Paper, State
from index_store.merging import Outcome

PAPERS = st.builds(
    Paper,
    title=st.sampled_from(["Editorial", "EDITORIAL.", "A study", "C++"]),
    abstract=st.sampled_from(["", "One.", "Two."]),
    authors=st.sampled_from([(), ("Ann Lee",), ("Ann Lee", "Bo Li")]),
    year=st.sampled_from([None, 2018, 2019, 2020]),
    doi=st.sampled_from(["", "", "10.1/x", "10.1/y"]),
    arxiv_id=st.sampled_from(["", "", "1801.00001", "1801.00002v3"]),
    source=st.sampled_from(["a.jsonl", "b.bib"]),
    id=st.sampled_from(["", "", "", "own"]),
)
LISTS = st.lists(PAPERS, max_size=8)


def stored(catalogue: Catalogue) -> tuple[list[Paper], dict[State, list[str]], list[str]]:
    unworded = [waiting.paper.id for waiting in catalogue.unworded(100)]
    return catalogue.page(), {state: catalogue.ids(state) for state in State}, unworded


@settings(max_examples=100)
@given(before=LISTS, removed=st.lists(st.integers(0, 7), max_size=2), batch=LISTS)
def test_a_batch_does_what_its_records_would_have_done_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, before: list[Paper], removed: list[int], batch: list[Paper]
) -> None:
    folder = tmp_path_factory.mktemp("both")
    whole, single = (Catalogue(folder / name) for name in ("whole.sqlite3", "single.sqlite3"))
    for catalogue in (whole, single):
        catalogue.put(before)
        read = catalogue.waiting(100)
        catalogue.mark_indexed(read)
        catalogue.mark_worded(read)
        catalogue.remove([waiting.paper.id for waiting in read if read.index(waiting) in removed])
    at_once = whole.put(batch)
    assert at_once == [single.put([paper])[0] for paper in batch]
    assert stored(whole) == stored(single)
    ids = [*whole.ids(State.PENDING), *whole.ids(State.INDEXED), *whole.ids(State.REMOVED)]
    assert len(ids) == len(set(ids))
    assert {paper.id for _, paper in at_once} <= set(ids)
    if batch:  # an earlier one may have become part of another
        assert at_once[-1][1] in whole.page()
    for catalogue in (whole, single):
        catalogue.close()


@given(LISTS)
def test_the_same_batch_again_adds_nothing(tmp_path_factory: pytest.TempPathFactory, batch: list[Paper]) -> None:
    catalogue = Catalogue(tmp_path_factory.mktemp("again") / "catalogue.sqlite3")
    catalogue.put(batch)
    count = len(catalogue.page())
    assert Outcome.NEW not in {outcome for outcome, _ in catalogue.put(batch)}
    assert len(catalogue.page()) == count
    catalogue.close()


def put_all(catalogue: Catalogue, *papers: Paper) -> list[tuple[Outcome, str]]:
    return [(outcome, paper.id) for outcome, paper in catalogue.put(papers)]


EDITORIAL = Paper("Editorial", "Welcome.")


@pytest.fixture
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return Catalogue(tmp_path_factory.mktemp("one") / "catalogue.sqlite3")


def test_a_record_finds_what_an_earlier_one_of_its_batch_brought(catalogue: Catalogue) -> None:
    with_doi = replace(EDITORIAL, doi="10.1/x")
    (first, one), (second, two), (third, three) = put_all(
        catalogue, EDITORIAL, with_doi, Paper("Renamed", "Welcome.", doi="10.1/x")
    )
    assert (first, second, third) == (Outcome.NEW, Outcome.UPDATED, Outcome.UPDATED)
    assert one == two == three


def test_a_paper_is_known_by_every_identifier_that_a_record_of_it_has(catalogue: Catalogue) -> None:
    old = replace(EDITORIAL, arxiv_id="1801.00001", doi="10.1/preprint")
    published = replace(EDITORIAL, arxiv_id="1801.00001", doi="10.1/published")
    again = Paper("Something else", "Text.", doi="10.1/preprint")
    (_, one), (outcome, two), (third, three) = put_all(catalogue, old, published, again)
    assert (outcome, third) == (Outcome.UPDATED, Outcome.UPDATED)
    assert one == two == three


def test_a_record_does_not_find_what_its_source_no_longer_says(catalogue: Catalogue) -> None:
    once = Paper("Editorial", "Welcome.", doi="10.1/x", source="a.bib")
    put_all(catalogue, once, replace(once, title="Renamed"))
    assert put_all(catalogue, Paper("Editorial", "Another one."))[0][0] is Outcome.NEW


def test_many_papers_of_one_title_in_a_batch_have_ids_of_their_own(catalogue: Catalogue) -> None:
    batch = [replace(EDITORIAL, doi=f"10.1/{number}", id="own") for number in range(30)]
    found = put_all(catalogue, *batch)
    assert {outcome for outcome, _ in found} == {Outcome.NEW}
    assert len({paper_id for _, paper_id in found}) == 30
    assert [paper_id for _, paper_id in put_all(catalogue, *batch)] == [paper_id for _, paper_id in found]
