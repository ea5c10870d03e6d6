"""Turns and conversations as JSON that loses nothing: what the archive stores and what an export holds.

The form follows the dataclasses: an object per value with the names of its fields, lists for tuples. Papers stand once
in a list of their own and everywhere else as their place in it, so that what was cited stays as it was, whatever
becomes of the paper in the library. The one thing JSON cannot say is two surrogates side by side: they are read as
the character they stand for.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from index_store import Paper

from .citations import Citation, References
from .conversations import Conversation, Turn
from .errors import InvalidHistory

VERSION = 1
_LONGEST = 64_000_000  # characters of an export; 500 turns have about 8 million
_MOST = 2**53  # the largest whole number that every reader of JSON can hold
_HIGHEST = 9999  # as in histories: what `[n]` in a text can be
_ID = re.compile(r"(?:[0-9a-f]{32})?")
_KEY = re.compile(r"P[1-9]\d{0,5}")
_SUPPORT = ("verbatim", "supported", "partly", "not found")

Value = TypeVar("Value")


class _Damaged(Exception):
    """What is wrong with the data, in a few words."""


def dump_turn(turn: Turn) -> str:
    """A turn as JSON, in ASCII."""
    return _dump("turn", turn)


def load_turn(text: str) -> Turn:
    """The inverse of `dump_turn`. Raises `InvalidHistory`."""
    return _load("turn", Turn, text)[0]


def dump_paper(paper: Paper) -> str:
    """A paper as JSON, in ASCII."""
    return json.dumps(_paper_fields(paper))


def load_paper(text: str) -> Paper:
    """The inverse of `dump_paper`. Raises `InvalidHistory`."""
    try:
        return _paper(_parsed(text))
    except _Damaged as error:
        raise InvalidHistory(f"A paper of the conversation cannot be read: {error}.") from error


def conversation_to_json(conversation: Conversation, title: str = "") -> str:
    """A conversation as it is exported: its title, its turns, of other versions none, and its references."""
    return _dump("conversation", conversation, title=title)


def conversation_from_json(text: str) -> Conversation:
    """The conversation of `titled_from_json`."""
    return titled_from_json(text)[0]


def titled_from_json(text: str) -> tuple[Conversation, str]:
    """The inverse of `conversation_to_json`, of a text from anywhere, with the title or "". Raises `InvalidHistory`.

    Numbers, keys and quotes are checked against the papers that come along; what links and texts say is not.
    """
    if len(text) > _LONGEST:
        raise InvalidHistory(f"The conversation has {len(text):,} characters; {_LONGEST:,} are allowed.")
    conversation, title = _load("conversation", Conversation, text)
    try:
        _check(conversation)
    except _Damaged as error:
        raise InvalidHistory(f"The conversation cannot be read: {error}.") from error
    return conversation, title


# -- both ways --------------------------------------------------------------------------------------------------------


def _dump(name: str, value: Any, **beside: str) -> str:
    papers: dict[Paper, int] = {}
    plain = _plain(value, papers)
    listed = [_paper_fields(paper) for paper in papers]
    return json.dumps({"version": VERSION, **beside, "papers": listed, name: plain})


def _load(name: str, kind: type[Value], text: str) -> tuple[Value, str]:
    """The value, and the title that stands beside it."""
    try:
        data = _parsed(text)
        if not isinstance(data, dict) or name not in data:
            raise _Damaged(f"it is no {name} that was written here")
        if data.get("version") != VERSION:
            raise _Damaged(f"it has version {str(data.get('version'))[:20]!r}, this program reads {VERSION}")
        papers = [_paper(item) for item in _listed(data.get("papers"))]
        value: Value = _typed(kind, data[name], papers, name)
    except _Damaged as error:
        raise InvalidHistory(f"The {name} cannot be read: {error}.") from error
    title = data.get("title")
    return value, title if isinstance(title, str) else ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Damaged("it is no JSON, or not the whole of it") from error


def _plain(value: Any, papers: dict[Paper, int]) -> Any:
    """The value as JSON has it; papers are added to the list."""
    if isinstance(value, Paper):
        return papers.setdefault(value, len(papers))
    if isinstance(value, tuple):
        return [_plain(item, papers) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item, papers) for name, item in value.items()}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name), papers) for field in fields(value)}
    return value


def _paper_fields(paper: Paper) -> dict[str, Any]:
    """The fields that are not empty; there are many papers."""
    known = {field.name: getattr(paper, field.name) for field in fields(paper)}
    return {name: value for name, value in known.items() if value not in ("", (), None)}


def _paper(data: Any) -> Paper:
    if not isinstance(data, dict):
        raise _Damaged("a paper has not the right form")
    paper: Paper = _object(Paper, {"title": "", "abstract": "", **data}, (), "paper")
    return paper


def _typed(kind: Any, data: Any, papers: Sequence[Paper], name: str) -> Any:
    """The data as a value of exactly this type; `name` is that of the field."""
    if kind is Paper:
        if type(data) is int and 0 <= data < len(papers):
            return papers[data]
        raise _Damaged(f"{name} names a paper that is not there")
    if get_origin(kind) in (Union, UnionType):
        return _typed(_alternative(get_args(kind), data, name), data, papers, name)
    if get_origin(kind) is tuple:
        return tuple(_typed(get_args(kind)[0], item, papers, name) for item in _listed(data, name))
    if get_origin(kind) is not None:  # a mapping from names
        if not isinstance(data, dict):
            raise _Damaged(f"{name} has not the right form")
        return {key: _typed(get_args(kind)[1], item, papers, name) for key, item in data.items()}
    if is_dataclass(kind) and isinstance(kind, type):
        return _object(kind, data, papers, name)
    return _simple(kind, data, name)


def _simple(kind: Any, data: Any, name: str) -> Any:
    if issubclass(kind, StrEnum) and data in [*kind]:
        return kind(data)
    exact = type(data) is kind or (kind is float and type(data) is int)
    if not exact or (type(data) in (int, float) and not abs(data) <= _MOST):
        raise _Damaged(f"{name} has not the right form")
    return data


def _alternative(kinds: Sequence[Any], data: Any, name: str) -> Any:
    """The one of several types that the data can be: an object is told by the names of its fields."""
    for kind in kinds:
        if data is None or not isinstance(data, dict):
            if kind is type(data) or (kind is float and type(data) is int) or (get_origin(kind) and type(data) is list):
                return kind
        elif is_dataclass(kind) and isinstance(kind, type) and _required(kind) <= data.keys() <= _hints(kind).keys():
            return kind
    raise _Damaged(f"{name} has not the right form")


def _object(kind: Any, data: Any, papers: Sequence[Paper], name: str) -> Any:
    hints = _hints(kind)
    if not isinstance(data, dict) or not _required(kind) <= data.keys() <= hints.keys():
        raise _Damaged(f"{name} has not the right fields")
    return kind(**{field: _typed(hints[field], value, papers, field) for field, value in data.items()})


def _listed(data: Any, name: str = "papers") -> list[Any]:
    if not isinstance(data, list):
        raise _Damaged(f"{name} is no list")
    return data


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _required(kind: Any) -> frozenset[str]:
    """The fields without a default; one that is added later with a default is not missed in older data."""
    return frozenset(
        field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING
    )


# -- a conversation from anywhere -------------------------------------------------------------------------------------


def _check(conversation: Conversation) -> None:
    references = conversation.references
    offered = [paper.id for paper in references.offered]
    if len({*offered, ""}) != len(offered) + 1:
        raise _Damaged("two of its papers have one id, or one has none")
    if not set(references.cited) <= {*offered, ""} or not 0 <= references.reserved <= _HIGHEST:
        raise _Damaged("its numbers belong to papers that are not in it")
    if not all(_ID.fullmatch(known) for known in (conversation.id, *(turn.id for turn in conversation.turns))):
        raise _Damaged("an id has not the right form")
    for place, turn in enumerate(conversation.turns, start=1):
        for piece in turn.pieces:
            if isinstance(piece, Citation) and not _holds(piece, references):
                raise _Damaged(f"turn {place} cites something that is not in the paper or has another number")
        shown = turn.topic_map
        if shown and not all(
            0 <= dot.theme < len(shown.themes) and 0 <= dot.x <= 1 and 0 <= dot.y <= 1 for dot in shown.dots
        ):
            raise _Damaged(f"the map of turn {place} does not fit its themes")


def _holds(citation: Citation, references: References) -> bool:
    """Whether a citation is a slice of its paper, under the paper's own key and number."""
    known = references.paper(citation.key) if _KEY.fullmatch(citation.key) else None
    place = citation.number - references.reserved - 1
    return (
        known is not None
        and known.id == citation.paper.id
        and 0 <= place < len(references.cited)
        and references.cited[place] == known.id
        and 0 <= citation.start <= citation.end <= len(citation.paper.abstract)
        and citation.paper.abstract[citation.start : citation.end] == citation.quote
        and citation.support in _SUPPORT
        and citation.sentence >= 0
        and citation.claim >= 0
    )
