"""Chooses how scores become one ranking, and prints the tables of `docs/retrieval.md`.

    python -m tests.benchmarks.fusion [--data FOLDER] [--cache FOLDER] [--report]

Everything is chosen on SciFact's train claims and Cranfield; `--report` adds SciFact's test claims, on which nothing
was chosen. The models, splitter, analyser and fusion are the product's own. The first run embeds for about a quarter
of an hour on two cores; vectors are kept in the cache folder, and the next one takes some minutes.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index_store import fusion
from tests.benchmarks.fusing import (
    Variant,
    by_length,
    dense,
    diverse,
    expanded,
    fields_of_words,
    idf_normalised,
    is_short,
    meaning,
    mixed,
    plain_default,
    product,
    reciprocal,
    rocchio,
    standard,
    top,
)
from tests.benchmarks.scored import Collection, Rows, check, interval, ndcg, recall

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CHOOSING = (("scifact", "train"), ("cranfield", "test"))
REPORTED = ("scifact", "test")
DEFAULT = "**the default**"
WEIGHTS = (0.2, 0.3, 0.4, 0.5, 0.6)


# -- the table --------------------------------------------------------------------------------------------------------


def plain(words: float, sentence: float = 0.0, normalised: Callable[[Rows], Rows] = top) -> Variant:
    """BM25 and a score of meaning under one normalisation, which is by the best score unless another is given."""
    return lambda of: mixed(normalised(of.bm25()), normalised(meaning(of, sentence)), words)


def by_idf(words: float, sentence: float = 0.0) -> Variant:
    """The same, normalised by the question's words."""
    return lambda of: idf_normalised(of, meaning(of, sentence), words)


def by_field(title: float) -> Variant:
    """The default without neighbours, with titles and abstracts as two fields of words."""
    return lambda of: mixed(top(fields_of_words(of, title)), top(meaning(of)))


def units(**shares: float) -> Variant:
    """The default's BM25 with another mixture of units; no neighbours."""
    return lambda of: mixed(top(of.bm25()), top(dense(of, **shares)))


def neighbours(nearest: int, share: float) -> Variant:
    """The default with another neighbourhood."""
    return partial(product, NEIGHBOURS=nearest, NEIGHBOUR_SHARE=share)


def marginal(balance: float) -> Variant:
    """The default, made diverse."""
    return partial(diverse, balance=balance)


NEIGHBOURHOODS = [(nearest, share) for nearest in (3, 5, 8) for share in (0.2, 0.3, 0.4)]
NEIGHBOURHOODS.remove((fusion.NEIGHBOURS, fusion.NEIGHBOUR_SHARE))  # the default has a row of its own
PASSAGES, SENTENCES = 1 - fusion.SENTENCES, fusion.SENTENCES

VARIANTS: Mapping[str, Mapping[str, Variant]] = {
    "One kind of score": {
        "BM25 of title and abstract": lambda of: of.bm25(),
        "BM25, title weighted 0.3 beside the abstract": lambda of: fields_of_words(of, 0.3),
        "BM25, title weighted 1": lambda of: fields_of_words(of, 1.0),
        "BM25 with feedback on words (5 papers, 10 words, 0.3)": lambda of: expanded(of, of.bm25(), 0.3),
        "vectors: best passage (with title)": lambda of: of.dense("passage"),
        "vectors: whole abstract (with title, cut at 256 tokens)": lambda of: of.dense("whole"),
        "vectors: best sentence": lambda of: of.dense("sentence"),
        "vectors: best sentence with title": lambda of: of.dense("titled"),
        "vectors: best window of three sentences with title": lambda of: of.dense("window"),
        "vectors: title": lambda of: of.dense("title"),
        "vectors: passage 0.7, sentence 0.3": meaning,
        "vectors: passage 0.5, sentence 0.5": lambda of: dense(of, passage=0.5, sentence=0.5),
    },
    "BM25 and best passage": {
        "reciprocal ranks, k = 60": lambda of: reciprocal(of.bm25(), of.dense("passage")),
        **{f"z-scores, BM25 {words}": plain(words, 0.0, standard) for words in (0.3, 0.4, 0.5)},
        **{f"divided by the best, BM25 {words}": plain(words) for words in (0.3, 0.4, 0.5)},
        **{f"by the idf of the question, BM25 {words}": by_idf(words) for words in (0.3, 0.4, 0.5)},
    },
    "BM25, best passage, best sentence": {
        "reciprocal ranks of the two kinds": lambda of: reciprocal(of.bm25(), meaning(of)),
        "reciprocal ranks of the three": lambda of: reciprocal(of.bm25(), of.dense("passage"), of.dense("sentence")),
        **{f"z-scores, BM25 {words}": plain(words, SENTENCES, standard) for words in (0.3, 0.4, 0.5)},
        **{f"divided by the best, BM25 {words}": plain(words, SENTENCES) for words in (0.3, 0.4, 0.5)},
        "the same, BM25 0.4, sentence 0.5": plain(fusion.WORDS, 0.5),
        **{f"by the idf of the question, BM25 {words}": by_idf(words, SENTENCES) for words in (0.3, 0.4, 0.5)},
    },
    "The same (0.4, divided by the best) with other fields and units": {
        "title vector besides, 0.1": units(passage=PASSAGES, sentence=SENTENCES, title=0.1),
        "title vector besides, 0.2": units(passage=PASSAGES, sentence=SENTENCES, title=0.2),
        "BM25 of the title apart, 0.3": by_field(0.3),
        "BM25 of the title apart, 1": by_field(1.0),
        "whole abstract for passages": units(whole=PASSAGES, sentence=SENTENCES),
        "windows for sentences": units(passage=PASSAGES, window=SENTENCES),
        "windows alone": units(window=1.0),
        "sentences with title for sentences": units(passage=PASSAGES, titled=SENTENCES),
        "passage, sentence, window": units(passage=0.5, sentence=0.25, window=0.25),
        "passage, sentence, sentence with title": units(passage=0.5, sentence=0.25, titled=0.25),
        "all six units": units(passage=0.3, whole=0.1, sentence=0.2, titled=0.2, window=0.1, title=0.1),
    },
    "The same with feedback": {
        "on vectors, 3 papers, 0.3": lambda of: mixed(top(of.bm25()), top(rocchio(of, 3))),
        "on vectors, 5 papers, 0.3": lambda of: mixed(top(of.bm25()), top(rocchio(of, 5))),
        "on words, 5 papers, 10 words, 0.3": lambda of: mixed(expanded(of, plain_default(of), 0.3), top(meaning(of))),
    },
    "The product's fusion of its candidates": {
        "no neighbours": partial(product, NEIGHBOUR_SHARE=0.0),
        **{f"{k} neighbours at {share}": neighbours(k, share) for k, share in NEIGHBOURHOODS},
        **{f"the default, BM25 {words}": partial(product, WORDS=words) for words in (0.3, 0.5)},
        "the default with 200 candidates of each ranking": partial(product, depth=200),
        "the default, sentence 0.5": partial(product, meanings=lambda of: meaning(of, 0.5)),
        "the default, sentences with title besides": partial(
            product, meanings=lambda of: dense(of, passage=0.5, sentence=0.25, titled=0.25)
        ),
        "the default, windows besides": partial(
            product, meanings=lambda of: dense(of, passage=0.5, sentence=0.25, window=0.25)
        ),
        "the default, feedback on vectors, 3 papers, 0.3": partial(product, meanings=lambda of: rocchio(of, 3)),
        **{f"the default, maximal marginal relevance {each}": marginal(each) for each in (0.9, 0.7, 0.5)},
        DEFAULT: product,
    },
}

SIMPLER = (": no neighbours", "reciprocal ranks, k = 60", "BM25 of title and abstract", "best passage (with title)")
"""The ends of the names of rows that the default is compared with."""

OTHER_MODEL: Mapping[str, Variant] = {
    "vectors: best passage": lambda of: of.dense("passage"),
    "reciprocal ranks, k = 60": lambda of: reciprocal(of.bm25(), of.dense("passage")),
    "no neighbours": partial(product, NEIGHBOUR_SHARE=0.0),
    DEFAULT: product,
}
"""Asked of WordLlama with the same constants."""


# -- printing ---------------------------------------------------------------------------------------------------------


def main() -> None:
    """Prints the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=DATA, help="the folder that holds scifact/ and cranfield/")
    options.add_argument("--cache", type=Path, help="where vectors are kept; without it, nowhere")
    options.add_argument("--report", action="store_true", help="add SciFact's test claims")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kept_in = chosen.cache or Path(folder)
        kept_in.mkdir(parents=True, exist_ok=True)
        names = (*CHOOSING, REPORTED) if chosen.report else CHOOSING
        sets = [Collection.read(chosen.data / name, split, "minilm", kept_in) for name, split in names]
        for of in sets:
            check(of, product(of))
        results = _table(sets, {(group, name): each for group, rows in VARIANTS.items() for name, each in rows.items()})
        _table([of.with_model("wordllama") for of in sets], {("WordLlama", name): v for name, v in OTHER_MODEL.items()})
        _lengths(sets)
        _intervals(sets, results)


Results = Mapping[tuple[str, str], list[NDArray[np.float64]]]


def _table(sets: list[Collection], variants: Mapping[tuple[str, str], Variant]) -> Results:
    """nDCG@10 of each variant on each set, and its difference from the default on the choosing sets."""
    results = {key: [ndcg(of, variant(of)) for of in sets] for key, variant in variants.items()}
    default = next(values for (_, name), values in results.items() if name == DEFAULT)
    heads = ["variant", *(f"{of.name} {of.split}" for of in sets[:2]), "mean", "minus the default"]
    _row(*heads, *(f"{of.name} {of.split}" for of in sets[2:]))
    _row(*["---"] * (len(sets) + 3))
    group = ""
    for (of_group, name), values in results.items():
        if of_group != group:
            group = of_group
            _row(f"*{group}*", *[""] * (len(sets) + 2))
        means = [f"{each.mean():.3f}" for each in values]
        differences = [each - of_default for each, of_default in zip(values, default, strict=True)]
        beside = "" if name == DEFAULT else interval(*differences[:2])
        _row(name, *means[:2], f"{np.mean([each.mean() for each in values[:2]]):.4f}", beside, *means[2:])
    print(flush=True)
    return results


def _lengths(sets: list[Collection]) -> None:
    """Which share of words is best for short and for long questions (no neighbours), and what two shares would gain."""
    found = {share: [ndcg(of, by_length(of, share, share)) for of in sets] for share in WEIGHTS}
    masks = [is_short(of) for of in sets]
    _row("BM25's share", *(f"{of.name} {of.split}, {kind}" for of in sets for kind in ("short", "long")))
    _row(*["---"] * (2 * len(sets) + 1))
    _row("questions", *(str(mask.sum()) for each in masks for mask in (each, ~each)))
    for share, values in found.items():
        _row(str(share), *(f"{v[m].mean():.3f}" for v, each in zip(values, masks, strict=True) for m in (each, ~each)))

    def gain(share: float, *, short: bool) -> float:
        return sum(np.where(mask == short, v, 0).mean() for v, mask in zip(found[share][:2], masks[:2], strict=True))

    best = [max(WEIGHTS, key=lambda share: gain(share, short=short)) for short in (True, False)]
    two = [ndcg(of, by_length(of, *best)) - one for of, one in zip(sets, found[fusion.WORDS], strict=True)]
    print(f"\nBest on the choosing sets: {best[0]} short, {best[1]} long; minus {fusion.WORDS} for all on each set:")
    for of, each in zip(sets, two, strict=True):
        print(f"- {of.name} {of.split}: {interval(each)}")
    print()


def _intervals(sets: list[Collection], results: Results) -> None:
    """How sure the default's figures are, and its differences from simpler ones, in pairs of the same questions."""
    named = {f"{group}: {name}": values for (group, name), values in results.items()}
    default = next(values for name, values in named.items() if name.endswith(DEFAULT))
    simpler = [name for name in named if name.endswith(SIMPLER)]
    _row("", *(f"{of.name} {of.split}" for of in sets))
    _row(*["---"] * (len(sets) + 1))
    _row("nDCG@10 of the default", *map(interval, default))
    _row("recall@100 of the default", *(f"{recall(of, product(of)):.3f}" for of in sets))
    for name in simpler:
        _row(f"default minus {name}", *(interval(a - b) for a, b in zip(default, named[name], strict=True)))


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
