"""Turns and conversations: plain frozen values, and how a conversation given from outside becomes one."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any
from uuid import uuid4

from index_store import Paper, Theme, sentences

from .citations import Citation, Piece, References, markdown, quoted, tally
from .errors import InvalidHistory
from .routing import Before, Mode, Plan, spoken_of
from .tables import Cell, tables, to_csv
from .topics import TopicMap
from .usage import Usage

_NUMBER = re.compile(r"\[(\d{1,4})\]")
_HIGHEST = 9999


def new_id() -> str:
    """An id that no other conversation or turn has: 32 hexadecimal digits."""
    return uuid4().hex


class Outcome(StrEnum):
    """How a turn ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what came of it.

    `papers` were found, `missing` names the subjects of a comparison on which nothing was. A summary has `themes`, and
    a `topic_map` if it shows the collection as a whole. `llm` is None when the answer is quotations. `problem` says why
    a turn failed, `note` what a reader should know of one that did not. `cost` is in US dollars, None where no price is
    known; `timings` are in seconds. `id` is empty where the conversation is not kept.
    """

    plan: Plan
    pieces: tuple[Piece, ...]
    papers: tuple[Paper, ...]
    outcome: Outcome
    searched: int = 0
    llm: str | None = None
    problem: str = ""
    note: str = ""
    dropped_markers: int = 0
    usage: Usage | None = None
    cost: float | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    themes: tuple[Theme, ...] = ()
    topic_map: TopicMap | None = None
    id: str = ""

    @property
    def question(self) -> str:
        """The message as it was typed, in one line."""
        return self.plan.question

    @property
    def standalone(self) -> str:
        """The question as it reads without the conversation."""
        return self.plan.standalone

    @property
    def mode(self) -> Mode:
        """The kind of answer."""
        return self.plan.mode

    @property
    def answer(self) -> str:
        """The answer in Markdown, with `[n]` for each citation."""
        return markdown(self.pieces)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The citations in order, each sentence once."""
        return quoted(self.pieces)

    @property
    def support(self) -> dict[str, int]:
        """How many of the answer's claims have which label; empty for quotations."""
        return tally(self.pieces)

    @property
    def table(self) -> list[list[Cell]]:
        """The first table of the answer, its head first; empty if it has none."""
        return next(iter(tables(self.pieces)), [])

    @property
    def table_as_csv(self) -> str:
        """The table as CSV, with a last row that names the papers each column cites."""
        titles = {citation.number: citation.paper.display_title for citation in self.citations}
        columns = list(zip(*(row for row in self.table if len(row) == len(self.table[0])), strict=True))[1:]
        named = [
            "; ".join(
                f"[{number}] {titles[number]}" for number in dict.fromkeys(n for cell in column for n in cell.citations)
            )
            for column in columns
        ]
        return to_csv([*self.table, [Cell("Papers"), *map(Cell, named)]])

    @property
    def unused(self) -> tuple[Paper, ...]:
        """The papers that were found and are not cited, in the order they were found."""
        cited = {citation.paper.id for citation in self.citations}
        return tuple(paper for paper in self.papers if paper.id not in cited)

    def to_dict(self) -> dict[str, Any]:
        """The form that `ask --json` prints."""
        return {
            "question": self.question,
            "mode": self.mode.value,
            "subjects": list(self.plan.subjects),
            "aspects": list(self.plan.aspects),
            "topic": self.plan.topic,
            "length": self.plan.length.value,
            "limits": {name: value for name, value in asdict(self.plan.limits).items() if value not in (None, "")},
            "answer": self.answer,
            "refused": self.outcome is Outcome.REFUSED,
            "citations": [_citation(citation) for citation in self.citations],
            "papers": [paper.to_dict() for paper in self.papers],
            "missing": list(self.missing),
            "themes": [{"name": item.name, "papers": list(item.papers)} for item in self.themes],
            "table": [[asdict(cell) for cell in row] for row in self.table],
            "llm": self.llm,
            "timings": dict(self.timings),
            "outcome": self.outcome.value,
            "standalone": self.standalone,
            "note": self.note,
            "problem": self.problem,
            "support": self.support,
            "dropped_markers": self.dropped_markers,
            "usage": asdict(self.usage) | {"cost": self.cost} if self.usage else None,
        }


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns in order, and the keys and numbers that papers have in them. With an `id` it is kept, see `Archive`."""

    turns: tuple[Turn, ...] = ()
    references: References = field(default_factory=References)
    id: str = ""

    @classmethod
    def begun(cls) -> "Conversation":
        """A new conversation that will be kept."""
        return cls(id=new_id())

    def with_turn(self, turn: Turn, references: References) -> "Conversation":
        """The conversation with one more turn."""
        return replace(self, turns=(*self.turns, turn), references=references)

    @property
    def before(self) -> Before:
        """What a follow-up may lean on."""
        if not self.turns:
            return Before()
        last = self.turns[-1]
        cited = tuple(dict.fromkeys(citation.paper for citation in last.citations))
        names = [name for turn in self.turns for name in _spoken_of(turn)]
        return Before(last.plan, cited or last.papers, bool(cited), last.themes, tuple(dict.fromkeys(names)))

    def without_last(self) -> "Conversation":
        """Before the last turn, for a retry. Numbers that were given stay given."""
        return replace(self, turns=self.turns[:-1])

    def upto(self, turn_id: str) -> "Conversation":
        """Before that turn, to ask its question anew or another one. Numbers that were given stay given.

        Raises `KeyError` for a turn that is not in it.
        """
        for place, turn in enumerate(self.turns):
            if turn.id == turn_id:
                return replace(self, turns=self.turns[:place])
        raise KeyError(turn_id)


def from_messages(messages: Any, look_up: Callable[[Sequence[str]], Mapping[str, Paper]]) -> Conversation:
    """A conversation from a list of `{"role", "content"}`.

    An assistant's message may carry `citations` as `ask --json` printed them; then its papers, found by
    `look_up` under their ids, keep their numbers. Otherwise numbers that its text uses are not given to another
    paper. With the printed `mode`, `subjects`, `topic` and `themes`, follow-ups to a comparison or a summary work
    too. Raises `InvalidHistory`.
    """
    if not isinstance(messages, list):
        raise InvalidHistory("The history must be a JSON list of objects with `role` and `content`.")
    past: list[tuple[Plan, tuple[Theme, ...], str, dict[int, list[Mapping[str, Any]]]]] = []
    highest, question = 0, ""
    for place, message in enumerate(messages, start=1):
        role, content = _message(message, place)
        if role == "user":
            question = content
        elif role == "assistant":
            highest = max([highest, *(int(number) for number in _NUMBER.findall(content))])
            past.append((*_kind(message, place, question), content, _cited(message, place)))
    wanted = {number: items[0]["paper"]["id"] for *_, cited in past for number, items in cited.items()}
    papers = look_up(list(wanted.values()))
    numbers = {number: paper_id for number, paper_id in wanted.items() if paper_id in papers}
    references = _references(numbers, highest, papers)
    turns = [_past_turn(plan, themes, content, cited, references, papers) for plan, themes, content, cited in past]
    return Conversation(tuple(turns), references)


def _spoken_of(turn: Turn) -> tuple[str, ...]:
    """What a turn was about, by name."""
    if turn.plan.subjects:
        return turn.plan.subjects
    if turn.mode is Mode.SUMMARISE:
        return (turn.plan.topic,) if turn.plan.topic else ()
    papers = tuple(dict.fromkeys(citation.paper for citation in turn.citations))
    return (spoken_of(turn.standalone, papers),) if papers else ()


def _message(message: Any, place: int) -> tuple[str, str]:
    role = message.get("role") if isinstance(message, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if role not in ("user", "assistant", "system") or not isinstance(content, str):
        raise InvalidHistory(f"Message {place} of the history must have a `role` (user or assistant) and a `content`.")
    return role, content


def _cited(message: Mapping[str, Any], place: int) -> dict[int, list[Mapping[str, Any]]]:
    """The citations of a message by their numbers."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    try:
        for item in message.get("citations") or []:
            number, _ = int(item["number"]), item["paper"]["id"].strip()
            if 0 < number <= _HIGHEST:
                found.setdefault(number, []).append(item)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidHistory(
            f"The citations of message {place} are not in the form that `ask --json` prints."
        ) from error
    return found


def _kind(message: Mapping[str, Any], place: int, question: str) -> tuple[Plan, tuple[Theme, ...]]:
    """What kind of answer a message was, and its themes."""
    try:
        if not all(isinstance(message.get(name) or [], list) for name in ("subjects", "themes")):
            raise TypeError("these are lists")
        plan = Plan(
            Mode(message.get("mode") or Mode.ASK),
            question,
            question,
            subjects=tuple(str(name) for name in message.get("subjects") or []),
            topic=str(message.get("topic") or ""),
        )
        found = [(item["name"], item["papers"]) for item in message.get("themes") or []]
        return plan, tuple(Theme(str(name), tuple(str(paper) for paper in papers)) for name, papers in found)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidHistory(
            f"The mode, subjects or themes of message {place} are not in the form that `ask --json` prints."
        ) from error


def _past_turn(
    plan: Plan,
    themes: tuple[Theme, ...],
    content: str,
    cited: Mapping[int, list[Mapping[str, Any]]],
    references: References,
    papers: Mapping[str, Paper],
) -> Turn:
    """The turn, with citations in the place of the numbers whose papers are known."""
    pieces: list[Piece] = []
    seen: dict[int, int] = {}
    for place, part in enumerate(_NUMBER.split(content)):
        items = cited.get(int(part), []) if place % 2 else []
        if place % 2 and items and (paper := papers.get(items[0]["paper"]["id"])):
            # The first time a number stands for its first sentence, then for the next, at the end for the last.
            seen[int(part)] = seen.get(int(part), -1) + 1
            pieces.append(_past_citation(int(part), items[min(seen[int(part)], len(items) - 1)], paper, references))
        elif part:
            pieces.append(f"[{part}]" if place % 2 else part)
    known = [papers[paper_id] for items in cited.values() if (paper_id := items[0]["paper"]["id"]) in papers]
    return Turn(plan, tuple(pieces), tuple(known), Outcome.ANSWERED, themes=themes)


def _past_citation(shown: int, item: Mapping[str, Any], paper: Paper, references: References) -> Citation:
    known = sentences(paper.abstract)
    number = item.get("sentence")
    sentence = known[number - 1 if isinstance(number, int) and 1 <= number <= len(known) else 0] if known else None
    place = (sentence.number, sentence.start, sentence.end, sentence.text) if sentence else (0, 0, 0, "")
    support = item.get("support")
    label = support if support in ("supported", "partly", "not found") else "verbatim"
    return Citation(shown, references.key(paper.id), paper, *place, label)


def _references(numbers: Mapping[int, str], highest: int, papers: Mapping[str, Paper]) -> References:
    """Known numbers are kept; those whose paper is not known are given to nobody."""
    offered = References().offer(papers[paper_id] for paper_id in dict.fromkeys(numbers.values()))
    if not numbers:
        return replace(offered, reserved=highest)
    return replace(offered, cited=tuple(numbers.get(number, "") for number in range(1, max(highest, *numbers) + 1)))


def _citation(citation: Citation) -> dict[str, Any]:
    return {
        "number": citation.number,
        "paper": citation.paper.to_dict(),
        "sentence": citation.sentence,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "support": citation.support,
    }
