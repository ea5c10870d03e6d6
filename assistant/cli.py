"""The command line. Exit codes: 0 done, 1 a failure or skipped records (one line on stderr), 2 wrong usage."""

import asyncio
import json
import logging
import socket
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from .cli_evaluate import evaluate
from .console import (
    FEW,
    AsJson,
    Home,
    err,
    index,
    index_few,
    open_assistant,
    out,
    print_error,
    print_json,
    progress_bar,
)

if TYPE_CHECKING:
    from index_store import AddReport, Catalogue, Filter, PaperHit

    from .conversations import Turn
    from .engine import Assistant
    from .events import Estimated
    from .intent import Length
    from .routing import Mode
    from .settings import Settings

app = typer.Typer(
    name="research-assistant",
    help="Ask a collection of paper abstracts; every sentence of an answer shows the sentence it rests on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
sample_app = typer.Typer(help="The sample collection of 97 papers.", no_args_is_help=True)
app.add_typer(sample_app, name="sample")

_SIGNS = {"partly": "~", "not found": "?"}
_KINDS = {
    "compare": "a comparison (--mode ask for a plain answer)",
    "summarise": "a summary (--mode ask for a plain answer)",
}


FromYear = Annotated[
    int | None, typer.Option("--from-year", min=0, max=9999, metavar="YEAR", help="Only papers of this year or later.")
]
ToYear = Annotated[
    int | None, typer.Option("--to-year", min=0, max=9999, metavar="YEAR", help="Only papers of this year or earlier.")
]
Author = Annotated[str, typer.Option(metavar="NAME", help="Only papers by this author: one or more words of the name.")]
Source = Annotated[str, typer.Option(metavar="FILE", help="Only papers from this file, as `show` names it.")]
OnlyPaper = Annotated[
    list[str] | None, typer.Option("--paper", metavar="ID", help="Only this paper; may be given several times.")
]


def main() -> None:
    """Runs the command line; errors of ours become one line on stderr and exit code 1."""
    if logging.lastResort:
        logging.lastResort.setLevel(logging.ERROR)  # what is expected to fail has its one line; a bug shows its trace
    try:
        app()
    except KeyboardInterrupt:
        err.print("Stopped. What was done is kept; `research-assistant index` or the page goes on from there.")
        sys.exit(130)
    except Exception as error:
        from index_store import LibraryError

        from .errors import AssistantError

        if not isinstance(error, AssistantError | LibraryError):
            raise
        print_error(str(error))
        sys.exit(1)


@app.command()
def serve(
    home: Home = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (RESEARCH_ASSISTANT_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (RESEARCH_ASSISTANT_PORT).")] = None,
) -> None:
    """Open the page. On an empty library the sample collection is indexed first."""
    from .engine import Assistant
    from .settings import load_settings

    settings = load_settings(home=home, host=host, port=port)
    _refuse_taken(settings.host, settings.port)
    (page,) = entry_points(group="research_assistant.page")
    serve_page = page.load()
    with Assistant.open(settings=settings) as assistant:
        if not assistant.library.sample_offered and not assistant.library.status().papers:
            assistant.library.add_sample()
        if assistant.library.status().pending <= FEW:
            index(assistant)  # a short wait for a page that is ready; what is more goes on behind it
        serve_page(assistant)


@app.command()
def add(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="A copied Hugging Face Papers page, JSON Lines or text.")
    ],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Add papers from files. A paper that is already there is updated, not doubled.

    Its words are found at once; its meaning once it is embedded. Ctrl-C stops that, and `index` or the page goes on.
    """
    with open_assistant(home) as assistant:
        with progress_bar() as bar:
            task = bar.add_task("Reading papers", total=None)
            report = assistant.library.add_files(files, lambda read: bar.update(task, completed=read))
        index(assistant)
        total = assistant.library.status().papers
    if as_json:
        print_json(
            {"new": report.new, "updated": report.updated, "same": report.same, "papers": total}
            | {"skipped": [asdict(record) for record in report.skipped]}
        )
    elif not _is_one_unreadable(report):
        out.print(_added(report) + f" {total:,} papers in the library.", highlight=False)
        for record in report.skipped:
            out.print(f"  skipped {record}", markup=False, highlight=False, soft_wrap=True)
    if report.skipped:
        print_error(_left_out(report))
        raise typer.Exit(1)


@app.command(name="index")
def index_pending(home: Home = None, as_json: AsJson = False) -> None:
    """Go on embedding the papers that wait for it, after an `add` or a `rebuild` that was stopped."""
    with open_assistant(home) as assistant:
        count = index(assistant)
    if as_json:
        print_json({"indexed": count})
    else:
        out.print(f"Indexed {count:,} papers by their meaning.", highlight=False)


@app.command()
def status(home: Home = None, as_json: AsJson = False) -> None:
    """How many papers there are, and whether all of them are indexed."""
    from index_store import status as status_of

    with _catalogue(home) as (settings, catalogue):
        found = status_of(catalogue)
    if as_json:
        print_json(asdict(found) | {"home": str(settings.home)})
        return
    out.print(f"{found.papers:,} papers, {found.indexed:,} indexed, {found.pending:,} waiting", highlight=False)
    if found.pending:
        share = found.indexed / found.papers
        out.print(f"{share:.0%} embedded; the others are found by their words until then", highlight=False)
    out.print(f"{found.sample:,} of them from the sample collection", highlight=False)
    out.print(f"embedding model: {found.embedding_model or 'none yet'}", highlight=False)
    out.print(f"folder: {settings.home}", highlight=False, soft_wrap=True, markup=False)


@app.command(name="list")
def list_papers(
    home: Home = None,
    limit: Annotated[int, typer.Option(min=1, help="How many papers to print.")] = 100,
    offset: Annotated[int, typer.Option(min=0, help="How many papers to pass over first.")] = 0,
    as_json: AsJson = False,
) -> None:
    """The papers, in the order they were added."""
    with _catalogue(home) as (_, catalogue):
        papers = catalogue.page(limit=limit, offset=offset)
    if as_json:
        print_json([paper.to_dict() for paper in papers])
        return
    table = Table("id", "title", "year", box=None, pad_edge=False)
    for paper in papers:
        table.add_row(paper.id, escape(paper.display_title), str(paper.year or ""))
    out.print(table)


@app.command()
def show(paper_id: Annotated[str, typer.Argument(metavar="ID")], home: Home = None, as_json: AsJson = False) -> None:
    """One paper with its abstract."""
    with _catalogue(home) as (_, catalogue):
        paper = catalogue.paper(paper_id)
    if as_json:
        print_json(paper.to_dict())
        return
    out.print(f"[bold]{escape(paper.display_title)}[/bold]")
    facts = [", ".join(paper.authors), str(paper.year or ""), paper.venue, paper.link, f"from {paper.source}"]
    out.print(escape(" · ".join(fact for fact in facts if fact)), highlight=False)
    out.print(f"\n{paper.abstract}", markup=False, highlight=False)


@app.command()
def remove(
    paper_ids: Annotated[list[str], typer.Argument(metavar="ID...")], home: Home = None, as_json: AsJson = False
) -> None:
    """Remove papers by id."""
    with open_assistant(home) as assistant:
        assistant.library.remove(paper_ids)
        left = assistant.library.status().papers
    if as_json:
        print_json({"removed": len(set(paper_ids)), "papers": left})
    else:
        out.print(f"Removed {len(set(paper_ids))}. {left:,} papers in the library.", highlight=False)


@app.command()
def rebuild(home: Home = None, as_json: AsJson = False) -> None:
    """Make both indexes anew from the catalogue; needed after the embedding model was changed."""
    with open_assistant(home, rebuild=True) as assistant:
        count = index(assistant)
    if as_json:
        print_json({"indexed": count})
    else:
        out.print(f"Rebuilt the index of {count:,} papers.", highlight=False)


@sample_app.command("add")
def sample_add(home: Home = None, as_json: AsJson = False) -> None:
    """Add the sample papers that are not in the library yet."""
    with open_assistant(home) as assistant:
        report = assistant.library.add_sample()
        index(assistant)
        total = assistant.library.status().papers
    if as_json:
        print_json({"new": report.new, "papers": total})
    else:
        out.print(_added(report) + f" {total:,} papers in the library.", highlight=False)


@sample_app.command("remove")
def sample_remove(home: Home = None, as_json: AsJson = False) -> None:
    """Remove the sample papers; those that your own files have replaced stay."""
    with open_assistant(home) as assistant:
        count = assistant.library.remove_sample()
        left = assistant.library.status().papers
    if as_json:
        print_json({"removed": count, "papers": left})
    else:
        out.print(f"Removed {count:,} sample papers. {left:,} papers in the library.", highlight=False)


@app.command()
def search(
    question: Annotated[str, typer.Argument(metavar="QUESTION")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many papers.")] = 10,
    from_year: FromYear = None,
    to_year: ToYear = None,
    author: Author = "",
    source: Source = "",
    paper: OnlyPaper = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """The papers that match a question best, with the passages that match."""
    from .limits import limits

    within = limits(from_year, to_year, author, source, paper)
    with open_assistant(home) as assistant:
        index_few(assistant)
        _require(assistant, paper, source)
        found = assistant.search(question, k, within=within)
    hits = found.hits
    if found.problem:
        print_error(found.problem)
    if as_json:
        print_json([_hit(hit) for hit in hits])
        return
    for hit in hits:
        out.print(f"{hit.rank:>3}. [bold]{escape(hit.paper.display_title)}[/bold]  {hit.paper.id}", highlight=False)
        for line in _best_passage(hit):
            out.print(f"     {line}", markup=False, highlight=False, soft_wrap=True)
    if not hits:
        out.print("No paper matches.")


@app.command()
def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION")],
    mode: Annotated[
        str, typer.Option(help="auto, ask, compare or summarise; also as /compare before the question.", metavar="MODE")
    ] = "auto",
    length: Annotated[
        str | None, typer.Option(help="Of a summary: short, normal or long.", metavar="LENGTH", show_default=False)
    ] = None,
    history: Annotated[
        Path | None, typer.Option(help="JSON list of role and content: the conversation so far.", exists=True)
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the table of a comparison as CSV.")] = False,
    from_year: FromYear = None,
    to_year: ToYear = None,
    author: Author = "",
    source: Source = "",
    paper: OnlyPaper = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question, compare, or summarise, with sentences of the papers, each with its citation.

    [1~] means that the sentence supports the claim partly, [1?] that it does not, [?] that no source was found.
    """
    from .intent import Length
    from .limits import limits
    from .routing import Mode

    if mode not in list(Mode):
        raise typer.BadParameter(f"{mode!r} is none of {', '.join(Mode)}.", param_hint="--mode")
    if length is not None and length not in list(Length):
        raise typer.BadParameter(f"{length!r} is none of {', '.join(Length)}.", param_hint="--length")
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json go apart.", param_hint="--csv")
    wanted = Length(length) if length else None
    within = limits(from_year, to_year, author, source, paper)
    with open_assistant(home) as assistant:
        index_few(assistant)
        _require(assistant, paper, source)
        streaming = not (as_json or as_csv)
        turn = asyncio.run(_ask(assistant, question, Mode(mode), wanted, history, within, streaming=streaming))
    if as_json:
        print_json(turn.to_dict())
    if as_csv:
        _print_csv(turn)
    if turn.problem:
        print_error(turn.problem)
        raise typer.Exit(1)


@app.command()
def check(as_json: AsJson = False, home: Home = None) -> None:
    """Ask the language model of the settings for one word, and say what is wrong if it does not answer."""
    from .errors import InvalidSettings
    from .llm import Connection
    from .llm import check as check_connection
    from .settings import load_settings

    connection = Connection.of(load_settings(home=home))
    if not connection:
        raise InvalidSettings("No model is set, so answers are quotations. Name one in RESEARCH_ASSISTANT_LLM_MODEL.")
    seen = asyncio.run(check_connection(connection))
    if as_json:
        print_json(seen)
        return
    out.print(f"{seen['model']} answers; first word after {seen['first_token_seconds']} s.", highlight=False)
    if not seen["streams"]:
        out.print("It does not stream: its answers come in one piece.")
    if not seen["reports_usage"]:
        out.print("It does not count tokens; the product estimates them.")


app.command()(evaluate)


@app.command()
def settings() -> None:
    """Every setting with its default, as a Markdown table."""
    from .settings import settings_table

    out.file.write(settings_table() + "\n")


@app.command(name="version")
def print_version() -> None:
    """The version of the product."""
    out.print(version("research-assistant"), highlight=False)


def _require(assistant: "Assistant", paper_ids: list[str] | None, source: str) -> None:
    """Raises for an id that no paper has, and for a source that no paper came from."""
    sources = assistant.library.catalogue.sources() if source else {}
    if source and source not in sources:
        raise typer.BadParameter(
            f"no paper came from {source!r}; known are {', '.join(sources)}.", param_hint="--source"
        )
    for paper_id in paper_ids or ():
        assistant.library.catalogue.paper(paper_id)


async def _ask(
    assistant: "Assistant",
    question: str,
    mode: "Mode",
    length: "Length | None",
    history: Path | None,
    within: "Filter",
    *,
    streaming: bool,
) -> "Turn":
    """Asks one turn, printing Markdown as it comes if `streaming`."""
    from .conversations import Conversation, from_messages
    from .errors import InvalidHistory
    from .events import Cited, Delta, Done, Estimated, Failed, Planned, Reading, Unsourced
    from .limits import limited

    written = ""
    conversation = Conversation()
    if history:
        try:
            messages = json.loads(history.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise InvalidHistory(f"{history} cannot be read as JSON: {error}.") from error
        conversation = from_messages(messages, assistant.library.catalogue.papers)
    async for event in assistant.ask(question, conversation, mode, length=length, within=within):
        match event:
            case Planned(plan) if streaming:
                if plan.automatic and plan.mode.value in _KINDS:
                    out.print(f"Read as {_KINDS[plan.mode.value]}.\n", highlight=False)
                if plan.limits:
                    out.print(f"Searched only: {limited(plan.limits)}.\n", markup=False, highlight=False)
                continue
            case Estimated() if streaming and err.is_terminal:
                err.print(_estimated(event), highlight=False)
                continue
            case Reading(done, total) if streaming and err.is_terminal:
                err.print(f"Reading the papers: {done} of {total}", highlight=False)
                continue
            case Delta(text):
                piece = text
            case Cited(citation):
                piece = f"[{citation.number}{_SIGNS.get(citation.support, '')}]"
            case Unsourced():
                piece = "[?]"
            case Done() | Failed():
                if streaming:
                    out.file.write("\n" if written and not written.endswith("\n") else "")
                    _print_check(event.turn)
                    _print_references(event.turn)
                return event.turn
            case _:
                continue
        if streaming:
            out.file.write(piece)
            out.file.flush()
            written = piece or written
    raise AssertionError("a turn always ends with Done or Failed")


def _estimated(event: "Estimated") -> str:
    """What a large summary will take, before it starts."""
    cost = f", ${event.cost:.4f}" if event.cost is not None else ""
    return f"{event.papers} papers: at most {event.calls} calls and about {event.tokens:,} tokens{cost}."


def _print_csv(turn: "Turn") -> None:
    """The table of a comparison, or one line on stderr that there is none."""
    if not turn.table:
        refused = turn.outcome.value == "refused"
        err.print("Nothing was found to compare." if refused else "The answer has no table; ask for a comparison.")
        raise typer.Exit(1)
    out.file.write(turn.table_as_csv)


def _print_check(turn: "Turn") -> None:
    """How many claims have which support, and what else a reader should know."""
    counts = turn.support
    if counts:
        total = sum(counts.values())
        found = ", ".join(f"{count} {label}" for label, count in counts.items() if count)
        out.print(f"\n{total} {'claim' if total == 1 else 'claims'}: {found}", highlight=False)
    if turn.note:
        out.print(turn.note, markup=False, highlight=False, soft_wrap=True)


def _print_references(turn: "Turn") -> None:
    papers = {citation.number: citation.paper for citation in turn.citations}
    for number, paper in sorted(papers.items()):
        facts = [", ".join(paper.authors), paper.display_title, paper.venue, str(paper.year or ""), paper.link]
        line = f"[{number}] " + ". ".join(fact for fact in facts if fact) + f" ({paper.id})"
        out.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _catalogue(home: Path | None) -> Iterator[tuple["Settings", "Catalogue"]]:
    from index_store import open_catalogue

    from .settings import load_settings

    settings = load_settings(home=home)
    catalogue = open_catalogue(settings.home)
    try:
        yield settings, catalogue
    finally:
        catalogue.close()


def _refuse_taken(host: str, port: int) -> None:
    """Raises `AddressUnavailable` before time is spent on a page that could not be served."""
    from .errors import AddressUnavailable

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressUnavailable(
                f"The page cannot listen on {host}:{port} ({error.strerror or error}). "
                f"Perhaps it is open there already; otherwise choose another port: `PORT={port + 1} make run`."
            ) from error


def _added(report: "AddReport") -> str:
    parts = {"new": report.new, "updated": report.updated, "already there": report.same}
    return ("; ".join(f"{count:,} {name}" for name, count in parts.items() if count) or "Nothing added") + "."


def _is_one_unreadable(report: "AddReport") -> bool:
    """Whether there is nothing to tell but why one file cannot be read."""
    return len(report.skipped) == 1 and not report.skipped[0].line and not _went_in(report)


def _went_in(report: "AddReport") -> int:
    return report.new + report.updated + report.same


def _left_out(report: "AddReport") -> str:
    """One line on what was skipped."""
    if _is_one_unreadable(report):
        return str(report.skipped[0])
    files = sum(not record.line for record in report.skipped)
    records = len(report.skipped) - files
    parts = [
        *([f"{records:,} {'record was' if records == 1 else 'records were'} skipped"] if records else []),
        *([f"{files:,} {'file' if files == 1 else 'files'} could not be read"] if files else []),
    ]
    return " and ".join(parts) + ("; the others went in." if _went_in(report) else "; nothing went in.")


def _best_passage(hit: "PaperHit") -> list[str]:
    """The passage that matches best, in at most two lines."""
    from index_store import plain_text

    text = plain_text(hit.passages[0].text) if hit.passages else ""
    return textwrap.wrap(text, max(40, min(out.width, 120) - 5), max_lines=2, placeholder=" …")


def _hit(hit: "PaperHit") -> dict[str, Any]:
    return {
        "rank": hit.rank,
        "score": hit.score,
        "paper": hit.paper.to_dict(),
        "passages": [asdict(passage) for passage in hit.passages],
    }
