"""History and message -> a plan: which kind of answer, and the question as it reads on its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from index_store import Paper, content_terms

from .errors import InvalidQuestion, ModeNotBuilt


class Mode(StrEnum):
    """The kinds of answer; `auto` leaves the choice to the plan."""

    AUTO = "auto"
    ASK = "ask"
    COMPARE = "compare"
    SUMMARISE = "summarise"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a message is taken to ask; `standalone` is the question as it reads without the conversation."""

    mode: Mode
    question: str
    standalone: str


_PRONOUN = re.compile(
    r"\b(its|it|this (?:one|method|paper|approach|work|model)|that (?:one|method|paper|approach|work|model)|"
    r"their|they|them|these|those|the (?:method|paper|approach|authors|same)(?! of\b)|this|that)\b",
    re.IGNORECASE,
)
_POSSESSIVE = {"its", "their"}
_POINTS_BACK = re.compile(r"th(is|at) \w", re.IGNORECASE)  # "this paper" points back wherever it stands
# Pronouns that point inside the sentence itself: "methods that ...", "is it possible to ...".
_EXPLETIVE = re.compile(
    r"\b(is|was|does|makes?|can) it (possible|true|known|hard|worth|matter|mean|take|make sense|be)\b"
    r"|\b(?!(?:is|was|does|did|do|of|than|about|like|explain)\b)\w+ that\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<=\s)\w*[A-Z]\w+")
_CONTINUES = re.compile(
    r"^(and|but|so|or|also|then|what about|how about|how so|how come|really|"
    r"why(?! (?:is|are|was|were|do|does|did|can|should)\b))\b",
    re.IGNORECASE,
)
_ONE_OF_SEVERAL = re.compile(r"(?:and )?which (?:one|ones|of (?:them|these|those))\b", re.IGNORECASE)
_LONGEST_HEAD = 40


def plan(message: str, mode: Mode, previous: Sequence[Paper], *, longest: int, asked_before: str = "") -> Plan:
    """The plan for a message; `previous` holds the papers that the turn before cited, first cited first.

    Where it cited none, a follow-up is read behind that turn's question, `asked_before`.

    Raises `InvalidQuestion` or `ModeNotBuilt`.
    """
    question = " ".join(message.split())
    if not question:
        raise InvalidQuestion("The question is empty.")
    if len(question) > longest:
        raise InvalidQuestion(
            f"The question has {len(question):,} characters; {longest:,} are allowed "
            "(RESEARCH_ASSISTANT_MAX_QUESTION_CHARACTERS)."
        )
    if mode in (Mode.COMPARE, Mode.SUMMARISE):
        raise ModeNotBuilt(f"The mode `{mode}` is not built yet; this version answers with `--mode ask`.")
    if not (previous or asked_before) or not _follows(question):
        return Plan(Mode.ASK, question, question)
    if asked_before and (not previous or _ONE_OF_SEVERAL.match(question)):
        return Plan(Mode.ASK, question, f"{asked_before.rstrip(' ?!.')}: {question}")
    return Plan(Mode.ASK, question, _standalone(question, previous[0]))


def _follows(question: str) -> bool:
    """Whether a message cannot be read without the turn before."""
    named = content_terms(question)
    if _ONE_OF_SEVERAL.match(question):
        return True
    if pronoun := _pronoun(question):
        before = pronoun.string[: pronoun.start()]
        if _POINTS_BACK.match(pronoun[0]) or (len(content_terms(before)) <= 1 and not _NAME.search(before)):
            return True  # with more before it, the pronoun points inside the message
    return (bool(_CONTINUES.match(question)) and len(named) <= 3) or not named


def _pronoun(question: str) -> re.Match[str] | None:
    """The first word that may point back; its place is the one in the question."""
    return _PRONOUN.search(_EXPLETIVE.sub(lambda found: "_" * len(found[0]), question))


def _standalone(question: str, paper: Paper) -> str:
    """The message with the subject in the place of its pronoun, or behind it."""
    name = short_name(paper)
    found = _pronoun(question)
    if not found:
        return f"{question.rstrip(' ?!.')}: {name}?"
    put = f"{name}'s" if found[0].lower() in _POSSESSIVE else name
    return f"{question[: found.start()]}{put}{question[found.end() :]}"


def short_name(paper: Paper) -> str:
    """What people call a paper: the part of its title before the colon where that is short, else the title."""
    head, colon, _ = paper.display_title.partition(":")
    return head.strip() if colon and len(head) <= _LONGEST_HEAD else paper.display_title
