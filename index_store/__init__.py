"""What is known: papers in, passages out. No LLM, no chat, no page."""

from .background import Background, Standing
from .catalogue import Catalogue
from .chroma import ChromaServer
from .embedding import Embedder, open_embedder
from .errors import (
    EmbeddingError,
    IndexOutdated,
    LibraryError,
    LibraryInUse,
    LibraryUnreadable,
    ReaderError,
    RerankError,
    UnknownPaper,
)
from .filters import Filter, everything
from .fusion import directions
from .lexicon import content_terms, terms
from .library import AddReport, Library, Status, open_catalogue, status
from .merging import State
from .papers import Paper, Passage, Sentence, plain_text
from .passages import passages, sentences
from .readers import Malformed
from .reranking import EndpointReranker
from .sample import sample_papers
from .search import PaperHit, Ranking, SearchResult, SentenceMatch, match, search
from .themes import Theme, layout, themes

__all__ = [
    "AddReport",
    "Background",
    "Catalogue",
    "ChromaServer",
    "Embedder",
    "EmbeddingError",
    "EndpointReranker",
    "Filter",
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
    "RerankError",
    "SearchResult",
    "Sentence",
    "SentenceMatch",
    "Standing",
    "State",
    "Status",
    "Theme",
    "UnknownPaper",
    "content_terms",
    "directions",
    "everything",
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
