"""A reader who asks through the page's own protocol: what a browser sends and is sent, without the browser."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from gradio_client.utils import apply_diff

API = "/gradio_api"
_SOURCE = 'class="card"'


@dataclass
class Answer:
    """What came of one question: seconds until the sources and the first written word were there, and until the end.

    `whole` is None where the turn ended without the model's answer. `shown` is what the page holds of the turns then,
    `problem` why it holds nothing of this one.
    """

    kind: str
    asked: str
    sources: float | None = None
    first: float | None = None
    whole: float | None = None
    shown: str = ""
    problem: str = ""


@dataclass
class Page:
    """Where the parts of the page and the handler of a question are, as the page's own configuration says."""

    ask: int
    begin: int
    parts: dict[str, int]
    inputs: list[Any]
    outputs: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Page":
        """Reads the configuration."""
        parts = {item["props"].get("elem_id"): item["id"] for item in config["components"]}
        values = {item["id"]: item["props"].get("value") for item in config["components"]}
        by_click = {part: dep for dep in config["dependencies"] for part, event in dep["targets"] if event == "click"}
        ask, begin = by_click[parts["send"]], by_click[parts["new"]]
        return cls(ask["id"], begin["id"], parts, [values.get(part) for part in ask["inputs"]], ask["outputs"])


class Reader:
    """One session of the page. `name` is in its questions, and the scripted model repeats it."""

    def __init__(self, client: httpx.AsyncClient, page: Page, name: str, session: str = "") -> None:
        self._client, self._page, self.name = client, page, name
        self._session = session or secrets.token_hex(6)

    async def new(self) -> None:
        """Turns to an empty conversation."""
        async for _ in self._events(self._page.begin, [None, None]):
            pass

    async def ask(self, question: str, kind: str, marker: str) -> Answer:
        """Asks, and reads until the answer is whole."""
        answer, began = Answer(kind, marker), time.perf_counter()
        inputs = [question, kind, *self._page.inputs[2:]]
        turns, draft, sources = (
            self._page.outputs.index(self._page.parts[name]) for name in ("turns", "draft", "sources")
        )
        values: list[Any] | None = None
        try:
            async for message in self._events(self._page.ask, inputs):
                if message["msg"] == "process_generating":
                    data = message["output"]["data"]
                    values = (
                        data
                        if values is None
                        else [apply_diff(old, new) for old, new in zip(values, data, strict=True)]
                    )
                    now = time.perf_counter() - began
                    if answer.sources is None and _SOURCE in _text(values[sources]):
                        answer.sources = now
                    if answer.first is None and says(marker) in _text(values[draft]):
                        answer.first = now
                    answer.shown = _text(values[turns]) or answer.shown  # empty where they stay as they are
                    if answer.whole is None and says(marker) in answer.shown:
                        answer.whole = now
                elif message["msg"] == "process_completed" and not message["success"]:
                    answer.problem = str(message["output"])
        except (httpx.HTTPError, OSError) as error:
            answer.problem = f"{type(error).__name__}: {error}"
        return answer

    async def _events(self, handler: int, inputs: list[Any]) -> AsyncIterator[dict[str, Any]]:
        """The messages of one event of the page, until it is over."""
        call = {
            "data": inputs,
            "fn_index": handler,
            "session_hash": self._session,
            "event_data": None,
            "trigger_id": None,
        }
        joined = await self._client.post(f"{API}/queue/join", json=call)
        joined.raise_for_status()
        event = joined.json()["event_id"]
        stream = self._client.stream("GET", f"{API}/queue/data", params={"session_hash": self._session})
        async with stream as response:
            async for line in response.aiter_lines():
                if not line.startswith("data: "):
                    continue
                message = json.loads(line.removeprefix("data: "))
                if message.get("event_id") == event:
                    yield message
                if message["msg"] in ("close_stream", "unexpected_error", "server_stopped"):
                    return


def _text(value: Any) -> str:
    value = value.get("value", "") if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""


def says(marker: str) -> str:
    """What the scripted model says to a question with this marker."""
    return f"Reply-to-{marker}"


async def at_once(readers: Sequence[Reader], work: Callable[[Reader], Awaitable[list[Answer]]]) -> list[Answer]:
    """What all readers get when each does its work beside the others."""
    return [answer for answers in await asyncio.gather(*(work(reader) for reader in readers)) for answer in answers]
