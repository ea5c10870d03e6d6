"""The command line's contract: what scripts read, exit codes, and one line on stderr when something is wrong."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.testing import Reply, ScriptedServer

from .conftest import Run

QUESTION = "How does MiniCache compress the KV cache?"


# -- what scripts read ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("home")
def test_search_prints_ranked_papers_with_their_passages(run: Run) -> None:
    ran = run("search", QUESTION, "-k", "3", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [hit["rank"] for hit in ran.json] == [1, 2, 3]
    assert ran.json[0]["paper"]["title"].startswith("MiniCache")
    assert ran.json[0]["score"] >= ran.json[1]["score"] >= ran.json[2]["score"]
    for hit in ran.json:
        assert hit.keys() == {"rank", "score", "paper", "passages"}
        assert hit["paper"].keys() >= {"id", "title", "abstract", "source"}
        for passage in hit["passages"]:
            assert hit["paper"]["abstract"][passage["start"] : passage["end"]] == passage["text"]


@pytest.mark.usefixtures("home")
def test_ask_prints_the_documented_object_whose_quotes_are_slices_of_abstracts(run: Run) -> None:
    ran = run("ask", QUESTION, "--json")
    assert (ran.code, ran.err) == (0, "")
    keys = {"question", "mode", "answer", "refused", "citations", "papers", "llm", "timings"}
    assert ran.json.keys() >= keys
    assert (ran.json["question"], ran.json["mode"], ran.json["refused"], ran.json["llm"]) == (
        QUESTION,
        "ask",
        False,
        None,
    )
    assert ran.json["timings"]["total"] > 0
    assert {citation["number"] for citation in ran.json["citations"]} == set(range(1, 1 + max_number(ran.json)))
    for citation in ran.json["citations"]:
        assert citation.keys() >= {"number", "paper", "sentence", "start", "end", "quote", "support"}
        assert citation["paper"]["abstract"][citation["start"] : citation["end"]] == citation["quote"]
        assert f"[{citation['number']}]" in ran.json["answer"]
        assert citation["paper"] in ran.json["papers"]


def max_number(answer: dict[str, Any]) -> int:
    return max((int(citation["number"]) for citation in answer["citations"]), default=0)


@pytest.mark.usefixtures("home")
def test_a_refusal_is_a_success_that_says_so(run: Run) -> None:
    ran = run("ask", "What is the best recipe for lasagne?", "--json")
    assert (ran.code, ran.json["refused"], ran.json["citations"], ran.json["papers"]) == (0, True, [], [])


@pytest.mark.usefixtures("home")
def test_ask_for_people_prints_the_answer_and_its_references(run: Run) -> None:
    ran = run("ask", QUESTION)
    assert ran.code == 0
    answer, _, references = ran.out.partition("searched.*\n")
    assert "across layers" in answer and "[1]" in answer
    assert references.startswith("[1] MiniCache: KV Cache Compression in Depth Dimension")


@pytest.mark.usefixtures("home")
def test_search_for_people_prints_the_best_passage_in_two_lines_under_each_title(run: Run) -> None:
    hits = run("search", QUESTION, "-k", "3", "--json").json
    lines = run("search", QUESTION, "-k", "3").out.splitlines()
    starts = [place for place, line in enumerate(lines) if not line.startswith("     ") and hits_rank(line)]
    assert len(starts) == 3
    for hit, start, end in zip(hits, starts, [*starts[1:], len(lines)], strict=True):
        shown = [line for line in lines[start:end] if line.startswith("     ")]
        assert 1 <= len(shown) <= 2
        assert hit["passages"][0]["text"].startswith(shown[0].strip()[:30])


def hits_rank(line: str) -> bool:
    """Whether a line of `search` begins a paper."""
    return line.strip().partition(".")[0].isdigit()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A scripted model that the environment names, for this process and those it starts."""
    with ScriptedServer(key="sk-right") as server:
        for name, value in {"LLM_MODEL": "scripted", "LLM_RETRIES": "0"}.items():
            monkeypatch.setenv(f"RESEARCH_ASSISTANT_{name}", value)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
        yield server


@pytest.mark.usefixtures("home")
def test_a_written_answer_shows_what_the_support_check_found(run: Run, server: ScriptedServer) -> None:
    text = (
        "Adjacent layers hold highly similar KV cache states [P1.3]. "
        "MiniCache doubles the salaries of 900 gardeners in Peru [P1.2]. The moon is made of green cheese."
    )
    server.enqueue(text, text)
    turn = run("ask", QUESTION, "--json").json
    ran = run("ask", QUESTION)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    total = sum(turn["support"].values())
    found = ", ".join(f"{count} {label}" for label, count in turn["support"].items() if count)
    assert f"{total} claims: {found}" in lines
    signs = {"supported": "", "verbatim": "", "partly": "~", "not found": "?"}
    answer = ran.out.partition(f"{total} claims")[0]
    for citation in turn["citations"]:
        assert f"[{citation['number']}{signs[citation['support']]}]" in answer
    assert "?]" in answer
    assert any(line.startswith("[1] MiniCache") for line in lines)


@pytest.mark.usefixtures("home")
def test_a_note_is_printed_and_references_stand_on_their_own_line(run: Run, server: ScriptedServer) -> None:
    cut = Reply("Adjacent layers hold highly similar KV cache states [P1.3].", finish="length")
    server.enqueue(cut, cut)
    note = run("ask", QUESTION, "--json").json["note"]
    lines = run("ask", QUESTION).out.splitlines()
    assert note and note in lines
    assert sum(line.startswith("[1] MiniCache") for line in lines) == 1


@pytest.mark.usefixtures("home")
def test_an_answer_that_breaks_off_leaves_its_references_on_their_own_line(run: Run, server: ScriptedServer) -> None:
    words = "Adjacent layers hold highly similar KV cache states [P1.3]. And then the answer goes on for some words"
    server.enqueue(Reply(words, fault="cut", fault_after=14))
    ran = run("ask", QUESTION)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert all(line.startswith("[1]") for line in ran.out.splitlines() if "MiniCache: KV Cache" in line)
    assert not ran.out or ran.out.endswith("\n")


@pytest.mark.parametrize("form", [["--json"], []])
def test_a_refused_key_is_one_line_on_stderr(
    home: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    ran = command("ask", QUESTION, "--home", home, *form)  # a process of its own: pytest has log handlers in this one
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "key" in ran.stderr and "Traceback" not in ran.stderr
    assert len(server.chats) == 1
    if form:
        assert json.loads(ran.stdout)["problem"] == ran.stderr.strip()


@pytest.mark.usefixtures("home")
def test_the_output_of_ask_serves_as_history_and_numbers_go_on(run: Run, tmp_path: Path) -> None:
    first = run("ask", "What is DuoAttention?", "--json").json
    history = tmp_path / "history.json"
    messages = [
        {"role": "user", "content": first["question"]},
        {"role": "assistant", "content": first["answer"], "citations": first["citations"]},
    ]
    history.write_text(json.dumps(messages))
    second = run("ask", "and how much memory does it need?", "--history", history, "--json").json
    third = run("ask", QUESTION, "--history", history, "--json").json
    numbers = {citation["paper"]["id"]: citation["number"] for citation in first["citations"]}
    assert second["citations"][0]["paper"]["title"].startswith("DuoAttention")
    for later in (second, third):
        for citation in later["citations"]:
            assert numbers.get(citation["paper"]["id"], citation["number"]) == citation["number"]
            assert (citation["number"] <= max_number(first)) == (citation["paper"]["id"] in numbers)


# -- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "missing.jsonl"], "missing.jsonl is neither a file here nor an identifier such as arxiv:2309.17453"),
        (["restore", "nothing"], "1 of these ids are of no paper that was removed"),
        (["collection", "add", "thesis", "nothing"], "No paper has the id 'nothing'"),
        (["show", "nothing"], "No paper has the id 'nothing'. `research-assistant list` shows the ids."),
        (["remove", "nothing"], "No paper has the id 'nothing'"),
        (["ask", " "], "The question is empty."),
        (["ask", "MiniCache", "--mode", "compare"], "A comparison needs two things or more."),
        (["ask", "/contrast A and B"], "There is no command /contrast"),
        (["ask", "x" * 4001], "4,001 characters; 4,000 are allowed"),
        (["status", "--home", "/proc/nothing"], "The folder /proc/nothing cannot be made"),
        (["ask", "A", "--home", "/proc/nothing"], "The folder /proc/nothing cannot be made"),
    ],
)
def test_a_failure_is_one_line_on_stderr_and_exit_code_1(run: Run, arguments: list[str], said: str) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "cannot be read as JSON"),
        ('{"role": "user"}', "must be a JSON list"),
        ('[{"role": "user"}]', "Message 1"),
    ],
)
def test_a_malformed_history_is_refused_with_the_reason(run: Run, tmp_path: Path, content: str, said: str) -> None:
    history = tmp_path / "history.json"
    history.write_text(content)
    ran = run("ask", "A question", "--history", history)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert said in ran.err


def test_a_misspelt_setting_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESEARCH_ASSISTANT_PROT", "80")
    ran = run("status")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "prot" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        *(["search"], ["search", "A", "-k", "0"], ["search", "A", "--collection", "nothing"]),
        *(["ask", "A", "--mode", "guess"], ["ask", "A", "--collection", "nothing"]),
        *(["ask", "A", "--history", "missing.json"], ["nonsense"], ["show"], ["serve", "--port", "x"]),
        *(["add"], ["add", "--limit", "0", "--arxiv-query", "bees"]),
        *(["list", "--limit", "many"], ["list", "--sort", "size"], ["list", "--source", "nothing.bib"]),
        *(["remove"], ["remove", "a", "--source", "b"], ["restore"]),
        *(["collection", "add", " ", "a"], ["collection", "delete", "nothing"]),
        *(["export", "--format", "docx"], ["export", "--output", "papers.docx"], ["export", "--source", "nothing"]),
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage" in ran.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    ran = run("status", "--home", locked)
    assert (ran.code, str(locked) in ran.err) == (1, True)


def test_a_taken_port_is_told_before_anything_is_opened(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("serve", "--port", port)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert f"127.0.0.1:{port}" in ran.err and f"PORT={port + 1} make run" in ran.err
    assert not (tmp_path / "home").exists()


# -- more than one process --------------------------------------------------------------------------------------------


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the installed command as its own process."""
    program = Path(sys.executable).with_name("research-assistant")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def test_the_installed_command_answers_in_a_process_of_its_own(home: Path) -> None:
    ran = command("ask", QUESTION, "--home", home, "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["citations"][0]["paper"]["title"].startswith("MiniCache")


# -- what a command waits for -----------------------------------------------------------------------------------------

_LOADED = """
import sys
from assistant.cli import app
app(sys.argv[1:], standalone_mode=False)
print("loaded", *{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""
_SLOW = {"llama_index", "chromadb", "openai", "nltk", "sklearn", "gradio"}  # a second each, or half of one


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("version", set[str]()),
        ("status", set[str]()),
        ("list", set[str]()),
        ("collection list", set[str]()),
        ("user list", set[str]()),
        ("search MiniCache", {"llama_index", "chromadb"}),
        ("ask MiniCache", {"llama_index", "chromadb", "nltk"}),  # no model is set, so no client is needed
    ],
)
def test_a_command_loads_no_slow_library_that_it_does_not_need(home: Path, command: str, needed: set[str]) -> None:
    environment = {**os.environ, "RESEARCH_ASSISTANT_HOME": str(home)}
    ran = subprocess.run(
        [sys.executable, "-c", _LOADED, *command.split()], env=environment, capture_output=True, text=True, check=True
    )
    assert _SLOW & set(ran.stderr.partition("loaded ")[2].split()) == needed
