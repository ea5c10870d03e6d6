"""Words in conversations: what is searched of a turn, a reader's words as a query, and where they were found (FTS5)."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from .conversations import Turn

_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_SYNTAX = re.compile(r"\\(?=[^\w\s])|\*\*|^[#>]+ |[|`]|^[-: |]+$", re.MULTILINE)  # of Markdown
_BETWEEN = re.compile(r'[\s()\[\]{}"“”*,;]+')  # other signs may hold a word together: C++, KV-cache, o'clock
_LONGEST, _MOST = 500, 32  # characters and words of a query that are looked at
_AROUND = 24  # words of a snippet
_ON, _OFF = "\x02", "\x03"  # around a hit; no text that was indexed holds them

Snippet = tuple[tuple[str, bool], ...]
"""Stretches of a text, each with whether it is a hit."""

_INDEX = text("INSERT OR REPLACE INTO words (rowid, conversation, said) VALUES (:row, :conversation, :said)")
_PLACES = text(
    "SELECT rowid, conversation FROM words WHERE words MATCH :any AND conversation IN :conversations "
    "ORDER BY rowid < 0, rank"
).bindparams(bindparam("conversations", expanding=True))
_SNIPPET = text(
    "SELECT snippet(words, 1, :on, :off, '…', :around) FROM words WHERE words MATCH :any AND rowid = :row"
).bindparams(on=_ON, off=_OFF, around=_AROUND)


def one_line(words: str) -> str:
    """The text on one line, without control characters and lone surrogates."""
    return " ".join(_NO_TEXT.sub(" ", words).split())


def said(turn: Turn) -> str:
    """What is searched of a turn: the question and the answer, without Markdown and numbers."""
    answer = "".join(piece for piece in turn.pieces if isinstance(piece, str))
    return one_line(f"{turn.question} · {_SYNTAX.sub('', answer)}")


def index(session: Session, row: int, conversation: str, words: str) -> None:
    """Lets a conversation be found by these words, in the place of those that the row had."""
    session.execute(_INDEX, {"row": row, "conversation": conversation, "said": words})


def terms(search: str) -> tuple[str, ...]:
    """A reader's words as terms of FTS5, each quoted, so that nothing in them is syntax; the last may go on."""
    words = [word for word in _BETWEEN.split(one_line(search[:_LONGEST])) if any(map(_is_letter, word))]
    quoted = [f'"{word}"' for word in words[:_MOST]]
    return (*quoted[:-1], f"{quoted[-1]}*") if quoted else ()


def condition(found: Sequence[str]) -> tuple[str, Mapping[str, str]]:
    """SQL for the ids of the conversations that have all terms, be it in different turns, and its parameters."""
    names = [f"term{place}" for place in range(len(found))]
    each = [f"SELECT conversation FROM words WHERE words MATCH :{name}" for name in names]
    return " INTERSECT ".join(each), dict(zip(names, found, strict=True))


def snippets(session: Session, found: Sequence[str], conversations: Iterable[str]) -> dict[str, Snippet]:
    """Where the terms stand best in each of these conversations; in a title only if in no turn."""
    query = " OR ".join(found)
    best: dict[str, int] = {}
    for row, conversation in session.execute(_PLACES, {"any": query, "conversations": [*conversations]}):
        best.setdefault(conversation, row)
    return {
        conversation: _parts(session.execute(_SNIPPET, {"any": query, "row": row}).scalar_one())
        for conversation, row in best.items()
    }


def _parts(marked: str) -> Snippet:
    parts = re.split(f"({_ON}[^{_OFF}]*{_OFF})", marked)
    return tuple((part.strip(_ON + _OFF), part.startswith(_ON)) for part in parts if part)


def _is_letter(character: str) -> bool:
    """Whether `unicode61` takes it for part of a word: letters, digits and private characters."""
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co"
