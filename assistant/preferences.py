"""How a reader wants all questions answered, where a question does not say it."""

import re
from dataclasses import dataclass
from typing import ClassVar

from .errors import InvalidQuestion
from .intent import Length

_LANGUAGE = re.compile(r"[^\W\d_][\w ()'-]{0,39}")


@dataclass(frozen=True, slots=True)
class Preferences:
    """The length of answers and summaries, how many papers a question looks at, and the language of written answers.

    None and "" leave it to the settings and to the question. Raises `InvalidQuestion` for a number that is not between
    1 and 50, and for what is no name of a language.
    """

    MOST_PAPERS: ClassVar = 50

    length: Length = Length.NORMAL
    papers: int | None = None
    language: str = ""

    def __post_init__(self) -> None:
        if self.papers is not None and not 1 <= self.papers <= self.MOST_PAPERS:
            raise InvalidQuestion(f"A question looks at 1 to {self.MOST_PAPERS} papers, not at {self.papers}.")
        if self.language and not _LANGUAGE.fullmatch(self.language):
            raise InvalidQuestion(f"{self.language[:40]!r} is no name of a language.")


usual = Preferences()
"""Nothing asked for."""
