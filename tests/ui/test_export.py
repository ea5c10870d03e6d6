"""An exported file: all of it our own, whatever papers and writers hold, and no link that leads nowhere."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import Citation, Dot, Mode, Outcome, Paper, Piece, Plan, Theme, TopicMap, Turn, Uncited, sentences
from ui import words
from ui.export import Kind, as_html, file_name

TAGS = set(
    "a article blockquote body br circle code em figcaption figure footer g h1 h2 h3 h4 h5 h6 head hr html div li main "
    "meta ol p pre section span strong style svg table tbody td text th thead title tr ul".split()
)
ATTRIBUTES = set(
    "aria-label aria-labelledby charset class content cx cy dir href http-equiv id lang name r rel role scope tabindex "
    "title value viewbox x y".split()
)
HOSTILE = [
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "' onmouseover='x"),
    *("</p></div></article></main>", "</title>", "</style>", "<style>", "<!-- ", "-->", "]]>", "<base href=//x.org>"),
    *("[x](javascript:alert(1))", "![x](https://x.org/t.png)", "<https://x.org>", "[x]: https://x.org", "&#60;b&#62;"),
    *('<a class="cite verbatim" href="#src-1-s1"', '<a class="dot theme-1" href="#paper-p0" tabindex="-1">', "</a>"),
    *("```\n", "`", "| a |\n| - |\n", "# ", "## ", "> ", "- ", "\n", "\n\n", "A sentence. ", "**b**", "===\n"),
    *("\u202e", "\u200b", "\x00", "\ud800", "\ue0000\ue001", "\uf8ff"),
]
hostile = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=3)), max_size=6).map("".join)
one_line = hostile.map(lambda text: " ".join(text.split()) or "Empty.")


class File(HTMLParser):
    """The tags, attributes and text of an exported file, and the tags that are open in it at its end."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags = "", list[str]()
        self.attributes: list[tuple[str, str, str]] = []
        self.open = list[str]()
        self.headings = list[str]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in ("meta", "br", "hr", "circle"):
            self.open.append(tag)
        if tag in ("h1", "h2"):
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag != "circle":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings[-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment in the file: {data!r}")

    def values(self, name: str) -> list[str]:
        return [value for _, found, value in self.attributes if found == name]


@st.composite
def papers(draw: st.DrawFn) -> list[Paper]:
    return [
        Paper(
            draw(one_line),
            draw(one_line),
            tuple(draw(st.lists(one_line, max_size=2))),
            draw(st.sampled_from([None, 2024])),
            draw(one_line),
            url=draw(st.one_of(one_line, st.sampled_from(["javascript:alert(1)", "https://x.org/'\"><b>"]))),
            id=f"p{place}",
        )
        for place in range(draw(st.integers(1, 3)))
    ]


@st.composite
def turns(draw: st.DrawFn) -> list[Turn]:
    known = draw(papers())

    def piece() -> Piece:
        step = draw(st.one_of(hostile, st.sampled_from(known), st.just(Uncited(1))))
        if not isinstance(step, Paper):
            return step
        found = draw(st.sampled_from(sentences(step.abstract)))
        support = draw(st.sampled_from(list(words.SUPPORT)))
        number = known.index(step) + 1
        return Citation(number, f"P{number}", step, found.number, found.start, found.end, found.text, support, 1)

    def turn() -> Turn:
        plan = Plan(draw(st.sampled_from([Mode.ASK, Mode.COMPARE, Mode.SUMMARISE])), draw(hostile), draw(hostile))
        dots = tuple(Dot(paper, 0, 0.5, 0.5) for paper in known)
        shown = draw(st.none() | st.just(TopicMap((Theme(draw(one_line), ("p0",)),), dots, len(known))))
        return Turn(
            plan,
            tuple(piece() for _ in range(draw(st.integers(0, 5)))),
            (),
            draw(st.sampled_from(Outcome)),
            llm=draw(st.none() | hostile),
            problem=draw(hostile),
            note=draw(hostile),
            topic_map=shown,
        )

    return [turn() for _ in range(draw(st.integers(0, 3)))]


@given(turns(), hostile)
def test_hostile_text_brings_nothing_of_its_own_and_every_link_leads_somewhere(made: list[Turn], title: str) -> None:
    html = as_html(made, title)
    file = File(html)
    assert not file.open
    assert set(file.tags) <= TAGS
    assert {name for _, name, _ in file.attributes} <= ATTRIBUTES
    assert file.tags.count("style") == file.tags.count("main") == file.tags.count("h1") == 1
    ids = file.values("id")
    assert len(ids) == len(set(ids))
    inside = {href.removeprefix("#") for href in file.values("href") if href.startswith("#")}
    assert inside | set(" ".join(file.values("aria-labelledby")).split()) <= set(ids)
    assert all(href.startswith(("#", "https://", "http://")) for href in file.values("href"))
    assert not set(html) & set("\x00\ud800\u202e\u200b") and not re.search("[\ue000-\uf8ff]", html)
    assert len(file.headings) == 1 + len(made) + ("References" in file.headings[-1:])
    html.encode()


@given(turns())
def test_every_marker_leads_to_its_sentence_which_leads_back(made: list[Turn]) -> None:
    file = File(as_html(made))
    links = [value for tag, name, value in file.attributes if (tag, name) == ("a", "href")]
    for turn in range(1, len(made) + 1):
        places = [found for found in file.values("id") if found.startswith(f"cite-{turn}-")]
        assert all(links.count(f"#{place}") == 1 for place in places)
        assert len(places) <= sum(isinstance(piece, Citation) for piece in made[turn - 1].pieces)


ALPHA = Paper("Alpha", "First one. Second one.", ("Ada Lee",), 2020, "Nature", id="alpha", url="https://x.org/a")
BETA = Paper("Beta", "Only one.", id="beta")


def cite(paper: Paper, number: int, sentence: int = 1, support: str = "verbatim") -> Citation:
    found = sentences(paper.abstract)[sentence - 1]
    return Citation(number, f"P{number}", paper, found.number, found.start, found.end, found.text, support, 1)


def a_turn(*pieces: Piece, question: str = "What is it?", **known: Any) -> Turn:
    return Turn(Plan(Mode.ASK, question, question), pieces, (), known.pop("outcome", Outcome.ANSWERED), **known)


def test_a_file_runs_nothing_and_asks_for_nothing() -> None:
    html = as_html([a_turn("It is ", cite(ALPHA, 1))], "Alpha & more")
    file = File(html)
    policies = [value for value in file.values("content") if "default-src" in value]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]
    assert not {"script", "img", "link", "iframe", "object"} & set(file.tags) and "url(" not in html
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "<title>Alpha &amp; more</title>" in html
    assert "prefers-color-scheme: dark" in html and "@media print" in html


def test_the_references_show_the_sentences_their_labels_and_where_they_are_cited() -> None:
    turns = [
        a_turn("A ", cite(ALPHA, 1, 2, "supported"), " and ", cite(ALPHA, 1, 2, "supported"), question="One?"),
        a_turn("B ", cite(BETA, 3), cite(ALPHA, 1, 2, "not found"), question="Two?"),
    ]
    file = File(as_html(turns))
    assert file.headings == [words.NAME, "One?", "Two?", "References"]
    assert [value for tag, name, value in file.attributes if (tag, name) == ("li", "value")] == ["1", "3"]
    listed = file.text[file.text.rindex("References") :]
    assert listed.index("Lee, A. (2020). Alpha. Nature. https://x.org/a") < listed.index("Second one.")
    assert "First one." not in listed and listed.count("Second one.") == 1
    assert "supports the claim Cited in answer 1, place 1 · answer 1, place 2" in listed
    assert "the claim was not found in it Cited in answer 2" in listed
    assert "the sentence itself Cited in answer 2" in listed
    assert file.values("href").count("#ref-1-s2") == 3


def test_two_texts_of_one_sentence_are_both_shown() -> None:
    newer = replace(ALPHA, abstract="First one. Changed one.")
    file = File(as_html([a_turn(cite(ALPHA, 1, 2)), a_turn(cite(newer, 1, 2))]))
    assert "Second one." in file.text and "Changed one." in file.text
    assert file.values("id").count("ref-1-s2") == 1


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        (a_turn("Half", outcome=Outcome.STOPPED), words.STOPPED),
        (a_turn("Half", outcome=Outcome.FAILED, problem="The <disk> is full."), "The <disk> is full."),
        (a_turn("Whole", note="One was left out."), "One was left out."),
        (a_turn("Whole", llm="gpt"), "Written by gpt"),
        (a_turn("**Nothing here.**", outcome=Outcome.REFUSED), "Nothing here."),
        (replace(a_turn("Whole"), plan=Plan(Mode.COMPARE, "Q", "A and B?")), "Comparison" + "Read as: A and B?"),
    ],
)
def test_how_a_turn_was_read_and_how_it_ended_is_said(turn: Turn, shown: str) -> None:
    file = File(as_html([turn]))
    assert shown in file.text
    assert "References" not in file.headings
    assert shown not in File(as_html([a_turn("Whole")])).text


def test_a_table_and_a_map_are_kept_and_only_dots_of_cited_papers_lead_somewhere() -> None:
    shown = TopicMap((Theme("Letters", ("alpha", "beta")),), (Dot(ALPHA, 0, 0, 0), Dot(BETA, 0, 1, 1)), 2)
    html = as_html([a_turn("| A | B |\n| --- | --- |\n| x | y ", cite(ALPHA, 1), " |\n", topic_map=shown)])
    file = File(html)
    assert {"table", "svg"} <= set(file.tags) and '<th scope="row">x</th>' in html
    assert '<a class="dot theme-0" href="#ref-1" tabindex="-1"><title>Alpha' in html
    assert '<g class="dot theme-0"><title>Beta' in html
    assert words.MAP_HINT not in file.text


def test_headings_of_a_writer_stay_below_the_question() -> None:
    file = File(as_html([a_turn("# Big\n\n## Less\n\nText")]))
    assert file.headings == [words.NAME, "What is it?"] and file.tags.count("h3") == 2


@pytest.mark.parametrize(
    ("title", "kind", "name"),
    [
        ("What is MiniCache?", "markdown", "what-is-minicache.md"),
        ("../../etc/passwd\0", "html", "etc-passwd.html"),
        ("", "bibtex", "conversation.bib"),
        ("???", "json", "conversation.json"),
        ("CON", "html", "conversation.html"),
        ("lpt1.", "json", "conversation.json"),
        ("Über Größe: 注意力", "markdown", "über-größe-注意力.md"),
        ("word " * 30, "html", "word-word-word-word-word-word-word-word-word-word-word.html"),
        ("w" * 100, "html", "w" * 55 + ".html"),
    ],
)
def test_names_of_files(title: str, kind: Kind, name: str) -> None:
    assert file_name(title, kind) == name


@given(st.text(max_size=90) | hostile, st.sampled_from(["markdown", "html", "bibtex", "json"]))
def test_every_name_is_safe_on_every_system(title: str, kind: Kind) -> None:
    name = file_name(title, kind)
    assert len(name) <= 60 and len(name.encode()) <= 255
    assert not set(name) & set('<>:"/\\|?*') and name.isprintable() and not name.startswith((".", "-", " "))
