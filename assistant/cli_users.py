"""The commands about who may sign in on the page."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import AsJson, Home, out, print_json

if TYPE_CHECKING:
    from .users import Users

user_app = typer.Typer(help="Who may sign in on the page. With no user, nobody has to.", no_args_is_help=True)

_FIRST = (
    "Conversations from before belong to nobody and are in no list from now on. They stay in the database, and are "
    "there again when the last user is removed and the page is started anew. To take some along, save each as JSON "
    "then, and read it in after signing in."
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name that the user signs in with.")]


@user_app.command()
def add(
    name: _Name,
    admin: Annotated[bool, typer.Option("--admin", help="May change the library and see the settings.")] = False,
    home: Home = None,
) -> None:
    """Add a user; the password is asked for, or read from standard input."""
    path = _users_path(home)
    users = _users(home)
    is_first = not users.all()
    users.add(name, _password(), admin=admin)
    _say(f"Added {name} to {path}. From now on the page asks everybody to sign in.")
    if is_first:
        _say(_FIRST)


@user_app.command()
def passwd(name: _Name, home: Home = None) -> None:
    """Change a user's password, who has to sign in again."""
    _users(home).set_password(name, _password())
    out.print(f"Changed the password of {name}.", highlight=False, markup=False)


@user_app.command()
def remove(name: _Name, home: Home = None) -> None:
    """Remove a user, who is signed out at once; the conversations stay, for a user who is added by that name again."""
    _users(home).remove(name)
    out.print(f"Removed {name}.", highlight=False, markup=False)


@user_app.command(name="list")
def list_users(as_json: AsJson = False, home: Home = None) -> None:
    """Who may sign in."""
    known = _users(home).all().values()
    if as_json:
        print_json([{"name": user.name, "admin": user.admin} for user in known])
        return
    for user in known:
        out.print(f"{user.name}{'  admin' if user.admin else ''}", highlight=False, markup=False)
    if not known:
        out.print("No users: whoever reaches the page may do everything.", highlight=False)


def _users(home: Path | None) -> "Users":
    from .users import Users

    return Users(_users_path(home))


def _users_path(home: Path | None) -> Path:
    from .settings import load_settings

    return load_settings(home=home).users_path


def _say(line: str) -> None:
    """Prints a line that the terminal may break and the program does not, so that a path in it can be copied."""
    out.print(line, highlight=False, markup=False, soft_wrap=True)


def _password() -> str:
    """What is typed twice without being shown, or the first line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
