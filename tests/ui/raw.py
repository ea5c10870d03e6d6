"""The page over raw HTTP, as somebody sends it who does not care for buttons."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from .browser import PASSWORD

Dependency = Mapping[str, Any]


@contextmanager
def client(address: str, name: str = "", password: str = PASSWORD) -> Iterator[httpx.Client]:
    """A client of the page, signed in if it has a name."""
    with httpx.Client(base_url=address, timeout=60) as opened:
        if name:
            answer = opened.post("/sign-in", data={"name": name, "password": password})
            assert answer.status_code == 303, answer.text
        yield opened


def functions(page: httpx.Client) -> list[Dependency]:
    """All functions of the page that run on the server, as its `/config` lists them."""
    return [each for each in page.get("/config").json()["dependencies"] if each["backend_fn"]]


def names(page: httpx.Client, function: Dependency) -> set[str]:
    """The `elem_id`s of the components whose events run a function."""
    known = {each["id"]: each["props"].get("elem_id") for each in page.get("/config").json()["components"]}
    return {known[target] for target, _ in function["targets"] if known.get(target)}


def new_session() -> str:
    """A session hash as the page makes one."""
    return secrets.token_hex(5)


def join(
    page: httpx.Client, function: Dependency, session: str, data: list[Any] | None = None, **event: Any
) -> httpx.Response:
    """Asks for a function to be run; without `data` every input is empty."""
    body = {
        "fn_index": function["id"],
        "data": [None] * len(function["inputs"]) if data is None else data,
        "session_hash": session,
        "event_data": event or None,
        "trigger_id": None,
    }
    return page.post("/gradio_api/queue/join", json=body)


def call(
    page: httpx.Client, function: Dependency, session: str, data: list[Any] | None = None, **event: Any
) -> list[dict[str, Any]]:
    """Runs a function and gives all that the server tells of it, the last being how it ended."""
    joined = join(page, function, session, data, **event)
    assert joined.status_code == 200, joined.text
    told = []
    with page.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line[6:]))
            if told and told[-1]["msg"] == "process_completed":
                break
    return told
