"""What a format must offer, and how it reports a record that it cannot use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ..papers import Paper


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that was left out; `line` counts from 1, and is 0 where the whole file could not be read."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}" if self.line else f"{self.file} {self.reason}"


Record = Paper | Malformed


@dataclass(frozen=True, slots=True)
class Reader:
    """A format. Readers are asked in order of `rank`; the first that recognises a file reads it.

    `recognises` gets the path and the first 20,000 characters, `read` the path and the open file.
    """

    name: str
    rank: int
    recognises: Callable[[Path, str], bool]
    read: Callable[[Path, TextIO], Iterator[Record]]
