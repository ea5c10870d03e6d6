"""A plan -> the writer that answers it, with its evidence. The one place where the library is searched."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from index_store import Library, Paper, PaperHit, SearchResult, State, Theme, search
from index_store import match as match_papers

from .answer import Answer
from .compare import Comparison
from .intent_compare import listed
from .routing import Mode, Plan
from .settings import Settings
from .sides import sides
from .summarise import Overview
from .topics import grouped, on_topic, topic_map
from .writer import Writer

_SUBJECT_MARGIN = 0.08  # a subject that the reader names needs less to be believed than a question does
_EXAMPLES = 4  # papers of each theme that may be shown as examples of it
_WIDER = 2  # a topic is searched for so many times the papers that may be on it


def gather(plan: Plan, library: Library, settings: Settings) -> Writer:
    """Searches for what the plan needs. Raises `EmbeddingError` if an endpoint cannot embed the question."""
    threshold = settings.relevance_threshold

    def found(question: str, limit: int) -> SearchResult:
        return search(library, question, limit)

    def matched(question: str, papers: Sequence[Paper]) -> tuple[PaperHit, ...]:
        return match_papers(library, question, papers)

    match plan.mode:
        case Mode.COMPARE:
            of_each = sides(plan.subjects, plan.standalone, found, threshold - _SUBJECT_MARGIN)
            indexed, frequencies = library.status().indexed, library.lexicon.document_frequencies
            return Comparison(plan.standalone, of_each, plan.aspects, indexed, matched, frequencies)
        case Mode.SUMMARISE if plan.within or plan.topic:
            return _topic(plan, library, settings)
        case Mode.SUMMARISE:
            return _collection(plan, library)
        case _:
            result = found(plan.standalone, settings.search_papers)
            return Answer(plan.standalone, result, result.relevance >= threshold)


def _topic(plan: Plan, library: Library, settings: Settings) -> Overview:
    nearest: tuple[Paper, ...] = ()
    beyond = 0
    if plan.within:
        known = library.catalogue.papers(plan.within)
        hits = match_papers(library, plan.topic, [known[paper_id] for paper_id in plan.within if paper_id in known])
    else:
        result = search(library, plan.topic, _WIDER * settings.summary_papers)
        nearest = tuple(hit.paper for hit in result.hits[:3])
        hits = _on_topic(plan.topic, result, library, settings)
        beyond = max(0, len(hits) - settings.summary_papers)
        hits = hits[: settings.summary_papers]
    papers = [hit.paper for hit in hits]
    themes = grouped(papers, _vectors(library, papers), plan.topic) if papers else ()
    searched = library.status().indexed
    return Overview(
        plan.standalone, plan.topic, hits, themes, searched, len(papers), plan.length, nearest=nearest, beyond=beyond
    )


def _on_topic(topic: str, result: SearchResult, library: Library, settings: Settings) -> tuple[PaperHit, ...]:
    """The papers on a topic; where none is on the whole of it, those on each of its parts, as in `A and B`."""

    def on(part: str, found: SearchResult) -> tuple[PaperHit, ...]:
        return on_topic(part, found, lambda papers: _vectors(library, papers), settings.relevance_threshold)

    if hits := on(topic, result):
        return hits
    parts = listed(topic).subjects
    if len(parts) < 2:
        return ()
    each = [hit for part in parts for hit in on(part, search(library, part, _WIDER * settings.summary_papers))]
    return tuple({hit.paper.id: hit for hit in each}.values())


def _collection(plan: Plan, library: Library) -> Overview:
    papers = list(library.catalogue.papers(library.catalogue.ids(State.INDEXED)).values())
    if not papers:
        return Overview(plan.standalone, "", (), (), 0, 0)
    vectors = _vectors(library, papers)
    themes = grouped(papers, vectors, "")
    by_id = {paper.id: paper for paper in papers}
    hits = [hit for theme in themes for hit in _examples(library, theme, by_id)]
    ranked = tuple(replace(hit, rank=rank) for rank, hit in enumerate(hits, start=1))
    drawn = topic_map(papers, vectors, themes)
    return Overview(plan.standalone, "", ranked, themes, len(papers), len(papers), plan.length, drawn)


def _examples(library: Library, theme: Theme, papers: dict[str, Paper]) -> tuple[PaperHit, ...]:
    return match_papers(library, theme.name, [papers[paper_id] for paper_id in theme.papers[:_EXAMPLES]])


def _vectors(library: Library, papers: Sequence[Paper]) -> NDArray[np.float32]:
    """One row of length 1 per paper: the mean direction of its passages."""
    kept = library.vectors_of(papers)
    rows = np.stack([kept[paper.content_hash].passages.mean(axis=0) for paper in papers])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), dtype=np.float32)
