"""Papers that the catalogue holds as pending -> both indexes; resumable after a kill at any point."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .catalogue import Catalogue, PaperVectors, State
from .embedding import Embedder
from .lexicon import Lexicon
from .papers import Paper
from .passages import passages, sentences
from .vectors import PassageVectors

_BATCH = 64

Progress = Callable[[int, int], None]
"""Called with the number of papers indexed so far and the number there are to index."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """The parts of an open library that indexing works on."""

    catalogue: Catalogue
    lexicon: Lexicon
    vectors: PassageVectors
    embedder: Embedder


def finish(rooms: Rooms, progress: Progress | None = None) -> int:
    """Drops what is marked as removed and indexes what is pending; returns how many papers were indexed.

    The order makes every step repeatable: vectors are kept in the catalogue first, then put into the indexes, and a
    paper counts as indexed last. A process killed in between repeats the batch without embedding it again.
    """
    _drop_removed(rooms)
    pending = rooms.catalogue.ids(State.PENDING)
    for start in range(0, len(pending), _BATCH):
        batch = list(rooms.catalogue.papers(pending[start : start + _BATCH]).values())
        _index(rooms, batch)
        if progress:
            progress(min(start + _BATCH, len(pending)), len(pending))
    return len(pending)


def embedded(rooms: Rooms, papers: Sequence[Paper]) -> dict[str, PaperVectors]:
    """The vectors of papers by content hash, from the catalogue where they are kept, else computed and kept."""
    embedder = rooms.embedder
    known = rooms.catalogue.vectors(embedder.fingerprint, papers, embedder.dimension)
    missing = list({paper.content_hash: paper for paper in papers if paper.content_hash not in known}.values())
    if not missing:
        return known
    texts: list[str] = []
    spans: list[tuple[str, int, int]] = []
    for paper in missing:
        of_passages = [f"{paper.display_title}\n{passage.text}" for passage in passages(paper.abstract)]
        of_sentences = [sentence.text for sentence in sentences(paper.abstract)]
        spans.append((paper.content_hash, len(of_passages), len(of_sentences)))
        texts += of_passages + of_sentences
    rows = embedder.embed(texts)
    position = 0
    for content_hash, passage_count, sentence_count in spans:
        middle, end = position + passage_count, position + passage_count + sentence_count
        known[content_hash] = PaperVectors(rows[position:middle], rows[middle:end])
        position = end
    rooms.catalogue.put_vectors(
        embedder.fingerprint, {paper.content_hash: known[paper.content_hash] for paper in missing}
    )
    return known


def _index(rooms: Rooms, papers: Sequence[Paper]) -> None:
    if not papers:
        return
    vectors = embedded(rooms, papers)
    cut = [(paper, passage) for paper in papers for passage in passages(paper.abstract)]
    rooms.vectors.put(
        [paper.id for paper, _ in cut],
        [passage for _, passage in cut],
        np.concatenate([vectors[paper.content_hash].passages for paper in papers]),
    )
    rooms.lexicon.put(papers)
    rooms.catalogue.mark_indexed(papers)


def _drop_removed(rooms: Rooms) -> None:
    removed = rooms.catalogue.ids(State.REMOVED)
    if removed:
        rooms.vectors.remove(removed)
        rooms.lexicon.put([], removed=removed)
        rooms.catalogue.forget(removed)
