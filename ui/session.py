"""What one session of the page has before it, and who answers in it."""

from dataclasses import dataclass, field

from assistant import (
    Archive,
    Assistant,
    Connection,
    Conversation,
    LibraryError,
    Preferences,
    Status,
    describe,
)

from . import render
from .readers import Reader
from .writing import Running

RECENT = 20  # turns of a long conversation that are shown at first, and more of at a time


@dataclass
class Desk:
    """What one session has before it. Changed in place.

    `conversation` is the one that was painted last: a handler is given the state of the page as it was when the handler
    began, and this is as it is now. `watched` is the turn that is being painted, at the `visit`th time that one is, and
    `painted_at` when it last was looked after, on the monotonic clock; `editing` the one whose question is edited,
    `shown` how many of the last turns are on the page. Of the list of conversations: what is `searched`, what was last
    seen to be `typed` for that, how many more than usual are `listed`, which is being renamed, those deleted here, and
    how it was last painted. `reader` is who sits there, as the last request said.
    """

    conversation: Conversation = field(default_factory=Conversation)
    watched: Running | None = None
    visit: int = 0
    painted_at: float = 0.0
    editing: str = ""
    shown: int = RECENT
    searched: str = ""
    typed: str = ""
    listed: int = 0
    renaming: str = ""
    preferences: Preferences = field(default_factory=Preferences)
    deleted: list[tuple[str, str]] = field(default_factory=list)
    painted: str = ""
    reader: Reader | None = None

    @property
    def owner(self) -> str:
        """Whose conversations are read and written here, "" where nobody signs in."""
        return self.reader.name if self.reader else ""

    def kept(self, assistant: Assistant) -> Archive:
        """The conversations of whoever sits here. Raises `ArchiveUnreadable`."""
        return assistant.conversations.of(self.owner)

    def leave(self) -> None:
        """Turns to another conversation; what is being painted of this one no longer is."""
        self.watched, self.editing, self.shown, self.visit = None, "", RECENT, self.visit + 1


@dataclass(frozen=True)
class Speaker:
    """Who answers in this session: the model of `connection`, else that of the settings, else quotations."""

    connection: Connection | None = None
    quoting_only: bool = False

    def model(self, assistant: Assistant) -> str | None:
        """The name of the model that writes, or None."""
        chosen = None if self.quoting_only else self.connection or assistant.connection
        return chosen.model if chosen else None

    def head(self, assistant: Assistant) -> str:
        """The page's head as it now is; it says so where the library cannot be read."""
        status, problem = standing(assistant)
        return render.header(status, self.model(assistant), assistant.background.standing, problem)


def standing(assistant: Assistant) -> tuple[Status | None, str]:
    """How many papers there are; or None, and why that cannot be told now."""
    try:
        return assistant.library.status(), ""
    except LibraryError as error:
        return None, describe(error).message
