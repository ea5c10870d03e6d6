"""arXiv, doi.org and Semantic Scholar on loopback, in the shapes in which they answer."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import parse_qs, unquote, urlsplit

from index_store.online import Services


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at: float


@dataclass(frozen=True)
class Reply:
    """What is sent back; a fault cuts the connection or waits before the body."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""


class Web(ThreadingHTTPServer):
    """The three services on one port: `/arxiv`, `/doi/...`, `/agency/...` and `/abstracts/...`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[Asked] = []
        self.first: list[Reply] = []  # before anything else, whatever was asked
        self.feeds: Callable[[dict[str, str]], bytes] = lambda query: feed()
        self.dois: dict[str, object] = {}  # CSL-JSON by DOI, or a page for people
        self.abstracts: dict[str, object] = {}
        self.failing: dict[str, Reply] = {}  # by a part of the path
        self.done = Event()

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    @property
    def services(self) -> Services:
        return Services(f"{self.base}/arxiv", f"{self.base}/doi", f"{self.base}/abstracts", "ada@example.org")

    def reply(self, asked: Asked) -> Reply:
        if self.first:
            return self.first.pop(0)
        for part, failure in self.failing.items():
            if part in asked.path:
                return failure
        room, _, rest = asked.path.strip("/").partition("/")
        match room:
            case "arxiv":
                body = self.feeds(asked.query)
                return Reply(body, 400 if b"api/errors" in body else 200)
            case "doi" if rest in self.dois:
                return Reply(status=302, headers={"Location": f"{self.base}/agency/{rest}"})
            case "agency":
                return _json(self.dois[rest])
            case "abstracts" if (doi := rest.removeprefix("paper/DOI:")) in self.abstracts:
                return _json(self.abstracts[doi])
        return Reply(b"<html>DOI Not Found</html>", 404)


def _json(value: object) -> Reply:
    return Reply(value if isinstance(value, bytes) else json.dumps(value).encode())


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        asked = Asked(unquote(address.path), query, dict(self.headers.items()), time.monotonic())
        self.server.asked.append(asked)
        reply = self.server.reply(asked)
        if reply.fault == "cut":
            self.connection.close()
            return
        self.send_response(reply.status)
        for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if reply.fault == "slow":
            self.server.done.wait(10)
        try:
            self.wfile.write(reply.body)
        except OSError:
            self.close_connection = True


def entry(arxiv_id: str) -> str:
    """A paper as arXiv's feed has it."""
    return f"""<entry>
    <id>http://arxiv.org/abs/{arxiv_id}v2</id>
    <title>Bees and
  dances {arxiv_id}</title>
    <updated>2024-04-07T00:56:53Z</updated>
    <link href="https://arxiv.org/abs/{arxiv_id}v2" rel="alternate" type="text/html"/>
    <link href="https://arxiv.org/pdf/{arxiv_id}v2" rel="related" type="application/pdf" title="pdf"/>
    <summary>A bee that dances longer &amp; faster is followed by
  more of the others.</summary>
    <category term="q-bio.PE" scheme="http://arxiv.org/schemas/atom"/>
    <published>2023-09-29T17:59:56Z</published>
    <arxiv:primary_category term="q-bio.PE"/>
    <author><name>Berta Imker</name></author>
    <author><name>Carl Wabe</name></author>
  </entry>"""


def feed(*entries: str, total: int | None = None) -> bytes:
    """An answer of arXiv's interface."""
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom"
  xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/cHxbiOdZaP56ODnBPIenZhzg5f8</id>
  <title>arXiv Query: search_query=&amp;id_list=</title>
  <updated>2024-04-07T00:56:53Z</updated>
  <link href="https://arxiv.org/api/query" rel="self" type="application/atom+xml"/>
  <opensearch:itemsPerPage>{len(entries)}</opensearch:itemsPerPage>
  <opensearch:totalResults>{len(entries) if total is None else total}</opensearch:totalResults>
  <opensearch:startIndex>0</opensearch:startIndex>
  {"".join(entries)}
</feed>""".encode()


def refusal(reason: str) -> bytes:
    """What arXiv answers to what it does not understand."""
    return feed(f"""<entry>
    <id>https://arxiv.org/api/errors#{reason.replace(" ", "_")}</id>
    <title>Error</title>
    <summary>{reason}</summary>
    <author><name>arXiv api core</name></author>
  </entry>""")


def known(*arxiv_ids: str) -> Callable[[dict[str, str]], bytes]:
    """An arXiv that has these papers, for a query too, and leaves out what it has not."""

    def answer(query: dict[str, str]) -> bytes:
        wanted = query["id_list"].split(",") if "id_list" in query else arxiv_ids
        return feed(*(entry(each) for each in wanted if each in arxiv_ids))

    return answer


CSL = {
    "type": "article-journal",
    "title": "How bees dance",
    "author": [{"given": "Berta", "family": "Imker", "sequence": "first", "affiliation": []}],
    "container-title": "Journal of Bees",
    "issued": {"date-parts": [[2019, 5, 2]]},
    "DOI": "10.1000/Bees",
    "URL": "http://dx.doi.org/10.1000/bees",
    "abstract": "<jats:p>Bees dance in the dark.</jats:p>",
}
BARE = {name: value for name, value in CSL.items() if name != "abstract"}
SCHOLAR = {
    "paperId": "0123456789abcdef0123456789abcdef01234567",
    "externalIds": {"DOI": "10.1000/bees", "CorpusId": 1},
    "title": "How bees dance",
    "abstract": "Bees dance in the dark, says another.",
    "year": 2019,
    "venue": "Journal of Bees",
    "authors": [{"authorId": "1", "name": "Berta Imker"}],
    "url": "https://www.semanticscholar.org/paper/0123456789abcdef0123456789abcdef01234567",
}


@contextmanager
def serving() -> Iterator[Web]:
    """The services, until the end of the block."""
    web = Web()
    thread = Thread(target=web.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield web
    finally:
        web.done.set()
        web.shutdown()
        thread.join()
        web.server_close()
