"""Files and records -> the catalogue, in batches: what has been read is kept, whatever happens next."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from threading import Event

from .catalogue import Catalogue
from .errors import LibraryError, ReaderError
from .merging import Outcome
from .papers import Paper
from .readers import Malformed, Record, Remark, read_file

_TOLD = 1000  # of the records that were left out


@dataclass(frozen=True, slots=True)
class AddReport:
    """What adding files or papers did, in numbers of papers.

    `skipped` are the first 1,000 records that were left out, `left_out` counts all of them. `remarks` tell what else
    there is to know of the files. `stopped` says that the reader had it stopped; what had gone in until then stays.
    """

    new: int = 0
    updated: int = 0
    same: int = 0
    skipped: tuple[Malformed, ...] = ()
    left_out: int = 0
    remarks: tuple[Remark, ...] = ()
    stopped: bool = False

    @property
    def read(self) -> int:
        """How many records were read so far."""
        return self.new + self.updated + self.same + self.left_out

    def __add__(self, other: "AddReport") -> "AddReport":
        return AddReport(
            self.new + other.new,
            self.updated + other.updated,
            self.same + other.same,
            (self.skipped + other.skipped)[:_TOLD],
            self.left_out + other.left_out,
            (self.remarks + other.remarks)[:_TOLD],
            self.stopped or other.stopped,
        )


Progress = Callable[[AddReport], None]
"""Called with what was done so far, after each batch."""


def add_files(
    catalogue: Catalogue,
    files: Sequence[Path],
    progress: Progress | None = None,
    stop: Event | None = None,
    *,
    collection: str = "",
) -> AddReport:
    """Adds the papers of files to the catalogue, and to a named collection if one is given.

    A file that cannot be read at all is among the skipped, as a `Malformed` with line 0; the others go in.
    """
    return add_records(catalogue, chain.from_iterable(map(_records, files)), progress, stop, collection=collection)


def add_records(
    catalogue: Catalogue,
    records: Iterable[Record],
    progress: Progress | None = None,
    stop: Event | None = None,
    *,
    collection: str = "",
    batch: int = 2000,
) -> AddReport:
    """Adds records to the catalogue, so many in one transaction; `progress` hears how far it is after each.

    Ends early when `stop` is set. What was read before it ends in any way is in.
    """
    report = AddReport()
    for some in _batches(records, batch):
        report += _add(catalogue, some, collection)
        if progress:
            progress(report)
        if stop and stop.is_set():
            return replace(report, stopped=True)
    return report


def _batches(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """The records in batches; what ends them early comes after those that were there by then."""
    batch: list[Record] = []
    try:
        for record in records:
            batch.append(record)
            if len(batch) == size:
                yield batch
                batch = []
    except (LibraryError, KeyboardInterrupt):
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _add(catalogue: Catalogue, batch: Sequence[Record], collection: str) -> AddReport:
    papers = [record for record in batch if isinstance(record, Paper)]
    if collection:
        papers = [replace(paper, collections=(*paper.collections, collection)) for paper in papers]
    outcomes = [outcome for outcome, _ in catalogue.put(papers)] if papers else []
    skipped = tuple(record for record in batch if isinstance(record, Malformed))
    return AddReport(
        outcomes.count(Outcome.NEW),
        outcomes.count(Outcome.UPDATED),
        outcomes.count(Outcome.SAME),
        skipped[:_TOLD],
        len(skipped),
        tuple(record for record in batch if isinstance(record, Remark)),
    )


def _records(path: Path) -> Iterator[Record]:
    """The records of a file, the reason last if it cannot be read (to its end)."""
    try:
        yield from read_file(path)
    except ReaderError as error:
        yield Malformed(str(path), 0, str(error).removeprefix(f"{path} "))
