"""The commands `ask` and `search`, and how their answers look in a terminal."""

import asyncio
import json
import textwrap
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from .console import (
    AsJson,
    FromSource,
    Home,
    InCollection,
    err,
    index_few,
    known_collection,
    known_source,
    open_assistant,
    out,
    print_error,
    print_json,
)

if TYPE_CHECKING:
    from index_store import Catalogue, Filter, PaperHit

    from .conversations import Turn
    from .engine import Assistant
    from .events import Estimated
    from .intent import Length
    from .routing import Mode

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
OnlyPaper = Annotated[
    list[str] | None, typer.Option("--paper", metavar="ID", help="Only this paper; may be given several times.")
]


def search(
    question: Annotated[str, typer.Argument(metavar="QUESTION")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many papers.")] = 10,
    from_year: FromYear = None,
    to_year: ToYear = None,
    author: Author = "",
    source: FromSource = "",
    collection: InCollection = "",
    paper: OnlyPaper = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """The papers that match a question best, with the passages that match."""
    from .limits import limits

    within = limits(from_year, to_year, author, source, paper, collection=collection)
    with open_assistant(home) as assistant:
        index_few(assistant)
        within = _known(assistant.library.catalogue, within)
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
    source: FromSource = "",
    collection: InCollection = "",
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
    within = limits(from_year, to_year, author, source, paper, collection=collection)
    with open_assistant(home) as assistant:
        index_few(assistant)
        within = _known(assistant.library.catalogue, within)
        streaming = not (as_json or as_csv)
        turn = asyncio.run(_ask(assistant, question, Mode(mode), wanted, history, within, streaming=streaming))
    if as_json:
        print_json(turn.to_dict())
    if as_csv:
        _print_csv(turn)
    if turn.problem:
        print_error(turn.problem)
        raise typer.Exit(1)


def _known(catalogue: "Catalogue", within: "Filter") -> "Filter":
    """The limits with the source as the catalogue names it. Exits for a source, a collection or an id of no paper."""
    if within.collection:
        known_collection(catalogue, within.collection)
    for paper_id in within.papers or ():
        catalogue.paper(paper_id)
    return replace(within, source=known_source(catalogue, within.source)) if within.source else within


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
