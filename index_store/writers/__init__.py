"""Papers -> file. Each module here writes one format, such that reading the file gives the same papers."""

from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

from ..papers import Paper
from . import bibtex, csl_json, jsonl, ris

__all__ = ["as_text", "formats", "write"]

_PIECES: dict[str, Callable[[Iterable[Paper]], Iterator[str]]] = {
    "jsonl": jsonl.pieces,
    "bibtex": bibtex.pieces,
    "ris": ris.pieces,
    "csl-json": csl_json.pieces,
}


def formats() -> tuple[str, ...]:
    """The names of the formats that can be written."""
    return tuple(_PIECES)


def write(papers: Iterable[Paper], format: str, file: TextIO) -> int:
    """Writes the papers one after the other, and returns how many they are.

    Raises `ValueError` if the format is not one of `formats()`.
    """
    count = 0

    def counted() -> Iterator[Paper]:
        nonlocal count
        for paper in papers:
            count += 1
            yield paper

    for piece in _pieces(format)(counted()):
        file.write(piece)
    return count


def as_text(paper: Paper, format: str) -> str:
    """One paper as it stands in a file of that format."""
    return "".join(_pieces(format)([paper]))


def _pieces(format: str) -> Callable[[Iterable[Paper]], Iterator[str]]:
    if format not in _PIECES:
        raise ValueError(f"{format!r} is not a format; there are {', '.join(_PIECES)}")
    return _PIECES[format]
