"""Who may sign in: added, told apart by their passwords, kept for the owner of the file only."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assistant import Users, UsersUnreadable, cli, signing_key
from assistant.errors import InvalidUser

PASSWORD, OTHER = "correct horse battery", "staple, battery, horse"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "users.json"


@pytest.fixture
def users(path: Path) -> Users:
    users = Users(path)
    users.add("Ann", PASSWORD, admin=True)
    return users


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run(*words: str, typed: str = "") -> tuple[int, str]:
    ran = CliRunner().invoke(cli.app, words, input=typed)
    return ran.exit_code, ran.stdout or str(ran.exception)


def test_only_the_right_password_of_a_user_who_is_there_will_do(users: Users) -> None:
    found = users.check(" ANN ", PASSWORD)
    assert found and found.name == "ann" and found.admin
    assert users.check("ann", OTHER) is None
    assert users.check("bob", PASSWORD) is None
    assert users.check("ann", "") is None


def test_one_letter_typed_in_two_ways_is_one_letter(users: Users) -> None:
    users.add("bob", "mot de passe ne\u0301")
    assert users.check("bob", "mot de passe n\u00e9")


def test_the_files_are_for_their_owner_only_and_hold_no_password(users: Users, path: Path) -> None:
    key = signing_key(path)
    assert mode(path) == mode(path.with_suffix(".key")) == 0o600
    assert signing_key(path) == key
    assert PASSWORD not in path.read_text() and "$argon2id$" in path.read_text()
    assert [each for each in path.parent.iterdir() if each.suffix not in (".json", ".key", ".lock")] == []
    assert "argon2" not in repr(users.all()["ann"])


def test_what_another_process_changes_holds_at_once(users: Users, path: Path) -> None:
    elsewhere, mark = Users(path), users.all()["ann"].mark
    elsewhere.set_password("ann", OTHER)
    assert users.check("ann", OTHER) and users.all()["ann"].mark != mark
    elsewhere.remove("ann")
    assert users.all() == {} and users.check("ann", OTHER) is None


@pytest.mark.parametrize("name", ["", "a/b", "-ann", "ann bob", "ann\n", "x" * 65, "ånn"])
def test_a_name_that_would_not_do_is_refused(users: Users, name: str) -> None:
    if name.strip() == "ann":  # the line break goes, and Ann is there
        with pytest.raises(InvalidUser, match="already"):
            users.add(name, PASSWORD)
        return
    with pytest.raises(InvalidUser, match="cannot be a user's name"):
        users.add(name, PASSWORD)


def test_a_short_password_and_an_unknown_user_are_refused(users: Users) -> None:
    with pytest.raises(InvalidUser, match="10 to 1,000 characters"):
        users.add("bob", "short")
    with pytest.raises(InvalidUser, match="no user 'bob'"):
        users.set_password("bob", PASSWORD)
    with pytest.raises(InvalidUser, match="no user 'bob'"):
        users.remove("bob")


def test_a_damaged_file_lets_nobody_in(users: Users, path: Path) -> None:
    path.write_text("{")
    with pytest.raises(UsersUnreadable, match="cannot be read"):
        users.check("ann", PASSWORD)
    path.with_suffix(".key").write_text("short")
    with pytest.raises(UsersUnreadable, match="damaged"):
        signing_key(path)


def test_the_commands_add_list_change_and_remove(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setenv("RESEARCH_ASSISTANT_USERS_FILE", str(path))
    assert run("user", "list")[1].startswith("No users")
    first, second = (run("user", "add", *one, typed=f"{PASSWORD}\n") for one in (("ann", "--admin"), ("bob",)))
    assert (first[0], second[0]) == (0, 0)
    assert f"Added ann to {path}. " in first[1] and f"Added bob to {path}. " in second[1]
    assert "Conversations from before" in first[1] and "Conversations from before" not in second[1]
    assert json.loads(run("user", "list", "--json")[1]) == [
        {"name": "ann", "admin": True},
        {"name": "bob", "admin": False},
    ]
    assert run("user", "passwd", "ann", typed=f"{OTHER}\n")[0] == 0
    assert run("user", "remove", "bob")[0] == 0
    assert run("user", "list")[1] == "ann  admin\n"
    assert Users(path).check("ann", OTHER)
    assert "already" in run("user", "add", "ann", typed=f"{PASSWORD}\n")[1]
