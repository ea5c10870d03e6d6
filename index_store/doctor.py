"""Compares the catalogue with both indexes, and names what differs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .lexicon import content_terms
from .library import Library
from .rows import State
from .vectors import PassageHit

T = TypeVar("T")

REBUILD = "Run `research-assistant rebuild`; nothing is embedded again."
INDEX = "Run `research-assistant index`."
_RESTORE = (
    "Keep a copy of the folder, `research-assistant export` what can be read, and add that to an empty folder (--home)."
)
_NAMED = 20  # papers of each problem
_EVERY, _SAMPLE = 6000, 2000  # so many are all searched for; of more, so many are drawn
_BATCH = 500
_NEAR, _FAR = 10, 1000  # neighbours that are looked at first, and then for those that were not among them
_PASSED_OVER = (
    1000  # one in so many is no damage: the search looks at a part of what there is, and misses about 1 in 10,000
)
_SAME = 1e-4  # cosine; what float32 and the search make of two equal vectors


@dataclass(frozen=True, slots=True)
class Problem:
    """What differs, in `count` papers, of which the first 20 ids are in `papers`, and what mends it."""

    what: str
    papers: tuple[str, ...]
    count: int
    remedy: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an examination found.

    `passages` are those that the catalogue says are indexed by meaning. `sought` of them were searched for by their own
    vectors, all or, of many, a sample, and `reached` of these were found.
    """

    papers: int
    passages: int
    sought: int
    reached: int
    problems: tuple[Problem, ...]

    @property
    def damage(self) -> tuple[Problem, ...]:
        """The problems that are more than work which still waits."""
        return tuple(problem for problem in self.problems if problem.remedy != INDEX)


def examine(library: Library) -> Diagnosis:
    """Looks through a library and changes nothing. It takes about ten seconds for 57,000 papers."""
    examination = _Examination(library)
    examination.look_at_catalogue()
    examination.look_at_words()
    sought, reached = examination.look_at_meanings()
    return Diagnosis(
        len(examination.here), sum(examination.passages.values()), sought, reached, tuple(examination.problems)
    )


class _Examination:
    """One look through a library: what the catalogue says, and the problems found so far."""

    def __init__(self, library: Library) -> None:
        self._library, self._catalogue = library, library.catalogue
        self.problems: list[Problem] = []
        self._pending = self._catalogue.ids(State.PENDING)
        self._indexed = self._catalogue.ids(State.INDEXED)
        self._unworded = {waiting.paper.id for waiting in self._catalogue.unworded(None)}
        self.here = [*self._indexed, *self._pending]
        self._misfits = self._with_vectors_that_do_not_fit()
        self._kept = dict(self._vectors_of([each for each in self._indexed if each not in self._misfits]))
        self.passages = {paper_id: len(rows) for paper_id, rows in self._kept.items()}

    def _note(self, what: str, papers: Iterable[str], remedy: str) -> None:
        if ids := sorted(set(papers)):
            self.problems.append(Problem(what, tuple(ids[:_NAMED]), len(ids), remedy))

    def _vectors_of(self, paper_ids: Sequence[str]) -> Iterator[tuple[str, NDArray[np.float32]]]:
        for part in _parts(paper_ids):
            for paper_id, kept in self._library.kept_vectors(part).items():
                yield paper_id, kept.vectors.passages

    def _with_vectors_that_do_not_fit(self) -> set[str]:
        """The papers with kept vectors of another length than the model's, or of another number than their cuts."""
        embedder = self._library.embedder
        return set(self._catalogue.ids_of_misfits(embedder.fingerprint, embedder.dimension))

    # -- the catalogue --------------------------------------------------------------------------------------------

    def look_at_catalogue(self) -> None:
        """The file itself, what still waits, and whether the kept vectors fit the model."""
        if said := self._catalogue.defects():
            self.problems.append(Problem(f"The catalogue's file is damaged: {said[0]}.", (), len(said), _RESTORE))
        self._note("Papers wait to be indexed by their meaning.", self._pending, INDEX)
        self._note("Papers wait to be indexed by their words.", self._unworded, INDEX)
        removed = self._catalogue.ids(State.REMOVED)
        self._note("Papers were removed and are not yet out of both indexes.", removed, INDEX)
        self._note("The vectors that are kept of papers do not fit the embedding model.", self._misfits, REBUILD)
        unkept = set(self._indexed) - {*self.passages, *self._misfits}
        self._note("Papers count as indexed, but their vectors are not in the catalogue.", unkept, REBUILD)

    # -- the index of words ---------------------------------------------------------------------------------------

    def look_at_words(self) -> None:
        """Whether exactly the catalogue's papers are in the index of words, and are found there."""
        lexicon = self._library.lexicon
        held, expected = lexicon.ids(), set(self.here) - self._unworded
        found = {paper_id for part in _parts(sorted(expected)) for paper_id in lexicon.known(part)}
        self._note("Papers are not in the index of words.", expected - held, REBUILD)
        self._note("Papers in the index of words are not found by their id.", (expected & held) - found, REBUILD)
        waiting = {*self.here, *self._catalogue.ids(State.REMOVED)}
        self._note("The index of words holds papers that the library does not have.", held - waiting, REBUILD)
        if lexicon.count > len(held):
            what = "The index of words holds papers more than once."
            self.problems.append(Problem(what, (), lexicon.count - len(held), REBUILD))
        drawn = _drawn(sorted(expected & found))
        papers = [paper for part in _parts(drawn) for paper in self._catalogue.papers(part).values()]
        unfound = [one.id for one in papers if content_terms(one.title) and not lexicon.scores(one.title, [one.id])]
        self._note("Papers are not found by the words of their titles.", unfound, REBUILD)

    # -- the index of meanings ------------------------------------------------------------------------------------

    def look_at_meanings(self) -> tuple[int, int]:
        """Whether exactly the passages of indexed papers are in Chroma and are found by their own vectors.

        Returns how many were searched for, and how many were found.
        """
        held = self._library.vectors.passages()
        expected = {(paper_id, number) for paper_id, count in self.passages.items() for number in range(1, count + 1)}
        self._note("Passages of papers are not in the index of meanings.", _papers(expected - held), REBUILD)
        settled = set(self._indexed)
        waiting = {*self._pending, *self._catalogue.ids(State.REMOVED)}  # what they had before a change may be there
        stale = {each for each in held - expected if each[0] in settled}
        self._note("The index of meanings holds passages that papers no longer have.", _papers(stale), REBUILD)
        strange = {paper_id for paper_id, _ in held} - settled - waiting
        self._note("The index of meanings holds papers that the library does not have.", strange, REBUILD)
        sought = _drawn(sorted(expected & held))
        missed, other = self._missed(sought)
        if len(missed) > len(sought) // _PASSED_OVER:
            self._note("Passages are in the index of meanings, but no search finds them.", _papers(missed), REBUILD)
        self._note("Passages are in the index of meanings with another vector.", _papers(other), REBUILD)
        return len(sought), len(sought) - len(missed)

    def _missed(self, sought: Sequence[tuple[str, int]]) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
        """The passages that a search by their own vector does not find, and those it finds with another vector.

        One beside which an equal vector is found, of a paper with the same text, counts as found: of many equal ones
        the search shows some.
        """
        left, other = list(sought), set[tuple[str, int]]()
        for limit, batch in ((_NEAR, _BATCH), (_FAR, 10)):
            missed = []
            for part in _parts(left, batch):
                rows = np.stack([self._kept[paper_id][number - 1] for paper_id, number in part])
                for passage, hits in zip(part, self._library.vectors.nearest(rows, limit), strict=True):
                    own = next((hit for hit in hits if (hit.paper_id, hit.number) == passage), None)
                    if own and not _equal(own):
                        other.add(passage)
                    if not own and not any(map(_equal, hits)):
                        missed.append(passage)
            left = missed
        return set(left), other


def _equal(hit: PassageHit) -> bool:
    return hit.similarity > 1 - _SAME


def _papers(passages: Iterable[tuple[str, int]]) -> set[str]:
    return {paper_id for paper_id, _ in passages}


def _drawn(values: list[T]) -> list[T]:
    """All values, or of many a sample, the same each time."""
    return values if len(values) <= _EVERY else Random(len(values)).sample(values, _SAMPLE)


def _parts(values: Sequence[T], size: int = _BATCH) -> Iterator[list[T]]:
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
