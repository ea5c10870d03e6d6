"""One run of the product with marked secrets and a server that repeats them: they are nowhere in what the run left."""

import base64
import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from assistant import Archive
from assistant.testing import Reply, ScriptedServer
from ui import words

from . import raw
from .browser import PASSWORD, QUESTION, served, with_users

LLM, RERANK, CHROMA = "marked-llm-0a1b2c3d4e", "marked-rerank-5f6a7b8c", "marked-chroma-9d0e1f2a"
IN_ADDRESS, IN_QUERY = "marked-pw-77", "marked-query-3c4d5e6f"
BASIC = base64.b64encode(f"lab:{IN_ADDRESS}".encode()).decode()
ANSWER = "MiniCache compresses the KV cache across layers [P1.2]."


def echo(status: int, key: str = LLM) -> Reply:
    """What a server answers that repeats the key it was sent."""
    return Reply(status=status, error=f"you sent the key {key}", code="odd")


def connected(page: httpx.Client, address: str) -> str:
    """What an admin is told who leaves the address of the model as the panel shows it."""
    (function,) = [each for each in raw.functions(page) if "connect" in raw.names(page, each)]
    data = ["scripted", address, "", None, None, None, None, None, None]
    return json.dumps(raw.call(page, function, raw.new_session(), data), ensure_ascii=False)


def turns(page: httpx.Client, session: str) -> str:
    """Asks, and gives all that the page was told."""
    (function,) = [each for each in raw.functions(page) if "send" in raw.names(page, each)]
    data = [QUESTION, "auto", None, None, None, "", "", "", "", "", False, None]
    return json.dumps(raw.call(page, function, session, data), ensure_ascii=False)


@pytest.mark.timeout(300)
def test_no_secret_is_in_anything_that_a_run_leaves(sample_home: Path, tmp_path: Path) -> None:
    home = with_users(Path(shutil.copytree(sample_home, tmp_path / "home")))
    left: dict[str, str] = {}
    with ScriptedServer() as server:
        server.score = lambda query, document: 0.5
        known = {
            "OPENAI_API_KEY": LLM, "OPENAI_BASE_URL": server.base_url, "RESEARCH_ASSISTANT_LLM_MODEL": "scripted",
            "RESEARCH_ASSISTANT_LLM_RETRIES": "0", "RESEARCH_ASSISTANT_RERANK_URL": server.base_url,
            "RESEARCH_ASSISTANT_RERANK_API_KEY": RERANK, "CHROMA_TOKEN": CHROMA,
            "RESEARCH_ASSISTANT_LOG_LEVEL": "debug", "RESEARCH_ASSISTANT_LOG_QUESTIONS": "true",
        }  # fmt: skip
        locked = known | {"OPENAI_BASE_URL": server.base_url.replace("://", f"://lab:{IN_ADDRESS}@")}
        with (tmp_path / "log").open("wb") as log, served(home, log=log, **locked) as address:
            with raw.client(address, "ann") as page:
                for name, reply in {
                    "refused": echo(418),
                    "broken": echo(500),
                    "bad": echo(400),
                    "key": echo(401),
                    "answer": Reply(ANSWER),
                }.items():
                    server.enqueue(reply)
                    server.enqueue_rerank(echo(418, RERANK))
                    left[name] = turns(page, raw.new_session())
                server.enqueue("ready")
                left["connect"] = connected(page, server.base_url)
                for function in raw.functions(page):  # all that is shown when the page is opened
                    if "load" in {event for _, event in function["targets"]}:
                        left[f"load {function['id']}"] = json.dumps(raw.call(page, function, raw.new_session()))
                listed = json.loads(run(home, known, "user", "list", "--json").stdout)
                assert [user["name"] for user in listed] == ["ann", "bob"]
                for path in ("/", "/config", "/readyz", "/sign-in"):
                    left[path] = page.get(path).text
                for conversation in kept(home):
                    for kind in ("markdown", "html", "bibtex", "json"):
                        left[f"{conversation} {kind}"] = page.get(f"/save/{conversation}/{kind}").text
            with raw.client(address) as page:
                page.post("/sign-in", data={"name": "ann", "password": f"{PASSWORD} wrong"})
        assert "scripted answers" in left["connect"]
        assert {asked.headers["Authorization"] for asked in server.chats} == {f"Basic {BASIC}"}
        assert {asked.headers["Authorization"] for asked in server.reranks} == {f"Bearer {RERANK}"}
        server.answer = lambda asked: echo(418)
        for arguments in (["check"], ["doctor"], ["status"], ["settings"], ["ask", QUESTION], ["search", QUESTION]):
            ran = run(home, known, *arguments)
            left[" ".join(arguments)] = ran.stdout + ran.stderr
        assert server.chats[-1].headers["Authorization"] == f"Bearer {LLM}"
        absent = known | {"OPENAI_BASE_URL": f"http://lab:{IN_ADDRESS}@127.0.0.1:9/v1?api-key={IN_QUERY}"}
        for arguments in (["check"], ["ask", QUESTION]):
            ran = run(home, absent, *arguments)
            left["absent " + arguments[0]] = ran.stdout + ran.stderr
            assert "No server answers at http://127.0.0.1:9/v1." in left["absent " + arguments[0]]
        ran = run(home, known | {"CHROMA_URL": server.base_url}, "search", QUESTION)
        left["chroma"] = ran.stdout + ran.stderr
        assert CHROMA in {asked.headers.get("X-Chroma-Token") for asked in server.requests}
    assert "you sent the key …" in left["refused"] and "you sent the key …" in left["check"]
    assert ANSWER.partition(" [")[0] in left["answer"]
    for file in (tmp_path / "log", *(each for each in home.rglob("*") if each.is_file())):
        left[file.name] = file.read_bytes().decode("latin-1")
    assert "DEBUG" in left["log"] and "turn over" in left["log"] and words.WRONG_PASSWORD not in left["log"]
    hashes = [user["hash"] for user in json.loads(left["users.json"])["users"].values()]
    own = {"users.json": hashes, "users.key": [left["users.key"]]}
    for secret in (LLM, RERANK, CHROMA, IN_ADDRESS, IN_QUERY, BASIC, PASSWORD, *hashes, left["users.key"]):
        found = [name for name, text in left.items() if secret in text and secret not in own.get(name, ())]
        assert found == [], secret[:10]


def run(home: Path, known: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("research-assistant")
    environment = {**os.environ, **known, "RESEARCH_ASSISTANT_HOME": str(home)}
    return subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, timeout=120)


def kept(home: Path) -> list[str]:
    """The ids of ann's conversations."""
    with closing(Archive(home / "conversations.sqlite3")) as archive:
        return [listed.id for listed in archive.of("ann").list()]
