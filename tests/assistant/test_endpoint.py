"""What is sent to an endpoint, and what is read of the streams that servers send."""

import json
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage

from assistant import Connection
from assistant.endpoint import Chunk, Endpoint
from assistant.endpoint_failures import FAILURES, explain
from assistant.errors import ServerFailed
from assistant.llm import Call, LanguageModel
from assistant.testing import ScriptedServer

from .calling import HELLO, KEY, Connect, hear


async def test_the_key_is_sent_as_it_is_and_none_is_needed(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue("Hello", "Hello")
    await hear(connect(key=KEY))
    await hear(connect())
    sent = [asked.headers["Authorization"] for asked in server.chats]
    assert sent == [f"Bearer {KEY}", "Bearer none"]


async def test_a_question_is_sent_as_the_model_needs_it(server: ScriptedServer, connect: Connect) -> None:
    asked = [ChatMessage(role="system", content="Be brief."), *HELLO]
    connection = connect(temperature=0.4, max_tokens=300)
    for model in ("llama3.1:8b", "o3-mini"):
        server.model = model
        server.enqueue("Hello")
        stream = LanguageModel(replace(connection, model=model)).stream(asked, Call())
        assert [piece async for piece in stream] == ["Hello"]
    usual, reasoning = (one.body for one in server.chats)
    assert usual == {
        "model": "llama3.1:8b",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": HELLO[0].content}],
        "temperature": 0.4,
        "max_tokens": 300,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert reasoning["messages"][0] == {"role": "developer", "content": "Be brief."}
    assert reasoning["max_completion_tokens"] == 300 and "max_tokens" not in reasoning
    assert reasoning["temperature"] == 1.0


async def chunks(*events: Any) -> list[Chunk]:
    """What is read of a stream of these events."""
    said = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    answer = httpx.Response(200, headers={"Content-Type": "text/event-stream"}, text=said)
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as client:
        return [chunk async for chunk in Endpoint.of(Connection("m"), client).chunks(HELLO)]


async def test_what_servers_leave_out_and_add_does_no_harm() -> None:
    """As llama.cpp, vLLM, Ollama, Mistral and Azure do: pieces without words, thoughts, filters, counts of nothing."""
    read = await chunks(
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {"choices": [{"delta": {"role": "assistant", "content": None}}]},
        {"choices": [{"delta": {"reasoning_content": "Well"}, "finish_reason": None}]},
        {"choices": [{"delta": {"content": [{"type": "thinking", "thinking": []}]}}]},
        {"choices": [{"delta": {"content": [{"type": "text", "text": "Hel"}]}}]},
        {"choices": [{"delta": {"content": "lo"}, "finish_reason": "", "logprobs": None}], "usage": None},
        {"choices": [{"finish_reason": "length"}], "timings": {"predicted_n": 1}, "usage": "none"},
        {"choices": None, "usage": {"prompt_tokens": 7, "completion_tokens": None, "total_tokens": 7}},
        {"usage": {"prompt_tokens": 7.0, "completion_tokens": 1}},
        {"type": "ping"},
        {},
    )
    assert "".join(chunk.text for chunk in read) == "Hello"
    assert [chunk.finish for chunk in read if chunk.finish] == ["length"]
    assert [chunk.counts for chunk in read if chunk.counts] == [(7, 1)]


@pytest.mark.parametrize("event", [{"choices": [{"delta": {"content": 5}}]}, {"choices": "Hello"}, 5, "Hello"])
async def test_what_is_no_piece_of_a_stream_is_a_failure_that_has_words(event: Any) -> None:
    with pytest.raises(FAILURES):
        await chunks(event)


@pytest.mark.parametrize(
    "problem",
    [
        {"error": {"message": "out of memory"}},
        {"object": "error", "message": "out of memory", "code": 500},
        {"text": "out of memory", "error_code": 50001},
        {"detail": "out of memory"},
    ],
)
async def test_an_error_in_the_middle_of_a_stream_is_told(problem: dict[str, Any]) -> None:
    with pytest.raises(FAILURES) as failed:
        await chunks({"choices": [{"delta": {"content": "Hello"}}]}, problem)
    said = explain(cast(Exception, failed.value), Connection("m"))
    assert isinstance(said, ServerFailed) and "broke off with an error: out of memory" in str(said)


async def test_the_key_of_an_administrator_is_never_sent(
    server: ScriptedServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-that-nobody-may-see")
    server.enqueue("Hello")
    await hear(connect(key=KEY))
    assert "sk-admin" not in str(server.chats[0].headers)
    assert server.chats[0].headers["Authorization"] == f"Bearer {KEY}"
