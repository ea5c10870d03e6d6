"""File -> papers. Every module in this folder that defines `READER` is a format; a new format is a new file."""

import gzip
import importlib
import pkgutil
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TextIO

from ..errors import ReaderError
from .base import Malformed, Reader, Record

__all__ = ["Malformed", "Reader", "Record", "read_file", "readers"]

_HEAD_CHARACTERS = 20_000
_GZIP = b"\x1f\x8b"


@cache
def readers() -> tuple[Reader, ...]:
    """All formats, the most particular first."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return tuple(sorted((m.READER for m in modules if hasattr(m, "READER")), key=lambda reader: reader.rank))


def read_file(path: Path) -> Iterator[Record]:
    """The records of one file in order, each a `Paper` or a `Malformed`; the format is told from the content.

    Raises `ReaderError` if the file cannot be opened, is not text, holds nothing, or is of a format that is not
    read.
    """
    try:
        with _open(path) as file:
            head = file.read(_HEAD_CHARACTERS)
            if "\0" in head:
                raise ReaderError(f"{path} is not a text file.")
            if not head.strip():
                raise ReaderError(f"{path} is empty.")
            file.seek(0)
            inside = path.with_suffix("") if path.suffix == ".gz" else path
            reader = next(reader for reader in readers() if reader.recognises(inside, head))
            yield from reader.read(path, file)
    except UnicodeDecodeError as error:
        raise ReaderError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8 and add it again.") from error
    except (OSError, EOFError, zlib.error) as error:  # the last two: a gzip file that is cut short or damaged
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise ReaderError(f"{path} cannot be read: {reason}.") from error


def _open(path: Path) -> TextIO:
    """The file as text, unpacked as it is read if it is gzip, whatever its name."""
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
    return gzip.open(path, "rt", encoding="utf-8-sig") if packed else path.open(encoding="utf-8-sig")
