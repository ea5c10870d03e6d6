"""The tables of an answer: read back from its pieces, and written as CSV."""

import csv
import html
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .citations import Citation, Piece

NOT_STATED = "not stated"
_ESCAPED = re.compile(r"\\([\\`*_\[\]<>#|~&!$()+.=-])")
_ENTITY = re.compile(r"(?<!\\)&#\d{1,7};")
_RULE = re.compile(r"^\|[\s:|-]*-[\s:|-]*$")
_BAR = re.compile(r"(?<!\\)\|")
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# A citation travels through the text of its line as a private-use character, which no text keeps.
_MARK = "\ue000"


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell without Markdown, and the numbers of the papers it cites."""

    text: str
    citations: tuple[int, ...] = ()


def tables(pieces: Iterable[Piece]) -> list[list[list[Cell]]]:
    """The tables of an answer, each as rows of cells, the head first; rows may differ in length."""
    text, numbers = "", list[int]()
    for piece in pieces:
        if isinstance(piece, str):
            text += piece.replace(_MARK, "")
        elif isinstance(piece, Citation):
            text += _MARK
            numbers.append(piece.number)
    found: list[list[list[Cell]]] = []
    height, place = 0, 0
    for line in text.split("\n"):
        here = numbers[place : place + line.count(_MARK)]
        place += len(here)
        height = height + 1 if line.startswith("|") else 0
        if height == 1:
            found.append([])
        if height and not (height == 2 and _RULE.match(line)):
            found[-1].append(_cells(line, here))
    return [table for table in found if len(table) > 1]


def _cells(line: str, numbers: Sequence[int]) -> list[Cell]:
    cells, place, parts = [], 0, _BAR.split(line.strip())
    for part in parts[1:] if parts[-1] else parts[1:-1]:  # the last bar may be missing
        count = part.count(_MARK)
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), part.replace(_MARK, ""))
        text = " ".join(_ESCAPED.sub(r"\1", re.sub(r"(?<!\\)\*\*", "", text)).split())
        cells.append(Cell(text, tuple(numbers[place : place + count])))
        place += count
    return cells


def to_csv(table: Sequence[Sequence[Cell]]) -> str:
    """A table as CSV (RFC 4180), with `[n]` behind the text of a cell for each paper it cites.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    for row in table:
        writer.writerow([_csv_cell(cell) for cell in row])
    return out.getvalue()


def _csv_cell(cell: Cell) -> str:
    text = cell.text + "".join(f" [{number}]" for number in dict.fromkeys(cell.citations))
    return f"'{text}" if text.startswith(_STARTS_FORMULA) else text
