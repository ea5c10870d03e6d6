"""What the three kinds of answer have in common: evidence that was found, and two ways to write from it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from llama_index.core.base.llms.types import ChatMessage

from index_store import Paper, PaperHit

from .citations import Piece, References, Target
from .claims import ClaimChecker
from .conversations import Conversation
from .prompts import Prompts

CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent for one answer, and the papers it offers."""

    messages: tuple[ChatMessage, ...]
    papers: tuple[Paper, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """What a request is composed with: the conversation before, the keys of the papers, and `budget` tokens.

    `language` is the one to write in; empty: that of the question.
    """

    conversation: Conversation
    references: References
    prompts: Prompts
    count: CountTokens
    budget: int
    language: str = ""


class AnswerCheck(Protocol):
    """Text and targets of a model's answer -> pieces whose claims are checked."""

    @property
    def references(self) -> References:
        """The numbers given so far."""

    @property
    def dropped(self) -> int:
        """What was left out of the model's text."""

    def may_check(self, piece: str | Target) -> bool:
        """Whether feeding this piece may check a claim, which takes milliseconds; most words are just let out."""

    def feed(self, piece: str | Target) -> list[Piece]:
        """What can be let out after this piece."""

    def close(self, *, cut: bool = False, half: bool = False) -> list[Piece]:
        """What was held back, once the answer has ended, or was cut; `half` if it ended at the model's limit."""


class Writer(Protocol):
    """One kind of answer. Without any hits the collection holds nothing on what was asked."""

    @property
    def may_hold_code(self) -> bool:
        """Whether a model's text may have blocks of code, whose brackets are no markers."""

    @property
    def hits(self) -> Sequence[PaperHit]:
        """The papers that were found, best first."""

    @property
    def searched(self) -> int:
        """How many papers were searched."""

    def quote(self, references: References) -> Iterator[str]:
        """The answer without a model, in Markdown with markers: sentences of the papers, word for word."""

    def refuse(self) -> Iterator[str]:
        """That the collection holds nothing on it, and what comes nearest; nothing is cited."""

    def request(self, room: Room) -> Request:
        """What a model is sent."""

    def checked(self, checker: ClaimChecker) -> AnswerCheck:
        """The check that the model's text goes through."""
