"""Processes that serve the page, killed at will, and somebody who uses a page over plain HTTP."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from index_store import ChromaServer, Postgres

PROGRAM = Path(sys.executable).with_name("research-assistant")
_HOST = "127.0.0.1"
_PATIENCE = 60.0


def until(condition: Callable[[], object], seconds: float = _PATIENCE) -> None:
    """Waits for what another process is about to do."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


class Machine:
    """A machine with a home of its own, whose settings name the shared servers. It may run commands and a page."""

    def __init__(self, home: Path, database: Postgres, chroma: ChromaServer, **settings: str) -> None:
        self.home = home
        self._page: subprocess.Popen[bytes] | None = None
        self._environment = (
            os.environ
            | settings
            | {
                "DATABASE_URL": database.url,
                "CHROMA_URL": chroma.url,
                "CHROMA_DATABASE": chroma.database,
                "RESEARCH_ASSISTANT_EMBEDDING_MODEL": "wordllama",
                "RESEARCH_ASSISTANT_HOME": str(home),
            }
        )

    def run(self, *arguments: object) -> Any:
        """What a command prints as JSON. It has to come to a good end."""
        command = [str(PROGRAM), *map(str, arguments), "--json"]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def begin(self) -> None:
        """Starts the page if it does not run; `ready` waits for it."""
        if self._page and self._page.poll() is None:
            return
        with socket.create_server((_HOST, 0)) as probe:
            self._port = probe.getsockname()[1]
        command = [str(PROGRAM), "serve", "--port", str(self._port)]
        self._page = subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL)

    def ready(self) -> "Visitor":
        """Somebody who has the page open, once it is there."""
        page = self._page
        assert page is not None, "the page was not begun"

        def listens() -> bool:
            assert page.poll() is None, "the page did not start; its message is above"
            with socket.socket() as probe:
                return probe.connect_ex((_HOST, self._port)) == 0

        until(listens)
        return Visitor(f"http://{_HOST}:{self._port}")

    def kill(self) -> None:
        """Ends the page as a power failure would."""
        if self._page:
            self._page.kill()
            self._page.wait()


class Visitor:
    """One session of a page, which does what Gradio's own script would do."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=_PATIENCE)
        self._session = uuid4().hex
        config = self._http.get("/config").raise_for_status().json()
        self._values = {part["id"]: part["props"].get("value") for part in config["components"]}
        self._ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
        self._events = config["dependencies"]

    def close(self) -> None:
        """Leaves the page."""
        self._http.close()

    def do(self, part: str, event: str, **values: Any) -> str:
        """Has an event happen to the part of this id, with values of parts by their ids; returns the event's number."""
        target = [self._ids[part], event]
        (found,) = [each for each in self._events if target in each["targets"]]
        return self._join(found, {self._ids[name]: value for name, value in values.items()})

    def open(self, conversation: str) -> None:
        """Opens a conversation, as its address does."""
        loading = next(each for each in self._events if any(target[1] == "load" for target in each["targets"]))
        self.wait(self._join(loading, {loading["inputs"][0]: conversation}))

    def _join(self, event: dict[str, Any], values: dict[int, Any]) -> str:
        data = [values.get(each, self._values.get(each)) for each in event["inputs"]]
        call = {"data": data, "fn_index": event["id"], "session_hash": self._session}
        return str(self._http.post("/gradio_api/queue/join", json=call).raise_for_status().json()["event_id"])

    def wait(self, event: str) -> None:
        """Waits until it is over."""
        with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self._session}) as lines:
            for line in lines.iter_lines():
                message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if message.get("event_id") == event and message["msg"] == "process_completed":
                    assert message["success"], message
                    return
        raise AssertionError("the page ended before it was over")

    def ask(self, question: str) -> str:
        """Asks a question; returns the event's number."""
        return self.do("question", "submit", question=question)

    def add(self, file: Path) -> str:
        """Drops a file on the page; returns the event's number."""
        uploaded = self._http.post("/gradio_api/upload", files={"files": (file.name, file.read_bytes())})
        (path,) = uploaded.raise_for_status().json()
        given = {"path": path, "orig_name": file.name, "meta": {"_type": "gradio.FileData"}}
        return self.do("drop", "upload", drop=[given])
