"""Claim by claim while the answer streams: which sentences a claim cites, and whether they hold it.

A claim is the text between the end of the sentence (or marker) before and its own markers; markers that follow each
other belong to the same claim. Its citations are let out once the claim is over, with the label of the support check.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from index_store import Paper, Sentence

from .citations import Citation, Piece, References, Target, Uncited, number

if TYPE_CHECKING:
    from .support import SupportChecker

_END = re.compile(r"[.!?。！？][\"'”’)\]*_]*$")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|et al|cf|vs|approx|Fig|Figs|Eq|Eqs|Dr|No|resp)\.$")
_BETWEEN_MARKERS = re.compile(r"[\s,;.]*")
_SPLIT = re.compile(r"(\s+)")
_STARTS_NEW = re.compile(r"[A-Z0-9\"'“(*\[#>`\-•]|[^\x00-\x7f]")
# Sentences about the collection itself, and lead-ins, claim nothing about a paper.
_ABOUT_COLLECTION = re.compile(
    r"\b(?:collection|abstracts?|papers?|sentences?|sources?)\b[^.]*\b(?:not|no|nothing|none|neither)\b|"
    r"\b(?:not|no|nothing|none|neither)\b[^.]*\b(?:collection|abstracts?|papers?|sentences?|sources?)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"[*_`#>|]+|^\s*(?:[-•]|\d+[.)])\s+", re.MULTILINE)
_FEWEST_WORDS = 4


@dataclass
class ClaimChecker:
    """Text and targets of one turn -> text, citations with their labels, and marks at claims without a source."""

    references: References
    offered: Mapping[str, tuple[Paper, Sequence[Sentence]]]
    checker: "SupportChecker"
    _claim: str = ""
    _cited: bool = False
    _targets: list[Target] = field(default_factory=list)
    _held: str = ""
    _count: int = 0
    _fenced: bool = False
    _spaced: bool = True

    def feed(self, piece: str | Target) -> list[Piece]:
        """What can be let out after this piece."""
        return list(self._take(piece))

    def close(self) -> list[Piece]:
        """What was held back, once the answer has ended."""
        return [*self._flush(), *self._end_claim(), *self._release()]

    def _take(self, piece: str | Target) -> Iterator[Piece]:
        if isinstance(piece, Target):
            if not self._targets and self._held.strip():
                yield from self._release()
            self._targets.append(piece)
            return
        for part in _SPLIT.split(piece):
            if part:
                yield from self._word(part)

    def _word(self, part: str) -> Iterator[Piece]:
        if self._targets:
            if _BETWEEN_MARKERS.fullmatch(part):
                self._held += part
                return
            yield from self._flush()
        if part.isspace():
            if "\n" in part or _END.search(self._claim):
                self._held += part  # a marker may still follow
                return
        elif self._held and self._is_over(part):
            yield from self._end_claim()
        yield from self._release()
        self._claim += part
        if part.startswith(("```", "$$")):
            self._fenced = not self._fenced
        self._spaced = part[-1].isspace()
        yield part

    def _is_over(self, next_word: str) -> bool:
        if "\n" in self._held:
            return True
        return bool(_STARTS_NEW.match(next_word)) and not _ABBREVIATION.search(self._claim)

    def _release(self) -> Iterator[Piece]:
        if self._held:
            held, self._held = self._held, ""
            self._claim += held
            self._spaced = True
            yield held

    def _flush(self) -> Iterator[Piece]:
        """Checks the claim against the sentences it cites and lets its citations out."""
        if not self._targets:
            return
        targets, self._targets = self._targets, []
        claim = plain(self._claim)
        yield from self._cite(claim, self._evidence(claim, targets))
        self._cited, self._claim = True, ""
        if "\n" in self._held:
            self._cited = False
        yield from self._release()
        if _END.search(self._claim.rstrip()):
            self._cited, self._claim = False, ""

    def _end_claim(self) -> Iterator[Piece]:
        """Ends a sentence: one that cites nothing gets the source that supports it, or is marked."""
        claim, cited = plain(self._claim), self._cited
        self._claim, self._cited = "", False
        if cited or self._fenced or not _claims_something(claim):
            return
        found = self._best(claim)
        self._count += 1
        if found and self.checker.check(claim, [found[1].text]).label == "supported":
            yield from self._space()
            yield self._citation(found[0], found[1], "supported")
        else:
            yield Uncited(self._count)

    def _evidence(self, claim: str, targets: Sequence[Target]) -> list[tuple[str, Sentence]]:
        """The cited sentences, each once; for a paper cited as a whole, its sentence that supports the claim best."""
        found: dict[tuple[str, int], tuple[str, Sentence]] = {}
        for target in targets:
            known = self.offered[target.key][1]
            sentence = known[target.sentence - 1] if target.sentence else self._best_of(claim, known)
            if sentence:
                found[target.key, sentence.number] = (target.key, sentence)
        return list(found.values())

    def _cite(self, claim: str, evidence: Sequence[tuple[str, Sentence]]) -> Iterator[Piece]:
        if not evidence:
            return
        self._count += 1
        yield from self._space()
        label = self.checker.check(claim, [sentence.text for _, sentence in evidence]).label if claim else "partly"
        if label == "not found" and (other := self._best(claim)):
            repaired = self.checker.check(claim, [other[1].text]).label
            if repaired == "supported":
                yield self._citation(other[0], other[1], repaired)
                return
        for key, sentence in evidence:
            yield self._citation(key, sentence, label)

    def _space(self) -> Iterator[Piece]:
        """A space before a citation where the writer left none."""
        if not self._spaced:
            self._spaced = True
            yield " "

    def _citation(self, key: str, sentence: Sentence, label: str) -> Citation:
        self.references, citation = number(
            self.references, Target(key, self.offered[key][0], sentence.number), sentence, str(label), self._count
        )
        return citation

    def _best(self, claim: str) -> tuple[str, Sentence] | None:
        """The offered sentence that supports a claim best."""
        everything = [(key, sentence) for key, (_, known) in self.offered.items() for sentence in known]
        if not claim or not everything:
            return None
        scores = self.checker.rank(claim, [sentence.text for _, sentence in everything])
        return everything[max(range(len(scores)), key=scores.__getitem__)]

    def _best_of(self, claim: str, known: Sequence[Sentence]) -> Sentence | None:
        if not known:
            return None
        scores = self.checker.rank(claim, [sentence.text for sentence in known])
        return known[max(range(len(scores)), key=scores.__getitem__)]


def plain(claim: str) -> str:
    """A claim without Markdown."""
    return " ".join(_MARKUP.sub(" ", claim).split())


def _claims_something(claim: str) -> bool:
    return (
        len(claim.split()) >= _FEWEST_WORDS and not claim.endswith((":", "?")) and not _ABOUT_COLLECTION.search(claim)
    )
