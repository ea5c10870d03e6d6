"""The commands that change the library. They work while another process has it open, too."""

import os
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import (
    AsJson,
    Home,
    PaperIds,
    index_wherever,
    known_source,
    open_catalogue,
    out,
    print_error,
    print_json,
    progress_bar,
)

if TYPE_CHECKING:
    from rich.progress import Progress

    from index_store import AddReport, Catalogue, Identifier, Malformed

    from .settings import Settings

_NEITHER = "is neither a file here nor an identifier such as arxiv:2309.17453 or doi:10.1038/nature14539."


# -- adding -----------------------------------------------------------------------------------------------------------


def add(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|arxiv:ID|doi:ID]...",
            help="Files in any of the formats that the README lists, packed or not; arXiv ids; DOIs.",
            show_default=False,
        ),
    ] = None,
    arxiv_query: Annotated[
        str, typer.Option(metavar="QUERY", help="Papers that arXiv finds: `cat:cs.CL AND ti:citation`.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many papers of --arxiv-query at most.")] = 100,
    collection: Annotated[str, typer.Option(metavar="NAME", help="Also put them into this collection.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Add papers from files, or by their identifiers. A paper that is already there is updated, not doubled.

    Its words are found at once; its meaning once it is embedded. Ctrl-C stops that, and `index` or the page goes on.
    """
    from index_store import OnlineError

    if not what and not arxiv_query:
        raise typer.BadParameter("Give a file, an identifier, or --arxiv-query.", param_hint="FILE")
    problem = ""
    with open_catalogue(home) as (settings, catalogue):
        bare = _count(catalogue, without_abstract=True)
        with progress_bar() as bar:
            tally = _Tally(catalogue, collection.strip(), bar)
            try:
                _add(tally, settings, what or [], arxiv_query, limit)
            except OnlineError as error:
                problem = str(error)
            except KeyboardInterrupt:
                out.print(f"{_counted(tally.report) or 'Nothing added'}.", highlight=False)
                raise
        report, papers, waits = tally.report, _count(catalogue), catalogue.waits
        without_abstract = _count(catalogue, without_abstract=True)
    if as_json:
        print_json(asdict(report) | {"papers": papers, "without_abstract": without_abstract, "problem": problem})
    elif report.read and not _is_one_unreadable(report):
        _print_report(report, papers, without_abstract - bare)
    if waits:  # also where all of it was there: an `add` that was killed may have left it waiting
        index_wherever(home)
    complaints = [*([_left_out(report)] if report.left_out else []), *([problem] if problem else [])]
    for complaint in complaints:
        print_error(complaint)
    if complaints:
        raise typer.Exit(1)


class _Tally:
    """What one `add` did so far, over all of its steps, shown in a bar. Right also when it was stopped."""

    def __init__(self, catalogue: "Catalogue", collection: str, bar: "Progress") -> None:
        from index_store import AddReport

        self.catalogue, self.collection = catalogue, collection
        self.report = self._before = AddReport()
        self._bar, self._task = bar, bar.add_task("Reading papers", total=None)

    def __call__(self, report: "AddReport") -> None:
        """Hears what the present step did so far."""
        self.report = self._before + report
        parts = [part for part in (_counted(self.report), _skipped(self.report)) if part]
        self._bar.update(self._task, completed=self.report.read, description="; ".join(parts) or "Reading papers")

    def next(self) -> None:
        """A step has come to its end."""
        self._before = self.report


def _add(tally: _Tally, settings: "Settings", what: Iterable[str], query: str, limit: int) -> None:
    """Adds files, then papers by their identifiers, then what a query finds. Raises `OnlineError`."""
    from index_store import add_fetched, add_files, add_records, fetch, query_arxiv

    files, identifiers, neither = _told_apart(what)
    services = settings.services
    add_files(tally.catalogue, files, tally, collection=tally.collection)
    tally.next()
    add_records(tally.catalogue, neither, tally)
    tally.next()
    if identifiers:
        add_fetched(tally.catalogue, fetch(identifiers, services), tally, collection=tally.collection)
        tally.next()
    if query:
        add_fetched(tally.catalogue, query_arxiv(query, limit, services), tally, collection=tally.collection)


def _told_apart(what: Iterable[str]) -> tuple[list[Path], list["Identifier"], list["Malformed"]]:
    """Files, identifiers, and what is neither. A file that is there is a file, whatever it is called."""
    from index_store import Malformed, OnlineError, parse_identifier

    files: list[Path] = []
    identifiers: list[Identifier] = []
    neither: list[Malformed] = []
    for one in what:
        if os.path.exists(one):  # unlike Path.exists, this is False for a name that is too long for one
            files.append(Path(one))
            continue
        try:
            identifiers.append(parse_identifier(one))
        except OnlineError:
            neither.append(Malformed(one, 0, _NEITHER))
    return files, identifiers, neither


def _counted(report: "AddReport") -> str:
    parts = {"new": report.new, "updated": report.updated, "already there": report.same}
    return "; ".join(f"{count:,} {name}" for name, count in parts.items() if count)


def _skipped(report: "AddReport") -> str:
    return f"{report.left_out:,} skipped" if report.left_out else ""


def _print_report(report: "AddReport", papers: int, without_abstract: int) -> None:
    out.print(f"{_counted(report) or 'Nothing added'}. {papers:,} papers in the library.", highlight=False)
    if without_abstract > 0:
        out.print(
            f"  {without_abstract:,} without an abstract: found by their titles only; `list --no-abstract` shows them",
            highlight=False,
            soft_wrap=True,
        )
    for remark in report.remarks:
        out.print(f"  {remark}", markup=False, highlight=False, soft_wrap=True)
    for record in report.skipped:
        out.print(f"  skipped {record}", markup=False, highlight=False, soft_wrap=True)
    if more := report.left_out - len(report.skipped):
        out.print(f"  skipped {more:,} more", highlight=False)


def _is_one_unreadable(report: "AddReport") -> bool:
    """Whether there is nothing to tell but why one file or one identifier gave nothing."""
    return report.left_out == report.read == 1 and not report.skipped[0].line and not report.remarks


def _left_out(report: "AddReport") -> str:
    """One line on what was skipped."""
    if _is_one_unreadable(report):
        return str(report.skipped[0])
    whole = [record for record in report.skipped if not record.line]
    asked = sum(record.file.startswith(("arxiv:", "doi:")) for record in whole)
    files, records = len(whole) - asked, report.left_out - len(whole)
    parts = [
        *([f"{records:,} {'record was' if records == 1 else 'records were'} skipped"] if records else []),
        *([f"{files:,} {'file' if files == 1 else 'files'} could not be read"] if files else []),
        *([f"{asked:,} {'paper' if asked == 1 else 'papers'} could not be fetched"] if asked else []),
    ]
    went_in = report.read - report.left_out
    return " and ".join(parts) + ("; the others went in." if went_in else "; nothing went in.")


# -- removing ---------------------------------------------------------------------------------------------------------


def remove(
    paper_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Ids as `list` shows them.", show_default=False)
    ] = None,
    source: Annotated[
        str, typer.Option(metavar="FILE", help="All papers that came from this file and from no other.")
    ] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Remove papers by id, or all that came from one file. For 30 days `restore` brings them back."""
    if bool(paper_ids) == bool(source):
        raise typer.BadParameter("Give either ids or --source FILE.", param_hint="ID")
    kept = 0
    with open_catalogue(home) as (_, catalogue):
        if source:
            source = known_source(catalogue, source)
            kept = catalogue.sources()[source]
            ids = catalogue.remove_source(source)
            kept -= len(ids)
        else:
            ids = list(dict.fromkeys(paper_ids or ()))
            catalogue.remove(ids)
        left = _count(catalogue)
    if as_json:
        print_json({"removed": len(ids), "kept": kept, "ids": ids, "papers": left})
    else:
        stays = "stays, as it came from elsewhere too" if kept == 1 else "stay, as they came from elsewhere too"
        said = [f"Removed {len(ids):,}.", *([f"{kept:,} {stays}."] if kept else []), f"{left:,} papers in the library."]
        out.print(" ".join(said), highlight=False, soft_wrap=True)
    index_wherever(home)


def restore(paper_ids: PaperIds, home: Home = None, as_json: AsJson = False) -> None:
    """Bring removed papers back, with their collections. Nothing is embedded again."""
    with open_catalogue(home) as (_, catalogue):
        restored, papers = catalogue.restore(list(dict.fromkeys(paper_ids))), _count(catalogue)
    if as_json:
        print_json({"restored": restored, "papers": papers})
    elif restored:
        out.print(f"Restored {restored:,}. {papers:,} papers in the library.", highlight=False)
    index_wherever(home)
    if missing := len(set(paper_ids)) - restored:
        print_error(f"{missing:,} of these ids are of no paper that was removed in the last 30 days.")
        raise typer.Exit(1)


def _count(catalogue: "Catalogue", *, without_abstract: bool = False) -> int:
    from index_store import Selection

    return catalogue.listing(Selection(without_abstract=without_abstract), limit=0).total


# -- the sample collection --------------------------------------------------------------------------------------------

sample_app = typer.Typer(help="The sample collection of 97 papers.", no_args_is_help=True)


@sample_app.command("add")
def sample_add(home: Home = None, as_json: AsJson = False) -> None:
    """Add the sample papers that are not in the library yet."""
    from index_store import add_records, sample_papers

    with open_catalogue(home) as (_, catalogue):
        catalogue.set_meta("sample_offered", "yes")
        report, papers = add_records(catalogue, sample_papers()), _count(catalogue)
    if as_json:
        print_json({"new": report.new, "papers": papers})
    else:
        out.print(
            f"{_counted(replace(report, same=0)) or 'Nothing added'}. {papers:,} papers in the library.",
            highlight=False,
        )
    index_wherever(home)


@sample_app.command("remove")
def sample_remove(home: Home = None, as_json: AsJson = False) -> None:
    """Remove the sample papers; those that your own files have replaced stay."""
    with open_catalogue(home) as (_, catalogue):
        count, papers = len(catalogue.remove_source("sample")), _count(catalogue)
    if as_json:
        print_json({"removed": count, "papers": papers})
    else:
        out.print(f"Removed {count:,} sample papers. {papers:,} papers in the library.", highlight=False)
    index_wherever(home)
