"""Papers that wait in the catalogue -> both indexes; resumable after a kill at any point.

The words of a paper are indexed as soon as it is added, in a commit for many. Its meaning follows, batch by batch:
while one batch is being embedded, the one before it is written to the index in another thread.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import numpy as np

from .catalogue import Catalogue, Waiting
from .embedding import Embedder
from .following import Bookmark, follow, follow_a_little
from .kept_vectors import PaperVectors
from .lexicon import Lexicon
from .locks import Turns
from .papers import Paper, Passage, Sentence
from .passages import passages, sentences
from .rows import State
from .vectors import Entry, PassageVectors

_WORDS_BATCH = 2000

Progress = Callable[[int, int], None]
"""Called with the number of papers done so far and the number there are to do."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """The parts of an open library that indexing works on.

    `writing` is held while the index of meanings is changed, and `writing_words` while that of words is. With a
    `bookmark` the index of words is this home's own, which follows the catalogue's changes.
    """

    catalogue: Catalogue
    lexicon: Lexicon
    vectors: PassageVectors
    embedder: Embedder
    writing: Turns
    writing_words: Turns
    bookmark: Bookmark | None


def drop_removed(rooms: Rooms) -> None:
    """Takes what is marked as removed out of both indexes and the catalogue."""
    if rooms.catalogue.ids(State.REMOVED):
        with rooms.writing():
            removed = rooms.catalogue.ids(State.REMOVED)  # another process may have brought one back until here
            rooms.vectors.remove(removed)
            if not rooms.bookmark:
                rooms.lexicon.put([], removed=removed)
            rooms.catalogue.note_gone(removed)


def index_words(rooms: Rooms) -> None:
    """Makes every paper that waits for it findable by its words, and follows what other homes changed."""
    if rooms.bookmark:
        return follow(rooms.catalogue, rooms.lexicon, rooms.bookmark, rooms.writing_words)
    while rooms.catalogue.unworded(1):
        with rooms.writing_words():
            batch = rooms.catalogue.unworded(_WORDS_BATCH)  # here, as another process may have put a newer text in
            rooms.lexicon.put([waiting.paper for waiting in batch])
            rooms.catalogue.mark_worded(batch)


def catch_up(rooms: Rooms) -> bool:
    """Takes in the next of what other homes changed, as far as a question can wait for it; False if there is none."""
    if not rooms.bookmark:
        return False
    return follow_a_little(rooms.catalogue, rooms.lexicon, rooms.bookmark, rooms.writing_words)


def index_meanings(rooms: Rooms, progress: Progress | None = None, stop: Event | None = None) -> int:
    """Embeds every paper that waits for it, and indexes it; returns how many were done before `stop` was set.

    The order makes every step repeatable: vectors are kept in the catalogue first, then put into the index, and a
    paper counts as indexed last. A process killed in between repeats the batch without embedding it again.
    """
    total, done, last = rooms.catalogue.counts()[State.PENDING], 0, 0
    with ThreadPoolExecutor(1, thread_name_prefix="index") as writer:
        written: Future[int] | None = None
        while not (stop and stop.is_set()):
            batch = rooms.catalogue.waiting(rooms.embedder.batch, after=last)
            vectors = embedded(rooms, [waiting.paper for waiting in batch], behind=True)
            if written:
                done += written.result()
                if progress:
                    progress(done, max(total, done))
            if not batch:
                return done
            last = batch[-1].position
            written = writer.submit(_write, rooms, batch, vectors)
        return done + (written.result() if written else 0)


def embedded(rooms: Rooms, papers: Sequence[Paper], *, behind: bool = False) -> dict[str, PaperVectors]:
    """The vectors of papers by content hash, from the catalogue where they are kept, else computed and kept.

    `behind` is for who has time, see `Embedder.embed`.
    """
    if not papers:
        return {}
    embedder = rooms.embedder
    known = rooms.catalogue.vectors(embedder.fingerprint, papers, embedder.dimension)
    missing = list({paper.content_hash: paper for paper in papers if paper.content_hash not in known}.values())
    if not missing:
        return known
    cut = [(passages(paper.abstract), sentences(paper.abstract)) for paper in missing]
    texts: list[str] = []
    for paper, (of_passages, of_sentences) in zip(missing, cut, strict=True):
        texts += [f"{paper.display_title}\n{passage.text}" for passage in of_passages]
        texts += [sentence.text for sentence in of_sentences]
    rows = embedder.embed(texts, behind=behind)
    position = 0
    for paper, (of_passages, of_sentences) in zip(missing, cut, strict=True):
        middle = position + len(of_passages)
        end = middle + len(of_sentences)
        parts: list[Passage | Sentence] = [*of_passages, *of_sentences]
        cuts = np.array([(part.start, part.end) for part in parts], dtype=np.int32)
        known[paper.content_hash] = PaperVectors(rows[position:middle], rows[middle:end], cuts.reshape(-1, 2))
        position = end
    rooms.catalogue.put_vectors(
        embedder.fingerprint, {paper.content_hash: known[paper.content_hash] for paper in missing}
    )
    return known


def _write(rooms: Rooms, batch: Sequence[Waiting], vectors: dict[str, PaperVectors]) -> int:
    """Puts a batch into the index of meanings, without what was changed or removed since it was read."""
    with rooms.writing():
        current = rooms.catalogue.still_waiting(batch)
        if not current:
            return 0
        rows = [vectors[waiting.paper.content_hash].passages for waiting in current]
        entries = [
            Entry(waiting.paper, len(own), waiting.passage_count) for waiting, own in zip(current, rows, strict=True)
        ]
        # Before anything is put, so that after a kill the next text of the paper knows what there is to drop.
        rooms.catalogue.note_passages(
            {entry.paper.id: entry.passages for entry in entries if entry.passages > entry.before}
        )
        rooms.vectors.put(entries, np.concatenate(rows))
        rooms.catalogue.note_passages(
            {entry.paper.id: entry.passages for entry in entries if entry.passages < entry.before}
        )
        rooms.catalogue.mark_indexed(current)
        return len(current)
