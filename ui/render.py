"""Pure builders of the page's HTML. Text from papers, questions and models is escaped or cleaned here, nowhere else."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from html import escape
from itertools import groupby

import nh3
from markdown_it import MarkdownIt

from assistant import (
    Citation,
    Conversation,
    Mode,
    Outcome,
    Paper,
    Piece,
    Plan,
    Standing,
    Status,
    Style,
    TopicMap,
    Turn,
    as_text,
    limited,
    reference,
    sentences,
)

from . import icons, words
from .maths import add_maths
from .text import card_id, visible
from .topic_map import topic_map

# No images, and no links: one of a writer's would lead away from the page or look like a citation.
_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False, "breaks": False})
    .enable("table")
    .disable(["image", "link", "autolink", "reference"])
)
add_maths(_MARKDOWN)
_TAGS = frozenset("blockquote br code em h1 h2 h3 h4 h5 h6 hr li ol p pre strong table tbody td th thead tr ul".split())
# Citations travel through Markdown as private-use characters, which no text keeps.
_PLACEHOLDER = re.compile(r"\ue000(\d+)\ue001")
_MATHS = re.compile(r"\ue002(\d+)\ue003")
_SPACE_BEFORE_MARKER = re.compile(r" +(?=\ue000)")
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)

_STYLES: Sequence[tuple[Style, str]] = (("bibtex", "BibTeX"), ("apa", "APA"), ("plain", words.PLAIN))

MARK = (
    '<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><path d="M10 5H5v22h5M22 5h5v22h-5"/>'
    '<path d="M13 12.5 16.5 10v12M13 22h7"/></svg>'
)


def header(status: Status | None, model: str | None = None, standing: Standing | None = None, problem: str = "") -> str:
    """The page's head: mark and name, how many papers there are and are ready, and who speaks: a model or quotations.

    `standing` tells how long the embedding will take, and why it waits if it does; `problem` why there is no `status`.
    """
    speaks = f"{words.WRITTEN_BY} {escape(visible(model))}" if model else words.QUOTING_MODE
    title = "" if model else f' title="{escape(words.QUOTING_MODE_MEANS)}"'
    return (
        f'<header class="masthead"><div class="brand">{MARK}<h1>{words.NAME}</h1>'
        f'<p class="tagline">{words.TAGLINE}</p></div>'
        f'<p class="facts">{_count(status, standing) if status else _lost(problem)}'
        f'<span class="mode"{title}>{speaks}</span></p></header>'
    )


def _lost(problem: str) -> str:
    return f'<span class="problem" role="alert">{escape(visible(problem))}</span>'


def _count(status: Status, standing: Standing | None) -> str:
    if not status.pending:
        return f'<span class="count">{words.papers(status.papers)}</span>'
    problem = standing.problem if standing else ""
    means = escape(visible(f"{problem} {words.BY_WORDS_ONLY}".strip()))
    said = words.embedding(status.indexed, status.papers, standing.seconds_left if standing else None)
    mark = f' <span class="problem">{escape(visible(problem))}</span>' if problem else ""
    return f'<span class="count" title="{means}">{said}{mark}</span>'


def views() -> str:
    """The way between the chat and the library; `page.js` shows which of them is open."""
    tabs = "".join(
        f'<a role="tab" id="tab-{view}" href="#{view}" aria-controls="{part}">{words.VIEWS[view]}</a>'
        for view, part in (("chat", "desk"), ("library", "library-view"))
    )
    return (
        f'<div class="views"><div role="tablist" aria-label="{words.VIEWS_LABEL}">{tabs}</div>'
        f'<button type="button" id="show-keys" aria-label="{words.KEYS}" title="{words.KEYS}">?</button></div>'
    )


def welcome(status: Status) -> str:
    """What stands in place of a conversation that has not begun."""
    if not status.papers:
        return (
            f'<section class="welcome"><h2>{words.EMPTY_LIBRARY}</h2><p>{words.EMPTY_LIBRARY_MORE}</p>'
            f'<p><a href="#library">{words.GO_TO_LIBRARY}</a></p></section>'
        )
    return f'<section class="welcome"><h2>{words.WELCOME}</h2><p>{words.WELCOME_MORE}</p></section>'


def conversation(shown: Conversation, versions: Mapping[str, Sequence[str]], last: int) -> str:
    """The last so many finished turns, oldest first, with the way to those before.

    `versions` has, for a turn that was asked in more than one way, the ids of all of these in the order of asking.
    """
    earlier = (
        f'<p class="earlier"><button type="button" data-do="earlier">{words.EARLIER_TURNS}</button></p>'
        if len(shown.turns) > last
        else ""
    )
    turns = "".join(turn(item, versions.get(item.id, ()), shown.id) for item in shown.turns[-last:])
    return f'<div data-conversation="{escape(shown.id)}">{earlier}{turns}</div>'


def turn(item: Turn, versions: Sequence[str] = (), conversation_id: str = "") -> str:
    """One finished turn: the question, how it was read, the answer, and how it ended if not as expected."""
    note = ""
    if item.outcome is Outcome.STOPPED:
        note = f'<p class="note">{words.STOPPED}</p>'
    elif item.outcome is Outcome.FAILED:
        note = f'<p class="note problem" role="alert">{escape(visible(item.problem))}</p>'
    elif item.note:
        note = f'<p class="note">{escape(visible(item.note))}</p>'
    below = _downloads(item) + _meta(item) + _keep(item, conversation_id)
    body = _done(item) + _map(item.topic_map) + answer(item.pieces, item.id) + note + below
    return _turn(item.plan, body, _tools(item, versions), item.id)


def _keep(item: Turn, conversation_id: str) -> str:
    """What takes an answer along: a button that copies it with its references, and a menu of files."""
    if not conversation_id or not item.pieces:
        return ""
    text = escape(visible(as_text(item)))
    return (
        f'<div class="keep"><p class="copies"><button type="button" data-copy="{text}">{icons.COPY} '
        f"<span>{words.COPY_TURN}</span></button></p>{saving(conversation_id, item.id)}</div>"
    )


def saving(conversation_id: str, turn_id: str = "") -> str:
    """A menu of the files that a conversation, or one turn of it, can be saved as."""
    name = words.SAVE_TURN if turn_id else words.SAVE_CONVERSATION
    of_turn = f"?turn={escape(turn_id)}" if turn_id else ""
    links = "".join(
        f'<li><a href="save/{escape(conversation_id)}/{kind}{of_turn}" download>{text}</a></li>'
        for kind, text in words.FILES.items()
    )
    return f'<details class="saving"><summary>{name}</summary><ul>{links}</ul></details>'


def _tools(item: Turn, versions: Sequence[str]) -> str:
    """What can be done with a question that is kept: edit it, and turn to its other versions."""
    if not item.id:
        return ""

    def button(deed: str, of: str, name: str, text: str) -> str:
        off = "" if of else " disabled"
        return (
            f'<button type="button" data-do="{deed}" data-of="{escape(of)}" title="{name}" aria-label="{name}"{off}>'
            f"{text}</button>"
        )

    edit = button("edit", item.id, words.EDIT, icons.EDIT)
    if item.id not in versions:
        return f'<span class="tools">{edit}</span>'
    place = versions.index(item.id)
    before = button("version", versions[place - 1] if place else "", words.EARLIER_VERSION, "‹")
    after = button("version", "".join(versions[place + 1 : place + 2]), words.LATER_VERSION, "›")
    which = f'<span class="versions">{before}{words.version(place + 1, len(versions))}{after}</span>'
    return f'<span class="tools">{which}{edit}</span>'


def _map(found: TopicMap | None) -> str:
    return topic_map(found) if found else ""


def _downloads(item: Turn) -> str:
    """Links that save a comparison: its table as CSV, the whole answer as Markdown."""
    if item.mode is not Mode.COMPARE or not item.table:
        return ""
    papers = {citation.number: citation.paper for citation in item.citations}
    listed = "".join(f"\n[{number}] {paper.display_title}. {paper.link}".rstrip() for number, paper in papers.items())
    files = [
        (words.SAVE_CSV, "comparison.csv", "text/csv", "\ufeff" + item.table_as_csv),
        (words.SAVE_MARKDOWN, "comparison.md", "text/markdown", f"# {item.standalone}\n\n{item.answer}\n{listed}\n"),
    ]
    links = " · ".join(
        f'<a download="{name}" href="data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}">'
        f"{label}</a>"
        for label, name, kind, text in files
    )
    return f'<p class="downloads">{links}</p>'


def _meta(item: Turn) -> str:
    """The line under a written answer: what the check found, who wrote it, what it took."""
    if not item.llm:
        return ""
    parts = [words.checked(item.support)] if item.support else []
    parts.append(escape(visible(item.llm)))
    if item.usage:
        tokens = item.usage.prompt_tokens + item.usage.completion_tokens
        parts.append(words.spent(tokens, item.usage.estimated, item.cost, item.timings.get("first_token")))
    return f'<p class="meta">{" · ".join(parts)}</p>'


def draft(
    plan: Plan,
    pieces: Sequence[Piece],
    step: str,
    found: TopicMap | None = None,
    *,
    searched: int = 0,
    papers: int = 0,
) -> str:
    """The turn that is being written, with the steps so far and the one at work."""
    steps = _steps(plan, searched, papers)
    return _turn(plan, f'{steps}{_map(found)}{answer(pieces)}<p class="step">{escape(step)}</p>')


def _steps(plan: Plan, searched: int, papers: int) -> str:
    """What was done for an answer, for as long as it is written."""
    if not searched:
        return ""
    lines = [words.searched_for(plan.subjects or (plan.topic or plan.standalone,), searched), words.read(papers)]
    return f'<ul class="steps" dir="ltr">{"".join(f"<li dir=auto>{escape(visible(line))}</li>" for line in lines)}</ul>'


def _done(item: Turn) -> str:
    """The same, folded, once it is over."""
    steps = _steps(item.plan, item.searched, len(item.papers))
    total = item.timings.get("total")
    took = f"<p>{words.took(total)}</p>" if total else ""
    return f'<details class="steps" dir="ltr"><summary>{words.STEPS}</summary>{steps}{took}</details>' if steps else ""


def _turn(plan: Plan, body: str, tools: str = "", turn_id: str = "") -> str:
    question, read_as = plan.question, ""
    named = f' id="turn-{escape(turn_id)}"' if turn_id else ""
    if plan.mode is not Mode.ASK:
        chosen = f" {words.CHOSEN}" if plan.automatic else ""
        read_as = f'<p class="kind"><span class="chip">{words.KINDS[plan.mode]}</span>{chosen}</p>'
    if plan.standalone != question:
        read_as += f'<p class="read-as" dir="auto">{words.READ_AS}: {escape(visible(plan.standalone))}</p>'
    if plan.limits:
        read_as += f'<p class="read-as" dir="auto">{words.SEARCHED_ONLY}: {escape(visible(limited(plan.limits)))}</p>'
    return (
        f'<article class="turn"{named}><h2 class="question" dir="auto">'
        f'<span class="unseen" dir="ltr">{words.YOU_ASKED}: </span>'  # a direction of its own, and so not the heading's
        f'{escape(visible(question))}</h2>{tools}{read_as}<div class="answer" dir="auto">{body}</div></article>'
    )


def answer(pieces: Sequence[Piece], turn_id: str = "") -> str:
    """An answer as HTML: our own tags from its Markdown, no images, and no links but citations.

    With the id of its turn, each citation has an id of its own, to which its source leads back.
    """
    marks: list[str] = []
    text = ""
    for is_text, run in groupby(pieces, lambda piece: isinstance(piece, str)):
        if is_text:
            text += visible("".join(map(str, run)))
            continue
        for piece in run:
            text += f"\ue000{len(marks)}\ue001"
            place = place_id(turn_id, len(marks)) if turn_id else ""
            marks.append(marker(piece, place) if isinstance(piece, Citation) else _no_source())
    formulas: dict[str, list[str]] = {}
    markup = _MARKDOWN.render(_SPACE_BEFORE_MARKER.sub("\u00a0", text), formulas)
    clean = _TABLE.sub(_scrolling, nh3.clean(markup, tags=set(_TAGS), attributes={}))
    drawn = _MATHS.sub(lambda found: formulas["maths"][int(found[1])], clean)
    return _PLACEHOLDER.sub(lambda found: marks[int(found[1])], drawn)


def _scrolling(table: re.Match[str]) -> str:
    """A table in a box of its own that scrolls, also by keyboard; its rows' first cells are their heads."""
    rows = re.sub(r"<tr>\s*<td>(.*?)</td>", r'<tr><th scope="row">\1</th>', table[0], flags=re.DOTALL)
    rows = rows.replace(f"<td>{words.NOT_STATED}</td>", f'<td class="none">{words.NOT_STATED}</td>')
    rows = rows.replace("<thead>\n<tr>\n<th>", '<thead>\n<tr>\n<th scope="col">').replace(
        "\n<th>", '\n<th scope="col">'
    )
    return f'<div class="table" role="region" aria-label="{words.TABLE}" tabindex="0">{rows}</div>'


def marker(citation: Citation, place: str = "") -> str:
    """The link from a claim to the sentence it rests on; `peek.js` shows title and sentence when it is pointed at."""
    title, quote = escape(visible(citation.paper.display_title)), escape(visible(citation.quote))
    identity = f' id="{place}"' if place else ""
    found = words.SUPPORT[citation.support]
    source = f"Source {citation.number}, sentence {citation.sentence}, {found}: {citation.paper.display_title}"
    label, look = escape(visible(source)), citation.support.replace(" ", "-")
    return (
        f'<a class="cite {look}" href="#{_sentence_id(citation.number, citation.sentence)}"{identity} '
        f'data-title="{title}" data-quote="{quote}" data-support="{found}" aria-label="{label}">{citation.number}</a>'
    )


def _no_source() -> str:
    return f'<span class="no-source" role="img" title="{words.NO_SOURCE}" aria-label="{words.NO_SOURCE}">?</span>'


def sources(
    shown: Conversation, found: Iterable[Paper] = (), pieces: Sequence[Piece] | None = None, like: str = ""
) -> str:
    """The source panel: what the newest answer cites, what was found beside it, and what was cited before.

    While a turn is being written, `found` holds its papers and `pieces` what is written so far. `like` is a group of
    papers that stands above all (see `alike`).
    """
    last = shown.turns[-1] if shown.turns else None
    writing = pieces is not None
    now = _by_number(piece for piece in (pieces if pieces is not None else last.pieces if last else ()))
    before = _by_number(piece for item in (shown.turns if writing else shown.turns[:-1]) for piece in item.pieces)
    marks = {number: _labels(now.get(number, ()), before.get(number, ())) for number in {*now, *before}}
    places = _places(shown.turns)
    cited_ids = {citations[0].paper.id for citations in now.values()}
    papers = found if writing else last.papers if last else ()
    beside = [paper for paper in papers if paper.id not in cited_ids]
    ids_beside = {paper.id for paper in beside}
    number_of = {citations[0].paper.id: number for number, citations in before.items()}

    def cards(of: Iterable[tuple[Paper, int | None]], opened: int = 0) -> list[str]:
        return [
            card(paper, n, marks.get(n or 0, {}), places.get(n or 0, ()), is_open=place < opened)
            for place, (paper, n) in enumerate(of)
        ]

    cited_now = cards(((citations[0].paper, n) for n, citations in now.items()), opened=3)
    not_cited = cards((paper, number_of.get(paper.id)) for paper in beside)
    cited_before = cards(
        (before[n][0].paper, n) for n in sorted(before) if n not in now and before[n][0].paper.id not in ids_beside
    )
    body = (
        _group(words.CITED_NOW, cited_now)
        + _group(words.FOUND_NOT_CITED, not_cited, folds=bool(now) and not writing)
        + _group(words.CITED_BEFORE, cited_before)
    )
    return (
        f'<section class="panel" aria-labelledby="sources-title"><h2 id="sources-title" tabindex="-1">{words.SOURCES}'
        f"</h2>{like}{body or f'<p class=hint>{words.SOURCES_EMPTY}</p>'}</section>"
    )


def alike(title: str, papers: Sequence[Paper]) -> str:
    """The papers nearest to the one of this title, in a group that can be closed."""
    close = f'<button type="button" data-do="unlike" aria-label="{words.CLOSE}">✕</button>'
    cards = "".join(card(paper, None, {}, is_open=False, apart=True) for paper in papers)
    named = escape(visible(title))
    return (
        f'<div class="alike"><h3 id="alike-title" tabindex="-1">{words.LIKE_TITLE}: <span dir="auto">{named}</span>'
        f"</h3>{close}{cards or f'<p class=hint>{words.NONE_LIKE}</p>'}</div>"
    )


def _group(title: str, cards: Sequence[str], *, folds: bool = False) -> str:
    """Cards under a heading; one that `folds` is closed until its reader opens it."""
    if not cards:
        return ""
    if not folds:
        return f"<h3>{title}</h3>{''.join(cards)}"
    size = f'<span class="size">{len(cards)}</span>'
    return f'<details class="group"><summary><h3>{title} {size}</h3></summary>{"".join(cards)}</details>'


def _places(turns: Iterable[Turn]) -> dict[int, list[str]]:
    """The ids of the markers of each number, in the order of reading."""
    found: dict[int, list[str]] = {}
    for item in turns:
        marks = [piece for piece in item.pieces if not isinstance(piece, str)]
        for place, piece in enumerate(marks if item.id else ()):
            if isinstance(piece, Citation):
                found.setdefault(piece.number, []).append(place_id(item.id, place))
    return found


def place_id(turn_id: str, place: int) -> str:
    """The id of a marker."""
    return f"cite-{turn_id}-{place}"


def card(
    paper: Paper,
    number: int | None,
    cited: Mapping[int, str],
    places: Sequence[str] = (),
    *,
    is_open: bool,
    apart: bool = False,
) -> str:
    """One paper of the source panel: title, what is known of it, and its abstract with the cited sentences marked.

    `cited` has the support label of every cited sentence; one that no claim was found in looks different. `places`
    are the ids of the markers that cite it, to which it leads back. One that is `apart` may have another card too.
    """
    name = f'<span class="number">{number}</span>' if number else ""
    identity = f' id="{card_id(paper)}"' if paper.id and not apart else ""
    link = paper.link if paper.link.startswith(("https://", "http://")) else ""
    opens = (
        f' · <a href="{escape(link)}" target="_blank" rel="noopener noreferrer">{words.OPEN_PAPER}</a>' if link else ""
    )
    return (
        f'<details class="card"{identity}{" open" if is_open else ""}><summary>{name}'
        f'<span class="title" dir="auto">{escape(visible(paper.display_title))}</span></summary>'
        f'<p class="facts" dir="auto">{escape(visible(_facts(paper)))}{opens}</p>'
        f'<p class="abstract" dir="auto">{_abstract(paper, number, cited)}</p>{_copies(paper)}{_ways_back(places)}'
        "</details>"
    )


@lru_cache(4096)  # a panel is painted many times a second, with the same papers
def _copies(paper: Paper) -> str:
    """The buttons that copy a reference to a paper, and the one that shows what is like it."""
    buttons = "".join(
        f'<button type="button" data-copy="{escape(visible(reference(paper, style)))}" '
        f'aria-label="{words.COPY_REFERENCE}: {name}">{name}</button>'
        for style, name in _STYLES
    )
    like = (
        f'<button type="button" data-do="like" data-of="{escape(paper.id)}">{words.LIKE}</button>' if paper.id else ""
    )
    return f'<p class="copies">{words.COPY_REFERENCE}: {buttons} {like}</p>'


def _ways_back(places: Sequence[str]) -> str:
    links = " ".join(
        f'<a class="way-back" href="#{place}" aria-label="{words.place(number)}">{number}</a>'
        for number, place in enumerate(places, start=1)
    )
    return f'<p class="ways-back">{words.CITED_AT} {links}</p>' if links else ""


def notice(text: str) -> str:
    """A line that says what was just done."""
    return f'<p class="notice">{escape(visible(text))}</p>' if text else ""


def _facts(paper: Paper) -> str:
    known = [", ".join(paper.authors), paper.venue, str(paper.year or "")]
    text = " · ".join(fact for fact in known if fact) or words.FACTS_UNKNOWN
    return f"{text} · {words.SAMPLE_SOURCE if paper.source == 'sample' else f'from {paper.source}'}"


def _abstract(paper: Paper, number: int | None, cited: Mapping[int, str]) -> str:
    parts: list[str] = []
    for sentence in sentences(paper.abstract):
        text = escape(visible(sentence.text))
        if number and sentence.number in cited:
            look = ' class="not-found"' if cited[sentence.number] == "not found" else ""
            parts.append(f'<mark id="{_sentence_id(number, sentence.number)}"{look} tabindex="-1">{text}</mark>')
        else:
            parts.append(f"<span>{text}</span>")
    return " ".join(parts)


def _by_number(pieces: Iterable[Piece]) -> Mapping[int, list[Citation]]:
    found: dict[int, list[Citation]] = {}
    for piece in pieces:
        if isinstance(piece, Citation):
            found.setdefault(piece.number, []).append(piece)
    return found


def _labels(*groups: Iterable[Citation]) -> dict[int, str]:
    """Every cited sentence with the best label that a claim got from it."""
    best = list(words.SUPPORT)
    citations = sorted((item for group in groups for item in group), key=lambda item: best.index(item.support))
    return {citation.sentence: citation.support for citation in reversed(citations)}


def _sentence_id(number: int, sentence: int) -> str:
    return f"src-{number}-s{sentence}"
