"""A scripted OpenAI-compatible server on loopback, for the tests and for anyone who tests against this product.

Replies are queued and served in order, or made from what is asked; what was asked, and whether the caller hung up, is
kept. Real HTTP, so the real client library, its timeouts and its parsing are under test. Given a way to score, it
reranks as well, in the manner of Cohere or of Text Embeddings Inference.
"""

import json
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, cast

Fault = Literal["", "cut", "hang", "malformed"]
RerankForm = Literal["documents", "texts"]


@dataclass(frozen=True)
class Reply:
    """One answer of the server.

    Tokens are sent one by one with `delay` seconds before each and `first_delay` before the first. `status` other
    than 200 is an error answer with `error` as its message. After `fault_after` tokens the `fault` happens: the
    connection is cut, nothing more comes until the server closes, or an event that is not JSON is sent.
    """

    text: str = ""
    first_delay: float = 0.0
    delay: float = 0.0
    status: int = 200
    error: str = ""
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault = ""
    fault_after: int = 0
    finish: str = "stop"
    endless: bool = False

    @property
    def tokens(self) -> list[str]:
        """The text in pieces of about a word."""
        return re.findall(r"\s*\S+|\s+$", self.text)


@dataclass
class Asked:
    """A request as the server saw it. `hung_up` is set when the caller closed before the last token."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    at: float
    hung_up: threading.Event = field(default_factory=threading.Event)

    @property
    def messages(self) -> list[dict[str, str]]:
        """The chat messages that were sent."""
        return cast("list[dict[str, str]]", self.body.get("messages", []))

    @property
    def text(self) -> str:
        """All messages' contents, one after the other."""
        return "\n\n".join(message["content"] for message in self.messages)


class ScriptedServer:
    """The server; use it as a context manager. `base_url` goes into OPENAI_BASE_URL, or RESEARCH_ASSISTANT_RERANK_URL.

    `/rerank` is there once `score` is set, which gives the relevance of a document to a query. `rerank_form` is the
    request it takes: Cohere's `documents`, or the `texts` of Text Embeddings Inference.
    """

    def __init__(self, model: str = "scripted", key: str = "") -> None:
        self.model, self.key = model, key
        self.requests: list[Asked] = []
        self.answer: Callable[[Asked], Reply] | None = None
        self.fallback: Reply | None = None
        self.score: Callable[[str, str], float] | None = None
        self.rerank_form: RerankForm = "documents"
        self._replies: deque[Reply] = deque()
        self._rerank_replies: deque[Reply] = deque()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._listen(0)

    @property
    def base_url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def chats(self) -> list[Asked]:
        """The requests for chat completions, in order."""
        return [asked for asked in self.requests if asked.path.endswith("/chat/completions")]

    @property
    def reranks(self) -> list[Asked]:
        """The requests for reranking, in order."""
        return [asked for asked in self.requests if asked.path.endswith("/rerank")]

    def enqueue(self, *replies: Reply | str) -> None:
        """Adds replies; a text stands for a plain reply."""
        self._replies.extend(Reply(reply) if isinstance(reply, str) else reply for reply in replies)

    def enqueue_rerank(self, *replies: Reply | str) -> None:
        """Adds replies of `/rerank` that go before scores: errors, delays, cuts, or a text to be sent as it stands."""
        self._rerank_replies.extend(Reply(reply) if isinstance(reply, str) else reply for reply in replies)

    def _listen(self, port: int) -> None:
        self._server = _QuietServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Goes away as a server that is killed: what it is sending is cut, and nobody is listened to."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def come_back(self) -> None:
        """Listens again at the same address."""
        self._closing.clear()
        self._listen(self._server.server_address[1])
        self._thread.start()

    def next_reply(self, asked: Asked) -> Reply:
        """The next queued reply, else what `answer` makes of the request, else the fallback, else an error that says
        that the script has ended."""
        with self._lock:
            if self._replies:
                return self._replies.popleft()
        if self.answer:
            return self.answer(asked)
        return self.fallback or Reply(status=500, error="the script has no more replies")

    def next_rerank(self, asked: Asked) -> Reply:
        """The next queued reply of `/rerank`, else the scores, else an error as a server without the route sends it."""
        with self._lock:
            if self._rerank_replies:
                return self._rerank_replies.popleft()
        if not self.score:
            return Reply(status=404, error="Not Found")
        return _reranked(asked.body, self.rerank_form, self.model, self.score)

    def wait(self, seconds: float) -> bool:
        """Sleeps; says whether the server is being closed."""
        return self._closing.wait(seconds)


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is what half the tests are about; anything else is printed as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(server: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Keeps the test's output clean."""

        def do_GET(self) -> None:
            server.requests.append(Asked(self.path, dict(self.headers), {}, time.monotonic()))
            if self._authorised():
                self._json(200, {"object": "list", "data": [{"id": server.model, "object": "model"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            asked = Asked(self.path, dict(self.headers), body, time.monotonic())
            server.requests.append(asked)
            if not self._authorised():
                return
            if self.path.endswith("/rerank"):
                return self._rerank(server.next_rerank(asked))
            if body.get("model") != server.model:
                return self._error(Reply(status=404, error=f"The model `{body.get('model')}` does not exist"))
            reply = server.next_reply(asked)
            if reply.status != 200:
                return self._error(reply)
            try:
                self._stream(reply, asked) if body.get("stream") else self._whole(reply)
            except (BrokenPipeError, ConnectionResetError):
                asked.hung_up.set()
                self.close_connection = True

        def _rerank(self, reply: Reply) -> None:
            server.wait(reply.first_delay)
            if reply.fault == "cut":
                self.close_connection = True
            elif reply.status != 200:
                self._error(reply)
            else:
                self._send(200, reply.text.encode())

        def _authorised(self) -> bool:
            if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
                self._error(Reply(status=401, error="Incorrect API key provided", code="invalid_api_key"))
                return False
            return True

        def _stream(self, reply: Reply, asked: Asked) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for place, token in enumerate(_tokens(reply)):
                if reply.fault and place == reply.fault_after:
                    return self._fail(reply.fault)
                if self._wait(reply.first_delay if place == 0 else reply.delay, asked):
                    return
                self._event(_chunk(server.model, {"content": token}))
            if reply.fault:
                return self._fail(reply.fault)
            self._event(_chunk(server.model, {}, reply.finish))
            usage = _usage(asked, reply)
            if (asked.body.get("stream_options") or {}).get("include_usage"):
                self._event({**_chunk(server.model, {}), "choices": [], "usage": usage})
            self._chunk(b"data: [DONE]\n\n")
            self._chunk(b"")

        def _whole(self, reply: Reply) -> None:
            server.wait(reply.first_delay)
            message = {"role": "assistant", "content": reply.text}
            choice = {"index": 0, "message": message, "finish_reason": reply.finish}
            self._json(200, {**_chunk(server.model, {}), "object": "chat.completion", "choices": [choice]})

        def _wait(self, seconds: float, asked: Asked) -> bool:
            """Waits; says whether the caller has gone or the server closes."""
            until = time.monotonic() + seconds
            while True:
                if self._gone():
                    asked.hung_up.set()
                    self.close_connection = True
                    return True
                left = until - time.monotonic()
                if left <= 0:
                    return False
                if server.wait(min(left, 0.02)):
                    self.close_connection = True
                    return True

        def _gone(self) -> bool:
            self.connection.setblocking(False)
            try:
                return not self.connection.recv(1)
            except BlockingIOError:
                return False
            except OSError:
                return True
            finally:
                self.connection.setblocking(True)

        def _fail(self, fault: Fault) -> None:
            if fault == "malformed":
                self._chunk(b"data: {this is not JSON\n\n")
                self._chunk(b"")
            elif fault == "hang":
                asked = server.requests[-1]
                while not self._wait(0.05, asked):
                    pass
            self.close_connection = True

        def _event(self, value: Mapping[str, Any]) -> None:
            self._chunk(b"data: " + json.dumps(value).encode() + b"\n\n")

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

        def _error(self, reply: Reply) -> None:
            error = {"message": reply.error, "type": "error", "code": reply.code or None}
            self._json(reply.status, {"error": error}, reply.headers)

        def _json(self, status: int, value: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
            self._send(status, json.dumps(value).encode(), headers)

        def _send(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _tokens(reply: Reply) -> Iterator[str]:
    yield from reply.tokens
    while reply.endless:
        yield from reply.tokens


def _chunk(model: str, delta: Mapping[str, str], finish: str | None = None) -> dict[str, Any]:
    choices: Sequence[Mapping[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "scripted", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": choices}


def _usage(asked: Asked, reply: Reply) -> dict[str, int]:
    prompt, written = len(asked.text.split()), len(reply.tokens)
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def _reranked(body: Mapping[str, Any], form: RerankForm, model: str, score: Callable[[str, str], float]) -> Reply:
    if form not in body:
        return Reply(status=422, error=f"Failed to deserialize the JSON body: missing field `{form}`")
    if form == "documents" and body.get("model", model) != model:
        return Reply(status=404, error=f"The model `{body['model']}` does not exist")
    scores = [score(body["query"], text) for text in body[form]]
    ranked = sorted(range(len(scores)), key=lambda index: -scores[index])
    if form == "texts":
        return Reply(json.dumps([{"index": index, "score": scores[index]} for index in ranked]))
    results = [{"index": index, "relevance_score": scores[index]} for index in ranked[: body.get("top_n")]]
    return Reply(json.dumps({"model": model, "results": results}))
