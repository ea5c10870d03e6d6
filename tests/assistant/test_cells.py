"""The rows of a comparison in quotations: sentences by what they do in their abstract and by what was asked."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import Paper, PaperHit
from assistant.cells import ROWS, Row, rows
from assistant.roles import Role, roles
from assistant.sides import Side
from index_store import content_terms, sentences, terms

from .making import NOWHERE, make_match, make_paper

ALPHA = make_paper(
    "Alpha",
    "Phones are often slow, but chips are costly. "
    "We propose Alpha, a chip for phones. "
    "Alpha splits its work by using two cores. "
    "On the PhoneBench benchmark, Alpha is evaluated on 40 phones. "
    "Experiments show that Alpha is 5x faster and saves 30% of energy. "
    "How Alpha ages is left for future work.",
)
BETA = make_paper(
    "Beta",
    "Clusters are widely used. We present Beta, a scheduler for clusters. "
    "Results show that Beta reduces waiting by 12%.",
)
BARE = make_paper("Bare", "Experiments show that Bare outperforms everything.")


def hit(paper: Paper, rank: int = 1, wanted: Sequence[str] = ()) -> PaperHit:
    """A hit whose sentences are as close to a question as they share its words."""
    found = []
    for sentence in sentences(paper.abstract):
        share = sum(term in terms(sentence.text) for term in wanted) / max(1, len(wanted))
        found.append(make_match(sentence, share))
    return PaperHit(rank, 1.0, paper, (), 0.5, tuple(found), 0.5, NOWHERE)


def match(question: str, papers: Sequence[Paper]) -> tuple[PaperHit, ...]:
    return tuple(hit(paper, wanted=content_terms(question)) for paper in papers)


def side(name: str, *papers: Paper) -> Side:
    return Side(name, tuple(hit(paper, rank) for rank, paper in enumerate(papers, start=1)))


def numbers(row: Row) -> list[list[int]]:
    return [[source.sentence.number for source in cell] for cell in row.cells]


def table(*sides: Side, aspects: Sequence[str] = ()) -> dict[str, list[list[int]]]:
    return {row.title: numbers(row) for row in rows(sides, aspects, match)}


# -- by role ----------------------------------------------------------------------------------------------------------


def test_each_row_holds_the_sentences_that_do_what_it_says() -> None:
    assert table(side("Alpha", ALPHA), side("Beta", BETA)) == {
        "Problem": [[1], [1]],
        "Approach": [[2, 3], [2]],
        "Data": [[4], []],
        "Result": [[5], [3]],
        "Limits": [[6], []],
    }


def test_rows_come_in_a_fixed_order_and_those_that_nobody_fills_are_left_out() -> None:
    found = list(table(side("Beta", BETA), side("Bare", BARE)))
    assert found == [title for title in ROWS if title in found]
    assert "Limits" not in found


def test_a_side_without_papers_has_empty_cells_in_every_row() -> None:
    found = rows([side("Alpha", ALPHA), side("Nothing")], ["energy"], match)
    assert [row.cells[1] for row in found] == [()] * len(found)
    assert [row.filled for row in found] == [1] * len(found)


def test_where_no_side_has_papers_only_what_was_asked_is_a_row() -> None:
    found = rows([side("One"), side("Two")], ["energy"], match)
    assert [(row.title, row.cells, row.asked, row.filled) for row in found] == [("energy", ((), ()), True, 0)]


def test_the_first_paper_of_a_side_speaks_first() -> None:
    found = rows([side("phones", ALPHA, BETA), side("Bare", BARE)], [], match)
    approach = next(row for row in found if row.title == "Approach")
    assert [source.paper for source in approach.cells[0]][:1] == [ALPHA]


def test_a_paper_that_only_mentions_a_name_speaks_for_it_in_those_sentences_alone() -> None:
    other = make_paper("Gamma", "We propose Gamma. Gamma cuts costs by 90%. Gamma beats Alpha by 3%.")
    found = rows([side("Alpha", BETA, other), side("Bare", BARE)], [], match)
    spoken = {source.sentence.text for row in found for source in row.cells[0] if source.paper is other}
    assert spoken <= {"Gamma beats Alpha by 3%."}


def test_figures_make_a_result_the_better_one() -> None:
    paper = make_paper(
        "Delta", "We propose Delta. Tests show that Delta is better. Tests show that Delta is 7x faster."
    )
    assert table(side("Delta", paper), side("Bare", BARE))["Result"][0] == [3]


# -- what was asked ---------------------------------------------------------------------------------------------------


def test_what_was_asked_comes_first_and_holds_the_sentence_that_speaks_of_it() -> None:
    found = rows([side("Alpha", ALPHA), side("Beta", BETA)], ["saves energy", "waiting"], match)
    assert [(row.title, row.asked) for row in found[:3]] == [
        ("saves energy", True),
        ("waiting", True),
        ("Problem", False),
    ]
    assert numbers(found[0]) == [[5], []]
    assert numbers(found[1]) == [[], [3]]


def test_an_aspect_is_embedded_once_for_the_papers_of_all_sides() -> None:
    asked: list[tuple[str, list[Paper]]] = []

    def noted(question: str, papers: Sequence[Paper]) -> tuple[PaperHit, ...]:
        asked.append((question, list(papers)))
        return match(question, papers)

    found = rows([side("chips", ALPHA, BARE), side("Beta", BETA, BARE)], ["energy", "waiting"], noted)
    assert asked == [("energy", [ALPHA, BARE, BETA]), ("waiting", [ALPHA, BARE, BETA])]
    assert [numbers(row) for row in found[:2]] == [[[5], []], [[], [3]]]


def test_what_nobody_speaks_of_is_a_row_of_empty_cells() -> None:
    assert table(side("Alpha", ALPHA), side("Beta", BETA), aspects=["weather in Bergen"])["weather in Bergen"] == [
        [],
        [],
    ]


@pytest.mark.parametrize(
    ("aspect", "instead"),
    [
        ("Data", "Data"), ("data", "Data"), ("results", "Result"), ("the limitations", "Limits"), ("limits", "Limits"),
        ("problem", "Problem"), ("approach", "Approach"), ("Approaches", "Approach"),
    ],
)  # fmt: skip
def test_a_row_that_is_always_there_is_there_once_if_it_is_asked_for(aspect: str, instead: str) -> None:
    found = table(side("Alpha", ALPHA), side("Beta", BETA), aspects=[aspect])
    usual = table(side("Alpha", ALPHA), side("Beta", BETA))
    assert list(found) == [aspect, *(title for title in usual if title != instead)]
    assert [cell[:1] for cell in found[aspect]] == [cell[:1] for cell in usual[instead]]


def test_the_same_aspect_asked_for_in_two_ways_keeps_both_rows() -> None:
    assert list(table(side("Alpha", ALPHA), side("Beta", BETA), aspects=["energy", "energy saved"]))[:2] == [
        "energy",
        "energy saved",
    ]


# -- no sentence twice ------------------------------------------------------------------------------------------------


def test_no_sentence_stands_twice_in_a_column_while_others_fit() -> None:
    result = "Tests on images of a benchmark show that Delta is 7x faster."
    paper = make_paper("Delta", f"We propose Delta. Delta uses a loss. {result} Delta is trained on images.")
    found = table(side("Delta", paper), side("Bare", BARE))
    assert (found["Approach"][0], found["Result"][0], found["Data"][0]) == ([1, 2], [3], [4])


def test_a_sentence_stands_twice_if_nothing_else_says_it() -> None:
    found = table(side("Alpha", ALPHA), side("Beta", BETA), aspects=["faster energy"])
    assert found["faster energy"][0] == found["Result"][0] == [5]


SENTENCES = st.sampled_from(
    [
        "Phones are often slow.", "However, chips are costly.", "We propose a chip.", "It uses two cores and a loss.",
        "It is trained on images.", "Experiments show it is 5x faster.", "It outperforms others by 3%.",
        "Its limitations are left for future work.", "The data set holds 40 phones.", "Nothing else is known.",
    ]
)  # fmt: skip
ABSTRACTS = st.lists(SENTENCES, min_size=0, max_size=7, unique=True).map(" ".join)


@given(
    st.lists(st.lists(ABSTRACTS, max_size=3), min_size=2, max_size=6),
    st.lists(st.sampled_from(["phones", "loss", "data"]), unique=True),
)
def test_any_table_is_whole_and_every_cell_is_from_its_own_side(columns: list[list[str]], aspects: list[str]) -> None:
    made = [
        side(
            f"topic number {place}",
            *(Paper(f"Paper{place}{n}", text, id=f"{place}.{n}") for n, text in enumerate(texts)),
        )
        for place, texts in enumerate(columns)
    ]
    found = rows(made, aspects, match)
    assert [row.title for row in found if row.asked] == aspects
    assert len({row.title for row in found}) == len(found)
    for row in found:
        assert len(row.cells) == len(made)
        assert row.asked or row.filled
        for cell, own in zip(row.cells, made, strict=True):
            assert {source.paper.id for source in cell} <= {hit.paper.id for hit in own.hits}
            assert len(cell) <= (2 if row.title == "Approach" else 1)
            for source in cell:
                assert source.sentence in sentences(source.paper.abstract)
            if row.title == "Limits":
                assert all(roles(source.paper)[source.sentence.number - 1] is Role.LIMIT for source in cell)
