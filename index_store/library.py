"""The library as a whole: opens the rooms of one home folder under a lock, and adds, removes and rebuilds."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from . import ingest, sample
from .catalogue import Catalogue, Outcome, PaperVectors, State
from .embedding import Embedder
from .errors import IndexOutdated, LibraryInUse, LibraryUnreadable, ReaderError
from .lexicon import Lexicon
from .papers import Paper
from .readers import Malformed, Record, read_file
from .vectors import PassageVectors

_CATALOGUE, _VECTORS, _WORDS, _LOCK = "catalogue.sqlite3", "vectors", "words", "index.lock"
_READ_BATCH = 500


@dataclass(frozen=True, slots=True)
class AddReport:
    """What adding files or papers did, in numbers of papers, and the records that were left out."""

    new: int = 0
    updated: int = 0
    same: int = 0
    skipped: tuple[Malformed, ...] = field(default=())

    def __add__(self, other: "AddReport") -> "AddReport":
        return AddReport(
            self.new + other.new, self.updated + other.updated, self.same + other.same, self.skipped + other.skipped
        )


@dataclass(frozen=True, slots=True)
class Status:
    """How many papers the catalogue holds and how many of them are indexed, by which model."""

    papers: int
    indexed: int
    pending: int
    sample: int
    embedding_model: str


def open_catalogue(home: Path) -> Catalogue:
    """The catalogue of a home folder, made if it is not there; needs no lock, for commands that only read.

    Raises `LibraryUnreadable` if the folder cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LibraryUnreadable(
            f"The folder {home} cannot be made: {error.strerror}; choose one with --home."
        ) from error
    if not os.access(home, os.W_OK):
        raise LibraryUnreadable(f"The folder {home} cannot be written; choose another one with --home.")
    return Catalogue(home / _CATALOGUE)


def _records(path: Path) -> Iterator[Record]:
    """The records of a file, the reason last if it cannot be read (to its end)."""
    try:
        yield from read_file(path)
    except ReaderError as error:
        yield Malformed(str(path), 0, str(error).removeprefix(f"{path} "))


def status(catalogue: Catalogue) -> Status:
    """Counts from the catalogue."""
    counts = catalogue.counts()
    return Status(
        papers=counts[State.INDEXED] + counts[State.PENDING],
        indexed=counts[State.INDEXED],
        pending=counts[State.PENDING],
        sample=len(catalogue.ids_from(sample.SOURCE)),
        embedding_model=(catalogue.meta("fingerprint") or "").partition("/")[0],
    )


class Library:
    """An open library. One process at a time owns it; close it, or use it as a context manager."""

    def __init__(self, home: Path, embedder: Embedder, *, rebuild: bool = False) -> None:
        """Opens the library in `home`, making what is not there.

        With `rebuild`, both indexes are emptied first and every paper becomes pending; kept vectors are used again.
        Raises `LibraryInUse`, `IndexOutdated` or `LibraryUnreadable`.
        """
        self.home, self.embedder = home, embedder
        self.catalogue = open_catalogue(home)
        self._lock = FileLock(home / _LOCK, thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            self.catalogue.close()
            raise LibraryInUse(
                f"The library in {home} is open in another process. Ask on its page, or stop it first."
            ) from error
        try:
            if rebuild:
                self._empty_indexes()
            self._open_indexes()
        except BaseException:
            self._lock.release()
            self.catalogue.close()
            raise

    def _empty_indexes(self) -> None:
        self.catalogue.mark_all_pending()  # first, so that after a kill no paper counts as indexed in an empty index
        PassageVectors.delete(self.home / _VECTORS)
        Lexicon.delete(self.home / _WORDS)
        self.catalogue.set_meta("fingerprint", self.embedder.fingerprint)
        self.catalogue.prune_vectors(self.embedder.fingerprint)

    def _open_indexes(self) -> None:
        known = self.catalogue.meta("fingerprint")
        if known is None:
            self.catalogue.set_meta("fingerprint", self.embedder.fingerprint)
        elif known != self.embedder.fingerprint:
            raise IndexOutdated(
                f"The index was built with {known!r}, the settings now ask for {self.embedder.fingerprint!r}. "
                "Run `research-assistant rebuild`, or set RESEARCH_ASSISTANT_EMBEDDING_MODEL back."
            )
        self.lexicon = Lexicon(self.home / _WORDS)
        self.vectors = PassageVectors(self.home / _VECTORS, self.embedder.fingerprint)
        if not (self.lexicon.count and self.vectors.count):
            self.catalogue.mark_all_pending()  # an index whose files were deleted is filled again
        self._rooms = ingest.Rooms(self.catalogue, self.lexicon, self.vectors, self.embedder)

    def __enter__(self) -> "Library":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives back the files and the lock."""
        self.vectors.close()
        self.catalogue.close()
        self._lock.release()

    def add_files(self, paths: Sequence[Path]) -> AddReport:
        """Records the papers of files in the catalogue; `index` makes them searchable.

        A file that cannot be read at all is among the skipped, as a `Malformed` with line 0; the others go in.
        """
        report = AddReport()
        for path in paths:
            batch: list[Paper] = []
            for record in _records(path):
                if isinstance(record, Malformed):
                    report += AddReport(skipped=(record,))
                    continue
                batch.append(record)
                if len(batch) == _READ_BATCH:
                    report += self.add(batch)
                    batch = []
            report += self.add(batch)
        return report

    def add(self, papers: Iterable[Paper]) -> AddReport:
        """Records papers in the catalogue; `index` makes them searchable."""
        outcomes = [outcome for outcome, _ in self.catalogue.put(papers)]
        return AddReport(outcomes.count(Outcome.NEW), outcomes.count(Outcome.UPDATED), outcomes.count(Outcome.SAME))

    def add_sample(self) -> AddReport:
        """Records the sample collection in the catalogue; a paper that is already there keeps its own text."""
        self.catalogue.set_meta("sample_offered", "yes")
        return self.add(paper for paper in sample.sample_papers() if not self.catalogue.knows(paper))

    def remove_sample(self) -> int:
        """Removes the sample papers whose text was not replaced since; returns how many."""
        ids = self.catalogue.ids_from(sample.SOURCE)
        self.remove(ids)
        return len(ids)

    @property
    def sample_offered(self) -> bool:
        """Whether the sample collection was ever added here; a reader who removed it is not given it again."""
        return self.catalogue.meta("sample_offered") is not None

    def remove(self, paper_ids: Sequence[str]) -> None:
        """Removes papers from the catalogue and both indexes. Raises `UnknownPaper` and then removes none."""
        for paper_id in paper_ids:
            self.catalogue.paper(paper_id)
        self.catalogue.mark(paper_ids, State.REMOVED)
        ingest.finish(self._rooms)

    def index(self, progress: ingest.Progress | None = None) -> int:
        """Finishes what is pending, from this run or one that was killed; returns how many papers were indexed."""
        return ingest.finish(self._rooms, progress)

    def vectors_of(self, papers: Sequence[Paper]) -> dict[str, PaperVectors]:
        """The vectors of papers by content hash; computed where they are not kept."""
        return ingest.embedded(self._rooms, papers)

    def status(self) -> Status:
        """Counts from the catalogue."""
        return status(self.catalogue)
