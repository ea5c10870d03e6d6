"""What whoever watches the server is told."""

import shutil
from pathlib import Path

import httpx
from fastapi import FastAPI
from starlette.testclient import TestClient

from assistant import Assistant, Settings
from index_store import Embedder, Library
from ui.health import add_health

from .browser import served, with_users

READY = dict.fromkeys(("catalogue", "conversations", "vectors", "words"), "ok")


def test_a_server_with_sign_in_tells_everybody_that_it_is_ready_and_nothing_more(
    sample_home: Path, tmp_path: Path
) -> None:
    with served(with_users(Path(shutil.copytree(sample_home, tmp_path / "home")))) as address:
        assert (httpx.get(f"{address}/healthz").status_code, httpx.get(f"{address}/healthz").text) == (200, "ok")
        ready = httpx.get(f"{address}/readyz")
        assert (ready.status_code, ready.json()) == (200, READY)


def test_each_part_that_does_not_answer_is_named(sample_home: Path, tmp_path: Path, embedder: Embedder) -> None:
    home = Path(shutil.copytree(sample_home, tmp_path / "home"))
    library = Library(home, embedder)
    assistant, app = Assistant(library, Settings(home=home)), FastAPI()
    add_health(app, assistant)
    with TestClient(app) as client:
        assert client.get("/readyz").json() == READY
        assistant.close()
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["vectors"].startswith("does not answer (")
        assert str(home) not in answer.text
        assert client.get("/healthz").text == "ok"
