"""Markers: whatever a model writes, however its stream is cut, nothing but an offered sentence becomes a citation."""

import re
from collections.abc import Iterable, Sequence
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assistant import Citation, Paper, Piece, References, markdown, sentences, stored
from assistant.citations import CitationStream, Marker, MarkerParser, escape_markdown, quoted

from .making import make_paper

PAPERS = [
    make_paper("Alpha", "Alpha is fast. It runs on a phone. Its figures are in Fig. 3 of the report."),
    make_paper("Beta", "Beta is slow [P1.1]. It cites [3] and (P2.1), as 【P1.1】 does."),
    make_paper("Gamma", "Gamma has one sentence."),
]

# Text in which everything that matters to the parser is frequent.
TOKENS = [
    *("[P1.1]", "[P2.1, P1.2]", "[P1.1-3]", "`[P3.1]`", "(P1.2)", "【P2.2】", "[P9.1]", "[P1]", "\\[P1.1\\]", "[3]"),
    *("```", "~~~", "$$", "[", "]", "(", "【", "`", "$", "~", "\\", "\n", "P", "P1", ".", "1", "-", ", ", " ", "word"),
]
rich_text = st.lists(st.sampled_from(TOKENS), max_size=14).map("".join)


def parse(chunks: Iterable[str]) -> list[str | Marker]:
    """All pieces, with neighbouring texts joined."""
    parser = MarkerParser()
    pieces = [piece for chunk in chunks for piece in parser.feed(chunk)] + parser.close()
    joined: list[str | Marker] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def cut(text: str, places: Iterable[int]) -> list[str]:
    """The text in chunks, cut at the given places."""
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def marker(*targets: str) -> Marker:
    """`marker("P7.3", "P9")` in the form that the parser gives."""
    pairs = [target.partition(".")[::2] for target in targets]
    return Marker(tuple((key, int(number) if number else None) for key, number in pairs))


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("[P7.3]", ["P7.3"]),
        ("[P7.3, P9.1]", ["P7.3", "P9.1"]),
        ("[P7.3,P9.1;P2.2]", ["P7.3", "P9.1", "P2.2"]),
        ("[P7.3，P9.1、P2.2]", ["P7.3", "P9.1", "P2.2"]),
        ("[P7.3-5]", ["P7.3", "P7.4", "P7.5"]),
        ("[P7.3 – 4, P9.1]", ["P7.3", "P7.4", "P9.1"]),
        ("[P7.5-3]", ["P7.5"]),
        ("[P7.1-200]", [f"P7.{number}" for number in range(1, 9)]),
        ("[P7]", ["P7"]),
        ("[ P7.3 ]", ["P7.3"]),
        ("[P007.03]", ["P7.3"]),
        ("(P7.3)", ["P7.3"]),
        ("【P7.3】", ["P7.3"]),
        ("［P7.3］", ["P7.3"]),
        ("（P7.3）", ["P7.3"]),
        ("`[P7.3]`", ["P7.3"]),
        ("`(P7.3, P9.1)`", ["P7.3", "P9.1"]),
    ],
)
def test_every_spelling_of_a_marker_is_found_within_a_sentence(text: str, targets: list[str]) -> None:
    assert parse([f"A claim {text}. More."]) == ["A claim ", marker(*targets), ". More."]


def test_markers_side_by_side_and_around_the_full_stop_keep_their_places() -> None:
    assert parse(["One [P7.3][P9.1]. Two. [P7.4]\n"]) == [
        "One ",
        marker("P7.3"),
        marker("P9.1"),
        ". Two. ",
        marker("P7.4"),
        "\n",
    ]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "[2023]",
            "[0]",
            "[3](https://x.org)",
            "[Pa.1]",
            "[P]",
            "P7.3",
            "[p7.3]",
            "[P7.3 shows it]",
            "[see P7.3]",
            "[P7.3",
            "[P7.]",
            "[P1234567.1]",
        ),
        *("\\[P7.3\\]", "\\\\\\[P7.3]", "\\(P7.3)"),
        "```\n[P7.3]\n```",
        "~~~python\nx = a[P7.3]\n~~~",
        "```\nnever closed [P7.3]",
        "$$ x = [P7.3] $$",
        "[" + ", ".join(f"P{number}.1" for number in range(1, 40)) + "]",  # no writer means forty papers at once
    ],
)
def test_what_is_no_marker_stays_text(text: str) -> None:
    assert parse([text]) == [text]


def rendered(text: str) -> str:
    return str(MarkdownIt("commonmark").render(text))


@pytest.mark.parametrize("text", ["[3]", "[1, 2]", "[1-3]", "[12;13]"])
def test_a_number_that_a_writer_made_up_is_shown_as_text_and_counted(text: str) -> None:
    pieces, stream = resolve(f"A claim {text}.")
    assert stream.dropped == 1
    assert not re.search(r"(?<!\\)\[\d", markdown(pieces))
    assert rendered(markdown(pieces)) == f"<p>A claim {text}.</p>\n"


@pytest.mark.parametrize("text", ["`arr[1]` is first", "$[1,2]$ is an interval", r"\([1, 2]\) too", "$$ a [P1.1] $$ b"])
def test_brackets_in_code_and_maths_are_left_alone(text: str) -> None:
    assert parse([text]) == [text]


def test_a_lone_sign_opens_nothing() -> None:
    assert resolve("It costs $$ a day [P1.1] or $5 [P1.2] to $10 [P2.1].")[1].dropped == 0
    assert markdown(resolve("It costs $$ a day [P1.1].")[0]) == "It costs $$ a day [1]."


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("```\ncode\n```\n", ""),
        ("$$x$$ ", ""),
        ("a ``` in a line ", ""),
        ("\\\\", ""),
        ("costs $5 ", " or $6"),
        ("`x` ", ""),
    ],
)
def test_markers_are_found_again_behind_code_maths_and_escapes(before: str, after: str) -> None:
    assert parse([f"{before}[P7.3]{after}"]) == [before, marker("P7.3"), *([after] if after else [])]


@given(rich_text)
def test_a_text_cut_in_two_anywhere_gives_the_same_pieces(text: str) -> None:
    whole = parse([text])
    for place in range(len(text) + 1):
        assert parse([text[:place], text[place:]]) == whole


@given(rich_text, st.lists(st.integers(0, 200), max_size=30))
def test_a_text_cut_into_many_chunks_gives_the_same_pieces(text: str, places: list[int]) -> None:
    assert parse(cut(text, places)) == parse([text]) == parse(text)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 18, 40])
def test_a_long_marker_is_judged_alike_whole_and_letter_by_letter(count: int) -> None:
    text = "`[" + ", ".join(f"P{number}.12" for number in range(1, count + 1)) + "]` end"
    assert parse(text) == parse([text])


@given(rich_text)
def test_nothing_but_markers_is_taken_out_of_the_text(text: str) -> None:
    written = r"`?[\[(【［（][^\])】］）]*[\])】］）]`?"
    pattern = "".join(re.escape(piece) if isinstance(piece, str) else written for piece in parse([text]))
    assert re.fullmatch(pattern, text)


def resolve(text: str, allowed: Iterable[str] = ("alpha", "beta", "gamma")) -> tuple[list[Piece], CitationStream]:
    """What a stream over `PAPERS` makes of a text that comes in one piece."""
    stream = CitationStream(References().offer(PAPERS), frozenset(allowed))
    return stream.feed(text) + stream.close(), stream


def test_numbers_are_given_in_the_order_of_first_citation() -> None:
    pieces, _ = resolve("B [P2.1], A [P1.2], B again [P2.2], A again [P1.2].")
    assert markdown(pieces) == "B [1], A [2], B again [1], A again [2]."
    assert [(found.number, found.sentence) for found in quoted(pieces)] == [(1, 1), (2, 2), (1, 2)]


@pytest.mark.parametrize("text", ["[P9.1]", "[P0.1]", "[P3.1]", "[P1.0]", "[P1.4]", "[P1]"])
def test_a_marker_that_leads_nowhere_is_dropped_and_counted(text: str) -> None:
    pieces, stream = resolve(f"A claim {text} stands.", allowed=["alpha", "beta"])
    assert (markdown(pieces), stream.dropped) == ("A claim  stands.", 1)
    assert stream.references.cited == ()


def test_the_good_half_of_a_marker_survives_its_bad_half() -> None:
    pieces, stream = resolve("[P1.1, P9.9, P2.1-4]")
    assert (markdown(pieces), stream.dropped) == ("[1][2][2]", 3)


@given(rich_text, st.lists(st.integers(0, 200), max_size=8), st.sets(st.sampled_from([p.id for p in PAPERS])))
def test_citations_are_slices_of_papers_that_may_be_cited(text: str, places: list[int], allowed: set[str]) -> None:
    stream = CitationStream(References().offer(PAPERS), frozenset(allowed))
    pieces = [piece for chunk in cut(text, places) for piece in stream.feed(chunk)] + stream.close()
    citations = [piece for piece in pieces if isinstance(piece, Citation)]
    for citation in citations:
        assert citation.paper.id in allowed
        assert citation.quote == citation.paper.abstract[citation.start : citation.end]
        assert citation.quote == sentences(citation.paper.abstract)[citation.sentence - 1].text
        assert stream.references.paper(citation.key) == citation.paper
    wanted = sum(max(1, len(piece.targets)) for piece in parse([text]) if isinstance(piece, Marker))
    assert len(citations) + stream.dropped == wanted
    assert list(dict.fromkeys(citation.number for citation in citations)) == list(
        range(1, len({citation.paper.id for citation in citations}) + 1)
    )


@given(rich_text)
def test_what_a_model_is_shown_of_its_answer_leads_to_the_same_citations(text: str) -> None:
    pieces, stream = resolve(text)
    assume(not stream.dropped)  # what stood on both sides of a dropped marker may make a new one
    again = CitationStream(stream.references, stream.allowed)
    shown = again.feed(stored(pieces)) + again.close()
    cited = [piece for piece in pieces if isinstance(piece, Citation)]
    assert [piece for piece in shown if isinstance(piece, Citation)] == cited


POOL = [make_paper(name) for name in "Ada Ben Cyd Dot Eve".split()]
steps = st.lists(st.one_of(st.lists(st.sampled_from(POOL), max_size=4), st.sampled_from(POOL)), max_size=12)


@given(steps, st.integers(0, 9))
def test_keys_and_numbers_never_change(taken: Sequence[list[Paper] | Paper], reserved: int) -> None:
    references = References(reserved=reserved)
    keys: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for step in taken:
        if isinstance(step, list):
            references = references.offer(step)
            for paper in step:
                keys.setdefault(paper.id, f"P{len(keys) + 1}")
        elif step.id in keys:
            references, number = references.cite(step.id)
            assert number == numbers.setdefault(step.id, reserved + len(numbers) + 1)
        assert {paper.id: references.key(paper.id) for paper in references.offered} == keys
        assert {references.paper(key): key for key in keys.values()} == {p: keys[p.id] for p in references.offered}
        assert [references.cite(paper_id)[1] for paper_id in numbers] == list(numbers.values())
    assert len(set(numbers.values())) == len(numbers)


def test_a_paper_that_is_offered_again_keeps_its_key_and_gets_its_new_text() -> None:
    newer = make_paper("Alpha", "A newer text.")
    references = References().offer(PAPERS).offer([newer])
    assert references.key("alpha") == "P1"
    assert references.paper("P1") == newer


def test_a_paper_that_was_not_offered_has_no_key() -> None:
    with pytest.raises(KeyError, match="delta"):
        References().offer(PAPERS).key("delta")
    assert References().offer(PAPERS).paper("P4") is None


class _Shown(HTMLParser):
    """What of some HTML a reader sees, and which tags it has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
SYNTAX = [
    *(
        "see [P1.1] and [3]",
        "(P1.1)",
        "【P1.1】",
        "（ P2)",
        "`[P1.1]`",
        "![x](https://x.org/y.png)",
        "<img src=x>",
        "</p>",
    ),
    *(
        "[a](javascript:x)",
        "<https://x.org>",
        "https://x.org",
        "**b**",
        "_e_",
        "~~s~~",
        "# h",
        "- ",
        "1. ",
        "2) ",
        "+ ",
    ),
    *("---", "===", "> q", "| a |", "&amp;", "&#91;", "\\", "\\[", "$$", "$x$", "```", "~~~", "!", "word", " "),
]
one_line = (
    st.lists(st.one_of(st.sampled_from(SYNTAX), st.characters(exclude_categories=["Cc", "Cs"])), min_size=1, max_size=8)
    .map(lambda parts: " ".join("".join(parts).split()))
    .filter(bool)
)


@given(one_line)
def test_escaped_text_is_shown_letter_by_letter(text: str) -> None:
    quote = _Shown(MARKDOWN.render(f"> {escape_markdown(text)}\n"))
    assert (quote.text.strip("\n"), quote.tags) == (text, ["blockquote", "p"])
    title = _Shown(MARKDOWN.render(f"**{escape_markdown(text)}**\n"))
    assert (title.text.strip("\n"), title.tags) == (text, ["p", "strong"])


@given(one_line)
def test_no_marker_is_found_in_escaped_text(text: str) -> None:
    assert parse([escape_markdown(text)]) == [escape_markdown(text)]


def test_a_quoted_sentence_with_brackets_carries_its_own_marker_only() -> None:
    pieces, stream = resolve(f"> {escape_markdown(PAPERS[1].abstract)} [P2.2]\n")
    assert [(found.paper.id, found.sentence) for found in quoted(pieces)] == [("beta", 2)]
    assert stream.dropped == 0
