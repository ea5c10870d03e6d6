"""The only module that asks an LLM.

Without a model name nothing is built: no default model is ever reached for. `endpoint.py` and `endpoint_failures.py`
are loaded with the first call, as who has no model would wait a second for them.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.utils import get_tokenizer

from .connection import Connection
from .errors import AnswerBlocked, ContextTooSmall, EmptyAnswer
from .streams import model_ahead
from .usage import Usage

LEAST_EVIDENCE_TOKENS = 1000
"""Room for about three abstracts; with less a written answer is not worth its call."""


@dataclass
class Call:
    """What one call has come to; filled while its stream is read, `usage` when it ends."""

    usage: Usage = field(default_factory=Usage)
    finish: str = ""
    first_token: float | None = None
    written: int = 0
    words: bool = False


class LanguageModel:
    """An LLM behind one connection. Every call streams, so that every call can be stopped."""

    def __init__(self, connection: Connection) -> None:
        """Nothing is built or sent. Raises `ContextTooSmall` if there is no room for evidence."""
        if connection.context_window < connection.max_tokens + LEAST_EVIDENCE_TOKENS:
            raise ContextTooSmall(
                f"The context window of {connection.context_window:,} tokens has no room for papers beside an answer "
                f"of {connection.max_tokens:,}. Raise RESEARCH_ASSISTANT_LLM_CONTEXT_WINDOW or lower "
                "RESEARCH_ASSISTANT_LLM_MAX_TOKENS."
            )
        self.connection = connection

    def count_tokens(self, text: str) -> int:
        """Tokens of a text by the tokenizer that LlamaIndex bundles; other models differ by some tens of percent."""
        return len(get_tokenizer()(text))

    async def stream(
        self, messages: Sequence[ChatMessage], call: Call, *, max_tokens: int | None = None
    ) -> AsyncGenerator[str, None]:
        """The answer piece by piece; `call` holds usage and the reason for the end afterwards.

        Closing the iterator closes the connection to the server. Raises a kind of `LLMError`.
        """
        if not warm_up.cache_info().currsize:  # a second the first time, if no model was named at the start
            await asyncio.to_thread(warm_up)
        from . import endpoint, endpoint_failures

        connection, limit = self.connection, max_tokens or self.connection.max_tokens
        started = time.perf_counter()
        told: tuple[int, int] | None = None
        async with endpoint.client(connection.timeout) as client:
            waiting = ExitStack()
            waiting.enter_context(model_ahead())
            try:
                model = endpoint.Endpoint.of(replace(connection, max_tokens=limit), client)
                async with aclosing(model.chunks(messages)) as chunks:
                    async for chunk in chunks:
                        call.finish = chunk.finish or call.finish
                        told = chunk.counts or told
                        if text := chunk.text:
                            waiting.close()
                            call.first_token = call.first_token or time.perf_counter() - started
                            call.written += 1
                            call.words = call.words or bool(text.strip())
                            yield text
                        if call.written > 2 * limit:  # a server that does not keep to the limit it was given
                            call.finish = "length"
                            break
            except endpoint_failures.FAILURES as error:
                raise endpoint_failures.explain(error, connection) from error
            finally:
                waiting.close()
                # Counted here only where the server does not tell, as it takes milliseconds in which nobody is served.
                call.usage = Usage(1, *told) if told else Usage(1, self._size(messages), call.written, True)
        if call.finish == "content_filter":
            raise AnswerBlocked(
                f"The filter of {connection.model} stopped the answer. Put the question in other words."
            )
        if not call.words and call.finish == "length":
            raise EmptyAnswer(
                f"{connection.model} used up {limit:,} tokens before its first word, as models do that think first. "
                "Raise RESEARCH_ASSISTANT_LLM_MAX_TOKENS."
            )
        if not call.words:
            raise EmptyAnswer(
                f"{connection.model} sent an empty answer. Try again; if it stays so, OPENAI_BASE_URL may lead to a "
                "server that does not stream or does not speak the OpenAI interface."
            )

    def _size(self, messages: Sequence[ChatMessage]) -> int:
        return sum(self.count_tokens(message.content or "") for message in messages)

    async def complete(self, messages: Sequence[ChatMessage], call: Call, *, max_tokens: int) -> str:
        """The whole answer as one text. Raises a kind of `LLMError`."""
        return "".join([piece async for piece in self.stream(messages, call, max_tokens=max_tokens)])


@cache
def warm_up() -> None:
    """Loads what a first call would otherwise wait for: a second or so, once."""
    from . import endpoint

    get_tokenizer()("warm up")
    endpoint.warm_up()


async def check(connection: Connection) -> dict[str, Any]:
    """Asks the endpoint for one word. Returns what was seen; raises a kind of `LLMError` that says what is wrong."""
    model = LanguageModel(connection)
    call = Call()
    messages = [ChatMessage(role="user", content="Count from one to ten in words.")]
    text = await model.complete(messages, call, max_tokens=200)
    return {
        "model": connection.model,
        "answer": text.strip()[:60],
        "first_token_seconds": round(call.first_token or 0.0, 3),
        "streams": call.written > 1,
        "reports_usage": not call.usage.estimated,
    }
