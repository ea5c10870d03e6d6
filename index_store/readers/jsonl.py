"""JSON Lines: one object per paper, with at least a `title`; what the product itself exports and ships."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from ..papers import Paper
from .base import Malformed, Reader, Record

# Names that other tools give to the same field, in order of preference.
_NAMES = {
    "abstract": ("abstract", "text", "summary"),
    "venue": ("venue", "journal"),
    "doi": ("doi",),
    "arxiv_id": ("arxiv_id", "arxiv"),
    "url": ("url", "link"),
}


def _recognises(path: Path, head: str) -> bool:
    return head.lstrip().startswith("{") or path.suffix in {".jsonl", ".ndjson"}


def _read(path: Path, file: TextIO) -> Iterator[Record]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            yield _paper(json.loads(line), path.name)
        except json.JSONDecodeError as error:
            yield Malformed(
                str(path), number, f"not valid JSON at column {error.colno}: {error.msg.removesuffix(' at')}"
            )
        except (ValueError, RecursionError) as error:
            yield Malformed(str(path), number, str(error))


def _paper(record: Any, source: str) -> Paper:
    if not isinstance(record, dict):
        raise ValueError(f"expected an object with a title, found {type(record).__name__}")
    title = _text(record, ("title",))
    if not title:
        raise ValueError("the record has no title")
    fields = {field: _text(record, names) for field, names in _NAMES.items()}
    return Paper(title=title, authors=_authors(record), year=_year(record), source=source, **fields)


def _text(record: dict[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and value.strip():
            # A lone surrogate is legal JSON but cannot be stored or embedded.
            return value.encode("utf-8", "replace").decode().replace("\0", " ")
        if value not in (None, "") and not isinstance(value, str):
            raise ValueError(f"`{name}` must be text, found {type(value).__name__}")
    return ""


def _authors(record: dict[str, Any]) -> tuple[str, ...]:
    value = record.get("authors") or []
    names = value.split(";" if ";" in value else ",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("`authors` must be a list of names or one line of text")
    return tuple(name.encode("utf-8", "replace").decode() for name in names)


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
