"""Streams that are stopped, over real HTTP, and answers that are read beside each other."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from threading import Event
from typing import Any

import pytest

from assistant.errors import ServerUnreachable
from assistant.llm import Call, LanguageModel
from assistant.streams import ahead, in_steps, model_ahead, until_stopped
from assistant.testing import Reply, ScriptedServer
from assistant.usage import Usage

from .calling import HELLO, ONE_TOKEN_THEN_NOTHING, Connect, hung_up
from .turns import stop_once

# -- stopping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply", [Reply("Hello you", delay=60), ONE_TOKEN_THEN_NOTHING, Reply("on and", endless=True, delay=0.01)]
)
async def test_a_stop_closes_the_stream_even_while_a_token_is_waited_for(
    server: ScriptedServer, connect: Connect, reply: Reply
) -> None:
    server.enqueue(reply)
    stop, heard = asyncio.Event(), []
    async for piece in until_stopped(LanguageModel(connect(timeout=60.0)).stream(HELLO, Call()), stop):
        heard.append(piece)
        asyncio.get_running_loop().call_later(0.05, stop.set)
    assert heard[0] in ("Hello", "on")
    assert await hung_up(server.chats[0])


async def test_a_stop_before_the_first_token_closes_the_stream(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue(Reply("late", first_delay=60))
    stop = asyncio.Event()
    stop_once(stop, lambda: len(server.chats) == 1)
    assert [piece async for piece in until_stopped(LanguageModel(connect()).stream(HELLO, Call()), stop)] == []
    assert await hung_up(server.chats[0])


async def test_after_a_stop_nothing_more_is_read_though_it_is_there() -> None:
    closed = asyncio.Event()

    async def at_hand() -> Any:
        try:
            for number in range(100):
                yield str(number)
        finally:
            closed.set()

    stop, heard = asyncio.Event(), []
    async for piece in until_stopped(at_hand(), stop):
        heard.append(piece)
        stop.set()
    assert heard == ["0"]
    assert closed.is_set()


async def test_a_call_that_is_stopped_before_it_begins_is_not_made(server: ScriptedServer, connect: Connect) -> None:
    stop, call = asyncio.Event(), Call()
    stop.set()
    assert [piece async for piece in until_stopped(LanguageModel(connect()).stream(HELLO, call), stop)] == []
    assert (server.requests, call.usage) == ([], Usage())


async def test_a_reader_who_leaves_closes_the_stream(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue(ONE_TOKEN_THEN_NOTHING)
    async with aclosing(until_stopped(LanguageModel(connect()).stream(HELLO, Call()), asyncio.Event())) as pieces:
        assert await anext(pieces) == "Hello"
    assert await hung_up(server.chats[0])


async def test_a_task_that_is_cancelled_while_it_waits_closes_the_stream(
    server: ScriptedServer, connect: Connect
) -> None:
    server.enqueue(ONE_TOKEN_THEN_NOTHING)
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in until_stopped(LanguageModel(connect(timeout=60.0)).stream(HELLO, Call()), asyncio.Event()):
            begun.set()

    reading = asyncio.create_task(read())
    await begun.wait()
    await asyncio.sleep(0)  # until it waits for the token that does not come
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert await hung_up(server.chats[0])


async def test_without_a_stop_everything_passes_and_errors_do_too(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue("Hello you", Reply("Hello you", fault="cut", fault_after=1))
    model = LanguageModel(connect())
    assert [piece async for piece in until_stopped(model.stream(HELLO, Call()), asyncio.Event())] == ["Hello", " you"]
    with pytest.raises(ServerUnreachable):
        [piece async for piece in until_stopped(model.stream(HELLO, Call()), asyncio.Event())]


# -- many answers at once ---------------------------------------------------------------------------------------------


class Source:
    """Pieces of an answer, which is told when it is closed."""

    closed = False

    async def pieces(self) -> AsyncGenerator[str, None]:
        try:
            for number in range(5):
                await asyncio.sleep(0)
                yield str(number)
        finally:
            self.closed = True


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long every rest was to be; each piece counts as one that had to be waited for."""
    asked: list[float] = []
    sleep = asyncio.sleep

    async def rest(seconds: float) -> None:
        if seconds:
            asked.append(seconds)
        await sleep(0)

    monkeypatch.setattr("assistant.streams._AT_HAND_SECONDS", 0.0)
    monkeypatch.setattr("assistant.streams.asyncio.sleep", rest)
    return asked


async def read_in_steps() -> list[str]:
    source = Source()
    heard = [piece async for piece in in_steps(source.pieces())]
    assert source.closed
    return heard


async def test_an_answer_that_is_alone_never_rests(rests: list[float]) -> None:
    assert await read_in_steps() == ["0", "1", "2", "3", "4"]
    assert rests == []


async def test_answers_rest_the_longer_the_more_there_are_and_are_read_whole(rests: list[float]) -> None:
    longest = []
    for count in (2, 4, 50):
        rests.clear()
        for heard in await asyncio.gather(*(read_in_steps() for _ in range(count))):
            assert heard == ["0", "1", "2", "3", "4"]
        longest.append(max(rests))
    assert longest == [0.04, 0.12, 0.16]


async def test_what_is_at_hand_is_read_without_a_rest(rests: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.streams._AT_HAND_SECONDS", 3600.0)
    await asyncio.gather(read_in_steps(), read_in_steps())
    assert rests == []


async def test_who_leaves_an_answer_counts_no_longer_among_the_others(rests: list[float]) -> None:
    left = Source()
    async with aclosing(in_steps(left.pieces())) as pieces:
        assert await anext(pieces) == "0"
    assert left.closed
    await read_in_steps()
    assert rests == []


@pytest.fixture
def no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Way is given for as long as there is somebody ahead."""
    monkeypatch.setattr("assistant.streams._LONGEST_WAY_SECONDS", 3600.0)
    monkeypatch.setattr("assistant.streams._COUNTS_SECONDS", 3600.0)


@pytest.mark.usefixtures("no_limits")
async def test_an_answer_gives_way_to_who_has_no_word_yet(rests: list[float]) -> None:
    held, told = Event(), list[str]()
    searching = asyncio.ensure_future(ahead(held.wait))
    searching.add_done_callback(lambda _: told.append("found"))

    async def read() -> None:
        async for piece in in_steps(Source().pieces()):
            told.append(piece)

    reading = asyncio.ensure_future(read())
    try:
        while len(rests) < 5 and not reading.done():
            await asyncio.sleep(0)
    finally:
        held.set()
    await asyncio.gather(reading, searching)
    assert told == ["0", "found", "1", "2", "3", "4"]


@pytest.mark.parametrize("limit", ["_LONGEST_WAY_SECONDS", "_COUNTS_SECONDS"])
@pytest.mark.usefixtures("no_limits")
async def test_way_is_not_given_for_long(rests: list[float], monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(f"assistant.streams.{limit}", 0.5)
    held = Event()
    hanging = asyncio.ensure_future(ahead(held.wait))
    try:
        async with asyncio.timeout(20):
            assert await read_in_steps() == ["0", "1", "2", "3", "4"]
        assert not hanging.done()
        assert rests
    finally:
        held.set()
    assert await hanging
    rests.clear()
    await read_in_steps()
    assert rests == []


async def test_who_waits_for_a_model_that_thinks_is_given_way_for_a_moment(
    rests: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.streams._LONGEST_WAY_SECONDS", 0.05)
    monkeypatch.setattr("assistant.streams._MODEL_COUNTS_SECONDS", 3600.0)
    with model_ahead():
        await read_in_steps()
    assert rests
    rests.clear()
    monkeypatch.setattr("assistant.streams._MODEL_COUNTS_SECONDS", 0.0)
    with model_ahead():
        await read_in_steps()
    assert rests == []


async def test_who_fails_or_leaves_is_given_way_no_longer(rests: list[float]) -> None:
    def fails() -> None:
        raise ValueError("no such paper")

    with pytest.raises(ValueError, match="no such paper"):
        await ahead(fails)
    held = Event()
    leaves = asyncio.ensure_future(ahead(held.wait))
    try:
        await asyncio.sleep(0)
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
    finally:
        held.set()
    await read_in_steps()
    assert rests == []
