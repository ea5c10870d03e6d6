"""What the benchmarks measure: ingest, search and ranking quality of the product's own code."""

import asyncio
import gzip
import json
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from ir_measures import R, nDCG
from llama_index.core.base.llms.types import ChatMessage

from assistant import Assistant, Connection, load_settings
from assistant.llm import Call, LanguageModel
from assistant.testing import Reply, ScriptedServer
from index_store import Embedder, Library, Paper, Ranking, open_embedder, search

MEASURES = (nDCG @ 10, R @ 100)
DEPTH = 100


@dataclass(frozen=True)
class TimedEmbedder(Embedder):
    """An embedder that adds up the seconds it takes."""

    seconds: list[float] = field(default_factory=list)

    def embed(self, texts: Sequence[str]) -> Any:
        started = time.perf_counter()
        rows = super().embed(texts)
        self.seconds.append(time.perf_counter() - started)
        return rows


def sample() -> dict[str, Any]:
    """Ingest and search of the sample collection."""
    with tempfile.TemporaryDirectory() as home, _library(Path(home)) as library:
        library.add_sample()
        rows = _ingest(library)
        titles = [paper.title for paper in library.catalogue.page()]
        return rows | _search_times(library, titles) | _memory()


def beir(folder: Path) -> dict[str, Any]:
    """Ingest, search and quality on a BEIR-shaped folder (corpus, queries and `qrels_test.tsv`)."""
    with tempfile.TemporaryDirectory() as home, _library(Path(home)) as library:
        ids = _add_corpus(library, folder)
        rows = _ingest(library)
        qrels = [
            ir_measures.Qrel(query, ids[document], int(score))
            for query, document, score in _table(folder / "qrels_test.tsv")
        ]
        asked = {qrel.query_id for qrel in qrels}
        queries = {row["id"]: row["text"] for row in _jsonl(folder, "queries") if row["id"] in asked}
        rows |= _search_times(library, list(queries.values()))
        for ranking in Ranking:
            run = [
                ir_measures.ScoredDoc(query, hit.paper.id, hit.score)
                for query, text in queries.items()
                for hit in search(library, text, DEPTH, ranking=ranking).hits
            ]
            found = ir_measures.calc_aggregate(MEASURES, qrels, run)
            rows |= {f"{ranking} {measure}": float(found[measure]) for measure in MEASURES}
        return rows | _memory()


def written() -> dict[str, Any]:
    """What the product adds to an endpoint: seconds to the first token, and tokens per second through the checker.

    The endpoint waits 0.2 s before its first token; the bare figure is the same request through LanguageModel alone.
    """
    reply = Reply("MiniCache merges the caches of neighbouring layers [P1.3]. " * 40, first_delay=0.2)
    with tempfile.TemporaryDirectory() as home, _library(Path(home)) as library, ScriptedServer() as server:
        library.add_sample()
        library.index()
        server.fallback = reply
        assistant = Assistant(library, load_settings(home=Path(home)))
        assistant.warm_up()
        connection = Connection("scripted", server.base_url)
        asyncio.run(_first_token(assistant, connection))
        rows: dict[str, Any] = {}
        for turns in (1, 16):
            bare = asyncio.run(_at_once(turns, lambda: _bare_first_token(connection)))
            ours = asyncio.run(_at_once(turns, lambda: _first_token(assistant, connection)))
            rows[f"first token, bare endpoint, {turns} at once (s)"] = float(np.median([first for first, _ in bare]))
            rows[f"first token, product, {turns} at once (s)"] = float(np.median([first for first, _ in ours]))
        rows["tokens/s, bare endpoint"] = len(reply.tokens) / asyncio.run(_bare_first_token(connection))[1]
        rows["tokens/s, parsed and checked"] = len(reply.tokens) / asyncio.run(_first_token(assistant, connection))[1]
        return rows


async def _at_once(turns: int, one: Callable[[], Awaitable[tuple[float, float]]]) -> list[tuple[float, float]]:
    return list(await asyncio.gather(*(one() for _ in range(turns))))


async def _bare_first_token(connection: Connection) -> tuple[float, float]:
    """Seconds to the first token, and from it to the last."""
    started, call = time.perf_counter(), Call()
    async for _ in LanguageModel(connection).stream([ChatMessage(role="user", content="hello")], call):
        pass
    total = time.perf_counter() - started
    return call.first_token or total, total - (call.first_token or 0.0)


async def _first_token(assistant: Assistant, connection: Connection) -> tuple[float, float]:
    turn = await assistant.answer("How does MiniCache compress the KV cache?", connection=connection)
    return turn.timings["first_token"], turn.timings["total"] - turn.timings["first_token"]


def _library(home: Path) -> Library:
    model = open_embedder("minilm")
    return Library(home, TimedEmbedder(model.model, model.word_weight))


def _add_corpus(library: Library, folder: Path) -> dict[str, str]:
    """Adds a corpus; returns the id in the library for each of its own ids."""
    documents = list(_jsonl(folder, "corpus"))
    papers = [Paper(title=row["title"] or row["text"][:80], abstract=row["text"]) for row in documents]
    stored = library.catalogue.put(papers)
    return {row["id"]: paper.id for row, (_, paper) in zip(documents, stored, strict=True)}


def _ingest(library: Library) -> dict[str, Any]:
    embedder = library.embedder
    assert isinstance(embedder, TimedEmbedder)
    embedder.seconds.clear()
    started = time.perf_counter()
    count = library.index()
    took = time.perf_counter() - started
    return {"ingest (abstracts/s)": count / took, "of it embedding (share)": sum(embedder.seconds) / took}


def _search_times(library: Library, questions: Sequence[str]) -> dict[str, Any]:
    """Seconds per search, embedding of the question included, as the page asks."""
    took = []
    for question in questions:
        started = time.perf_counter()
        search(library, question, 8)
        took.append((time.perf_counter() - started) * 1000)
    p50, p95 = np.percentile(took, [50, 95])
    return {"search p50 (ms)": float(p50), "search p95 (ms)": float(p95)}


def _memory() -> dict[str, Any]:
    return {"peak memory (MB)": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _jsonl(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    plain, packed = folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz"
    with plain.open() if plain.exists() else gzip.open(packed, "rt") as file:
        for line in file:
            yield json.loads(line)


def _table(path: Path) -> Iterator[list[str]]:
    with path.open() as file:
        next(file)
        for line in file:
            yield line.split()
