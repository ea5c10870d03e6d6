"""The endpoint of a language model: what is sent to it, what comes back piece by piece, and its failures in words."""

import ssl
from collections.abc import AsyncGenerator, Sequence
from functools import cache
from typing import Any

import httpx
import openai
from llama_index.core.base.llms.types import ChatMessage
from llama_index.llms.openai import OpenAI
from llama_index.llms.openai.utils import to_openai_message_dicts
from pydantic import BaseModel

from .addresses import address_secrets, shown_address
from .connection import Connection
from .errors import (
    AnswerBlocked,
    ContextTooSmall,
    LLMError,
    RateLimited,
    ServerFailed,
    ServerUnreachable,
    UnknownModel,
    WrongKey,
)

FAILURES = (openai.OpenAIError, httpx.HTTPError, ValueError)
"""What a call may raise; `explain` has words for each."""


def warm_up() -> None:
    """Reads the certificates, for which a first call would wait."""
    _certificates()


def client(timeout: float) -> httpx.AsyncClient:
    """A client for one call, which gives up after `timeout` seconds of silence.

    A pooled one would be bound to the event loop that made it.
    """
    return httpx.AsyncClient(timeout=httpx.Timeout(timeout, connect=10.0), verify=_certificates())


class _Delta(BaseModel):
    content: str | list[Any] | None = None


class _Choice(BaseModel):
    delta: _Delta | None = None
    finish_reason: Any = None


class Chunk(BaseModel):
    """What is read of one piece of a stream. What stands beside the words never makes an answer fail."""

    choices: list[_Choice] | None = None
    usage: Any = None

    @property
    def text(self) -> str:
        """The words that it brings; Mistral's models that think send them in parts."""
        delta = self.choices[0].delta if self.choices else None
        content = delta.content if delta else None
        if isinstance(content, list):
            return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
        return content or ""

    @property
    def finish(self) -> str:
        """Why the answer ends with it, if it does."""
        return next((str(choice.finish_reason) for choice in self.choices or () if choice.finish_reason), "")

    @property
    def counts(self) -> tuple[int, int] | None:
        """Tokens read and written, where the server tells both."""
        told = self.usage if isinstance(self.usage, dict) else {}
        read, written = told.get("prompt_tokens"), told.get("completion_tokens")
        return (int(read), int(written)) if isinstance(read, int | float) and isinstance(written, int | float) else None


class Endpoint(OpenAI):
    """LlamaIndex's model, which knows what each of OpenAI's must be sent, with the stream that the server sends.

    LlamaIndex and OpenAI's client make some thirty objects of each token. With fifty readers that was a fifth of all
    that the page's process did; here it is the part that is read.
    """

    @classmethod
    def of(cls, connection: Connection, client: httpx.AsyncClient) -> "Endpoint":
        """The model of a connection for one call over a client; nothing is sent."""
        counting = {"stream_options": {"include_usage": True}} if connection.report_usage else {}
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
            "additional_kwargs": counting,
        }
        return cls(**options)

    async def chunks(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[Chunk, None]:
        """The stream of an answer. Raises one of `FAILURES`."""
        sent = {
            "messages": to_openai_message_dicts(messages, model=self.model),
            **self._get_model_kwargs(stream=True),
        }
        stream = await self._get_aclient().post(
            "/chat/completions",
            body=sent,
            options={"security": {"bearer_auth": True}},  # never the key of an administrator, which it would look for
            stream=True,
            stream_cls=openai.AsyncStream[object],
            cast_to=object,  # what the client passes on as it has read it
        )
        async with stream:
            async for read in stream:
                if problem := _failure(read):
                    raise openai.APIError(problem, stream.response.request, body=read)
                yield Chunk.model_validate(read)


def _failure(read: object) -> str:
    """What went wrong, where an event tells of that in another way than OpenAI's, which the client knows."""
    if not isinstance(read, dict) or "choices" in read:
        return ""
    is_error = read.get("object") == "error" or read.get("error_code") or read.get("detail")
    return str(read.get("message") or read.get("detail") or read.get("text") or "an error") if is_error else ""


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # 40 ms, which every call would wait for


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
