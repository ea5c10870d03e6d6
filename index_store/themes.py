"""Papers grouped into themes by the meaning of their texts, and places for the papers in a plane.

Groups: Ward's hierarchy over the vectors as seen from their mean; each cut of it is tightened by spherical k-means, and
silhouettes (Rousseeuw, 1987) choose the cut. Places: t-SNE. Large collections are worked out on a fixed sample.
`naming` gives the themes their names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from .naming import names
from .papers import Paper
from .threads import on_one_thread

# Each function imports what it needs of scikit-learn, which takes a second to load.

Vectors = NDArray[np.float32]
Labels = NDArray[np.intp]

_SEED = 0
_SAMPLE = 2000  # Ward and silhouettes need all pairs: 32 MB and half a second for so many
_PAPERS_PER_THEME = 3  # at least, on average: a reader wants few themes that mean something
# Unrelated vectors reach a silhouette of 0.08 (4 of them) to 0.04 (40 and more) in 19 of 20 draws, papers about 0.15.
_CHANCE, _CHANCE_OF_ONE = 0.05, 0.15
_NEAR_BEST = 0.045  # of several cuts so close to the best silhouette, the finest tells the reader most
_SAME = 1e-4  # rows nearer than this to their mean are one text


@dataclass(frozen=True, slots=True)
class Theme:
    """A group of papers that speak of one thing. `papers` holds their ids, the most central first.

    `name` is in words of the papers themselves, such as "KV cache" or "tokens, Mamba"; no two themes share one.
    """

    name: str
    papers: tuple[str, ...]


def themes(papers: Sequence[Paper], vectors: Vectors, *, most: int, topic: str = "") -> tuple[Theme, ...]:
    """At most `most` themes, the largest first; every paper is in exactly one. The same papers give the same themes.

    `vectors` has one row of length 1 per paper. `topic` is what the reader asked for: several themes of one topic are
    not named by its words alone. Raises `ValueError` if papers and rows differ in number or `most` is below 1.
    """
    if len(papers) != len(vectors) or most < 1:
        raise ValueError(f"{len(papers)} papers, {len(vectors)} vectors and at most {most} themes do not go together")
    if not papers:
        return ()
    labels = _groups(vectors, most)
    members = [_central_first(vectors, np.flatnonzero(labels == group)) for group in range(labels.max() + 1)]
    members.sort(key=lambda rows: (-len(rows), rows[0]))
    called = names([[papers[row] for row in rows] for rows in members], topic)
    return tuple(Theme(name, tuple(papers[row].id for row in rows)) for name, rows in zip(called, members, strict=True))


# -- groups -----------------------------------------------------------------------------------------------------------


def _groups(vectors: Vectors, most: int) -> Labels:
    """The group of each row, counting from 0, without gaps."""
    # What all the papers have in common, such as the topic they were found by, does not tell them apart.
    seen = vectors - vectors.mean(axis=0)
    if len(vectors) < 4 or most < 2 or np.linalg.norm(seen, axis=1).max() < _SAME:
        return np.zeros(len(vectors), dtype=np.intp)
    seen = _unit(seen)
    sample = _sample(len(vectors), _SAMPLE)
    labels = _best_cut(seen[sample], min(most, max(2, len(sample) // _PAPERS_PER_THEME)))
    if len(sample) == len(vectors):
        return labels
    return _tightened(seen, (seen @ _centres(seen[sample], labels).T).argmax(axis=1))


def _sample(count: int, size: int) -> Labels:
    if count <= size:
        return np.arange(count)
    return np.sort(np.random.default_rng(_SEED).choice(count, size, replace=False))


def _best_cut(vectors: Vectors, most: int) -> Labels:
    from sklearn.cluster import ward_tree
    from sklearn.metrics import silhouette_score

    count = len(vectors)
    merges = ward_tree(vectors)[0]
    distances = np.clip(1 - vectors @ vectors.T, 0, None)
    np.fill_diagonal(distances, 0)
    cuts = [(0.0, np.zeros(count, dtype=np.intp))]
    for groups in range(2, most + 1):
        labels = _joined(vectors, _tightened(vectors, _cut(merges, count, groups)))
        if 1 < labels.max() + 1 < count:
            cuts.append((float(silhouette_score(distances, labels, metric="precomputed")), labels))
    best = max(score for score, _ in cuts)
    if best < _CHANCE + _CHANCE_OF_ONE / count:
        return cuts[0][1]
    return max((labels for score, labels in cuts if score >= best - _NEAR_BEST), key=lambda labels: labels.max())


def _cut(merges: NDArray[np.intp], count: int, groups: int) -> Labels:
    """The tree cut into so many groups: its first `count - groups` merges, each of which makes a node of two."""
    node = np.arange(count)
    for number, (left, right) in enumerate(merges[: count - groups]):
        node[(node == left) | (node == right)] = count + number
    return np.unique(node, return_inverse=True)[1]


def _tightened(vectors: Vectors, labels: Labels) -> Labels:
    """Spherical k-means from the given groups: each row goes to the nearest centre until none moves."""
    for _ in range(20):
        nearest = (vectors @ _centres(vectors, labels).T).argmax(axis=1)
        nearest = np.unique(nearest, return_inverse=True)[1]
        if np.array_equal(nearest, labels):
            break
        labels = nearest
    return labels


def _joined(vectors: Vectors, labels: Labels) -> Labels:
    """A lone row joins the nearest group, unless it is further from it than every row is from its own group."""
    sizes = np.bincount(labels)
    alone = sizes == 1
    if not alone.any() or alone.all():
        return labels
    closeness = vectors @ _centres(vectors, labels).T
    furthest = min(closeness[row, group] for row, group in enumerate(labels) if not alone[group])
    labels = labels.copy()
    closeness[:, alone] = -2.0
    for row in np.flatnonzero(alone[labels]):
        if closeness[row].max() >= furthest:
            labels[row] = closeness[row].argmax()
    return np.unique(labels, return_inverse=True)[1]


def _central_first(vectors: Vectors, rows: Labels) -> list[int]:
    closeness = vectors[rows] @ vectors[rows].mean(axis=0)
    return [int(row) for row in rows[np.argsort(-closeness.round(6), kind="stable")]]


def _centres(vectors: Vectors, labels: Labels) -> Vectors:
    return _unit(np.stack([vectors[labels == group].mean(axis=0) for group in range(labels.max() + 1)]))


def _unit(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), dtype=np.float32)


# -- places -----------------------------------------------------------------------------------------------------------

_PULL = 0.35  # how far each paper is drawn to its group's centre before it gets its place
_LANDMARKS = 1000  # placed by t-SNE, in seconds; any others are placed by them
_NEIGHBOURS, _SHARPNESS, _CHUNK = 3, 20.0, 4096
_PARTED = 300  # up to so many dots can be kept apart by all pairs in 0.2 s; more are a cloud anyway
_MARGIN = 0.03


def layout(vectors: Vectors, groups: Sequence[int]) -> Vectors:
    """Places in a plane, one row per paper, both coordinates from 0 to 1. The same input gives the same places.

    Papers near in meaning, and papers of one group, are near in the plane; up to a few hundred do not cover each other.
    `vectors` has one row of length 1 per paper, `groups` the number of its theme.
    """
    count = len(vectors)
    if count < 3:
        return np.array([(0.5, 0.5)] if count == 1 else [(0.25, 0.5), (0.75, 0.5)][:count], np.float32).reshape(-1, 2)
    seen = _unit(vectors - vectors.mean(axis=0))
    labels = np.unique(np.asarray(groups), return_inverse=True)[1]
    seen = (1 - _PULL) * seen + _PULL * _centres(seen, labels)[labels]
    if count <= _LANDMARKS:
        return _spread(_embedded(seen))
    chosen = _sample(count, _LANDMARKS)
    return _spread(_beside(seen, seen[chosen], _embedded(seen[chosen])))


def _embedded(rows: Vectors) -> Vectors:
    if np.ptp(rows, axis=0).max() < _SAME:
        return np.zeros((len(rows), 2), dtype=np.float32)
    from sklearn.manifold import TSNE

    tsne = TSNE(perplexity=min(30.0, (len(rows) - 1) / 3), metric="cosine", random_state=_SEED)
    with on_one_thread():
        return np.asarray(tsne.fit_transform(rows), dtype=np.float32)


def _beside(rows: Vectors, landmarks: Vectors, places: Vectors) -> Vectors:
    """Each row amid its nearest landmarks, the nearer counting more."""
    found = np.empty((len(rows), 2), dtype=np.float32)
    for start in range(0, len(rows), _CHUNK):
        closeness = rows[start : start + _CHUNK] @ landmarks.T
        nearest = np.argpartition(-closeness, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
        near = np.take_along_axis(closeness, nearest, axis=1)
        weights = np.exp(_SHARPNESS * (near - near.max(axis=1, keepdims=True)))
        weights /= weights.sum(axis=1, keepdims=True)
        found[start : start + _CHUNK] = (places[nearest] * weights[..., np.newaxis]).sum(axis=1)
    return found


def _spread(places: Vectors) -> Vectors:
    """Turned so that the longest way lies flat, what is in one place parted, and stretched to fill the square."""
    count = len(places)
    places = places - places.mean(axis=0)
    places @= np.linalg.eigh(places.T @ places)[1][:, ::-1]
    turn = np.arange(count) * np.pi * (3 - sqrt(5))  # a sunflower's seeds: no two in one direction
    seeds = np.sqrt((np.arange(count) + 0.5) / count)[:, np.newaxis] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    places = _stretched(places) + 0.001 * seeds
    if count <= _PARTED:
        places = _parted(_stretched(places), 0.4 / sqrt(count))
    return np.asarray(_MARGIN + (1 - 2 * _MARGIN) * _stretched(places), dtype=np.float32)


def _stretched(places: Vectors) -> Vectors:
    extent = np.maximum(np.ptp(places, axis=0), 1e-9)
    return np.asarray((places - places.min(axis=0)) / extent, dtype=np.float32)


def _parted(places: Vectors, distance: float) -> Vectors:
    """Pairs nearer than `distance` pushed apart, a quarter of what is missing at a time."""
    for _ in range(60):
        offsets = places[:, np.newaxis] - places
        gaps = np.maximum(np.linalg.norm(offsets, axis=2), 1e-9)
        np.fill_diagonal(gaps, np.inf)
        push = np.clip(distance - gaps, 0, None) / gaps
        places = places + 0.25 * (offsets * push[..., np.newaxis]).sum(axis=1)
    return np.asarray(places, dtype=np.float32)
