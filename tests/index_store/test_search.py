import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index_store import Embedder, Library, Paper, Ranking, like, passages, search, sentences, terms
from index_store.kept_vectors import PaperVectors

BIDDING = "Real-Time Bidding by Reinforcement Learning in Display Advertising"
FISH = "Avoiding tipping points in fisheries management through Gaussian Process Dynamic Programming"
QUESTION = "How is real-time bidding for display advertising learned?"
PARAPHRASE = "sustainable harvesting of animals in the ocean"  # shares no naming word with the paper's title


def titles(library: Library, question: str, limit: int = 10, ranking: Ranking = Ranking.FUSED) -> list[str]:
    return [hit.paper.title for hit in search(library, question, limit, ranking=ranking).hits]


@pytest.mark.parametrize("ranking", Ranking)
def test_a_plain_question_finds_its_paper_first(sample_library: Library, ranking: Ranking) -> None:
    assert titles(sample_library, QUESTION, 3, ranking)[0] == BIDDING


@pytest.mark.parametrize("ranking", [Ranking.MEANING, Ranking.FUSED])
def test_a_question_in_other_words_finds_its_paper(sample_library: Library, ranking: Ranking) -> None:
    assert titles(sample_library, PARAPHRASE, 3, ranking)[0] == FISH


@pytest.mark.parametrize("ranking", [Ranking.WORDS, Ranking.FUSED])
def test_a_name_that_means_nothing_finds_its_paper(sample_library: Library, ranking: Ranking) -> None:
    assert titles(sample_library, "PROVABGS", 3, ranking)[0].startswith("The DESI PRObabilistic")


def test_words_alone_find_only_papers_with_one_of_them(sample_library: Library) -> None:
    assert len(titles(sample_library, "PROVABGS", 10, Ranking.WORDS)) == 1
    assert titles(sample_library, "photosynthesis", 10, Ranking.WORDS) == []


@pytest.mark.parametrize("ranking", Ranking)
def test_hits_are_ranked_from_one_with_falling_scores_up_to_the_limit(
    sample_library: Library, ranking: Ranking
) -> None:
    hits = search(sample_library, "reinforcement learning with value functions", 7, ranking=ranking).hits
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5, 6, 7]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.paper.id for hit in hits}) == 7


def test_a_smaller_limit_gives_the_start_of_the_same_list(sample_library: Library) -> None:
    assert titles(sample_library, QUESTION, 3) == titles(sample_library, QUESTION, 20)[:3]


def test_what_a_hit_quotes_are_slices_of_its_abstract(sample_library: Library) -> None:
    for hit in search(sample_library, QUESTION, 20).hits:
        abstract = hit.paper.abstract
        assert hit.passages
        assert set(hit.passages) <= set(passages(abstract))
        assert tuple(match.sentence for match in hit.sentences) == sentences(abstract)
        for part in (*hit.passages, *(match.sentence for match in hit.sentences)):
            assert part.text == abstract[part.start : part.end]


def test_similarity_and_overlap_measure_a_sentence_against_the_question(
    sample_library: Library, embedder: Embedder
) -> None:
    question = embedder.embed([QUESTION])[0]
    hit = search(sample_library, QUESTION, 1).hits[0]
    for match in hit.sentences:
        alone = embedder.embed([match.sentence.text])[0]
        assert match.similarity == pytest.approx(float(alone @ question), abs=0.05)  # int8: see test_embedding.py
        assert np.linalg.norm(match.vector) == pytest.approx(1, abs=1e-5)
        assert 0 <= match.overlap <= 1
        assert (match.overlap > 0) == bool(
            {"bid", "display", "advertis", "time", "real"} & set(terms(match.sentence.text))
        )
    assert max(hit.sentences, key=lambda match: match.overlap).sentence.number == 1


def test_words_that_no_paper_uses_are_named(sample_library: Library) -> None:
    result = search(sample_library, "What do papers find about photosynthesis in neural networks?", 3)
    assert result.unknown == ("photosynthesi",)
    assert search(sample_library, "neural networks", 3).unknown == ()


def test_relevance_parts_what_the_collection_speaks_of_from_what_it_does_not(sample_library: Library) -> None:
    inside = [search(sample_library, question, 5).relevance for question in (QUESTION, "KV cache compression")]
    outside = [
        search(sample_library, question, 5).relevance
        for question in ("Who won the football world cup?", "chocolate cake recipe with hazelnuts")
    ]
    assert 0 <= max(outside) < 0.5 < min(inside) <= 1


@pytest.mark.parametrize("nothing", ["", "   ", "\n"])
def test_an_empty_question_finds_nothing(sample_library: Library, nothing: str) -> None:
    result = search(sample_library, nothing, 5)
    assert (result.hits, result.relevance, result.unknown, result.searched) == ((), 0.0, (), 97)


def test_an_empty_library_finds_nothing(tmp_path: Path, cheap_embedder: Embedder) -> None:
    with Library(tmp_path, cheap_embedder) as library:
        result = search(library, QUESTION, 5)
    assert (result.hits, result.searched) == ((), 0)
    assert cheap_embedder.model.seen == [], "and asks no endpoint"


@pytest.mark.parametrize("question", ["漢字", "🎉", "the", "?", "word " * 3000, "a\0b", '"(', "$x^2$"])
def test_any_question_can_be_asked(sample_library: Library, question: str) -> None:
    assert 0 <= search(sample_library, question, 5).relevance <= 1


def test_the_same_question_gives_the_same_answer_again(sample_library: Library) -> None:
    first, second = (search(sample_library, QUESTION, 20) for _ in range(2))
    assert [(hit.paper.id, hit.score) for hit in first.hits] == [(hit.paper.id, hit.score) for hit in second.hits]


def test_a_removed_paper_is_never_found_again(sample_home: Path, embedder: Embedder, tmp_path: Path) -> None:
    shutil.copytree(sample_home, tmp_path / "home")
    with Library(tmp_path / "home", embedder) as library:
        library.remove([paper.id for paper in library.catalogue.page() if paper.title == BIDDING])
        for ranking in Ranking:
            assert BIDDING not in titles(library, QUESTION, 97, ranking)
        assert search(library, QUESTION, 5).searched == 96


def test_others_stand_in_for_papers_that_are_just_being_removed(
    sample_home: Path, embedder: Embedder, tmp_path: Path
) -> None:
    shutil.copytree(sample_home, tmp_path / "home")
    with Library(tmp_path / "home", embedder) as library:
        going = {hit.paper.id for hit in search(library, QUESTION, 4).hits}
        library.catalogue.remove([*going])  # both indexes still have them
        hits = search(library, QUESTION, 8).hits
        assert going.isdisjoint(hit.paper.id for hit in hits)
        assert [hit.rank for hit in hits] == [*range(1, 9)]


def test_a_text_that_is_replaced_while_it_is_searched_is_quoted_as_it_is_now(
    sample_home: Path, embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sample_home, tmp_path / "home")
    with Library(tmp_path / "home", embedder) as library:
        found = search(library, QUESTION, 1).hits[0].paper
        ranked = library.lexicon.scores

        def replaced(question: str, paper_ids: Sequence[str]) -> dict[str, float]:
            """The search has read the vectors of the old text by now, and not yet the paper."""
            text = "Bids are learned. So are budgets."
            library.catalogue.put([replace(found, abstract=text, id="")])
            return ranked(question, paper_ids)

        monkeypatch.setattr(library.lexicon, "scores", replaced)
        hit = next(hit for hit in search(library, QUESTION, 5).hits if hit.paper.title == found.title)
    assert [match.sentence.text for match in hit.sentences] == ["Bids are learned.", "So are budgets."]
    assert hit.passages == tuple(passages("Bids are learned. So are budgets."))


def test_what_was_read_to_rank_papers_is_not_read_again_and_not_kept(
    sample_library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_again: list[Paper] = []
    vectors_of = sample_library.vectors_of

    def noted(papers: Sequence[Paper]) -> dict[str, PaperVectors]:
        read_again.extend(papers)
        return vectors_of(papers)

    monkeypatch.setattr(sample_library, "vectors_of", noted)
    hits = search(sample_library, QUESTION, 20).hits
    assert (len(hits), read_again) == (20, [])
    for hit in hits:  # the hits of a turn stay until it is written, and must not hold those of all candidates
        held = hit.sentences[0].vector.base
        assert held is not None and held.flags.owndata


def test_the_direction_of_a_hit_is_that_of_its_passages(sample_library: Library) -> None:
    for hit in search(sample_library, QUESTION, 5).hits:
        texts = [f"{hit.paper.display_title}\n{passage.text}" for passage in passages(hit.paper.abstract)]
        middle = sample_library.embedder.embed(texts).mean(axis=0)
        assert hit.direction @ middle / np.linalg.norm(middle) == pytest.approx(1.0, abs=0.01)
        assert np.linalg.norm(hit.direction) == pytest.approx(1.0, abs=1e-5)


def test_the_papers_like_one_are_the_nearest_others(sample_library: Library) -> None:
    (first,) = search(sample_library, "Mamba state space model", 1).hits
    alike = like(sample_library, first.paper, 5)
    assert len({paper.id for paper in alike} - {first.paper.id}) == 5
    assert sum("Mamba" in paper.title or "State Space" in paper.title for paper in alike) >= 3


def test_nothing_is_like_a_paper_without_an_abstract(sample_library: Library) -> None:
    assert like(sample_library, Paper("A title alone", ""), 5) == ()
