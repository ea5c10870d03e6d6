"""The two or more sides of a comparison: each subject is searched on its own and keeps its own papers."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache

from index_store import Paper, PaperHit, SearchResult, content_terms, terms

from .followups import short_name
from .intent import method_names

PAPERS = 12
"""How many papers all sides of a comparison show together, shared out evenly."""

_SEARCHED = 16  # per subject, before it is decided which of them the subject means
_NEAR_BEST = 0.72  # a topic's further papers are at least this share as relevant as its first
_MOST = 4  # papers of one side
_NEAREST = 2
_MENTION, _MOST_MENTIONS = 0.06, 5  # a paper that says the name often is rather the one that brought it
_OWN_WORDS, _OTHER_WORDS = 0.1, 0.15  # for lacking what sets a subject apart, and having what sets apart another
_UNKNOWN_COST = 0.32  # of the share of a subject's words that no paper uses
_ONE_PAPER = re.compile(r"^(?:the\s+)?(?:paper|study|work|article|one)\b|\b(?:paper|study|article)$", re.IGNORECASE)

Search = Callable[[str, int], SearchResult]


@dataclass(frozen=True, slots=True)
class Side:
    """One subject of a comparison with the papers that speak of it, best first.

    If the collection has none, `nearest` holds what comes near the whole question and belongs to no side.
    """

    name: str
    hits: tuple[PaperHit, ...]
    nearest: tuple[Paper, ...] = ()

    def says(self, text: str) -> bool:
        """Whether a text says the side's name; for a topic without one, always."""
        return all(_says(name, text) for name in names(self.name))

    def owns(self, paper: Paper) -> bool:
        """Whether the paper's title says the name."""
        return self.says(paper.display_title)


def sides(subjects: Sequence[str], question: str, search: Search, threshold: float) -> tuple[Side, ...]:
    """The sides in the order of the subjects.

    A paper that speaks of all subjects belongs to every side and comes before all but the side's own paper: it may
    compare them itself. One that two topics share otherwise goes to the one it speaks of more, above all by the words
    in which the topics differ ("online", "offline"). `question` is the whole message; of the papers that a
    subject means, those come first that speak of what is asked.
    """
    share = max(1, min(_MOST, PAPERS // max(1, len(subjects))))
    whole = {hit.paper.id: hit for hit in search(question, _SEARCHED).hits}
    terms_of = [frozenset(content_terms(subject)) for subject in subjects]
    found = []
    for place, subject in enumerate(subjects):
        others = frozenset().union(*(terms_of[:place] + terms_of[place + 1 :]))
        side = _side(subject, search(subject, _SEARCHED), whole, threshold)
        if not names(subject):
            leant = [_leaning(hit, terms_of[place] - others, others - terms_of[place]) for hit in side.hits]
            side = replace(side, hits=tuple(sorted(leant, key=lambda hit: -hit.relevance)))
        found.append(side)
    common = [hit for hit in whole.values() if all(_speaks_of(subject, hit.paper) for subject in subjects)]
    parted = _part([_with_common(side, common) for side in found], {hit.paper.id for hit in common})
    taken = {hit.paper.id for side in parted for hit in side.hits}
    nearest = tuple(hit.paper for hit in whole.values() if hit.paper.id not in taken)[:_NEAREST]
    return tuple(replace(side, hits=side.hits[:share], nearest=() if side.hits else nearest) for side in parted)


def _leaning(hit: PaperHit, own: Set[str], others: Set[str]) -> PaperHit:
    """The hit, more relevant if it holds the words that only its own subject has, less if it holds the others'."""
    held = set(terms(f"{hit.paper.title} {hit.paper.abstract}"))
    share = len(own & held) / max(1, len(own)) if own else 1.0
    lost = len(others & held) / max(1, len(others)) if others else 0.0
    return replace(
        hit, relevance=max(0.0, hit.relevance - _OWN_WORDS * (1 - share) - _OTHER_WORDS * lost * (1 - share))
    )


def _side(subject: str, result: SearchResult, whole: Mapping[str, PaperHit], threshold: float) -> Side:
    hits = _named(subject, result) or _about(subject, result, threshold)
    if not hits:
        return Side(subject, ())

    called = names(subject)

    def fits(hit: PaperHit) -> float:
        said = _squeeze(hit.paper.abstract)
        mentions = sum(min(_MOST_MENTIONS, said.count(name)) for name in called)
        asked = whole[hit.paper.id].relevance if hit.paper.id in whole else 0.0
        return hit.relevance + asked + _MENTION * mentions

    ordered = sorted(hits, key=fits, reverse=True) if len(hits) > 1 else hits
    return Side(subject, tuple(ordered[: 1 if _ONE_PAPER.search(subject) else _MOST]))


def _with_common(side: Side, common: Sequence[PaperHit]) -> Side:
    """The side with the papers that speak of all subjects, behind the one that is called so and before all others.

    With them, even a side that had no paper has some.
    """
    known = {hit.paper.id: hit for hit in side.hits}
    called = [hit for hit in side.hits if _squeeze(short_name(hit.paper)) in names(side.name)]
    first = [
        *called,
        *(known.get(hit.paper.id, hit) for hit in common if hit.paper.id not in {c.paper.id for c in called}),
    ]
    rest = [hit for hit in side.hits if hit not in first]
    return replace(side, hits=(*first, *rest))


def _speaks_of(subject: str, paper: Paper) -> bool:
    """Whether a paper says the name of a subject; never for a topic without one."""
    called = names(subject)
    return bool(called) and all(_says(name, f"{paper.display_title} {paper.abstract}") for name in called)


def names(subject: str) -> list[str]:
    """The names in a subject, squeezed together: words with a method's capitals and digits, or its only word."""
    named = method_names(subject)
    return [_squeeze(name) for name in named or ([subject] if len(subject.split()) == 1 else [])]


def _named(subject: str, result: SearchResult) -> list[PaperHit]:
    """The papers whose title, else whose abstract, holds the name that the subject is called by.

    A name of one word, or with the capitals and digits of a method's name, means the papers that say it and no others.
    """
    wanted = names(subject)
    if not wanted:
        return []
    told_of = [hit for hit in result.hits if hit.sentences]  # a title alone has nothing to cite
    exact = [hit for hit in told_of if _squeeze(short_name(hit.paper)) == _squeeze(subject)]
    titled = [hit for hit in told_of if all(_says(name, hit.paper.display_title) for name in wanted)]
    told = [hit for hit in told_of if all(_says(name, hit.paper.abstract) for name in wanted)]
    return exact or titled or told


def _about(subject: str, result: SearchResult, threshold: float) -> list[PaperHit]:
    """The papers on a topic that has no name of its own."""
    named = method_names(subject)
    unknown = set(result.unknown)
    if unknown and (not content_terms(subject) or (named and unknown & set(terms(" ".join(named))))):
        return []
    share = len(unknown) / max(1, len(content_terms(subject)))
    hits = sorted((hit for hit in result.hits if hit.sentences), key=lambda hit: -hit.relevance)
    if not hits or hits[0].relevance - _UNKNOWN_COST * share < threshold:
        return []
    return [hit for hit in hits if hit.relevance >= max(threshold, _NEAR_BEST * hits[0].relevance)]


def _part(found: Sequence[Side], common: Set[str]) -> list[Side]:
    """The sides without the papers that speak more of another side; no side loses its first paper so."""
    best: dict[str, float] = {}
    for side in found:
        for hit in side.hits:
            best[hit.paper.id] = max(best.get(hit.paper.id, 0.0), hit.relevance)

    def stays(place: int, hit: PaperHit) -> bool:
        return place == 0 or hit.paper.id in common or hit.relevance >= best[hit.paper.id]

    return [
        replace(side, hits=tuple(hit for place, hit in enumerate(side.hits) if stays(place, hit))) for side in found
    ]


@lru_cache(2048)
def _squeeze(text: str) -> str:
    """Letters and digits alone, however they are set: `H₂` is `h2`, `ℬ-Coder` is `bcoder`."""
    return re.sub(r"[^\w+]|_", "", unicodedata.normalize("NFKC", text).casefold())


def _says(name: str, text: str) -> bool:
    """Whether a text has a name as words of its own, with or without hyphens, in the singular or plural."""
    if name.removesuffix("s") not in _squeeze(text):  # most texts; looking at each of their words takes longer
        return False
    words = re.findall(r"[\w+.*()'-]+", text)
    forms = {name, f"{name}s", name.removesuffix("s")}
    return any(_squeeze(word) in forms or any(_squeeze(part) in forms for part in word.split("-")) for word in words)
