"""How well and how fast the product finds papers: a folder in BEIR's shape, put into a throw-away index and asked.

The index is made as the product makes its own, in a temporary folder that is removed whatever happens.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from index_store import Embedder, Library, Paper, Ranking, search

from .beir import Dataset, InvalidDataset, read_corpus

RANKINGS = (Ranking.WORDS, Ranking.MEANING, Ranking.FUSED)
MEASURES = ("ndcg@10", "recall@10", "recall@100", "mrr@10")
DEPTH = 100  # of the rankings that are measured; the deepest measure is recall@100
SHOWN = 10  # of the searches that are timed
_BATCH = 500
_RESAMPLES = 2000
_SEED = 20240711

Qrels = Mapping[str, Mapping[str, int]]
"""Question -> paper -> grade; 0 is not relevant."""

Run = Mapping[str, Sequence[str]]
"""Question -> papers, best first."""

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, how far it is, and how far there is to go, if that is known."""


@dataclass(frozen=True)
class TimedEmbedder(Embedder):
    """An embedder that notes the seconds that each call of it takes."""

    seconds: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, embedder: Embedder) -> "TimedEmbedder":
        """The same model, timed."""
        return cls(**{each.name: getattr(embedder, each.name) for each in fields(embedder)})

    def embed(self, texts: Sequence[str], *, behind: bool = False) -> Any:
        """As `Embedder.embed`."""
        started = time.perf_counter()
        rows = super().embed(texts, behind=behind)
        self.seconds.append(time.perf_counter() - started)
        return rows


@dataclass(slots=True)
class _Added:
    """The id in the library for each id of the corpus, and how many entries had no text and so were left out."""

    papers: dict[str, str] = field(default_factory=dict)
    empty: int = 0


def evaluate(
    dataset: Dataset, embedder: Embedder, progress: Progress = lambda stage, done, total: None
) -> dict[str, Any]:
    """The form that `evaluate FOLDER --json` prints: measures of each ranking, and of the ingest and the search.

    Measures are means over the questions, from 0 to 1, with a 95 % `interval`. Raises `InvalidDataset` for a corpus
    that cannot be read or holds no judged document, and `EmbeddingError`.
    """
    with tempfile.TemporaryDirectory(prefix="research-assistant-") as home:
        timed = TimedEmbedder.of(embedder)
        with Library(Path(home), timed) as library:
            ingest, added = _ingest(library, dataset, progress)
            qrels, missing = _on_papers(dataset, added)
            rankings = {ranking.value: _quality(library, dataset, qrels, ranking, progress) for ranking in RANKINGS}
            took = search_milliseconds(library, list(dataset.queries.values()), SHOWN, progress)
            return {
                "split": dataset.split,
                "queries": len(dataset.queries),
                "embedding_model": timed.model.model_name,
                **rankings,
                "ingest": ingest,
                "search": {"questions": len(took), **percentiles(took)},
                "left_out": {
                    "empty_entries": added.empty,
                    "missing_documents": missing,
                    "unknown_queries": dataset.unknown,
                    "queries_without_relevant": dataset.irrelevant,
                },
            }


# -- the index --------------------------------------------------------------------------------------------------------


def _ingest(library: Library, dataset: Dataset, progress: Progress) -> tuple[dict[str, Any], _Added]:
    """Adds and indexes the corpus; the seconds are those from the first line read to the last paper indexed."""
    embedder = library.embedder
    assert isinstance(embedder, TimedEmbedder)
    embedder.seconds.clear()
    started = time.perf_counter()
    added = _add(library, dataset.folder, progress)
    count = library.index(lambda done, total: progress("Indexing papers", done, total))
    seconds = time.perf_counter() - started
    figures = {
        "abstracts": count,
        "seconds": round(seconds, 3),
        "abstracts_per_second": round(count / seconds, 2),
        "embedding_share": round(sum(embedder.seconds) / seconds, 4),
        "peak_memory_mb": round(peak_memory_mb(), 1),
    }
    return figures, added


def _add(library: Library, folder: Path, progress: Progress) -> _Added:
    """Puts the corpus into the catalogue."""
    added = _Added()
    for batch in _batches(read_corpus(folder)):
        with_text = [(document, paper) for document, paper in batch if paper]
        stored = library.catalogue.put(paper for _, paper in with_text)
        added.papers.update((document, paper.id) for (document, _), (_, paper) in zip(with_text, stored, strict=True))
        added.empty += len(batch) - len(with_text)
        progress("Reading the corpus", len(added.papers) + added.empty, None)
    return added


def _batches(entries: Iterator[tuple[str, Paper | None]]) -> Iterator[list[tuple[str, Paper | None]]]:
    while batch := list(islice(entries, _BATCH)):
        yield batch


def _on_papers(dataset: Dataset, added: _Added) -> tuple[Qrels, int]:
    """The judgements on papers of the library, and how many documents they name that it does not hold.

    Such a document keeps its name: it is a relevant one that no search can find, as other tools count it. Of two
    that became one paper, the higher grade counts.
    """
    qrels: dict[str, dict[str, int]] = {}
    missing = set()
    for query, grades in dataset.qrels.items():
        mapped = qrels.setdefault(query, {})
        for document, grade in grades.items():
            paper = added.papers.get(document)
            if paper is None:
                missing.add(document)
            name = paper or f"not in the corpus: {document}"
            mapped[name] = max(grade, mapped.get(name, 0))
    judged = {document for grades in dataset.qrels.values() for document in grades}
    if missing == judged:
        raise InvalidDataset(
            f"The corpus of {dataset.folder} holds none of the {len(judged):,} documents that are judged in the split "
            f"{dataset.split!r}, such as {min(judged)!r}; are the files of one data set?"
        )
    return qrels, len(missing)


# -- quality ----------------------------------------------------------------------------------------------------------


def _quality(library: Library, dataset: Dataset, qrels: Qrels, ranking: Ranking, progress: Progress) -> dict[str, Any]:
    run = {}
    for done, (query, text) in enumerate(dataset.queries.items(), start=1):
        run[query] = [hit.paper.id for hit in search(library, text, DEPTH, ranking=ranking).hits]
        progress(f"Asking, {ranking.value}", done, len(dataset.queries))
    return summary(per_query(qrels, run))


def per_query(qrels: Qrels, run: Run) -> dict[str, list[float]]:
    """Each of `MEASURES` for each question of `qrels`, in its order; a question that the run lacks is 0.

    Gains of nDCG are the grades themselves, as in trec_eval and BEIR (Järvelin and Kekäläinen, TOIS 2002).
    """
    import ir_measures
    from ir_measures import RR, R, nDCG

    names = dict(zip((nDCG @ 10, R @ 10, R @ 100, RR @ 10), MEASURES, strict=True))
    judged = [
        ir_measures.Qrel(query, paper, grade) for query, grades in qrels.items() for paper, grade in grades.items()
    ]
    # The rank and not the search's score: papers with equal scores would be put in another order.
    found = [
        ir_measures.ScoredDoc(query, paper, 1 / rank)
        for query, papers in run.items()
        for rank, paper in enumerate(papers, start=1)
    ]
    values: dict[str, dict[str, float]] = {name: dict.fromkeys(qrels, 0.0) for name in MEASURES}
    for metric in ir_measures.iter_calc(list(names), judged, found):
        values[names[metric.measure]][metric.query_id] = float(metric.value)
    return {name: list(each.values()) for name, each in values.items()}


def summary(values: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The mean of each measure, and under `interval` its bootstrap interval as [low, high]."""
    means = {name: round(float(np.mean(each)), 6) for name, each in values.items()}
    return {**means, "interval": {name: [round(end, 6) for end in bootstrap(each)] for name, each in values.items()}}


def bootstrap(values: Sequence[float], resamples: int = _RESAMPLES) -> tuple[float, float]:
    """The 95 % percentile interval of the mean over resamples of `values`, which holds the mean; always the same.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. `values` must not be empty.
    """
    drawn = np.asarray(values, dtype=np.float64)
    random = np.random.default_rng(_SEED)
    means = [drawn[random.integers(len(drawn), size=len(drawn))].mean() for _ in range(resamples)]
    low, high = np.percentile(means, [2.5, 97.5])
    mean = drawn.mean()
    return float(min(low, mean)), float(max(high, mean))  # the last digit of two equal means may differ


# -- speed and memory -------------------------------------------------------------------------------------------------


def search_milliseconds(
    library: Library,
    questions: Sequence[str],
    limit: int,
    progress: Progress = lambda stage, done, total: None,
) -> list[float]:
    """Milliseconds of the product's own search for each question, its embedding included, after one to warm up."""
    took = []
    search(library, questions[0], limit)
    for done, question in enumerate(questions, start=1):
        started = time.perf_counter()
        search(library, question, limit)
        took.append((time.perf_counter() - started) * 1000)
        progress("Timing the search", done, len(questions))
    return took


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 by the names under which they are printed."""
    values = np.percentile(milliseconds, [50, 95, 99])
    return dict(zip(("p50_ms", "p95_ms", "p99_ms"), (round(float(value), 3) for value in values), strict=True))


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)  # bytes there, kilobytes here
