"""What the modules of the command line share: the two consoles, common options, the open library, bars and JSON."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress

    from index_store import Catalogue

    from .engine import Assistant
    from .settings import Settings

out = Console()
err = Console(stderr=True)

FEW = 200  # papers
_LOOK = 0.25  # seconds between two looks at what another process has done
_STILL = 5.0  # seconds without a paper done, after which it is asked whether that process is still there
_LOOKED = 12  # times in a row that nothing was done in them, before it is left to itself
_NAMED = 20  # sources or collections in an error

Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Folder of the library (RESEARCH_ASSISTANT_HOME).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PaperIds = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids as `list` shows them.")]
FromSource = Annotated[
    str, typer.Option("--source", metavar="FILE", help="Only papers from this file, as `show` names it.")
]
InCollection = Annotated[
    str,
    typer.Option("--collection", metavar="NAME", help="Only papers of this collection."),
]


@contextmanager
def open_assistant(home: Path | None, *, rebuild: bool = False) -> Iterator["Assistant"]:
    """The assistant over the library in `home`, or over that of the settings; closed at the end."""
    from .engine import Assistant
    from .settings import load_settings

    with Assistant.open(settings=load_settings(home=home), rebuild=rebuild) as assistant:
        tell_mended(assistant)
        yield assistant


def tell_mended(assistant: "Assistant") -> None:
    """Says on stderr which index was found damaged and is being made anew."""
    for line in assistant.library.mended:
        print_error(line)


@contextmanager
def open_catalogue(home: Path | None) -> Iterator[tuple["Settings", "Catalogue"]]:
    """The settings and the catalogue, which can be read and written while another process has the library open."""
    from index_store import open_catalogue as open_it

    from .settings import load_settings

    settings = load_settings(home=home)
    catalogue = open_it(settings.home, settings.database)
    try:
        yield settings, catalogue
    finally:
        catalogue.close()


def known_source(catalogue: "Catalogue", source: str) -> str:
    """The source as the catalogue names it; also found by the path of a file. Else exits with wrong usage."""
    sources = catalogue.sources()
    for name in (source, Path(source).name):
        if name in sources:
            return name
    raise typer.BadParameter(
        f"no paper came from {source!r}; known are {_named(sources)}." if sources else "the library is empty.",
        param_hint="--source",
    )


def known_collection(catalogue: "Catalogue", name: str) -> str:
    """The name, if there is a collection of this name. Else exits with wrong usage."""
    collections = catalogue.collections()
    if name in collections:
        return name
    raise typer.BadParameter(
        f"there is no collection {name!r}; known are {_named(collections)}."
        if collections
        else "there are no collections yet; `research-assistant collection add NAME ID...` makes one.",
        param_hint="collection",
    )


def _named(names: Iterable[str]) -> str:
    names = list(names)
    more = [f"and {len(names) - _NAMED:,} more"] if len(names) > _NAMED else []
    return ", ".join([*names[:_NAMED], *more])


def index_wherever(home: Path | None) -> None:
    """Has what waits indexed: by this process, or by the one that has the library open, which is waited for.

    That one may end meanwhile, and then this process does the rest.
    """
    from index_store import LibraryInUse

    waiting, looked = -1, 0
    while looked < _LOOKED:
        try:
            with open_assistant(home) as assistant:
                index(assistant)
            return
        except LibraryInUse:
            left = _watch(home)
            if not left:
                return
            waiting, looked = left, looked + 1 if left == waiting else 0
    print_error(f"{waiting:,} papers wait: another process has the library open, and goes on with them later.")


def _watch(home: Path | None) -> int:
    """Shows how another process indexes, until nothing waits or nothing moves; returns how many papers still wait."""
    from index_store import State

    with open_catalogue(home) as (_, catalogue), progress_bar() as bar:

        def waiting() -> int:
            counts = catalogue.counts()
            return counts[State.PENDING] + counts[State.REMOVED]

        total = left = waiting()
        task = bar.add_task("Indexing by the process that has the library open", total=total)
        moved = time.monotonic()
        while left and time.monotonic() - moved < _STILL:
            time.sleep(_LOOK)
            before, left = left, waiting()
            if left != before:
                moved = time.monotonic()
                bar.update(task, completed=max(0, total - left))
    return left


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
