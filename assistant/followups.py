"""Messages that lean on the turn before: which do, and how they read once they stand alone."""

import re

from index_store import Paper, content_terms

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
ONE_OF_SEVERAL = re.compile(r"(?:and )?which (?:one|ones|of (?:them|these|those))\b", re.IGNORECASE)
_LONGEST_HEAD = 40


def follows(question: str) -> bool:
    """Whether a message cannot be read without the turn before."""
    named = content_terms(question)
    if ONE_OF_SEVERAL.match(question):
        return True
    if pronoun := _pronoun(question):
        before = pronoun.string[: pronoun.start()]
        if _POINTS_BACK.match(pronoun[0]) or (len(content_terms(before)) <= 1 and not _NAME.search(before)):
            return True  # with more before it, the pronoun points inside the message
    return (bool(_CONTINUES.match(question)) and len(named) <= 3) or not named


def _pronoun(question: str) -> re.Match[str] | None:
    """The first word that may point back; its place is the one in the question."""
    return _PRONOUN.search(_EXPLETIVE.sub(lambda found: "_" * len(found[0]), question))


def standalone(question: str, paper: Paper) -> str:
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
