"""A real Chroma server on this machine, a proxy that writes down what it is asked, and other processes that use it."""

import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4
from zlib import crc32

from index_store import ChromaServer, Embedder, Library, Paper, Postgres, Ranking, open_catalogue, search
from index_store.vectors import PassageVectors

from ..ports import HOST, free_port

ROOT = Path(__file__).parents[2]
_PATIENCE = 60.0


# -- the server -------------------------------------------------------------------------------------------------------


class RunningChroma:
    """`chroma run` on a folder and a port; it can be killed and started again. It sends no telemetry by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.start()

    def start(self) -> None:
        """Starts it and waits until it answers."""
        command = [Path(sys.executable).with_name("chroma"), "run", "--path", self.folder]
        self._process = subprocess.Popen(
            [*command, "--host", HOST, "--port", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + _PATIENCE
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < until, "chroma run did not start"
            time.sleep(0.05)

    def _answers(self) -> bool:
        with suppress(OSError, HTTPException), closing(HTTPConnection(HOST, self.port, timeout=5)) as connection:
            connection.request("GET", "/api/v2/heartbeat")
            return connection.getresponse().status == 200
        return False

    def kill(self) -> None:
        """Ends it as a power failure would."""
        self._process.kill()
        self._process.wait()

    def post(self, path: str, body: dict[str, str]) -> None:
        """Asks it directly, without chromadb's client."""
        with closing(HTTPConnection(HOST, self.port, timeout=_PATIENCE)) as connection:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()

    def fresh(self, tenant: str = "default_tenant") -> ChromaServer:
        """A database of its own on this server."""
        name = f"test-{uuid4().hex}"
        self.post(f"/api/v2/tenants/{tenant}/databases", {"name": name})
        return ChromaServer(self.url, tenant=tenant, database=name)


@contextmanager
def running(folder: Path) -> Iterator[RunningChroma]:
    """A server for as long as it is needed."""
    server = RunningChroma(folder)
    try:
        yield server
    finally:
        server.kill()


def on_server(
    server: ChromaServer, database: Callable[[Path], Postgres] | None = None
) -> dict[str, Callable[..., Any]]:
    """`Library` and `PassageVectors` as they are for a folder, with the vectors on a server all the same.

    With a `database` the catalogue is in the one that it gives for a home, too.
    """

    class LibraryOnServer(Library):
        def __init__(self, home: Path, embedder: Embedder, *, rebuild: bool = False) -> None:
            shared = database(home) if database else None
            super().__init__(home, embedder, rebuild=rebuild, server=server, database=shared)

    def place(folder: Path) -> ChromaServer:
        return replace(server, collection=f"of-{crc32(str(folder).encode())}")

    class VectorsOnServer(PassageVectors):
        def __init__(self, folder: Path, fingerprint: str) -> None:
            super().__init__(place(folder), fingerprint)

        @staticmethod
        def delete(folder: Path) -> None:
            PassageVectors.delete(place(folder))

    there: dict[str, Callable[..., Any]] = {"Library": LibraryOnServer, "PassageVectors": VectorsOnServer}
    return there | ({"open_catalogue": lambda home: open_catalogue(home, database(home))} if database else {})


# -- a proxy ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Recorder:
    """A server that writes down each request, then hands it on, or answers as `instead` says: status and text.

    `waits` is called before it answers.
    """

    behind: int | None = None
    instead: Callable[[str], tuple[int, str] | None] = lambda path: None
    waits: Callable[[], object] = lambda: None
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def of(self, ending: str) -> list[Request]:
        """The requests whose path ends like this."""
        return [request for request in self.requests if request.path.endswith(ending)]

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        """Writes down a request and gets its answer."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.requests.append(Request(handler.path, dict(handler.headers), json.loads(body or b"{}")))
        self.waits()
        if (own := self.instead(handler.path)) or self.behind is None:
            status, text = own or (404, "")
            return status, text.encode()
        with closing(HTTPConnection(HOST, self.behind, timeout=_PATIENCE)) as connection:
            connection.request(handler.command, handler.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()


@contextmanager
def recording(recorder: Recorder) -> Iterator[Recorder]:
    """Serves a recorder on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            status, body = recorder.answer(self)
            with suppress(OSError):  # who asked may have gone
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST = do_DELETE = do_PUT = handle_any

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing on the terminal."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    recorder.url = f"http://{HOST}:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# -- other processes --------------------------------------------------------------------------------------------------


def papers(words: list[str]) -> list[Paper]:
    """One paper about each word."""
    return [Paper(f"On the {word}", f"The {word} eats. The {word} sleeps.") for word in words]


class Session:
    """What another process can be told to do with a library."""

    library: Library

    def open(self, home: str, url: str, database: str, rebuild: bool = False) -> None:
        """Opens a library on a server."""
        from .conftest import WordCounts  # which imports this module

        embedder = Embedder(WordCounts(model_name="word-counts"), word_weight=0.3, batch=4)
        self.library = Library(Path(home), embedder, rebuild=rebuild, server=ChromaServer(url, database=database))

    def close(self) -> None:
        """Closes it."""
        self.library.close()

    def add(self, words: list[str], at_once: int = 1000) -> int:
        """Adds papers, so many at once, and indexes them; returns how many were new."""
        new = 0
        for start in range(0, len(words), at_once):
            new += self.library.add_records(papers(words[start : start + at_once])).new
            self.library.index()
        return new

    def remove(self, words: list[str]) -> None:
        """Removes papers by their words."""
        titles = {paper.title for paper in papers(words)}
        self.library.remove([paper.id for paper in self.library.catalogue.page() if paper.title in titles])

    def found(self, question: str, ranking: str) -> list[str]:
        """The titles that a search finds."""
        hits = search(self.library, question, 5, ranking=Ranking(ranking)).hits
        return [hit.paper.title for hit in hits]

    def search_until(self, stop: str, question: str) -> list[int]:
        """Searches again and again until a file is there; how many papers were found each time."""
        found = [len(self.found(question, "fused"))]
        while not os.path.exists(stop):
            found.append(len(self.found(question, "fused")))
        return found


class Worker:
    """Another process with a `Session`. It can be told to do something, and asked later what came of it."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.index_store.chroma"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, bufsize=1
        )

    def begin(self, what: str, *args: Any) -> None:
        """Tells it to call a method of its session."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([what, *args]) + "\n")

    def result(self) -> Any:
        """Waits for what came of it."""
        assert self._process.stdout
        answer = json.loads(self._process.stdout.readline() or '{"error": "it ended"}')
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def do(self, what: str, *args: Any) -> Any:
        """Both."""
        self.begin(what, *args)
        return self.result()

    def end(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.communicate()


def _serve() -> None:
    session = Session()
    for line in sys.stdin:
        what, *args = json.loads(line)
        try:
            answer = {"result": getattr(session, what)(*args)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
