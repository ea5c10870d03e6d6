"""From markers in a text to citations that cannot dangle.

A writer marks a claim with the opaque key of a paper and the number of a sentence: `[P7.3]`. This module finds such
markers in a stream, however it is cut, resolves those that were offered, drops and counts the others, and gives each
paper the number that readers see. Everything here is pure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from index_store import Paper, Sentence, sentences


@dataclass(frozen=True, slots=True)
class Citation:
    """One sentence of one paper, under the paper's number in the conversation.

    `paper.abstract[start:end] == quote`. `support` is `verbatim` where the answer is the sentence itself, otherwise
    what the support check found.
    """

    number: int
    key: str
    paper: Paper
    sentence: int
    start: int
    end: int
    quote: str
    support: str


Piece = str | Citation
"""A stretch of an answer: Markdown without markers, or a citation at its place."""


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
class Marker:
    """A marker as written: pairs of paper key and sentence number, with None for the paper as a whole."""

    targets: tuple[tuple[str, int | None], ...]


# What models write: [P7.3], [P7.3, P9.1], [P7.3-5], [P7], (P7.3), full-width brackets, back-ticks around any of them.
_TARGET = r"P\d{1,6}(?:\.\d{1,4}(?:\s?[-–]\s?\d{1,4})?)?"
_MARKER = re.compile(rf"[\[(【［（]\s?{_TARGET}(?:\s?[,;，、]\s?{_TARGET})*\s?[\])】］）]")
_MARKER_BEGUN = re.compile(r"[\[(【［（]\s?(P[\sP\d.,;，、–-]*)?")
_ONE = re.compile(r"P(\d{1,6})(?:\.(\d{1,4})(?:\s?[-–]\s?(\d{1,4}))?)?")
_PLAIN = re.compile(r"[^`\[(【［（\\$~]+")
_PLAIN_IN_FENCE = re.compile(r"[^`$~]+")
_FENCES = ("```", "~~~", "$$")
_LONGEST_MARKER = 120  # a longer bracket is text
_LONGEST_RANGE = 8  # [P7.1-200] is not evidence


class MarkerParser:
    """Cuts a stream into text and markers; the result does not depend on where the chunks were cut.

    Fenced code and `$$` maths are text throughout, and so is a bracket behind a backslash.
    """

    def __init__(self) -> None:
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
        for fence in _FENCES:
            if self._fence not in ("", fence) or (fence != "$$" and not self._fence and self._before != "\n"):
                continue
            if held.startswith(fence):
                self._fence = "" if self._fence else fence
                return fence, len(fence)
            if not final and fence.startswith(held):
                return None
        if plain := (_PLAIN_IN_FENCE if self._fence else _PLAIN).match(held):
            return plain[0], plain.end()
        if self._fence or held[0] in "$~":
            return held[0], 1
        if held[0] == "\\":
            return (held[:2], min(2, len(held))) if len(held) > 1 or final else None
        return _back_tick(held, final) if held[0] == "`" else _bracket(held, final)


def _bracket(held: str, final: bool) -> tuple[str | Marker, int] | None:
    if found := _MARKER.match(held):
        return Marker(tuple(_targets(found[0]))), found.end()
    begun = len(held) < _LONGEST_MARKER and _MARKER_BEGUN.fullmatch(held)
    return None if begun and not final else (held[0], 1)


def _back_tick(held: str, final: bool) -> tuple[str | Marker, int] | None:
    """A marker between back-ticks is a marker; any other back-tick is text."""
    inner = held[1:]
    if found := _MARKER.match(inner):
        if inner[found.end() :].startswith("`"):
            return Marker(tuple(_targets(found[0]))), found.end() + 2
        undecided = found.end() == len(inner)
    else:
        undecided = len(inner) < _LONGEST_MARKER and (not inner or _MARKER_BEGUN.fullmatch(inner) is not None)
    return None if undecided and not final else ("`", 1)


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
class CitationStream:
    """Markers of one turn -> citations, while the text streams. `allowed` holds the ids that may be cited."""

    references: References
    allowed: frozenset[str]
    support: str = "verbatim"
    dropped: int = 0
    _parser: MarkerParser = field(default_factory=MarkerParser)
    _sentences: dict[str, tuple[Sentence, ...]] = field(default_factory=dict)

    def feed(self, chunk: str) -> list[Piece]:
        """The pieces that are certain after this chunk of the writer's text."""
        return list(self._resolve(self._parser.feed(chunk)))

    def close(self) -> list[Piece]:
        """The last pieces, once the writer has ended."""
        return list(self._resolve(self._parser.close()))

    def _resolve(self, pieces: Iterable[str | Marker]) -> Iterator[Piece]:
        for piece in pieces:
            if isinstance(piece, str):
                yield piece
                continue
            for key, number in piece.targets:
                citation = self._citation(key, number)
                if citation is None:
                    self.dropped += 1
                else:
                    yield citation

    def _citation(self, key: str, number: int | None) -> Citation | None:
        paper = self.references.paper(key)
        if paper is None or paper.id not in self.allowed:
            return None
        known = self._sentences.setdefault(paper.id, sentences(paper.abstract))
        sentence = known[number - 1] if number and 1 <= number <= len(known) else None
        if sentence is None:
            return None
        self.references, shown = self.references.cite(paper.id)
        return Citation(shown, key, paper, sentence.number, sentence.start, sentence.end, sentence.text, self.support)


def markdown(pieces: Iterable[Piece]) -> str:
    """An answer as readers see it, with `[n]` for each citation."""
    return "".join(piece if isinstance(piece, str) else f"[{piece.number}]" for piece in pieces)


def stored(pieces: Iterable[Piece]) -> str:
    """An answer as a model sees it in its history, with `[P7.3]` for each citation."""
    return "".join(piece if isinstance(piece, str) else f"[{piece.key}.{piece.sentence}]" for piece in pieces)


def quoted(pieces: Iterable[Piece]) -> tuple[Citation, ...]:
    """The citations of an answer in order, each sentence once."""
    found: Mapping[tuple[int, int], Citation] = {
        (piece.number, piece.sentence): piece for piece in pieces if isinstance(piece, Citation)
    }
    return tuple(found.values())


_MARKDOWN_SYNTAX = re.compile(r"([\\`*_\[\]<>#|~&!$])")


def escape_markdown(text: str) -> str:
    """Text that Markdown shows letter by letter: its brackets, stars and tags are data, never syntax or markers."""
    return _MARKDOWN_SYNTAX.sub(r"\\\1", text)
