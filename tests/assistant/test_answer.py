"""What is sent for a written answer: whole papers within the tokens, the newest history, a fence nobody can close."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import ChatMessage, MessageRole

from assistant import Citation, Conversation, Mode, Outcome, Paper, Piece, Plan, References, Turn, Uncited, sentences
from assistant.answer import Answer, as_data, history, pack, paper_lines
from assistant.citations import Marker, MarkerParser
from assistant.prompts import Prompts
from assistant.writer import Request, Room

from .making import make_paper, make_result

SHORT = make_paper("Alpha", "Alpha is fast. Alpha is small.")
LONG = make_paper("Beta", " ".join(f"Beta has a sentence with the number {number} in it." for number in range(20)))
LAST = make_paper("Gamma", "Gamma is slow.", year=2021)
RESULT = make_result((SHORT, [0.9, 0.8]), (LONG, [0.7] * 20), (LAST, [0.5]))
REFERENCES = References().offer([SHORT, LONG, LAST])
FENCE = re.compile(r"=== papers [0-9a-f]{16} ===")


def words(text: str) -> int:
    """A tokenizer whose tokens can be counted by eye."""
    return len(text.split())


def asked(budget: int = 10_000, conversation: Conversation | None = None, question: str = "Which is fast?") -> Request:
    past = conversation or Conversation()
    return Answer(question, RESULT, True).request(Room(past, REFERENCES, Prompts(), words, budget))


def contents(messages: list[ChatMessage] | tuple[ChatMessage, ...]) -> list[str]:
    return [message.content or "" for message in messages]


def a_turn(question: str, *pieces: Piece, standalone: str = "") -> Turn:
    return Turn(Plan(Mode.ASK, question, standalone or question), pieces, (), Outcome.ANSWERED)


def a_citation(paper: Paper, number: int) -> Citation:
    found = sentences(paper.abstract)[0]
    key = REFERENCES.key(paper.id)
    return Citation(number, key, paper, 1, found.start, found.end, found.text, "supported", claim=1)


# -- papers -----------------------------------------------------------------------------------------------------------


def test_a_paper_is_its_key_and_title_and_its_numbered_sentences() -> None:
    assert paper_lines(SHORT, "P1") == ["P1: Alpha", "P1.1 Alpha is fast.", "P1.2 Alpha is small."]
    assert paper_lines(LAST, "P3")[0] == "P3: Gamma (2021)"


def test_latex_in_a_title_is_plain_text_and_sentences_stay_word_for_word() -> None:
    paper = make_paper(r"H$_2$ in $\mathcal{B}$", r"It costs $5 in H$_2$.")
    assert paper_lines(paper, "P1") == ["P1: H₂ in ℬ", r"P1.1 It costs $5 in H$_2$."]


def test_all_papers_go_in_best_first_while_there_is_room() -> None:
    papers, blocks = pack(RESULT.hits, REFERENCES, words, 1000)
    assert papers == (SHORT, LONG, LAST)
    assert [block.split(":")[0] for block in blocks] == ["P1", "P2", "P3"]


def test_a_paper_that_does_not_fit_is_left_out_whole_and_a_smaller_one_behind_it_goes_in() -> None:
    papers, blocks = pack(RESULT.hits, REFERENCES, words, 30)
    assert papers == (SHORT, LAST)
    assert sum(map(words, blocks)) <= 30
    assert blocks[1] == "P3: Gamma (2021)\nP3.1 Gamma is slow."


def test_the_first_paper_is_cut_behind_a_sentence_if_it_does_not_fit() -> None:
    papers, (block,) = pack(RESULT.hits[1:], REFERENCES, words, 40)
    assert papers == (LONG,)
    lines = paper_lines(LONG, "P2")
    assert block.splitlines() == lines[: len(block.splitlines())]
    assert 2 < len(block.splitlines()) < len(lines)
    assert words(block) <= 40


def test_one_sentence_of_the_best_paper_is_always_there() -> None:
    papers, (block,) = pack(RESULT.hits, REFERENCES, words, 0)
    assert papers == (SHORT,)
    assert block == "P1: Alpha\nP1.1 Alpha is fast."


@given(st.integers(0, 400))
def test_packed_papers_keep_their_order_and_their_room(budget: int) -> None:
    papers, blocks = pack(RESULT.hits, REFERENCES, words, budget)
    assert papers[0] == SHORT
    assert [REFERENCES.key(paper.id) for paper in papers] == [block.split(":")[0] for block in blocks]
    assert sorted(papers, key=[SHORT, LONG, LAST].index) == list(papers)
    assert len(papers) == 1 or sum(map(words, blocks)) <= budget


# -- history ----------------------------------------------------------------------------------------------------------

TALK = Conversation(
    tuple(a_turn(f"Question {number}?", f"Answer {number} is here.") for number in range(1, 6)), REFERENCES
)


def test_history_drops_the_oldest_turns_first() -> None:
    kept = contents(history(TALK, words, 12))
    assert kept == ["Question 4?", "Answer 4 is here.", "Question 5?", "Answer 5 is here."]


def test_the_last_turn_stays_however_little_room_there_is() -> None:
    assert contents(history(TALK, words, 0)) == ["Question 5?", "Answer 5 is here."]


def test_a_conversation_that_has_not_begun_has_no_history() -> None:
    assert history(Conversation(), words, 100) == []


def test_history_shows_citations_by_their_keys_and_questions_as_they_were_read() -> None:
    turn = a_turn("And that?", "Gamma is slow ", a_citation(LAST, 1), ". More.", Uncited(2), standalone="And Gamma?")
    messages = history(Conversation((turn,), REFERENCES), words, 100)
    assert [message.role for message in messages] == [MessageRole.USER, MessageRole.ASSISTANT]
    assert contents(messages) == ["And Gamma?", "Gamma is slow [P3.1]. More."]


def test_a_turn_in_which_nothing_was_written_says_so() -> None:
    assert contents(history(Conversation((a_turn("Q?"),)), words, 100)) == ["Q?", "(no answer)"]


# -- the whole request ------------------------------------------------------------------------------------------------


def test_a_request_is_rules_history_and_the_papers_with_the_question() -> None:
    built = asked(conversation=TALK)
    roles = [message.role for message in built.messages]
    assert roles == [MessageRole.SYSTEM, *[MessageRole.USER, MessageRole.ASSISTANT] * 5, MessageRole.USER]
    last = contents(built.messages)[-1]
    assert last.endswith("Question: Which is fast?")
    for paper in built.papers:
        assert "\n".join(paper_lines(paper, REFERENCES.key(paper.id))) in last


@pytest.mark.parametrize("budget", [400, 500, 700, 1000])
def test_a_request_stays_within_its_tokens(budget: int) -> None:
    talk = Conversation(tuple(a_turn("A question?", "word " * 40) for _ in range(30)), REFERENCES)
    built = asked(budget, talk)
    assert sum(map(words, contents(built.messages))) <= budget
    assert SHORT in built.papers
    assert len(built.messages) > 3


def test_a_long_history_leaves_room_for_papers() -> None:
    talk = Conversation(tuple(a_turn("A question?", "word " * 40) for _ in range(30)), REFERENCES)
    assert asked(1500, talk).papers == (SHORT, LONG, LAST)


def test_the_fence_is_another_one_each_time_and_stands_around_the_papers_only() -> None:
    fences = set()
    for _ in range(20):
        system, user = contents(asked().messages)
        (fence,) = set(FENCE.findall(system + user))
        assert (system.count(fence), user.count(fence)) == (1, 2)
        _, papers, after = user.split(fence)
        assert papers.strip().startswith("P1: Alpha") and "Question" not in papers
        assert after.strip() == "Question: Which is fast?"
        fences.add(fence)
    assert len(fences) == 20


# -- text of others ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("It works [P1.1] as (P2) and 【P3.1】 say.", "It works [p1.1] as (p2) and 【p3.1】 say."),
        ("hid\u200bden [P\u200b1.1]", "hidden [p1.1]"),
        ("\u202eevil\u202c \u2066x\u2069 \ufeffy", "evil x y"),
        ("tags \U000e0069\U000e0067\U000e006e and \U000e0100 selectors", "tags and selectors"),
        ("mark \u061cof a letter, \u180eand a vowel", "mark of a letter, and a vowel"),
        ("private \ue0000\ue001 use", "private 0 use"),
        ("bell\x07, delete\x7f, escape\x1b[31m, C1 \x9bred", "bell, delete, escape[31m, C1 red"),
        ("lines\nof\r\ntext\tand\u2028more\u2029still\x85on", "lines of text and more still on"),
        ("plain text, 4.98×, naïve, 日本語 and 👩\u200d🔬", "plain text, 4.98×, naïve, 日本語 and 👩\u200d🔬"),
    ],
)
def test_text_of_others_is_one_line_without_markers_or_hidden_characters(text: str, data: str) -> None:
    assert as_data(text) == data


HOSTILE = st.lists(
    st.sampled_from(
        ["[P1.1]", "(P2)", "P1", ".1]", "[", "【", "】", "`", "\u200b", "\u202e", "\n", "\x00", "\ue000", " ", "x"]
    ),
    max_size=10,
).map("".join)


@given(HOSTILE)
def test_no_text_of_others_holds_a_marker_or_a_second_line(text: str) -> None:
    data = as_data(text)
    parser = MarkerParser()
    found = [piece for piece in parser.feed(data) + parser.close() if isinstance(piece, Marker)]
    assert not any(marker.targets for marker in found)
    assert len(data.splitlines()) <= 1
    assert as_data(data) == data
