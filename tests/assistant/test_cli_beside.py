"""The command line while another process, such as the page, has the library open."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from assistant import console
from index_store import Background, Embedder, Library, search

from .conftest import Run
from .test_cli import QUESTION, command
from .test_cli_library import YEAST, ZEBRAFISH, ids, records, titles_found


@pytest.fixture
def page(home: Path, embedder: Embedder) -> Iterator[Library]:
    """A library that is open elsewhere, and whose owner embeds what comes, as the page does."""
    with Library(home, embedder) as library:
        background = Background(library)
        background.wake()
        yield library
        background.stop()


def test_a_second_process_is_told_that_the_library_is_in_use_and_may_still_read(home: Path, embedder: Embedder) -> None:
    with Library(home, embedder):
        asked = command("ask", QUESTION, "--home", home)
        status = command("status", "--home", home, "--json")
    assert (asked.returncode, asked.stdout) == (1, "")
    assert asked.stderr == f"The library in {home} is open in another process. Ask on its page, or stop it first.\n"
    assert (status.returncode, json.loads(status.stdout)["papers"]) == (0, 97)


@pytest.mark.parametrize("arguments", [["search", "cache"], ["rebuild"], ["doctor"]])
@pytest.mark.usefixtures("page")
def test_what_needs_the_index_for_itself_says_what_to_do(run: Run, arguments: list[str]) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "is open in another process" in ran.err and "stop it first" in ran.err


def test_the_owner_indexes_what_is_added_beside_it(run: Run, page: Library, tmp_path: Path) -> None:
    ran = run("add", records(tmp_path / "papers.jsonl", ZEBRAFISH, YEAST))
    assert (ran.code, ran.out, ran.err) == (0, "2 new. 99 papers in the library.\n", "")
    status = page.status()
    assert (status.papers, status.pending) == (99, 0)
    assert search(page, "zebrafish hearts regrow", 1).hits[0].paper.title == "Zebrafish hearts"


def test_removing_restoring_and_collecting_work_beside_the_owner(run: Run, page: Library) -> None:
    paper = search(page, QUESTION, 1).hits[0].paper
    assert run("remove", paper.id, "--json").json["papers"] == 96
    assert search(page, QUESTION, 1).hits[0].paper.id != paper.id
    assert run("restore", paper.id, "--json").json == {"restored": 1, "papers": 97}
    assert page.status().pending == 0
    assert search(page, QUESTION, 1).hits[0].paper.id == paper.id
    assert run("collection", "add", "thesis", paper.id, "--json").json["added"] == 1
    assert run("sample", "remove", "--json").json == {"removed": 97, "papers": 0}


def test_when_the_owner_ends_the_command_does_the_rest(
    run: Run, home: Path, embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_STILL", 0.5)
    library = Library(home, embedder)  # it embeds nothing

    def end() -> None:
        time.sleep(1)
        library.close()

    ending = Thread(target=end)
    ending.start()
    ran = run("add", records(tmp_path / "papers.jsonl", ZEBRAFISH))
    ending.join()
    assert (ran.code, ran.err) == (0, "")
    assert run("status", "--json").json["pending"] == 0
    assert titles_found(run("search", "zebrafish hearts regrow", "-k", 1, "--json")) == ["Zebrafish hearts"]


def test_an_owner_that_embeds_nothing_is_not_waited_for_without_end(
    run: Run, home: Path, embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_STILL", 0.1)
    monkeypatch.setattr(console, "_LOOKED", 3)
    with Library(home, embedder):
        ran = run("add", records(tmp_path / "papers.jsonl", ZEBRAFISH))
        assert ran.out == "1 new. 98 papers in the library.\n"
        assert ran.err == "1 papers wait: another process has the library open, and goes on with them later.\n"
    assert run("index", "--json").json == {"indexed": 1}


def _heeds_interrupts() -> None:
    """A job in the background of a shell has Ctrl-C ignored, and all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_add_that_is_stopped_while_it_waits_keeps_what_went_in(
    home: Path, embedder: Embedder, tmp_path: Path, run: Run
) -> None:
    file = records(tmp_path / "papers.jsonl", ZEBRAFISH)
    with Library(home, embedder) as library:
        program = Path(sys.executable).with_name("research-assistant")
        arguments = [program, "add", file, "--home", home]
        with subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_heeds_interrupts
        ) as adding:
            while library.status().papers == 97 and adding.poll() is None:
                time.sleep(0.05)
            adding.send_signal(signal.SIGINT)
            _, said = adding.communicate(timeout=30)
    assert (adding.returncode, said.count("\n")) == (130, 1), said
    assert "What was done is kept" in said
    assert ids(run)["Zebrafish hearts"]
