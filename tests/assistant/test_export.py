"""Exports: every turn as it ended, each number once with its sentences, and text that stays text when read again."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant import (
    Assistant,
    Citation,
    Mode,
    Outcome,
    Paper,
    Piece,
    Plan,
    Turn,
    Uncited,
    as_bibtex,
    as_markdown,
    as_text,
    cited_papers,
    limits,
    reference,
    sentences,
)
from assistant.citations import escape_markdown
from index_store.readers import read_file

from .making import make_paper
from .turns import talk

ALPHA = make_paper("Alpha", authors=("Ada Lee",), year=2020, doi="10.1/alpha")
BETA = make_paper("Beta | [x](y) `code` *s*", "Beta <b>one</b>. Beta [two](x) | `end.", url="https://x.org/b_b_b")


def cite(paper: Paper, number: int, sentence: int = 1, support: str = "verbatim", claim: int = 0) -> Citation:
    found = sentences(paper.abstract)[sentence - 1]
    return Citation(number, f"P{number}", paper, found.number, found.start, found.end, found.text, support, claim)


def turn(*pieces: Piece, question: str = "What is it?", **known: Any) -> Turn:
    plan = known.pop("plan", Plan(Mode.ASK, question, question))
    return Turn(plan, pieces, (), known.pop("outcome", Outcome.ANSWERED), **known)


def read(text: str) -> list[Token]:
    """The tokens of Markdown as a reader that takes HTML, links and tables finds them, those within lines too."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    return [inner for token in tokens for inner in (token, *(token.children or ()))]


def headings(text: str) -> list[tuple[str, str]]:
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    return [
        (token.tag, "".join(part.content for part in tokens[place + 1].children or ()))
        for place, token in enumerate(tokens)
        if token.type == "heading_open"
    ]


def test_a_conversation_as_markdown() -> None:
    plan = Plan(Mode.COMPARE, "And Beta?", "Alpha and Beta?", ("Alpha", "Beta"), limits=limits(2015, None))
    turns = [
        turn("Alpha is first ", cite(ALPHA, 1), ".", question="What is Alpha?"),
        turn("| A | B |\n| --- | --- |\n| x ", cite(ALPHA, 1, 2, "partly", 1), " | not stated |\n", plan=plan),
    ]
    assert as_markdown(turns, "My *notes*") == (
        "# My \\*notes\\*\n\n## What is Alpha?\n\nAlpha is first [1].\n\n"
        "## And Beta?\n\n*Comparison*\n\n*Read as: Alpha and Beta?*\n\n*Searched only: papers since 2015*\n\n"
        "| A | B |\n| --- | --- |\n| x [1] | not stated |\n\n"
        "## References\n\n[1] Lee, A. (2020). Alpha. <https://doi.org/10.1/alpha>\n\n"
        "> Alpha is the first sentence.\n\n> Alpha has a second one. *(partly)*\n"
    )


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"outcome": Outcome.STOPPED}, "*Stopped. This is what was written until then.*"),
        ({"outcome": Outcome.FAILED, "problem": "The <disk> is\nfull."}, "*Failed. The \\<disk\\> is full.*"),
        ({"note": "Two subjects were left out."}, "*Two subjects were left out.*"),
        ({"llm": "gpt"}, "*Written by gpt. Claims: 1 supported, 1 not found.*"),
        ({}, "*\\[?\\] marks a claim for which no sentence of the papers was found.*"),
    ],
)
def test_how_a_turn_ended_is_said(known: dict[str, Any], said: str) -> None:
    item = turn("It is ", cite(ALPHA, 1, support="supported", claim=1), ", and more.", Uncited(2), **known)
    text = as_markdown([item])
    assert "It is [1], and more. [?]\n\n" in text
    assert f"\n\n{said}\n\n" in text
    assert said not in as_markdown([turn("It is ", cite(ALPHA, 1))])


def test_a_refusal_and_a_turn_without_an_answer_have_no_references() -> None:
    refused = turn("**Nothing in this collection.** 97 papers were searched.\n", outcome=Outcome.REFUSED)
    assert as_markdown([refused]) == "## What is it?\n\n**Nothing in this collection.** 97 papers were searched.\n"
    failed = turn(outcome=Outcome.FAILED, problem="The model does not answer.")
    assert as_markdown([failed]) == "## What is it?\n\n*Failed. The model does not answer.*\n"
    assert as_bibtex([refused, failed]) == ""
    assert as_text(refused) == "Nothing in this collection. 97 papers were searched.\n"
    assert as_text(failed) == "Failed. The model does not answer.\n"


def test_titles_and_sentences_of_others_are_text_when_read_again() -> None:
    text = as_markdown([turn("It is ", cite(BETA, 7, 2), question="<b>Why</b> [x](y) | `z`?")], "# a\n# b")
    assert headings(text) == [("h1", "# a # b"), ("h2", "<b>Why</b> [x](y) | `z`?"), ("h2", "References")]
    shown = "".join(token.content for token in read(text) if token.type in ("text", "text_special"))
    assert "Beta | [x](y) `code` *s*. (n.d.)." in shown and "Beta [two](x) | `end." in shown
    assert [token.attrs["href"] for token in read(text) if token.type == "link_open"] == ["https://x.org/b_b_b"]


HOSTILE = [
    *(
        "<script>",
        "<b>",
        "![x](https://x.org)",
        "[x](y)",
        "[1]: https://x.org",
        "[x]: y",
        "\n[x]",
        "(y)",
        "<https://x>",
    ),
    *("```", "~~~", "````", "```\n", "\n```\n", "\n~~~ a`b\n", "`", "\n===", "\n---\n", "\n# ", "> ", "- ", "1. "),
    *(
        "\\",
        "\\\\",
        "| a |\n| - |\n",
        "    ",
        "\t",
        "\n",
        "\n\n",
        "\r",
        "\x00",
        "\u202e",
        "\ue000",
        "word",
        "<!--",
        "<?",
    ),
]


@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.just(cite(ALPHA, 1)), st.just(cite(BETA, 2))), max_size=10))
@example([cite(ALPHA, 1), "(https://x.org)"])
@example(["- ```\n  code\n  ```\n<img src=x>"])
@example(["```\n<b>\n````\n<b>"])
def test_an_answer_stays_in_its_place_and_brings_no_link_and_no_tag(pieces: list[Piece]) -> None:
    text = as_markdown([turn(*pieces), turn("Next ", cite(ALPHA, 1), question="Next?")], "Title")
    tokens = read(text)
    assert not {token.type for token in tokens} & {"image", "html_block", "html_inline"}
    links = {token.attrs["href"] for token in tokens if token.type == "link_open"}
    assert links <= {"https://doi.org/10.1/alpha", "https://x.org/b_b_b"}
    high = [heading for heading in headings(text) if heading[0] in ("h1", "h2")]
    assert high == [("h1", "Title"), ("h2", "What is it?"), ("h2", "Next?"), ("h2", "References")]
    assert not set(text) & set("\r\x00\u202e\ue000")


def test_each_number_is_listed_once_in_order_with_the_sentences_of_all_turns() -> None:
    turns = [
        turn(cite(BETA, 2), cite(ALPHA, 1, 2)),
        turn(cite(ALPHA, 1, 1, "not found", 1), cite(ALPHA, 1, 2)),
    ]
    listed = cited_papers(turns)
    assert [(item.number, [citation.sentence for citation in item.citations]) for item in listed] == [
        (1, [1, 2]),
        (2, [1]),
    ]
    text = as_markdown(turns)
    assert text.count("\n[1] ") == text.count("\n[2] ") == 1
    assert text.index("\n[1] ") < text.index("> Alpha is the first sentence. *(not found)*") < text.index("\n[2] ")


def test_bibtex_holds_the_cited_and_nothing_else_under_keys_of_their_own(tmp_path: Any) -> None:
    known = {"authors": ("Ada Lee",), "year": 2020}
    twins = [replace(make_paper("Same title", **known), id=f"twin{place}", doi=f"10.1/{place}") for place in range(3)]
    found = make_paper("Found, not cited")
    turns = [
        replace(turn(cite(twins[1], 2), cite(twins[0], 1)), papers=(*twins, found)),
        turn(cite(twins[2], 3), cite(twins[0], 1, 2)),
    ]
    text = as_bibtex(turns)
    keys = [line.partition("{")[2].rstrip(",") for line in text.splitlines() if line.startswith("@")]
    assert len(keys) == len(set(keys)) == 3 and "Found" not in text
    (tmp_path / "cited.bib").write_text(text)
    assert [paper.doi for paper in read_file(tmp_path / "cited.bib") if isinstance(paper, Paper)] == [
        "10.1/0",
        "10.1/1",
        "10.1/2",
    ]


def test_what_is_copied_as_text_has_no_markdown_and_takes_its_references_along() -> None:
    title = "5*3 [P1.1] #1_a"
    item = turn(
        f"### Head\n\n**{escape_markdown(title)}**\n\n> {escape_markdown('A*b <c> `d` 【P1】.')} ",
        cite(ALPHA, 1),
        "\n>\n\n| A | B |\n| --- | --- |\n| **x** ",
        cite(BETA, 2),
        " | 2 * 3 * 4 |\n\n*Quoted.*\n",
        outcome=Outcome.STOPPED,
    )
    assert as_text(item) == (
        f"Head\n\n{title}\n\nA*b <c> `d` 【P1】. [1]\n\nA | B\nx [2] | 2 * 3 * 4\n\nQuoted.\n\n"
        "Stopped. This is what was written until then.\n\n"
        f"References\n[1] {reference(ALPHA, 'apa')}\n[2] {reference(BETA, 'apa')}\n"
    )


async def test_real_turns_of_every_kind_are_exported(sample_assistant: Assistant) -> None:
    conversation = await talk(
        sample_assistant,
        "How does MiniCache compress the KV cache?",
        "How does MiniCache differ from ZipCache on memory?",
        "Summarise state space models",
        "Who won the world cup of 1954?",
    )
    text = as_markdown(conversation.turns, "Caches")
    questions = [item.question for item in conversation.turns]
    assert [name for tag, name in headings(text) if tag == "h2"] == [*questions, "References"]
    assert_lists_what_is_cited(text, conversation.turns)
    assert any(token.type == "table_open" for token in read(text))
    assert as_bibtex(conversation.turns).count("\n}\n") == len(conversation.references.cited)


def assert_lists_what_is_cited(text: str, turns: Sequence[Turn]) -> None:
    listed = text.partition("\n## References\n")[2]
    for item in cited_papers(turns):
        assert listed.count(f"\n[{item.number}] ") == 1
        for citation in item.citations:
            assert escape_markdown(citation.quote) in listed


@pytest.fixture
def sample_assistant(sample_library: Any) -> Assistant:
    from assistant import Settings

    return Assistant(sample_library, Settings(home=sample_library.home))
