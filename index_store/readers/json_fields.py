"""Values in the JSON of other programs, which put a number, a list or nothing where text is due."""

from typing import Any

from .tagged import year_in


def text(*values: Any) -> str:
    """The first of the values that is, or holds, any text."""
    for value in values:
        if isinstance(value, list):
            value = text(*value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def part(record: dict[str, Any], *names: str) -> Any:
    """What is found by going from name to name, or nothing."""
    value: Any = record
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; what else there is in it is left out."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def year(*values: Any) -> int | None:
    """The first year that one of the values is or begins with, such as the year of a date."""
    return year_in(*(text(value) for value in values))


def titled(title: str) -> str:
    """The title. Raises `ValueError` if there is none."""
    if not title:
        raise ValueError("the record has no title")
    return title
