import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index_store import Library, Paper, Theme, themes
from index_store.themes import layout

Vectors = NDArray[np.float32]

CACHES = [
    Paper(f"{title} the KV cache", f"Long texts fill the KV cache. {rest}", id=f"cache{number}")
    for number, (title, rest) in enumerate(
        [
            ("Quantizing", "We quantize the KV cache to two bits."),
            ("Evicting from", "Old tokens leave the KV cache first."),
            ("Sharing", "Neighbouring layers share one KV cache."),
            ("Streaming with", "A KV cache of constant size is enough."),
            ("Merging", "Similar entries of the KV cache are merged."),
        ]
    )
]
SCANS = [
    Paper(f"{title} of chest radiographs", f"Doctors read chest radiographs daily. {rest}", id=f"scan{number}")
    for number, (title, rest) in enumerate(
        [
            ("Reports", "Text is written for chest radiographs."),
            ("Segmentation", "Lungs are outlined in chest radiographs."),
            ("Retrieval", "Like chest radiographs are found."),
            ("Grounding", "Phrases point into chest radiographs."),
        ]
    )
]
HOSTILE = ["[P1.2] | <b>", "<script>alert(1)</script>", "*a* | `b` [c](http://x.y)", "| | |", "$$ \\alpha", "", "<<>>"]
MARKUP = set("[]|*<>`$\\_#{}()\n\t")


def unit(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def around(centres: Vectors, sizes: list[int], spread: float = 0.03) -> Vectors:
    """Unit rows scattered around each of the centres."""
    random = np.random.default_rng(5)
    rows = np.repeat(centres, sizes, axis=0)
    return unit(rows + spread * random.normal(size=rows.shape))


def two_groups() -> tuple[list[Paper], Vectors]:
    return [*CACHES, *SCANS], around(np.eye(2, 384), [len(CACHES), len(SCANS)])


def unrelated(count: int) -> Vectors:
    return unit(np.random.default_rng(7).normal(size=(count, 384)))


def ids(found: tuple[Theme, ...]) -> list[set[str]]:
    return [set(theme.papers) for theme in found]


# -- groups -----------------------------------------------------------------------------------------------------------


def test_two_separate_groups_are_two_themes_in_their_own_words_and_the_larger_is_first() -> None:
    papers, vectors = two_groups()
    found = themes(papers, vectors, most=8)
    assert ids(found) == [{paper.id for paper in CACHES}, {paper.id for paper in SCANS}]
    assert [theme.name for theme in found] == ["KV cache", "chest radiographs"]


def test_three_groups_are_joined_if_two_themes_are_asked_for() -> None:
    vectors = around(np.eye(3, 384), [5, 5, 5])
    papers = [Paper(f"Title {number}", "", id=str(number)) for number in range(15)]
    assert [len(theme.papers) for theme in themes(papers, vectors, most=8)] == [5, 5, 5]
    assert len(themes(papers, vectors, most=2)) == 2
    assert len(themes(papers, vectors, most=1)) == 1


def test_the_most_central_paper_of_a_theme_is_first() -> None:
    papers, vectors = two_groups()
    vectors = unit(vectors + 0.4 * np.eye(9, 384, k=100))
    vectors[3] = unit(vectors[:5].mean(axis=0, keepdims=True))[0]
    assert themes(papers, vectors, most=8)[0].papers[0] == papers[3].id


def test_papers_that_have_nothing_to_do_with_each_other_are_one_theme() -> None:
    papers = [Paper(f"Title {number}", "", id=str(number)) for number in range(60)]
    assert len(themes(papers, unrelated(60), most=8)) == 1


@pytest.mark.parametrize("count", [4, 30])
def test_papers_of_one_text_are_one_theme(count: int) -> None:
    papers = [Paper(CACHES[0].title, CACHES[0].abstract, id=str(number)) for number in range(count)]
    (theme,) = themes(papers, unrelated(1).repeat(count, axis=0), most=8)
    assert (theme.name, len(theme.papers)) == ("KV cache", count)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_papers_are_one_theme(count: int) -> None:
    (theme,) = themes(CACHES[:count], unrelated(count), most=8)
    assert (theme.name, set(theme.papers)) == ("KV cache", {paper.id for paper in CACHES[:count]})


def test_no_papers_have_no_themes() -> None:
    assert themes([], np.empty((0, 384), dtype=np.float32), most=8) == ()


@pytest.mark.parametrize(("rows", "most"), [(4, 8), (5, 0)])
def test_what_does_not_go_together_is_refused(rows: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"5 papers, {rows} vectors and at most {most} themes"):
        themes(CACHES, unrelated(rows), most=most)


def test_a_paper_apart_from_all_others_may_stand_alone_and_one_near_a_theme_does_not() -> None:
    centres = np.eye(3, 384)
    papers = [Paper(f"Title {number}", "", id=str(number)) for number in range(11)]
    apart = themes(papers, around(centres, [5, 5, 1], spread=0.01), most=8)
    assert [len(theme.papers) for theme in apart] == [5, 5, 1]
    near = themes(papers, around(unit(centres + np.array([[0], [0], [3]]) * centres[0]), [5, 5, 1]), most=8)
    assert [len(theme.papers) for theme in near] == [6, 5]


def test_a_large_collection_is_grouped_like_a_small_one() -> None:
    vectors = around(np.eye(4, 64), [900, 700, 500, 400], spread=0.1)
    papers = [Paper("", "", id=str(number)) for number in range(2500)]
    assert [len(theme.papers) for theme in themes(papers, vectors, most=8)] == [900, 700, 500, 400]


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 5), st.floats(0, 1))
@settings(max_examples=25)
def test_every_paper_is_in_one_theme_and_the_same_papers_give_the_same_themes(
    count: int, most: int, seed: int, spread: float
) -> None:
    random = np.random.default_rng(seed)
    vectors = unit(
        random.normal(size=(4, 32))[random.integers(4, size=count)] + spread * random.normal(size=(count, 32))
    )
    papers = [Paper(f"Word{number % 7} and {number}", "Text of it.", id=str(number)) for number in range(count)]
    found = themes(papers, vectors, most=most)
    assert sorted(paper_id for theme in found for paper_id in theme.papers) == sorted(paper.id for paper in papers)
    assert len(found) <= most
    assert all(len(first.papers) >= len(second.papers) >= 1 for first, second in pairwise(found))
    assert themes(papers, vectors, most=most) == found


# -- names ------------------------------------------------------------------------------------------------------------


def test_the_topic_that_was_asked_for_names_no_theme() -> None:
    papers, vectors = two_groups()
    names = [theme.name for theme in themes(papers, vectors, most=8, topic="kv caches")]
    assert names[0].lower() not in ("kv cache", "kv", "cache")
    assert names[1] == "chest radiographs"


def test_the_only_theme_may_be_called_like_the_topic() -> None:
    assert themes(CACHES, unrelated(1).repeat(5, axis=0), most=8, topic="KV cache")[0].name == "KV cache"


def test_an_abbreviation_and_its_long_form_do_not_name_two_themes() -> None:
    long = [
        Paper("Large language models", f"Large language models {verb}.", id=verb) for verb in ("sing", "jump", "sit")
    ]
    short = [
        Paper("LLMs for poems", f"Some LLMs write poems that {verb}.", id=f"x{verb}")
        for verb in ("sing", "jump", "sit")
    ]
    names = [theme.name for theme in themes([*long, *short], around(np.eye(2, 384), [3, 3]), most=4)]
    assert sorted(names) == ["large language models", "poems"] or "LLMs" not in names


@pytest.mark.parametrize(
    ("titles", "abstract", "name"),
    [
        (["Bayesian Neural Networks"] * 3, "Our Bayesian neural networks are calm.", "Bayesian neural networks"),
        (["Q-Learning at Sea"] * 3, "We apply Q-learning. Ships use Q-learning.", "Q-learning, Sea"),
        (
            ["State-Space Models"] * 3,
            "A state-space model has a state. We study state-space models.",
            "state-space models",
        ),
        (["Spectra of H$_2$ molecules"] * 3, "An H$_2$ molecule is cold. Cold H$_2$ molecules move.", "H₂ molecules"),
        (["Proposed Method"] * 3, "The proposed method achieves novel results on turbulence.", "turbulence"),
    ],
)
def test_names_are_written_as_in_the_papers_and_say_what_they_are_about(
    titles: list[str], abstract: str, name: str
) -> None:
    papers = [Paper(title, abstract, id=str(number)) for number, title in enumerate(titles)]
    assert themes(papers, unrelated(3), most=8)[0].name == name


def test_no_markup_gets_into_a_name_and_no_name_is_given_twice() -> None:
    papers = [Paper(title, title, id=f"{title}{copy}") for title in HOSTILE for copy in range(3)]
    found = themes(papers, around(np.eye(len(HOSTILE), 384), [3] * len(HOSTILE)), most=8)
    names = [theme.name for theme in found]
    assert len(names) == len(HOSTILE)
    assert len({name.lower() for name in names}) == len(names)
    assert all(name and MARKUP.isdisjoint(name) for name in names)


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=200)), min_size=4, max_size=12))
@example([("[P1.2] | <b>", "漢字" * 60)] * 6)
@settings(max_examples=40)
def test_any_text_gives_short_distinct_names_without_markup(texts: list[tuple[str, str]]) -> None:
    papers = [Paper(title, abstract, id=str(number)) for number, (title, abstract) in enumerate(texts)]
    half = len(papers) // 2
    found = themes(papers, around(np.eye(2, 32), [half, len(papers) - half]), most=4)
    names = [theme.name for theme in found]
    assert len({name.lower() for name in names}) == len(names) == 2 or half < 2
    for name in names:
        assert name.strip() == name
        assert 1 <= len(name.split()) <= 4
        assert len(name) <= 40
        assert MARKUP.isdisjoint(name)


# -- the sample -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample(sample_library: Library) -> tuple[list[Paper], Vectors]:
    papers = list(sample_library.catalogue.page(limit=200))
    kept = sample_library.vectors_of(papers)
    return papers, unit(np.stack([kept[paper.content_hash].passages.mean(axis=0) for paper in papers]))


def the(papers: list[Paper], start: str) -> str:
    return next(paper.id for paper in papers if paper.title.startswith(start))


def test_the_sample_has_themes_that_a_reader_would_name_alike(sample: tuple[list[Paper], Vectors]) -> None:
    papers, vectors = sample
    found = themes(papers, vectors, most=10)
    theme_of = {paper_id: theme.name for theme in found for paper_id in theme.papers}
    assert 5 <= len(found) <= 10
    assert min(len(theme.papers) for theme in found) > 1
    assert theme_of[the(papers, "MiniCache")] == theme_of[the(papers, "ZipCache")]
    assert theme_of[the(papers, "How to Train Your HiPPO")] == "state space models"
    assert "reinforcement learning" in theme_of[the(papers, "Revisiting Design Choices in Offline")]
    assert theme_of[the(papers, "MAIRA-2")] == theme_of[the(papers, "RAD-DINO")]


def test_a_part_of_the_sample_is_told_apart_more_finely(sample: tuple[list[Paper], Vectors]) -> None:
    papers, vectors = sample
    starts = ("MiniCache", "ZipCache", "Cache-Craft", "DuoAttention", "Efficient Streaming", "MAIRA-2", "RAD-DINO")
    rows = [row for row, paper in enumerate(papers) if paper.title.startswith((*starts, "MedImage", "Making the Most"))]
    found = themes([papers[row] for row in rows], vectors[rows], most=8)
    assert ids(found) == [
        {the(papers, start) for start in starts[:5]},
        {papers[row].id for row in rows} - ids(found)[0],
    ]
    assert found[0].name == "KV cache compression"


# -- places -----------------------------------------------------------------------------------------------------------


def test_papers_of_one_group_are_placed_together() -> None:
    vectors = around(np.eye(3, 384), [12, 8, 6], spread=0.05)
    groups = np.repeat([0, 1, 2], [12, 8, 6])
    places = layout(vectors, list(groups))
    gaps = np.linalg.norm(places[:, np.newaxis] - places, axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert (groups[gaps.argmin(axis=1)] == groups).all()
    assert np.ptp(places, axis=0) == pytest.approx([0.94, 0.94], abs=0.01), "the whole plane is used"
    assert gaps.min() > 0.02, "no paper covers another"


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 40])
@pytest.mark.parametrize("identical", [True, False])
def test_any_number_of_papers_has_places_within_the_square(count: int, identical: bool) -> None:
    vectors = unrelated(1).repeat(count, axis=0) if identical else unrelated(count)
    places = layout(vectors, [0] * count)
    assert places.shape == (count, 2)
    assert places.dtype == np.float32
    assert np.isfinite(places).all()
    assert ((places >= 0) & (places <= 1)).all()
    assert len(np.unique(places, axis=0)) == count
    assert np.array_equal(layout(vectors, [0] * count), places)


def test_a_large_collection_is_placed_by_its_sample() -> None:
    vectors = around(np.eye(3, 64), [600, 400, 300], spread=0.1)
    groups = np.repeat([0, 1, 2], [600, 400, 300])
    places = layout(vectors, list(groups))
    centres = np.stack([np.median(places[groups == group], axis=0) for group in range(3)])
    nearest = np.linalg.norm(places[:, np.newaxis] - centres, axis=2).argmin(axis=1)
    assert ((places >= 0) & (places <= 1)).all()
    assert (nearest == groups).mean() > 0.99


def test_importing_the_package_does_not_load_scikit_learn() -> None:
    code = "import sys, index_store; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
