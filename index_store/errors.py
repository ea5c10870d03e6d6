"""What can go wrong with the library, and what its reader can do about it.

LibraryError
├── LibraryInUse        another process owns the index
├── IndexOutdated       the index was built with other settings; `rebuild` mends it
├── LibraryUnreadable   the folder, the catalogue or an index cannot be opened
├── ReaderError         a whole file cannot be read
├── UnknownPaper        no paper has that id
├── OnlineError         a paper cannot be fetched: no identifier, or a service that does not answer
├── EmbeddingError      the embedding model cannot be loaded or does not answer
└── RerankError         the reranking endpoint does not answer, refuses, or answers with something else
"""


class LibraryError(Exception):
    """A failure whose message is one line that a user can act on."""


class LibraryInUse(LibraryError):
    """Another process holds the lock of the embedded index."""


class IndexOutdated(LibraryError):
    """The vectors were made by another model or splitter than the settings ask for."""


class LibraryUnreadable(LibraryError):
    """The library's folder, catalogue or index cannot be opened."""


class ReaderError(LibraryError):
    """A file cannot be read at all. `Library.add_files` reports it as `Malformed` and goes on with the others."""


class UnknownPaper(LibraryError):
    """No paper in the catalogue has the id that was asked for."""

    def __init__(self, paper_id: str) -> None:
        super().__init__(f"No paper has the id {paper_id!r}. `research-assistant list` shows the ids.")


class OnlineError(LibraryError):
    """What was asked for is no identifier of a paper, or the service that has the paper does not answer."""


class EmbeddingError(LibraryError):
    """The embedding model cannot be loaded, or its server does not answer."""


class RerankError(LibraryError):
    """The reranking endpoint does not answer, refuses the request, or its answer cannot be used."""
