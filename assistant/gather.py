"""A plan -> the writer that answers it, with its evidence. The one place where the library is searched."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from index_store import Filter, Library, Paper, PaperHit, SearchResult, State, Theme, directions
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
_NOT_ON_MAP = "{count:,} papers are not embedded yet and so are not on the map."
_SILENT = "By their titles these may speak of it too, but they have no abstract here: {titles}."
_NAMED = 3  # of the papers without an abstract
_VECTORS_AT_ONCE = 1000  # papers
_WIDER = 2  # a topic is searched for so many times the papers that may be on it


class Finder:
    """Searches what the reader's limits leave, and keeps what went wrong without ending the search."""

    def __init__(self, search: Callable[..., SearchResult], within: Filter) -> None:
        self._search, self.within = search, within
        self.problem = ""

    def __call__(self, question: str, limit: int) -> SearchResult:
        """The `limit` best papers for a question."""
        result = self._search(question, limit, within=self.within)
        self.problem = result.problem or self.problem
        return result


def gather(plan: Plan, library: Library, settings: Settings, find: Finder, papers: int | None = None) -> Writer:
    """Searches for what the plan needs; a plain question looks at so many `papers`, or as many as the settings say.

    Raises `EmbeddingError` if an endpoint cannot embed the question."""
    threshold = settings.relevance_threshold

    def matched(question: str, papers: Sequence[Paper]) -> tuple[PaperHit, ...]:
        return match_papers(library, question, papers)

    match plan.mode:
        case Mode.COMPARE:
            of_each = sides(plan.subjects, plan.standalone, find, threshold - _SUBJECT_MARGIN)
            searched, frequencies = library.lexicon.count_of(find.within), library.lexicon.document_frequencies
            return Comparison(plan.standalone, of_each, plan.aspects, searched, matched, frequencies)
        case Mode.SUMMARISE if plan.within or plan.topic:
            return _topic(plan, library, settings, find)
        case Mode.SUMMARISE:
            return _collection(plan, library, find)
        case _:
            return _answer(plan, find, settings, papers or settings.search_papers)


def _answer(plan: Plan, find: Finder, settings: Settings, papers: int) -> Answer:
    """An answer from the papers that have an abstract; that a title speaks of the question is only told."""
    result = find(plan.standalone, papers)
    told = [hit for hit in result.hits if hit.sentences]
    silent = [
        hit.paper.display_title
        for hit in result.hits
        if not hit.sentences and hit.relevance >= settings.relevance_threshold
    ]
    if silent:
        find.problem = " ".join(filter(None, [find.problem, _SILENT.format(titles="; ".join(silent[:_NAMED]))]))
    relevance = max((hit.relevance for hit in told[:5]), default=0.0)
    return Answer(plan.standalone, result, relevance >= settings.relevance_threshold, plan.length)


def _topic(plan: Plan, library: Library, settings: Settings, find: Finder) -> Overview:
    nearest: tuple[Paper, ...] = ()
    beyond = 0
    if plan.within:
        known = library.catalogue.papers(plan.within)
        of_theme = [paper for paper_id in plan.within if (paper := known.get(paper_id)) and find.within.holds(paper)]
        hits = match_papers(library, plan.topic, of_theme)
    else:
        result = find(plan.topic, _WIDER * settings.summary_papers)
        nearest = tuple(hit.paper for hit in result.hits[:3])
        hits = _on_topic(plan.topic, result, settings, find)
        beyond = max(0, len(hits) - settings.summary_papers)
        hits = hits[: settings.summary_papers]
    papers = [hit.paper for hit in hits]
    themes = grouped(papers, np.stack([hit.direction for hit in hits]), plan.topic) if papers else ()
    searched = library.lexicon.count_of(find.within)
    return Overview(
        plan.standalone, plan.topic, hits, themes, searched, len(papers), plan.length, nearest=nearest, beyond=beyond
    )


def _on_topic(topic: str, result: SearchResult, settings: Settings, find: Finder) -> tuple[PaperHit, ...]:
    """The papers on a topic; where none is on the whole of it, those on each of its parts, as in `A and B`."""

    def on(part: str, found: SearchResult) -> tuple[PaperHit, ...]:
        return on_topic(part, found, settings.relevance_threshold)

    if hits := on(topic, result):
        return hits
    parts = listed(topic).subjects
    if len(parts) < 2:
        return ()
    each = [hit for part in parts for hit in on(part, find(part, _WIDER * settings.summary_papers))]
    return tuple({hit.paper.id: hit for hit in each}.values())


def _collection(plan: Plan, library: Library, find: Finder) -> Overview:
    indexed = library.catalogue.papers(library.catalogue.ids(State.INDEXED)).values()
    papers, searched = list(filter(find.within.holds, indexed)), library.lexicon.count_of(find.within)
    if waiting := searched - len(papers):
        find.problem = _NOT_ON_MAP.format(count=waiting)
    if not papers:
        return Overview(plan.standalone, "", (), (), searched, 0)
    vectors = _directions(library, papers)
    themes = grouped(papers, vectors, "")
    by_id = {paper.id: paper for paper in papers}
    hits = [hit for theme in themes for hit in _examples(library, theme, by_id)]
    ranked = tuple(replace(hit, rank=rank) for rank, hit in enumerate(hits, start=1))
    drawn = topic_map(papers, vectors, themes)
    return Overview(plan.standalone, "", ranked, themes, len(papers), len(papers), plan.length, drawn)


def _examples(library: Library, theme: Theme, papers: dict[str, Paper]) -> tuple[PaperHit, ...]:
    return match_papers(library, theme.name, [papers[paper_id] for paper_id in theme.papers[:_EXAMPLES]])


def _directions(library: Library, papers: Sequence[Paper]) -> NDArray[np.float32]:
    """One row of length 1 per paper: the mean direction of its passages."""
    rows: list[NDArray[np.float32]] = []
    for start in range(0, len(papers), _VECTORS_AT_ONCE):  # all sentences at once fill the memory
        part = papers[start : start + _VECTORS_AT_ONCE]
        kept = library.vectors_of(part)
        rows.append(directions([kept[paper.content_hash] for paper in part]))
    return np.concatenate(rows)
