"""What of the library the page needs too; it imports from `assistant` alone."""

from index_store import AddReport as AddReport
from index_store import EmbeddingError as EmbeddingError
from index_store import Filter as Filter
from index_store import Identifier as Identifier
from index_store import LibraryError as LibraryError
from index_store import LibraryInUse as LibraryInUse
from index_store import Listing as Listing
from index_store import Malformed as Malformed
from index_store import Order as Order
from index_store import Paper as Paper
from index_store import PaperHit as PaperHit
from index_store import Ranking as Ranking
from index_store import Remark as Remark
from index_store import SearchResult as SearchResult
from index_store import Selection as Selection
from index_store import Sentence as Sentence
from index_store import Standing as Standing
from index_store import Status as Status
from index_store import Theme as Theme
from index_store import everything as everything
from index_store import matrices_on_one_thread as matrices_on_one_thread
from index_store import parse_identifier as parse_identifier
from index_store import plain_text as plain_text
from index_store import sentences as sentences
