"""What is known: papers in, passages out. No LLM, no chat, no page."""

from .catalogue import Catalogue, State
from .embedding import Embedder, open_embedder
from .errors import (
    EmbeddingError,
    IndexOutdated,
    LibraryError,
    LibraryInUse,
    LibraryUnreadable,
    ReaderError,
    UnknownPaper,
)
from .lexicon import content_terms, terms
from .library import AddReport, Library, Status, open_catalogue, status
from .papers import Paper, Passage, Sentence, plain_text
from .passages import passages, sentences
from .readers import Malformed
from .sample import sample_papers
from .search import PaperHit, Ranking, SearchResult, SentenceMatch, match, search
from .themes import Theme, layout, themes

__all__ = [
    "AddReport",
    "Catalogue",
    "Embedder",
    "EmbeddingError",
    "IndexOutdated",
    "Library",
    "LibraryError",
    "LibraryInUse",
    "LibraryUnreadable",
    "Malformed",
    "Paper",
    "PaperHit",
    "Passage",
    "Ranking",
    "ReaderError",
    "SearchResult",
    "Sentence",
    "SentenceMatch",
    "State",
    "Status",
    "Theme",
    "UnknownPaper",
    "content_terms",
    "layout",
    "match",
    "open_catalogue",
    "open_embedder",
    "passages",
    "plain_text",
    "sample_papers",
    "search",
    "sentences",
    "status",
    "terms",
    "themes",
]
