"""A history from outside becomes a conversation whose papers keep their numbers, or a message that says why not."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from assistant import (
    Citation,
    Conversation,
    InvalidHistory,
    Mode,
    Outcome,
    Paper,
    Plan,
    References,
    Turn,
    from_messages,
)

from .making import make_paper

KNOWN = {paper.id: paper for paper in (make_paper("Ada"), make_paper("Ben"), make_paper("Cyd"))}


def look_up(ids: Sequence[str]) -> Mapping[str, Paper]:
    return {paper_id: KNOWN[paper_id] for paper_id in ids if paper_id in KNOWN}


def asked(content: str = "What is Ada?") -> dict[str, Any]:
    return {"role": "user", "content": content}


def answered(content: str, *cited: tuple[int, str]) -> dict[str, Any]:
    citations = [{"number": number, "paper": {"id": paper_id}} for number, paper_id in cited]
    return {"role": "assistant", "content": content} | ({"citations": citations} if citations else {})


def next_number(conversation: Conversation, paper_id: str) -> int:
    return conversation.references.cite(paper_id)[1]


def test_papers_of_a_history_with_citations_keep_their_numbers() -> None:
    conversation = from_messages(
        [asked(), answered("A [1], B [2].", (1, "ben"), (2, "ada")), asked(), answered("B [2].", (2, "ada"))], look_up
    )
    assert [next_number(conversation, name) for name in ("ben", "ada", "cyd")] == [1, 2, 3]
    assert [turn.papers for turn in conversation.turns] == [(KNOWN["ben"], KNOWN["ada"]), (KNOWN["ada"],)]
    assert [turn.question for turn in conversation.turns] == ["What is Ada?"] * 2


def test_numbers_of_a_history_without_citations_are_given_to_no_other_paper() -> None:
    conversation = from_messages([asked(), answered("A [1], B [4].")], look_up)
    assert next_number(conversation, "ada") == 5
    assert conversation.turns[0].citations == ()


@pytest.mark.parametrize("lost", [(1, "gone"), (2, "gone")])
def test_a_paper_that_is_no_longer_there_leaves_all_numbers_as_they_were(lost: tuple[int, str]) -> None:
    kept = (3 - lost[0], "ada")
    conversation = from_messages([asked(), answered("A [1], B [2].", lost, kept)], look_up)
    assert [next_number(conversation, name) for name in ("ben", "ada")] == [3, kept[0]]


def test_system_messages_and_a_question_without_an_answer_make_no_turn() -> None:
    messages = [{"role": "system", "content": "Be brief."}, asked(), answered("Yes."), asked("And now?")]
    assert [turn.answer for turn in from_messages(messages, look_up).turns] == ["Yes."]


def test_an_empty_history_is_a_new_conversation() -> None:
    assert from_messages([], look_up) == Conversation()


@pytest.mark.parametrize("history", [None, {}, "text", 3, {"role": "user", "content": "x"}])
def test_a_history_that_is_no_list_is_refused(history: Any) -> None:
    with pytest.raises(InvalidHistory, match="must be a JSON list"):
        from_messages(history, look_up)


@pytest.mark.parametrize(
    "bad",
    [
        *(None, 3, "text", [], {}, {"role": "user"}, {"content": "x"}, {"role": "tool", "content": "x"}),
        *({"role": "user", "content": 3}, {"role": "assistant", "content": None}, {"role": ["user"], "content": "x"}),
        *(
            {"role": "assistant", "content": "x", "citations": citations}
            for citations in (
                5,
                "text",
                {"number": 1},
                [3],
                [{}],
                [{"number": 1}],
                [{"number": "one", "paper": {"id": "a"}}],
            )
        ),
        {"role": "assistant", "content": "x", "citations": [{"number": 1, "paper": "ada"}]},
        {"role": "assistant", "content": "x", "citations": [{"number": float("inf"), "paper": {"id": "ada"}}]},
    ],
)
def test_a_malformed_message_is_named_by_its_place(bad: Any) -> None:
    with pytest.raises(InvalidHistory, match=r"\b[Mm]essage 2\b"):
        from_messages([asked(), bad], look_up)


def a_turn(*citations: Citation) -> Turn:
    return Turn(
        Plan(Mode.ASK, "Q", "Q"), ("A claim ", *citations, "."), tuple(c.paper for c in citations), Outcome.ANSWERED
    )


def test_a_turn_prints_its_answer_with_numbers_and_each_cited_sentence_once() -> None:
    first = Citation(1, "P1", KNOWN["ada"], 1, 0, 25, "Ada is the first sentence.", "verbatim")
    second = Citation(2, "P2", KNOWN["ben"], 1, 0, 25, "Ben is the first sentence.", "verbatim")
    printed = a_turn(first, second, first).to_dict()
    assert printed["answer"] == "A claim [1][2][1]."
    assert [(item["number"], item["paper"]["title"]) for item in printed["citations"]] == [(1, "Ada"), (2, "Ben")]


def test_a_retry_forgets_the_turn_and_keeps_the_numbers_it_gave() -> None:
    references, _ = References().offer(KNOWN.values()).cite("ben")
    conversation = Conversation().with_turn(a_turn(), references).without_last()
    assert conversation.turns == ()
    assert [next_number(conversation, name) for name in ("ben", "ada")] == [1, 2]
