"""What the page's links save, over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from assistant import (
    Archive,
    Assistant,
    Citation,
    Conversation,
    Mode,
    Outcome,
    Paper,
    Plan,
    References,
    Turn,
    conversation_from_json,
)
from ui import words
from ui.readers import Reader, put
from ui.saving import add_saving

PAPER = Paper("A title", "First one. Second one.", authors=("Ann Author",), year=2020, id="0123456789ab")


def a_turn(question: str, turn_id: str, *, cites: bool) -> Turn:
    citation = Citation(1, "P1", PAPER, 2, 11, 22, "Second one.", "verbatim", 1)
    pieces = ("It is so", citation, ".") if cites else ("Nothing of that.",)
    return Turn(Plan(Mode.ASK, question, question), pieces, (PAPER,), Outcome.ANSWERED, id=turn_id)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[TestClient, Conversation]]:
    archive = Archive(tmp_path / "conversations.sqlite3")
    references, _ = References().offer([PAPER]).cite(PAPER.id)
    conversation = Conversation.begun()
    for turn in (a_turn("What is it? ünïcode", "1" * 32, cites=True), a_turn("And that?", "2" * 32, cites=False)):
        conversation = archive.save(conversation.with_turn(turn, references))
    app = FastAPI()
    add_saving(app, cast(Assistant, SimpleNamespace(conversations=archive)))

    async def gate(scope: dict[str, Any], *channels: Any) -> None:
        put(scope, Reader())
        await app(scope, *channels)

    with TestClient(gate) as client:
        yield client, conversation
    archive.close()


@pytest.mark.parametrize(
    ("kind", "holds", "ending"),
    [
        ("markdown", "## What is it?", ".md"),
        ("html", "<!DOCTYPE html>", ".html"),
        ("bibtex", "@", ".bib"),
        ("json", '"version"', ".json"),
    ],
)
def test_a_conversation_is_saved_in_every_form(
    kept: tuple[TestClient, Conversation], kind: str, holds: str, ending: str
) -> None:
    client, conversation = kept
    saved = client.get(f"/save/{conversation.id}/{kind}")
    assert saved.status_code == 200
    assert holds in saved.text
    disposition = saved.headers["content-disposition"]
    assert disposition.startswith("attachment") and disposition.endswith(ending)
    assert saved.headers["cache-control"] == "no-store"


def test_json_reads_back_in(kept: tuple[TestClient, Conversation]) -> None:
    client, conversation = kept
    again = conversation_from_json(client.get(f"/save/{conversation.id}/json").text)
    assert [turn.pieces for turn in again.turns] == [turn.pieces for turn in conversation.turns]
    assert again.references == conversation.references


def test_one_turn_is_saved_alone(kept: tuple[TestClient, Conversation]) -> None:
    client, conversation = kept
    saved = client.get(f"/save/{conversation.id}/markdown", params={"turn": "2" * 32}).text
    assert "And that?" in saved and "What is it?" not in saved
    assert client.get(f"/save/{conversation.id}/bibtex", params={"turn": "2" * 32}).text == ""


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{id}/exe", words.NO_SUCH_FORMAT),
        ("{id}/json?turn=9", words.NO_SUCH_TURN),
        ("nobody/json", "no such conversation"),
        ("..%2f..%2fetc%2fpasswd/json", ""),
    ],
)
def test_what_is_not_there_is_refused_with_the_reason(
    kept: tuple[TestClient, Conversation], path: str, said: str
) -> None:
    client, conversation = kept
    refused = client.get(f"/save/{path.format(id=conversation.id)}")
    assert refused.status_code == 404
    assert said in refused.text
