"""JSON Lines: one object per paper, with at least a `title`; what the product itself exports and ships."""

import re
from collections.abc import Iterator
from typing import Any

from ..papers import Paper
from .base import Reader, Record, Source
from .json_stream import read_objects

# Names that other tools give to the same field, in order of preference.
_NAMES = {
    "abstract": ("abstract", "text", "summary"),
    "venue": ("venue", "journal"),
    "doi": ("doi",),
    "arxiv_id": ("arxiv_id", "arxiv"),
    "url": ("url", "link"),
}
_OWN_ID = re.compile(r"[0-9a-f]{12}(-\d+)?")


def _recognises(suffix: str, head: str) -> bool:
    beginning = head.lstrip("\ufeff \t\r\n\0\x1e")
    return beginning.startswith("{") or bool(_LIST.match(beginning)) or suffix in {".json", ".jsonl", ".ndjson"}


# Not a title in brackets, such as "[Re] A reproduction".
_LIST = re.compile(r"\[\s*(\[\s*)*([{\"\]]|(-?\d[\d.eE+-]*|true|false|null)\s*[,\]]|\Z)|\[[ \t]*\n")


def _read(source: Source) -> Iterator[Record]:
    return read_objects(source, _paper)


def _paper(record: dict[str, Any], source: str) -> Paper:
    title = _text(record, ("title",))
    if not title:
        raise ValueError("the record has no title")
    own_id = record.get("id")
    return Paper(
        title=title,
        abstract=_text(record, _NAMES["abstract"]),
        authors=_authors(record),
        year=_year(record),
        venue=_text(record, _NAMES["venue"]),
        doi=_text(record, _NAMES["doi"]),
        arxiv_id=_text(record, _NAMES["arxiv_id"]),
        url=_text(record, _NAMES["url"]),
        source=source,
        id=own_id if isinstance(own_id, str) and _OWN_ID.fullmatch(own_id) else "",
        collections=_collections(record),
    )


def _text(record: dict[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and value.strip():
            return _storable(value)
        if value not in (None, "") and not isinstance(value, str):
            raise ValueError(f"`{name}` must be text, found {type(value).__name__}")
    return ""


def _storable(text: str) -> str:
    """A lone surrogate is legal JSON but cannot be stored or embedded."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")


def _authors(record: dict[str, Any]) -> tuple[str, ...]:
    value = record.get("authors") or []
    names = value.split(";" if ";" in value else ",") if isinstance(value, str) else value
    if isinstance(names, list):
        names = [name.get("name") if isinstance(name, dict) else name for name in names]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("`authors` must be a list of names or one line of text")
    return tuple(_storable(name) for name in names)


def _collections(record: dict[str, Any]) -> tuple[str, ...]:
    names = record.get("collections")
    return tuple(_storable(name) for name in names if isinstance(name, str)) if isinstance(names, list) else ()


def _year(record: dict[str, Any]) -> int | None:
    value = record.get("year")
    if value in (None, ""):
        return None
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).strip().isdigit():
        raise ValueError(f"`year` must be a whole number, found {value!r}")
    year = int(value)
    if not 1000 <= year <= 2999:
        raise ValueError(f"`year` must have four digits, found {year}")
    return year


READER = Reader("JSON Lines", 20, _recognises, _read)
