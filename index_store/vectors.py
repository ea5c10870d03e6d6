"""The index of meanings: passage vectors in Chroma. Only this module and `chroma.py` import chromadb."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, cast

import chromadb
import numpy as np
from chromadb.api.collection_configuration import CreateCollectionConfiguration, CreateHNSWConfiguration
from chromadb.errors import ChromaError, NotFoundError
from numpy.typing import NDArray

from .chroma import COLLECTION, ChromaServer, Place, close, connect, explained
from .errors import IndexOutdated
from .failures import emptied, require_room
from .filters import Filter, everything
from .papers import Paper
from .precedence import give_way
from .seal import Seal

T = TypeVar("T")
_Stored: TypeAlias = tuple[NDArray[np.float32], chromadb.Metadata]  # what Chroma has of a passage

_FILES = "*/*"  # the graphs through which vectors are searched; the rest is in Chroma's database
_MOST_IDS = 10_000  # in one question; Chroma looks them up in SQLite, which takes 32,766 and no more
_SPACE: Literal["cosine"] = "cosine"
# Chroma takes 16, 100 and 100 by itself. A paper unlike the many others of a library may then lose the last link that
# leads to it, and no search by meaning finds it: of 80,156 passages 379, rather than 3 with these (docs/retrieval.md),
# and a third of 200 beside 6,000 of a very different field. The graph takes twice as long to make for it, and a fifth
# more on the disk. A server with another kind of index, as Chroma Cloud, takes the space alone.
_GRAPH = CreateHNSWConfiguration(space=_SPACE, max_neighbors=48, ef_construction=200, ef_search=200)
# Seconds. While a collection is deleted or made, and seldom while another thread writes to it, Chroma 1.5.9 says
# "Missing metadata segment" or "Nothing found on disk" to who asks for it, so that it is asked again.
_PAUSES = (0.0, 0.1, 0.5)
# While Chroma adds to a folder or deletes there, no other thread of Python runs: 20 to 140 ms for what MiniLM embeds at
# once, a second for what WordLlama does. So each call gives way before, those for one list for so many seconds in all.
_LONGEST_WAIT_SECONDS = 0.5
_ROUNDING = 1e-5  # what float32 and the index may make of a coordinate
_REMOTE_BATCH = 300  # Chroma Cloud takes and gives no more at once: https://docs.trychroma.com/cloud/quotas-limits


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage near a question. `similarity` is the cosine, between -1 and 1."""

    paper_id: str
    number: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper with the number of passages it has, and the number that may be here from an earlier text."""

    paper: Paper
    passages: int
    before: int

    @property
    def stale(self) -> list[str]:
        """The ids of passages that it has no longer."""
        return [f"{self.paper.id}:{number}" for number in range(self.passages + 1, self.before + 1)]


class PassageVectors:
    """A Chroma collection with one vector per passage, under the id `paper:number`.

    Chroma does not notice that vectors of another model with the same dimension were put beside old ones, and
    `get_or_create_collection` keeps an old distance silently; both are checked here at open.
    """

    def __init__(self, place: Place, fingerprint: str) -> None:
        """Opens or makes the collection.

        Raises `IndexOutdated` if it was made under another fingerprint, `LibraryUnreadable` if it is damaged or the
        server does not answer. What fails later on a server raises `LibraryUnreadable` too.
        """
        self._place, self._fingerprint = place, fingerprint
        self._name = place.collection if isinstance(place, ChromaServer) else COLLECTION
        self._seal = Seal(place, _FILES) if isinstance(place, Path) else None
        with explained(place):
            self._client = connect(place)
            try:
                self._collection = self._checked(self._open())
                self._batch = self._client.get_max_batch_size()
                if self._seal:
                    self._collection.count()  # Chroma does now what a killed process left it to do
                    self._seal.renew()
            except BaseException:
                self.close()
                raise
        if isinstance(place, ChromaServer):
            self._batch = min(self._batch, _REMOTE_BATCH)

    def _open(self) -> chromadb.Collection:
        return self._client.get_or_create_collection(
            self._name,
            embedding_function=None,
            metadata={"fingerprint": self._fingerprint},
            configuration=CreateCollectionConfiguration(hnsw=_GRAPH),
        )

    def _checked(self, collection: chromadb.Collection) -> chromadb.Collection:
        stored = (collection.metadata or {}).get("fingerprint")
        configured = collection.configuration
        space = (configured.get("hnsw") or configured.get("spann") or {}).get("space")  # Chroma Cloud has SPANN
        if stored != self._fingerprint or space != _SPACE:
            raise IndexOutdated(
                f"The index was built with {stored!r}, the settings now ask for {self._fingerprint!r}. "
                "Run `research-assistant rebuild`, or set RESEARCH_ASSISTANT_EMBEDDING_MODEL back."
            )
        return collection

    @staticmethod
    def require(place: Place) -> None:
        """Raises `LibraryUnreadable` if the place is a server that does not answer."""
        if isinstance(place, ChromaServer):
            with explained(place):
                close(connect(place))

    @staticmethod
    def whole(place: Place) -> bool:
        """Whether the files are as they were left; not all damage shows when they are opened. A server's always are."""
        if not isinstance(place, Path):
            return True
        return Seal(place, _FILES).whole and _is_database(place / "chroma.sqlite3")

    @staticmethod
    def delete(place: Place) -> None:
        """Removes the collection; the next open makes an empty one."""
        if isinstance(place, Path):
            emptied(place)
            return
        with explained(place):
            client = connect(place)
            with suppress(NotFoundError):
                client.delete_collection(place.collection)
            close(client)

    def put(self, entries: Sequence[Entry], vectors: NDArray[np.float32]) -> None:
        """Adds or replaces papers; `vectors` has one row for each of their passages.

        Passages that a paper had before and has no longer are dropped, last. A passage that is there as it should be
        is left alone, and one that differs is dropped first: what Chroma's graph (hnswlib) is given under an id that
        it has, it moves, and then some of the passages are found by no search any longer.
        """
        ids = [f"{entry.paper.id}:{number}" for entry in entries for number in range(1, entry.passages + 1)]
        facts = [_facts(entry.paper) for entry in entries for _ in range(entry.passages)]

        def put() -> None:
            for part in self._parts(len(ids)):
                self._put(ids[part], vectors[part], facts[part])
            self._delete([stale for entry in entries for stale in entry.stale])

        self._require_room(vectors.nbytes)
        self._ask(put)
        self._renew()

    def _put(self, ids: Sequence[str], vectors: NDArray[np.float32], facts: Sequence[Mapping[str, Any]]) -> None:
        here = self._stored(ids)
        new = [row for row, each in enumerate(ids) if not _same(here.get(each), vectors[row], facts[row])]
        if other := [ids[row] for row in new if ids[row] in here]:
            self._collection.delete(ids=other)
        if new:
            # Not `upsert`: in a process of Chroma 1.5.9 that had upserted before it was first asked for anything, the
            # next write gave its graph the last thousand of them once more, which moved them and took seconds.
            self._collection.add(
                ids=[ids[row] for row in new], embeddings=vectors[new], metadatas=[facts[row] for row in new]
            )

    def _stored(self, ids: Sequence[str]) -> dict[str, _Stored | None]:
        """Vector and facts of those of the passages that are there; None for what cannot be read.

        After a first addition that broke off, Chroma reads no vector, also not of ids that it does not have, and only
        another addition mends that; so it is asked first what is there at all.
        """
        there = self._collection.get(ids=list(ids), include=[])["ids"]
        if not there:
            return {}
        try:
            found = self._collection.get(ids=there, include=["embeddings", "metadatas"])
        except ChromaError:
            return dict.fromkeys(there)
        embeddings = np.asarray(found["embeddings"], dtype=np.float32)
        return dict(zip(found["ids"], zip(embeddings, found["metadatas"] or [], strict=True), strict=True))

    def _parts(self, count: int) -> Iterator[slice]:
        """What to write in one call each; in a folder each when nobody waits for a first word."""
        until = time.monotonic() + _LONGEST_WAIT_SECONDS
        for start in range(0, count, self._batch):
            if isinstance(self._place, Path):
                give_way(until - time.monotonic())
            yield slice(start, start + self._batch)

    def remove(self, paper_ids: Sequence[str]) -> None:
        """Drops all passages of the given papers; unknown ids are ignored."""

        def drop() -> None:
            for start in range(0, len(paper_ids), self._batch):
                part = list(paper_ids[start : start + self._batch])
                these = cast(chromadb.Where, {"paper": {"$in": part}})
                while found := self._collection.get(where=these, include=[], limit=self._batch)["ids"]:
                    self._delete(found)

        self._require_room(0)
        self._ask(drop)
        self._renew()

    def _require_room(self, size: int) -> None:
        """For vectors of so many bytes, which are written several times, and the graph, which may double."""
        if isinstance(self._place, Path):
            graph = sum(path.stat().st_size for path in self._place.glob(_FILES))
            require_room(f"The vector index in {self._place}", self._place, 4 * size + graph)

    def _renew(self) -> None:
        if self._seal:
            with explained(self._place):
                self._seal.renew()

    def search(
        self,
        vector: NDArray[np.float32],
        limit: int,
        within: Filter = everything,
        authored: Sequence[str] | None = None,
    ) -> list[PassageHit]:
        """The `limit` nearest passages, nearest first, of the papers that pass the filter.

        `authored` are the ids of the papers by the filter's author, if it has one.
        """
        hits = [hit for where in _where(within, authored) for hit in self._nearest(vector, limit, where)]
        return sorted(hits, key=lambda hit: -hit.similarity)[:limit]

    def _nearest(self, vector: NDArray[np.float32], limit: int, where: chromadb.Where | None) -> list[PassageHit]:
        def nearest() -> list[PassageHit]:
            found = self._collection.query(
                query_embeddings=vector[np.newaxis, :],
                n_results=limit,
                where=where,
                include=["distances"],
            )
            distances = found["distances"]
            assert distances is not None, "distances were asked for"
            return [
                PassageHit(*_split(passage_id), similarity=1.0 - float(distance))
                for passage_id, distance in zip(found["ids"][0], distances[0], strict=True)
            ]

        return self._ask(nearest, [])

    def nearest(self, vectors: NDArray[np.float32], limit: int) -> list[list[PassageHit]]:
        """The `limit` nearest passages of each of several vectors, nearest first."""

        def each() -> list[list[PassageHit]]:
            found = self._collection.query(query_embeddings=vectors, n_results=limit, include=["distances"])
            distances = found["distances"]
            assert distances is not None, "distances were asked for"
            return [
                [PassageHit(*_split(one), similarity=1.0 - float(far)) for one, far in zip(ids, row, strict=True)]
                for ids, row in zip(found["ids"], distances, strict=True)
            ]

        return self._ask(each, [])

    def passages(self) -> set[tuple[str, int]]:
        """All passages here: the paper's id and the number."""

        def every() -> set[str]:
            found: set[str] = set()
            for start in range(0, self._collection.count(), self._batch):
                found |= set(self._collection.get(include=[], limit=self._batch, offset=start)["ids"])
            return found

        nothing: set[str] = set()
        return {_split(passage_id) for passage_id in self._ask(every, nothing)}

    def ids(self) -> set[str]:
        """The ids of the papers that have a passage here."""
        return {paper_id for paper_id, _ in self.passages()}

    @property
    def count(self) -> int:
        """The number of passages."""
        return self._ask(lambda: self._collection.count(), 0)

    def close(self) -> None:
        """Gives back the files; the object cannot be used afterwards."""
        close(self._client)

    def _ask(self, call: Callable[[], T], absent: T | None = None) -> T:
        """What Chroma answers, asked again where it failed.

        On a server, a collection that another process has made anew is opened again. While there is none, since that
        process is at it, a question is answered with `absent`; a change, which has none, makes it. A question must
        not: that process may be about to make it for another model.
        """
        with explained(self._place):
            for pause in _PAUSES:
                with suppress(ChromaError):
                    return call()
                time.sleep(pause)
                if isinstance(self._place, Path):
                    continue
                try:
                    again = self._open() if absent is None else self._client.get_collection(self._name, None)
                except NotFoundError:
                    assert absent is not None, "what is opened for a change is made"
                    return absent
                self._collection = self._checked(again)
            return call()

    def _delete(self, ids: Sequence[str]) -> None:
        for part in self._parts(len(ids)):
            self._collection.delete(ids=list(ids[part]))


def _is_database(file: Path) -> bool:
    """Whether the database is readable from end to end; one that is not there is, if nothing else is there either."""
    if not file.is_file() or not file.stat().st_size:
        return not file.parent.is_dir() or not any(file.parent.iterdir())
    try:
        with closing(sqlite3.connect(file)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.OperationalError:  # nothing about what is in it: it cannot be written, or the disk is full
        return True
    except sqlite3.DatabaseError:
        return False


def _where(within: Filter, authored: Sequence[str] | None) -> list[chromadb.Where | None]:
    """The filter in Chroma's words, in several questions if it names many papers; none if no paper can pass."""
    conditions: list[dict[str, Any]] = []
    if within.from_year is not None:
        conditions.append({"year": {"$gte": within.from_year}})
    if within.to_year is not None:
        conditions.append({"year": {"$lte": within.to_year}})
    if within.source:
        conditions.append({"sources": {"$contains": within.source}})
    named = [set(ids) for ids in (within.papers, authored) if ids is not None]
    if not named:
        return [_all_of(conditions)]
    ids = sorted(set.intersection(*named))
    parts = [ids[start : start + _MOST_IDS] for start in range(0, len(ids), _MOST_IDS)]
    return [_all_of([*conditions, {"paper": {"$in": part}}]) for part in parts]


def _all_of(conditions: list[dict[str, Any]]) -> chromadb.Where | None:
    if not conditions:
        return None
    return cast(chromadb.Where, conditions[0] if len(conditions) == 1 else {"$and": conditions})


def _facts(paper: Paper) -> dict[str, Any]:
    sources = [*(paper.sources or (paper.source,))]
    known: dict[str, Any] = {"paper": paper.id, "sources": sources}
    return known | ({"year": paper.year} if paper.year is not None else {})


def _same(stored: _Stored | None, vector: NDArray[np.float32], facts: Mapping[str, Any]) -> bool:
    if stored is None:
        return False
    stored_vector, stored_facts = stored
    return stored_facts == facts and np.allclose(stored_vector, vector, atol=_ROUNDING)


def _split(passage_id: str) -> tuple[str, int]:
    paper_id, _, number = passage_id.rpartition(":")
    return paper_id, int(number)
