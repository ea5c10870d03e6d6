"""What formats want to know of an author or a paper that is not stored: family names, kinds of publications."""

import re

from ..papers import Paper, given_first

_SUFFIX = re.compile(r"(jr|sr|i{2,3}|iv|inc|ltd|llc|corp|co|gmbh|ag|plc)\.?", re.IGNORECASE)
_CONFERENCE = re.compile(
    r"\b(proceedings|proc\.|conference|workshop|symposium|neurips|nips|icml|iclr|acl|naacl|emnlp|coling|sigir|cvpr|aaai)\b",
    re.IGNORECASE,
)


def family_and_given(name: str) -> tuple[str, str]:
    """The family name, with "von" before and "Jr." after it, and the given names; these are empty if unsure."""
    words = name.split(" ")
    end = len(words)
    while end > 1 and _SUFFIX.fullmatch(words[end - 1]):
        end -= 1
    start = end - 1
    while start > 1 and words[start - 1].islower():
        start -= 1
    family, given = " ".join(words[start:]), " ".join(words[:start])
    if not given or given_first(f"{family}, {given}") != f"{given} {family}":
        return name, ""
    # "Robert Downey Jr." comes back as it was; so does a name whose parts cannot be told apart, as a whole.
    return (family, given) if f"{given} {family}" == name else (name, "")


def is_conference(paper: Paper) -> bool:
    """Whether the paper's venue seems to be a conference rather than a journal."""
    return bool(_CONFERENCE.search(paper.venue))


def same(one: Paper, other: Paper) -> bool:
    """Whether two papers say the same, wherever they come from."""
    return _said(one) == _said(other)


def _said(paper: Paper) -> tuple[object, ...]:
    return (
        *(paper.title, paper.abstract, paper.authors, paper.year),
        *(paper.venue, paper.doi, paper.arxiv_id, paper.url),
    )
