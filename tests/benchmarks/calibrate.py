"""Chooses the relevance threshold: `python -m tests.benchmarks.calibrate [minilm|wordllama]`.

The questions of `tests/data/questions.jsonl` are asked of the sample collection. Choose on the tune half, report on
the other.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from index_store import Library, open_embedder, search

QUESTIONS = Path(__file__).resolve().parents[1] / "data" / "questions.jsonl"


def main() -> None:
    """Prints, for each threshold, the share of absent questions refused and of answerable ones refused wrongly."""
    model = sys.argv[1] if len(sys.argv) > 1 else "minilm"
    questions = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as home, Library(Path(home), open_embedder(model)) as library:
        library.add_sample()
        library.index()
        found = [search(library, question["question"], 8) for question in questions]
    relevance = np.array([result.relevance for result in found])
    answerable = np.array([question["kind"] == "answerable" for question in questions])
    tune = np.array([question["half"] == "tune" for question in questions])
    print("threshold   tune: refused  wrongly    test: refused  wrongly")
    for threshold in np.arange(0.40, 0.62, 0.02):
        refused = relevance < threshold
        shares = [np.mean(refused[half & kind]) for half in (tune, ~tune) for kind in (~answerable, answerable)]
        print(f"{threshold:9.2f}   {shares[0]:13.2f} {shares[1]:8.2f}   {shares[2]:14.2f} {shares[3]:8.2f}")
    first = [
        result.hits[0].paper.title in question["papers"]
        for result, question in zip(found, questions, strict=True)
        if question["papers"] and result.hits
    ]
    print(f"a right paper comes first for {np.mean(first):.2f} of the answerable questions")


if __name__ == "__main__":
    main()
