"""One paper from many records: what it becomes, what each source adds, and what is left when one is taken away."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from index_store import Catalogue, DatabasePlace, Embedder, Library, Paper, Selection, State, UnknownPaper, search
from index_store.merging import Outcome

PREPRINT = Paper(
    "Efficient streaming with attention sinks",
    "We keep the first tokens. It works for millions of tokens.",
    ("G. Xiao", "Y. Tian"),
    2023,
    "arXiv",
    arxiv_id="2309.17453v2",
    source="reading.bib",
)
ARTICLE = Paper(
    "Efficient Streaming With Attention Sinks",
    "We keep the first tokens.",
    ("Guangxuan Xiao", "Yuandong Tian"),
    2024,
    "A Conference",
    doi="10.1000/sinks",
    url="https://example.org/sinks",
    source="scopus.csv",
)


@pytest.fixture
def catalogue(database: DatabasePlace) -> Iterator[Catalogue]:
    opened = Catalogue(database)
    yield opened
    opened.close()


def only(catalogue: Catalogue) -> Paper:
    (paper,) = catalogue.page()
    return paper


@pytest.mark.parametrize("records", [(PREPRINT, ARTICLE), (ARTICLE, PREPRINT)])
def test_a_preprint_and_its_journal_version_are_one_paper_with_the_best_of_both(
    catalogue: Catalogue, records: tuple[Paper, ...]
) -> None:
    for record in records:
        catalogue.put([record])
    paper = only(catalogue)
    assert (paper.title, paper.year, paper.venue) == (ARTICLE.title, 2024, "A Conference")
    assert paper.abstract == PREPRINT.abstract, "the longer one"
    assert paper.authors == ARTICLE.authors, "the full names"
    assert (paper.doi, paper.arxiv_id, paper.url) == ("10.1000/sinks", "2309.17453", "https://example.org/sinks")
    assert set(paper.sources) == {"reading.bib", "scopus.csv"}


def test_the_doi_that_arxiv_gives_a_preprint_is_its_arxiv_id(catalogue: Catalogue) -> None:
    catalogue.put([PREPRINT, Paper("Renamed", "Text.", doi="https://doi.org/10.48550/arXiv.2309.17453"), ARTICLE])
    assert only(catalogue).doi == "10.1000/sinks"


def test_a_record_that_names_both_identifiers_makes_two_papers_one(catalogue: Catalogue) -> None:
    (_, one), (_, other) = catalogue.put([PREPRINT, replace(ARTICLE, title="Another title altogether")])
    catalogue.collect("thesis", [other.id])
    catalogue.collect("group", [one.id])
    outcome, paper = catalogue.put([replace(ARTICLE, arxiv_id="2309.17453", source="both.json")])[0]
    assert (outcome, only(catalogue).id) == (Outcome.UPDATED, paper.id)
    assert paper.id == one.id != other.id
    assert catalogue.collections_of(one.id) == ("group", "thesis")
    assert set(only(catalogue).sources) == {"reading.bib", "scopus.csv", "both.json"}
    assert catalogue.restore([other.id]) == 0, "it has become part of the first"


def test_papers_of_one_title_by_different_first_authors_stay_two(catalogue: Catalogue) -> None:
    catalogue.put([Paper("Introduction", "One.", ("Ann Lee",)), Paper("Introduction", "Two.", ("Bo Li",))])
    assert len(catalogue.page()) == 2
    catalogue.put([Paper("Introduction", "", ("Lee, A.",)), Paper("Introduction", "")])
    assert len(catalogue.page()) == 2


def test_a_corrected_record_replaces_what_its_source_said_before(catalogue: Catalogue) -> None:
    catalogue.put([replace(PREPRINT, abstract="A long abstract that was wrong from its beginning to its end.")])
    outcome, paper = catalogue.put([replace(PREPRINT, abstract="A right one.")])[0]
    assert (outcome, paper.abstract) == (Outcome.UPDATED, "A right one.")


def test_removing_a_source_takes_what_came_from_it_alone(catalogue: Catalogue) -> None:
    alone = Paper("Only here", "Text.", source="reading.bib")
    catalogue.put([PREPRINT, alone, ARTICLE])
    kept, gone = catalogue.page()
    assert catalogue.remove_source("reading.bib") == [gone.id]
    left = only(catalogue)
    assert (left.id, left.abstract, left.arxiv_id, left.sources) == (kept.id, ARTICLE.abstract, "", ("scopus.csv",))
    assert catalogue.sources() == {"scopus.csv": 1}


def test_the_samples_text_gives_way_to_any_other(catalogue: Catalogue) -> None:
    catalogue.put([replace(PREPRINT, abstract="Short.", source="own.bib")])
    catalogue.put([replace(PREPRINT, abstract="A far longer abstract, restated.", source="sample")])
    assert only(catalogue).abstract == "Short."


SPELLINGS = [
    "10.1234/ABC.5", "doi:10.1234/abc.5", "DOI 10.1234/abc.5", "doi.org/10.1234/abc.5", "https://doi.org/10.1234/abc.5",
    "https://www.doi.org/10.1234/abc.5", "http://dx.doi.org/10.1234%2Fabc.5", "10.1234/abc.5.", "<10.1234/abc.5>",
    "https://doi.org/10.1234/abc.5?x=1", "urn:doi:10.1234/abc.5", "info:doi/10.1234/abc.5",
]  # fmt: skip


def test_a_doi_is_the_same_however_it_is_written(catalogue: Catalogue) -> None:
    catalogue.put(Paper(f"Title {number}", "Text.", doi=doi) for number, doi in enumerate(SPELLINGS))
    assert only(catalogue).doi == "10.1234/abc.5"


@pytest.mark.parametrize(
    ("spellings", "expected"),
    [
        (
            [
                "2301.00001", "arXiv:2301.00001v2 [cs.CL]", "2301.00001V2", "https://www.arxiv.org/abs/2301.00001",
                "export.arxiv.org/abs/2301.00001v1", "arxiv.org/pdf/2301.00001v3.pdf", "https://arxiv.org/html/2301.00001",
                "abs/2301.00001", "10.48550/arXiv.2301.00001", "oai:arXiv.org:2301.00001", "https://arxiv.org/abs/2301.00001#",
            ],
            "2301.00001",
        ),
        (["cs/0001001", "cs.CL/0001001v2", "arXiv:CS/0001001", "https://arxiv.org/abs/cs/0001001"], "cs/0001001"),
    ],
)  # fmt: skip
def test_an_arxiv_id_is_the_same_however_it_is_written(
    catalogue: Catalogue, spellings: list[str], expected: str
) -> None:
    catalogue.put(Paper(f"Title {number}", "Text.", arxiv_id=text) for number, text in enumerate(spellings))
    assert only(catalogue).arxiv_id == expected


def test_an_identifier_of_an_old_journal_keeps_its_brackets(catalogue: Catalogue) -> None:
    odd = "10.1002/(sici)1096-8644(199601)99:1<1::aid-ajpa1>3.0.co;2-1"
    catalogue.put([Paper("Bones", "Text.", doi=odd.upper())])
    assert only(catalogue).doi == odd


def test_accents_make_no_other_paper(catalogue: Catalogue) -> None:
    catalogue.put([Paper("The Schrödinger equation", "Text."), Paper("The Schrodinger Equation", "Text.")])
    assert len(catalogue.page()) == 1


def test_a_correction_that_brings_an_identifier_replaces_what_its_source_said(catalogue: Catalogue) -> None:
    wrong = Paper("On bees", "A long abstract that belongs to another paper altogether.", source="a.bib")
    catalogue.put([wrong])
    catalogue.put([replace(wrong, abstract="They dance.", doi="10.1234/bees")])
    assert (only(catalogue).abstract, only(catalogue).doi) == ("They dance.", "10.1234/bees")


def test_a_paper_that_came_again_under_another_is_not_restored_beside_it(catalogue: Catalogue) -> None:
    ids = [paper.id for _, paper in catalogue.put([replace(ARTICLE, title="Another"), PREPRINT])]
    catalogue.collect("thesis", ids[:1])
    catalogue.remove(ids[:1])
    catalogue.note_gone(ids[:1])
    catalogue.put([replace(PREPRINT, doi=ARTICLE.doi)])
    assert catalogue.restore(ids[:1]) == 1
    paper = only(catalogue)
    assert (paper.id, set(paper.sources)) == (ids[1], {"reading.bib", "scopus.csv"})
    assert catalogue.collections_of(paper.id) == ("thesis",)


# -- removed and restored ---------------------------------------------------------------------------------------------


def test_a_restored_paper_is_as_it_was_and_is_not_embedded_again(
    tmp_path: Path, make_embedder: Callable[..., Embedder]
) -> None:
    home, embedder = tmp_path / "home", make_embedder()
    with Library(home, make_embedder()) as library:
        library.add_records([PREPRINT, ARTICLE, Paper("On bees", "They dance.")])
        library.index()
        before, bees = library.catalogue.page()
        library.catalogue.collect("thesis", [before.id])
        library.remove([before.id])
        assert library.lexicon.ids() == library.vectors.ids() == {bees.id}
        assert library.catalogue.collections() == {}
    with Library(home, embedder) as library:
        assert library.restore([before.id, bees.id, "nobody"]) == 1
        assert search(library, "attention sinks", 1).hits[0].paper == before
        library.index()
        assert library.catalogue.paper(before.id) == before
        assert library.catalogue.collections() == {"thesis": 1}
        assert library.vectors.ids() == {before.id, bees.id}
    assert embedder.model.seen == ["attention sinks"]


def test_what_was_removed_long_ago_is_forgotten(catalogue: Catalogue) -> None:
    _, paper = catalogue.put([PREPRINT])[0]
    catalogue.remove([paper.id])
    catalogue.note_gone([paper.id])
    catalogue.forget()
    assert catalogue.ids(State.GONE) == [paper.id], "only just now"
    catalogue.forget(before=2e10)
    assert catalogue.restore([paper.id]) == 0
    assert catalogue.put([PREPRINT])[0][0] is Outcome.NEW


def test_removing_an_unknown_paper_removes_none(catalogue: Catalogue) -> None:
    _, paper = catalogue.put([PREPRINT])[0]
    with pytest.raises(UnknownPaper, match="'nobody'"):
        catalogue.remove([paper.id, "nobody"])
    assert only(catalogue) == paper


def test_a_paper_that_is_added_again_after_its_removal_begins_anew(catalogue: Catalogue) -> None:
    _, paper = catalogue.put([PREPRINT])[0]
    catalogue.collect("thesis", [paper.id])
    catalogue.remove([paper.id])
    outcome, back = catalogue.put([replace(PREPRINT, abstract="Short.", source="new.bib")])[0]
    assert (outcome, back.id, back.abstract, back.sources) == (Outcome.NEW, paper.id, "Short.", ("new.bib",))
    assert catalogue.collections_of(paper.id) == ()


# -- named collections ------------------------------------------------------------------------------------------------


def test_a_paper_may_be_in_several_collections(catalogue: Catalogue) -> None:
    ids = [paper.id for _, paper in catalogue.put([PREPRINT, Paper("On bees", "They dance.")])]
    assert catalogue.collect("thesis", ids) == 2
    assert catalogue.collect("thesis", [*ids, "nobody"]) == 0
    assert catalogue.collect("reading group", ids[:1]) == 1
    assert catalogue.collections() == {"reading group": 1, "thesis": 2}
    assert catalogue.collections_of(ids[0]) == ("reading group", "thesis")
    assert catalogue.selected_ids(Selection(collection="thesis")) == ids
    assert catalogue.uncollect("thesis", ids[:1]) == 1
    assert catalogue.collections_of(ids[0]) == ("reading group",)
    catalogue.rename_collection("thesis", "reading group")
    assert catalogue.collections() == {"reading group": 2}
    catalogue.delete_collection("reading group")
    assert catalogue.collections() == {}
    assert len(catalogue.page()) == 2


def test_each_paper_is_told_with_its_collections(catalogue: Catalogue) -> None:
    papers = [Paper(f"Title {number}", "Text.", collections=("all",)) for number in range(5)]
    ids = [paper.id for _, paper in catalogue.put(papers)]
    catalogue.collect("odd", ids[1::2])
    told = [*catalogue.each(Selection(), batch=2)]
    assert [paper.id for paper in told] == ids
    assert [paper.collections for paper in told[:2]] == [("all",), ("all", "odd")]
