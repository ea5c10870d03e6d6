"""What whoever watches the server is told."""

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from assistant import Assistant, Settings
from index_store import Embedder, Library
from ui.health import add_health

from .browser import served, with_users

READY = dict.fromkeys(("catalogue", "conversations", "vectors", "words"), "ok")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def assistant(sample_home: Path, tmp_path: Path, embedder: Embedder) -> Iterator[Assistant]:
    home = Path(shutil.copytree(sample_home, tmp_path / "copy"))
    with Assistant(Library(home, embedder), Settings(home=home)) as assistant:
        yield assistant


async def asked(app: FastAPI, times: int = 1) -> list[httpx.Response]:
    """What so many are told who ask at once."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await asyncio.gather(*(client.get("/readyz") for _ in range(times)))


def watched(assistant: Assistant, clock: Clock | None = None) -> FastAPI:
    app = FastAPI()
    add_health(app, assistant, clock or Clock())
    return app


def test_a_server_with_sign_in_tells_everybody_that_it_is_ready_and_nothing_more(
    sample_home: Path, tmp_path: Path
) -> None:
    with served(with_users(Path(shutil.copytree(sample_home, tmp_path / "home")))) as address:
        assert (httpx.get(f"{address}/healthz").status_code, httpx.get(f"{address}/healthz").text) == (200, "ok")
        ready = httpx.get(f"{address}/readyz")
        assert (ready.status_code, ready.json()) == (200, READY)


def damage_catalogue(assistant: Assistant, patch: pytest.MonkeyPatch) -> None:
    assistant.library.catalogue.close()
    (assistant.library.home / "catalogue.sqlite3").write_bytes(b"damaged" * 1000)


def damage_conversations(assistant: Assistant, patch: pytest.MonkeyPatch) -> None:
    (assistant.library.home / "conversations.sqlite3").write_bytes(b"damaged" * 1000)


def damage_vectors(assistant: Assistant, patch: pytest.MonkeyPatch) -> None:
    assistant.library.vectors.close()


def damage_words(assistant: Assistant, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(assistant.library, "lexicon", None)  # an open index answers whatever happens to its files


@pytest.mark.parametrize("damage", [damage_catalogue, damage_conversations, damage_vectors, damage_words])
def test_each_part_that_does_not_answer_is_named_and_no_other(
    assistant: Assistant, damage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asyncio.run(asked(watched(assistant)))[0].json() == READY
    assistant.conversations.close()
    assistant._archive = None  # as at a start: it is opened when it is first asked for
    damage(assistant, monkeypatch)
    part = damage.__name__.removeprefix("damage_")
    (answer,) = asyncio.run(asked(watched(assistant)))
    assert answer.status_code == 503
    told = answer.json()
    assert told.pop(part).startswith("does not answer (")
    assert set(told.values()) == {"ok"}
    assert str(assistant.library.home) not in answer.text


def test_however_many_ask_it_is_looked_once_in_five_seconds_and_nothing_is_searched(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, searches, busy = list[str](), list[Any](), threading.Lock()
    meta = assistant.library.catalogue.meta

    def slow(name: str) -> str | None:
        assert busy.acquire(blocking=False), "two look at the same time"
        time.sleep(0.05)
        looks.append(name)
        busy.release()
        return meta(name)

    monkeypatch.setattr(assistant.library.catalogue, "meta", slow)
    monkeypatch.setattr(Assistant, "search", lambda *given, **named: searches.append(given))
    monkeypatch.setattr(type(assistant.library.embedder), "embed", lambda *given, **named: searches.append(given))
    clock = Clock()
    app = watched(assistant, clock)

    async def ask(times: int) -> set[str]:
        return {answer.text for answer in await asked(app, times)}

    async def ask_over_time() -> None:
        assert len(await ask(40)) == len(looks) == 1
        clock.now += 4.9
        await ask(40)
        assert len(looks) == 1
        clock.now += 0.1
        await ask(40)
        assert len(looks) == 2
        await asyncio.to_thread(damage_vectors, assistant, monkeypatch)
        assert "does not answer" not in "".join(await ask(1))
        clock.now += 5
        assert "does not answer" in "".join(await ask(1))

    asyncio.run(ask_over_time())
    assert searches == []
