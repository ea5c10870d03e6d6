"""Which messages lean on the turn before, and how they read once they stand alone."""

import pytest

from assistant import InvalidQuestion, Mode, Plan
from assistant.followups import short_name
from assistant.routing import Before, plan

from .making import make_paper

MINICACHE = make_paper("MiniCache: KV Cache Compression in Depth Dimension for Large Language Models")
OTHER = make_paper("ZipCache")


def planned(message: str, *, cited: bool = True, asked_before: str = "", mode: Mode = Mode.AUTO) -> Plan:
    asked = Plan(Mode.ASK, asked_before, asked_before) if asked_before else None
    papers = (MINICACHE, OTHER) if cited else ()
    return plan(message, mode, Before(asked, papers, cited, (), ("MiniCache",) if cited else ()), longest=200)


@pytest.mark.parametrize(
    ("message", "standalone"),
    [
        ("and how fast is it?", "and how fast is MiniCache?"),
        ("What are its limitations?", "What are MiniCache's limitations?"),
        ("Does it need training?", "Does MiniCache need training?"),
        ("Who wrote this paper?", "Who wrote MiniCache?"),
        ("What is the main result of this paper?", "What is the main result of MiniCache?"),
        ("What does the paper say about speed?", "What does MiniCache say about speed?"),
        ("What data did they use?", "What data did MiniCache use?"),
        ("Does it show that pruning helps?", "Does MiniCache show that pruning helps?"),
        ("Is it possible to run it on a phone?", "Is it possible to run MiniCache on a phone?"),
        ("Is that true?", "Is MiniCache true?"),
        ("Explain that again", "Explain MiniCache again"),
        ("And on larger models?", "And on larger models: MiniCache?"),
        ("Why?", "Why: MiniCache?"),
        ("tell me more", "tell me more: MiniCache?"),
        ("really?", "really: MiniCache?"),
    ],
)
def test_a_follow_up_is_read_with_the_paper_cited_first(message: str, standalone: str) -> None:
    assert planned(message) == Plan(Mode.ASK, message, standalone, automatic=True)


@pytest.mark.parametrize(
    "message",
    [
        "What is TabPFN?",
        "How do attention sinks work?",
        "Why do attention sinks help?",
        "Why is it hard to prune a network?",
        "Is it possible to prune a network without loss?",
        "Does it make sense to train value functions with cross-entropy?",
        "Can it be shown that offline reinforcement learning suffers from edge-of-reach states?",
        "What does it mean to prune a network?",
        "Which methods that compress the KV cache exist?",
        "Which models keep state over these long sequences?",
        "How does DuoAttention reduce its memory?",
        "Also explain TransMLA and its use of latent attention",
        "What is the method of PROVABGS?",
        "Do LLMs use their memory well?",
    ],
)
def test_a_question_that_names_its_subject_is_left_alone(message: str) -> None:
    assert planned(message) == Plan(Mode.ASK, message, message, automatic=True)


@pytest.mark.parametrize("message", ["and how fast is it?", "Why?", "What are its limitations?"])
def test_the_first_message_of_a_conversation_stands_for_itself(message: str) -> None:
    assert planned(message, cited=False) == Plan(Mode.ASK, message, message, automatic=True)


def test_a_follow_up_to_an_answer_without_citations_is_read_behind_its_question() -> None:
    found = planned("and how fast is it?", cited=False, asked_before="How does MiniCache work?")
    assert found.standalone == "How does MiniCache work: and how fast is it?"
    assert (
        planned("What is TabPFN?", cited=False, asked_before="How does MiniCache work?").standalone == "What is TabPFN?"
    )


def test_white_space_is_tidied() -> None:
    assert planned("  What is\n\tTabPFN? ").question == "What is TabPFN?"


@pytest.mark.parametrize("message", ["", "   ", "\n\t"])
def test_an_empty_question_is_refused(message: str) -> None:
    with pytest.raises(InvalidQuestion, match="empty"):
        planned(message)


def test_a_question_at_the_limit_goes_through_and_one_beyond_it_is_refused_with_the_setting_to_change() -> None:
    assert planned("x" * 200).question == "x" * 200
    with pytest.raises(InvalidQuestion, match=r"201 characters; 200 .*RESEARCH_ASSISTANT_MAX_QUESTION_CHARACTERS"):
        planned("x" * 201)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("TabPFN: A Transformer That Solves Small Tabular Problems", "TabPFN"),
        ("Rethinking the Value of Network Pruning", "Rethinking the Value of Network Pruning"),
        (f"{'Long ' * 10}Head: tail", f"{'Long ' * 10}Head: tail"),
        (r"$\mathcal{B}$-Coder: Value-Based Learning", "ℬ-Coder"),
    ],
)
def test_a_paper_is_called_by_the_short_head_of_its_title(title: str, name: str) -> None:
    assert short_name(make_paper(title)) == name
