"""Conversations that are kept: listed, searched, opened, and continued from any of their turns."""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from index_store import DatabasePlace

from . import archive_search as words
from .archive_file import ArchiveFile, ConversationRow
from .archive_fts5 import Snippet
from .archive_search import one_line
from .archive_turns import (
    Opened,
    choose,
    erase,
    is_kept,
    keep_references,
    keep_turns,
    opened,
    shown,
    turn_ids,
    versions,
    with_numbers,
)
from .conversations import Conversation, new_id
from .errors import InvalidHistory, UnknownConversation

_KEPT_FOR = 30 * 24 * 3600  # seconds between a deletion and the end
_LONGEST_NAME, _LONGEST_TITLE = 80, 200  # characters of a name from a question, and of a given one


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation in the list. `turns` is how many are shown.

    `snippet` is where the search hit, empty without one, and `hit` the id of the turn in which that stands, which may
    be in a version that is not shown; empty for a title.
    """

    id: str
    title: str
    updated: datetime
    turns: int
    snippet: Snippet = ()
    hit: str = ""


class Archive:
    """The conversations of a file or a database. Safe in threads; other processes may have it open too.

    The turns of a conversation are a tree: an edited question and a second answer stand beside the turn that they are
    a version of. One path through the tree is shown. Every conversation has an owner, and `of` gives what one owner
    has; the archive itself is that of "", as where nobody signs in. Every method raises `ArchiveUnreadable` where the
    file or the database cannot be used, and `UnknownConversation` for an id that is unknown, deleted, or somebody
    else's.
    """

    def __init__(self, place: DatabasePlace, clock: Callable[[], float] = time.time) -> None:
        """Opens or makes it; what was deleted 30 days ago is gone then. `clock` gives seconds since 1970."""
        self._file, self._clock, self._owner = ArchiveFile(place), clock, ""
        try:
            self._purge()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Closes the file, for every owner."""
        self._file.close()

    def of(self, owner: str) -> "Archive":
        """The conversations of one owner in the same open file."""
        theirs = copy.copy(self)
        theirs._owner = owner
        return theirs

    def list(self, search: str = "", limit: int = 50, offset: int = 0) -> tuple[Listed, ...]:
        """The conversations, the one spoken in last first; with a search those in which all its words are found.

        Words are found in titles, questions and answers, those of other versions too, without regard to case and
        accents; the last may be the beginning of a word.
        """
        terms = words.terms(search)
        if search.strip() and not terms:
            return ()
        query = select(ConversationRow).where(
            ConversationRow.owner == self._owner, ConversationRow.removed_at.is_(None)
        )
        query = query.order_by(ConversationRow.updated.desc(), ConversationRow.number.desc())
        with self._file.reading() as session:
            if terms:
                ids, parameters = words.condition(session, terms)
                query = query.where(text(f"conversations.id IN ({ids})").bindparams(**parameters))
            rows = session.scalars(query.limit(limit).offset(offset)).all()
            found = words.places(session, terms, [row.id for row in rows]) if terms else {}
            turns = turn_ids(session, [number for number, _ in found.values()])
            return tuple(_listed(row, *found.get(row.id, (0, ())), turns) for row in rows)

    def open(self, conversation_id: str) -> Opened:
        """A conversation with the path through its turns that was chosen last."""
        with self._file.reading() as session:
            row = self._present(session, conversation_id)
            return opened(session, row, row.shown_title)

    def versions(self, conversation_id: str) -> Mapping[str, tuple[str, ...]]:
        """What `Opened` has of the path that is shown; empty for a conversation that is not kept (yet)."""
        with self._file.reading() as session:
            row = self._row(session, conversation_id)
            return versions(session, row) if row else {}

    def path(self, conversation_id: str) -> tuple[str, ...]:
        """The ids of the turns that are shown; empty for a conversation that is not kept, or deleted."""
        with self._file.reading() as session:
            row = self._row(session, conversation_id)
            return shown(session, row) if row and row.removed_at is None else ()

    def choose(self, conversation_id: str, turn_id: str) -> Opened:
        """Shows this version of a turn, and behind it what was shown there last."""
        with self._file.writing() as session:
            row = self._present(session, conversation_id)
            choose(session, row, turn_id)
            return opened(session, row, row.shown_title)

    def save(self, conversation: Conversation) -> Conversation:
        """Keeps the last turn, anew if it was kept before, and shows it; earlier turns are kept if they were not.

        Returns the conversation as it is kept. Papers that another page cited in it meanwhile have their numbers, and
        where two pages gave one number at the same moment, the later to save gives way. Raises `ValueError` for a
        conversation without an id or a turn, or one whose turns are kept in another order.
        """
        if not conversation.id or not conversation.turns:
            raise ValueError("a conversation that is kept has an id and a turn")
        with self._file.writing() as session:
            row = _row(session, conversation.id)
            if row is not None and row.owner != self._owner:
                raise _unknown()
            if row is None:
                name = _shortened(one_line(conversation.turns[0].question), _LONGEST_NAME)
                row = ConversationRow(
                    id=conversation.id, owner=self._owner, question=name, updated=0.0, cited=(), reserved=0
                )
                session.add(row)
                session.flush()
                words.index(session, -row.number, row.id, name)
            if not is_kept(session, row, conversation.turns[-1]):
                row.removed_at = None  # who asks in a conversation that was deleted elsewhere has it back
            references = keep_references(session, row, conversation)
            turns = with_numbers(conversation, references)
            keep_turns(session, row, turns)
            row.updated = self._clock()
            return replace(conversation, turns=turns, references=references)

    def put(self, conversation: Conversation, title: str = "") -> str:
        """Keeps a conversation from elsewhere as a new one; returns its id. Raises `InvalidHistory` if it is empty."""
        if not conversation.turns:
            raise InvalidHistory("There is no question in this conversation.")
        turns = tuple(replace(turn, id=new_id()) for turn in conversation.turns)
        kept = self.save(replace(conversation, id=new_id(), turns=turns))
        if title:
            self.rename(kept.id, title)
        return kept.id

    def rename(self, conversation_id: str, title: str) -> None:
        """Gives a conversation a title; an empty one takes it back, so that it is named after its question again."""
        with self._file.writing() as session:
            row = self._present(session, conversation_id)
            row.title = _shortened(one_line(title), _LONGEST_TITLE)
            words.index(session, -row.number, row.id, row.shown_title)

    def delete(self, conversation_id: str) -> str:
        """Takes a conversation out of the list; it can be restored for 30 days. Returns its title."""
        with self._file.writing() as session:
            row = self._present(session, conversation_id)
            row.removed_at = self._clock()
            return row.shown_title

    def restore(self, conversation_id: str) -> None:
        """Takes a deletion back."""
        with self._file.writing() as session:
            row = self._row(session, conversation_id)
            if row is None:
                raise _unknown()
            row.removed_at = None

    def _row(self, session: Session, conversation_id: str) -> ConversationRow | None:
        row = _row(session, conversation_id)
        return row if row is not None and row.owner == self._owner else None

    def _present(self, session: Session, conversation_id: str) -> ConversationRow:
        row = self._row(session, conversation_id)
        if row is None or row.removed_at is not None:
            raise _unknown()
        return row

    def _purge(self) -> None:
        expired = ConversationRow.removed_at < self._clock() - _KEPT_FOR
        with self._file.reading() as session:
            if session.scalars(select(ConversationRow.id).where(expired).limit(1)).first() is None:
                return  # nobody has to wait
        with self._file.writing() as session:
            for row in session.scalars(select(ConversationRow).where(expired)).all():
                erase(session, row)


def _listed(row: ConversationRow, number: int, snippet: Snippet, turns: Mapping[int, str]) -> Listed:
    updated = datetime.fromtimestamp(row.updated, UTC)
    return Listed(row.id, row.shown_title, updated, row.length, snippet, turns.get(number, ""))


def _row(session: Session, conversation_id: str) -> ConversationRow | None:
    if "\0" in conversation_id:  # which PostgreSQL takes in no text
        return None
    return session.scalars(select(ConversationRow).where(ConversationRow.id == conversation_id)).one_or_none()


def _unknown() -> UnknownConversation:
    return UnknownConversation("There is no such conversation; it may have been deleted.")


def _shortened(line: str, longest: int) -> str:
    """The line, or its beginning up to the end of a word, with an ellipsis."""
    if len(line) <= longest:
        return line
    head = line[: longest - 1]
    whole = head if line[longest - 1] == " " else head.rpartition(" ")[0] or head
    return f"{whole.rstrip()}…"
