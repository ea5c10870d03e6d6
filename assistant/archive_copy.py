"""Conversations from one archive into another, with all their versions, titles and dates."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import Session

from index_store import DatabasePlace

from . import archive_search as words
from .archive_file import ArchiveFile, Base, ConversationRow, OfferedRow, TurnRow
from .archive_turns import erase
from .errors import InvalidHistory
from .turn_json import load_turn

Progress = Callable[[int, int], None]
"""Called with the number of conversations looked at so far, and of all."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What came of the conversations.

    They were copied, had gone on and were brought up to date, or were as they are; or each side had gone on by itself,
    and both were left; or could not be read. `nameless` of those that are there now belong to nobody by name.
    """

    copied: int = 0
    updated: int = 0
    same: int = 0
    apart: int = 0
    unreadable: int = 0
    nameless: int = 0


@dataclass(frozen=True, slots=True)
class _Whole:
    """The rows of one conversation without their numbers, and what is searched of each turn, in the order of asking."""

    row: dict[str, Any]
    turns: list[dict[str, Any]]
    said: list[str]
    offered: list[dict[str, Any]]


def copy_conversations(
    source: DatabasePlace, target: DatabasePlace, owner: str = "", progress: Progress | None = None
) -> CopyReport:
    """Copies every conversation that is not there yet, deleted ones too, as these can be restored.

    One that went on in the source alone since it was copied goes on in the target. Those that belong to nobody become
    the owner's, if one is given, also where they were copied before. Each goes in whole or not at all, so that this can
    be stopped and repeated. Raises `ArchiveUnreadable`.
    """
    counts: Counter[str] = Counter()
    with closing(ArchiveFile(source)) as read, closing(ArchiveFile(target)) as written:
        with read.reading() as session:
            ids = session.scalars(select(ConversationRow.id).order_by(ConversationRow.number)).all()
        for place, conversation_id in enumerate(ids, 1):
            try:
                whole = _whole(read, conversation_id)
            except InvalidHistory:
                counts["unreadable"] += 1
            else:
                counts.update(_put(written, whole, owner) if whole else ())
            if progress:
                progress(place, len(ids))
    return CopyReport(**counts)


def _whole(read: ArchiveFile, conversation_id: str) -> _Whole | None:
    """Reads a conversation; None for one that is gone for good meanwhile. Raises `InvalidHistory`."""
    with read.reading() as session:
        rows = _values(session, ConversationRow, ConversationRow.id == conversation_id)
        turns = _values(session, TurnRow, TurnRow.conversation == conversation_id)
        offered = _values(session, OfferedRow, OfferedRow.conversation == conversation_id)
    said = [words.said(load_turn(turn["body"])) for turn in turns]
    return _Whole(rows[0], turns, said, offered) if rows else None


def _put(written: ArchiveFile, whole: _Whole, owner: str) -> tuple[str, ...]:
    """Puts a conversation in; says how it is counted."""
    values = whole.row | {"owner": whole.row["owner"] or owner}
    with written.writing() as session:
        row = session.scalars(select(ConversationRow).where(ConversationRow.id == values["id"])).one_or_none()
        outcome = "copied"
        if row is not None:
            row.owner = values["owner"] = row.owner or owner
            here = {*session.scalars(select(TurnRow.id).where(TurnRow.conversation == row.id))}
            there = {turn["id"] for turn in whole.turns}
            outcome = "same" if there <= here else "updated" if here <= there else "apart"
            values["title"] = row.title or values["title"]
            if outcome == "updated":
                erase(session, row)
        if outcome in ("copied", "updated"):
            _insert(session, values, whole)
    return (outcome,) if values["owner"] else (outcome, "nameless")


def _insert(session: Session, values: dict[str, Any], whole: _Whole) -> None:
    """Inserts the rows of one conversation; their numbers are those of the database that they go to."""
    conversation = ConversationRow(**values)
    session.add(conversation)
    session.flush()
    words.index(session, -conversation.number, conversation.id, conversation.shown_title)
    for turn, said in zip(whole.turns, whole.said, strict=True):
        kept = TurnRow(**turn)
        session.add(kept)
        session.flush()
        words.index(session, kept.number, conversation.id, said)
    if whole.offered:
        session.execute(insert(OfferedRow), whole.offered)


def _values(session: Session, table: type[Base], chosen: ColumnElement[bool]) -> list[dict[str, Any]]:
    """The rows without their numbers, in the order of these."""
    columns = [column for column in table.__table__.columns if column.name != "number"]
    order = table.__table__.columns.get("number")
    rows = select(*columns).where(chosen).order_by(*([] if order is None else [order]))
    return [dict(found) for found in session.execute(rows).mappings()]
