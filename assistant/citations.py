"""From markers in a text to citations that cannot dangle.

A writer marks a claim with the opaque key of a paper and the number of a sentence: `[P7.3]`. This module finds such
markers in a stream, however it is cut, resolves those that were offered, drops and counts the others, and gives each
paper the number that readers see. Everything here is pure.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from index_store import Paper, Sentence, as_text, sentences


@dataclass(frozen=True, slots=True)
class Citation:
    """One sentence of one paper, under the paper's number in the conversation.

    `paper.abstract[start:end] == quote`. `support` is `verbatim` where the answer is the sentence itself, otherwise
    what the support check found. `claim` counts the answer's claims from 1; it is 0 in quotations.
    """

    number: int
    key: str
    paper: Paper
    sentence: int
    start: int
    end: int
    quote: str
    support: str
    claim: int = 0


@dataclass(frozen=True, slots=True)
class Uncited:
    """Stands behind a claim that no offered sentence supports and that cites none. Claims count from 1."""

    claim: int


Piece = str | Citation | Uncited
"""A stretch of an answer: Markdown without markers, a citation at its place, or the mark of a claim without one."""


@dataclass(frozen=True, slots=True)
class References:
    """What a conversation may cite: papers in the order they were offered and in the order they were cited.

    The key of a paper is `P` and its place among `offered`, its number is its place among `cited`; both count from 1
    and neither ever changes. `reserved` numbers belong to an earlier history whose papers are not known.
    """

    offered: tuple[Paper, ...] = ()
    cited: tuple[str, ...] = ()
    reserved: int = 0

    def offer(self, papers: Iterable[Paper]) -> "References":
        """With the papers that were not offered before added; a known paper keeps its key and gets its new text."""
        current = {paper.id: paper for paper in self.offered}
        current.update((paper.id, paper) for paper in papers)
        return replace(self, offered=tuple(current.values()))

    def key(self, paper_id: str) -> str:
        """The key of an offered paper. Raises `KeyError` for any other."""
        for place, paper in enumerate(self.offered, start=1):
            if paper.id == paper_id:
                return f"P{place}"
        raise KeyError(paper_id)

    def cite(self, paper_id: str) -> tuple["References", int]:
        """The number of a paper, given now if it has none."""
        if paper_id in self.cited:
            return self, self.reserved + self.cited.index(paper_id) + 1
        return replace(self, cited=(*self.cited, paper_id)), self.reserved + len(self.cited) + 1

    def paper(self, key: str) -> Paper | None:
        """The paper behind a key such as `P7`, or None."""
        place = int(key.removeprefix("P"))
        return self.offered[place - 1] if 1 <= place <= len(self.offered) else None


@dataclass(frozen=True, slots=True)
class Target:
    """A marker's aim that was offered: a sentence of a paper by its number, or with None the paper as a whole."""

    key: str
    paper: Paper
    sentence: int | None


def number(
    references: References, target: Target, sentence: Sentence, support: str, claim: int = 0
) -> tuple[References, Citation]:
    """The citation of a sentence, under the number that its paper has or now gets."""
    references, shown = references.cite(target.paper.id)
    place = (sentence.number, sentence.start, sentence.end, sentence.text)
    return references, Citation(shown, target.key, target.paper, *place, support, claim)


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker as written: pairs of paper key and sentence number, with None for the paper as a whole.

    Without targets it is a number in brackets, which only we may write; `shown` is what stands there instead.
    """

    targets: tuple[tuple[str, int | None], ...]
    shown: str = ""


# What models write: [P7.3], [P7.3, P9.1], [P7.3 and P9.1], [P7.3-5], [P7], (P7.3), full-width brackets, back-ticks.
_TARGET = r"P\d{1,6}(?:\.\d{1,4}(?:\s?[-–]\s?(?:P\d{1,6}\.)?\d{1,4})?)?"
_MARKER = re.compile(rf"[\[(【［（]\s?{_TARGET}(?:\s?(?:[,;，、&]|and|\s)\s?{_TARGET})*\s?[\])】］）]")
_MARKER_BEGUN = re.compile(r"[\[(【［（]\s?([P\d][\sP\d.,;，、&and–-]*)?")
# [3] or [1, 2]: a number that a model made up, or copied from an abstract; as it stands it would pass for a citation.
_INVENTED = re.compile(r"\[[1-9]\d?(?:\s?[,;–-]\s?[1-9]\d?)*\]")
_ONE = re.compile(r"P(\d{1,6})(?:\.(\d{1,4})(?:\s?[-–]\s?(?:P\d{1,6}\.)?(\d{1,4}))?)?")
_PLAIN = re.compile(r"[^`\[(【［（\\$~]+")
_PLAIN_IN_FENCE = re.compile(r"[^`~]+")
_FENCES = ("```", "~~~")
# Stretches in which brackets are not ours: what opens them, what closes them, and how far they may reach.
_SPANS = (("$$", "$$", 1000), ("\\(", "\\)", 200), ("\\[", "\\]", 200), ("$", "$", 120), ("`", "`", 120))
_LONGEST_MARKER = 120  # a longer bracket is text
_LONGEST_RANGE = 8  # [P7.1-200] is not evidence


class MarkerParser:
    """Cuts a stream into text and markers; the result does not depend on where the chunks were cut.

    Code and maths are text throughout, and so is a bracket behind a backslash.
    """

    def __init__(self, *, fences: bool = True) -> None:
        """Without `fences`, lines of three back-ticks open no block of code."""
        self._fences = _FENCES if fences else ()
        self._held = ""
        self._fence = ""
        self._before = "\n"

    def feed(self, chunk: str) -> list[str | Marker]:
        """The pieces that are certain after this chunk."""
        self._held += chunk
        return self._take(final=False)

    def close(self) -> list[str | Marker]:
        """What was held back, once the stream has ended."""
        return self._take(final=True)

    def _take(self, *, final: bool) -> list[str | Marker]:
        pieces: list[str | Marker] = []
        while self._held and (step := self._step(final)):
            piece, length = step
            if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
                pieces[-1] += piece
            else:
                pieces.append(piece)
            self._before = self._held[length - 1]
            self._held = self._held[length:]
        return pieces

    def _step(self, final: bool) -> tuple[str | Marker, int] | None:
        """The next piece and how many characters it takes, or None if more text is needed to tell."""
        held = self._held
        for fence in self._fences:
            if self._fence not in ("", fence) or (not self._fence and self._before != "\n"):
                continue
            if held.startswith(fence):
                self._fence = "" if self._fence else fence
                return fence, len(fence)
            if not final and fence.startswith(held):
                return None
        if plain := (_PLAIN_IN_FENCE if self._fence else _PLAIN).match(held):
            return plain[0], plain.end()
        if self._fence or held[0] == "~":
            return held[0], 1
        if held[0] in "$\\`":
            return _span(held, final)
        return _bracket(held, final)


def _span(held: str, final: bool) -> tuple[str | Marker, int] | None:
    """Maths or code as one piece of text; a marker between back-ticks is a marker; anything else one character."""
    if len(held) == 1 and not final:
        return None
    for opens, closes, longest in _SPANS:
        if not held.startswith(opens):
            continue
        end = held.find(closes, len(opens), longest)
        inner = held[len(opens) : end if end >= 0 else longest]
        broken = opens != "$$" and "\n" in inner
        if end < 0 and not broken and len(held) < longest and not final:
            return None
        if end < 0 or broken or not inner:
            continue
        whole = held[: end + len(closes)]
        if opens == "`" and (found := _MARKER.fullmatch(inner)):
            return Marker(tuple(_targets(found[0]))), len(whole)
        # "$5 [P1.2] and $10" is not maths: maths has no space inside its signs, and no marker.
        prices = opens == "$" and (inner != inner.strip() or _MARKER.search(inner))
        if not prices:
            return whole, len(whole)
    length = 2 if held[0] == "\\" and len(held) > 1 else 1
    return held[:length], length


def _bracket(held: str, final: bool) -> tuple[str | Marker, int] | None:
    if found := _MARKER.match(held[:_LONGEST_MARKER]):
        return Marker(tuple(_targets(found[0]))), found.end()
    if (found := _INVENTED.match(held[:_LONGEST_MARKER])) and held[found.end() : found.end() + 1] != "(":
        shown = found[0].replace("[", "\\[").replace("]", "\\]")
        return (Marker((), shown), found.end()) if final or found.end() < len(held) else None
    begun = len(held) < _LONGEST_MARKER and _MARKER_BEGUN.fullmatch(held)
    return None if begun and not final else (held[0], 1)


def _targets(marker: str) -> Iterator[tuple[str, int | None]]:
    for paper, first, last in _ONE.findall(marker):
        key = f"P{int(paper)}"
        if not first:
            yield key, None
            continue
        start, end = int(first), int(last or first)
        for number in range(start, min(max(start, end), start + _LONGEST_RANGE - 1) + 1):
            yield key, number


@dataclass
class TargetStream:
    """Markers of one turn -> targets that were offered, while the text streams; others are dropped and counted.

    `allowed` holds the ids of the papers that may be cited. Without `fences`, markers count in blocks of code too.
    """

    references: References
    allowed: frozenset[str]
    fences: bool = True
    dropped: int = 0
    _parser: MarkerParser = field(init=False)
    _lengths: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._parser = MarkerParser(fences=self.fences)

    def feed(self, chunk: str) -> list[str | Target]:
        """The pieces that are certain after this chunk of the writer's text."""
        return list(self._resolve(self._parser.feed(chunk)))

    def close(self) -> list[str | Target]:
        """The last pieces, once the writer has ended."""
        return list(self._resolve(self._parser.close()))

    def _resolve(self, pieces: Iterable[str | Marker]) -> Iterator[str | Target]:
        for piece in pieces:
            if isinstance(piece, str):
                yield piece
                continue
            if not piece.targets:
                self.dropped += 1
                yield piece.shown
            for key, sentence in piece.targets:
                paper = self.references.paper(key)
                if paper and paper.id in self.allowed and self._has(paper, sentence):
                    yield Target(key, paper, sentence)
                else:
                    self.dropped += 1

    def _has(self, paper: Paper, sentence: int | None) -> bool:
        if paper.id not in self._lengths:
            self._lengths[paper.id] = len(sentences(paper.abstract))
        return sentence is None or 1 <= sentence <= self._lengths[paper.id]


@dataclass
class CitationStream:
    """The citations of an answer that is made of quotations: every marker stands behind its own sentence."""

    references: References
    allowed: frozenset[str]
    dropped: int = 0
    _targets: TargetStream = field(init=False)

    def __post_init__(self) -> None:
        self._targets = TargetStream(self.references, self.allowed)

    def feed(self, chunk: str) -> list[Piece]:
        """The pieces that are certain after this chunk of the writer's text."""
        return list(self._cite(self._targets.feed(chunk)))

    def close(self) -> list[Piece]:
        """The last pieces, once the writer has ended."""
        return list(self._cite(self._targets.close()))

    def _cite(self, pieces: Iterable[str | Target]) -> Iterator[Piece]:
        for piece in pieces:
            if isinstance(piece, str):
                yield piece
            elif piece.sentence is None:
                self.dropped += 1
            else:
                sentence = sentences(piece.paper.abstract)[piece.sentence - 1]
                self.references, citation = number(self.references, piece, sentence, "verbatim")
                yield citation
        self.dropped += self._targets.dropped
        self._targets.dropped = 0


def markdown(pieces: Iterable[Piece]) -> str:
    """An answer as readers see it, with `[n]` for each citation."""
    return "".join(
        piece if isinstance(piece, str) else f"[{piece.number}]" if isinstance(piece, Citation) else ""
        for piece in pieces
    )


def stored(pieces: Iterable[Piece]) -> str:
    """An answer as a model sees it in its history, with `[P7.3]` for each citation."""
    return "".join(
        piece if isinstance(piece, str) else f"[{piece.key}.{piece.sentence}]" if isinstance(piece, Citation) else ""
        for piece in pieces
    )


_WORSE = ("verbatim", "supported", "partly", "not found")


def quoted(pieces: Iterable[Piece]) -> tuple[Citation, ...]:
    """The citations of an answer in order, each sentence once, with the worst of the labels that it has there."""
    found: dict[tuple[int, int], Citation] = {}
    for piece in pieces:
        if isinstance(piece, Citation):
            known = found.setdefault((piece.number, piece.sentence), piece)
            if _WORSE.index(piece.support) > _WORSE.index(known.support):
                found[piece.number, piece.sentence] = piece
    return tuple(found.values())


_MARKDOWN_SYNTAX = re.compile(r"([\\`*_\[\]<>#|~&!$]|\((?=\s?P\d))")
_LIST_BEGUN = re.compile(r"^(\d*)(?=[-+=.)])", re.MULTILINE)
_WIDE_BRACKET = re.compile(r"[【［（](?=\s?P\d)")  # a backslash would not escape these


def escape_markdown(text: str) -> str:
    """Text that Markdown shows letter by letter: its brackets, stars and tags are data, never syntax or markers."""
    text = _LIST_BEGUN.sub(r"\1\\", _MARKDOWN_SYNTAX.sub(r"\\\1", text))
    return _WIDE_BRACKET.sub(lambda bracket: f"&#{ord(bracket[0])};", text)


def neutralise(text: str) -> str:
    """Text of others in which nothing is a marker: a bracket around a paper key loses its letter."""
    return _MARKER.sub(lambda found: found[0].replace("P", "p"), text)


def tally(pieces: Iterable[Piece]) -> dict[str, int]:
    """How many claims have which label; a claim without a source is `not found`. Quotations make no claims."""
    labels: dict[int, str] = {}
    for piece in pieces:
        if isinstance(piece, Uncited):
            labels[piece.claim] = "not found"
        elif isinstance(piece, Citation) and piece.claim:
            labels[piece.claim] = piece.support
    found = list(labels.values())
    return {label: found.count(label) for label in ("supported", "partly", "not found")} if found else {}


def bibtex(paper: Paper) -> str:
    """A paper as an entry of a BibTeX file."""
    return as_text(paper, "bibtex")
