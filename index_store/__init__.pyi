from .adding import AddReport, add_files, add_records
from .as_of_change import AsOfChange
from .background import Background, Standing
from .catalogue import Catalogue
from .chroma import ChromaServer
from .copying import CopiedPapers, copy_papers
from .doctor import Diagnosis, Problem, examine
from .embedding import Embedder, open_embedder
from .engines import DatabasePlace, Postgres, begin_alone, inserting, is_postgres, open_engine
from .errors import (
    EmbeddingError,
    IndexOutdated,
    LibraryError,
    LibraryInUse,
    LibraryUnreadable,
    OnlineError,
    ReaderError,
    RerankError,
    UnknownPaper,
)
from .filters import Filter, everything
from .fusion import directions
from .home import Status, has_catalogue, open_catalogue, status
from .lexicon import content_terms, terms
from .library import Library
from .listing import Listing, Order, Selection
from .online import Identifier, Services, add_fetched, fetch, parse_identifier, query_arxiv
from .papers import Paper, Passage, Sentence, fold, plain_text
from .passages import passages, sentences
from .precedence import in_front, is_anybody_in_front
from .readers import Malformed, Remark
from .reranking import EndpointReranker
from .rows import State
from .sample import sample_papers
from .search import PaperHit, Ranking, SearchResult, SentenceMatch, like, match, search
from .themes import Theme, layout, themes
from .threads import matrices_on_one_thread
from .versions import Versions
from .writers import as_text, formats, write

__all__ = [
    "AddReport",
    "AsOfChange",
    "Background",
    "Catalogue",
    "ChromaServer",
    "CopiedPapers",
    "DatabasePlace",
    "Diagnosis",
    "Embedder",
    "EmbeddingError",
    "EndpointReranker",
    "Filter",
    "Identifier",
    "IndexOutdated",
    "Library",
    "LibraryError",
    "LibraryInUse",
    "LibraryUnreadable",
    "Listing",
    "Malformed",
    "OnlineError",
    "Order",
    "Paper",
    "PaperHit",
    "Passage",
    "Postgres",
    "Problem",
    "Ranking",
    "ReaderError",
    "Remark",
    "RerankError",
    "SearchResult",
    "Selection",
    "Sentence",
    "SentenceMatch",
    "Services",
    "Standing",
    "State",
    "Status",
    "Theme",
    "UnknownPaper",
    "Versions",
    "add_fetched",
    "add_files",
    "add_records",
    "as_text",
    "begin_alone",
    "content_terms",
    "copy_papers",
    "directions",
    "everything",
    "examine",
    "fetch",
    "fold",
    "formats",
    "has_catalogue",
    "in_front",
    "inserting",
    "is_anybody_in_front",
    "is_postgres",
    "layout",
    "like",
    "match",
    "matrices_on_one_thread",
    "open_catalogue",
    "open_embedder",
    "open_engine",
    "parse_identifier",
    "passages",
    "plain_text",
    "query_arxiv",
    "sample_papers",
    "search",
    "sentences",
    "status",
    "terms",
    "themes",
    "write",
]
