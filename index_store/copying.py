"""Papers from one catalogue into another, with what each source says, their collections, and their vectors."""

from collections.abc import Iterator

from .adding import AddReport, Progress, add_records
from .catalogue import Catalogue
from .papers import Paper


def copy_papers(source: Catalogue, target: Catalogue, progress: Progress | None = None) -> AddReport:
    """Adds the papers of one catalogue to another, as records are added; removed ones stay behind.

    Can be stopped and repeated. The report counts records, of which a paper has one from each of its sources.
    """
    return add_records(target, _records(source, target), progress)


def _records(source: Catalogue, target: Catalogue) -> Iterator[Paper]:
    """The records, each behind the vectors of its paper, so that nobody embeds it meanwhile."""
    for batch in source.each_with_records():
        target.keep(source.kept([paper.content_hash for paper, _ in batch]))
        for _, records in batch:
            yield from records
