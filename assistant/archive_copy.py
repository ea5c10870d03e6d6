"""Conversations from one archive into another, with all their versions, titles and dates."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import Session

from index_store import DatabasePlace

from . import archive_search as words
from .archive_file import ArchiveFile, Base, ConversationRow, OfferedRow, TurnRow
from .turn_json import load_turn

Progress = Callable[[int, int], None]
"""Called with the number of conversations looked at so far, and of all."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What came of the conversations: copied, there before, and how many of both belong to nobody by name."""

    copied: int = 0
    same: int = 0
    nameless: int = 0


def copy_conversations(
    source: DatabasePlace, target: DatabasePlace, owner: str = "", progress: Progress | None = None
) -> CopyReport:
    """Copies every conversation that is not there yet, deleted ones too, as these can be restored.

    Those that belong to nobody become the owner's, if one is given, also where they were copied before. Each goes in
    whole or not at all, so that this can be stopped and repeated. Raises `ArchiveUnreadable`.
    """
    report = CopyReport()
    read, written = ArchiveFile(source), None
    try:
        written = ArchiveFile(target)
        with read.reading() as session:
            ids = session.scalars(select(ConversationRow.id).order_by(ConversationRow.number)).all()
        for count, conversation_id in enumerate(ids, 1):
            report = _copied(report, read, written, conversation_id, owner)
            if progress:
                progress(count, len(ids))
    finally:
        read.close()
        if written:
            written.close()
    return report


def _copied(
    report: CopyReport, read: ArchiveFile, written: ArchiveFile, conversation_id: str, owner: str
) -> CopyReport:
    with read.reading() as theirs:
        row = theirs.scalars(select(ConversationRow).where(ConversationRow.id == conversation_id)).one_or_none()
        if row is None:  # gone for good since the list was read
            return report
        values = _values(theirs, ConversationRow, ConversationRow.id == conversation_id)[0]
        turns = _values(theirs, TurnRow, TurnRow.conversation == conversation_id)
        offered = _values(theirs, OfferedRow, OfferedRow.conversation == conversation_id)
    values["owner"] = values["owner"] or owner
    with written.writing() as ours:
        known = ours.scalars(select(ConversationRow).where(ConversationRow.id == conversation_id)).one_or_none()
        if known is not None:
            known.owner = known.owner or owner
            return replace(report, same=report.same + 1, nameless=report.nameless + (not known.owner))
        _put(ours, values, turns, offered)
    return replace(report, copied=report.copied + 1, nameless=report.nameless + (not values["owner"]))


def _put(session: Session, row: dict[str, Any], turns: list[dict[str, Any]], offered: list[dict[str, Any]]) -> None:
    """Puts the rows of one conversation in; their numbers are those of the database that they go to."""
    conversation = ConversationRow(**row)
    session.add(conversation)
    session.flush()
    words.index(session, -conversation.number, conversation.id, conversation.shown_title)
    for turn in turns:  # in the order of asking, which their numbers tell
        kept = TurnRow(**turn)
        session.add(kept)
        session.flush()
        words.index(session, kept.number, conversation.id, words.said(load_turn(kept.body)))
    if offered:
        session.execute(insert(OfferedRow), offered)


def _values(session: Session, table: type[Base], chosen: ColumnElement[bool]) -> list[dict[str, Any]]:
    """The rows without their numbers, in the order of these."""
    columns = [column for column in table.__table__.columns if column.name != "number"]
    order = table.__table__.columns.get("number")
    rows = select(*columns).where(chosen).order_by(*([] if order is None else [order]))
    return [dict(found) for found in session.execute(rows).mappings()]
