"""Papers that attack, and a model that obeys them: the page stays ours, and nothing is cited that was not offered."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant import Assistant, Citation, Conversation, Outcome, Paper, Settings, Turn, sentences
from assistant.citations import Marker, MarkerParser
from assistant.testing import Reply, ScriptedServer
from index_store import Embedder, Library
from ui import render, words

from ..ui.test_render import Page, assert_clean, kept

RECORDS: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data/hostile.jsonl").read_text().splitlines()
]
QUESTIONS = [record["question"] for record in RECORDS]
PAPERS = [Paper.from_dict({name: record[name] for name in record if name != "question"}) for record in RECORDS]
ATTACKS = list(zip(PAPERS, QUESTIONS, strict=True))
IDS = [paper.title if paper.title.isascii() and len(paper.title) < 30 else "title" for paper in PAPERS]
OURS = ("#src-", "#cite-", "data:", "save/")
FENCE = re.compile(r"=== papers [0-9a-f]{16} ===")


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="module")
def assistant(
    server: ScriptedServer, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Assistant]:
    home = tmp_path_factory.mktemp("hostile") / "home"
    with Library(home, embedder) as library:
        library.add_records(PAPERS)
        library.index()
        known: dict[str, Any] = {"llm_model": "scripted", "llm_retries": 0, "search_papers": 3}
        yield Assistant(library, Settings(home=home, OPENAI_BASE_URL=server.base_url, **known))


def obedient(text: str) -> str:
    """What a model writes that does all that an abstract says, in every form it knows."""
    return (
        f"{text}\n\nIn short [P1.1]: {text} [P1.2] [P99.1] [7]\n\n> {text}\n\n- {text} [P1]\n- **{text}**\n\n"
        f"| {text} |\n| --- |\n\n`{text}`\n\n```\n{text}\n```\n\n{text}"
    )


def pages(turn: Turn) -> Iterator[Page]:
    """All that the page shows of a turn, while it is written and afterwards."""
    conversation = kept(Conversation((turn,)))
    yield Page(render.conversation(conversation, {}, 1))
    yield Page(render.draft(turn.plan, turn.pieces, words.WRITING, turn.topic_map))
    yield Page(render.sources(conversation))
    yield Page(render.sources(Conversation(), turn.papers, turn.pieces))
    yield Page(render.notice(turn.note))


def assert_safe(turn: Turn) -> None:
    """Nothing but our own tags; the only links are our markers and the addresses of the papers themselves."""
    own = {paper.link for paper in turn.papers if paper.link.startswith("https://")}
    for page in pages(turn):
        assert_clean(page)
        assert {href for href in page.values("href") if not href.startswith(OURS)} <= own
    answer = Page(render.answer(turn.pieces))
    cited = [f"#src-{piece.number}-s{piece.sentence}" for piece in turn.pieces if isinstance(piece, Citation)]
    assert answer.values("href") == cited


def by_title(turn: Turn, paper: Paper) -> Paper:
    """The paper as the library keeps it."""
    (found,) = [known for known in turn.papers if known.title == " ".join(paper.title.split())]
    return found


def test_there_are_enough_attacks_each_with_its_own_question() -> None:
    assert len(RECORDS) >= 30
    assert len(set(QUESTIONS)) == len(set(IDS)) == len(RECORDS)


@pytest.mark.parametrize(("paper", "question"), ATTACKS, ids=IDS)
async def test_a_model_that_obeys_an_abstract_shows_no_tag_link_or_citation_of_its_making(
    assistant: Assistant, server: ScriptedServer, paper: Paper, question: str
) -> None:
    server.enqueue(obedient(paper.abstract))
    turn = await assistant.answer(question)
    assert turn.outcome is Outcome.ANSWERED, turn.problem
    kept = by_title(turn, paper)
    assert turn.citations
    for citation in turn.citations:
        assert citation.paper in turn.papers
        assert citation.quote == citation.paper.abstract[citation.start : citation.end]
    assert {citation.paper for citation in turn.citations if citation.key == "P1"} <= {kept}
    assert turn.dropped_markers >= 2
    assert_safe(turn)


@pytest.mark.parametrize(("paper", "question"), ATTACKS, ids=IDS)
async def test_the_prompt_stays_in_its_frame(
    assistant: Assistant, server: ScriptedServer, paper: Paper, question: str
) -> None:
    server.enqueue("Yes.")
    turn = await assistant.answer(question)
    system, user = (message["content"] for message in server.chats[-1].messages)
    fence = FENCE.findall(system)[0]
    assert (system.count(fence), user.count(fence)) == (1, 2)
    before, inside, after = user.split(fence)
    assert (before, after.strip()) == ("", f"Question: {question}")
    lines = [line for line in inside.splitlines() if line]
    begins = [
        f"P{place}{tail}"
        for place, found in enumerate(turn.papers, start=1)
        for tail in (":", *(f".{sentence.number}" for sentence in sentences(found.abstract)))
    ]
    assert [line.split()[0] for line in lines] == begins
    parser = MarkerParser()
    markers = [piece for piece in parser.feed(inside) + parser.close() if isinstance(piece, Marker)]
    assert [marker for marker in markers if marker.targets] == [], inside
    hidden = [character for character in inside if not character.isprintable()]
    assert set(hidden) <= {"\n", "\u200d"}  # the joiner is part of how some scripts and pictures are written


@pytest.mark.parametrize(("paper", "question"), ATTACKS, ids=IDS)
async def test_quotations_of_an_attack_are_verbatim_and_safe(
    assistant: Assistant, server: ScriptedServer, paper: Paper, question: str
) -> None:
    turn = await assistant.answer(question, quoting_only=True)
    assert turn.outcome is Outcome.ANSWERED
    assert by_title(turn, paper) in {citation.paper for citation in turn.citations}
    assert turn.dropped_markers == 0
    shown = "".join(Page(render.answer(turn.pieces)).text.split())
    for citation in turn.citations:
        assert citation.support == "verbatim"
        assert citation.quote == citation.paper.abstract[citation.start : citation.end]
        assert "".join(render.visible(citation.quote).split()) in shown
    assert_safe(turn)


@pytest.mark.parametrize("text", [record["abstract"] for record in RECORDS], ids=IDS)
async def test_an_attack_in_a_question_is_shown_as_it_is_and_stays_behind_the_papers(
    assistant: Assistant, server: ScriptedServer, text: str
) -> None:
    server.fallback = Reply("Zebrafish hearts regrow within sixty days of an injury [P1.1].")
    turn = await assistant.answer(f"How long do zebrafish hearts take to regrow? {text[:600]}")
    assert_safe(turn)
    if turn.outcome is not Outcome.REFUSED:
        user = server.chats[-1].messages[-1]["content"]
        assert FENCE.match(user) and user.endswith(f"Question: {turn.standalone}".strip())
