"""A summary of a topic, theme by theme, or of the whole collection, with what it covers and what it leaves out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from index_store import Paper, PaperHit, SentenceMatch, Theme

from . import quoting
from .answer import as_data, compose, pack
from .citations import References, escape_markdown
from .claims import ClaimChecker
from .followups import short_name
from .intent import Length
from .notes import Note, noted_lines
from .roles import RELEASE, Role, roles
from .topics import TopicMap
from .wording import quantities
from .writer import Request, Room

_EXAMPLES = {Length.SHORT: 1, Length.NORMAL: 2, Length.LONG: 4}  # papers shown of each theme of the collection
_FEW = 5  # papers that even a short summary quotes all of; of more it quotes `_OF_THEME` of each theme
_OF_THEME = 2
_SENTENCES = {Length.SHORT: 1, Length.NORMAL: 1, Length.LONG: 3}  # of each paper
_QUESTIONS = {Length.SHORT: 2, Length.NORMAL: 4, Length.LONG: 8}
_NO_MAP = "There is no map of this collection yet."
_ASKED_LENGTH = {
    Length.SHORT: "one or two sentences for each theme",
    Length.NORMAL: "three to five sentences for each theme",
    Length.LONG: "two paragraphs for each theme",
}
_WORTH = {Role.AIM: 0.3, Role.RESULT: 0.25, Role.METHOD: 0.1, Role.BACKGROUND: -0.2, Role.LIMIT: 0.0}
_RELEASED = 0.6  # that code is to be had says nothing of the paper
_ALIKE = 0.55  # cosine of two sentences that say something together
_FIGURES, _FIGURES_OF_PAPER = 4, 2
_NAMED_UNUSED = 6  # titles in the coverage line; the source panel shows all


@dataclass(frozen=True, slots=True)
class Overview:
    """The papers on a topic (empty: the collection) in themes; `notes` are what a model wrote down of each paper.

    `total` counts the papers that the themes hold, which may be more than those in `hits`; `beyond` those that are on
    the topic too and were left out to keep to the limit in the settings.
    """

    question: str
    topic: str
    hits: tuple[PaperHit, ...]
    themes: tuple[Theme, ...]
    searched: int
    total: int
    length: Length = Length.NORMAL
    topic_map: TopicMap | None = None
    nearest: tuple[Paper, ...] = ()
    notes: Mapping[str, Note] = field(default_factory=dict)
    beyond: int = 0

    @property
    def may_hold_code(self) -> bool:
        """No: a summary is prose."""
        return False

    def quote(self, references: References) -> Iterator[str]:
        """Theme by theme the sentences that say most, word for word."""
        yield from (self._collection(references) if self.topic_map else self._topic(references))

    def refuse(self) -> Iterator[str]:
        """That nothing is on the topic, and what comes nearest."""
        said = f"Nothing in this collection is on {escape_markdown(self.topic)}." if self.topic else _NO_MAP
        return quoting.refusal(said, self.nearest, self.searched)

    def request(self, room: Room) -> Request:
        """Rules, trimmed history, and theme by theme the notes on each paper, or whole abstracts while they are few."""

        def papers(left: int) -> tuple[tuple[Paper, ...], str]:
            return self._noted(room, left) if self.notes else self._whole(room, left)

        return compose(room, "summarise", papers, question=as_data(self.question), length=_ASKED_LENGTH[self.length])

    def checked(self, checker: ClaimChecker) -> ClaimChecker:
        """The claims are checked as they come."""
        return checker

    def coverage(self, cited: Sequence[str]) -> str:
        """What the summary covers, of the papers whose ids are given: always its last line."""
        used = set(cited)
        unused = [hit.paper for hit in self.hits if hit.paper.id not in used]
        count = len({hit.paper.id for hit in self.hits} & used)
        if self.topic_map:
            rest = self.total - count
            examples = f"{_papers(self.total)} in this collection, {count} shown as examples"
            if rest:
                examples += "; the other one is on the map" if rest == 1 else f"; the other {rest:,} are on the map"
            return f"\n\n*{examples}.*\n"
        left = ""
        if unused:
            names = [escape_markdown(short_name(paper)) for paper in unused[:_NAMED_UNUSED]]
            more = f"; and {len(unused) - _NAMED_UNUSED} more" if len(unused) > _NAMED_UNUSED else ""
            left = f"; {len(unused)} not used: {'; '.join(names)}{more}"
        more = (
            f" At least {self.beyond} more were not taken in (RESEARCH_ASSISTANT_SUMMARY_PAPERS)."
            if self.beyond
            else ""
        )
        return f"\n\n*{_papers(len(self.hits))} on this topic, {count} cited{left}.{more}*\n"

    # -- quotations ----------------------------------------------------------------------------------------------

    def _collection(self, references: References) -> Iterator[str]:
        by_id = {hit.paper.id: hit for hit in self.hits}
        size = f"{_papers(self.total)} in {_themes(len(self.themes))}"
        yield f"**{size}.** The largest come first, each with examples.\n\n"
        for place, theme in enumerate(self.themes, start=1):
            yield _heading(place, theme)
            examples = [by_id[paper_id] for paper_id in theme.papers if paper_id in by_id]
            for hit in examples[: _EXAMPLES[self.length]]:
                yield _item(hit, 1, references)
            yield "\n"

    def _topic(self, references: References) -> Iterator[str]:
        by_id = {hit.paper.id: hit for hit in self.hits}
        brief = self.length is Length.SHORT and len(self.hits) > _FEW
        for place, theme in enumerate(self.themes, start=1):
            hits = [by_id[paper_id] for paper_id in theme.papers]
            if len(self.themes) > 1:
                yield _heading(place, theme)
            for hit in hits[:_OF_THEME] if brief else hits:
                yield _item(hit, _SENTENCES[self.length], references)
            yield "\n"
            if self.length is not Length.SHORT:
                yield from _together(hits, references)
        yield from self._open_questions(references)

    def _open_questions(self, references: References) -> Iterator[str]:
        """What the abstracts themselves leave open."""
        found = [
            (hit, item)
            for hit in self.hits
            for item, role in zip(hit.sentences, roles(hit.paper), strict=True)
            if role is Role.LIMIT
        ]
        if found:
            yield "### Open questions that the abstracts name\n\n"
            for hit, item in found[: _QUESTIONS[self.length]]:
                yield f"- {escape_markdown(item.sentence.text)} {_marker(hit, item, references)}\n"
            yield "\n"
        elif self.length is not Length.SHORT:
            yield "The abstracts name no open questions.\n\n"

    # -- what a model is sent -----------------------------------------------------------------------------------------

    def _whole(self, room: Room, left: int) -> tuple[tuple[Paper, ...], str]:
        """Whole abstracts under their themes, the best first, while they fit."""
        offered, blocks = pack(self.hits, room.references, room.count, left)
        text = dict(zip((paper.id for paper in offered), blocks, strict=True))
        return offered, self._under_themes(text)

    def _noted(self, room: Room, left: int) -> tuple[tuple[Paper, ...], str]:
        """Notes under their themes; without the sentences they rest on where those do not fit."""
        hits = [hit for hit in self.hits if hit.paper.id in self.notes]
        for with_sentences in (True, False):
            text = {
                hit.paper.id: "\n".join(
                    noted_lines(hit.paper, room.references.key(hit.paper.id), self.notes[hit.paper.id], with_sentences)
                )
                for hit in hits
            }
            if room.count(self._under_themes(text)) <= left:
                break
        while len(text) > 1 and room.count(self._under_themes(text)) > left:
            text.pop(hits[len(text) - 1].paper.id)
        return tuple(hit.paper for hit in hits if hit.paper.id in text), self._under_themes(text)

    def _under_themes(self, text: Mapping[str, str]) -> str:
        blocks = []
        for place, theme in enumerate(self.themes, start=1):
            own = [text[paper_id] for paper_id in theme.papers if paper_id in text]
            if own:
                blocks.append("\n\n".join([f"Theme {place}: {as_data(theme.name)}", *own]))
        return "\n\n".join(blocks)


def _heading(place: int, theme: Theme) -> str:
    return f"### {place}. {escape_markdown(theme.name)} ({_papers(len(theme.papers))})\n\n"


def _item(hit: PaperHit, most: int, references: References) -> str:
    """A paper with the sentences that say most about it and the topic, in the order of its abstract."""
    if not hit.sentences:
        return f"- **{escape_markdown(short_name(hit.paper))}** (no abstract)\n"
    middle = np.mean([item.vector for item in hit.sentences], axis=0)
    pairs = zip(hit.sentences, roles(hit.paper), strict=True)
    ranked = sorted(pairs, key=lambda pair: -_worth(pair[0], pair[1], middle))
    chosen = sorted((item for item, _ in ranked[:most]), key=lambda item: item.sentence.number)
    told = " ".join(f"{escape_markdown(item.sentence.text)} {_marker(hit, item, references)}" for item in chosen)
    return f"- **{escape_markdown(short_name(hit.paper))}.** {told}\n"


def _worth(item: SentenceMatch, role: Role, middle: NDArray[np.float32]) -> float:
    """How much a sentence says of its paper and of the topic: its role, and how near it is to both."""
    central = float(item.vector @ middle) / max(float(np.linalg.norm(middle)), 1e-9)
    said = 0.35 * item.similarity + 0.1 * item.overlap + 0.45 * central + _WORTH[role]
    return said - _RELEASED if RELEASE.search(item.sentence.text) else said


def _together(hits: Sequence[PaperHit], references: References) -> Iterator[str]:
    """What the papers of a theme say together: where two come near each other, their figures, and their years."""
    pairs = [
        (float(one.vector @ other.vector), first, one, second, other)
        for first, second in combinations(hits[:8], 2)
        for one in first.sentences
        for other in second.sentences
    ]
    best = max(pairs, key=lambda pair: pair[0], default=None)
    if best and best[0] >= _ALIKE:
        _, first, one, second, other = best
        yield "Two of them come near each other:\n\n"
        for hit, item in ((first, one), (second, other)):
            yield f"> {escape_markdown(item.sentence.text)} {_marker(hit, item, references)}\n>\n"
        yield "\n"
    figures = [told for hit in hits if (told := _figures(hit, references))][:_FIGURES]
    if len(figures) > 1:
        yield f"Figures: {'; '.join(figures)}.\n\n"
    years = Counter(hit.paper.year for hit in hits if hit.paper.year)
    if len(years) > 1:
        yield f"By year: {', '.join(f'{year}: {count}' for year, count in sorted(years.items()))}.\n\n"


def _figures(hit: PaperHit, references: References) -> str:
    for item, role in zip(hit.sentences, roles(hit.paper), strict=True):
        found = [quantity for quantity in quantities(item.sentence.text) if quantity.unit in ("%", "x")]
        if role is Role.RESULT and found:
            written = ", ".join(dict.fromkeys(each.written.strip() for each in found[:_FIGURES_OF_PAPER]))
            return f"{escape_markdown(short_name(hit.paper))} {written} {_marker(hit, item, references)}"
    return ""


def _marker(hit: PaperHit, item: SentenceMatch, references: References) -> str:
    return f"[{references.key(hit.paper.id)}.{item.sentence.number}]"


def _papers(count: int) -> str:
    return "1 paper" if count == 1 else f"{count:,} papers"


def _themes(count: int) -> str:
    return "1 theme" if count == 1 else f"{count} themes"
