"""Words in conversations, found by PostgreSQL's text search with the meaning that they have with FTS5.

The words are cut and folded here and not by the server, whose parser takes `well-known` or `3.5` for one thing, and
whose dictionaries depend on how it was set up.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import String, bindparam, text
from sqlalchemy.orm import Session

from index_store import fold

from .archive_fts5 import Place, Snippet

_WORD = re.compile(r"(?:[^\W_][̀-ͯ]*)+")  # letters and digits, with the accents that stand behind them
_NO_LETTER = re.compile(r"[\W_]+")
_AROUND, _BEFORE = 24, 4  # words of a snippet, and of these before the first hit
_LONGEST = 200  # characters of a word; PostgreSQL takes 2,046 bytes
_ROOM = 400_000  # bytes of words, and of their places, that are found of a text; PostgreSQL takes a megabyte
_PLACE = 8  # bytes of one place

# One row per turn under its number, and one per title under the number of its conversation with a minus.
TABLE = (
    "CREATE TABLE words (number INTEGER PRIMARY KEY, conversation VARCHAR NOT NULL, said VARCHAR NOT NULL, "
    "lexemes TSVECTOR NOT NULL)",
    "CREATE INDEX ix_words_lexemes ON words USING gin (lexemes)",
    "CREATE INDEX ix_words_conversation ON words (conversation)",
)
_INDEX = text(
    "INSERT INTO words (number, conversation, said, lexemes) VALUES (:row, :conversation, :said, "
    "CAST(:lexemes AS tsvector)) ON CONFLICT (number) DO UPDATE SET said = excluded.said, lexemes = excluded.lexemes"
)
_PLACES = text(
    "SELECT DISTINCT ON (conversation) conversation, number, said FROM words WHERE lexemes @@ CAST(:any AS tsquery) "
    "AND conversation IN :conversations "
    "ORDER BY conversation, number < 0, ts_rank(lexemes, CAST(:any AS tsquery)) DESC, number"
).bindparams(bindparam("conversations", expanding=True, type_=String()))


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a text, folded, and where it begins and ends there."""

    folded: str
    start: int
    end: int


def index(session: Session, row: int, conversation: str, words: str) -> None:
    """Lets a conversation be found by these words, in the place of those that the row had."""
    lexemes, room = [], _ROOM
    for place, word in enumerate(_words(words), start=1):
        room -= len(word.folded.encode()) + _PLACE
        if room < 0:
            break
        lexemes.append(f"'{word.folded}':{place}")
    known = {"row": row, "conversation": conversation, "said": words, "lexemes": " ".join(lexemes)}
    session.execute(_INDEX, known)


def condition(found: Sequence[str]) -> tuple[str, Mapping[str, str]]:
    """SQL for the ids of the conversations that have all terms, be it in different turns, and its parameters."""
    names = [f"term{place}" for place in range(len(found))]
    each = [f"SELECT conversation FROM words WHERE lexemes @@ CAST(:{name} AS tsquery)" for name in names]
    return " INTERSECT ".join(each), dict(zip(names, _queries(found), strict=True))


def places(session: Session, found: Sequence[str], conversations: Iterable[str]) -> dict[str, Place]:
    """Where the terms stand best in each of these conversations; in a title only if in no turn."""
    query = " | ".join(f"({each})" for each in _queries(found) if each)
    rows = session.execute(_PLACES, {"any": query, "conversations": [*conversations]})
    return {conversation: (number, _snippet(said, found)) for conversation, number, said in rows}


def _words(said: str) -> list[_Word]:
    found = []
    for each in _WORD.finditer(said):
        if folded := _NO_LETTER.sub("", fold(each[0]))[:_LONGEST]:
            found.append(_Word(folded, each.start(), each.end()))
    return found


def _queries(terms: Sequence[str]) -> list[str]:
    """The terms as PostgreSQL takes them: what is one term here may be several words in a row; the last may go on."""
    phrases = [[f"'{word.folded}'" for word in _words(term)] for term in terms]
    if phrases[-1] and _goes_on(terms[-1]):
        phrases[-1][-1] += ":*"
    return [" <-> ".join(phrase) for phrase in phrases]


def _goes_on(term: str) -> bool:
    """Whether a reader may still be typing it; a sign ends it, as in C++."""
    return term[-1].isalnum()


def _snippet(said: str, terms: Sequence[str]) -> Snippet:
    """The stretch of a text that has most of the terms, with the hits in it."""
    words = _words(said)
    hits = sorted((start, end, term) for term in range(len(terms)) for start, end in _hits(words, terms, term))
    best = max((start for start, _, _ in hits), key=lambda start: (_terms_from(start, hits), -start), default=0)
    last = max(0, len(words) - _AROUND)
    first = min(max(0, best - _BEFORE), last)
    start = words[first].start if first else 0
    end = words[first + _AROUND - 1].end if first < last else len(said)
    parts, here = [("…", False)] if first else [], start
    for begin, behind, _ in hits:
        if words[begin].start >= here and words[behind].end <= end:
            parts += [(said[here : words[begin].start], False), (said[words[begin].start : words[behind].end], True)]
            here = words[behind].end
    return tuple(part for part in [*parts, (said[here:end] + ("…" if end < len(said) else ""), False)] if part[0])


def _terms_from(start: int, hits: Sequence[tuple[int, int, int]]) -> int:
    """How many of the terms stand in a snippet whose first hit begins with this word."""
    return len({term for begin, end, term in hits if start <= begin and end < start + _AROUND - _BEFORE})


def _hits(words: Sequence[_Word], terms: Sequence[str], term: int) -> list[tuple[int, int]]:
    """The first and the last word of each place where a term stands."""
    phrase = [word.folded for word in _words(terms[term])]
    if not phrase:
        return []
    *whole, last = phrase
    goes_on = term == len(terms) - 1 and _goes_on(terms[term])
    found = []
    for start in range(len(words) - len(whole)):
        end = start + len(whole)
        ends = words[end].folded.startswith(last) if goes_on else words[end].folded == last
        if ends and [word.folded for word in words[start:end]] == whole:
            found.append((start, end))
    return found
