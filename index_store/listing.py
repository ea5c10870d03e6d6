"""Which papers a list shows, and in which order: conditions for the catalogue's database."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, literal_column, select

from .papers import Paper, fold
from .rows import State
from .schema import CollectedRow, PaperRow, RecordRow


class Order(StrEnum):
    """What a list is ordered by; `ADDED` is the order in which the papers came."""

    ADDED = "added"
    TITLE = "title"
    AUTHOR = "author"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Selection:
    """A paper is selected if it meets every condition that is set; one whose year is not known meets no bound.

    `text` is one or more words or parts of words, without regard to case and accents, each of which stands in the
    title, the authors, the venue or an identifier. `source` and `collection` are names.
    """

    text: str = ""
    from_year: int | None = None
    to_year: int | None = None
    source: str = ""
    collection: str = ""
    without_abstract: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list, and how many papers the whole list has."""

    papers: tuple[Paper, ...]
    total: int


def chosen(selection: Selection) -> list[ColumnElement[bool]]:
    """The conditions of a selection."""
    # By the index on the state, which has the order of adding: the last page needs no row of the others.
    found: list[ColumnElement[bool]] = [PaperRow.state.in_([State.PENDING, State.INDEXED])]
    words = fold(selection.text).replace("\0", " ").split()  # PostgreSQL takes no null character
    found += [PaperRow.listed.contains(word, autoescape=True) for word in words]
    if selection.from_year is not None:
        found.append(PaperRow.year >= selection.from_year)
    if selection.to_year is not None:
        found.append(PaperRow.year <= selection.to_year)
    if selection.source:
        found.append(PaperRow.position.in_(select(RecordRow.position).where(RecordRow.source == selection.source)))
    if selection.collection:
        members = select(CollectedRow.position).where(CollectedRow.name == selection.collection)
        found.append(PaperRow.position.in_(members))
    if selection.without_abstract:
        found.append(PaperRow.abstract == literal_column("''"))  # bound, its index would not be used
    return found


def ordered(order: Order, descending: bool) -> list[Any]:
    """The columns of an order; what is not known comes last, and equal ones are in the order in which they came."""
    columns: dict[Order, Any] = {
        Order.TITLE: PaperRow.title_key,
        Order.AUTHOR: PaperRow.first_author,
        Order.YEAR: PaperRow.year,
    }
    if order is Order.ADDED:
        return [PaperRow.position.desc() if descending else PaperRow.position]
    column = columns[order]
    unknown = [column.is_(None)] if order is Order.YEAR else [column == ""] if order is Order.AUTHOR else []
    return [*unknown, column.desc() if descending else column, PaperRow.position]
