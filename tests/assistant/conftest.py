"""The command line, run in this process on a copy of the sample collection."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assistant import cli
from index_store import Embedder


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
