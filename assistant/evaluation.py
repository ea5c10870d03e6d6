"""How well a library is answered from: questions whose kind and papers are known, asked, and what came of them.

A file of questions is JSON Lines, one object a line:

    {"kind": "compare", "question": "how does that differ from ZipCache?", "history": ["What is MiniCache?"],
     "subjects": [{"name": "MiniCache", "papers": ["MiniCache: KV Cache ..."]}, {"name": "SnapKV", "papers": []}]}
    {"kind": "summarise", "question": "summarise KV cache compression", "papers": ["...", "..."], "optional": ["..."]}
    {"kind": "ask", "question": "What is the best recipe for lasagne?", "refused": true}

`Question` says what each field means. Titles are those of the library. Everything but `ask_all` is pure.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .conversations import Conversation, Outcome, Turn
from .errors import AssistantError, InvalidQuestion
from .events import Done, Failed
from .routing import Mode
from .tables import NOT_STATED, Cell

if TYPE_CHECKING:
    from .engine import Assistant

MEASURES = {
    "routing": "kind of answer recognised",
    "subjects": "comparisons that cite every findable subject",
    "cells": "filled table cells that are cited",
    "absent": "absent subjects said to be absent",
    "recall": "papers of a summary, recall",
    "precision": "papers of a summary, precision",
    "refusals": "questions without an answer here, refused",
    "false_refusals": "other questions, refused",
    "failed": "questions whose turn failed",
}
"""What is measured, in words; all are shares from 0 to 1, recall and precision means over the summaries."""

HALVES = ("tune", "test")


class InvalidQuestions(AssistantError):
    """A file of questions cannot be read, has another form, or names a paper that the library does not hold."""


class Subject(BaseModel):
    """One thing that a comparison is about, with the titles of its papers: any one of them will do, none if absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    papers: tuple[str, ...] = ()


class Question(BaseModel):
    """A question and what a good answer to it holds.

    `kind` is ask, compare, summarise or collection (a summary of all there is). `history` are the messages before it
    in the conversation. A comparison has `subjects`; a summary has the titles of the `papers` it should cite, and of
    those that it may (`optional`). `refused` says that the library does not answer it. `half` is measured on its
    own: one to tune on, one to test with. `id` and `group` are for the reader; without an `id` the line stands for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = ""
    half: Literal["", "tune", "test"] = ""
    kind: Literal["ask", "compare", "summarise", "collection"]
    group: str = ""
    history: tuple[str, ...] = ()
    question: str = Field(pattern=r"\S")
    subjects: tuple[Subject, ...] = ()
    papers: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    refused: bool = False

    @property
    def titles(self) -> tuple[str, ...]:
        """Every title that it names."""
        return (*(title for subject in self.subjects for title in subject.papers), *self.papers, *self.optional)


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and the number of things it was measured on; None if there were none."""

    value: float | None
    of: int


# -- the file ---------------------------------------------------------------------------------------------------------


def read_questions(path: Path, half: str = "") -> tuple[Question, ...]:
    """The questions of a file, or those of one half. Raises `InvalidQuestions`, with the line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, ValueError) as error:
        raise InvalidQuestions(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    found = [_question(line, f"{path}, line {number}", number) for number, line in enumerate(lines, 1) if line.strip()]
    chosen = tuple(question for question in found if not half or question.half == half)
    if not chosen:
        raise InvalidQuestions(f"{path} holds no questions{f' of the half {half!r}' if half else ''}.")
    return chosen


def _question(line: str, place: str, number: int) -> Question:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidQuestions(f"{place} is not JSON: {getattr(error, 'msg', error)}.") from error
    if not isinstance(value, dict):
        raise InvalidQuestions(f"{place} is not a JSON object.")
    try:
        question = Question.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InvalidQuestions(f"{place}: `{field}`: {first['msg']}.") from error
    return question if question.id else question.model_copy(update={"id": f"line {number}"})


def require_titles(questions: Iterable[Question], titles: Iterable[str]) -> None:
    """Raises `InvalidQuestions` for the first title that is not among those of the library."""
    held = set(map(_folded, titles))
    for question in questions:
        for title in question.titles:
            if _folded(title) not in held:
                raise InvalidQuestions(f"The library holds no paper called {title!r}, which {question.id} names.")


# -- asking -----------------------------------------------------------------------------------------------------------


async def ask_all(
    assistant: "Assistant", questions: Sequence[Question], progress: Callable[[int], None] = lambda done: None
) -> list[Turn]:
    """The turn that answers each question, behind its history; `progress` hears how many are answered.

    Raises `InvalidQuestions` for a message that cannot be asked or a title that the library does not hold.
    """
    require_titles(questions, (paper.title for paper in assistant.library.catalogue.page()))
    turns = []
    for done, question in enumerate(questions, start=1):
        try:
            turns.append(await _answered(assistant, question))
        except InvalidQuestion as error:
            raise InvalidQuestions(f"{question.id} cannot be asked: {error}") from error
        progress(done)
    return turns


async def _answered(assistant: "Assistant", question: Question) -> Turn:
    """The last turn of the conversation, or the one that failed."""
    conversation = Conversation()
    for message in (*question.history, question.question):
        async for event in assistant.ask(message, conversation):
            if isinstance(event, Done | Failed):
                conversation = event.conversation
        if conversation.turns[-1].outcome is Outcome.FAILED:
            break
    return conversation.turns[-1]


# -- measures ---------------------------------------------------------------------------------------------------------


def report(questions: Sequence[Question], turns: Sequence[Turn]) -> dict[str, Any]:
    """The measures of each half and in total, and what went wrong: the form that `evaluate --questions --json` prints.

    Each measure has its `value` and the number of things it is `of`; `seconds` is the median time of an answer.
    """
    pairs = list(zip(questions, turns, strict=True))
    halves = {half: [pair for pair in pairs if pair[0].half == half] for half in HALVES}
    parts = {half: measured(part) for half, part in halves.items() if part} | {"total": measured(pairs)}
    failures = [
        {"id": question.id, "question": question.question, "wrong": wrong}
        for question, turn in pairs
        if (wrong := faults(question, turn))
    ]
    return {"llm": next((turn.llm for turn in turns if turn.llm), None), **parts, "failures": failures}


def measured(pairs: Sequence[tuple[Question, Turn]]) -> dict[str, Any]:
    """All measures over some questions and their turns."""
    summaries = [
        coverage(question, turn) for question, turn in pairs if question.kind == "summarise" and question.papers
    ]
    cells = [bool(cell.citations) for _, turn in pairs for cell in filled_cells(turn)]
    found = {
        "routing": _share(kind_of(turn) == question.kind for question, turn in pairs),
        "subjects": _share(not uncited(question, turn) for question, turn in pairs if _findable(question)),
        "cells": _share(cells),
        "absent": _share(said for question, turn in pairs for said in absent(question, turn).values()),
        "recall": _mean([recall for recall, _ in summaries]),
        "precision": _mean([precision for _, precision in summaries]),
        "refusals": _share(turn.outcome is Outcome.REFUSED for question, turn in pairs if question.refused),
        "false_refusals": _share(turn.outcome is Outcome.REFUSED for question, turn in pairs if not question.refused),
        "failed": _share(turn.outcome is Outcome.FAILED for _, turn in pairs),
    }
    seconds = [turn.timings["total"] for _, turn in pairs if "total" in turn.timings]
    return {
        "questions": len(pairs),
        **{name: asdict(figure) for name, figure in found.items()},
        "seconds": round(median(seconds), 4) if seconds else None,
    }


def kind_of(turn: Turn) -> str:
    """The kind of an answer as the questions name it; a summary of no topic is one of the collection."""
    whole = turn.mode is Mode.SUMMARISE and not (turn.plan.topic or turn.plan.within)
    return "collection" if whole else turn.mode.value


def uncited(question: Question, turn: Turn) -> tuple[str, ...]:
    """The subjects that have papers of which the answer cites none."""
    cited = _cited(turn)
    return tuple(subject.name for subject in _findable(question) if cited.isdisjoint(map(_folded, subject.papers)))


def absent(question: Question, turn: Turn) -> dict[str, bool]:
    """The subjects without papers, and whether the answer says of each that nothing was found on it."""
    said = [_words(name) for name in turn.missing]
    return {
        subject.name: any(words and (words <= _words(subject.name) or words >= _words(subject.name)) for words in said)
        for subject in question.subjects
        if not subject.papers
    }


def filled_cells(turn: Turn) -> list[Cell]:
    """The cells of a comparison's table that say something, without its head and the names of its rows."""
    if turn.mode is not Mode.COMPARE:
        return []
    return [cell for row in turn.table[1:] for cell in row[1:] if cell.text != NOT_STATED]


def coverage(question: Question, turn: Turn) -> tuple[float, float]:
    """Recall and precision of the papers that a summary cites; both are 0 if it cites none.

    An optional paper is not missed if it is left out, and not wrong if it is cited.
    """
    cited, wanted = _cited(turn), set(map(_folded, question.papers))
    if not cited:
        return 0.0, 0.0
    allowed = wanted | set(map(_folded, question.optional))
    return len(cited & wanted) / len(wanted), len(cited & allowed) / len(cited)


def faults(question: Question, turn: Turn) -> list[str]:
    """What went wrong with one question, in words."""
    wrong = [f"failed: {turn.problem}"] if turn.outcome is Outcome.FAILED else []
    if kind_of(turn) != question.kind:
        wrong.append(f"read as {kind_of(turn)}, not {question.kind}")
    wrong += [f"{name} is not cited" for name in uncited(question, turn)]
    wrong += [f"{name} is not said to be absent" for name, said in absent(question, turn).items() if not said]
    if bare := [cell.text for cell in filled_cells(turn) if not cell.citations]:
        wrong.append(f"{len(bare)} cells cite nothing: {bare[0][:60]!r}")
    if question.kind == "summarise" and question.papers:
        cited, wanted = _cited(turn), {_folded(title): title for title in question.papers}
        wrong += [f"missed: {title}" for folded, title in wanted.items() if folded not in cited]
        allowed = wanted.keys() | set(map(_folded, question.optional))
        papers = {_folded(citation.paper.title): citation.paper.title for citation in turn.citations}
        wrong += [f"cited and not on the topic: {title}" for folded, title in papers.items() if folded not in allowed]
    if question.refused != (turn.outcome is Outcome.REFUSED):
        wrong.append("not refused" if question.refused else "refused")
    return wrong


def _findable(question: Question) -> list[Subject]:
    return [subject for subject in question.subjects if subject.papers]


def _cited(turn: Turn) -> set[str]:
    return {_folded(citation.paper.title) for citation in turn.citations}


def _folded(title: str) -> str:
    return " ".join(title.split()).casefold()


def _words(name: str) -> set[str]:
    return set(re.findall(r"\w+", name.casefold()))


def _share(held: Iterable[bool]) -> Figure:
    return _mean([float(each) for each in held])


def _mean(values: Sequence[float]) -> Figure:
    return Figure(round(mean(values), 4) if values else None, len(values))
