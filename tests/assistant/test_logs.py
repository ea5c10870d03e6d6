"""What the server logs: one line per turn, questions when asked for, no secrets."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from assistant import Assistant, Conversation, Settings, set_up_logging
from index_store import Library

from .turns import collect

QUESTION = "How does MiniCache compress the KV cache?"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    for name in ("assistant", "index_store", "ui"):
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
