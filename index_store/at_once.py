"""Rows of a database in one step, for what is read with every question.

Python's sqlite3 lets other threads go on with every row that it gets, and then waits for its turn again. With one other
thread busy in Python, sixty rows took 43 ms rather than half of one. So SQLite makes one row of them. The driver of
PostgreSQL gets all rows in one step by itself.
"""

import json
from collections.abc import Iterator
from functools import reduce
from operator import add
from types import SimpleNamespace
from typing import Any

from sqlalchemy import JSON, LargeBinary, Select, Text, cast, func, select
from sqlalchemy.orm import Session

from .engines import is_postgres


class RowsAtOnce:
    """A statement for texts, numbers and JSON, made once, as making it takes as long as asking it."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self._statement = statement
        named: list[Any] = []
        for column in statement.subquery().c:
            named += [column.name, func.json(column) if isinstance(column.type, JSON) else column]
        self._in_one = select(func.json_group_array(func.json_object(*named)))

    def __call__(self, session: Session, **bound: Any) -> list[Any]:
        """The rows in no order, each with its columns as attributes."""
        if is_postgres(session):
            return [*session.execute(self._statement, bound)]
        return [SimpleNamespace(**row) for row in json.loads(session.scalar(self._in_one, bound) or "[]")]


class BlobsAtOnce:
    """A statement for texts and then blobs, made once. Cast to text and back, a blob keeps its bytes."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self._statement = statement
        columns = [*statement.subquery().c]
        are_blobs = [isinstance(column.type, LargeBinary) for column in columns]
        assert are_blobs == sorted(are_blobs), "texts come before blobs"
        self._texts = are_blobs.count(False)
        texts, blobs = columns[: self._texts], columns[self._texts :]
        described = [*texts, *map(func.length, blobs)]
        held = reduce(add, [cast(func.coalesce(blob, b""), Text) for blob in blobs])
        self._in_one = select(
            func.json_group_array(func.json_array(*described)), cast(func.group_concat(held, ""), LargeBinary)
        )

    def __call__(self, session: Session, **bound: Any) -> Iterator[list[Any]]:
        """The rows in no order."""
        if is_postgres(session):
            yield from ([*row] for row in session.execute(self._statement, bound))
            return
        described, held = session.execute(self._in_one, bound).one()
        rest = memoryview(held or b"")
        for row in json.loads(described or "[]"):
            for place in range(self._texts, len(row)):
                length = row[place]
                row[place] = None if length is None else rest[:length]
                rest = rest[length or 0 :]
            yield row
