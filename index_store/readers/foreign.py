"""Formats that no reader here takes: refused by name, so that their markup does not become a paper.

A reader for one of them takes a `rank` below this one's.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ..errors import ReaderError
from .base import Reader, Record

_JSON_ARRAY = re.compile(r"\[\s*(\[\s*)*([{\"\]]|(-?\d[\d.eE+-]*|true|false|null)\s*,|\Z)|\[[ \t]*\n")
_LOOKS = (
    (re.compile(r"(%[^\n]*\n\s*)*@\w+\s*\{"), "BibTeX"),
    (re.compile(r"<\s*(!doctype\s+html|html|head|body|div|p|h\d)\b", re.IGNORECASE), "HTML"),
    (re.compile(r"<"), "XML or HTML"),
    (re.compile(r"TY  - "), "RIS"),
    (re.compile(r"PMID ?- "), "a PubMed export"),
)
_COLUMNS = {",": "a CSV table", "\t": "a table with tabs", ";": "a CSV table"}
_TITLE_COLUMN = re.compile(r"(\w+[ _-]){0,2}title", re.IGNORECASE)
_LONGEST_COLUMN_NAME = 4  # words


def _recognises(path: Path, head: str) -> bool:
    return bool(_format(path, head))


def _format(path: Path, head: str) -> str:
    """What the file looks like, or nothing if its first lines may be those of a format that is read."""
    head = head.lstrip("\ufeff \t\r\n")
    if head.startswith(("[", "{")):
        return _json(path, head)
    return next((name for look, name in _LOOKS if look.match(head)), "") or _table(head.partition("\n")[0])


def _json(path: Path, head: str) -> str:
    """JSON that goes on over several lines. One value per line is JSON Lines, the wrong ones among them included."""
    lines = [line.strip() for line in head.splitlines() if line.strip()]
    first, following = lines[0], lines[1] if len(lines) > 1 else ""
    if head.startswith("["):
        one_of_many = path.suffix in {".jsonl", ".ndjson"} and following.startswith("{") and _is_json(first)
        return "a JSON array" if _JSON_ARRAY.match(head) and not one_of_many else ""
    goes_on = first.endswith(("{", "[")) or (first.endswith(",") and not first.endswith("},"))
    starts_anew = following.startswith("{") and not first.endswith(("{", "["))
    return "a JSON object over several lines" if following and goes_on and not starts_anew else ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _table(line: str) -> str:
    """A line of short names between commas or tabs, one of them a title's."""
    for separator, name in _COLUMNS.items():
        columns = [column.strip().strip("\"'").strip() for column in line.split(separator)]
        short = all(len(column.split()) <= _LONGEST_COLUMN_NAME for column in columns)
        if len(columns) > 1 and short and any(_TITLE_COLUMN.fullmatch(column) for column in columns):
            return name
    return ""


def _read(path: Path, file: TextIO) -> Iterator[Record]:
    from . import readers

    *names, last = [reader.name for reader in readers() if reader.name != READER.name]
    found = _format(path, file.read(20_000))
    hint = " Put each object on one line, without brackets or commas around them." if "JSON" in found else ""
    raise ReaderError(f"{path} looks like {found}, which cannot be read; {', '.join(names)} and {last} can.{hint}")


READER = Reader("foreign", 1, _recognises, _read)
