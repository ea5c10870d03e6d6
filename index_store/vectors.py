"""The index of meanings: passage vectors in Chroma. The only module that imports chromadb."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import chromadb
import numpy as np
from chromadb.api.collection_configuration import CreateCollectionConfiguration, CreateHNSWConfiguration
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.config import Settings
from chromadb.errors import ChromaError
from numpy.typing import NDArray

from .errors import IndexOutdated, LibraryUnreadable
from .papers import Passage

_COLLECTION = "passages"
_SPACE: Literal["cosine"] = "cosine"


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage near a question. `similarity` is the cosine, between -1 and 1."""

    paper_id: str
    number: int
    similarity: float


class PassageVectors:
    """A Chroma collection in one folder, with one vector per passage, under the id `paper:number`.

    Chroma does not notice that vectors of another model with the same dimension were put beside old ones, and
    `get_or_create_collection` keeps an old distance silently; both are checked here at open.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """Opens or makes the collection.

        Raises `IndexOutdated` if it was made under another fingerprint, `LibraryUnreadable` if it is damaged.
        """
        try:
            self._client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
            self._collection = self._client.get_or_create_collection(
                _COLLECTION,
                embedding_function=None,
                metadata={"fingerprint": fingerprint},
                configuration=CreateCollectionConfiguration(hnsw=CreateHNSWConfiguration(space=_SPACE)),
            )
        except (ChromaError, ValueError, OSError) as error:
            # Chroma keeps what failed to start and would hand it to the next open in this process.
            SharedSystemClient._identifier_to_system.pop(str(folder), None)
            SharedSystemClient._identifier_to_refcount.pop(str(folder), None)
            raise LibraryUnreadable(
                f"The vector index in {folder} cannot be opened ({error}); run `research-assistant rebuild`."
            ) from error
        self._check(fingerprint)
        self._batch = self._client.get_max_batch_size()

    def _check(self, fingerprint: str) -> None:
        stored = (self._collection.metadata or {}).get("fingerprint")
        space = (self._collection.configuration.get("hnsw") or {}).get("space")
        if stored != fingerprint or space != _SPACE:
            self.close()
            raise IndexOutdated(
                f"The index was built with {stored!r}, the settings now ask for {fingerprint!r}. "
                "Run `research-assistant rebuild`, or set RESEARCH_ASSISTANT_EMBEDDING_MODEL back."
            )

    @staticmethod
    def delete(folder: Path) -> None:
        """Removes the collection's files; the next open makes an empty one."""
        shutil.rmtree(folder, ignore_errors=True)

    def put(self, paper_ids: Sequence[str], passages: Sequence[Passage], vectors: NDArray[np.float32]) -> None:
        """Adds or replaces passages; `vectors` has one row for each, `paper_ids` says whose it is.

        Passages that a listed paper had before and has no longer are dropped, last, so that a kill in between
        leaves too many passages rather than too few.
        """
        ids = [f"{paper_id}:{passage.number}" for paper_id, passage in zip(paper_ids, passages, strict=True)]
        for start in range(0, len(ids), self._batch):
            part = slice(start, start + self._batch)
            self._collection.upsert(
                ids=ids[part],
                embeddings=vectors[part],
                metadatas=[{"paper": paper_id} for paper_id in paper_ids[part]],
            )
        stale = set(self._ids_of(sorted(set(paper_ids)))) - set(ids)
        if stale:
            self._collection.delete(ids=sorted(stale))

    def remove(self, paper_ids: Sequence[str]) -> None:
        """Drops all passages of the given papers; unknown ids are ignored."""
        ids = self._ids_of(paper_ids)
        for start in range(0, len(ids), self._batch):
            self._collection.delete(ids=ids[start : start + self._batch])

    def search(self, vector: NDArray[np.float32], limit: int) -> list[PassageHit]:
        """The `limit` nearest passages, nearest first."""
        available = self._collection.count()
        if not available:
            return []
        found = self._collection.query(
            query_embeddings=vector[np.newaxis, :], n_results=min(limit, available), include=["distances"]
        )
        distances = found["distances"]
        assert distances is not None, "distances were asked for"
        return [
            PassageHit(*_split(passage_id), similarity=1.0 - float(distance))
            for passage_id, distance in zip(found["ids"][0], distances[0], strict=True)
        ]

    def ids(self) -> set[str]:
        """The ids of the papers that have a passage here."""
        return {_split(passage_id)[0] for passage_id in self._collection.get(include=[])["ids"]}

    @property
    def count(self) -> int:
        """The number of passages."""
        return self._collection.count()

    def close(self) -> None:
        """Gives back the files; the object cannot be used afterwards."""
        self._client.close()  # type: ignore[attr-defined]  # on the object, not yet on its interface

    def _ids_of(self, paper_ids: Sequence[str]) -> list[str]:
        if not paper_ids:
            return []
        of_papers = cast(chromadb.Where, {"paper": {"$in": list(paper_ids)}})
        return list(self._collection.get(where=of_papers, include=[])["ids"])


def _split(passage_id: str) -> tuple[str, int]:
    paper_id, _, number = passage_id.rpartition(":")
    return paper_id, int(number)
