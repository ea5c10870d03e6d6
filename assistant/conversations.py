"""Turns and conversations: plain frozen values, and how a conversation given from outside becomes one."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from index_store import Paper

from .citations import Citation, Piece, References, markdown, quoted, tally
from .errors import InvalidHistory
from .routing import Mode
from .usage import Usage

_NUMBER = re.compile(r"\[(\d{1,4})\]")
_HIGHEST = 9999


class Outcome(StrEnum):
    """How a turn ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what came of it.

    `llm` is None when the answer is quotations. `problem` says why a turn failed, `note` what a reader should know of
    one that did not. `cost` is in US dollars, None where no price is known; `timings` are in seconds.
    """

    question: str
    standalone: str
    mode: Mode
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

    def to_dict(self) -> dict[str, Any]:
        """The form that `ask --json` prints."""
        return {
            "question": self.question,
            "mode": self.mode.value,
            "answer": self.answer,
            "refused": self.outcome is Outcome.REFUSED,
            "citations": [_citation(citation) for citation in self.citations],
            "papers": [paper.to_dict() for paper in self.papers],
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
    """Turns in order, and the keys and numbers that papers have in them."""

    turns: tuple[Turn, ...] = ()
    references: References = field(default_factory=References)

    def with_turn(self, turn: Turn, references: References) -> "Conversation":
        """The conversation with one more turn."""
        return Conversation((*self.turns, turn), references)

    def without_last(self) -> "Conversation":
        """Before the last turn, for a retry. Numbers that were given stay given."""
        return replace(self, turns=self.turns[:-1])


def from_messages(messages: Any, look_up: Callable[[Sequence[str]], Mapping[str, Paper]]) -> Conversation:
    """A conversation from a list of `{"role", "content"}`.

    An assistant's message may carry `citations` as `ask --json` printed them; then its papers, found by
    `look_up` under their ids, keep their numbers. Otherwise numbers that its text uses are not given to another
    paper. Raises `InvalidHistory`.
    """
    if not isinstance(messages, list):
        raise InvalidHistory("The history must be a JSON list of objects with `role` and `content`.")
    turns: list[Turn] = []
    numbers: dict[int, str] = {}
    highest, question = 0, ""
    for place, message in enumerate(messages, start=1):
        role, content = _message(message, place)
        if role == "user":
            question = content
        elif role == "assistant":
            highest = max([highest, *(int(number) for number in _NUMBER.findall(content))])
            cited = _cited(message, place)
            papers = look_up(list(cited.values()))
            cited = {number: paper_id for number, paper_id in cited.items() if paper_id in papers}
            numbers.update(cited)
            turns.append(_past_turn(question, content, [papers[paper_id] for paper_id in cited.values()]))
    return Conversation(tuple(turns), _references(numbers, highest, look_up(list(numbers.values()))))


def _message(message: Any, place: int) -> tuple[str, str]:
    role = message.get("role") if isinstance(message, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if role not in ("user", "assistant", "system") or not isinstance(content, str):
        raise InvalidHistory(f"Message {place} of the history must have a `role` (user or assistant) and a `content`.")
    return role, content


def _cited(message: Mapping[str, Any], place: int) -> dict[int, str]:
    try:
        pairs = [(int(item["number"]), str(item["paper"]["id"])) for item in message.get("citations") or []]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidHistory(
            f"The citations of message {place} are not in the form that `ask --json` prints."
        ) from error
    return {number: paper_id for number, paper_id in pairs if 0 < number <= _HIGHEST}


def _past_turn(question: str, content: str, cited: list[Paper]) -> Turn:
    pieces: list[Piece] = [content]
    return Turn(question, question, Mode.ASK, tuple(pieces), tuple(cited), Outcome.ANSWERED)


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
