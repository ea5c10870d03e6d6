"""A conversation as one HTML file to keep, print and pass on: no script, nothing from elsewhere. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from assistant import Citation, CitedPaper, Mode, Outcome, TopicMap, Turn, address, cited_papers, limited, reference

from . import render, words
from .export_style import STYLE
from .text import card_id, visible
from .topic_map import topic_map

Kind = Literal["markdown", "html", "bibtex", "json"]

_ENDINGS = {"markdown": ".md", "html": ".html", "bibtex": ".bib", "json": ".json"}
_LONGEST_NAME = 60  # characters; of four bytes each, they stay below the 255 bytes that systems allow
_RESERVED = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)\d)", re.IGNORECASE)  # names of devices on Windows

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
# Markers and dots as `render` and `topic_map` build them. Text is escaped by then, so that none can look like these.
_MARKER = re.compile(
    r'<a class="cite ([\w-]+)" href="#src-(\d+)-s(\d+)" data-title="([^"]*)" data-quote="([^"]*)" data-support="[^"]*"'
)
_DOT = re.compile(r'<a class="dot (theme-\d+)" href="#([\w-]*)" tabindex="-1">(.*?)</a>', re.DOTALL)
_HIGH_HEADING = re.compile(r"(</?h)[12]>")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # a browser shows boxes, UTF-8 has no surrogates


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an answer cites a sentence; turns and the places in one count from 1."""

    number: int
    sentence: int
    support: str
    turn: int
    place: int

    @property
    def id(self) -> str:
        return f"cite-{self.turn}-{self.place}"


def as_html(turns: Sequence[Turn], title: str = "") -> str:
    """The file. Its numbers lead to the references at its end, whose sentences lead back to where they are cited."""
    papers = cited_papers(turns)
    numbers = {card_id(cited.paper): cited.number for cited in papers}
    places: list[_Place] = []
    articles = "".join(_turn(turn, at, len(turns), numbers, places) for at, turn in enumerate(turns, start=1))
    name = escape(_clean(title)) or words.NAME
    html = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f'<meta name="color-scheme" content="light dark"><title>{name}</title><style>{STYLE}</style></head>\n'
        f'<body><main><h1 dir="auto">{name}</h1>\n{articles}\n{_references(papers, places)}</main>'
        f"<footer>{words.WRITTEN_WITH}</footer></body></html>\n"
    )
    return _NOT_TEXT.sub("", html)


def file_name(title: str, kind: Kind) -> str:
    """A name for the file that every system takes, of at most 60 characters: "what-is-minicache.md".

    Letters of all scripts and digits stay; where the title has none, the name is "conversation".
    """
    ending = _ENDINGS[kind]
    kept = "".join(
        sign if unicodedata.category(sign)[0] in "LMN" else "-" for sign in unicodedata.normalize("NFC", title.lower())
    )
    parts = [part for part in kept.split("-") if part]
    stem, room = "", _LONGEST_NAME - len(ending)
    for part in parts:  # at the end of a word, unless the first is too long
        longer = f"{stem}-{part}" if stem else part[:room]
        if len(longer) > room:
            break
        stem = longer
    if not stem or _RESERVED.fullmatch(stem):
        stem = "conversation"
    return stem + ending


def _turn(turn: Turn, at: int, total: int, numbers: Mapping[str, int], places: list[_Place]) -> str:
    """One question and its answer; adds to `places` where it cites."""
    head = f'<p class="count">{words.question_of(at)}</p>' if total > 1 else ""
    head += f'<h2 id="question-{at}" dir="auto">{escape(_clean(turn.question))}</h2>'
    shown = _map(turn.topic_map, numbers) if turn.topic_map else ""
    body = f'{shown}<div class="answer" dir="auto">{_answer(turn, at, places)}</div>'
    return f'<article aria-labelledby="question-{at}">{head}{_read_as(turn)}{body}{_ending(turn)}</article>\n'


def _read_as(turn: Turn) -> str:
    lines = [words.KINDS[turn.mode]] if turn.mode in (Mode.COMPARE, Mode.SUMMARISE) else []
    if turn.standalone != turn.question:
        lines.append(f"{words.READ_AS}: {turn.standalone}")
    if turn.plan.limits:
        lines.append(f"{words.SEARCHED_ONLY}: {limited(turn.plan.limits)}")
    return "".join(f'<p class="read-as" dir="auto">{escape(_clean(line))}</p>' for line in lines)


def _answer(turn: Turn, at: int, places: list[_Place]) -> str:
    """The answer as on the page, with an id at every marker, and no heading above the question's."""
    before = len(places)

    def found(marker: re.Match[str]) -> str:
        look, number, sentence, title, quote = marker.groups()
        place = _Place(int(number), int(sentence), look.replace("-", " "), at, len(places) - before + 1)
        places.append(place)
        link = f"#{_sentence_id(place.number, place.sentence)}"
        return f'<a id="{place.id}" class="cite {look}" href="{link}" title="{title}: {quote}"'

    pieces = [_NOT_TEXT.sub("", piece) if isinstance(piece, str) else piece for piece in turn.pieces]
    return _MARKER.sub(found, _HIGH_HEADING.sub(r"\g<1>3>", render.answer(pieces)))


def _map(found: TopicMap, numbers: Mapping[str, int]) -> str:
    """The map, whose dots lead to the references of the papers that are cited."""

    def dot(link: re.Match[str]) -> str:
        theme, paper, inside = link.groups()
        if paper in numbers:
            return f'<a class="dot {theme}" href="#ref-{numbers[paper]}" tabindex="-1">{inside}</a>'
        return f'<g class="dot {theme}">{inside}</g>'

    hint = f"{words.MAP_HINT}</figcaption>"
    return _DOT.sub(dot, topic_map(found)).replace(hint, f"{words.EXPORTED_MAP_HINT}</figcaption>")


def _ending(turn: Turn) -> str:
    """How the turn ended if not as expected, and who wrote the answer."""
    lines = []
    if turn.outcome is Outcome.STOPPED:
        lines.append(("note", words.STOPPED))
    elif turn.outcome is Outcome.FAILED:
        lines.append(("note problem", turn.problem))
    elif turn.note:
        lines.append(("note", turn.note))
    if turn.llm:
        checked = f" · {words.checked(turn.support)}" if turn.support else ""
        lines.append(("meta", f"{words.WRITTEN_BY} {turn.llm}{checked}"))
    return "".join(f'<p class="{look}" dir="auto">{escape(_clean(line))}</p>' for look, line in lines)


def _references(papers: Sequence[CitedPaper], places: Sequence[_Place]) -> str:
    if not papers:
        return ""
    entries = "".join(_entry(cited, places) for cited in papers)
    return (
        f'<section class="references" aria-labelledby="references"><h2 id="references">{words.REFERENCES}</h2>'
        f"<ol>{entries}</ol></section>"
    )


def _entry(cited: CitedPaper, places: Sequence[_Place]) -> str:
    """A reference with the sentences that are cited, each with what the check found and where it is cited."""
    link = address(cited.paper)
    text = escape(_clean(reference(cited.paper, "apa").removesuffix(link)))
    opens = f' <a href="{escape(link)}" rel="noopener noreferrer">{escape(link)}</a>' if link else ""
    quotes, shown = "", set[int]()
    # A paper whose text has changed since may have two sentences of one number; the places lead to the first.
    for citation in {(item.sentence, item.quote): item for item in cited.citations}.values():
        first = citation.sentence not in shown
        shown.add(citation.sentence)
        quotes += _quote(citation, [p for p in places if first and _cites(p, citation)], first)
    return f'<li id="ref-{cited.number}" value="{cited.number}"><p dir="auto">{text}{opens}</p>{quotes}</li>\n'


def _quote(citation: Citation, places: Sequence[_Place], first: bool) -> str:
    identity = f' id="{_sentence_id(citation.number, citation.sentence)}"' if first else ""
    by_label: dict[str, list[str]] = {}
    for place in places:
        of_turn = sum(other.turn == place.turn for other in places)
        at = sum(other.turn == place.turn and other.place <= place.place for other in places)
        link = f'<a href="#{place.id}">{words.cited_in(place.turn, at, of_turn)}</a>'
        by_label.setdefault(place.support, []).append(link)
    labels = [
        f'<span class="label {label.replace(" ", "-")}">{words.SUPPORT[label]}</span> '
        f'<span class="back">{words.CITED_IN} {" · ".join(links)}</span>'
        for label, links in (by_label or {citation.support: []}).items()
    ]
    if not by_label:  # its marker was lost in the answer's Markdown
        labels = [f'<span class="label">{words.SUPPORT[citation.support]}</span>']
    found = "".join(f'<p class="found">{label}</p>' for label in labels)
    return f'<blockquote{identity}><p dir="auto">{escape(_clean(citation.quote))}</p>{found}</blockquote>'


def _cites(place: _Place, citation: Citation) -> bool:
    return (place.number, place.sentence) == (citation.number, citation.sentence)


def _clean(text: str) -> str:
    """Text of others in one line, without what hides or reorders it."""
    return " ".join(visible(text).split())


def _sentence_id(number: int, sentence: int) -> str:
    return f"ref-{number}-s{sentence}"
