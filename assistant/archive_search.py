"""Words in conversations: what is searched of a turn, a reader's words as terms, and where these were found."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from index_store import is_postgres

from . import archive_fts5, archive_tsvector
from .archive_fts5 import Place
from .conversations import Turn

_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_SYNTAX = re.compile(r"\\(?=[^\w\s])|\*\*|^[#>]+ |[|`]|^[-: |]+$", re.MULTILINE)  # of Markdown
_BETWEEN = re.compile(r'[\s()\[\]{}"“”*,;]+')  # other signs may hold a word together: C++, KV-cache, o'clock
_LONGEST, _MOST = 500, 32  # characters and words of a query that are looked at


class _Engine(Protocol):
    """What the module of each kind of database has."""

    TABLE: tuple[str, ...]

    def index(self, session: Session, row: int, conversation: str, words: str) -> None: ...
    def condition(self, found: Sequence[str]) -> tuple[str, Mapping[str, str]]: ...
    def places(self, session: Session, found: Sequence[str], conversations: Iterable[str]) -> dict[str, Place]: ...


def one_line(words: str) -> str:
    """The text on one line, without control characters and lone surrogates."""
    return " ".join(_NO_TEXT.sub(" ", words).split())


def said(turn: Turn) -> str:
    """What is searched of a turn: the question and the answer, without Markdown and numbers."""
    answer = "".join(piece for piece in turn.pieces if isinstance(piece, str))
    return one_line(f"{turn.question} · {_SYNTAX.sub('', answer)}")


def make(connection: Connection) -> None:
    """Makes the table of words in an empty database."""
    for statement in _engine(connection).TABLE:
        connection.execute(text(statement))


def index(session: Session, row: int, conversation: str, words: str) -> None:
    """Lets a conversation be found by these words, in the place of those that the row had."""
    _engine(session).index(session, row, conversation, words)


def terms(search: str) -> tuple[str, ...]:
    """A reader's words, each of which is looked for as it stands; the last may go on."""
    words = [word for word in _BETWEEN.split(one_line(search[:_LONGEST])) if any(map(_is_letter, word))]
    return tuple(words[:_MOST])


def condition(session: Session, found: Sequence[str]) -> tuple[str, Mapping[str, str]]:
    """SQL for the ids of the conversations that have all terms, be it in different turns, and its parameters."""
    return _engine(session).condition(found)


def places(session: Session, found: Sequence[str], conversations: Iterable[str]) -> dict[str, Place]:
    """Where the terms stand best in each of these conversations; in a title only if in no turn."""
    return _engine(session).places(session, found, conversations)


def _engine(bound: Session | Connection) -> _Engine:
    return archive_tsvector if is_postgres(bound) else archive_fts5


def _is_letter(character: str) -> bool:
    """Whether it is part of a word: letters, digits and, for FTS5, private characters."""
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co"
