"""Several scores of the same candidates -> one. Pure; every constant was chosen in `docs/retrieval.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .kept_vectors import PaperVectors

WORDS = 0.4
"""The share of BM25 in the fused score; the rest is that of meaning."""

SENTENCES = 0.3
"""The share of a paper's best sentence in its score of meaning; the rest is that of its best passage."""

NEIGHBOURS = 5
NEIGHBOUR_SHARE = 0.3
"""The share that the mean score of a candidate's nearest candidates has in its own: what is relevant lies together
(score regularisation: Diaz, CIKM 2005)."""


def meaning(vectors: PaperVectors, question: NDArray[np.float32]) -> float:
    """How near a paper is to a question: a mean of the cosines of its best passage and its best sentence."""
    passage = float((vectors.passages @ question).max(initial=-1.0))
    sentence = float((vectors.sentences @ question).max(initial=-1.0)) if len(vectors.sentences) else passage
    return (1 - SENTENCES) * passage + SENTENCES * sentence


def fuse(words: Mapping[str, float], meanings: Mapping[str, float]) -> dict[str, float]:
    """A weighted sum of both scores, each divided by the best of its kind, so that the best possible is 1.

    A paper without a score of words has none of its words. One without a score of meaning is not embedded yet: it is
    judged by its words alone.
    """
    best_words, best_meaning = (max(scores.values(), default=0.0) or 1.0 for scores in (words, meanings))
    fused: dict[str, float] = {}
    for paper_id in {**words, **meanings}:
        by_words = words.get(paper_id, 0.0) / best_words
        by_meaning = max(0.0, meanings[paper_id] / abs(best_meaning)) if paper_id in meanings else by_words
        fused[paper_id] = WORDS * by_words + (1 - WORDS) * by_meaning
    return fused


def smooth(scores: Mapping[str, float], vectors: Mapping[str, PaperVectors]) -> dict[str, float]:
    """Each score mixed with the mean of those of the papers nearest to it among the candidates.

    Papers without vectors keep their score, and so do all if there are too few to speak of nearest ones.
    """
    ids = [paper_id for paper_id in scores if paper_id in vectors]
    if len(ids) <= 2 * NEIGHBOURS:
        return dict(scores)
    rows = directions([vectors[paper_id] for paper_id in ids])
    near = rows @ rows.T
    np.fill_diagonal(near, -np.inf)
    nearest = np.argpartition(-near, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    own = np.array([scores[paper_id] for paper_id in ids])
    mixed = (1 - NEIGHBOUR_SHARE) * own + NEIGHBOUR_SHARE * own[nearest].mean(axis=1)
    return {**scores, **dict(zip(ids, mixed.tolist(), strict=True))}


def directions(vectors: Sequence[PaperVectors]) -> NDArray[np.float32]:
    """One row of length 1 per paper: the mean direction of its passages."""
    rows = np.stack([each.passages.mean(axis=0) for each in vectors])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), dtype=np.float32)
