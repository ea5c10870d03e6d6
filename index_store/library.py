"""The library as a whole: opens the rooms of one home folder under a lock, and adds, removes and rebuilds."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock
from types import TracebackType
from uuid import uuid4

from . import adding, ingest, sample
from .adding import AddReport
from .as_of_change import AsOfChange
from .catalogue import Catalogue
from .chroma import ChromaServer, Place
from .embedding import Embedder
from .engines import Postgres
from .errors import IndexOutdated, LibraryError, LibraryInUse, LibraryUnreadable
from .following import Bookmark
from .home import CATALOGUE, Status, make_home, status
from .kept_vectors import EmbeddedText, PaperVectors
from .lexicon import Lexicon
from .locks import FolderLock, Turns
from .locks import Lock as ProcessLock
from .papers import Paper
from .readers import Record
from .vectors import PassageVectors

_VECTORS, _WORDS, _BOOKMARK = "vectors", "words", "words.bookmark"
_LOCK, _EMBEDDING_LOCK = "index.lock", "embedding.lock"
_LAYOUT = "3"  # of what both indexes hold of a paper; a change makes them anew from the catalogue, embedding nothing
_MENDED = "The index of {} was damaged or half written; it is made anew, and nothing is embedded again."


class Library:
    """An open library. Close it, or use it as a context manager.

    One process at a time owns it, unless its vectors are on a Chroma server: then any number may have it open, and a
    change waits until another one is done. With the catalogue in a database on PostgreSQL too, these may have homes of
    their own, also on other machines.
    """

    def __init__(
        self,
        home: Path,
        embedder: Embedder,
        *,
        rebuild: bool = False,
        server: ChromaServer | None = None,
        database: Postgres | None = None,
    ) -> None:
        """Opens the library in `home`, making what is not there.

        With `rebuild`, both indexes are emptied first and every paper becomes pending; kept vectors are used again.
        An index whose files are damaged, as by a kill while they were written, is made anew from the catalogue in the
        same way, and `mended` says so.
        Raises `LibraryInUse`, `IndexOutdated` or `LibraryUnreadable`, and `ValueError` for a database without a server.
        """
        if database and not server:
            raise ValueError("a library whose catalogue is in a shared database has its vectors on a server")
        self.home, self.embedder, self._shared = home, embedder, server is not None
        self.mended: tuple[str, ...] = ()
        make_home(home)
        self._lock, self._indexing = FolderLock(home / _LOCK), Lock()
        if not self._shared:
            self._own()
        with ExitStack() as undo:
            undo.callback(self._lock.end)
            self.catalogue = Catalogue(database or home / CATALOGUE)
            undo.callback(self.catalogue.close)
            self._status = AsOfChange(self.catalogue, lambda: status(self.catalogue))
            self._take_locks()
            with self._writing(), self._writing_words():
                self._bookmark = self._open_bookmark()
                self._place: Place = replace(server, collection=self._collection_name()) if server else home / _VECTORS
                if not rebuild:
                    self._require_model()
                if rebuild or self.catalogue.meta("layout") != _LAYOUT:
                    self._empty_indexes(rebuild=rebuild)
                elif self._moved():
                    self._empty_vectors(words=False)
                self._mend()
                self.catalogue.set_meta("vectors", self._kind)
                self._open_indexes()
                undo.callback(self.vectors.close)
                self._refill_lost()
                self.catalogue.forget()
            ingest.index_words(self._rooms)  # seconds; a search before the next `index` finds by them
            undo.pop_all()

    def _own(self) -> None:
        if not self._lock.take(0):
            raise LibraryInUse(
                f"The library in {self.home} is open in another process. Ask on its page, or stop it first."
            )

    def _take_locks(self) -> None:
        """What several processes share is locked where all of them see it: in the folder, or in the database.

        Who takes both takes `_writing` first.
        """
        self._writing_words = self._writing = Turns(self._lock, f"the library in {self.home}")
        self._embedding: ProcessLock = FolderLock(self.home / _EMBEDDING_LOCK)
        if self.catalogue.is_served:
            self._writing = Turns(self.catalogue.lock("writing"), "the library")
            self._embedding = self.catalogue.lock("embedding")

    def _open_bookmark(self) -> Bookmark | None:
        """Where this home remembers what of a shared catalogue its index of words has; that of another is emptied."""
        if self.catalogue.is_served:
            bookmark = Bookmark(self.home / _BOOKMARK, f"{self._library_name()}/{_LAYOUT}")
            if not bookmark.read():
                self._empty_words()
            return bookmark
        if (self.home / _BOOKMARK).exists():  # the words are those of a catalogue in a database
            self.catalogue.mark_unworded()
            self._empty_words()
            (self.home / _BOOKMARK).unlink()
        return None

    def _forget_words(self) -> None:
        """Has the index of words filled anew."""
        if self._bookmark:
            self._bookmark.forget()
        self.catalogue.mark_unworded()

    def _collection_name(self) -> str:
        """One server may hold several libraries; each has its own collection."""
        return f"papers-{self._library_name()}"

    def _library_name(self) -> str:
        if not self.catalogue.meta("library"):
            self.catalogue.set_meta("library", uuid4().hex[:12])
        return str(self.catalogue.meta("library"))

    @property
    def _kind(self) -> str:
        return "server" if self._shared else "folder"

    def _moved(self) -> bool:
        """Whether the vectors were elsewhere in between, so that those here are of an earlier time."""
        return self.catalogue.meta("vectors") not in (None, self._kind)

    def _require_model(self) -> None:
        """Raises `IndexOutdated` if the index was built with another model, before anything is changed."""
        known = self.catalogue.meta("fingerprint")
        if known not in (None, self.embedder.fingerprint):
            raise IndexOutdated(
                f"The index was built with {known!r}, the settings now ask for {self.embedder.fingerprint!r}. "
                "Run `research-assistant rebuild`, or set RESEARCH_ASSISTANT_EMBEDDING_MODEL back."
            )

    def _empty_vectors(self, *, words: bool) -> None:
        """Empties the index of meanings; with `words` every paper also waits for the index of words."""
        PassageVectors.require(self._place)  # a server that does not answer must not cost the library its index
        # Marked first, so that after a kill no paper counts as indexed in an empty index.
        self.catalogue.mark_all_pending(words=words)
        PassageVectors.delete(self._place)

    def _empty_indexes(self, *, rebuild: bool) -> None:
        self._empty_vectors(words=True)
        self._forget_words()
        self._empty_words()
        if rebuild:
            self.catalogue.set_meta("fingerprint", self.embedder.fingerprint)
            self.catalogue.prune_vectors(self.embedder.fingerprint, self.embedder.dimension)
        self.catalogue.set_meta("layout", _LAYOUT)

    def _empty_words(self) -> None:
        folder = self.home / _WORDS
        if self._shared:  # others may be searching, for whom the files must not be gone
            with suppress(LibraryUnreadable, ValueError, OSError):  # of another schema, or damaged
                words = Lexicon(folder, shared=True)
                return words.put([], removed=words.ids())
        Lexicon.delete(folder)

    def _mend(self) -> None:
        """Empties an index whose files are not as they were left; the catalogue has all that it is made of."""
        mended = []
        if not PassageVectors.whole(self._place):
            self._empty_vectors(words=False)
            mended.append("meanings")
        if not Lexicon.whole(self.home / _WORDS):
            self._forget_words()
            Lexicon.delete(self.home / _WORDS)
            mended.append("words")
        if any(self.catalogue.counts().values()):  # else it was killed before there was anything to lose
            self.mended = tuple(_MENDED.format(index) for index in mended)

    def _open_indexes(self) -> None:
        self.catalogue.set_meta("fingerprint", self.embedder.fingerprint)
        self.lexicon = Lexicon(self.home / _WORDS, shared=self._shared)
        self.vectors = PassageVectors(self._place, self.embedder.fingerprint)
        self._rooms = ingest.Rooms(
            self.catalogue,
            self.lexicon,
            self.vectors,
            self.embedder,
            self._writing,
            self._writing_words,
            self._bookmark,
        )

    def _refill_lost(self) -> None:
        """Has an index filled again that was deleted, or that has fewer passages than it was given."""
        if not self.lexicon.count:
            self._forget_words()
        self._mark_lost_meanings()

    def _mark_lost_meanings(self) -> None:
        if self.vectors.count < self.catalogue.indexed_passages():
            self.catalogue.mark_all_pending(words=False)

    def take_in(self) -> None:
        """Has both indexes follow what another process changed in the catalogue, but for what must be embedded."""
        ingest.index_words(self._rooms)  # first, as it needs no other server
        ingest.drop_removed(self._rooms)

    def catch_up(self) -> bool:
        """Takes in a few papers that another home added and that `take_in` has not come to; whether there were any.

        Does nothing where it would have to wait, as while very many are added, or where the index cannot be written: a
        question then finds what is there, and `take_in` says why.
        """
        try:
            return ingest.catch_up(self._rooms)
        except (LibraryError, OSError):
            return False

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
        self._lock.end()

    def add_files(
        self,
        files: Sequence[Path],
        progress: adding.Progress | None = None,
        stop: Event | None = None,
        *,
        collection: str = "",
    ) -> AddReport:
        """Adds the papers of files, see `adding.add_files`; from then on they are found by their words."""
        return self._found_by_words(adding.add_files(self.catalogue, files, progress, stop, collection=collection))

    def add_records(
        self,
        records: Iterable[Record],
        progress: adding.Progress | None = None,
        stop: Event | None = None,
        *,
        collection: str = "",
    ) -> AddReport:
        """Adds records; from then on they are found by their words. `index` makes them found by their meaning."""
        return self._found_by_words(adding.add_records(self.catalogue, records, progress, stop, collection=collection))

    def _found_by_words(self, report: AddReport) -> AddReport:
        ingest.index_words(self._rooms)
        return report

    def add_sample(self) -> AddReport:
        """Records the sample collection in the catalogue; a paper that is already there keeps its own text."""
        with self._writing():
            self.catalogue.set_meta("sample_offered", "yes")
            return self.add_records(sample.sample_papers())

    def remove_sample(self) -> int:
        """Removes the sample papers that are in none of the reader's own files; returns how many."""
        return len(self.remove_source(sample.SOURCE))

    @property
    def sample_offered(self) -> bool:
        """Whether the sample collection was ever added here; a reader who removed it is not given it again."""
        return self.catalogue.meta("sample_offered") is not None

    def remove(self, paper_ids: Sequence[str]) -> None:
        """Removes papers, which can be restored for 30 days. Raises `UnknownPaper` and then removes none."""
        self.catalogue.remove(paper_ids)
        self.take_in()

    def remove_source(self, source: str) -> list[str]:
        """Removes the papers that came from this source and no other; returns their ids. The others forget it."""
        removed = self.catalogue.remove_source(source)
        self.take_in()
        return removed

    def restore(self, paper_ids: Sequence[str]) -> int:
        """Brings removed papers back as they were; returns how many. Nothing is embedded again."""
        restored = self.catalogue.restore(paper_ids)
        ingest.index_words(self._rooms)
        return restored

    def index(self, progress: ingest.Progress | None = None, stop: Event | None = None) -> int:
        """Finishes what is pending, from this run or one that was killed; returns how many papers were embedded.

        Ends early when `stop` is set; what was embedded until then is kept. Where another process is at it already,
        that one goes on, with what was added here too, and nothing is done here.
        """
        if self._shared and not self.lexicon.count and self.status().papers:
            with self._writing(), self._writing_words():
                self._forget_words()
        self.take_in()
        done = 0
        with self._indexing:
            while not (stop and stop.is_set()):
                if not self._embedding.take(0):
                    break
                try:
                    if self._shared:  # only by who embeds: the others would hold up whoever changes the library
                        with self._writing():
                            self._mark_lost_meanings()
                    done += ingest.index_meanings(self._rooms, progress, stop)
                finally:
                    self._embedding.give()
                if not self.status().pending:  # what came after the last batch found the lock taken
                    break
        return done

    def vectors_of(self, papers: Sequence[Paper]) -> dict[str, PaperVectors]:
        """The vectors of papers by content hash; computed where they are not kept."""
        return ingest.embedded(self._rooms, papers)

    def kept_vectors(self, paper_ids: Sequence[str]) -> dict[str, EmbeddedText]:
        """The vectors of papers by their ids; papers that are not embedded yet or are removed are absent."""
        return self.catalogue.vectors_by_id(self.embedder.fingerprint, paper_ids, self.embedder.dimension)

    def status(self) -> Status:
        """Counts from the catalogue, counted again only after that has changed. Raises `LibraryUnreadable`."""
        return self._status()
