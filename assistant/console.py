"""What the modules of the command line share: the two consoles, common options, the open library, bars and JSON."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress

    from .engine import Assistant

out = Console()
err = Console(stderr=True)

FEW = 200  # papers

Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Folder of the library (RESEARCH_ASSISTANT_HOME).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def open_assistant(home: Path | None, *, rebuild: bool = False) -> Iterator["Assistant"]:
    """The assistant over the library in `home`, or over that of the settings; closed at the end."""
    from .engine import Assistant
    from .settings import load_settings

    with Assistant.open(settings=load_settings(home=home), rebuild=rebuild) as assistant:
        yield assistant


def index(assistant: "Assistant") -> int:
    """Embeds what is pending, with a bar on stderr while there is something to do; returns how many papers."""
    library = assistant.library
    with progress_bar() as bar:
        pending = library.status().pending
        task = bar.add_task("Embedding papers", total=pending, visible=bool(pending))
        done = library.index(lambda done, total: bar.update(task, completed=done, total=total))
    if waiting := library.status().pending:
        print_error(f"{waiting:,} papers wait: another process is embedding papers of this library.")
    return done


def index_few(assistant: "Assistant") -> None:
    """Indexes what is pending if little is to be embedded; else says on stderr that it is found by its words only."""
    library = assistant.library
    unembedded = library.catalogue.unembedded(library.embedder.fingerprint)
    if unembedded <= FEW:
        index(assistant)
    else:
        print_error(
            f"{unembedded:,} papers are not embedded yet and are found by their words only; "
            "`research-assistant index` or the open page goes on with them."
        )


def progress_bar() -> "Progress":
    """A bar on stderr, which nobody sees who is not at a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,  # a script that reads stderr gets errors only
    )


def print_json(value: Any) -> None:
    """Prints a value as indented JSON."""
    out.file.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_error(message: str) -> None:
    """Prints one line on stderr, as it stands."""
    err.print(message, markup=False, highlight=False, soft_wrap=True)
