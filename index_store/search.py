"""Question -> ranked papers with the passages and sentences that match it.

Two rankings, BM25 over papers and cosine over passages, name the candidates; `fusion.py` makes one score of what their
words, passages, sentences and neighbours say. Papers found by neither are never returned.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

import numpy as np
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, TextNode
from numpy.typing import NDArray

from . import fusion
from .errors import RerankError
from .filters import Filter, everything
from .fusion import directions
from .kept_vectors import EmbeddedText, PaperVectors
from .lexicon import content_terms
from .library import Library
from .papers import Paper, Passage, Sentence
from .passages import passages, sentences
from .term_weights import TermWeights
from .vectors import PassageHit

_PASSAGES = 4  # more than nearly any abstract has
CANDIDATES = 100  # of each ranking; with 200 nothing is gained (`docs/retrieval.md`)


class Ranking(StrEnum):
    """Which ranking to use; the parts exist so that the whole can be measured against them."""

    FUSED = "fused"
    WORDS = "bm25"
    MEANING = "dense"


@dataclass(frozen=True, slots=True)
class SentenceMatch:
    """A sentence of a paper. `similarity` is the cosine of its `vector` with the question's.

    `share_in` gives the share, between 0 and 1, of the question's weighted words that a text holds.
    """

    sentence: Sentence
    similarity: float
    vector: NDArray[np.float32] = field(compare=False)
    share_in: Callable[[str], float] = field(compare=False)

    @property
    def overlap(self) -> float:
        """That share of the sentence itself; computed only when it is asked for, as most of what is found never is."""
        return self.share_in(self.sentence.text)


@dataclass(frozen=True, slots=True)
class PaperHit:
    """A paper that was found. `score` orders hits of one search only; `similarity` is its best passage's cosine.

    `relevance`, between 0 and 1, says how sure the search is that the paper speaks of the question at all. `direction`
    is the mean direction of its passages, of length 1.
    """

    rank: int
    score: float
    paper: Paper
    passages: tuple[Passage, ...]
    similarity: float
    sentences: tuple[SentenceMatch, ...]
    relevance: float
    direction: NDArray[np.float32] = field(compare=False)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What one search found, best first, and how sure it is that the collection speaks of the question at all.

    `relevance` is between 0 and 1; `unknown` holds the question's words that no paper uses; `searched` is the number of
    papers that were looked at; `problem` says why the reranker did not order them, if it did not.
    """

    question: str
    hits: tuple[PaperHit, ...]
    relevance: float
    unknown: tuple[str, ...]
    searched: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What papers are held against: a question's vector and its words, and how much shared words count."""

    vector: NDArray[np.float32]
    weights: TermWeights
    word_weight: float


def search(
    library: Library,
    question: str,
    limit: int,
    *,
    ranking: Ranking = Ranking.FUSED,
    within: Filter = everything,
    reranker: BaseNodePostprocessor | None = None,
    reranked: int = 0,
) -> SearchResult:
    """The `limit` best papers for a question, of those that pass the filter `within`.

    The `reranker` puts the best `reranked` of them in its own order; where it fails, the search's own order stays.
    Raises `EmbeddingError` if the question cannot be embedded.
    """
    within = library.catalogue.resolved(within)
    searched, weights = library.lexicon.count_of(within), _weights(library, question)
    # A paper that another process added just now may be the one that is asked for.
    if (not searched or weights.unknown) and library.catch_up():
        searched, weights = library.lexicon.count_of(within), _weights(library, question)
    if not question.strip() or not searched:
        return SearchResult(question, (), 0.0, (), searched)
    vector = library.embedder.embed([question])[0]
    scores, similar, kept = _rank(library, question, vector, ranking, max(CANDIDATES, limit), within)
    ranked = sorted(scores, key=lambda paper_id: (-scores[paper_id], paper_id))
    papers = _papers(library, ranked, max(limit, reranked), within)
    best = [*papers]
    problem = ""
    if reranker and len(best) > 1:
        try:
            best = _rerank(reranker, question, [papers[paper_id] for paper_id in best[:reranked]]) + best[reranked:]
        except RerankError as error:
            problem = f"{error} The papers are in the search's own order."
    found = [(papers[paper_id], scores[paper_id]) for paper_id in best[:limit]]
    hits = _hits(library, found, similar, _Asked(vector, weights, library.embedder.word_weight), kept)
    relevance = max((hit.relevance for hit in hits[:5]), default=0.0)
    return SearchResult(question, hits, relevance, weights.unknown, searched, problem)


def match(library: Library, question: str, papers: Sequence[Paper]) -> tuple[PaperHit, ...]:
    """The given papers, in their order, with their passages and sentences beside a question. Their score is 0."""
    if not papers:
        return ()
    vector = library.embedder.embed([question])[0]
    asked = _Asked(vector, _weights(library, question), library.embedder.word_weight)
    return _hits(library, [(paper, 0.0) for paper in papers], {}, asked, {})


def like(library: Library, paper: Paper, limit: int) -> tuple[Paper, ...]:
    """The `limit` papers nearest in meaning to one of the library, nearest first; none where it has no abstract.

    Nearness is the cosine between the mean direction of its passages and the nearest passage of the other.
    Raises `EmbeddingError` if it is not embedded yet and cannot be.
    """
    if not paper.abstract:
        return ()
    direction = directions([library.vectors_of([paper])[paper.content_hash]])[0]
    near = library.vectors.search(direction, limit * _PASSAGES + _PASSAGES)
    ids = [paper_id for paper_id in dict.fromkeys(hit.paper_id for hit in near) if paper_id != paper.id][:limit]
    known = library.catalogue.papers(ids)
    return tuple(known[paper_id] for paper_id in ids if paper_id in known)


def _papers(library: Library, ranked: Sequence[str], count: int, within: Filter) -> dict[str, Paper]:
    """The first `count` papers of a ranking, in its order, without those that are gone or do not pass the filter: the
    indexes may hold what a paper was before a change."""
    found: dict[str, Paper] = {}
    for start in range(0, len(ranked), count):
        part = ranked[start : start + count]
        known = library.catalogue.papers(part)
        found |= {one: known[one] for one in part if one in known and within.holds(known[one])}
        if len(found) >= count:
            break
    return dict(islice(found.items(), count))


def _rank(
    library: Library, question: str, vector: NDArray[np.float32], ranking: Ranking, candidates: int, within: Filter
) -> tuple[dict[str, float], dict[str, list[PassageHit]], dict[str, EmbeddedText]]:
    """By the ids of the candidates: their scores, the passages by which they were found, and their kept vectors."""
    similar: dict[str, list[PassageHit]] = {}
    authored = library.lexicon.ids_of_author(within) if within.author_keys else None
    for hit in library.vectors.search(vector, candidates, within, authored):
        similar.setdefault(hit.paper_id, []).append(hit)
    words = dict(library.lexicon.search(question, candidates, within))
    match ranking:
        case Ranking.WORDS:
            return words, similar, {}
        case Ranking.MEANING:
            return {paper_id: hits[0].similarity for paper_id, hits in similar.items()}, similar, {}
        case Ranking.FUSED:
            kept = library.kept_vectors([*dict.fromkeys([*words, *similar])])
            return _fused(library, question, vector, words, [*similar], kept), similar, kept


def _fused(
    library: Library,
    question: str,
    vector: NDArray[np.float32],
    words: dict[str, float],
    similar: Sequence[str],
    kept: Mapping[str, EmbeddedText],
) -> dict[str, float]:
    """Both scores of every candidate, whichever ranking found it, as one."""
    vectors = {paper_id: text.vectors for paper_id, text in kept.items()}
    words |= library.lexicon.scores(question, [paper_id for paper_id in similar if paper_id not in words])
    meanings = {paper_id: fusion.meaning(own, vector) for paper_id, own in vectors.items()}
    return fusion.smooth(fusion.fuse(words, meanings), vectors)


def _rerank(reranker: BaseNodePostprocessor, question: str, papers: Sequence[Paper]) -> list[str]:
    """The ids of papers in the order of a reranker."""
    nodes = [
        NodeWithScore(node=TextNode(id_=paper.id, text=f"{paper.display_title}\n{paper.abstract}")) for paper in papers
    ]
    return [node.node_id for node in reranker.postprocess_nodes(nodes, query_str=question)]


def _hits(
    library: Library,
    found: Sequence[tuple[Paper, float]],
    similar: Mapping[str, list[PassageHit]],
    asked: _Asked,
    kept: Mapping[str, EmbeddedText],
) -> tuple[PaperHit, ...]:
    if not found:
        return ()
    vectors = _vectors(library, [paper for paper, _ in found], kept)
    return tuple(
        _hit(rank, score, paper, similar.get(paper.id, []), own, direction, asked)
        for rank, ((paper, score), own, direction) in enumerate(
            zip(found, vectors, directions(vectors), strict=True), start=1
        )
    )


def _vectors(library: Library, papers: Sequence[Paper], kept: Mapping[str, EmbeddedText]) -> list[PaperVectors]:
    """The vectors of papers: those that were read already, unless of another text, and the others from the library."""
    hashes = [paper.content_hash for paper in papers]
    known = {text.content_hash: text.vectors for text in kept.values()}
    missing = [paper for paper, content_hash in zip(papers, hashes, strict=True) if content_hash not in known]
    known |= library.vectors_of(missing)
    return [known[content_hash] for content_hash in hashes]


def _cut(abstract: str, vectors: PaperVectors) -> tuple[Sequence[Passage], Sequence[Sentence]]:
    """The passages and sentences of an abstract, from where they are kept: NLTK alone takes a second to load."""
    if vectors.cuts is None:
        return passages(abstract), sentences(abstract)
    spans = [(int(start), int(end)) for start, end in vectors.cuts]
    count = len(vectors.passages)
    return (
        [Passage(number, start, end, abstract[start:end]) for number, (start, end) in enumerate(spans[:count], 1)],
        [Sentence(number, start, end, abstract[start:end]) for number, (start, end) in enumerate(spans[count:], 1)],
    )


def _hit(
    rank: int,
    score: float,
    paper: Paper,
    near: list[PassageHit],
    vectors: PaperVectors,
    direction: NDArray[np.float32],
    asked: _Asked,
) -> PaperHit:
    cut, of_sentences = _cut(paper.abstract, vectors)
    rows = vectors.sentences.copy()  # not a part of all that the search read, which would stay with it
    similarities = vectors.passages @ asked.vector
    # A text that was replaced but is not indexed yet may have had more passages than it has now.
    numbers = [hit.number for hit in near if hit.number <= len(cut)] or [int(similarities.argmax()) + 1]
    matches = tuple(
        SentenceMatch(sentence, float(cosine), row, asked.weights.share_in)
        for sentence, cosine, row in zip(of_sentences, rows @ asked.vector, rows, strict=True)
    )
    similarity = float(similarities.max())
    words = asked.weights.share_in(f"{paper.title} {paper.abstract}")
    return PaperHit(
        rank,
        score,
        paper,
        tuple(cut[number - 1] for number in numbers),
        similarity,
        matches,
        _relevance(similarity, matches, words * asked.word_weight),
        direction,
    )


def _weights(library: Library, question: str) -> TermWeights:
    return TermWeights(library.lexicon.document_frequencies(content_terms(question)), library.lexicon.count)


def _relevance(similarity: float, matches: Sequence[SentenceMatch], words: float) -> float:
    """How sure the search is that a paper speaks of the question, from 0 to 1.

    The mean cosine of its best passage and best sentence, and the weighted share of the question's words that it
    holds. A question is taken to be answered by the collection if the best of the first five reaches the threshold:
    `python -m tests.benchmarks.calibrate` measured it on 140 questions; with 0.52 it refuses 33 and 33 of 35 absent
    ones and 3 and 2 of 35 answerable ones (tune and test half).
    """
    nearest = max((match.similarity for match in matches), default=similarity)
    return min(1.0, max(0.0, (similarity + nearest) / 2 + words))
