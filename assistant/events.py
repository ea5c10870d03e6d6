"""What one turn emits, in this order; the command line, the page and Python callers all read the same events.

Planned, Retrieved, for a large written summary Estimated and some Reading, then any number of Delta, Cited and
Unsourced, then Checked (written answers) and Done. A turn that breaks ends with Failed instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from index_store import PaperHit

from .citations import Citation, Uncited
from .conversations import Conversation, Turn
from .routing import Plan
from .topics import TopicMap


@dataclass(frozen=True, slots=True)
class Planned:
    """What the message is taken to ask."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was found before anything is written; empty hits mean that the collection does not speak of it.

    `missing` names the subjects of a comparison on which nothing was found.
    """

    hits: tuple[PaperHit, ...]
    searched: int
    missing: tuple[str, ...] = ()
    topic_map: TopicMap | None = None


@dataclass(frozen=True, slots=True)
class Estimated:
    """What a large summary will take at most, before it starts: model calls, tokens, and US dollars if known."""

    papers: int
    calls: int
    tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """How many of the papers the model has read."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Delta:
    """The next stretch of the answer, as Markdown without markers."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation at this place of the answer."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class Unsourced:
    """A claim ends here that cites nothing and that no offered sentence supports."""

    mark: Uncited


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer is complete; how many of its claims have which support label."""

    support: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Done:
    """The turn is over, written to its end or stopped; `conversation` holds it as its last turn."""

    turn: Turn
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn broke; `turn` keeps what was written until then, and `conversation` holds it as its last turn."""

    message: str
    retryable: bool
    turn: Turn
    conversation: Conversation


Event = Planned | Retrieved | Estimated | Reading | Delta | Cited | Unsourced | Checked | Done | Failed
