"""The commands that tell what is in the library: a list, one paper, an export, and whether all of it is in order."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import mkstemp
from typing import Annotated, TextIO

import typer
from rich.markup import escape
from rich.table import Table

from .console import (
    AsJson,
    FromSource,
    Home,
    InCollection,
    known_collection,
    known_source,
    open_assistant,
    open_catalogue,
    out,
    print_error,
    print_json,
)

_SHARED = (
    "The catalogue is {database}, which looks after its own files. The index of words examined is this home's; "
    "every other home has one, for which doctor is run with that --home."
)
_ENDINGS = {".jsonl": "jsonl", ".bib": "bibtex", ".ris": "ris", ".json": "csl-json"}


def list_papers(
    home: Home = None,
    limit: Annotated[int, typer.Option(min=1, help="How many papers to print.")] = 100,
    offset: Annotated[int, typer.Option(min=0, help="How many papers to pass over first.")] = 0,
    search: Annotated[
        str, typer.Option(metavar="TEXT", help="Only papers with these words in title, authors, venue or identifier.")
    ] = "",
    source: FromSource = "",
    collection: InCollection = "",
    no_abstract: Annotated[bool, typer.Option("--no-abstract", help="Only papers without an abstract.")] = False,
    sort: Annotated[str, typer.Option(metavar="ORDER", help="added, title, author or year.")] = "added",
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round, such as the newest first.")] = False,
    as_json: AsJson = False,
) -> None:
    """The papers, in the order they were added or in another."""
    from index_store import Order, Selection

    if sort not in list(Order):
        raise typer.BadParameter(f"{sort!r} is none of {', '.join(Order)}.", param_hint="--sort")
    with open_catalogue(home) as (_, catalogue):
        selection = Selection(
            text=search,
            source=known_source(catalogue, source) if source else "",
            collection=known_collection(catalogue, collection) if collection else "",
            without_abstract=no_abstract,
        )
        found = catalogue.listing(selection, Order(sort), descending=reverse, limit=limit, offset=offset)
    if as_json:
        print_json([paper.to_dict() for paper in found.papers])
        return
    table = Table("id", "title", "year", "", box=None, pad_edge=False)
    for paper in found.papers:
        note = "" if paper.abstract else "no abstract"
        table.add_row(paper.id, escape(paper.display_title), str(paper.year or ""), note)
    out.print(table)
    if len(found.papers) < found.total:
        out.print(f"{len(found.papers):,} of {found.total:,}; --offset and --limit show others", highlight=False)


def show(paper_id: Annotated[str, typer.Argument(metavar="ID")], home: Home = None, as_json: AsJson = False) -> None:
    """One paper with its abstract, the files it came from, and the collections it is in."""
    with open_catalogue(home) as (_, catalogue):
        paper = replace(catalogue.paper(paper_id), collections=catalogue.collections_of(paper_id))
    if as_json:
        print_json(paper.to_dict())
        return
    out.print(f"[bold]{escape(paper.display_title)}[/bold]")
    facts = [", ".join(paper.authors), str(paper.year or ""), paper.venue, paper.link]
    facts.append(f"from {', '.join(paper.sources)}")
    if paper.collections:
        facts.append(f"in {', '.join(paper.collections)}")
    out.print(escape(" · ".join(fact for fact in facts if fact)), highlight=False)
    out.print(f"\n{paper.abstract or 'No abstract is known.'}", markup=False, highlight=False)


def export(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write; without it, to standard output."),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="jsonl, bibtex, ris or csl-json; without it, as the ending of FILE says (.jsonl, .bib, .ris, .json).",
            show_default=False,
        ),
    ] = None,
    source: FromSource = "",
    collection: InCollection = "",
    home: Home = None,
) -> None:
    """Write the library, or a part of it, in a format that other programs read."""
    from index_store import Selection, formats, write

    ending = output.suffix.lower() if output else ".jsonl"
    chosen = format or _ENDINGS.get(ending)
    if chosen is None:
        raise typer.BadParameter(
            f"{ending!r} tells no format; name one of {', '.join(formats())}.", param_hint="--format"
        )
    if chosen not in formats():
        raise typer.BadParameter(f"{chosen!r} is none of {', '.join(formats())}.", param_hint="--format")
    with open_catalogue(home) as (_, catalogue):
        selection = Selection(
            source=known_source(catalogue, source) if source else "",
            collection=known_collection(catalogue, collection) if collection else "",
        )
        if not output:
            write(catalogue.each(selection), chosen, sys.stdout)
            return
        try:
            with _whole(output) as file:
                count = write(catalogue.each(selection), chosen, file)
        except OSError as error:
            print_error(f"{output} cannot be written: {error.strerror or error}.")
            raise typer.Exit(1) from error
    out.print(f"Wrote {count:,} papers to {output}.", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """A file that takes its place when it is complete, so that a failure leaves the one before."""
    path = path.resolve()
    if path.exists() and not path.is_file():  # a pipe or a device keeps its place
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    number, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(number)
        os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):  # gone already, if only putting it in place failed
            os.unlink(name)
        raise


def _umask() -> int:
    """What new files of this process may not be; it can be read only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def doctor(home: Home = None, as_json: AsJson = False) -> None:
    """Compare the catalogue with both indexes, and name what differs and what mends it."""
    from index_store import examine

    with open_assistant(home) as assistant:
        found = examine(assistant.library)
        mended, shared = assistant.library.mended, assistant.settings.database
    if as_json:
        print_json(asdict(found) | {"mended": mended})
    else:
        searched = f"{found.sought:,} of {found.passages:,} passages searched for, {found.reached:,} found"
        out.print(f"{found.papers:,} papers examined; {searched}.", highlight=False)
        for problem in found.problems:
            line = f"{problem.what.rstrip('.')} ({problem.count:,}). {problem.remedy}"
            out.print(line, markup=False, highlight=False, soft_wrap=True)
            if problem.papers:
                more = problem.count - len(problem.papers)
                ids = " ".join(problem.papers) + (f" and {more:,} more" if more else "")
                out.print(f"  {ids}", markup=False, highlight=False, soft_wrap=True)
        if shared:
            out.print(_SHARED.format(database=shared), markup=False, highlight=False, soft_wrap=True)
    if found.problems:
        print_error("Something differs; what is named above mends it.")
        raise typer.Exit(1)
    if not as_json:
        out.print("The catalogue and both indexes agree.", highlight=False)
