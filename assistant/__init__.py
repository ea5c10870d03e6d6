"""What is said: a question in, events out. No page, no vector store."""

from index_store import (
    EmbeddingError,
    LibraryError,
    LibraryInUse,
    Paper,
    PaperHit,
    Ranking,
    SearchResult,
    Sentence,
    Status,
    plain_text,
    sentences,
)

from .citations import Citation, Piece, References, Uncited, markdown, stored
from .conversations import Conversation, Outcome, Turn, from_messages
from .engine import Assistant
from .errors import AssistantError, InvalidHistory, InvalidQuestion, InvalidSettings, ModeNotBuilt, describe
from .events import Checked, Cited, Delta, Done, Event, Failed, Planned, Retrieved, Unsourced
from .examples import examples
from .llm import Connection, check
from .routing import Mode, Plan
from .settings import Settings, load_settings, settings_table

__all__ = [
    "Assistant",
    "AssistantError",
    "Checked",
    "Citation",
    "Cited",
    "Connection",
    "Conversation",
    "Delta",
    "Done",
    "EmbeddingError",
    "Event",
    "Failed",
    "InvalidHistory",
    "InvalidQuestion",
    "InvalidSettings",
    "LibraryError",
    "LibraryInUse",
    "Mode",
    "ModeNotBuilt",
    "Outcome",
    "Paper",
    "PaperHit",
    "Piece",
    "Plan",
    "Planned",
    "Ranking",
    "References",
    "Retrieved",
    "SearchResult",
    "Sentence",
    "Settings",
    "Status",
    "Turn",
    "Uncited",
    "Unsourced",
    "check",
    "describe",
    "examples",
    "from_messages",
    "load_settings",
    "markdown",
    "plain_text",
    "sentences",
    "settings_table",
    "stored",
]
