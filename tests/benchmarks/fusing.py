"""Ways to make one score of several, for the table of `fusion.py`: each takes a collection or its scores."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import numpy as np
from numpy.typing import NDArray

from index_store import content_terms, fusion, terms
from tests.benchmarks.scored import Collection, Rows, first

SHORT = 4  # content words that a short question has at most

Variant = Callable[[Collection], Rows]
"""One way to score the papers of a collection for its questions."""


def top(scores: Rows) -> Rows:
    """Each row divided by its best, as `fusion.fuse` does."""
    best = np.abs(scores.max(axis=1, keepdims=True))
    return np.asarray(scores / np.where(best > 0, best, 1), dtype=np.float32)


def standard(scores: Rows) -> Rows:
    """z-scores over the whole collection."""
    return np.asarray((scores - scores.mean(axis=1, keepdims=True)) / (scores.std(axis=1, keepdims=True) + 1e-9))


def dense(of: Collection, **shares: float) -> Rows:
    """The weighted sum of the cosines of units."""
    return np.asarray(sum(share * of.dense(unit) for unit, share in shares.items()), dtype=np.float32)


def meaning(of: Collection, sentence: float = fusion.SENTENCES) -> Rows:
    """The product's score of meaning: passages and sentences."""
    return dense(of, passage=1 - sentence, sentence=sentence)


def plain_default(of: Collection) -> Rows:
    """The default without neighbours, for every paper of the collection."""
    return mixed(top(of.bm25()), top(meaning(of)))


def mixed(words: Rows, meanings: Rows, share: float | Rows = fusion.WORDS) -> Rows:
    """The weighted sum of two kinds of scores."""
    return np.asarray(share * words + (1 - share) * meanings, dtype=np.float32)


def reciprocal(*scores: Rows) -> Rows:
    """Reciprocal rank fusion with k = 60 (Cormack, Clarke and Büttcher, SIGIR 2009)."""
    ranks = [np.argsort(first(each, each.shape[1]), axis=1) + 1 for each in scores]
    return np.asarray(sum((each > 0) / (60 + rank) for each, rank in zip(scores, ranks, strict=True)))


def idf_normalised(of: Collection, meanings: Rows, share: float) -> Rows:
    """BM25 over the length of the question's vector of idf, the cosines as they are; then one scale for all questions.

    What a question's best score is does not matter here, so one that fits nothing gets low scores.
    """
    lengths = [math.hypot(*of.idf(wanted).values()) or 1.0 for wanted in of.content]
    words = of.bm25() / np.array(lengths, dtype=np.float32)[:, None]
    return mixed(words / words.max(axis=1).mean(), meanings / meanings.max(axis=1).mean(), share)


def fields_of_words(of: Collection, title: float) -> Rows:
    """BM25 of the abstract and, with a weight of its own, of the title."""
    return np.asarray(title * of.bm25("title") + of.bm25("abstract"))


def by_length(of: Collection, short: float, long: float) -> Rows:
    """Another share of words for questions of few content words than for longer ones."""
    shares = np.where(is_short(of), short, long).astype(np.float32)
    return mixed(top(of.bm25()), top(meaning(of)), shares[:, None])


def is_short(of: Collection) -> NDArray[np.bool_]:
    """Which questions are short."""
    return np.array([len(wanted) <= SHORT for wanted in of.content])


def rocchio(of: Collection, papers: int, share: float = 0.3) -> Rows:
    """The score of meaning for a question moved towards the mean of the first papers (feedback: Rocchio, 1971)."""
    best = first(plain_default(of), papers)
    moved = (1 - share) * of.asked() + share * of.directions[best].mean(axis=1)
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    return mixed(of.nearest("sentence", moved), of.nearest("passage", moved), fusion.SENTENCES)


def expanded(of: Collection, ranked: Rows, share: float, papers: int = 5, count: int = 10) -> Rows:
    """BM25 with feedback on words, after RM3 (Abdul-Jaleel et al., TREC 2004): the most telling of the first papers."""
    found = np.zeros_like(ranked)
    column = cache(of.found)
    for row, best in enumerate(first(ranked, papers)):
        uses: Counter[str] = Counter()
        for number in best:
            held = _words(f"{of.papers[number].title} {of.papers[number].abstract}")
            uses.update({word: used / len(held) for word, used in Counter(held).items()})
        weights = of.idf([_stem(word) for word in uses])
        telling = Counter({word: use * weights[_stem(word)] for word, use in uses.items()}).most_common(count)
        for word, weight in telling:
            found[row] += weight * column(word)
    return mixed(top(found), top(of.bm25()), share)


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z]{3,}", text.lower()) if _stem(word)]


@cache
def _stem(word: str) -> str:
    found = terms(word) if content_terms(word) else []
    return found[0] if len(found) == 1 else ""


def product(of: Collection, depth: int = 100, meanings: Variant | None = None, **constants: float) -> Rows:
    """The product's own fusion of the product's candidates, with some of its constants or its meanings changed."""
    other = meanings(of) if meanings else None
    scores = np.full((len(of.questions), len(of.papers)), -np.inf, dtype=np.float32)
    with _changed(constants):
        for row, found in enumerate(of.candidates(depth)):
            near = found.meanings if other is None else {each: float(other[row, int(each)]) for each in found.meanings}
            fused = fusion.smooth(fusion.fuse(found.words, near), found.vectors)
            scores[row, [int(number) for number in fused]] = list(fused.values())
    return scores


@contextmanager
def _changed(constants: Mapping[str, float]) -> Iterator[None]:
    before = {name: getattr(fusion, name) for name in constants}
    try:
        for name, value in constants.items():
            setattr(fusion, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(fusion, name, value)


def diverse(of: Collection, balance: float) -> Rows:
    """Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998) among the first hundred of the default."""
    scores, ranked = product(of), np.full((len(of.questions), len(of.papers)), -np.inf, dtype=np.float32)
    for row, numbers in enumerate(first(scores, 100)):
        numbers = numbers[np.isfinite(scores[row, numbers])]
        relevant, rows = scores[row, numbers] / scores[row].max(), of.directions[numbers]
        closest, left = np.zeros(len(numbers), dtype=np.float32), np.ones(len(numbers), dtype=np.bool_)
        for place in range(min(10, len(numbers))):
            chosen = int(np.where(left, balance * relevant - (1 - balance) * closest, -np.inf).argmax())
            left[chosen], ranked[row, numbers[chosen]] = False, -place
            closest = np.maximum(closest, rows @ rows[chosen])
    return ranked
