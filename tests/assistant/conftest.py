"""The command line, run in this process on a copy of the sample collection."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assistant import Assistant, Connection, Settings, cli
from assistant.testing import ScriptedServer
from index_store import Embedder, Library

from .calling import Connect


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], embedder: Embedder) -> Run:
    """Runs `research-assistant` with the given arguments on the library of this test's own home."""
    monkeypatch.setattr("assistant.engine.open_embedder", lambda *_, **__: embedder)  # loaded once, not per command

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["research-assistant", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture
def home(tmp_path: Path, sample_home: Path) -> Path:
    """This test's own home, where commands look by themselves, with the sample collection in it."""
    return Path(shutil.copytree(sample_home, tmp_path / "home"))


Model = Callable[..., Assistant]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def connect(server: ScriptedServer) -> Connect:
    """A connection to the server, with no retries unless they are asked for."""

    def connect(**known: Any) -> Connection:
        return Connection(**{"model": "scripted", "base_url": server.base_url, "retries": 0, "timeout": 5.0, **known})

    return connect


@pytest.fixture
def model(server: ScriptedServer, sample_library: Library) -> Model:
    """The assistant over the sample collection with the scripted model."""

    def model(**known: Any) -> Assistant:
        defaults = {"llm_model": "scripted", "llm_retries": 0, "OPENAI_BASE_URL": server.base_url, "llm_timeout": 20.0}
        return Assistant(sample_library, Settings(home=sample_library.home, **(defaults | known)))

    return model
