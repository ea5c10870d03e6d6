"""The command that brings a library from one folder into another, or into a database."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import AsJson, Home, index_wherever, open_catalogue, out, print_error, print_json, progress_bar

if TYPE_CHECKING:
    from rich.progress import Progress

    from index_store import CopiedPapers

    from .archive_copy import CopyReport
    from .settings import Settings


def copy_from(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder of the other library; nothing is taken away there.", show_default=False
        ),
    ],
    owner: Annotated[
        str, typer.Option(metavar="USER", help="Whose the conversations become that belong to nobody by name.")
    ] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Copy the papers and conversations of another folder into this library, or into the database of the settings.

    What is embedded is not embedded again by the same model. Can be stopped and repeated; what is there, or was removed
    there, stays as it is.
    """
    from .settings import load_settings

    settings = load_settings(home=home)
    _refuse(folder, settings)
    owner = _known_owner(owner, settings)
    _refuse_unreadable_conversations(folder)
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
    complaints = _complaints(conversations, owner, settings)
    for complaint in complaints:
        print_error(complaint)
    if conversations.apart or conversations.unreadable:
        raise typer.Exit(1)


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
    """The name as it signs in. Exits with wrong usage if it is blank, or there are users and this is none of them."""
    from .users import Users, known_as

    users, name = Users(settings.users_path).all(), known_as(owner)
    if owner and not name:
        raise typer.BadParameter("a name has letters.", param_hint="--owner")
    if name and users and name not in users:
        raise typer.BadParameter(f"there is no user {name!r}; `user list` shows them.", param_hint="--owner")
    return name


def _copy_papers(folder: Path, home: Path | None, bar: "Progress") -> "CopiedPapers":
    from index_store import LibraryUnreadable, copy_papers
    from index_store import open_catalogue as open_it

    try:
        source = open_it(folder)
    except LibraryUnreadable as error:
        raise LibraryUnreadable(f"Papers cannot be copied from {folder}: {_reason(error)}.") from error
    try:
        task = bar.add_task("Copying papers", total=None)
        with open_catalogue(home) as (_, target):
            return copy_papers(source, target, lambda report: bar.update(task, completed=report.all))
    finally:
        source.close()


def _refuse_unreadable_conversations(folder: Path) -> None:
    """Before anything is copied, as papers alone would look like all there is. Raises `ArchiveUnreadable`."""
    from .archive_file import ArchiveFile
    from .errors import ArchiveUnreadable

    if file := _conversations_of(folder):
        try:
            ArchiveFile(file).close()
        except ArchiveUnreadable as error:
            raise ArchiveUnreadable(
                f"Conversations cannot be copied from {folder}, so nothing was copied: {_reason(error)}."
            ) from error


def _copy_conversations(folder: Path, settings: "Settings", owner: str, bar: "Progress") -> "CopyReport":
    from .archive_copy import CopyReport, copy_conversations
    from .archive_file import place_of

    file = _conversations_of(folder)
    if not file:
        return CopyReport()
    task = bar.add_task("Copying conversations", total=None)
    return copy_conversations(
        file,
        place_of(settings.home, settings.database),
        owner,
        lambda done, total: bar.update(task, completed=done, total=total),
    )


def _conversations_of(folder: Path) -> Path | None:
    from .archive_file import place_of

    file = place_of(folder, None)
    return file if isinstance(file, Path) and file.exists() else None


def _reason(error: Exception) -> str:
    """What is wrong, without the advice behind it, which is for those who open the folder to work in it."""
    return str(error).partition(";")[0].rstrip(".")


def _tell(papers: "CopiedPapers", conversations: "CopyReport") -> None:
    for name, report in (
        ("papers", {"new": papers.new, "updated": papers.updated, "already there": papers.same}),
        (
            "conversations",
            {"new": conversations.copied, "gone on with": conversations.updated, "already there": conversations.same},
        ),
    ):
        said = "; ".join(f"{count:,} {part}" for part, count in report.items() if count) or "none"
        out.print(f"{name}: {said}", highlight=False)


def _complaints(conversations: "CopyReport", owner: str, settings: "Settings") -> list[str]:
    """What its user has to know besides, a line each."""
    from .users import Users

    users, said = Users(settings.users_path).all(), []
    if conversations.apart:
        said.append(f"conversations that went on in both places, and were left as they are: {conversations.apart:,}")
    if conversations.unreadable:
        said.append(f"conversations that are damaged and were left out: {conversations.unreadable:,}")
    if conversations.nameless and (users or settings.trusted_user_header or settings.database):
        said.append(
            f"conversations that belong to nobody by name: {conversations.nameless:,}. They are seen only where nobody "
            "signs in; the same command with --owner USER gives them to a user."
        )
    if owner and not users and not settings.trusted_user_header:
        said.append(f"There is no user {owner!r} yet; who signs in by this name will see the conversations.")
    return said
