"""Small papers and search results, made by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index_store import Paper, PaperHit, SearchResult, Sentence, SentenceMatch, sentences

NOWHERE = np.ones(1, dtype=np.float32)
"""The direction of a text, where it plays no part."""


def make_paper(name: str, abstract: str = "", **known: Any) -> Paper:
    """A paper whose id is its name in lower case, with two sentences unless an abstract is given."""
    text = abstract or f"{name} is the first sentence. {name} has a second one."
    return Paper(title=name, abstract=text, id=name.lower(), **known)


def make_match(sentence: Sentence, share: float, vector: NDArray[np.float32] = NOWHERE) -> SentenceMatch:
    """A sentence that is as near to a question in meaning as in words."""
    return SentenceMatch(sentence, share, vector, lambda _: share)


def make_result(*found: tuple[Paper, Sequence[float]], alike: bool = False) -> SearchResult:
    """A search that found these papers in this order; each comes with the similarity of each of its sentences.

    Sentences point in directions of their own, or all in the same one if `alike`.
    """
    hits, place = [], 0
    total = sum(len(similarities) for _, similarities in found)
    for rank, (paper, similarities) in enumerate(found, start=1):
        matches = []
        for sentence, similarity in zip(sentences(paper.abstract), similarities, strict=True):
            vector = np.zeros(total, dtype=np.float32)
            vector[0 if alike else place] = 1.0
            matches.append(make_match(sentence, similarity, vector))
            place += 1
        hits.append(PaperHit(rank, 1 / rank, paper, (), max(similarities), tuple(matches), max(similarities), NOWHERE))
    return SearchResult("question", tuple(hits), 0.9, (), searched=40)
