"""Which papers a search is limited to: by year, author, source, or by name."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from .papers import Paper, fold

_LONGEST_NAME = 6  # words; a longer "name" is a group's, of which no pairs are made


@dataclass(frozen=True)  # without slots, which would leave no room for `_ids`
class Filter:
    """A paper passes if it meets every condition that is set; one whose year is not known meets no bound.

    `author` is one or more words of one author's name in any order, without regard to case and accents. `source` is a
    file's name as `Paper.sources` has it, `collection` that of a named collection. `papers` are ids; None means any
    paper, an empty tuple none.
    """

    from_year: int | None = None
    to_year: int | None = None
    author: str = ""
    source: str = ""
    collection: str = ""
    papers: tuple[str, ...] | None = None

    def __bool__(self) -> bool:
        """Whether any condition is set."""
        return self != everything

    @property
    def author_keys(self) -> tuple[str, ...]:
        """The keys that a paper must have, see `author_keys`; empty if any author will do."""
        words = name_words(self.author)
        return tuple(_pairs(words)) if 1 < len(words) <= _LONGEST_NAME else tuple(words)

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(self.papers or ())

    def holds(self, paper: Paper) -> bool:
        """Whether a paper passes; a `collection` has to be put as `papers` first, see `Catalogue.resolved`."""
        return (
            (self.from_year is None or (paper.year is not None and paper.year >= self.from_year))
            and (self.to_year is None or (paper.year is not None and paper.year <= self.to_year))
            and set(self.author_keys) <= author_keys(paper.authors)
            and self.source in ("", paper.source, *paper.sources)
            and (self.papers is None or paper.id in self._ids)
        )


everything = Filter()


def author_keys(authors: Iterable[str]) -> set[str]:
    """What authors are found by: each word of a name, and each pair of words of one name, in alphabetical order.

    With the pairs, "Dan Klein" does not find a paper by Dan Jurafsky and Philipp Klein.
    """
    keys: set[str] = set()
    for author in authors:
        words = name_words(author)
        keys.update(words)
        if len(words) <= _LONGEST_NAME:
            keys.update(_pairs(words))
    return keys


def name_words(name: str) -> list[str]:
    """The distinct words of a name, without case and accents, in alphabetical order."""
    return sorted(set(re.findall(r"\w+", fold(name))))


def _pairs(words: list[str]) -> Iterable[str]:
    return (" ".join(pair) for pair in combinations(words, 2))
