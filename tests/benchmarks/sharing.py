"""A library on PostgreSQL and a Chroma server, by its size: time, memory and disk.

`python -m tests.benchmarks.sharing` prints the table of docs/scaling.md. The abstracts are made up, and so are their
vectors (384 numbers, as MiniLM gives): what embedding takes is told there too. Other sizes may be given as arguments.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import psycopg

from assistant.retrieval_evaluation import SHOWN, percentiles, search_milliseconds
from index_store import Background, Embedder, Library, Paper, open_embedder, sample_papers
from tests import postgres
from tests.index_store.chroma import RunningChroma, running

_SIZES = (10_000, 50_000)
_SENTENCES, _WORDS = 7, 22  # of an abstract, and of a sentence
_QUESTIONS, _ADDED = 200, 10
_RANDOM = Random(0)


class MadeUp(Embedder):
    """Vectors that cost nothing and are all different: what is left of an ingest is everything else."""

    def embed(self, texts: Sequence[str], *, behind: bool = False) -> Any:
        """As `Embedder.embed`."""
        rows = self.__dict__.setdefault("made", np.random.default_rng(0)).normal(size=(len(texts), 384))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def abstracts(count: int) -> Iterator[Paper]:
    """So many papers, each with about 1,000 characters, of the words of the sample as often as they are there."""
    vocabulary = " ".join(paper.abstract for paper in sample_papers()).replace(".", "").split()
    for number in range(count):
        words = _RANDOM.choices(vocabulary, k=_SENTENCES * _WORDS + 8)
        title, rest = f"{' '.join(words[:8]).capitalize()} {number}", words[8:]
        sentences = (" ".join(rest[start : start + _WORDS]).capitalize() for start in range(0, len(rest), _WORDS))
        yield Paper(title, ". ".join(sentences) + ".", ("Ann Lee", "Bo Li"), 1950 + number % 75, source="made up")


def measured(size: int, database: postgres.RunningPostgres, chroma: RunningChroma, folder: Path) -> dict[str, Any]:
    """One library of this size, and a second home beside it."""
    place, server = database.fresh(), chroma.fresh()
    embedder = MadeUp(open_embedder("minilm").model, 0.3, batch=512)
    papers = [*abstracts(size)]
    before = _resident(chroma)
    with closing(Library(folder / f"one-{size}", embedder, server=server, database=place)) as one:
        catalogued = _seconds(lambda: one.add_records(papers))
        embedded = _seconds(one.index)
        second: list[Library] = []
        opening = _seconds(
            lambda: second.append(Library(folder / f"other-{size}", embedder, server=server, database=place))
        )
        with closing(second[0]) as other:
            lag = _lags(one, other)
            chosen = [paper.title for paper in _RANDOM.sample(papers, _QUESTIONS)]
            took = percentiles(search_milliseconds(other, chosen, SHOWN))
    with psycopg.connect(place.url) as connection:
        (on_disk,) = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
    return {
        "abstracts": f"{size:,}",
        "added, and found by words (s)": round(catalogued, 1),
        "indexed by meaning, without embedding (s)": round(embedded, 1),
        "a new home follows all of it (s)": round(opening, 1),
        "found in the other home after (s, median)": round(statistics.median(lag), 2),
        "search, p50 / p95 (ms)": f"{took['p50_ms']:.0f} / {took['p95_ms']:.0f}",
        "PostgreSQL on disk (MB)": round(on_disk / 1e6),
        "index of words of a home, on disk (MB)": round(_size(folder / f"one-{size}") / 1e6),
        "memory of the Chroma server, more than empty (MB)": round((_resident(chroma) - before) / 1e6),
        "memory of this process (MB)": round(_status("self") / 1e6),
    }


def _lags(one: Library, other: Library) -> list[float]:
    """How long until the other home finds what one adds, in seconds."""
    behind = Background(other)
    behind.wake()
    found = []
    for number in range(_ADDED):
        time.sleep(_RANDOM.random())
        began = time.perf_counter()
        one.add_records([Paper(f"Qwxz{number}", "It is new.")])
        while not other.lexicon.search(f"qwxz{number}", 1):
            time.sleep(0.01)
        found.append(time.perf_counter() - began)
    behind.stop()
    return found


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _status(process: int | str) -> int:
    """The resident memory of a process, in bytes."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"the process {process} has no memory")


def _resident(chroma: RunningChroma) -> int:
    return _status(chroma._process.pid)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Prints a table for each size."""
    sizes = [int(size) for size in sys.argv[1:]] or [*_SIZES]
    with postgres.running() as database, tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            with running(Path(folder) / f"chroma-{size}") as chroma:
                for name, value in measured(size, database, chroma, Path(folder)).items():
                    print(f"| {name} | {value} |", flush=True)


if __name__ == "__main__":
    main()
