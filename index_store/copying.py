"""Papers from one catalogue into another, with what each source says, their collections, and their vectors."""

from collections.abc import Callable
from dataclasses import dataclass

from .catalogue import Catalogue
from .merging import Outcome


@dataclass(frozen=True, slots=True)
class CopiedPapers:
    """What came of the papers: new ones, those that were there and got what they lacked, those left as they are."""

    new: int = 0
    updated: int = 0
    same: int = 0

    @property
    def all(self) -> int:
        """How many were looked at."""
        return self.new + self.updated + self.same


Progress = Callable[[CopiedPapers], None]
"""Called with what was done so far, after each batch."""


def copy_papers(source: Catalogue, target: Catalogue, progress: Progress | None = None) -> CopiedPapers:
    """Copies every paper that is not removed, with its vectors, so that the same model need not embed it again.

    Can be stopped and repeated: what is there, or was removed there, stays as it is.
    """
    report, taken = CopiedPapers(), set[int]()
    for batch in source.each_with_records():
        target.keep(source.kept([paper.content_hash for paper, _ in batch]))
        outcomes = target.take_over(batch, taken)
        report = CopiedPapers(
            report.new + outcomes.count(Outcome.NEW),
            report.updated + outcomes.count(Outcome.UPDATED),
            report.same + outcomes.count(Outcome.SAME),
        )
        if progress:
            progress(report)
    return report
