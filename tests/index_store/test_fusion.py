"""Several scores become one: what may be relied on, whatever the scores are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index_store.fusion import NEIGHBOUR_SHARE, NEIGHBOURS, SENTENCES, WORDS, directions, fuse, meaning, smooth
from index_store.kept_vectors import PaperVectors

IDS = st.sampled_from("abcdefgh")
WORD_SCORES = st.dictionaries(IDS, st.floats(0, 60))
COSINES = st.dictionaries(IDS, st.floats(-1, 1))
DIMENSION = 6


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def some_vectors(count: int, seed: int = 7) -> dict[str, PaperVectors]:
    random = np.random.default_rng(seed)
    return {
        f"p{number:02}": PaperVectors(
            unit(random.normal(size=(1 + number % 3, DIMENSION))), unit(random.normal(size=(number % 4, DIMENSION)))
        )
        for number in range(count)
    }


# -- both scores ------------------------------------------------------------------------------------------------------


@given(WORD_SCORES, COSINES)
def test_every_candidate_gets_a_score_between_zero_and_one(words: dict[str, float], meanings: dict[str, float]) -> None:
    fused = fuse(words, meanings)
    assert set(fused) == {*words, *meanings}
    assert all(0 <= score <= 1 + 1e-9 for score in fused.values()), "and so none is NaN"


@pytest.mark.parametrize("cosine", [0.0, -0.0, -0.3, -1.0, 5e-324, 1.0])
@pytest.mark.parametrize("words", [{}, {"a": 0.0}, {"a": 5e-324}, {"a": 20.0}])
def test_a_single_candidate_has_a_score(words: dict[str, float], cosine: float) -> None:
    (score,) = fuse(words, {"a": cosine}).values()
    assert 0 <= score <= 1
    assert smooth({"a": score}, {}) == {"a": score}


@given(WORD_SCORES, COSINES)
def test_who_is_nowhere_behind_another_does_not_score_less(words: dict[str, float], meanings: dict[str, float]) -> None:
    fused = fuse(words, meanings)
    for one in meanings:
        for other in meanings:
            if words.get(one, 0) >= words.get(other, 0) and meanings[one] >= meanings[other]:
                assert fused[one] >= fused[other]


@given(WORD_SCORES.filter(lambda words: any(words.values())), COSINES)
def test_the_best_by_words_comes_first_while_it_is_not_embedded(
    words: dict[str, float], meanings: dict[str, float]
) -> None:
    best = max(words, key=words.__getitem__)
    meanings.pop(best, None)
    fused = fuse(words, meanings)
    assert fused[best] == pytest.approx(max(fused.values()))
    assert fused[best] == pytest.approx(1)


@given(WORD_SCORES, COSINES)
def test_papers_that_are_not_embedded_keep_the_order_of_their_words(
    words: dict[str, float], meanings: dict[str, float]
) -> None:
    fused = fuse(words, meanings)
    waiting = sorted((paper_id for paper_id in words if paper_id not in meanings), key=words.__getitem__)
    scores = [fused[paper_id] for paper_id in waiting]
    assert scores == sorted(scores)


@given(COSINES)
def test_without_a_shared_word_the_order_is_that_of_meaning(meanings: dict[str, float]) -> None:
    fused = fuse({}, meanings)
    ranked = sorted(meanings, key=meanings.__getitem__)
    assert [fused[paper_id] for paper_id in ranked] == sorted(fused.values())


def test_the_shares_are_as_documented() -> None:
    fused = fuse({"both": 10.0, "words": 10.0, "half": 5.0}, {"both": 0.8, "meaning": 0.8, "words": -0.2, "half": 0.4})
    assert fused == pytest.approx({"both": 1, "words": WORDS, "meaning": 1 - WORDS, "half": 0.5})


@given(WORD_SCORES, COSINES, st.floats(0.01, 100))
def test_the_unit_of_bm25_does_not_matter(words: dict[str, float], meanings: dict[str, float], factor: float) -> None:
    words = {paper_id: score for paper_id, score in words.items() if score == 0 or score > 1e-100}
    scaled = {paper_id: score * factor for paper_id, score in words.items()}
    assert fuse(scaled, meanings) == pytest.approx(fuse(words, meanings))


# -- meaning ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 200))
def test_meaning_lies_between_the_best_passage_and_the_best_sentence(seed: int) -> None:
    (question,) = unit(np.random.default_rng(seed + 1000).normal(size=(1, DIMENSION)))
    for each in some_vectors(6, seed).values():
        best = [float((rows @ question).max()) for rows in (each.passages, each.sentences) if len(rows)]
        assert min(best) - 1e-6 <= meaning(each, question) <= max(best) + 1e-6


def test_meaning_weighs_passage_and_sentence_and_takes_the_passage_alone_where_there_is_no_sentence() -> None:
    east, north = np.eye(2, dtype=np.float32)
    rows = np.stack([east, north])
    assert meaning(PaperVectors(rows[:1], rows), north) == pytest.approx(SENTENCES)
    assert meaning(PaperVectors(rows[:1], rows[:0]), east) == pytest.approx(1)


# -- neighbours -------------------------------------------------------------------------------------------------------


def some_scores(vectors: dict[str, PaperVectors], seed: int = 7) -> dict[str, float]:
    random = np.random.default_rng(seed)
    return {paper_id: float(random.random()) for paper_id in vectors}


@pytest.mark.parametrize("count", [0, 1, 2, NEIGHBOURS, 2 * NEIGHBOURS])
def test_few_candidates_have_no_neighbours_to_speak_of(count: int) -> None:
    vectors = some_vectors(count)
    scores = some_scores(vectors) | {"not embedded": 0.4}
    assert smooth(scores, vectors) == scores


@given(st.integers(2 * NEIGHBOURS + 1, 30), st.integers(0, 1000))
def test_smoothing_stays_between_the_lowest_and_the_highest_score(count: int, seed: int) -> None:
    vectors = some_vectors(count, seed)
    scores = some_scores(vectors, seed) | {"not embedded": 1.0}
    smoothed = smooth(scores, vectors)
    assert list(smoothed) == list(scores)
    assert smoothed["not embedded"] == 1.0
    low, high = min(scores.values()), max(scores.values())
    assert all(low - 1e-9 <= score <= high + 1e-9 for score in smoothed.values())
    assert smooth(scores, vectors) == smoothed, "the same again"


def test_a_paper_among_good_ones_gains_over_its_like_among_bad_ones() -> None:
    east, north = np.eye(2, dtype=np.float32)[:, np.newaxis, :]
    vectors = {f"e{number}": PaperVectors(east, east) for number in range(NEIGHBOURS + 1)}
    vectors |= {f"n{number}": PaperVectors(north, north) for number in range(NEIGHBOURS + 1)}
    scores = {paper_id: 0.9 if paper_id.startswith("e") else 0.1 for paper_id in vectors} | {"e0": 0.5, "n0": 0.5}
    smoothed = smooth(scores, vectors)
    assert smoothed["e0"] == pytest.approx((1 - NEIGHBOUR_SHARE) * 0.5 + NEIGHBOUR_SHARE * 0.9)
    assert smoothed["n0"] == pytest.approx((1 - NEIGHBOUR_SHARE) * 0.5 + NEIGHBOUR_SHARE * 0.1)


def test_vectors_of_length_zero_and_papers_alike_are_no_trouble() -> None:
    nothing = np.zeros((1, DIMENSION), dtype=np.float32)
    vectors = {f"p{number}": PaperVectors(nothing, nothing) for number in range(20)}
    smoothed = smooth(dict.fromkeys(vectors, 0.5), vectors)
    assert list(smoothed.values()) == pytest.approx([0.5] * 20)
    assert not any(math.isnan(value) for value in directions([*vectors.values()]).ravel())


def test_a_direction_has_length_one_and_lies_between_the_passages() -> None:
    (row,) = directions([PaperVectors(np.eye(2, dtype=np.float32), np.empty((0, 2), dtype=np.float32))])
    assert row == pytest.approx([0.5**0.5, 0.5**0.5])
