"""What the benchmarks measure: ingest, search and ranking quality of the product's own code."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from llama_index.core.base.llms.types import ChatMessage

from assistant import Assistant, Connection, load_settings
from assistant.beir import read_dataset
from assistant.llm import Call, LanguageModel
from assistant.retrieval_evaluation import (
    MEASURES,
    RANKINGS,
    SHOWN,
    TimedEmbedder,
    evaluate,
    peak_memory_mb,
    percentiles,
    search_milliseconds,
)
from assistant.testing import Reply, ScriptedServer
from index_store import Library, open_embedder


def sample() -> dict[str, Any]:
    """Ingest and search of the sample collection."""
    with tempfile.TemporaryDirectory() as home, _library(Path(home)) as library:
        library.add_sample()
        rows = _ingest(library)
        titles = [paper.title for paper in library.catalogue.page()]
        return rows | _search_rows(percentiles(search_milliseconds(library, titles, SHOWN))) | _memory()


def beir(folder: Path) -> dict[str, Any]:
    """Ingest, search and quality on a BEIR-shaped folder; the rankings stand beside each other in `RANKINGS`' order."""
    found = evaluate(read_dataset(folder), open_embedder("minilm"))
    ingest, searched = found["ingest"], found["search"]
    beside = " / ".join(ranking.value for ranking in RANKINGS)
    return {
        "abstracts; questions": f"{ingest['abstracts']:,}; {found['queries']:,}",
        **{
            f"{name}: {beside}": " / ".join(f"{found[ranking.value][name]:.3f}" for ranking in RANKINGS)
            for name in MEASURES
        },
        "ingest (abstracts/s)": ingest["abstracts_per_second"],
        "of it embedding (share)": ingest["embedding_share"],
        **_search_rows(searched),
        **_memory(),
    }


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
    return Library(home, TimedEmbedder.of(open_embedder("minilm")))


def _ingest(library: Library) -> dict[str, Any]:
    embedder = library.embedder
    assert isinstance(embedder, TimedEmbedder)
    embedder.seconds.clear()
    started = time.perf_counter()
    count = library.index()
    took = time.perf_counter() - started
    return {"ingest (abstracts/s)": count / took, "of it embedding (share)": sum(embedder.seconds) / took}


def _search_rows(found: Mapping[str, Any]) -> dict[str, Any]:
    return {f"search {name} (ms)": found[f"{name}_ms"] for name in ("p50", "p95", "p99")}


def _memory() -> dict[str, Any]:
    return {"peak memory (MB)": peak_memory_mb()}
