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
_RULE = re.compile(r"^[\s:=-]*$")
_ROW_TITLE = re.compile(r"[*_`|\[\]<>#]")
_LONGEST_TITLE = 60
_FENCE = "```"
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
    _skips: bool = False
    _at_start: bool = True
    _lead: str = ""  # white space since the last line that was not blank
    _after_text: bool = False
    _begun: bool = False
    _table: str = ""  # then "head", "open", and "" again
    _shown: bool = False
    _cited: set[int] = field(default_factory=set)

    @property
    def references(self) -> References:
        """The numbers given so far."""
        return self.checker.references

    def may_check(self, piece: str | Target) -> bool:
        """In a row, whether its line ends; elsewhere also whether a table may begin or end."""
        if self._in_row:
            return isinstance(piece, str) and "\n" in piece
        begins = isinstance(piece, str) and "|" in piece
        return begins or self._table == "open" or self.checker.may_check(piece)

    def feed(self, piece: str | Target) -> list[Piece]:
        """What can be let out after this piece; a row of the table once its line is whole."""
        out: list[Piece] = [] if self._begun else list(self.opening)
        self._begun = True
        if isinstance(piece, Target):
            if self._in_row:
                self._line.append(piece)
                return out
            return [*out, *self._start_text(), *self.checker.feed(piece)]
        for part in re.split(r"(\n)", piece):
            if part:
                out += self._text(part)
        return out

    def close(self, *, cut: bool = False, half: bool = False) -> list[Piece]:
        """The rest; a side that was left out is filled, unless the answer was cut. A half row is left out."""
        out: list[Piece] = [] if self._begun else list(self.opening)
        self._begun = True
        if self._in_row and not half:
            out += self._row(cut=cut)
        out += self._end_table(cut=cut) if self._table == "open" else self.checker.feed(self._lead)
        out += self.checker.close(cut=cut, half=half)
        if not self._shown and not cut:
            out += ["\n\n", self.head, *self._quoted(self.own_words())]
        return out

    def _text(self, part: str) -> list[Piece]:
        if self._in_row:
            if part == "\n":
                return self._row(cut=False)
            # A bar behind a backslash must be seen as one, however the stream was cut.
            if isinstance(last := self._line[-1], str):
                self._line[-1] = last + part
            else:
                self._line.append(part)
            return []
        if self._skips:  # the rest of a line that would open or close a block of code
            self._skips, self._lead = part != "\n", ""
            return []
        if self._at_start and part != "\n" and (begun := (self._lead + part).strip()):
            if begun.startswith(_FENCE):
                self._skips, self._lead = True, ""
                return []
            if _FENCE.startswith(begun):
                self._lead += part
                return []
        if not self._at_start and part == "\n":
            self._at_start = True
            return self.checker.feed(part)
        if self._at_start and not part.strip():
            self._lead += part
            return []
        if self._at_start and part.lstrip().startswith("|"):
            lead, self._lead = self._lead.rstrip(" \t"), ""  # an indented table would be code
            self._in_row, self._line = True, [part.lstrip()]
            if self._table == "open":
                return []  # a blank line would end the table
            gap = "\n" if self._after_text and not lead else lead
            self._after_text = False
            return [*self.checker.feed(gap), *self.checker.close()]
        return [*self._start_text(), *self.checker.feed(part)]

    def _start_text(self) -> list[Piece]:
        """Lets out the white space at the start of a line that is no row; a table ends there."""
        lead, self._lead, self._at_start, self._after_text = self._lead, "", False, True
        return self._end_table(cut=False) if self._table == "open" else self.checker.feed(lead)

    def _row(self, *, cut: bool) -> list[Piece]:
        """The line that was held back, as a row: the model's own head and rules are passed over."""
        cells = _cells(self._line, whole=not cut)
        self._line, self._in_row, self._at_start = [], False, True
        if all(_RULE.match(_plain(cell)) for cell in cells) or (cut and len(cells) < 2):
            return []
        if not self._table:
            self._table = "head"
            return []
        out: list[Piece] = [self.head] if self._table == "head" else []
        self._table, self._shown = "open", True
        out.append(_titled(_ROW_TITLE.sub("", _plain(cells[0])).strip()[:_LONGEST_TITLE]))
        for place, column in enumerate(self.columns):
            out.append(" ")
            if place + 1 < len(cells):
                out += self._cell(cells[place + 1], place, column)
            elif not cut:  # what a stopped answer had not reached yet may well be stated
                out.append(NOT_STATED)
            out.append(" |")
        self.dropped += sum(isinstance(part, Target) for cell in _beyond(cells, len(self.columns)) for part in cell)
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
        """A blank line; before it a row for the columns that the model left out."""
        self._table = ""
        left = [place for place, column in enumerate(self.columns) if column and place not in self._cited]
        self._cited.update(left)
        rows = self.own_words() if left and not cut else []
        first = [
            next((row.cells[place][:1] for row in rows if row.cells[place]), ()) for place in range(len(self.columns))
        ]
        own = Row(_OWN_WORDS, tuple(cell if place in left else () for place, cell in enumerate(first)))
        return self._quoted([own] if own.filled else [])

    def _quoted(self, rows: Sequence[Row]) -> list[Piece]:
        """Rows of quotations, and a blank line."""
        out: list[Piece] = []
        for row in rows:
            out.append(_titled(row.title[:1].upper() + row.title[1:]))
            for cell in row.cells:
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


def _titled(title: str) -> str:
    """The first cell of a row."""
    return f"| **{escape_markdown(title)}** |" if title else "| |"


def _beyond(cells: Sequence[Content], columns: int) -> Sequence[Content]:
    """The cells whose citations belong to no column: the title and what is too many."""
    return [*cells[:1], *cells[columns + 1 :]]


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
