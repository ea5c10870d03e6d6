"""Which papers are on a topic, and the map of a collection: papers in the plane, by theme."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from index_store import Paper, PaperHit, SearchResult, Theme, content_terms, layout, terms, themes

from .followups import short_name

_MOST_THEMES, _MOST_OF_TOPIC = 12, 7
_MARGIN = 0.03  # a topic is a few words, which are found more easily than a question is
# Of relevance, where the topic's neighbouring words stand apart in a paper: for it to be on the topic, and for the
# collection to hold anything on it at all.
_APART_COST, _APART_COST_OF_ALL = 0.10, 0.15
_WINDOW = 4  # words
_UNKNOWN_COST = 0.5  # for the share of the topic's words that no paper uses
_OFTEN, _SAID = 0.1, 3  # for a paper that says each of the topic's words so many times
_CORE = 2  # papers whose mean direction stands for the topic
_LIKE_CORE = 0.8  # weight of the cosine with that direction
_NEAR_BEST, _AROUND = 0.60, 0.06  # the topic ends at the widest gap about this share of the best score
_DRAWN = 400  # papers on a map; more could not be told apart

Vectors = NDArray[np.float32]


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


def on_topic(topic: str, result: SearchResult, threshold: float) -> tuple[PaperHit, ...]:
    """The papers of a search that are on its topic, best first; none if the collection holds nothing on it.

    A topic that is the name of a paper means that paper. Otherwise the best paper must reach the threshold, and the
    others must be near the best ones, in words or in meaning (pseudo-relevance feedback: Rocchio, 1971). The constants
    were chosen on the tune half of `tests/data/kinds.jsonl` and thirty further topics.
    """
    named = tuple(hit for hit in result.hits if short_name(hit.paper).casefold() == topic.casefold())
    if named or not result.hits:
        return named
    wanted = content_terms(topic)
    places = [_places(hit.paper, frozenset(wanted)) for hit in result.hits]
    relevance = np.array([hit.relevance for hit in result.hits])
    apart = np.array([_apart(wanted, at) for at in places])
    unknown = len(result.unknown) / max(1, len(wanted))
    if (relevance - _APART_COST_OF_ALL * apart).max() - _UNKNOWN_COST * unknown < threshold + _MARGIN:
        return ()
    scores = relevance - _APART_COST * apart + np.array([_OFTEN * _often(wanted, at) for at in places])
    core = np.argsort(-scores, kind="stable")[:_CORE]
    vectors = np.stack([hit.direction for hit in result.hits])
    middle = np.maximum(scores[core], 0.0) @ vectors[core]
    scores += _LIKE_CORE * (vectors @ middle) / max(float(np.linalg.norm(middle)), 1e-9)
    order = np.argsort(-scores, kind="stable")
    chosen = [result.hits[place] for place in order if scores[place] >= _end(scores[order])]
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(chosen, start=1))


def _places(paper: Paper, wanted: Set[str]) -> dict[str, list[int]]:
    """Where each of the wanted terms stands in a paper's title and abstract."""
    found: dict[str, list[int]] = {}
    for place, term in enumerate(terms(f"{paper.title} {paper.abstract}")):
        if term in wanted:
            found.setdefault(term, []).append(place)
    return found


def _apart(wanted: Sequence[str], places: Mapping[str, Sequence[int]]) -> float:
    """The share, from 0 to 1, of the topic's neighbouring words that stand apart in the paper."""
    pairs = list(pairwise(wanted))
    together = sum(
        any(abs(one - other) <= _WINDOW for one in places.get(left, ()) for other in places.get(right, ()))
        for left, right in pairs
    )
    return 1 - together / len(pairs) if pairs else 0.0


def _often(wanted: Sequence[str], places: Mapping[str, Sequence[int]]) -> float:
    """How often a paper says the topic's words, from 0 to 1."""
    return sum(min(_SAID, len(places.get(term, ()))) for term in wanted) / (_SAID * max(1, len(wanted)))


def _end(ordered: NDArray[np.float64]) -> float:
    """The score at which a topic ends: in the widest gap near `_NEAR_BEST`, of scores from the best down."""
    low, high = (_NEAR_BEST - _AROUND) * ordered[0], (_NEAR_BEST + _AROUND) * ordered[0]
    near = [(left - right, (left + right) / 2) for left, right in pairwise(ordered) if left >= low and right <= high]
    return float(max(near)[1]) if near else float(_NEAR_BEST * ordered[0])


def grouped(papers: Sequence[Paper], vectors: Vectors, topic: str) -> tuple[Theme, ...]:
    """The themes of the papers, the largest first; of one topic fewer than of a whole collection."""
    return themes(papers, vectors, most=_MOST_OF_TOPIC if topic else _MOST_THEMES, topic=topic)


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
