"""Claim by claim while the answer streams: which sentences a claim cites, and whether they hold it.

A claim is the text between the end of the sentence (or marker) before and its own markers; markers that follow each
other belong to the same claim. Its citations are let out once the claim is over, with the label of the support check.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from index_store import Paper, Sentence

from .citations import Citation, Piece, References, Target, Uncited, number
from .support import SupportChecker, plain_claim
from .wording import names

Source = tuple[str, Sentence]
"""A paper's key and one of its sentences."""


_END = re.compile(r"[.!?。！？][\"'”’)\]*_]*$")
_NUMBERED = re.compile(r"^[\s#>*_-]*\d{1,3}[.)]$")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|et al|cf|vs|approx|Fig|Figs|Eq|Eqs|Dr|No|resp)\.$")
_BETWEEN_MARKERS = re.compile(r"[\s,;.]*")
_SPLIT = re.compile(r"(\s+)")
_STARTS_NEW = re.compile(r"[A-Z0-9\"'“(*\[#>`\-•]|[^\x00-\x7f]")
# "The papers do not say ..." claims nothing about a paper; with a figure in it, it does.
_ABOUT_COLLECTION = re.compile(
    r"\b(?:collection|abstracts?|papers?|sentences?|sources?)\b[^.]*\b(?:not|no|nothing|none|neither)\b|"
    r"\b(?:not|no|nothing|none|neither)\b[^.]*\b(?:collection|abstracts?|papers?|sentences?|sources?)\b",
    re.IGNORECASE,
)
_STATES = re.compile(
    r"\b(?:say|says|tell|tells|stated?|states|mention|report|discuss|cover|contain|address|give|describe|provide|speak|specif|"
    r"includ|answer|compare|explain|found|find|information)\w*\b",
    re.IGNORECASE,
)
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # scripts without spaces between words
_FEWEST_WIDE = 6
_POINTS_BACK = re.compile(
    r"\W*(?:it|its|they|their|this|these|that|the (?:method|model|approach|authors?|paper))\b", re.I
)
_FEWEST_WORDS = 4
_FENCES = ("```", "~~~", "$$")


@dataclass
class ClaimChecker:
    """Text and targets of one turn -> text, citations with their labels, and marks at claims without a source.

    `within` limits the search for a claim's source to papers with these keys, if it holds any.
    """

    references: References
    offered: Mapping[str, tuple[Paper, Sequence[Sentence]]]
    checker: SupportChecker
    within: frozenset[str] = frozenset()
    dropped: int = 0
    _claim: str = ""
    _cited: bool = False
    _targets: list[Target] = field(default_factory=list)
    _leading: list[Target] = field(default_factory=list)
    _held: str = ""
    _count: int = 0
    _begun: str = ""
    _fence: str = ""
    _new_line: bool = True
    _starts_line: bool = True
    _spaced: bool = True
    _spoken_of: frozenset[str] = frozenset()

    def may_check(self, piece: str | Target) -> bool:
        """False for a marker, and for a word in the middle of a sentence: one that no marker, no end of a sentence and
        no line break stands before."""
        if isinstance(piece, Target):
            return False
        over = self._targets or "\n" in self._held + piece.rstrip() or _END.search(self._claim)
        return bool(over) or len(piece.split()) > 1

    def feed(self, piece: str | Target) -> list[Piece]:
        """What can be let out after this piece."""
        return list(self._take(piece))

    def close(self, *, cut: bool = False, half: bool = False) -> list[Piece]:
        """What was held back, once the answer has ended; of one that was cut the last, half sentence is not judged."""
        self._end_word()
        return [*self._flush(), *(() if cut or half else self._end_claim()), *self._release()]

    def source(self, claim: str) -> Citation | None:
        """A citation of the sentence that supports a claim which cites nothing itself, if there is one."""
        found = self._supporting(plain_claim(claim))
        if found is None:
            return None
        self._count += 1
        return self._citation(*found, "supported")

    def _take(self, piece: str | Target) -> Iterator[Piece]:
        if isinstance(piece, Target):
            self._end_word()
            if not (self._claim.strip() or self._cited or self._targets):
                self._leading.append(piece)  # it stands before its claim
                return
            if not self._targets and "\n" not in self._held:
                yield from self._release()
            self._targets.append(piece)
            return
        for part in _SPLIT.split(piece):
            if part:
                yield from self._word(part)

    def _word(self, part: str) -> Iterator[Piece]:
        if self._targets:
            rest = _BETWEEN_MARKERS.sub("", part, count=1)
            self._held += part[: len(part) - len(rest)]
            if not rest:
                return
            yield from self._flush()
            part = rest
        if part.isspace():
            self._end_word()
            self._held += part  # a marker may still follow
            self._new_line = self._new_line or "\n" in part
            if self._fence == "$$" and "\n\n" in self._held:
                self._fence = ""  # it was no maths: that does not reach over a paragraph
            return
        if self._held and self._is_over(part):
            yield from self._end_claim()
        yield from self._release()
        self._claim += part
        if not self._begun:
            self._starts_line, self._new_line = self._new_line, False
        self._begun += part.strip()
        self._spaced = False
        yield part

    def _end_word(self) -> None:
        """Opens or closes a block of code or maths once a word is whole, however the stream was cut."""
        word, self._begun = self._begun, ""
        for fence in _FENCES:
            opens = fence == "$$" or (self._starts_line and word.startswith(fence))
            if (self._fence == fence or (not self._fence and opens)) and word.count(fence) % 2:
                self._fence = "" if self._fence else fence
                return

    def _is_over(self, next_word: str) -> bool:
        if "\n" in self._held:
            return True
        ended = _END.search(self._claim) and not _ABBREVIATION.search(self._claim)
        ended = ended and not _NUMBERED.match(self._claim)  # "1." before an item or within a heading ends nothing
        return bool(ended and _STARTS_NEW.match(next_word))

    def _release(self) -> Iterator[Piece]:
        if self._held:
            held, self._held = self._held, ""
            self._claim += held
            self._spaced = held[-1].isspace()
            yield held

    def _flush(self) -> Iterator[Piece]:
        """Checks the claim against the sentences it cites and lets its citations out."""
        if not self._targets:
            return
        targets, self._targets, self._leading = [*self._leading, *self._targets], [], []
        claim = plain_claim(self._claim)
        yield from self._cite(claim, self._evidence(claim, targets))
        self._cited, self._claim = True, ""
        if "\n" in self._held:
            self._cited = False
        yield from self._release()
        if _END.search(self._claim.rstrip()):
            self._cited, self._claim = False, ""

    def _end_claim(self) -> Iterator[Piece]:
        """Ends a sentence: one that cites nothing gets the source that supports it, or is marked."""
        claim, cited, is_set = plain_claim(self._claim), self._cited, self._claim.lstrip().startswith(("|", "$$", "#"))
        leading, self._leading = self._leading, []
        self._claim, self._cited = "", False
        if leading and claim and not cited:
            yield from self._cite(claim, self._evidence(claim, leading))
            return
        if cited or self._fence or is_set or not _claims_something(claim):
            return
        found = self._supporting(claim)
        self._count += 1
        if found:
            yield from self._space()
            yield self._citation(*found, "supported")
        else:
            yield Uncited(self._count)

    def _evidence(self, claim: str, targets: Sequence[Target]) -> list[Source]:
        """The cited sentences, each once; for a paper cited as a whole, the sentence that speaks to the claim."""
        found: dict[tuple[str, int], Source] = {}
        for target in targets:
            known = self.offered[target.key][1]
            place = target.sentence or 1 + next(iter(self.checker.select(claim, [s.text for s in known])), -1)
            if place:
                found[target.key, place] = (target.key, known[place - 1])
        return list(found.values())

    def _cite(self, claim: str, evidence: Sequence[Source]) -> Iterator[Piece]:
        if not evidence:
            return
        self._count += 1
        yield from self._space()
        self._spoken_of = frozenset(key for key, _ in evidence)
        label = self._label(claim, evidence) if claim else "partly"
        if label == "not found" and (other := self._supporting(claim)):
            yield self._citation(*other, "supported")
            return
        for key, sentence in evidence:
            yield self._citation(key, sentence, label)

    def _space(self) -> Iterator[Piece]:
        """A space before a citation where the writer left none."""
        if not self._spaced:
            self._spaced = True
            yield " "

    def _citation(self, key: str, sentence: Sentence, label: str) -> Citation:
        target = Target(key, self.offered[key][0], sentence.number)
        self.references, citation = number(self.references, target, sentence, label, self._count)
        return citation

    def _label(self, claim: str, evidence: Sequence[Source]) -> str:
        """What the check says; a method that only the title names is not missing from the sentence."""
        titles = dict.fromkeys(self.offered[key][0].display_title for key, _ in evidence)
        return str(self.checker.check(claim, [sentence.text for _, sentence in evidence], " ".join(titles)).label)

    def _supporting(self, claim: str) -> Source | None:
        """The offered sentence that ranks first for a claim, if it supports it.

        A claim that names nothing itself ("It is fast.") speaks of the papers cited last; only those are searched.
        """
        points_back = _POINTS_BACK.match(claim) and not names(claim)
        keys = self.within or (points_back and self._spoken_of) or self.offered.keys()
        everything = [(key, sentence) for key in self.offered if key in keys for sentence in self.offered[key][1]]
        if not claim or not everything:
            return None
        scores = self.checker.rank(claim, [sentence.text for _, sentence in everything])
        best = everything[max(range(len(scores)), key=scores.__getitem__)]
        return best if self._label(claim, [best]) == "supported" else None


def _claims_something(claim: str) -> bool:
    """Whether a sentence says something that a paper would have to hold."""
    figures = any(letter.isdigit() for letter in claim)
    if _ABOUT_COLLECTION.search(claim) and _STATES.search(claim) and not figures:
        return False
    if claim.endswith("?") or (claim.endswith(":") and not figures):
        return False
    return figures or len(claim.split()) >= _FEWEST_WORDS or len(_WIDE.findall(claim)) >= _FEWEST_WIDE
