"""The page's HTML from hostile text: nothing but our own tags, and no marker without its sentence."""

from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import (
    Citation,
    Conversation,
    Dot,
    Mode,
    Outcome,
    Paper,
    Piece,
    Plan,
    References,
    Standing,
    Status,
    Theme,
    TopicMap,
    Turn,
    sentences,
)
from ui import render, words
from ui.text import visible

TAGS = set(
    "a article blockquote br button circle code "
    "details div em figcaption figure h1 h2 h3 h4 h5 h6 header hr li mark ol p "
    "math mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr "
    "munder munderover path pre section span strong summary svg table tbody td text th thead title tr ul".split()
)
ATTRIBUTES = set(
    "display stretchy fence form lspace rspace mathvariant displaystyle scriptlevel columnalign accent height width "
    "linethickness minsize maxsize "
    "aria-hidden aria-label aria-labelledby class cx cy d data-conversation data-copy data-do data-of data-quote "
    "data-support data-title dir disabled download href id open r rel role scope tabindex target title type viewbox "
    "x y".split()
)
INVISIBLE = [*map(chr, [0x200B, 0x200E, 0x200F, 0x202A, 0x202E, 0x2060, 0x2066, 0x2069, 0xFEFF])]
PRIVATE = ["\ue000", "\ue001", "\ue0000\ue001", "\uf8ff", "\ud800", "\udfff"]
HOSTILE = [
    *(
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '"><svg onload=alert(1)>',
        "' onmouseover='x",
        "</p>",
    ),
    *("<a href='javascript:alert(1)'>x</a>", "[x](javascript:alert(1))", "[x](https://x.org)", "[x](data:text/html,x)"),
    *("![x](https://x.org/t.png)", "<https://x.org>", "[x]: https://x.org", "</details></section>", "<!-- ", "<style>"),
    *(
        "${1+1}",
        "{{title}}",
        "{% x %}",
        "$x$",
        r"$\mathcal{B}$",
        r"\(\frac{a}{b}\)",
        r"\[\text{<script>}",
        r"\]",
        "$$",
        "H$_2$",
        "&amp;",
        "&#60;b&#62;",
        "`",
        "```\n",
        "| a |\n",
    ),
    *(
        "[P1.1]",
        "[1]",
        "(#src-1-s1)",
        "[x](#src-9-s9)",
        "[x](//x.org)",
        "[x](file:///etc)",
        "id=sources-title",
        "**b**",
    ),
    *("A sentence. ", "Another one. ", "word ", "\n", "\n\n", "> ", "# ", "- ", " ", *INVISIBLE, *PRIVATE),
]
hostile = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=3)), max_size=8).map("".join)
one_line = hostile.map(lambda text: " ".join(text.split()) or "Empty.")


@st.composite
def papers(draw: st.DrawFn) -> list[Paper]:
    return [
        Paper(
            title=draw(one_line),
            abstract=draw(one_line),
            authors=tuple(draw(st.lists(one_line, max_size=2))),
            year=draw(st.sampled_from([None, 2024])),
            venue=draw(one_line),
            url=draw(
                st.one_of(one_line, st.sampled_from(["javascript:alert(1)", "https://x.org/'\"><b>", "http://x.org"]))
            ),
            source=draw(st.sampled_from(["sample", "<b>.jsonl"])),
            id=f"p{place}",
        )
        for place in range(draw(st.integers(1, 4)))
    ]


@st.composite
def plans(draw: st.DrawFn, standalone: str) -> Plan:
    mode = draw(st.sampled_from([Mode.ASK, Mode.COMPARE, Mode.SUMMARISE]))
    return Plan(mode, draw(hostile), standalone, automatic=draw(st.booleans()))


@st.composite
def maps(draw: st.DrawFn, known: Sequence[Paper]) -> TopicMap:
    """A map of the papers under hostile names; the second theme is drawn nowhere."""
    themes = tuple(Theme(draw(one_line), tuple(paper.id for paper in known)) for _ in range(2))
    dots = tuple(Dot(paper, 0, draw(st.floats(0, 1)), draw(st.floats(0, 1))) for paper in known)
    return TopicMap(themes, dots, len(known) + draw(st.integers(0, 1)))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Conversation, list[Paper], list[Piece]]:
    """A conversation over hostile papers, and what is found and written in the turn that comes next."""
    known = draw(papers())
    references = References().offer(known)

    def pieces() -> list[Piece]:
        nonlocal references
        written: list[Piece] = []
        for step in draw(st.lists(st.one_of(hostile, st.sampled_from(known)), max_size=5)):
            if isinstance(step, str):
                written.append(step)
                continue
            sentence = draw(st.sampled_from(sentences(step.abstract)))
            references, number = references.cite(step.id)
            place = (sentence.number, sentence.start, sentence.end, sentence.text)
            written.append(Citation(number, references.key(step.id), step, *place, "verbatim"))
        return written

    def found(written: Sequence[Piece]) -> list[Paper]:
        cited = [piece.paper for piece in written if isinstance(piece, Citation)]
        return list(
            {paper.id: paper for paper in [*cited, *draw(st.lists(st.sampled_from(known), max_size=3))]}.values()
        )

    turns = []
    for _ in range(draw(st.integers(0, 3))):
        written = pieces()
        outcome = draw(st.sampled_from(Outcome))
        standalone, problem = draw(hostile), draw(hostile)
        turns.append(
            Turn(
                draw(plans(standalone)),
                tuple(written),
                tuple(found(written)),
                outcome,
                97,
                problem=problem,
                topic_map=draw(st.none() | maps(known)),
            )
        )
    written = pieces()
    return Conversation(tuple(turns), references), found(written), written


class Page(HTMLParser):
    """The tags, attributes and text of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.text = html, ""
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment in the page: {data!r}")

    def values(self, name: str) -> list[str]:
        """The values of one attribute."""
        return [value for _, found, value in self.attributes if found == name]


def assert_clean(page: Page) -> None:
    assert page.tags <= TAGS
    assert {name for _, name, _ in page.attributes} <= ATTRIBUTES
    ours = ("#src-", "#paper-", "#cite-", "https://", "http://", "data:text/csv;", "data:text/markdown;", "save/")
    assert all(href.startswith(ours) for href in page.values("href"))
    assert len(page.values("download")) == sum(href.startswith(("data:", "save/")) for href in page.values("href"))
    assert all(
        (tag, name) in {("a", "href"), ("a", "target"), ("a", "rel")}
        for tag, name, _ in page.attributes
        if name in {"href", "target", "rel"}
    )
    assert not set(page.html) & set(INVISIBLE)
    assert not any("\ue000" <= character <= "\uf8ff" for character in page.html)


def kept(conversation: Conversation) -> Conversation:
    """The same with the ids that it has once it is kept."""
    turns = tuple(replace(turn, id=f"{place:032x}") for place, turn in enumerate(conversation.turns))
    return replace(conversation, turns=turns, id="c" * 32)


@given(conversations())
def test_hostile_text_brings_no_tag_attribute_or_address_of_its_own(
    made: tuple[Conversation, list[Paper], list[Piece]],
) -> None:
    conversation, found, written = kept(made[0]), made[1], made[2]
    versions = {turn.id: ("1", turn.id, "2") for turn in conversation.turns[:1]}
    assert_clean(Page(render.conversation(conversation, versions, 1)))
    assert_clean(Page(render.conversation(conversation, {}, 20)))
    assert_clean(Page(render.sources(conversation)))
    assert_clean(Page(render.sources(conversation, found, written)))
    assert_clean(Page(render.alike(conversation.turns[0].question if conversation.turns else "", found)))
    for turn in conversation.turns:
        assert_clean(Page(render.draft(turn.plan, written, words.WRITING, turn.topic_map, searched=9, papers=2)))
        assert_clean(Page(render.notice(turn.problem)))


@given(conversations())
def test_every_marker_leads_to_its_sentence_in_the_sources(
    made: tuple[Conversation, list[Paper], list[Piece]],
) -> None:
    conversation, found, written = kept(made[0]), made[1], made[2]
    at_rest = (render.conversation(conversation, {}, 20), render.sources(conversation))
    while_writing = (
        at_rest[0] + render.draft(Plan(Mode.ASK, "Q", "Q"), written, words.WRITING),
        render.sources(conversation, found, written, render.alike("One of them", found)),
    )
    for answers, panel in (at_rest, while_writing):
        ids = Page(panel).values("id")
        assert len(ids) == len(set(ids))
        markers = [href for tag, name, href in Page(answers).attributes if name == "href" and href.startswith("#src")]
        assert {href.removeprefix("#") for href in markers} <= set(ids)
        ways_back = [href.removeprefix("#") for href in Page(panel).values("href") if href.startswith("#cite-")]
        assert set(ways_back) <= set(Page(answers).values("id"))
        assert len(ways_back) == len(set(ways_back))


@given(conversations())
def test_every_citation_has_its_marker_in_order(made: tuple[Conversation, list[Paper], list[Piece]]) -> None:
    for turn in made[0].turns:
        page = Page(render.answer(turn.pieces))
        cited = [f"#src-{piece.number}-s{piece.sentence}" for piece in turn.pieces if isinstance(piece, Citation)]
        assert [href for href in page.values("href") if href.startswith("#src")] == cited


@given(papers())
def test_a_card_shows_its_paper_letter_by_letter(known: list[Paper]) -> None:
    for paper in known:
        page = Page(render.card(paper, 1, {1: "verbatim"}, is_open=True))
        for text in (paper.display_title, *(sentence.text for sentence in sentences(paper.abstract))):
            assert visible(text) in page.text


def a_citation(paper: Paper, sentence: int, number: int = 1) -> Citation:
    found = sentences(paper.abstract)[sentence - 1]
    return Citation(number, "P1", paper, found.number, found.start, found.end, found.text, "verbatim")


PAPER = Paper(r"$\mathcal{B}$-Coder: Learning H$_2$", "First one. Second one. Third one.", id="b", source="sample")


def a_turn(*pieces: Piece, outcome: Outcome = Outcome.ANSWERED, standalone: str = "Q?", problem: str = "") -> Turn:
    return Turn(Plan(Mode.ASK, "Q?", standalone), pieces, (PAPER,), outcome, problem=problem)


def test_the_steps_of_an_answer_are_shown_while_it_is_written_and_fold_away_after() -> None:
    plan = Plan(Mode.COMPARE, "A or B?", "A or B?", subjects=("A", "B"))
    writing = render.draft(plan, ["It is"], words.WRITING, searched=97, papers=8)
    assert "Searched 97 papers for “A” and for “B”" in Page(writing).text
    assert "Read 8 abstracts" in Page(writing).text
    assert "<details" not in writing
    done = Turn(plan, ("It is.",), (PAPER,), Outcome.ANSWERED, searched=97, timings={"total": 1.25})
    markup = render.turn(done)
    assert f'<details class="steps" dir="ltr"><summary>{words.STEPS}</summary>' in markup
    assert "Read 1 abstract" in Page(markup).text and "Took 1.2 s" in Page(markup).text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"It is \(\frac{a}{b}\).", "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>"),
        (r"So \[x_1\]", '<math display="block"><mrow><msub><mi>x</mi><mn>1</mn></msub></mrow></math>'),
        ("So $$x$$.", '<math display="block">'),
        ("| a |\n| --- |\n| \\(x\\) |", '<math display="inline">'),
        ("It costs $5 and $10.", "It costs $5 and $10."),
        (r"An open \(x", "An open (x"),
        (r"Quoted \\(x\\)", r"Quoted \(x\)"),
        (rf"\({'{' * 500}\)", f"<code>{'{' * 500}</code>"),
    ],
)
def test_maths_in_an_answer_is_drawn_and_prices_stay_prices(text: str, shown: str) -> None:
    assert shown in render.answer([text])


def test_a_citation_within_maths_stays_a_citation() -> None:
    markup = render.answer([r"It is \(x", a_citation(PAPER, 1), r"\)."])
    assert markup.count('class="cite') == 1
    assert "<math" not in markup


def test_latex_in_titles_is_shown_as_text() -> None:
    panel = Page(render.sources(Conversation((a_turn("x", a_citation(PAPER, 2)),))))
    assert "ℬ-Coder: Learning H₂" in panel.text
    assert "$" not in panel.text
    marker = Page(render.answer([a_citation(PAPER, 2)]))
    assert (marker.values("data-title"), marker.values("data-quote")) == (["ℬ-Coder: Learning H₂"], ["Second one."])


def test_only_cited_sentences_are_marked_and_earlier_ones_stay_so() -> None:
    turns = (a_turn(a_citation(PAPER, 1)), a_turn(a_citation(PAPER, 3)))
    html = render.sources(Conversation(turns))
    assert html.count("<mark") == 2
    assert '<mark id="src-1-s1" tabindex="-1">First one.</mark>' in html
    assert '<mark id="src-1-s3" tabindex="-1">Third one.</mark>' in html


def test_a_sentence_looks_doubtful_only_if_no_claim_was_found_in_it() -> None:
    doubtful = [replace(a_citation(PAPER, sentence), support="not found") for sentence in (1, 2)]
    html = render.sources(Conversation((a_turn(*doubtful, a_citation(PAPER, 2)),)))
    assert '<mark id="src-1-s1" class="not-found" tabindex="-1">First one.</mark>' in html
    assert '<mark id="src-1-s2" tabindex="-1">Second one.</mark>' in html


def test_sources_come_in_three_groups_each_paper_once() -> None:
    others = [Paper(title, "Only one.", id=title) for title in ("Cited", "Beside", "Earlier")]
    before = Turn(Plan(Mode.ASK, "Q", "Q"), (a_citation(others[2], 1, 1),), (), Outcome.ANSWERED)
    now = Turn(Plan(Mode.ASK, "Q", "Q"), (a_citation(others[0], 1, 2),), tuple(others[:2]), Outcome.ANSWERED)
    text = Page(render.sources(Conversation((before, now)))).text
    places = [
        text.index(part) for part in (words.CITED_NOW, "Cited", words.FOUND_NOT_CITED, "Beside", words.CITED_BEFORE)
    ]
    assert places == sorted(places)
    assert text.rindex("Earlier") > text.index(words.CITED_BEFORE)
    assert text.count("Only one.") == 3


def test_a_card_shows_what_is_known_and_invents_nothing() -> None:
    bare = Page(render.card(PAPER, None, {}, is_open=False))
    assert words.FACTS_UNKNOWN in bare.text and words.SAMPLE_SOURCE in bare.text
    assert "<a " not in bare.html and "None" not in bare.text
    known = Paper("T", "A.", ("A. Lee",), 2024, "Venue", doi="10.1/x", source="own.jsonl")
    page = Page(render.card(known, 3, {}, is_open=True))
    assert "A. Lee · Venue · 2024 · from own.jsonl" in page.text
    assert page.values("href") == ["https://doi.org/10.1/x"]
    assert page.values("rel") == ["noopener noreferrer"]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "ftp://x.org", "//x.org", "x.org"])
def test_a_paper_is_linked_to_the_web_only(url: str) -> None:
    assert "href" not in render.card(Paper("T", "A.", url=url), 1, {}, is_open=True)


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        (a_turn("Half", outcome=Outcome.STOPPED), words.STOPPED),
        (a_turn("Half", outcome=Outcome.FAILED, problem="The <disk> is full."), "The <disk> is full."),
        (a_turn("Whole", standalone="What is MiniCache?"), f"{words.READ_AS}: What is MiniCache?"),
    ],
)
def test_how_a_turn_was_read_and_how_it_ended_is_said(turn: Turn, shown: str) -> None:
    assert shown in Page(render.turn(turn)).text
    assert shown not in Page(render.turn(a_turn("Whole"))).text


@pytest.mark.parametrize(("count", "said"), [(0, "0 papers"), (1, "1 paper"), (5183, "5,183 papers")])
def test_the_header_counts_papers_and_names_the_mode(count: int, said: str) -> None:
    page = Page(render.header(Status(count, count, 0, 0, "minilm")))
    assert said in page.text and words.QUOTING_MODE in page.text
    assert words.embedding(3, 5, None) in Page(render.header(Status(5, 3, 2, 0, "minilm"))).text
    waiting = Page(render.header(Status(5, 3, 2, 0, "minilm"), standing=Standing(3, 5, 1260.0)))
    assert "3 of 5 papers searchable by meaning · about 21 min left" in waiting.text
    stuck = Page(render.header(Status(5, 3, 2, 0, "minilm"), standing=Standing(3, 5, problem="No server.")))
    assert "No server." in stuck.text


def test_an_empty_library_is_welcomed_with_what_to_do() -> None:
    assert 'href="#library"' in render.welcome(Status(0, 0, 0, 0, ""))
    assert 'href="#library"' not in render.welcome(Status(97, 97, 0, 97, "minilm"))


def test_the_head_says_why_the_library_cannot_be_read() -> None:
    page = Page(render.header(None, problem="The database <b> does not answer."))
    assert "The database <b> does not answer." in page.text
    assert_clean(page)
