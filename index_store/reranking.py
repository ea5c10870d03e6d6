"""Found papers in the order that a reranking endpoint gives them, behind LlamaIndex's BaseNodePostprocessor.

Servers take the same question in one of two forms:

- "documents" (Cohere, Jina, vLLM): `{"model", "query", "documents", "top_n"}`, answered by
  `{"results": [{"index", "relevance_score"}]}`, see https://docs.cohere.com/reference/rerank;
- "texts" (Text Embeddings Inference, TEI): `{"query", "texts", "truncate"}`, answered by `[{"index", "score"}]`, see
  https://huggingface.github.io/text-embeddings-inference.

The first is tried first; a server that refuses it is asked once in the second, and the form that worked is kept.
"""

import json
import math
import ssl
import time
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import httpx
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from pydantic import ConfigDict, Field, PrivateAttr, field_validator

from .errors import RerankError

Form = Literal["documents", "texts"]

_URL, _MODEL, _KEY, _PAPERS = (f"RESEARCH_ASSISTANT_RERANK_{name}" for name in ("URL", "MODEL", "API_KEY", "PAPERS"))
_WAIT = 0.5  # seconds before the one retry: a worker that restarts is often back by then, and a reader is waiting
_WORTH_A_RETRY = (429, 503)
_OTHER_FORM = (400, 422)  # what a server says to a body that lacks a field it needs


class EndpointReranker(BaseNodePostprocessor):
    """Orders nodes by the relevance that an endpoint with a `/rerank` route gives them.

    One request holds all nodes. It goes out directly, past any proxy that the environment names, and without the
    metadata of the nodes. Raises `RerankError` at once for an address or a key that cannot be one, and later for any
    failure of the endpoint.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # the input holds the key

    url: str = Field(description="Base such as `https://api.jina.ai/v1`, or the whole address ending in `/rerank`.")
    model: str = Field(default="", description="Name of the model; empty for a server that has only one.")
    api_key: str = Field(default="", repr=False, exclude=True, description="Sent as a bearer token; empty for none.")
    timeout: float = Field(default=30.0, gt=0, description="Seconds without a sign of life before giving up.")

    _form: Form | None = PrivateAttr(default=None)

    @field_validator("url")
    @classmethod
    def _whole_address(cls, url: str) -> str:
        try:
            address = httpx.URL(url.strip())
            address.host.encode("idna")  # fails on a name that could not be looked up
        except (httpx.InvalidURL, UnicodeError):
            address = httpx.URL()
        if address.scheme not in ("http", "https") or not address.host:
            raise RerankError(f"{_URL} is no address of a server. It looks like `http://localhost:8080`.")
        path = address.path.rstrip("/")
        return str(address.copy_with(path=path if path.endswith("/rerank") else f"{path}/rerank"))

    @field_validator("api_key")
    @classmethod
    def _sendable(cls, key: str) -> str:
        key = key.strip()
        # A header cannot carry these, and the complaint about it would quote the key.
        if not key.isascii() or not key.isprintable():
            raise RerankError(f"The key holds characters that no key has. Check {_KEY}.")
        return key

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex stores it."""
        return "EndpointReranker"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        """All the nodes, the most relevant first, with the endpoint's scores: higher is better, the range is its own.

        Nodes that it left out come last in their old order, their score None. The nodes given are not changed.
        LlamaIndex's asynchronous method runs this one in a thread.
        """
        if query_bundle is None:
            raise ValueError("A reranker needs the question: give query_str or query_bundle.")
        if not nodes:
            return []
        scores = self._scores(query_bundle.query_str, [node.get_content() for node in nodes])
        left_out = [index for index in range(len(nodes)) if index not in scores]
        order = sorted(scores, key=lambda index: (-scores[index], index)) + left_out
        return [nodes[index].model_copy(update={"score": scores.get(index)}) for index in order]

    def _scores(self, question: str, texts: Sequence[str]) -> dict[int, float]:
        timeout = httpx.Timeout(self.timeout, connect=min(self.timeout, 10.0))
        headers = {"Content-Type": "application/json"}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        try:
            with httpx.Client(timeout=timeout, headers=headers, verify=_certificates(), trust_env=False) as client:
                response = self._ask(client, question, texts)
        except httpx.HTTPError as error:
            raise RerankError(self._failure(error)) from error
        if response.status_code != 200:
            raise RerankError(self._refusal(response))
        try:
            return _read(response.content, len(texts))
        except ValueError as error:
            raise RerankError(
                f"The reranking server at {self._shown} sent an answer that cannot be used: {error}. "
                f"Check that {_URL} leads to a `/rerank` route."
            ) from error

    def _ask(self, client: httpx.Client, question: str, texts: Sequence[str]) -> httpx.Response:
        """The server's answer in the form that it takes, or its refusal."""
        response = self._send(client, self._form or "documents", question, texts)
        if self._form is None and response.status_code in _OTHER_FORM:
            second = self._send(client, "texts", question, texts)
            # Of two refusals the one to show is that of the form it knows; TEI's first one names the field it misses.
            if second.status_code not in _OTHER_FORM or "texts" in _words(response):
                response = second
            if second.status_code == 200:
                self._form = "texts"
        elif response.status_code == 200:
            self._form = self._form or "documents"
        return response

    def _send(self, client: httpx.Client, form: Form, question: str, texts: Sequence[str]) -> httpx.Response:
        body: dict[str, Any] = {"query": question, "documents": texts, "top_n": len(texts)}
        if form == "texts":
            body = {"query": question, "texts": texts, "truncate": True}
        elif self.model:
            body["model"] = self.model
        content = json.dumps(body).encode()  # httpx's own encoding fails on half a surrogate pair
        try:
            response = client.post(self.url, content=content)
        except httpx.TimeoutException:
            raise
        except httpx.TransportError:
            response = None
        if response is None or response.status_code in _WORTH_A_RETRY:
            time.sleep(_WAIT)
            return client.post(self.url, content=content)
        return response

    @property
    def _shown(self) -> str:
        """The address as messages show it: a password or a token in it stays out."""
        return str(httpx.URL(self.url).copy_with(userinfo=b"", query=None, fragment=None))

    def _failure(self, error: httpx.HTTPError) -> str:
        """What the reader is told where no answer came."""
        match error:
            case httpx.ConnectError() | httpx.ConnectTimeout():
                return f"No reranking server answers at {self._shown}. Start it, or check {_URL}."
            case httpx.TimeoutException():
                return (
                    f"The reranking server at {self._shown} did not answer within {self.timeout:g} seconds. Try again, "
                    f"or lower {_PAPERS}."
                )
            case httpx.TransportError():
                return f"The reranking server at {self._shown} cut the connection. Try again, or check {_URL}."
            case _:
                return f"The reranking server at {self._shown} sent an answer that cannot be read. Check {_URL}."

    def _refusal(self, response: httpx.Response) -> str:
        """What the reader is told where the answer is no; the server's own words where they may help, never the key."""
        server, status = f"The reranking server at {self._shown}", response.status_code
        words = _words(response)
        if self.api_key:
            words = words.replace(self.api_key, "***")
        said = f": {words[:200].rstrip('. ')}" if words else ""
        match status:
            case 401 | 403 if self.api_key:
                return f"{server} refused the key. Check {_KEY}."
            case 401 | 403:
                return f"{server} asks for a key. Set {_KEY}."
            case 404:
                return (
                    f"There is no such route or model at {self._shown}. Check {_URL}, with the version if the service "
                    f"has one (`https://api.cohere.com/v2`), and {_MODEL}."
                )
            case 413:
                return f"{server} does not take so many papers at once{said}. Lower {_PAPERS}."
            case 429:
                return f"{server} takes no more for now. Try again in a minute, or empty {_URL} to search without it."
            case _ if status >= 500:
                return f"{server} failed with error {status}{said}. Try again, or empty {_URL} to search without it."
            case 400 | 422:
                return f"{server} refused the request{said}. Check {_MODEL}, or lower {_PAPERS}."
            case _:
                return f"{server} answered with status {status}{said}. Check {_URL} and {_MODEL}."


def _read(content: bytes, count: int) -> dict[int, float]:
    """The score of each text by its index, of an answer in either form. Raises `ValueError` if it is neither."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    rows = answer.get("results") if isinstance(answer, dict) else answer
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("it holds no list of results")
    scores: dict[int, float] = {}
    for row in rows:
        index, score = row.get("index"), row.get("relevance_score", row.get("score"))
        if type(index) is not int or not 0 <= index < count:
            raise ValueError(f"a result is about none of the {count} papers that were sent")
        if index in scores:
            raise ValueError("two results are about the same paper")
        scores[index] = _finite(score)
    if not scores:
        raise ValueError("it ranks none of the papers")
    return scores


def _finite(score: object) -> float:
    if isinstance(score, int | float) and not isinstance(score, bool):
        try:
            if math.isfinite(score):
                return float(score)
        except OverflowError:  # a whole number of hundreds of digits
            pass
    raise ValueError("a score is not a number")


def _words(response: httpx.Response) -> str:
    """What the server says went wrong, on one line; each server has its own name for the field."""
    try:
        said = json.loads(response.content)
    except (ValueError, RecursionError):
        said = response.text
    while isinstance(said, dict):
        said = next((said[name] for name in ("message", "error", "detail") if said.get(name)), "")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(said)).split())


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # 40 ms, which every call would wait for
