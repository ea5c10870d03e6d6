"""The command that brings a library from one folder into another, or into a database."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import AsJson, Home, index_wherever, open_catalogue, out, print_error, print_json, progress_bar

if TYPE_CHECKING:
    from rich.progress import Progress

    from index_store import AddReport

    from .archive_copy import CopyReport
    from .settings import Settings


def copy_from(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the other library; it stays as it is.", show_default=False)
    ],
    owner: Annotated[
        str, typer.Option(metavar="USER", help="Whose the conversations become that belong to nobody by name.")
    ] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Copy the papers and conversations of another folder into this library, or into the database of the settings.

    Nothing is embedded again. Can be stopped and repeated; what is there stays.
    """
    from .settings import load_settings

    settings = load_settings(home=home)
    _refuse(folder, settings)
    owner = _known_owner(owner, settings)
    try:
        with progress_bar() as bar:
            papers = _copy_papers(folder, home, bar)
            conversations = _copy_conversations(folder, settings, owner, bar)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("What was copied is kept; the same command goes on from there.") from None
    if as_json:
        print_json({"papers": asdict(papers), "conversations": asdict(conversations)})
    else:
        _tell(papers, conversations)
    index_wherever(home)


def _refuse(folder: Path, settings: "Settings") -> None:
    from index_store import has_catalogue

    if not has_catalogue(folder):
        raise typer.BadParameter(f"there is no library in {folder}.", param_hint="DIR")
    if not settings.database and settings.home.exists() and folder.samefile(settings.home):
        raise typer.BadParameter(
            "that is this library itself; name another folder with --home, or a database in DATABASE_URL.",
            param_hint="DIR",
        )


def _known_owner(owner: str, settings: "Settings") -> str:
    """The name as it signs in. Exits with wrong usage if there are users and this is none of them."""
    from .users import Users, known_as

    users = Users(settings.users_path).all() if settings.users_path.exists() else {}
    name = known_as(owner) if owner else ""
    if name and users and name not in users:
        raise typer.BadParameter(f"there is no user {name!r}; `user list` shows them.", param_hint="--owner")
    return name


def _copy_papers(folder: Path, home: Path | None, bar: "Progress") -> "AddReport":
    from index_store import copy_papers
    from index_store import open_catalogue as open_it

    source = open_it(folder)
    try:
        task = bar.add_task("Copying papers", total=None)
        with open_catalogue(home) as (_, target):
            return copy_papers(source, target, lambda report: bar.update(task, completed=report.read))
    finally:
        source.close()


def _copy_conversations(folder: Path, settings: "Settings", owner: str, bar: "Progress") -> "CopyReport":
    from .archive_copy import CopyReport, copy_conversations
    from .archive_file import place_of

    source = place_of(folder, None)
    if isinstance(source, Path) and not source.exists():
        return CopyReport()
    task = bar.add_task("Copying conversations", total=None)
    return copy_conversations(
        source,
        place_of(settings.home, settings.database),
        owner,
        lambda done, total: bar.update(task, completed=done, total=total),
    )


def _tell(papers: "AddReport", conversations: "CopyReport") -> None:
    for name, parts in (
        ("papers", {"new": papers.new, "updated": papers.updated, "already there": papers.same}),
        ("conversations", {"new": conversations.copied, "already there": conversations.same}),
    ):
        said = "; ".join(f"{count:,} {part}" for part, count in parts.items() if count) or "none"
        out.print(f"{name}: {said}", highlight=False)
    if conversations.nameless:
        print_error(
            f"{conversations.nameless:,} of the conversations belong to nobody by name and are seen only where nobody "
            "signs in; the same command with --owner USER gives them to a user."
        )
