"""The command line. Exit codes: 0 done, 1 a failure or skipped records (one line on stderr), 2 wrong usage."""

import asyncio
import logging
import sys
from dataclasses import asdict
from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from .cli_ask import ask, search
from .cli_collections import collection_app
from .cli_copy import copy_from
from .cli_evaluate import evaluate
from .cli_library import add, remove, restore, sample_app
from .cli_papers import doctor, export, list_papers, show
from .cli_users import user_app
from .console import FEW, AsJson, Home, index, open_assistant, open_catalogue, out, print_error, print_json, tell_mended

_KEPT = "What was done is kept; `research-assistant index` or the page goes on from there."
_SHARED = (
    "The index of meanings was made anew for all processes, the index of words for this home; every other home keeps "
    "its own, which follows the catalogue."
)
_STOPPED = 130  # the exit code of a command that was stopped with Ctrl-C

app = typer.Typer(
    name="research-assistant",
    help="Ask a collection of paper abstracts; every sentence of an answer shows the sentence it rests on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(collection_app, name="collection")
app.add_typer(sample_app, name="sample")
app.add_typer(user_app, name="user")


def main() -> None:
    """Runs the command line; errors of ours become one line on stderr and exit code 1."""
    if logging.lastResort:
        logging.lastResort.setLevel(logging.ERROR)  # what is expected to fail has its one line; a bug shows its trace
    try:
        app()
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        from index_store import LibraryError

        from .errors import AssistantError

        if stop := _stop(error):
            print_error(f"Stopped. {stop}")
            sys.exit(_STOPPED)
        if not isinstance(error, AssistantError | LibraryError):
            raise
        print_error(str(error))
        sys.exit(1)


def _stop(error: BaseException) -> str:
    """What to tell if somebody pressed Ctrl-C: the command's own word, else that nothing is lost; "" if nobody did.

    Typer makes an exit code of it, and a compiled module a failure to import it, with the interrupt behind.
    """
    behind: BaseException | None = error
    while behind and not isinstance(behind, KeyboardInterrupt):
        behind = behind.__cause__ or behind.__context__
    if behind is None and not (isinstance(error, SystemExit) and error.code == _STOPPED):
        return ""
    return str(behind or "") or _KEPT


@app.command()
def serve(
    home: Home = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (RESEARCH_ASSISTANT_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (RESEARCH_ASSISTANT_PORT).")] = None,
) -> None:
    """Open the page. On an empty library the sample collection is indexed first."""
    from .binding import refuse_open, refuse_taken
    from .engine import Assistant
    from .settings import load_settings

    settings = load_settings(home=home, host=host, port=port)
    refuse_open(settings)
    refuse_taken(settings.host, settings.port)
    (page,) = entry_points(group="research_assistant.page")
    serve_page = page.load()
    with Assistant.open(settings=settings) as assistant:
        tell_mended(assistant)
        if not assistant.library.sample_offered and not assistant.library.status().papers:
            assistant.library.add_sample()
        if assistant.library.status().pending <= FEW:
            index(assistant)  # a short wait for a page that is ready; what is more goes on behind it
        serve_page(assistant)


app.command()(ask)
app.command()(search)
app.command()(add)
app.command(name="list")(list_papers)
app.command()(show)
app.command()(export)
app.command()(copy_from)
app.command()(remove)
app.command()(restore)


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

    with open_catalogue(home) as (settings, catalogue):
        found = status_of(catalogue)
    if as_json:
        print_json(asdict(found) | {"home": str(settings.home), "database": str(settings.database or "")})
        return
    out.print(f"{found.papers:,} papers, {found.indexed:,} indexed, {found.pending:,} waiting", highlight=False)
    if found.pending:
        share = found.indexed / found.papers
        out.print(f"{share:.0%} embedded; the others are found by their words until then", highlight=False)
    if found.without_abstract:
        out.print(f"{found.without_abstract:,} of them have no abstract and are found by their titles", highlight=False)
    out.print(f"{found.sample:,} of them from the sample collection", highlight=False)
    out.print(f"embedding model: {found.embedding_model or 'none yet'}", highlight=False)
    out.print(f"folder: {settings.home}", highlight=False, soft_wrap=True, markup=False)
    if settings.database:
        out.print(f"database: {settings.database}", highlight=False, soft_wrap=True, markup=False)


@app.command()
def rebuild(home: Home = None, as_json: AsJson = False) -> None:
    """Make both indexes anew from the catalogue; needed after the embedding model was changed."""
    with open_assistant(home, rebuild=True) as assistant:
        count = index(assistant)
        shared = assistant.settings.database is not None
    if as_json:
        print_json({"indexed": count})
        return
    out.print(f"Rebuilt the index of {count:,} papers.", highlight=False)
    if shared:
        out.print(_SHARED, highlight=False, soft_wrap=True)


@app.command()
def check(as_json: AsJson = False, home: Home = None) -> None:
    """Ask the language model of the settings for one word, and say what is wrong if it does not answer."""
    from .connection import Connection
    from .errors import InvalidSettings
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


app.command()(doctor)
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
