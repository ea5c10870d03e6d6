"""The chat's handlers without a browser."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr

from assistant import Assistant, Conversation
from ui.chat import Chat, Parts, Speaker


class Waiting:
    """An assistant that says nothing until it is stopped."""

    async def ask(self, *_: object, stop: asyncio.Event, **__: object) -> AsyncIterator[Any]:
        await stop.wait()
        return
        yield


async def test_two_turns_of_one_session_keep_their_own_stop_signals() -> None:
    names = [field.name for field in dataclasses.fields(Parts)]
    parts = Parts(**{name: [] if name in ("kinds", "examples") else cast(Any, object()) for name in names})
    chat = Chat(cast(Assistant, Waiting()), parts)
    request = cast(gr.Request, SimpleNamespace(session_hash="one"))
    turns = [chat.ask("Q", "auto", Conversation(), Speaker(), "", "", "", "", "", False, (), request) for _ in range(3)]
    for turn in turns:
        await anext(turn)  # it runs
    pending = [asyncio.ensure_future(anext(turn, None)) for turn in turns]
    await asyncio.sleep(0)
    pending[0].cancel()
    await asyncio.gather(pending[0], return_exceptions=True)
    chat.stop(request)
    assert await asyncio.wait_for(asyncio.gather(*pending[1:]), 2) == [None, None]
    chat.stop(request)  # nothing is left to stop
