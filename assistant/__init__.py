"""What is said: a question in, events out. No page, no vector store."""

from index_store import (
    EmbeddingError,
    Filter,
    LibraryError,
    LibraryInUse,
    Paper,
    PaperHit,
    Ranking,
    SearchResult,
    Sentence,
    Standing,
    Status,
    Theme,
    everything,
    plain_text,
    sentences,
)

from .citations import Citation, Piece, References, Uncited, markdown, stored
from .conversations import Conversation, Outcome, Turn, from_messages
from .engine import Assistant
from .errors import AssistantError, InvalidHistory, InvalidQuestion, InvalidSettings, describe
from .events import (
    Checked,
    Cited,
    Delta,
    Done,
    Estimated,
    Event,
    Failed,
    Planned,
    Reading,
    Retrieved,
    Unsourced,
)
from .examples import examples
from .intent import Length
from .limits import limited, limits
from .llm import Connection, check
from .routing import Mode, Plan
from .settings import Settings, load_settings, settings_table
from .tables import Cell, to_csv
from .topics import Dot, TopicMap

__all__ = [
    "Assistant",
    "AssistantError",
    "Cell",
    "Checked",
    "Citation",
    "Cited",
    "Connection",
    "Conversation",
    "Delta",
    "Done",
    "Dot",
    "EmbeddingError",
    "Estimated",
    "Event",
    "Failed",
    "Filter",
    "InvalidHistory",
    "InvalidQuestion",
    "InvalidSettings",
    "Length",
    "LibraryError",
    "LibraryInUse",
    "Mode",
    "Outcome",
    "Paper",
    "PaperHit",
    "Piece",
    "Plan",
    "Planned",
    "Ranking",
    "Reading",
    "References",
    "Retrieved",
    "SearchResult",
    "Sentence",
    "Settings",
    "Standing",
    "Status",
    "Theme",
    "TopicMap",
    "Turn",
    "Uncited",
    "Unsourced",
    "check",
    "describe",
    "everything",
    "examples",
    "from_messages",
    "limited",
    "limits",
    "load_settings",
    "markdown",
    "plain_text",
    "sentences",
    "settings_table",
    "stored",
    "to_csv",
]
