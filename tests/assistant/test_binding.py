"""The page listens to other machines only where one has to sign in."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assistant import SignInNeeded, Users, cli, is_loopback, load_settings
from assistant.binding import refuse_open


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LocalHost."])
def test_this_machine_is_told(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "", "localhost.example", "example"])
def test_other_machines_are_told(host: str) -> None:
    assert not is_loopback(host)


def test_others_are_let_in_only_where_one_signs_in(tmp_path: Path) -> None:
    def settings(**known: Any) -> Any:
        return load_settings(home=tmp_path, host="0.0.0.0", **known)

    with pytest.raises(SignInNeeded):
        refuse_open(settings())
    refuse_open(settings(trusted_user_header="X-User", trusted_proxies="127.0.0.1"))
    Users(tmp_path / "users.json").add("ann", "correct horse battery")
    refuse_open(settings())


def test_serve_says_in_one_line_why_it_does_not_and_what_to_do(tmp_path: Path) -> None:
    ran = CliRunner().invoke(cli.app, ["serve", "--home", str(tmp_path / "home"), "--host", "0.0.0.0"])
    assert isinstance(ran.exception, SignInNeeded)
    said = str(ran.exception)
    assert "will not listen on 0.0.0.0" in said and "research-assistant user add NAME --admin" in said
    assert "RESEARCH_ASSISTANT_TRUSTED_USER_HEADER" in said and "\n" not in said
    assert not (tmp_path / "home").exists()


def test_a_user_header_without_a_proxy_is_refused(tmp_path: Path) -> None:
    ran = CliRunner().invoke(
        cli.app, ["serve", "--home", str(tmp_path)], env={"RESEARCH_ASSISTANT_TRUSTED_USER_HEADER": "X-User"}
    )
    assert "RESEARCH_ASSISTANT_TRUSTED_PROXIES" in str(ran.exception)
