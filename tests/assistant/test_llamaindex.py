"""The assistant behind LlamaIndex's own interfaces."""

import asyncio
from collections.abc import Iterator

import pytest
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine.types import BaseChatEngine

from assistant import Assistant, AssistantError, Ranking, load_settings
from assistant.testing import Reply, ScriptedServer
from index_store import Library

QUESTION = "How does MiniCache compress the KV cache?"
SLOW = Reply("one two three four five six seven eight nine ten", delay=0.2)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def written(sample_library: Library, server: ScriptedServer) -> Assistant:
    settings = load_settings(
        home=sample_library.home, llm_model="scripted", llm_retries=0, OPENAI_BASE_URL=server.base_url
    )
    return Assistant(sample_library, settings)


@pytest.fixture
def quoting(sample_library: Library) -> Assistant:
    return Assistant(sample_library, load_settings(home=sample_library.home))


def test_the_retriever_gives_passages_with_true_cosines(quoting: Assistant, sample_library: Library) -> None:
    retriever = quoting.as_retriever(k=3, ranking=Ranking.MEANING)
    assert isinstance(retriever, BaseRetriever)
    found = retriever.retrieve(QUESTION)
    assert len(found) == 3
    question = sample_library.embedder.embed([QUESTION])[0]
    for item in found:
        paper = sample_library.catalogue.paper(item.node.metadata["paper_id"])
        assert item.text == paper.abstract[item.node.metadata["start"] : item.node.metadata["end"]]
        (passage,) = sample_library.embedder.embed([f"{paper.display_title}\n{item.text}"])
        assert item.score == pytest.approx(float(passage @ question), abs=0.02)


def test_fused_scores_fall(quoting: Assistant) -> None:
    scores = [item.score for item in quoting.as_retriever(k=5).retrieve(QUESTION)]
    assert scores == sorted(scores, key=lambda score: -(score or 0))


def test_a_chat_keeps_its_history_and_its_sources(quoting: Assistant) -> None:
    engine = quoting.as_chat_engine()
    assert isinstance(engine, BaseChatEngine)
    first = engine.chat(QUESTION)
    assert "[1]" in first.response
    assert first.source_nodes[0].node.metadata["title"].startswith("MiniCache")
    second = engine.chat("And how fast is it?")
    assert "MiniCache" in second.response
    assert [message.content for message in engine.chat_history][::2] == [QUESTION, "And how fast is it?"]
    engine.reset()
    assert engine.chat_history == []


def test_a_given_history_stands_in_for_the_engine_s_own(quoting: Assistant) -> None:
    engine = quoting.as_chat_engine()
    past = [ChatMessage(role="user", content=QUESTION), ChatMessage(role="assistant", content="Across layers [1].")]
    answer = engine.chat("And how fast is it?", past)
    assert "MiniCache" in answer.response
    assert "[1]" not in answer.response  # a number of the given history is not given to another paper


async def test_the_async_twins_say_the_same(quoting: Assistant) -> None:
    whole = await quoting.as_chat_engine().achat(QUESTION)
    streamed = await quoting.as_chat_engine().astream_chat(QUESTION)
    assert "".join([piece async for piece in streamed.async_response_gen()]) == whole.response == streamed.response
    assert [node.node_id for node in streamed.source_nodes] == [node.node_id for node in whole.source_nodes]


async def test_chat_works_inside_a_running_loop(quoting: Assistant) -> None:
    assert "[1]" in quoting.as_chat_engine().chat(QUESTION).response


def test_a_closed_stream_stops_the_model_and_keeps_what_was_written(written: Assistant, server: ScriptedServer) -> None:
    server.enqueue(SLOW)
    engine = written.as_chat_engine()
    pieces = engine.stream_chat(QUESTION).response_gen
    assert next(pieces) == "one"
    pieces.close()
    assert server.chats[-1].hung_up.wait(1)
    assert "one" in str(engine.chat_history[-1].content)
    assert "ten" not in str(engine.chat_history[-1].content)


async def test_a_closed_async_stream_stops_the_model(written: Assistant, server: ScriptedServer) -> None:
    server.enqueue(SLOW)
    engine = written.as_chat_engine()
    pieces = (await engine.astream_chat(QUESTION)).async_response_gen()
    assert await anext(pieces) == "one"
    await pieces.aclose()
    assert await asyncio.to_thread(server.chats[-1].hung_up.wait, 1)
    assert "one" in str(engine.chat_history[-1].content)


def test_a_failed_turn_raises_in_words(written: Assistant, server: ScriptedServer) -> None:
    server.enqueue(Reply(status=401, error="no"))
    with pytest.raises(AssistantError, match="OPENAI_API_KEY"):
        written.as_chat_engine().chat(QUESTION)
    server.enqueue(Reply(status=401, error="no"))
    with pytest.raises(AssistantError, match="OPENAI_API_KEY"):
        list(written.as_chat_engine().stream_chat(QUESTION).response_gen)
