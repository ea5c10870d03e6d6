"""Which papers stand on which side of a comparison: named things, topics, groups, and things that are not there."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import Paper, PaperHit, SearchResult
from assistant.sides import PAPERS, Search, Side, names, sides
from index_store import SentenceMatch, content_terms, sentences, terms

from .making import NOWHERE, make_match, make_paper

THRESHOLD = 0.5


def searching(*papers: Paper) -> Search:
    """A search that ranks all papers: relevance is the share of the question's words that a paper holds."""
    said = {paper.id: terms(f"{paper.display_title} {paper.abstract}") for paper in papers}

    def search(question: str, limit: int) -> SearchResult:
        wanted = content_terms(question)
        found = []
        for paper in papers:
            share = sum(term in said[paper.id] for term in wanted) / max(1, len(wanted))
            often = sum(said[paper.id].count(term) for term in wanted) / 1000
            found.append((share + often, paper))
        found.sort(key=lambda pair: -pair[0])
        hits = tuple(
            PaperHit(rank, score, paper, (), score, matches(paper), score, NOWHERE)
            for rank, (score, paper) in enumerate(found[:limit], start=1)
        )
        unknown = tuple(term for term in wanted if not any(term in words for words in said.values()))
        return SearchResult(question, hits, hits[0].relevance if hits else 0.0, unknown, len(papers))

    return search


def matches(paper: Paper) -> tuple[SentenceMatch, ...]:
    return tuple(make_match(item, 0.5) for item in sentences(paper.abstract))


def parted(subjects: Sequence[str], papers: Sequence[Paper], question: str = "") -> list[list[str]]:
    """The ids of the papers of each side."""
    found = sides(subjects, question or f"compare {' and '.join(subjects)}", searching(*papers), THRESHOLD)
    assert [side.name for side in found] == list(subjects)
    return [[hit.paper.id for hit in side.hits] for side in found]


ALPHA = make_paper("Alpha-2: Compressing the cache", "Alpha-2 compresses a cache. Alpha-2 is fast.")
BETA = make_paper("BetaNet: Pruning the cache", "BetaNet prunes a cache. BetaNet is slow.")
SURVEY = make_paper("Survey", "A survey of caches. Alpha-2 and BetaNet are both slow on caches.")
RIVERS = [make_paper(f"River{place}", "Rivers carry water to the sea. Rivers flood in spring.") for place in range(6)]
LAKES = [make_paper(f"Lake{place}", "Lakes hold water for years. Lakes freeze in winter.") for place in range(2)]
ALL = (ALPHA, BETA, *RIVERS, *LAKES)


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "called"),
    [
        ("MiniCache", ["minicache"]),
        ("the MiniCache paper", ["minicache"]),
        ("GPT-3.5", ["gpt35"]),
        ("MiniCache and ZipCache", ["minicache", "zipcache"]),
        ("pruning", ["pruning"]),
        ("Mamba", ["mamba"]),
        ("state space models", []),
        ("the river papers", []),
        ("H2 molecules", ["h2"]),
        ("k-means++", ["kmeans++"]),
    ],
)
def test_what_a_subject_is_called_is_its_names_or_its_only_word(subject: str, called: list[str]) -> None:
    assert names(subject) == called


@pytest.mark.parametrize("subject", ["Alpha-2", "alpha-2", "Alpha2", "ALPHA-2", "the Alpha-2 paper", "Alpha-2's"])
def test_a_name_is_found_however_it_is_written(subject: str) -> None:
    assert parted([subject, "BetaNet"], ALL) == [[ALPHA.id], [BETA.id]]


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        ("GPT-3.5", "GPT-3.5 reads"),
        ("B-Coder", r"$\mathcal{B}$-Coder: Values"),
        ("H2", "States of H$_2$ molecules"),
        ("S5", "S4/S5 models"),
        ("RAVL", "Reaching far (RAVL)"),
        ("HiPPOs", "Training a HiPPO"),
    ],
)
def test_a_name_is_found_in_titles_with_signs_and_latex(subject: str, title: str) -> None:
    paper = make_paper(title, "It works in many ways. It was tested.")
    assert parted([subject, "rivers"], (paper, *RIVERS))[0] == [paper.id]


@pytest.mark.parametrize("subject", ["Alpha-22", "Alph", "Beta", "Net-2", "GPT-4"])
def test_a_part_of_a_name_is_not_the_name(subject: str) -> None:
    found = parted([subject, "rivers"], ALL)
    assert ALPHA.id not in found[0] and BETA.id not in found[0]


def test_a_name_in_a_title_wins_over_one_in_an_abstract() -> None:
    assert parted(["Alpha-2", "rivers"], (SURVEY, *ALL))[0] == [ALPHA.id]


def test_a_name_that_only_abstracts_hold_means_the_papers_that_say_it() -> None:
    user = make_paper("User", "We run GammaNet on rivers. GammaNet helps.")
    assert parted(["GammaNet", "BetaNet"], (user, *ALL)) == [[user.id], [BETA.id]]


def test_a_side_says_its_name_and_a_topic_without_one_says_anything() -> None:
    side = Side("Alpha-2", ())
    assert side.says("We extend alpha-2.") and not side.says("We extend BetaNet.")
    assert side.owns(ALPHA) and not side.owns(BETA)
    assert Side("state space models", ()).says("anything")


# -- topics and groups ------------------------------------------------------------------------------------------------


def test_a_topic_means_several_papers_and_each_side_keeps_its_own() -> None:
    rivers, lakes = parted(["rivers in spring", "lakes in winter"], ALL)
    assert set(rivers) <= {paper.id for paper in RIVERS} and len(rivers) == 4
    assert lakes == [paper.id for paper in LAKES]


@pytest.mark.parametrize("subject", ["the paper on floods in spring", "paper on rivers", "spring flood paper"])
def test_a_subject_in_the_singular_means_one_paper(subject: str) -> None:
    assert len(parted([subject, "BetaNet"], ALL)[0]) == 1


def test_a_paper_that_speaks_of_every_subject_stands_on_every_side_behind_the_one_that_is_called_so() -> None:
    found = parted(["Alpha-2", "BetaNet"], (SURVEY, *ALL))
    assert found == [[ALPHA.id, SURVEY.id], [BETA.id, SURVEY.id]]


def test_a_paper_that_speaks_of_every_subject_stands_before_those_that_speak_of_one() -> None:
    users = [make_paper(f"User{place}", "We run GammaNet on rivers. GammaNet helps.") for place in range(2)]
    both = make_paper("Both", "GammaNet and BetaNet are compared once.")
    found = parted(["GammaNet", "BetaNet"], (*users, both, *ALL))
    assert found[0][0] == both.id and set(found[0][1:]) == {paper.id for paper in users}
    assert found[1] == [BETA.id, both.id]


def test_a_paper_that_compares_things_without_papers_of_their_own_is_evidence_for_both() -> None:
    assert parted(["Alpha-2", "BetaNet"], (SURVEY, *RIVERS)) == [[SURVEY.id], [SURVEY.id]]


def test_a_paper_that_two_topics_share_goes_to_the_one_it_speaks_of_more() -> None:
    both = make_paper("Deltas", "Rivers end in lakes. Rivers carry rivers of sand. Rivers flood rivers in spring.")
    rivers, lakes = parted(["rivers that flood in spring", "lakes that freeze in winter"], (both, *LAKES, *RIVERS[:1]))
    assert both.id in rivers and both.id not in lakes


def test_of_several_papers_those_come_first_that_speak_of_what_is_asked() -> None:
    fish = make_paper("River9", "Rivers carry water to the sea. Rivers flood in spring. Salmon swim upstream.")
    found = parted(["rivers in spring", "BetaNet"], (*RIVERS[:3], fish, BETA), "rivers in spring vs BetaNet: salmon")
    assert found[0][0] == fish.id


# -- absence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("absent", ["Quuxinator", "GammaNet-9", "medieval castles", "river GammaNet", "castle"])
def test_a_subject_that_is_not_there_has_no_papers_and_what_comes_near_belongs_to_no_side(absent: str) -> None:
    found = sides(["Alpha-2", absent], f"compare Alpha-2 and {absent} on caches", searching(*ALL), THRESHOLD)
    assert [hit.paper for hit in found[0].hits] == [ALPHA]
    assert found[1].hits == () and found[0].nearest == ()
    assert BETA in found[1].nearest and ALPHA not in found[1].nearest
    assert len(found[1].nearest) <= 2


def test_in_an_empty_collection_every_subject_is_absent() -> None:
    assert parted(["Alpha-2", "rivers"], ()) == [[], []]


# -- any number of subjects -------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.sampled_from(["Alpha-2", "BetaNet", "rivers", "lakes", "Quux", "castles"]),
        min_size=2,
        max_size=6,
        unique=True,
    )
)
def test_papers_are_shared_out_evenly_and_no_side_loses_its_evidence_to_another(subjects: list[str]) -> None:
    found = parted(subjects, (SURVEY, *ALL))
    share = max(1, PAPERS // len(subjects))
    for subject, ids in zip(subjects, found, strict=True):
        assert bool(ids) == (subject not in ("Quux", "castles"))
        assert len(ids) == len(set(ids)) <= min(4, share)


def test_very_unequal_sides_keep_what_they_have() -> None:
    rivers, beta, alpha = parted(["rivers", "BetaNet", "Alpha-2"], ALL)
    assert (len(rivers), beta, alpha) == (4, [BETA.id], [ALPHA.id])


def test_the_order_of_the_subjects_is_kept_and_does_not_change_their_papers() -> None:
    one = parted(["rivers", "BetaNet"], ALL, "x rivers BetaNet")
    other = parted(["BetaNet", "rivers"], ALL, "x rivers BetaNet")
    assert one == other[::-1]
