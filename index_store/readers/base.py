"""What a format must offer, what it gets to read from, and how it reports a record that it cannot use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import BinaryIO, TextIO

from ..papers import Paper

LONGEST_RECORD = 4_000_000
"""Characters of one line, or of one record over several lines; what is longer is skipped, so that memory is bounded."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that was left out; `line` counts from 1, and is 0 where the whole file could not be read."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}" if self.line else f"{self.file} {self.reason}"


@dataclass(frozen=True, slots=True)
class Remark:
    """What a reader should know of a file that was read, such as which columns of a table were taken for what."""

    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"


Record = Paper | Malformed | Remark


@dataclass
class Source:
    """A file, or a member of an archive, as a reader gets it: unpacked, at its beginning, its encoding known.

    `name` is what `Paper.source` becomes, `label` what messages call it, `suffix` the extension in small letters
    (".bib"), `stream` its bytes, `encoding` that of its text, `head` its first characters. A reader uses one of
    `lines`, `text` and `stream`.
    """

    name: str
    label: str
    suffix: str
    stream: BinaryIO
    encoding: str
    head: str = ""
    problems: list[Malformed] = field(default_factory=list)

    def malformed(self, line: int, reason: str) -> Malformed:
        """A record of this file that is left out."""
        return Malformed(self.label, line, reason)

    def told_problems(self) -> list[Malformed]:
        """The problems since this was last called."""
        told, self.problems = self.problems, []
        return told

    def text(self) -> TextIO:
        """The whole as text, with every kind of line end as `\\n`. A single line may be of any length."""
        # "fallback" is registered in `encodings`: stray bytes in UTF-8 are read as Windows-1252.
        return TextIOWrapper(self.stream, self.encoding, errors="fallback")

    def lines(self) -> Iterator[tuple[int, str]]:
        """Number, from 1, and text of each line without its end. A line that is too long is put among `problems`."""
        text, number = self.text(), 0
        while line := text.readline(LONGEST_RECORD + 1):
            number += 1
            if len(line) > LONGEST_RECORD and not line.endswith("\n"):
                self.problems.append(self.malformed(number, f"the line is longer than {LONGEST_RECORD:,} characters"))
                while (rest := text.readline(LONGEST_RECORD)) and not rest.endswith("\n"):
                    pass
                continue
            yield number, line.rstrip("\n")


@dataclass(frozen=True, slots=True)
class Reader:
    """A format. Readers are asked in order of `rank`; the first that recognises a file reads it.

    `recognises` gets the extension in small letters (".bib", or "") and the first 20,000 characters.
    """

    name: str
    rank: int
    recognises: Callable[[str, str], bool]
    read: Callable[[Source], Iterator[Record]]
