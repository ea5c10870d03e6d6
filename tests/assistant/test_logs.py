"""What the server logs: one line per turn, questions when asked for, no secrets."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from assistant import Assistant, Conversation, Settings, set_up_logging
from assistant.testing import ScriptedServer
from index_store import Library

from .turns import collect

QUESTION = "How does MiniCache compress the KV cache?"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    for name in ("assistant", "index_store", "ui", "openai", "httpx", "httpcore", "llama_index"):
        logging.getLogger(name).setLevel(logging.NOTSET)


async def logged(library: Library, capsys: pytest.CaptureFixture[str], owner: str = "", **known: Any) -> list[str]:
    settings = Settings(**known)
    set_up_logging(settings)
    assistant = Assistant(library, settings)
    await collect(assistant.ask(QUESTION, Conversation.begun(), owner=owner))
    assistant.conversations.close()
    return [line for line in capsys.readouterr().err.splitlines() if "turn over" in line]


async def test_a_turn_is_one_line_of_json(sample_library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = await logged(sample_library, capsys, "ann", log_format="json")
    told = json.loads(line)
    assert (told["kind"], told["outcome"], told["user"], told["level"]) == ("ask", "answered", "ann", "INFO")
    assert len(told["turn"]) == 32 and told["citations"] > 0 and told["papers"] > 0
    assert {"search", "total"} <= told["seconds"].keys()
    assert "MiniCache" not in line


async def test_a_question_is_logged_only_when_asked_for(
    sample_library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = await logged(sample_library, capsys)
    assert "kind=ask outcome=answered" in line and "user=" not in line and "MiniCache" not in line
    (line,) = await logged(sample_library, capsys, log_questions=True)
    assert QUESTION in line
    (line,) = await logged(sample_library, capsys, log_questions=True, log_format="json")
    assert json.loads(line)["question"] == QUESTION
    assert await logged(sample_library, capsys, log_level="warning") == []


@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_secret_that_a_library_logs_is_hidden_in_traces_too(form: Any, capsys: pytest.CaptureFixture[str]) -> None:
    known: Any = {"OPENAI_API_KEY": "sk-marked-1", "CHROMA_URL": "http://ann:marked-2@localhost:8000"}
    set_up_logging(Settings(log_format=form, log_level="debug", **known))
    try:
        raise ValueError("refused sk-marked-1")
    except ValueError:
        logging.getLogger("some.library").exception("with %s", "http://ann:marked-2@localhost:8000")
    said = capsys.readouterr().err
    assert "refused …" in said and "ann:…@localhost" in said and "marked" not in said


@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_password_in_an_address_is_hidden_as_it_is_written_and_as_it_is_meant(
    form: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    known: Any = {
        "DATABASE_URL": "postgresql://ann:marked%2F%22one@localhost/papers",
        "CHROMA_URL": "http://localhost:8000",
        "OPENAI_BASE_URL": "http://localhost:9/v1?api-key=marked-two",
    }
    set_up_logging(Settings(log_format=form, **known))
    logging.getLogger("some.library").warning("sent %s and %s, %s", "marked%2F%22one", 'marked/"one', "marked-two")
    said = capsys.readouterr().err
    assert "sent … and …, …" in said and "marked" not in said


@pytest.mark.parametrize("with_questions", [False, True])
async def test_at_debug_too_no_library_logs_the_question_unless_asked_for(
    sample_library: Library, capsys: pytest.CaptureFixture[str], with_questions: bool
) -> None:
    with ScriptedServer() as server:
        server.enqueue("MiniCache merges the states of neighbouring layers [P1.1].")
        address: Any = {"OPENAI_BASE_URL": server.base_url}
        settings = Settings(
            llm_model="scripted", llm_retries=0, log_level="debug", log_questions=with_questions, **address
        )
        set_up_logging(settings)
        logging.getLogger("some.library").debug("said at debug")
        assistant = Assistant(sample_library, settings)
        await assistant.answer("How does zyxgrape the MiniCache qwovling KV cache?")
        assistant.conversations.close()
        assert len(server.chats) == 1 and "zyxgrape" in server.chats[0].text
    said = capsys.readouterr().err
    assert "said at debug" in said
    found = [line[:200] for line in said.splitlines() if re.search("zyxgrape|qwovling|MiniCache", line)]
    assert bool(found) == with_questions, found
