"""The table that a model writes: our head, its cells, each checked against the papers of its own column.

A cell that cites nothing gets the sentence of its column that supports it, or says "not stated"; a citation of another
column's paper is dropped. What a model leaves out of a side that has papers is filled with their own words.
"""

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field

from .cells import Row
from .citations import Citation, Piece, References, Target, Uncited, escape_markdown, number
from .claims import ClaimChecker
from .tables import NOT_STATED

_EMPTY = re.compile(
    r"^[\W_]*(?:not (?:stated|given|mentioned|specified|reported|available|applicable)|n/?a|none|unknown|"
    r"nothing(?: found)?)?[\W_]*$",
    re.IGNORECASE,
)
_BREAK = re.compile(r"\s*<br\s*/?>\s*", re.IGNORECASE)
_BAR = re.compile(r"((?<!\\)\|)")
_RULE = re.compile(r"^[\s:=-]*-{2,}[\s:=-]*$")
_ROW_TITLE = re.compile(r"[*_`|\[\]<>#]")
_LONGEST_TITLE = 60
_OWN_WORDS = "In its own words"

Content = list[str | Target]


@dataclass
class TableChecker:
    """Text and targets of a comparison -> pieces. `columns` holds the ids of the papers of each side, none if absent.

    `own_words` gives the table in quotations; `opening` stands before all that the model writes.
    """

    checker: ClaimChecker
    head: str
    columns: Sequence[Set[str]]
    own_words: Callable[[], list[Row]]
    opening: Sequence[str] = ()
    dropped: int = 0
    _line: Content = field(default_factory=list)
    _in_row: bool = False
    _at_start: bool = True
    _begun: bool = False
    _table: str = "none"  # then "head", "open", "closed"
    _cited: set[int] = field(default_factory=set)

    @property
    def references(self) -> References:
        """The numbers given so far."""
        return self.checker.references

    def feed(self, piece: str | Target) -> list[Piece]:
        """What can be let out after this piece; a row of the table once its line is whole."""
        out: list[Piece] = [] if self._begun else list(self.opening)
        self._begun = True
        if isinstance(piece, Target):
            if self._in_row:
                self._line.append(piece)
                return out
            self._at_start = False
            return [*out, *self.checker.feed(piece)]
        for part in re.split(r"(\n)", piece):
            if part:
                out += self._text(part)
        return out

    def close(self, *, cut: bool = False) -> list[Piece]:
        """The rest; a side that was left out is filled, unless the answer was cut."""
        out: list[Piece] = [] if self._begun else list(self.opening)
        self._begun = True
        if self._in_row:
            out += self._row(cut=cut)
        if self._table == "open":
            out += self._end_table(cut=cut)
        out += self.checker.close(cut=cut)
        if self._table in ("none", "head") and not cut:
            out += ["\n\n", self.head, *self._quoted(range(len(self.columns)))]
        return out

    def _text(self, part: str) -> list[Piece]:
        if part == "\n":
            if self._in_row:
                return self._row(cut=False)
            self._at_start = True
            return self.checker.feed(part)
        if self._in_row:
            self._line.append(part)
            return []
        if self._at_start and part.lstrip().startswith("|"):
            self._in_row = True
            self._line = [part.lstrip()]
            return self.checker.close()
        if self._at_start and not part.strip():
            return self.checker.feed(part)
        out = self._end_table(cut=False) if self._table == "open" else []
        self._at_start = False
        return [*out, *self.checker.feed(part)]

    def _row(self, *, cut: bool) -> list[Piece]:
        """The line that was held back, as a row: the model's own head and rules are passed over."""
        cells = _cells(self._line, whole=not cut)
        self._line, self._in_row, self._at_start = [], False, True
        if not cells or all(_RULE.match(_plain(cell)) for cell in cells if _plain(cell).strip()):
            return []
        if self._table == "none":
            self._table = "head"
            return []
        out: list[Piece] = [self.head] if self._table == "head" else []
        self._table = "open"
        title = _ROW_TITLE.sub("", _plain(cells[0])).strip()[:_LONGEST_TITLE]
        out.append(f"| **{escape_markdown(title)}** |")
        for place, column in enumerate(self.columns):
            out.append(" ")
            out += self._cell(cells[place + 1] if place + 1 < len(cells) else [], place, column)
            out.append(" |")
        out.append("\n")
        return out

    def _cell(self, content: Content, place: int, column: Set[str]) -> list[Piece]:
        """One cell, its citations checked; "not stated" if it has none in the end."""
        text = _plain(content)
        kept = [part for part in content if isinstance(part, str) or part.paper.id in column]
        self.dropped += len(content) - len(kept)
        if not column or _EMPTY.match(text):
            return [NOT_STATED]
        self.checker.within = frozenset(key for key, (paper, _) in self.checker.offered.items() if paper.id in column)
        found: list[Piece] = []
        for part in kept:
            found += self.checker.feed(_BREAK.sub(" ", part) if isinstance(part, str) else part)
        found += self.checker.close()
        if not any(isinstance(piece, Citation) for piece in found):
            source = self.checker.source(text)
            found = [*(piece for piece in found if not isinstance(piece, Uncited)), " ", source] if source else []
        self.checker.within = frozenset()
        if not found:
            self.dropped += 1
            return [NOT_STATED]
        self._cited.add(place)
        return _trimmed(found)

    def _end_table(self, *, cut: bool) -> list[Piece]:
        self._table = "closed"
        left = [place for place, column in enumerate(self.columns) if column and place not in self._cited]
        return [] if cut or not left else self._quoted(left, row=_OWN_WORDS)

    def _quoted(self, places: Sequence[int], row: str = "") -> list[Piece]:
        """Rows of quotations for some columns: all of them, or one row under a title of its own."""
        rows = self.own_words()
        if row:
            cells = tuple(
                next((found.cells[place][:1] for found in rows if found.cells[place]), ()) if place in places else ()
                for place in range(len(self.columns))
            )
            rows = [Row(row, cells)]
        out: list[Piece] = []
        for found in rows:
            out.append(f"| **{escape_markdown(found.title[:1].upper() + found.title[1:])}** |")
            for cell in found.cells:
                out.append(" ")
                for source in cell:
                    key = self.checker.references.key(source.paper.id)
                    target = Target(key, source.paper, source.sentence.number)
                    self.checker.references, citation = number(
                        self.checker.references, target, source.sentence, "verbatim"
                    )
                    out += [f"{escape_markdown(source.sentence.text)} ", citation, " "]
                out.append("|" if cell else f"{NOT_STATED} |")
            out.append("\n")
        return [*out, "\n"]


def _cells(line: Sequence[str | Target], *, whole: bool) -> list[Content]:
    """A line cut at its bars; of one that was cut off, the cells that were finished."""
    cells: list[Content] = [[]]
    for part in line:
        if isinstance(part, Target):
            cells[-1].append(part)
            continue
        for piece in _BAR.split(part):
            if piece == "|":
                cells.append([])
            elif piece:
                cells[-1].append(piece)
    inner = cells[1:]
    if inner and (not whole or not _plain(inner[-1]).strip()):
        inner.pop()
    return inner


def _plain(cell: Sequence[str | Target]) -> str:
    return "".join(part for part in cell if isinstance(part, str)).strip()


def _trimmed(pieces: Sequence[Piece]) -> list[Piece]:
    """Without white space at the ends, and on one line."""
    found = [piece.replace("\n", " ") if isinstance(piece, str) else piece for piece in pieces]
    while found and isinstance(first := found[0], str) and not first.strip():
        found.pop(0)
    while found and isinstance(last := found[-1], str) and not last.strip():
        found.pop()
    return found
