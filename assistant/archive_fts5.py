"""Words in conversations, found by SQLite's FTS5."""

import re
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

_AROUND = 24  # words of a snippet
_ON, _OFF = "\x02", "\x03"  # around a hit; no text that was indexed holds them

Snippet = tuple[tuple[str, bool], ...]
"""Stretches of a text, each with whether it is a hit."""

Place = tuple[int, Snippet]
"""Where a search hit: the number of the turn, or one below 0 for a title, and what stands there."""

# One row per turn under its number, and one per title under the number of its conversation with a minus.
TABLE = (
    "CREATE VIRTUAL TABLE words USING fts5(conversation UNINDEXED, said, "
    "tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')",
)
_INDEX = text("INSERT OR REPLACE INTO words (rowid, conversation, said) VALUES (:row, :conversation, :said)")
_PLACES = text(
    "SELECT rowid, conversation FROM words WHERE words MATCH :any AND conversation IN :conversations "
    "ORDER BY rowid < 0, rank"
).bindparams(bindparam("conversations", expanding=True))
_SNIPPET = text(
    "SELECT snippet(words, 1, :on, :off, '…', :around) FROM words WHERE words MATCH :any AND rowid = :row"
).bindparams(on=_ON, off=_OFF, around=_AROUND)


def index(session: Session, row: int, conversation: str, words: str) -> None:
    """Lets a conversation be found by these words, in the place of those that the row had."""
    session.execute(_INDEX, {"row": row, "conversation": conversation, "said": words})


def condition(found: Sequence[str]) -> tuple[str, Mapping[str, str]]:
    """SQL for the ids of the conversations that have all terms, be it in different turns, and its parameters."""
    names = [f"term{place}" for place in range(len(found))]
    each = [f"SELECT conversation FROM words WHERE words MATCH :{name}" for name in names]
    return " INTERSECT ".join(each), dict(zip(names, _quoted(found), strict=True))


def places(session: Session, found: Sequence[str], conversations: Iterable[str]) -> dict[str, Place]:
    """Where the terms stand best in each of these conversations; in a title only if in no turn."""
    query = " OR ".join(_quoted(found))
    best: dict[str, int] = {}
    for row, conversation in session.execute(_PLACES, {"any": query, "conversations": [*conversations]}):
        best.setdefault(conversation, row)
    return {
        conversation: (row, _parts(session.execute(_SNIPPET, {"any": query, "row": row}).scalar_one()))
        for conversation, row in best.items()
    }


def _quoted(words: Sequence[str]) -> list[str]:
    """The words as FTS5 takes them, so that nothing in them is syntax; the last may go on, unless a sign ends it."""
    quoted = [f'"{word}"' for word in words]
    return [*quoted[:-1], f"{quoted[-1]}*"] if words[-1][-1].isalnum() else quoted


def _parts(marked: str) -> Snippet:
    parts = re.split(f"({_ON}[^{_OFF}]*{_OFF})", marked)
    return tuple((part.strip(_ON + _OFF), part.startswith(_ON)) for part in parts if part)
