"""The language model over real HTTP: every fault becomes words and a kind of error, and a check tells what it saw."""

import asyncio
import time
from typing import Any

import pytest

from assistant import Connection, Settings, check
from assistant.errors import (
    AnswerBlocked,
    ContextTooSmall,
    EmptyAnswer,
    LLMError,
    RateLimited,
    ServerFailed,
    ServerUnreachable,
    UnknownModel,
    WrongKey,
)
from assistant.llm import Call, LanguageModel
from assistant.testing import Reply, ScriptedServer
from assistant.usage import Usage
from index_store import is_anybody_in_front

from .calling import HELLO, KEY, ONE_TOKEN_THEN_NOTHING, Connect, hear, hung_up, unused_address

AT_ONCE = {"retry-after-ms": "1"}  # the client waits half a second before a retry unless it is told how long


# -- answers ----------------------------------------------------------------------------------------------------------


async def test_the_answer_comes_in_pieces_and_the_server_counts_its_tokens(
    server: ScriptedServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(LanguageModel, "count_tokens")  # it takes milliseconds, in which nobody is served
    monkeypatch.setattr("openai._base_client.asyncify", None)  # what asks a thread for the name of the system
    server.enqueue("Hello to all of you.")
    call = Call()
    pieces = await hear(connect(temperature=0.3, max_tokens=77), call)
    assert len(pieces) == 5
    assert "".join(pieces) == "Hello to all of you."
    assert call.usage == Usage(1, prompt_tokens=5, completion_tokens=5, estimated=False)
    assert (call.finish, call.written) == ("stop", 5)
    assert call.first_token is not None and call.first_token > 0
    (asked,) = server.chats
    assert asked.messages == [{"role": "user", "content": "Say hello to everyone here."}]
    sent = {name: asked.body[name] for name in ("model", "temperature", "max_tokens", "stream", "stream_options")}
    assert sent == {
        "model": "scripted",
        "temperature": 0.3,
        "max_tokens": 77,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert not asked.hung_up.is_set()


async def test_without_a_report_of_usage_tokens_are_estimated_and_nothing_is_asked_for(
    server: ScriptedServer, connect: Connect
) -> None:
    server.enqueue("Hello to all of you.")
    call = Call()
    await hear(connect(report_usage=False), call)
    assert "stream_options" not in server.chats[0].body
    expected = LanguageModel(connect()).count_tokens("Say hello to everyone here.")
    assert call.usage == Usage(1, expected, 5, estimated=True)


async def test_other_answers_give_way_until_the_first_word(
    server: ScriptedServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.streams._MODEL_COUNTS_SECONDS", 3600.0)
    seen: list[bool] = []

    def answer(_: Any) -> Reply:
        seen.append(is_anybody_in_front())
        return Reply("Hello to all")

    server.answer = answer
    async for _ in LanguageModel(connect()).stream(HELLO, Call()):
        seen.append(is_anybody_in_front())
    assert seen == [True, False, False, False]
    server.answer = lambda _: Reply(status=500, headers=AT_ONCE)
    with pytest.raises(ServerFailed):
        await hear(connect())
    assert not is_anybody_in_front()


async def test_what_was_spent_is_known_after_a_failure_too(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue(Reply("Hello to all", fault="cut", fault_after=2))
    call = Call()
    with pytest.raises(ServerUnreachable):
        await hear(connect(), call)
    assert call.usage.prompt_tokens > 0
    assert (call.usage.calls, call.usage.completion_tokens, call.usage.estimated) == (1, 2, True)


async def test_the_longest_answer_of_a_single_call_can_be_set(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue("Yes.")
    assert await LanguageModel(connect()).complete(HELLO, Call(), max_tokens=9) == "Yes."
    assert server.chats[0].body["max_tokens"] == 9


@pytest.mark.parametrize("finish", ["stop", "length"])
async def test_the_reason_for_the_end_is_kept(server: ScriptedServer, connect: Connect, finish: str) -> None:
    server.enqueue(Reply("Hello", finish=finish))
    call = Call()
    await hear(connect(), call)
    assert call.finish == finish


async def test_an_endless_answer_is_cut_and_the_server_is_left(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue(Reply("on and", endless=True))
    call = Call()
    pieces = await hear(connect(max_tokens=20), call)
    assert len(pieces) == 41
    assert call.finish == "length"
    assert await hung_up(server.chats[0])


def test_one_connection_serves_one_event_loop_after_another(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue("First.", "Second.")
    model = LanguageModel(connect())
    assert asyncio.run(model.complete(HELLO, Call(), max_tokens=50)) == "First."
    assert asyncio.run(model.complete(HELLO, Call(), max_tokens=50)) == "Second."


async def test_calls_at_the_same_time_do_not_wait_for_each_other(server: ScriptedServer, connect: Connect) -> None:
    server.fallback = Reply("one two three", first_delay=0.3)
    model, started = LanguageModel(connect()), time.monotonic()
    answers = await asyncio.gather(*(model.complete(HELLO, Call(), max_tokens=50) for _ in range(6)))
    assert answers == ["one two three"] * 6
    assert time.monotonic() - started < 1.5


# -- faults -----------------------------------------------------------------------------------------------------------

FAULTS = {
    "wrong key": (Reply(status=401, error="no"), WrongKey, "Check OPENAI_API_KEY", 0),
    "forbidden": (Reply(status=403, error="no"), WrongKey, "Check OPENAI_API_KEY", 0),
    "unknown model": (Reply(status=404, error="no"), UnknownModel, "Check RESEARCH_ASSISTANT_LLM_MODEL", 0),
    "too many questions": (
        Reply(status=429, error="slow down", headers={"Retry-After": "7"}),
        RateLimited,
        "Try again in 7 seconds",
        0,
    ),
    "too many questions, no time named": (Reply(status=429, error="no"), RateLimited, "Try again in a minute", 0),
    "server error": (Reply(status=500, error="oops"), ServerFailed, "failed with error 500. Try again", 0),
    "overloaded": (Reply(status=503, error="busy"), ServerFailed, "failed with error 503. Try again", 0),
    "refused request": (Reply(status=422, error="no such field"), ServerFailed, "error 422", 0),
    "context by code": (
        Reply(status=400, error="too long", code="context_length_exceeded"),
        ContextTooSmall,
        "Lower RESEARCH_ASSISTANT_LLM_CONTEXT_WINDOW",
        0,
    ),
    "context by words": (
        Reply(status=400, error="the request exceeds the available context size"),
        ContextTooSmall,
        "Lower RESEARCH_ASSISTANT_LLM_CONTEXT_WINDOW",
        0,
    ),
    "question filtered": (
        Reply(status=400, error="filtered", code="content_filter"),
        AnswerBlocked,
        "Put it in other words",
        0,
    ),
    "answer filtered": (Reply("Half an", finish="content_filter"), AnswerBlocked, "Put the question in", 2),
    "nothing written": (Reply(""), EmptyAnswer, "OPENAI_BASE_URL", 0),
    "time-out before the first token": (
        Reply("x", fault="hang"),
        ServerUnreachable,
        "RESEARCH_ASSISTANT_LLM_TIMEOUT",
        0,
    ),
    "time-out between tokens": (ONE_TOKEN_THEN_NOTHING, ServerUnreachable, "RESEARCH_ASSISTANT_LLM_TIMEOUT", 1),
    "too slow": (Reply("Hello", first_delay=9), ServerUnreachable, "did not answer within 0.3 seconds", 0),
    "cut at once": (Reply("Hello you", fault="cut"), ServerUnreachable, "cut the connection", 0),
    "cut in the middle": (Reply("Hello you", fault="cut", fault_after=1), ServerUnreachable, "Try again", 1),
    "not JSON": (Reply("Hello you", fault="malformed", fault_after=1), ServerFailed, "cannot be read", 1),
}


@pytest.mark.parametrize(("reply", "kind", "says", "written"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_is_named_with_what_to_do_and_what_was_written_is_kept(
    server: ScriptedServer, connect: Connect, reply: Reply, kind: type[LLMError], says: str, written: int
) -> None:
    server.enqueue(reply)
    heard: list[str] = []
    with pytest.raises(LLMError) as caught:
        async for piece in LanguageModel(connect(timeout=0.3, key=KEY)).stream(HELLO, Call()):
            heard.append(piece)
    assert type(caught.value) is kind
    assert says in str(caught.value)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(heard) == written
    assert len(server.chats) == 1


@pytest.mark.parametrize("kind", [ServerUnreachable, ServerFailed, RateLimited, EmptyAnswer])
def test_what_may_pass_can_be_tried_again(kind: type[LLMError]) -> None:
    assert kind.retryable


@pytest.mark.parametrize("kind", [WrongKey, UnknownModel, ContextTooSmall, AnswerBlocked])
def test_what_will_not_pass_by_itself_is_not_offered_again(kind: type[LLMError]) -> None:
    assert not kind.retryable


async def test_a_server_that_is_not_there_is_named_with_its_setting(connect: Connect) -> None:
    address = unused_address()
    with pytest.raises(ServerUnreachable, match=f"No server answers at {address}.*OPENAI_BASE_URL"):
        await hear(connect(base_url=address))


@pytest.mark.parametrize(
    "reply", [reply for reply, kind, *_ in FAULTS.values() if kind is not ContextTooSmall and not reply.first_delay]
)
async def test_no_message_shows_a_password_or_a_key_in_the_address(
    server: ScriptedServer, connect: Connect, reply: Reply
) -> None:
    server.enqueue(reply)
    with pytest.raises(LLMError) as caught:
        await hear(connect(timeout=0.3, base_url=server.base_url.replace("://", "://lab:marked%2Fpw@")))
    assert "marked" not in str(caught.value) and "lab" not in str(caught.value)


async def test_a_server_that_is_not_there_is_named_without_what_is_secret_in_its_address(connect: Connect) -> None:
    address = unused_address()
    with pytest.raises(ServerUnreachable, match=f"No server answers at {address}. Start it") as caught:
        await hear(connect(base_url=address.replace("://", "://lab:marked@") + "?api-key=marked"))
    assert "marked" not in str(caught.value)


async def test_a_server_that_repeats_the_password_in_its_address_is_not_quoted_with_it(
    server: ScriptedServer, connect: Connect
) -> None:
    server.enqueue(Reply(status=422, error="lab with marked/pw or marked%2Fpw may not"))
    with pytest.raises(ServerFailed, match="lab with … or … may not"):
        await hear(connect(base_url=server.base_url.replace("://", "://lab:marked%2Fpw@")))


async def test_a_model_that_the_server_does_not_have_is_named(connect: Connect) -> None:
    with pytest.raises(UnknownModel, match="'no-such-model'"):
        await hear(connect(model="no-such-model"))


@pytest.mark.parametrize("status", [429, 500])
async def test_a_call_that_failed_before_its_first_word_is_repeated(
    server: ScriptedServer, connect: Connect, status: int
) -> None:
    server.enqueue(Reply(status=status, error="not now", headers=AT_ONCE), "Now.")
    assert await hear(connect(retries=1)) == ["Now."]
    assert len(server.chats) == 2


async def test_retries_come_to_an_end(server: ScriptedServer, connect: Connect) -> None:
    server.fallback = Reply(status=500, error="never", headers=AT_ONCE)
    with pytest.raises(ServerFailed):
        await hear(connect(retries=2))
    assert len(server.chats) == 3


async def test_a_wrong_key_and_a_broken_stream_are_not_repeated(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue(Reply(status=401, error="no", headers=AT_ONCE), Reply("Hello you", fault="cut", fault_after=1))
    for kind in (WrongKey, ServerUnreachable):
        with pytest.raises(kind):
            await hear(connect(retries=2))
    assert len(server.chats) == 2


def test_a_context_without_room_for_papers_is_refused_before_anything_is_sent(connect: Connect) -> None:
    with pytest.raises(ContextTooSmall, match=r"RESEARCH_ASSISTANT_LLM_CONTEXT_WINDOW.*RESEARCH_ASSISTANT_LLM_MAX_"):
        LanguageModel(connect(context_window=1500, max_tokens=1000))


# -- connections ------------------------------------------------------------------------------------------------------


def test_no_name_of_a_model_is_no_connection() -> None:
    assert Connection.of(Settings(OPENAI_API_KEY=KEY)) is None


def test_settings_become_a_connection_that_hides_its_key() -> None:
    settings = Settings(
        llm_model="m", OPENAI_API_KEY=KEY, OPENAI_BASE_URL="http://me:hidden@127.0.0.1:1/v1", llm_temperature=0.5,
        llm_context_window=4000, llm_max_tokens=500, llm_timeout=3, llm_retries=0, llm_report_usage=False,
    )  # fmt: skip
    connection = Connection.of(settings)
    assert connection == Connection("m", "http://me:hidden@127.0.0.1:1/v1", KEY, 0.5, 4000, 500, 3, 0, False)
    for shown in (connection, settings, LanguageModel(connection)):
        assert KEY not in repr(shown) + str(shown) and "hidden" not in repr(shown) + str(shown)


# -- the check --------------------------------------------------------------------------------------------------------


async def test_a_check_tells_what_it_saw(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue("Ready to go.")
    seen = await check(connect())
    assert seen.pop("first_token_seconds") >= 0
    assert seen == {"model": "scripted", "answer": "Ready to go.", "streams": True, "reports_usage": True}


async def test_a_check_sees_a_server_that_neither_streams_nor_counts(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue("AllInOnePieceAtTheEnd")
    seen = await check(connect(report_usage=False))
    assert (seen["streams"], seen["reports_usage"]) == (False, False)


@pytest.mark.parametrize(
    ("known", "kind"),
    [
        ({"key": "wrong"}, WrongKey),
        ({"key": KEY, "model": "other"}, UnknownModel),
        ({"key": KEY, "context_window": 1200}, ContextTooSmall),
        ({"base_url": "unused"}, ServerUnreachable),
    ],
)
async def test_a_check_says_what_is_wrong(known: dict[str, Any], kind: type[LLMError]) -> None:
    with ScriptedServer(key=KEY) as server:
        address = unused_address() if known.get("base_url") == "unused" else server.base_url
        connection = Connection(**{"model": "scripted", "retries": 0, **known, "base_url": address})
        with pytest.raises(kind):
            await check(connection)
