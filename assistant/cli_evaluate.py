"""The command `evaluate`: measures the search, the answers or the support check, and prints what it found."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from .console import AsJson, Home, err, index, open_assistant, out, print_error, print_json, progress_bar

if TYPE_CHECKING:
    from .retrieval_evaluation import Progress


def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="A data set in BEIR's shape (corpus.jsonl, queries.jsonl, qrels/test.tsv; each may end in .gz), "
            "or a folder that holds `scifact/` with claims.jsonl and sentences.jsonl.gz.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Which judgements of the data set: test, train, dev, ... (default: test).", metavar="NAME"),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON Lines: `question`, `kind`, and if known `history`, `subjects`, `papers`, `optional`, `refused`.",
            show_default=False,
        ),
    ] = None,
    half: Annotated[
        str | None, typer.Option(help="Only the questions whose `half` is tune or test.", show_default=False)
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Measure the search on a BEIR data set, the support check on SciFact's claims, or answers to your questions.

    A data set is put into an index of its own, which is thrown away; your library is left alone.
    """
    from .beir import SPLIT, InvalidDataset, has_corpus
    from .evaluation import HALVES

    if (folder is None) == (questions is None):
        raise typer.BadParameter("Give either FOLDER or --questions FILE.", param_hint="FOLDER")
    if half is not None and (half not in HALVES or questions is None):
        raise typer.BadParameter(f"goes with --questions and is one of {', '.join(HALVES)}.", param_hint="--half")
    if split is not None and not (folder and has_corpus(folder)):
        raise typer.BadParameter("goes with a FOLDER that holds a corpus.jsonl.", param_hint="--split")
    if questions:
        _evaluate_answers(questions, half or "", home, as_json=as_json)
    elif folder and has_corpus(folder):
        _evaluate_retrieval(folder, split or SPLIT, home, as_json=as_json)
    elif folder and (folder / "scifact" / "claims.jsonl").is_file():
        _evaluate_support(folder, as_json=as_json)
    else:
        raise InvalidDataset(
            f"{folder} holds neither corpus.jsonl (or .gz; to measure the search) nor scifact/claims.jsonl (to measure "
            "the support check)."
        )


# -- the search -------------------------------------------------------------------------------------------------------


def _evaluate_retrieval(folder: Path, split: str, home: Path | None, *, as_json: bool) -> None:
    """Measures the three rankings, the ingest and the search on a data set."""
    from index_store import open_embedder

    from .beir import read_dataset
    from .retrieval_evaluation import evaluate as measure
    from .settings import load_settings

    settings = load_settings(home=home)
    dataset = read_dataset(folder, split)
    model = open_embedder(settings.embedding_model, api_base=settings.openai_base_url, api_key=settings.openai_api_key)
    try:
        with _stages() as progress:
            found = measure(dataset, model, progress)
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt("The throw-away index is removed; your library was left alone.") from stopped
    if as_json:
        print_json(found)
    else:
        _print_retrieval(found)


@contextmanager
def _stages() -> Iterator["Progress"]:
    """A bar for each thing that is done, one below the other."""
    with progress_bar() as bar:
        tasks: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield progress


def _print_retrieval(found: dict[str, Any]) -> None:
    """The measures as a table, then a line each on the ingest, the search and what else a reader should know."""
    from .retrieval_evaluation import MEASURES, RANKINGS

    ingest, search = found["ingest"], found["search"]
    said = f"{found['queries']:,} questions of the split {found['split']}, {ingest['abstracts']:,} abstracts"
    out.print(f"{said}, {found['embedding_model']}; in brackets the 95 % interval", highlight=False, soft_wrap=True)
    table = Table("", *(ranking.value for ranking in RANKINGS), box=None)
    for name in MEASURES:
        parts = [found[ranking.value] for ranking in RANKINGS]
        table.add_row(name, *(_with_interval(part[name], *part["interval"][name]) for part in parts))
    out.print(table)
    lines = [
        f"ingest: {ingest['abstracts_per_second']:,.1f} abstracts/s over {ingest['seconds']:,.1f} s, "
        f"{ingest['embedding_share']:.0%} of it embedding; peak memory {ingest['peak_memory_mb']:,.0f} MB",
        f"search: p50 {search['p50_ms']:.1f} ms, p95 {search['p95_ms']:.1f} ms, p99 {search['p99_ms']:.1f} ms",
        *_remarks(found["left_out"]),
    ]
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{value:.3f} ({low:.3f}–{high:.3f})"


def _remarks(left_out: dict[str, int]) -> list[str]:
    """What was not as the files have it, a line each."""
    remarks = {
        "entries of the corpus with neither title nor text, left out": left_out["empty_entries"],
        "judged documents that the corpus lacks or has no text of, not found": left_out["missing_documents"],
        "judged questions that are not among the questions, not asked": left_out["unknown_queries"],
        "questions without a relevant document, not asked": left_out["queries_without_relevant"],
    }
    return [f"{remark}: {count:,}" for remark, count in remarks.items() if count]


# -- the answers ------------------------------------------------------------------------------------------------------


def _evaluate_answers(questions: Path, half: str, home: Path | None, *, as_json: bool) -> None:
    """Asks the library every question of the file and prints the measures; exit code 1 if a turn failed."""
    from .conversations import Outcome
    from .evaluation import MEASURES, ask_all, read_questions, report

    wanted = read_questions(questions, half)
    with open_assistant(home) as assistant:
        index(assistant)
        with progress_bar() as bar:
            task = bar.add_task("Asking", total=len(wanted))
            turns = asyncio.run(ask_all(assistant, wanted, lambda done: bar.update(task, completed=done)))
    found = report(wanted, turns)
    if as_json:
        print_json(found)
    else:
        parts = {name: part for name, part in found.items() if name not in ("llm", "failures")}
        table = Table(f"answers by {found['llm']}" if found["llm"] else "answers in quotations", *parts, box=None)
        table.add_row("questions", *(str(part["questions"]) for part in parts.values()))
        for name, title in MEASURES.items():
            table.add_row(title, *(_percent(part[name]) for part in parts.values()))
        table.add_row("seconds, median", *(f"{part['seconds']:.2f}" for part in parts.values()))
        out.print(table)
    failed = [turn for turn in turns if turn.outcome is Outcome.FAILED]
    if failed:
        print_error(f"{len(failed)} of {len(turns)} questions failed; the first: {failed[0].problem}")
        raise typer.Exit(1)


def _percent(figure: dict[str, Any]) -> str:
    return "–" if figure["value"] is None else f"{figure['value']:.1%} of {figure['of']}"


# -- the support check ------------------------------------------------------------------------------------------------


def _evaluate_support(folder: Path, *, as_json: bool) -> None:
    """Measures the support check on SciFact's claims, beside plain cosine."""
    from index_store import open_embedder

    from .support_training import evaluate as measure

    with err.status("Embedding the claims and abstracts; this takes some minutes"):
        found = measure(folder, open_embedder("minilm").embed)
    if as_json:
        print_json(found)
        return
    for title in ("confusion", "paraphrases"):
        table = Table(title, *next(iter(found[title].values()), {}), box=None)
        for name, counts in found[title].items():
            table.add_row(name, *(str(count) for count in counts.values()))
        out.print(table)
    table = Table("AUROC", "ours", "cosine", box=None)
    for name, values in [*found["auroc"].items(), ("rationale sentences, F1", found["rationale_f1"])]:
        table.add_row(name, f"{values['ours']:.3f}", f"{values['cosine']:.3f}")
    out.print(table)
