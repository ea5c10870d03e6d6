"""What a reader is told when the endpoint of a language model fails."""

import httpx
import openai

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
