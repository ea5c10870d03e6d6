"""Calls of a language model over a scripted server."""

import asyncio
import socket
from collections.abc import Callable

from llama_index.core.base.llms.types import ChatMessage

from assistant import Connection
from assistant.llm import Call, LanguageModel
from assistant.testing import Asked, Reply

HELLO = [ChatMessage(role="user", content="Say hello to everyone here.")]
KEY = "sk-a-key-that-nobody-may-see"
ONE_TOKEN_THEN_NOTHING = Reply("Hello you", fault="hang", fault_after=1)

Connect = Callable[..., Connection]


async def hear(connection: Connection, call: Call | None = None) -> list[str]:
    """The pieces of the model's answer."""
    return [piece async for piece in LanguageModel(connection).stream(HELLO, call or Call())]


async def hung_up(asked: Asked) -> bool:
    """Whether the server sees within a second that its caller has gone."""
    return await asyncio.to_thread(asked.hung_up.wait, 1.0)


def unused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
