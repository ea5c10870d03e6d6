"""The fields that a note begins with, between two lines of dashes, and the names that they go by."""

import re
from collections.abc import Iterable

_FIELDS = {
    "title": "title",
    "authors": "author|authors|creator|creators|written by",
    "year": "year|date|published|publication date|publication year|published on|issued",
    "doi": "doi",
    "arxiv_id": "arxiv|arxiv id|arxivid|eprint",
    "venue": "venue|journal|conference|booktitle|container title|publication|publication title|published in",
    "url": "url|link|pdf|paper|website",
    "abstract": "abstract|abstract note|summary|tldr|tl dr",
}
_FIELD_OF = {name: field for field, names in _FIELDS.items() for name in names.split("|")}
_MOST_LINES = 500
_KEY = re.compile(r"([A-Za-z][\w -]{0,40}?)\s*:(?:\s+(.*))?")
_ITEM = re.compile(r"\s*-\s+(.*)")
_BLOCK = re.compile(r"[|>][+-]?\d?")
_INNER_NAME = re.compile(r"(?:name|literal)\s*:\s*(.*)")
_AROUND_LINK = re.compile(r"\[\[(?:[^\]|]*\|)?([^\]]*)\]\]")


def field_called(name: str) -> str:
    """The field of a paper that goes by that name, or nothing."""
    return _FIELD_OF.get(" ".join(re.findall(r"[a-z]+", name.lower())), "")


def front_matter(lines: list[str]) -> int:
    """How many lines the fields take that a note begins with, the dashes included; none if there are none."""
    if not lines or lines[0].rstrip() != "---":
        return 0
    ends = (number for number, line in enumerate(lines[1:_MOST_LINES], start=2) if line.rstrip() in ("---", "..."))
    end = next(ends, 0)
    return end if any(_KEY.fullmatch(line.rstrip()) for line in lines[1 : end - 1]) else 0


def fields_of(lines: Iterable[str]) -> dict[str, str]:
    """The fields of a paper among the lines; a list of names becomes one text with ";" between them."""
    found: dict[str, list[str]] = {}
    current, separator = "", {"authors": "; "}
    for line in lines:
        key = _KEY.fullmatch(line.rstrip())
        if key and not line.startswith((" ", "-", "\t")):
            current = field_called(key[1])
            value = (key[2] or "").strip()
            values = [] if _BLOCK.fullmatch(value) else _values(value)
        else:
            item = _ITEM.fullmatch(line)
            values = [_unquoted(item[1] if item else line.strip())]
        if current:
            found.setdefault(current, []).extend(value for value in values if value)
    return {field: separator.get(field, " ").join(values) for field, values in found.items() if values}


def _values(value: str) -> list[str]:
    if value.startswith("[") and value.endswith("]") and not value.startswith("[["):
        return [_unquoted(part) for part in re.findall(r'\s*("[^"]*"|\'[^\']*\'|[^,]+)', value[1:-1])]
    return [_unquoted(value)]


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1].replace('\\"', '"').replace("''", "'")
    named = _INNER_NAME.fullmatch(value)
    return _AROUND_LINK.sub(r"\1", _unquoted(named[1]) if named else value)
