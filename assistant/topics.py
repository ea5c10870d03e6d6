"""Which papers are on a topic, and the map of a collection: papers in the plane, by theme."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from index_store import Paper, PaperHit, SearchResult, Theme, content_terms, layout, terms, themes

from .followups import short_name

MOST_THEMES = 12
_MARGIN = 0.03  # a topic is a few words, which are found more easily than a question is
_APART_COST = 0.15  # of relevance, where the topic's neighbouring words stand apart in a paper
_WINDOW = 4  # words
_UNKNOWN_COST = 0.5  # for the share of the topic's words that no paper uses
_CORE = 3  # papers whose mean direction stands for the topic
_LIKE_CORE = 0.6  # weight of the cosine with that direction
_NEAR_BEST = 0.58  # papers with at least this share of the best score are on the topic
_DRAWN = 400  # papers on a map; more could not be told apart

Vectors = NDArray[np.float32]
Search = Callable[[str, int], SearchResult]
VectorsOf = Callable[[Sequence[Paper]], Vectors]
"""One row of length 1 per paper: the mean direction of its passages."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A paper on the map. `x` and `y` lie between 0 and 1; `theme` counts from 0."""

    paper: Paper
    theme: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class TopicMap:
    """Papers in the plane, near where they are alike; not all of the `total` papers if they are very many."""

    themes: tuple[Theme, ...]
    dots: tuple[Dot, ...]
    total: int


def on_topic(topic: str, result: SearchResult, vectors_of: VectorsOf, threshold: float) -> tuple[PaperHit, ...]:
    """The papers of a search that are on its topic, best first; none if the collection holds nothing on it.

    A topic that is the name of a paper means that paper. Otherwise the best papers must reach the threshold, and the
    others must be near them, in words or in meaning (pseudo-relevance feedback: Rocchio, 1971). The constants were
    chosen on the tune half of `tests/data/kinds.jsonl`.
    """
    named = tuple(hit for hit in result.hits if short_name(hit.paper).casefold() == topic.casefold())
    if named or not result.hits:
        return named
    scores = np.array([_score(topic, hit) for hit in result.hits])
    core = np.argsort(-scores, kind="stable")[:_CORE]
    unknown = len(result.unknown) / max(1, len(content_terms(topic)))
    if scores[core[0]] - _UNKNOWN_COST * unknown < threshold + _MARGIN:
        return ()
    vectors = vectors_of([hit.paper for hit in result.hits])
    middle = np.maximum(scores[core], 0.0) @ vectors[core]
    scores = scores + _LIKE_CORE * (vectors @ middle) / max(float(np.linalg.norm(middle)), 1e-9)
    order = np.argsort(-scores, kind="stable")
    chosen = [result.hits[place] for place in order if scores[place] >= _NEAR_BEST * scores[order[0]]]
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(chosen, start=1))


def _score(topic: str, hit: PaperHit) -> float:
    """The relevance, less where words that stand together in the topic stand apart in the paper."""
    wanted = content_terms(topic)
    pairs = list(pairwise(wanted))
    if not pairs:
        return hit.relevance
    places: dict[str, list[int]] = {}
    for place, term in enumerate(terms(f"{hit.paper.title} {hit.paper.abstract}")):
        places.setdefault(term, []).append(place)
    together = sum(
        any(abs(one - other) <= _WINDOW for one in places.get(left, ()) for other in places.get(right, ()))
        for left, right in pairs
    )
    return hit.relevance - _APART_COST * (1 - together / len(pairs))


def grouped(papers: Sequence[Paper], vectors: Vectors, topic: str) -> tuple[Theme, ...]:
    """The themes of the papers, the largest first."""
    return themes(papers, vectors, most=MOST_THEMES, topic=topic)


def topic_map(papers: Sequence[Paper], vectors: Vectors, found: Sequence[Theme]) -> TopicMap:
    """The map of the papers; of very many every so many-eth is drawn, so that each theme keeps its share."""
    theme_of = {paper_id: place for place, theme in enumerate(found) for paper_id in theme.papers}
    order = sorted(range(len(papers)), key=lambda place: theme_of[papers[place].id])
    drawn = order[:: max(1, -(-len(order) // _DRAWN))]
    groups = [theme_of[papers[place].id] for place in drawn]
    places = layout(vectors[drawn], groups)
    dots = tuple(
        Dot(papers[place], group, round(float(x), 4), round(float(y), 4))
        for place, group, (x, y) in zip(drawn, groups, places, strict=True)
    )
    return TopicMap(tuple(found), dots, len(papers))
