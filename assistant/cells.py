"""Which sentences fill the table of a comparison: for each side and each row, by their role and by the row's words."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from index_store import Paper, PaperHit, Sentence, SentenceMatch, content_terms, terms

from .roles import Role, roles
from .sides import Side, names
from .wording import quantities

PROBLEM, APPROACH, DATA, RESULT, LIMITS = "Problem", "Approach", "Data", "Result", "Limits"
ROWS = (PROBLEM, APPROACH, DATA, RESULT, LIMITS)
_MOST_IN_CELL = 2
_WORDS, _MEANING = 0.35, 0.65  # shares of a sentence's closeness to an aspect
_CLOSE = 0.26  # a sentence at least so close to an aspect speaks of it
_FIGURES = 0.35  # what figures add to a result
_DATA = re.compile(
    r"\b(?:data ?sets?|benchmarks?|corpus|corpora|(?:pre-?)?trained on|evaluated? on|tested on|tests? on|"
    r"experiments? on|images?|recordings?|samples|test ?bed|suite|arena|collected|annotat\w+|"
    r"tasks? (?:such as|from|of)|surveys?|simulations? of|challenge)\b",
    re.IGNORECASE,
)
_GAP = re.compile(
    r"\b(?:but|yet|however|although|lack\w*|costly|fail\w*|limited|hard|difficult|unclear|challeng\w*|problem)\b", re.I
)

_NOUNS = {  # by the first letters of what readers ask with
    "fast slow speed quick effic": "speed latency throughput speedup time faster",
    "cheap cost expens": "cost computation memory FLOPs",
    "small large size": "size memory parameters scale",
    "memory footprint": "memory footprint reduction smaller",
    "accura quality precis loss": "accuracy performance quality error lossless",
    "robust noise": "robustness noise perturbed",
    "simpl complex": "simple complexity",
    "general": "generality generalization",
    "train retrain fine-tun": "training fine-tuning training-free",
}

_Key = tuple[str, int]  # a sentence: its paper's id and its number
Match = Callable[[str, Sequence[Paper]], Sequence[PaperHit]]
"""The given papers with their sentences beside a question: `index_store.match`."""


@dataclass(frozen=True, slots=True)
class Source:
    """A sentence of a paper."""

    paper: Paper
    sentence: Sentence


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table; each side has its sentences, or none where its abstracts do not say it."""

    title: str
    cells: tuple[tuple[Source, ...], ...]
    asked: bool = False

    @property
    def filled(self) -> int:
        """How many of its cells say something."""
        return sum(bool(cell) for cell in self.cells)


def rows(sides: Sequence[Side], aspects: Sequence[str], match: Match) -> tuple[Row, ...]:
    """The rows: what the reader asked for first, then those of `ROWS` that any side fills and nobody asked for.

    No sentence stands twice in one column, unless nothing else says it.
    """
    scores = {aspect: _scores(aspect, sides, match) for aspect in aspects}
    columns = [_column(side, scores) for side in sides]
    asked = {_fixed(aspect) for aspect in aspects}
    titles = [*aspects, *(title for title in ROWS if title not in asked)]
    made = [
        Row(title, tuple(column.get(title, ()) for column in columns), asked=place < len(aspects))
        for place, title in enumerate(titles)
    ]
    return tuple(row for row in made if row.asked or row.filled)


def _scores(aspect: str, sides: Sequence[Side], match: Match) -> dict[_Key, float]:
    """How much every sentence of all sides speaks of an aspect; of all at once, as an aspect is embedded each time."""
    papers = {hit.paper.id: hit.paper for side in sides for hit in side.hits}
    return {
        (hit.paper.id, item.sentence.number): _MEANING * item.similarity + _WORDS * item.overlap
        for hit in match(_in_other_words(aspect), [*papers.values()])
        for item in hit.sentences
    }


def _column(side: Side, asked: Mapping[str, Mapping[_Key, float]]) -> dict[str, tuple[Source, ...]]:
    """The cells of one side by their rows' titles. `asked` says how much each sentence speaks of each aspect."""
    used: set[_Key] = set()
    cells: dict[str, tuple[Source, ...]] = {}
    candidates = _candidates(side)
    for aspect, scores in asked.items():
        told = sorted(((scores.get(item.key, 0.0), item) for item in candidates), key=lambda pair: -pair[0])
        close = [item for score, item in told if score >= _CLOSE]
        cells[aspect] = _take([*_fitting(candidates, _fixed(aspect)), *close], used, 1)
    for title in (APPROACH, RESULT, LIMITS, DATA, PROBLEM):
        if title not in map(_fixed, asked):
            cells[title] = _take(_fitting(candidates, title), used, _MOST_IN_CELL if title == APPROACH else 1)
    return cells


def _in_other_words(aspect: str) -> str:
    """An aspect with the nouns that abstracts use for what readers ask in a word."""
    asked = aspect.lower().split()
    found = [nouns for starts, nouns in _NOUNS.items() if any(word.startswith(tuple(starts.split())) for word in asked)]
    return " ".join([aspect, *found])


def _fixed(aspect: str) -> str:
    """The one of `ROWS` that an aspect names, or nothing: `the results` are `Result`."""

    def named(text: str) -> list[str]:
        return content_terms(text) or terms(text)  # "approach" alone is no content

    return next((title for title in ROWS if named(aspect) == named(title)), "")


@dataclass(frozen=True, slots=True)
class _Candidate:
    source: Source
    match: SentenceMatch
    role: Role
    rank: int
    last: bool

    @property
    def key(self) -> _Key:
        return self.source.paper.id, self.source.sentence.number


def _candidates(side: Side) -> list[_Candidate]:
    """The sentences of a side; of a paper that only mentions its name, those that say it."""
    wanted = names(side.name)
    found = []
    for rank, hit in enumerate(side.hits):
        own = rank == 0 or not wanted or side.owns(hit.paper)
        for item, role in zip(hit.sentences, roles(hit.paper), strict=True):
            if own or side.says(item.sentence.text):
                last = item is hit.sentences[-1]
                found.append(_Candidate(Source(hit.paper, item.sentence), item, role, rank, last))
    return found


def _fitting(candidates: Sequence[_Candidate], title: str) -> list[_Candidate]:
    """The sentences that belong in one of `ROWS`, best first."""
    fits = [(_fits(item, title), item) for item in candidates] if title else []
    return [item for fit, item in sorted(fits, key=lambda pair: -pair[0]) if fit > 0]


def _fits(item: _Candidate, title: str) -> float:
    """How well a sentence fits a row; 0 if it does not belong there. Earlier papers are preferred."""
    text, early = item.source.sentence.text, 1.0 / (1 + item.rank)
    match title:
        case "Approach":
            wanted = {Role.AIM: 1.5, Role.METHOD: 1.0}
            return wanted.get(item.role, 0.0) and early + wanted[item.role] + 0.3 * item.match.similarity
        case "Result":
            figures = sum(bool(quantity.unit) or quantity.value >= 2 for quantity in quantities(text))
            return early + 0.3 * item.match.similarity + _FIGURES * min(3, figures) if item.role is Role.RESULT else 0.0
        case "Problem":
            gap = bool(_GAP.search(text))
            return early + 0.5 * gap + 0.02 * item.source.sentence.number if item.role is Role.BACKGROUND else 0.0
        case "Data":
            said = len(_DATA.findall(text))
            return early + 0.4 * min(3, said) if said and item.role is not Role.BACKGROUND else 0.0
        case _:
            return early if item.role is Role.LIMIT else 0.0


def _take(ordered: Sequence[_Candidate], used: set[_Key], most: int) -> tuple[Source, ...]:
    """The first sentences that stand nowhere else; where none is left, the first, as it does say it."""
    chosen = [item for item in ordered if item.key not in used][:most] or list(ordered[:1])
    used.update(item.key for item in chosen)
    return tuple(item.source for item in sorted(chosen, key=lambda item: (item.rank, item.source.sentence.number)))
