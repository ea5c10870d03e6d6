"""For `fusion.py`: the papers and questions of a set, every score that a question can give a paper, and measures.

Vectors and scores are kept in a folder, so that a second run is quick.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import ir_measures
import numpy as np
from ir_measures import nDCG
from numpy.typing import NDArray

from assistant.beir import read_corpus, read_dataset
from index_store import Paper, content_terms, fusion, open_embedder, passages, sentences
from index_store.kept_vectors import PaperVectors
from index_store.lexicon import Lexicon
from index_store.papers import normalise

Rows = NDArray[np.float32]
"""Vectors; or scores, one row per question and one column per paper."""

_RESAMPLES = 10_000

opened = cache(open_embedder)

UNITS: Mapping[str, Callable[[Paper], list[str]]] = {
    "passage": lambda paper: [f"{paper.display_title}\n{passage.text}" for passage in passages(paper.abstract)],
    "whole": lambda paper: [f"{paper.display_title}\n{paper.abstract}"],
    "sentence": lambda paper: [sentence.text for sentence in sentences(paper.abstract)],
    "title": lambda paper: [paper.display_title],
    "window": lambda paper: [f"{paper.display_title}\n{window}" for window in _windows(paper.abstract, 3)],
    "titled": lambda paper: [f"{paper.display_title}\n{sentence.text}" for sentence in sentences(paper.abstract)],
}
"""The texts of a paper that are embedded, by the name of the unit; the product has `passage` and `sentence`."""


def _windows(abstract: str, size: int) -> list[str]:
    """Every run of `size` sentences; the whole abstract if it has fewer."""
    found = [sentence.text for sentence in sentences(abstract)]
    return [" ".join(found[start : start + size]) for start in range(max(1, len(found) - size + 1))]


# -- what a question can be told of a paper ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidates:
    """The papers that the product would score for one question, by their number, with both scores and vectors."""

    words: dict[str, float]
    meanings: dict[str, float]
    vectors: dict[str, PaperVectors]


@dataclass(frozen=True, eq=False)
class Collection:
    """The papers and questions of one set, and every score that a question can give a paper under one model."""

    name: str
    split: str
    model: str
    kept_in: Path
    papers: Sequence[Paper]
    questions: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]

    @classmethod
    def read(cls, folder: Path, split: str, model: str, kept_in: Path) -> "Collection":
        """A folder in BEIR's shape; entries without text are left out, as the product does."""
        dataset = read_dataset(folder, split)
        papers = [replace(normalise(paper), id=document) for document, paper in read_corpus(folder) if paper]
        return cls(folder.name, split, model, kept_in, papers, dataset.queries, dataset.qrels)

    def with_model(self, model: str) -> "Collection":
        """The same papers and questions under another model."""
        return replace(self, model=model)

    @cache  # noqa: B019  # a collection lives as long as the command
    def asked(self) -> Rows:
        """The vectors of the questions, embedded one by one as the product does: int8 depends a little on the batch."""
        embed = opened(self.model).embed
        compute = lambda: np.concatenate([embed([text]) for text in self.questions.values()])  # noqa: E731
        return self._kept(f"{self.model}-{self.split}-questions", compute)

    @cache  # noqa: B019
    def texts(self, unit: str) -> tuple[Rows, NDArray[np.intp]]:
        """The vectors of all texts of one unit, and where each paper's first one is; an abstract may be empty."""
        texts = [UNITS[unit](paper) or UNITS["whole"](paper) for paper in self.papers]
        flat = [text for each in texts for text in each]
        starts = np.cumsum([0, *map(len, texts)])[:-1]
        return self._kept(f"{self.model}-{unit}", lambda: opened(self.model).embed(flat)), starts

    @cache  # noqa: B019
    def dense(self, unit: str) -> Rows:
        """The cosine of each paper's best text of a unit."""
        return self.nearest(unit, self.asked())

    def nearest(self, unit: str, questions: Rows) -> Rows:
        """As `dense`, for other vectors of the questions."""
        vectors, starts = self.texts(unit)
        return np.concatenate([np.maximum.reduceat(part @ vectors.T, starts, axis=1) for part in _parts(questions)])

    @cache  # noqa: B019
    def lexicon(self, part: str) -> Lexicon:
        """The product's index of words over titles and abstracts, or over one of them."""
        lexicon = Lexicon(self.kept_in / f"{self.name}-{part}")
        if not lexicon.count:
            empty = {"text": {}, "title": {"abstract": ""}, "abstract": {"title": ""}}[part]
            lexicon.put(replace(paper, **empty) for paper in self.papers)
        return lexicon

    @cache  # noqa: B019
    def bm25(self, part: str = "text") -> Rows:
        """The BM25 score of each paper; 0 without a common word."""
        compute = lambda: np.stack([self.found(text, part) for text in self.questions.values()])  # noqa: E731
        return self._kept(f"{self.split}-bm25-{part}", compute)

    def found(self, text: str, part: str = "text") -> Rows:
        """One row of `bm25`."""
        row = np.zeros(len(self.papers), dtype=np.float32)
        for paper_id, score in self.lexicon(part).search(text, len(self.papers)):
            row[self.numbers[paper_id]] = score
        return row

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The column of each paper."""
        return {paper.id: number for number, paper in enumerate(self.papers)}

    @cached_property
    def vectors(self) -> list[PaperVectors]:
        """What the catalogue keeps of each paper."""
        passage, sentence = (np.split(rows, starts[1:]) for rows, starts in map(self.texts, ("passage", "sentence")))
        return [PaperVectors(*both) for both in zip(passage, sentence, strict=True)]

    @cached_property
    def directions(self) -> Rows:
        """One vector per paper."""
        return fusion.directions(self.vectors)

    @cached_property
    def content(self) -> list[list[str]]:
        """The content words of each question, stemmed."""
        return [content_terms(text) for text in self.questions.values()]

    def idf(self, wanted: Sequence[str]) -> dict[str, float]:
        """BM25's weight of each term."""
        found, total = self.lexicon("text").document_frequencies(wanted), len(self.papers)
        return {term: math.log(1 + (total - count + 0.5) / (count + 0.5)) for term, count in found.items()}

    @cache  # noqa: B019
    def candidates(self, depth: int) -> list[Candidates]:
        """For each question the papers of its first `depth` passages and its first `depth` papers by BM25."""
        rows, starts = self.texts("passage")
        found = []
        for words, question in zip(self.bm25(), self.asked(), strict=True):
            near = np.searchsorted(starts, first(rows @ question, depth), side="right") - 1
            common = [number for number in first(words, depth) if words[number] > 0]
            numbers = [int(number) for number in dict.fromkeys([*common, *near])]
            meanings = {str(number): fusion.meaning(self.vectors[number], question) for number in numbers}
            scores = {str(number): float(words[number]) for number in numbers if words[number] > 0}
            found.append(Candidates(scores, meanings, {str(number): self.vectors[number] for number in numbers}))
        return found

    def _kept(self, name: str, compute: Callable[[], Rows]) -> Rows:
        path = self.kept_in / f"{self.name}-{name}.npy"
        if not path.exists():
            np.save(path, compute())
        return np.asarray(np.load(path), dtype=np.float32)


def _parts(rows: Rows) -> list[Rows]:
    """Parts of a hundred rows, so that no product with all sentences fills the memory."""
    return [rows[start : start + 100] for start in range(0, len(rows), 100)]


def first(scores: Rows, count: int) -> NDArray[np.intp]:
    """The places of the highest scores of each row, best first; of equal ones, the first place."""
    return np.argsort(-scores, axis=-1, kind="stable")[..., :count]


# -- measures ---------------------------------------------------------------------------------------------------------


def ndcg(of: Collection, scores: Rows) -> NDArray[np.float64]:
    """nDCG@10 of each question."""
    gains = np.zeros_like(scores)
    for row, grades in enumerate(of.qrels.values()):
        for paper_id, grade in grades.items():
            if paper_id in of.numbers:
                gains[row, of.numbers[paper_id]] = grade
    discounts = 1 / np.log2(np.arange(2, 12))
    best = [sorted(grades.values(), reverse=True)[:10] for grades in of.qrels.values()]
    ideal = np.array([np.dot(each, discounts[: len(each)]) for each in best])
    found = first(scores, 10)
    found_gains = np.where(np.isfinite(np.take_along_axis(scores, found, 1)), np.take_along_axis(gains, found, 1), 0)
    return np.asarray(found_gains @ discounts / ideal, dtype=np.float64)


def recall(of: Collection, scores: Rows) -> float:
    """Recall@100."""
    shares = []
    for row, (numbers, grades) in enumerate(zip(first(scores, 100), of.qrels.values(), strict=True)):
        found = {of.papers[number].id for number in numbers if np.isfinite(scores[row, number])}
        relevant = {paper_id for paper_id, grade in grades.items() if grade > 0}
        shares.append(len(found & relevant) / len(relevant))
    return float(np.mean(shares))


def check(of: Collection, scores: Rows) -> None:
    """Stops unless `ndcg` gives for every question what ir_measures gives."""
    run = {
        question: {of.papers[number].id: -float(place) for place, number in enumerate(numbers)}
        for question, numbers in zip(of.questions, first(scores, 100), strict=True)
    }
    theirs = {each.query_id: each.value for each in ir_measures.iter_calc([nDCG @ 10], of.qrels, run)}
    ours = dict(zip(of.questions, ndcg(of, scores), strict=True))
    assert all(abs(value - theirs[question]) < 1e-6 for question, value in ours.items()), "nDCG@10 is wrong"


def interval(*differences: NDArray[np.float64]) -> str:
    """The mean of the means of sets, and where 95 % of it lie when each set's questions are drawn anew."""
    draw = np.random.default_rng(0)
    means = np.zeros(_RESAMPLES)
    for each in differences:
        means += np.array([each[draw.integers(0, len(each), len(each))].mean() for _ in range(_RESAMPLES)])
    low, high = np.quantile(means / len(differences), (0.025, 0.975))
    return f"{np.mean([each.mean() for each in differences]):.3f} [{low:.3f}, {high:.3f}]"
