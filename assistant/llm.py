"""The only module that builds an LLM, reads its stream, and turns its failures into words.

OpenAI's own models go through LlamaIndex's `OpenAI`, every other OpenAI-compatible server through `OpenAILike`. Without
a model name nothing is built: no default model is ever reached for.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import httpx
import openai
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.utils import get_tokenizer
from llama_index.llms.openai import OpenAI
from llama_index.llms.openai.utils import ALL_AVAILABLE_MODELS
from llama_index.llms.openai_like import OpenAILike

from .addresses import address_secrets, shown_address
from .errors import (
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
from .settings import Settings
from .usage import Usage

OPENAI_BASE_URL = "https://api.openai.com/v1"
LEAST_EVIDENCE_TOKENS = 1000
"""Room for about three abstracts; with less a written answer is not worth its call."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Which model to ask, and how. Its repr shows neither the key nor the address, which may hold a password."""

    model: str
    base_url: str = field(default=OPENAI_BASE_URL, repr=False)
    key: str = field(default="", repr=False)
    temperature: float = 0.1
    context_window: int = 8192
    max_tokens: int = 1000
    timeout: float = 60.0
    retries: int = 2
    report_usage: bool = True

    @classmethod
    def of(cls, settings: Settings, model: str = "") -> "Connection | None":
        """The connection that the settings describe, to their model or the one given; None when neither is named."""
        if not (model or settings.llm_model):
            return None
        return cls(
            model=model or settings.llm_model,
            base_url=settings.openai_base_url or OPENAI_BASE_URL,
            key=settings.openai_api_key,
            temperature=settings.llm_temperature,
            context_window=settings.llm_context_window,
            max_tokens=settings.llm_max_tokens,
            timeout=settings.llm_timeout,
            retries=settings.llm_retries,
            report_usage=settings.llm_report_usage,
        )

    @property
    def is_openai(self) -> bool:
        """Whether the endpoint is OpenAI's own."""
        return self.base_url.rstrip("/") == OPENAI_BASE_URL


@dataclass
class Call:
    """What one call has come to; filled while its stream is read."""

    usage: Usage = field(default_factory=Usage)
    finish: str = ""
    first_token: float | None = None
    written: int = 0
    words: bool = False


class LanguageModel:
    """An LLM behind one connection. Every call streams, so that every call can be stopped."""

    def __init__(self, connection: Connection) -> None:
        """Builds LlamaIndex's object; nothing is sent. Raises `ContextTooSmall` if there is no room for evidence."""
        if connection.context_window < connection.max_tokens + LEAST_EVIDENCE_TOKENS:
            raise ContextTooSmall(
                f"The context window of {connection.context_window:,} tokens has no room for papers beside an answer "
                f"of {connection.max_tokens:,}. Raise RESEARCH_ASSISTANT_LLM_CONTEXT_WINDOW or lower "
                "RESEARCH_ASSISTANT_LLM_MAX_TOKENS."
            )
        self.connection = connection
        self._count = get_tokenizer()

    def count_tokens(self, text: str) -> int:
        """Tokens of a text by the tokenizer that LlamaIndex bundles; other models differ by some tens of percent."""
        return len(self._count(text))

    async def stream(
        self, messages: Sequence[ChatMessage], call: Call, *, max_tokens: int | None = None
    ) -> AsyncGenerator[str, None]:
        """The answer piece by piece; `call` holds usage and the reason for the end afterwards.

        Closing the iterator closes the connection to the server. Raises a kind of `LLMError`.
        """
        connection, limit = self.connection, max_tokens or self.connection.max_tokens
        started = time.perf_counter()
        call.usage = Usage(1, sum(self.count_tokens(message.content or "") for message in messages), 0, True)
        # A client for each call: a pooled one would be bound to the event loop that made it.
        timeout = httpx.Timeout(connection.timeout, connect=10.0)
        async with httpx.AsyncClient(timeout=timeout, verify=_certificates()) as client:
            try:
                answer = await _build(replace(connection, max_tokens=limit), client).astream_chat(messages)
                async with aclosing(answer) as chunks:
                    async for chunk in chunks:
                        _note(chunk, call)
                        if chunk.delta:
                            call.first_token = call.first_token or time.perf_counter() - started
                            call.written += 1
                            call.words = call.words or bool(chunk.delta.strip())
                            yield chunk.delta
                        if call.written > 2 * limit:  # a server that does not keep to the limit it was given
                            call.finish = "length"
                            break
            except (openai.OpenAIError, httpx.HTTPError, ValueError) as error:
                raise explain(error, connection) from error
            finally:
                if call.usage.estimated:
                    call.usage = replace(call.usage, completion_tokens=call.written)
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

    async def complete(self, messages: Sequence[ChatMessage], call: Call, *, max_tokens: int) -> str:
        """The whole answer as one text. Raises a kind of `LLMError`."""
        return "".join([piece async for piece in self.stream(messages, call, max_tokens=max_tokens)])


def warm_up() -> None:
    """Loads what a first call would otherwise wait for: a second or so."""
    get_tokenizer()("warm up")
    import openai.resources.chat  # noqa: F401  # which the client itself loads when it is first asked

    _certificates()


async def until_stopped(pieces: AsyncGenerator[str, None], stop: asyncio.Event) -> AsyncGenerator[str, None]:
    """The pieces until `stop` is set; a piece that is being waited for is given up at once."""
    stopped, waiting = asyncio.ensure_future(stop.wait()), None
    try:
        while not stop.is_set():  # pieces that are at hand never let `stopped` come first
            waiting = asyncio.ensure_future(anext(pieces))
            await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                return
            try:
                piece = waiting.result()
            except StopAsyncIteration:
                return
            yield piece
    finally:
        # A generator that is being read cannot be closed, so the read is given up first.
        for task in (stopped, waiting):
            if task and not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await pieces.aclose()


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


def explain(error: Exception, connection: Connection) -> LLMError:
    """What a reader is told about a failure of the endpoint, and whether trying again may help."""
    model, address = connection.model, shown_address(connection.base_url)
    said = _said(error, connection)
    match error:
        case openai.APITimeoutError() | httpx.TimeoutException():
            return ServerUnreachable(
                f"{model} did not answer within {connection.timeout:g} seconds. Try again, or raise "
                "RESEARCH_ASSISTANT_LLM_TIMEOUT."
            )
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return WrongKey(f"{address} refused the key. Check OPENAI_API_KEY.")
        case openai.NotFoundError():
            return UnknownModel(
                f"{address} does not know the model {model!r}. Check RESEARCH_ASSISTANT_LLM_MODEL and OPENAI_BASE_URL."
            )
        case openai.RateLimitError() if error.code == "insufficient_quota":
            return WrongKey(f"The account behind the key has no credit left at {address}.")
        case openai.RateLimitError():
            wait = error.response.headers.get("retry-after")
            when = f"in {wait} seconds" if wait and wait.isdigit() else "in a minute"
            return RateLimited(f"{address} takes no more questions for now. Try again {when}.")
        case openai.BadRequestError() if _is_about_context(error):
            return ContextTooSmall(
                f"The question and its papers do not fit into the context of {model}. Lower "
                "RESEARCH_ASSISTANT_LLM_CONTEXT_WINDOW to what the server really has."
            )
        case openai.BadRequestError() if "content_filter" in str(error) or "content management" in str(error):
            return AnswerBlocked(f"The filter of {model} refused the question. Put it in other words.")
        case openai.BadRequestError() if "stream_options" in str(error):
            return ServerFailed(
                f"{address} does not count tokens while it streams. Set RESEARCH_ASSISTANT_LLM_REPORT_USAGE=false."
            )
        case UnicodeEncodeError():
            return WrongKey("The key holds characters that no key has. Check OPENAI_API_KEY.")
        case openai.APIConnectionError() | httpx.ConnectError():
            return ServerUnreachable(f"No server answers at {address}. Start it, or check OPENAI_BASE_URL.")
        case httpx.TransportError():
            return ServerUnreachable(f"{address} cut the connection in the middle of the answer. Try again.")
        case openai.InternalServerError():
            return ServerFailed(f"{address} failed with error {error.status_code}. Try again in a moment.")
        case openai.APIStatusError():
            return ServerFailed(f"{address} refused the request with error {error.status_code}: {said}")
        case openai.APIError() if error.body:
            return ServerFailed(f"{address} broke off with an error: {said}")
        case _:
            return ServerFailed(
                f"{address} sent an answer that cannot be read. Try again, or check that it speaks "
                "the OpenAI interface."
            )


def _said(error: Exception, connection: Connection) -> str:
    """The server's own words. Some servers repeat what they were sent, the key too."""
    said = error.message if isinstance(error, openai.APIError) else ""
    for secret in filter(None, (connection.key, *address_secrets(connection.base_url))):
        said = said.replace(secret, "…")
    return said[:200]


def _is_about_context(error: openai.BadRequestError) -> bool:
    text = f"{error.code} {error}".lower()
    return "context_length" in text or "context length" in text or "context size" in text or "too many tokens" in text


def _build(connection: Connection, client: httpx.AsyncClient) -> OpenAI:
    options: dict[str, Any] = {
        "model": connection.model,
        "api_base": connection.base_url,
        "api_key": connection.key or "none",
        "temperature": connection.temperature,
        "max_tokens": connection.max_tokens,
        "timeout": connection.timeout,
        "max_retries": connection.retries,
        "reuse_client": False,
        "async_http_client": client,
    }
    if connection.report_usage:
        options["additional_kwargs"] = {"stream_options": {"include_usage": True}}
    if connection.is_openai and connection.model in ALL_AVAILABLE_MODELS:
        return OpenAI(**options)
    # OpenAILike takes a model for a completion model with 3,900 tokens unless told otherwise.
    like: OpenAI = OpenAILike(**options, is_chat_model=True, context_window=connection.context_window)
    return like


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # 40 ms, which every call would wait for


def _note(chunk: ChatResponse, call: Call) -> None:
    raw = chunk.raw
    for choice in getattr(raw, "choices", None) or []:
        call.finish = choice.finish_reason or call.finish
    if usage := getattr(raw, "usage", None):
        call.usage = Usage(1, usage.prompt_tokens, usage.completion_tokens)
