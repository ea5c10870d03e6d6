"""The endpoint of a language model: what is sent to it, and what comes back piece by piece."""

import ssl
from collections.abc import AsyncGenerator, Sequence
from functools import cache
from typing import Any

import httpx
import openai
from llama_index.core.base.llms.types import ChatMessage
from llama_index.llms.openai import OpenAI
from llama_index.llms.openai.utils import to_openai_message_dicts
from openai._base_client import get_platform
from pydantic import BaseModel

from .connection import Connection


def warm_up() -> None:
    """Reads the certificates and the name of the system, for which a first call would wait."""
    _certificates()
    _platform()


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
        """The stream of an answer. Raises one of `endpoint_failures.FAILURES`."""
        sent = {
            "messages": to_openai_message_dicts(messages, model=self.model),
            **self._get_model_kwargs(stream=True),
        }
        asking = self._get_aclient()
        asking._platform = _platform()  # a client asks a thread for it at its first call, and each makes one here
        stream = await asking.post(
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
def _platform() -> Any:
    """The operating system, which OpenAI's client names in its headers."""
    return get_platform()


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # 40 ms, which every call would wait for
