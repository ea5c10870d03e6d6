"""The vectors of every text that was ever embedded, so that none is embedded twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BindParameter, ColumnElement, bindparam, delete, except_, func, or_, select

from .at_once import BlobsAtOnce
from .database import Database
from .engines import inserting
from .papers import Paper
from .rows import State, parts, present
from .schema import PaperRow, VectorsRow


@dataclass(frozen=True, slots=True)
class PaperVectors:
    """float32 rows of length 1: one per passage and one per sentence of a paper.

    `cuts` are where these begin and end in the abstract: int32 pairs, first of the passages, then of the sentences;
    None where that is not known and has to be found anew.
    """

    passages: NDArray[np.float32]
    sentences: NDArray[np.float32]
    cuts: NDArray[np.int32] | None = None


class EmbeddedText(NamedTuple):
    """Which text of a paper is embedded, and its vectors."""

    content_hash: str
    vectors: PaperVectors


_KEYS: BindParameter[str] = bindparam("keys", expanding=True)
_OF_MODEL = VectorsRow.fingerprint == bindparam("fingerprint")
_BLOBS = (VectorsRow.passages, VectorsRow.sentences, VectorsRow.cuts)
_BY_TEXT = BlobsAtOnce(select(VectorsRow.content_hash, *_BLOBS).where(VectorsRow.content_hash.in_(_KEYS), _OF_MODEL))
_BY_ID = BlobsAtOnce(
    select(PaperRow.id, PaperRow.content_hash, *_BLOBS)
    .join(VectorsRow, VectorsRow.content_hash == PaperRow.content_hash)
    .where(PaperRow.id.in_(_KEYS), present(), _OF_MODEL)
)


class KeptVectors(Database):
    """The part of the catalogue that keeps vectors, by the text that they are of and the model that made them."""

    def put_vectors(self, fingerprint: str, vectors: dict[str, PaperVectors]) -> None:
        """Keeps vectors by content hash, so that the same text is never embedded twice."""
        rows = [
            {
                "content_hash": content_hash,
                "fingerprint": fingerprint,
                "passages": value.passages.tobytes(),
                "sentences": value.sentences.tobytes(),
                "cuts": None if value.cuts is None else value.cuts.tobytes(),
            }
            for content_hash, value in vectors.items()
        ]
        self.keep(rows)

    def keep(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keeps rows of vectors as `kept` gives them; those that are there stay as they are."""
        if rows:
            with self._writing() as session:
                session.connection().execute(inserting(session, VectorsRow).on_conflict_do_nothing(), rows)

    def kept(self, content_hashes: Sequence[str]) -> list[dict[str, Any]]:
        """The rows of all vectors of these texts, of every model, by the names of the columns."""
        columns = select(*VectorsRow.__table__.columns)
        with self._transaction() as session:
            return [
                dict(row)
                for part in parts(content_hashes)
                for row in session.execute(columns.where(VectorsRow.content_hash.in_(part))).mappings()
            ]

    def vectors(self, fingerprint: str, papers: Sequence[Paper], dimension: int) -> dict[str, PaperVectors]:
        """The kept vectors of papers, by content hash; papers not yet embedded are absent."""
        rows = self._read(_BY_TEXT, [paper.content_hash for paper in papers], fingerprint)
        return {content_hash: _vectors(blobs, dimension) for content_hash, *blobs in rows}

    def vectors_by_id(self, fingerprint: str, paper_ids: Sequence[str], dimension: int) -> dict[str, EmbeddedText]:
        """The kept vectors of papers that are not removed, by their ids; papers not yet embedded are absent."""
        rows = self._read(_BY_ID, paper_ids, fingerprint)
        return {key: EmbeddedText(content_hash, _vectors(blobs, dimension)) for key, content_hash, *blobs in rows}

    def _read(self, statement: BlobsAtOnce, keys: Sequence[str], fingerprint: str) -> list[list[Any]]:
        with self._transaction() as session:
            return [row for part in parts(keys) for row in statement(session, keys=part, fingerprint=fingerprint)]

    def unembedded(self, fingerprint: str) -> int:
        """How many pending papers have no kept vectors, so that they have to be embedded."""
        kept = select(VectorsRow.content_hash).where(
            VectorsRow.content_hash == PaperRow.content_hash, VectorsRow.fingerprint == fingerprint
        )
        waiting = (PaperRow.state == State.PENDING, ~kept.exists())
        with self._transaction() as session:
            return session.scalar(select(func.count()).select_from(PaperRow).where(*waiting)) or 0

    def ids_of_misfits(self, fingerprint: str, dimension: int) -> list[str]:
        """The ids of the papers whose kept vectors are not of this length, or not as many as their cuts."""
        joined = VectorsRow.content_hash == PaperRow.content_hash
        found = select(PaperRow.id).join(VectorsRow, joined).where(VectorsRow.fingerprint == fingerprint)
        with self._transaction() as session:
            return [*session.scalars(found.where(_misfit(dimension)))]

    def prune_vectors(self, fingerprint: str, dimension: int) -> None:
        """Deletes vectors of other models, those that do not fit the model, and those whose text no paper has."""
        misfit = _misfit(dimension)
        # Not NOT IN, for which PostgreSQL would look through all papers once for each text.
        unused = VectorsRow.content_hash.in_(except_(select(VectorsRow.content_hash), select(PaperRow.content_hash)))
        with self._writing() as session:
            session.execute(delete(VectorsRow).where(or_(unused, misfit, VectorsRow.fingerprint != fingerprint)))


def _misfit(dimension: int) -> ColumnElement[bool]:
    row, of_cut = 4 * dimension, 8  # bytes of a vector, and of the two offsets of what it is of
    rows = (func.length(VectorsRow.passages) + func.length(VectorsRow.sentences)) / row
    return or_(
        func.length(VectorsRow.passages) == 0,
        func.length(VectorsRow.passages) % row != 0,
        func.length(VectorsRow.sentences) % row != 0,
        rows != func.length(VectorsRow.cuts) / of_cut,
    )


def _vectors(blobs: Sequence[Any], dimension: int) -> PaperVectors:
    *rows, cut = blobs
    passages, sentences = (np.frombuffer(row, dtype=np.float32).reshape(-1, dimension) for row in rows)
    return PaperVectors(passages, sentences, None if cut is None else np.frombuffer(cut, np.int32).reshape(-1, 2))
