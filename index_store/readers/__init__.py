"""File -> papers. Every module in this folder that defines `READER` is a format; a new format is a new file."""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ..errors import ReaderError
from ..papers import Paper
from .base import Malformed, Reader, Record, Remark, Source
from .opening import DAMAGE, TooLarge, open_sources

__all__ = ["Malformed", "Reader", "Record", "Remark", "Source", "read_file", "readers"]

_LONGEST_TITLE, _LONGEST_ABSTRACT = 2_000, 100_000


@cache
def readers() -> tuple[Reader, ...]:
    """All formats, the most particular first."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return tuple(sorted((m.READER for m in modules if hasattr(m, "READER")), key=lambda reader: reader.rank))


def read_file(path: Path) -> Iterator[Record]:
    """The records of one file, or of each file in an archive; the format is told from the content.

    Raises `ReaderError` if the file cannot be opened, is not text, holds nothing, or is of a format that is not
    read, after the records that came before the reason. A file in an archive that is so is one `Malformed`, and the
    next is read.
    """
    try:
        for source in open_sources(path):
            if isinstance(source, Malformed):
                yield source
            elif source.label == str(path):
                yield from _records(source)
            else:
                yield from _member_records(source)
    except TooLarge as error:
        raise TooLarge(f"{path} {str(error).removeprefix(f'{path} ')}") from error
    except DAMAGE as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise ReaderError(f"{path} cannot be read: {reason}.") from error


def _member_records(source: Source) -> Iterator[Record]:
    try:
        yield from _records(source)
    except ReaderError as error:
        yield source.malformed(0, str(error).removeprefix(f"{source.label} "))
    except DAMAGE as error:
        yield source.malformed(0, f"cannot be unpacked: {str(error).rstrip('.')}.")


def _records(source: Source) -> Iterator[Record]:
    """What the reader of its format finds in a source, with the lines that were passed over where they were."""
    if not source.head.strip("\0 \t\r\n\ufeff"):
        raise ReaderError(f"{source.label} is empty.")
    reader = next(reader for reader in readers() if reader.recognises(source.suffix, source.head))
    anything = False
    for record in reader.read(source):
        yield from source.told_problems()
        yield _checked(record, source)
        anything = anything or not isinstance(record, Remark)
    problems = source.told_problems()
    yield from problems
    if not anything and not problems:
        raise ReaderError(f"{source.label} holds no papers.")


def _checked(record: Record, source: Source) -> Record:
    """The record, unless what a reader took for a paper cannot be one."""
    if not isinstance(record, Paper):
        return record
    if not record.title.strip():
        return source.malformed(0, "holds a paper without a title")
    for name, text, longest in (
        ("a title", record.title, _LONGEST_TITLE),
        ("an abstract", record.abstract, _LONGEST_ABSTRACT),
    ):
        if len(text) > longest:
            return source.malformed(0, f"holds {name} of more than {longest:,} characters: {record.title[:60]!r}")
    return record
