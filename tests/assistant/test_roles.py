"""What each sentence of an abstract does: properties, hand-labelled abstracts, and limits that must not be missed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import Paper, sentences
from assistant.roles import Role, of_role, roles
from index_store.sample import sample_papers

from .making import make_paper

LABELLED: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data/roles.jsonl").read_text().splitlines()
]
SAMPLE = {paper.title: paper for paper in sample_papers()}


def shares(half: str) -> tuple[float, float]:
    """The share of sentences that get the role given by hand, and that get it or a second one."""
    exact = second = total = 0
    for row in LABELLED:
        if row["half"] != half:
            continue
        for number, (gold, found) in enumerate(zip(row["roles"], roles(SAMPLE[row["title"]]), strict=True), start=1):
            total += 1
            exact += gold == found
            second += found in (gold, row.get("also", {}).get(str(number)))
    return exact / total, second / total


@pytest.mark.parametrize(("half", "exact", "second"), [("test", 0.71, 0.76), ("tune", 0.75, 0.83)])
def test_most_sentences_get_the_role_that_a_reader_gave_them(half: str, exact: float, second: float) -> None:
    found = shares(half)
    assert found[0] >= exact and found[1] >= second, found


def test_the_labels_are_of_papers_of_the_sample_sentence_by_sentence() -> None:
    assert len(LABELLED) >= 40
    for row in LABELLED:
        assert len(row["roles"]) == len(sentences(SAMPLE[row["title"]].abstract))
        assert {*row["roles"], *row.get("also", {}).values()} <= {str(role) for role in Role}


@pytest.mark.parametrize("title", SAMPLE)
def test_every_sentence_of_every_paper_of_the_sample_has_one_role(title: str) -> None:
    found = roles(SAMPLE[title])
    assert len(found) == len(sentences(SAMPLE[title].abstract))
    assert found.count(Role.AIM) <= 3
    assert Role.BACKGROUND not in found[-1:]


def test_an_abstract_runs_from_what_is_wrong_to_what_was_found() -> None:
    paper = make_paper(
        "Alpha",
        "Large caches are costly in practice. However, existing methods lose accuracy. We propose Alpha, a new cache. "
        "Alpha works by merging its layers. Experiments show that Alpha is 5x smaller than others. "
        "How it behaves on other hardware is left for future work.",
    )
    assert roles(paper) == (Role.BACKGROUND, Role.BACKGROUND, Role.AIM, Role.METHOD, Role.RESULT, Role.LIMIT)
    assert of_role(paper, [Role.AIM, Role.LIMIT]) == (3, 6)
    assert of_role(paper, []) == ()


LIMITS = [
    "A limitation of our approach is that it needs labelled data.",
    "Its main limitations are memory and speed.",
    "Extending the proof to infinite graphs is left for future work.",
    "Future work will look at other languages.",
    "Whether this holds for larger networks remains open.",
    "It is still unresolved how the bound behaves for small samples.",
    "Our guarantee only holds for convex losses.",
    "The speed comes at the cost of accuracy on rare words.",
    "The method has not been tested on real robots.",
    "It fails when the noise is heavy-tailed.",
    "The analysis does not extend to continuous actions.",
    "One caveat is that the test set is small.",
    "Further research is needed before it can be used in clinics.",
    "An open question is how to choose the window.",
    "The study is limited to English texts.",
]


@pytest.mark.parametrize("limit", LIMITS)
def test_a_sentence_that_names_a_limit_at_the_end_of_an_abstract_is_a_limit(limit: str) -> None:
    paper = make_paper(
        "Alpha",
        f"Caches are costly. We propose Alpha. Alpha merges layers. Tests show that Alpha is 5x smaller. {limit}",
    )
    assert roles(paper)[-1] is Role.LIMIT


@pytest.mark.parametrize(
    "other",
    [
        "Alpha outperforms the previous best method by 12%.",
        "Code and models are released.",
        "The gains are largest where data are limited.",
        "Alpha opens the way to faster caches.",
        "Experiments on three data sets confirm the theory.",
    ],
)
def test_a_sentence_that_ends_an_abstract_without_a_limit_is_none(other: str) -> None:
    paper = make_paper("Alpha", f"Caches are costly. We propose Alpha. Alpha merges layers. {other}")
    assert roles(paper)[-1] is Role.RESULT


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    "gap",
    ["Existing methods have not been tested on robots.", "Prior work is limited to short texts, which is costly."],
)
def test_what_others_left_undone_is_background_and_no_limit(gap: str, place: int) -> None:
    told = [
        "Caches are often costly.",
        "We propose Alpha, a cache.",
        "Alpha merges layers.",
        "Tests show a gain of 5x.",
    ]
    paper = make_paper("Alpha", " ".join([*told[:place], gap, *told[place:]]))
    assert roles(paper)[place] is Role.BACKGROUND


def test_what_the_sample_calls_a_limit_is_one() -> None:
    found = {title: numbers for title, paper in SAMPLE.items() if (numbers := of_role(paper, [Role.LIMIT]))}
    assert found == {"TransMLA: Multi-head Latent Attention Is All You Need": (7,)}


@given(st.text(max_size=400))
def test_any_text_has_a_role_for_each_of_its_sentences(text: str) -> None:
    paper = Paper("Alpha", text)
    found = roles(paper)
    assert len(found) == len(sentences(text))
    assert roles(paper) == found
    everything = of_role(paper, list(Role))
    assert everything == tuple(range(1, len(found) + 1))


def test_a_paper_without_an_abstract_has_no_roles() -> None:
    assert roles(Paper("Alpha", "")) == ()
