"""What the README says holds: its commands run, its table is the code's, its links lead somewhere."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from assistant import Assistant, Settings, cli, settings_table
from index_store import Embedder, Library

from .online import CSL, known, serving

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS: dict[str, Any] = get_command(cli.app).commands  # type: ignore[attr-defined]
SHELL_LINES = [
    line.partition(" #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
PROGRAM = ".venv/bin/research-assistant "


def test_the_settings_table_is_the_one_of_the_code() -> None:
    (table,) = re.findall(r"<!-- settings:.*?-->\n(.*?)\n<!-- /settings -->", README, re.DOTALL)
    assert table == settings_table()


def test_every_command_that_is_named_exists() -> None:
    named = set(re.findall(r"research-assistant ([a-z]+)\b", README.partition("\n## ")[2]))
    assert named <= COMMANDS.keys()


def test_every_command_is_named() -> None:
    assert {name for name in COMMANDS if not re.search(rf"[`\s]{name}\b", README)} <= {"version"}


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", README)) <= targets


def test_every_file_that_is_linked_or_shown_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", README) if not link.startswith(("http", "#"))]
    assert links
    assert [link for link in links if not (ROOT / link).is_file()] == []


@pytest.mark.parametrize("line", [line for line in SHELL_LINES if line.startswith(PROGRAM)])
def test_a_command_of_the_readme_runs_as_it_stands(
    line: str, tmp_path: Path, sample_home: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sample_home, tmp_path / "home")
    monkeypatch.setattr("assistant.engine.open_embedder", lambda *_, **__: embedder)
    monkeypatch.chdir(tmp_path)
    abstract = "Zebrafish hearts regrow after injury, as their muscle cells divide again. " * 5
    Path("papers.jsonl").write_text(json.dumps({"title": "One", "abstract": abstract}))
    Path("notes.txt").write_text(f"Two\n{abstract}\n")
    Path("listing.txt").write_text(f"Three\n{abstract}\nFour\n{abstract}\n")
    question = {"role": "user", "content": "How does MiniCache compress the KV cache?"}
    Path("earlier.json").write_text(json.dumps([question, {"role": "assistant", "content": "Across layers [1]."}]))
    Path("library.bib").write_text(f"@article{{four, title = {{Four}}, abstract = {{{abstract}}}}}")
    with serving() as web:
        web.feeds = known("2309.17453")
        web.dois["10.1038/nature14539"] = CSL
        for name in ("arxiv", "doi", "abstracts"):
            monkeypatch.setenv(f"RESEARCH_ASSISTANT_{name.upper()}_URL", getattr(web.services, name))
        ran = CliRunner().invoke(cli.app, shlex.split(line.removeprefix(PROGRAM)))
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.strip()


async def test_what_ask_prints_is_what_is_documented(sample_library: Library) -> None:
    turn = await Assistant(sample_library, Settings()).answer("What is TabPFN?")
    printed = json.loads(json.dumps(turn.to_dict()))
    (sentence,) = re.findall(r"`ask --json` prints (.*?);", README, re.DOTALL)
    documented = set(re.findall(r"`([a-z_]+)`", sentence))
    assert documented >= {"question", "mode", "answer", "refused", "citations", "papers", "llm", "timings", "quote"}
    assert documented <= printed.keys() | printed["citations"][0].keys()


def test_the_python_example_runs_as_it_stands(
    sample_home: Path,
    embedder: Embedder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    shutil.copytree(sample_home, tmp_path / "home")
    monkeypatch.setenv("RESEARCH_ASSISTANT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("assistant.engine.open_embedder", lambda *_, **__: embedder)
    exec(compile(example, "README.md", "exec"), {})
    assert "[1]" in capsys.readouterr().out
