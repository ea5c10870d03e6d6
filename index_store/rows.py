"""What the parts of the catalogue share: the state of a paper, and a row as a paper and back."""

import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from .papers import Paper
from .schema import ChangesRow, PaperRow

SQL_VARIABLES = 500  # SQLite allows 32,766 in a statement; smaller statements read better in a log
FIELDS = ("title", "abstract", "authors", "year", "venue", "doi", "arxiv_id", "url", "source", "sources")


class State(StrEnum):
    """Where a paper stands between the catalogue and the index of meanings.

    A removed one is `GONE` as soon as both indexes are without it; until it is forgotten it can be restored.
    """

    PENDING = "pending"
    INDEXED = "indexed"
    REMOVED = "removed"
    GONE = "gone"


def as_paper(row: Any) -> Paper:
    """The paper that a row, or a result with the columns of one, describes."""
    fields = {name: getattr(row, name) for name in FIELDS}
    return Paper(**{**fields, "authors": tuple(row.authors), "sources": tuple(row.sources), "id": row.id})


def parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The values in pieces that one statement can take."""
    for start in range(0, len(values), SQL_VARIABLES):
        yield values[start : start + SQL_VARIABLES]


def in_state(*states: State) -> ColumnElement[bool]:
    """That a paper is in one of these states, in a form for which no index on the state is looked up.

    SQLite, which counts nothing beforehand, takes such an index to lead to a dozen papers. It would rather go through
    all that are indexed than look up a hundred by their ids.
    """
    return PaperRow.state.not_in([state for state in State if state not in states])


def present() -> ColumnElement[bool]:
    """That a paper is not removed."""
    return in_state(State.PENDING, State.INDEXED)


def rows_at(positions: Sequence[int]) -> Any:
    """The papers at these positions, in the order in which they came."""
    return select(PaperRow).where(PaperRow.position.in_(positions)).order_by(PaperRow.position)


def next_change(session: Session) -> int:
    """The number of this transaction in the sequence of changes, which it takes when it first asks for it."""
    if "change" not in session.info:
        taking = update(ChangesRow).values(number=ChangesRow.number + 1).returning(ChangesRow.number)
        session.info["change"] = session.connection().scalar(taking)  # not by the session, which would flush half a row
    return int(session.info["change"])


def removal(session: Session) -> dict[str, Any]:
    """What marks a paper as removed."""
    gone = {"state": State.REMOVED, "removed_at": time.time()}
    return {**gone, "revision": PaperRow.revision + 1, "change": next_change(session)}


def searched_by(record: PaperRow | Paper) -> tuple[Any, ...]:
    """What either index holds of a paper."""
    return record.content_hash, tuple(record.authors), record.year, tuple(record.sources)
