"""What stands before the page: proxies, hosts, origins, sessions and failures to sign in."""

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from assistant import Users, load_settings
from ui import conversations, gate, words
from ui.gate import COOKIE, Gate
from ui.patience import Patience
from ui.proxies import Proxies
from ui.readers import reader_of
from ui.sessions import Cookies, Pages

from .browser import PASSWORD


async def told(request: Request) -> JSONResponse:
    """What the page behind the gate learns of a request."""
    reader = reader_of(request)
    client = request.client.host if request.client else ""
    return JSONResponse({"name": reader.name, "admin": reader.admin, "url": str(request.url), "client": client})


def gated(home: Path, address: str = "127.0.0.1", base: str = "http://127.0.0.1:7860", **known: Any) -> TestClient:
    """A client at an address, before a page behind the gate."""
    settings = load_settings(home=home, **known)
    users = Users(settings.users_path)
    cookies = Cookies(users, settings.users_path, settings.session_hours)
    app = Starlette(
        routes=[Route("/", told), Route("/config", told), Route("/gradio_api/upload", told, methods=["POST"])]
    )
    before = Gate(app, settings, users, cookies, Pages(lambda _: False))
    return TestClient(before, base, client=(address, 50000), follow_redirects=False)


@pytest.fixture
def users(tmp_path: Path) -> Users:
    users = Users(tmp_path / "users.json")
    users.add("ann", PASSWORD)
    return users


def cookie(users: Users, home: Path, hours: float = 1, name: str = "ann") -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={Cookies(users, home / 'users.json', hours).made(users.all()[name])}"}


# -- without sign-in ------------------------------------------------------------------------------------------------


def test_without_users_everybody_on_this_machine_is_an_admin(tmp_path: Path) -> None:
    assert gated(tmp_path).get("/").json() == {
        "name": "", "admin": True, "url": "http://127.0.0.1:7860/", "client": "127.0.0.1",
    }  # fmt: skip


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost.evil.example"])
def test_without_users_a_name_that_somebody_else_points_here_is_refused(tmp_path: Path, host: str) -> None:
    refused = gated(tmp_path).get("/", headers={"Host": host})
    assert (refused.status_code, refused.text) == (403, words.FOREIGN_HOST)


@pytest.mark.parametrize("host", ["localhost", "localhost:7860", "127.0.0.1:1", "[::1]:7860", "LOCALHOST"])
def test_the_names_of_this_machine_do(tmp_path: Path, host: str) -> None:
    assert gated(tmp_path).get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["[x", "[x]", "127.0.0.1:x", "127.0.0.1:99999", "localhost/x", "x@localhost", "a?b"])
@pytest.mark.parametrize("path", ["/", "/sign-in", "/healthz"])
def test_a_host_that_is_none_is_refused_in_words(tmp_path: Path, host: str, path: str) -> None:
    refused = gated(tmp_path).get(path, headers={"Host": host})
    assert (refused.status_code, refused.text) == (400, words.NO_HOST)
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "header",
    [
        {"Forwarded": "for=192.0.2.7"}, {"Via": "1.1 proxy"}, {"X-Forwarded-For": "192.0.2.7"},
        {"x-forwarded-host": "papers.example"}, {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Server": "papers"},
        {"X-Forwarded-Port": "443"}, {"X-Real-IP": "192.0.2.7"}, {"X-Forwarded-For": ""},
    ],
)  # fmt: skip
@pytest.mark.parametrize("trusted", ["", "127.0.0.1"])
def test_without_users_what_came_through_a_proxy_is_refused(
    tmp_path: Path, header: dict[str, str], trusted: str
) -> None:
    client = gated(tmp_path, trusted_proxies=trusted)
    refused = client.get("/", headers=header)
    assert (refused.status_code, refused.text) == (403, words.THROUGH_PROXY)
    assert client.post("/gradio_api/upload", headers=header, content=b"x").status_code == 403
    users = Users(tmp_path / "users.json")
    users.add("ann", PASSWORD)
    assert client.get("/", headers={**header, **cookie(users, tmp_path)}).status_code == 200


def test_the_first_user_closes_the_page_and_the_last_does_not_open_it(tmp_path: Path) -> None:
    client, users = gated(tmp_path), Users(tmp_path / "users.json")
    assert client.get("/").status_code == 200
    users.add("ann", PASSWORD)
    assert client.get("/config").status_code == 401
    users.remove("ann")
    assert client.get("/config").status_code == client.get("/").status_code == 401


def test_a_damaged_users_file_closes_the_page(tmp_path: Path, users: Users) -> None:
    client, signed = gated(tmp_path), cookie(users, tmp_path)
    assert client.get("/", headers=signed).status_code == 200
    (tmp_path / "users.json").write_text("{")
    assert client.get("/", headers=signed).status_code == 503


# -- origins and sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:7860"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:7861"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://[x"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_a_change_is_made_for_the_pages_own_origin_only(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    answer = gated(tmp_path).post("/gradio_api/upload", headers=headers, content=b"x")
    assert answer.status_code == status


def test_an_upload_has_a_length_and_a_limit(tmp_path: Path) -> None:
    client = gated(tmp_path, max_upload_mb=1)
    assert client.post("/gradio_api/upload", content=b"x" * 1_000_000).status_code == 200
    for kind in ({"content": b"x" * 11_000_001}, {"content": iter([b"x"])}):
        refused = client.post("/gradio_api/upload", **kind)  # type: ignore[arg-type]
        assert (refused.status_code, refused.text) == (413, words.too_much(1))


def test_who_is_no_admin_uploads_no_more_than_a_conversation(tmp_path: Path, users: Users) -> None:
    users.add("boss", PASSWORD, admin=True)

    def status(name: str, length: int, most: int) -> tuple[int, str]:
        headers = {"Content-Length": str(length), **cookie(users, tmp_path, name=name)}
        answer = gated(tmp_path, max_upload_mb=most).post("/gradio_api/upload", headers=headers, content=b"x")
        return answer.status_code, answer.text if answer.status_code == 413 else ""

    assert status("ann", 100_000_000, 2000) == (200, "")
    assert status("ann", 110_000_001, 2000) == (413, words.too_much(100))
    assert status("boss", 110_000_001, 2000) == (200, "")
    assert status("ann", 20_000_000, 5) == status("boss", 20_000_000, 5) == (413, words.too_much(5))


def test_that_is_as_much_as_is_read_of_a_conversation() -> None:
    assert conversations._LARGEST_FILE == gate._LARGEST_CONVERSATION * 1_000_000


# -- who it is --------------------------------------------------------------------------------------------------------


def test_a_session_ends_with_its_time_its_password_its_user_and_its_key(
    tmp_path: Path, users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, signed = gated(tmp_path, session_hours=1), cookie(users, tmp_path)

    def status() -> int:
        return client.get("/config", headers=signed).status_code

    assert status() == 200
    with monkeypatch.context() as later:
        later.setattr("itsdangerous.timed.time.time", lambda: 3602 + __import__("time").time_ns() / 1e9)
        assert status() == 401
    users.set_password("ann", PASSWORD + "!")
    assert status() == 401
    signed = cookie(users, tmp_path)
    assert status() == 200
    (tmp_path / "users.key").unlink()
    assert status() == 401
    signed = cookie(users, tmp_path)
    users.add("bob", PASSWORD)
    users.remove("ann")
    assert status() == 401
    users.add("ann", PASSWORD)
    assert status() == 401


@pytest.mark.parametrize("value", ["", "x", "WyJhbm4iLCJ4Il0.aaaa.bbbb", "....", "é"])
def test_a_cookie_that_is_not_signed_is_nobodys(tmp_path: Path, users: Users, value: str) -> None:
    assert Cookies(users, tmp_path / "users.json", 1).user(value) is None


def test_a_cookie_of_another_key_is_nobodys(tmp_path: Path, users: Users) -> None:
    other = tmp_path / "other"
    other.mkdir()
    forged = Cookies(users, other / "users.json", 1).made(users.all()["ann"])
    assert Cookies(users, tmp_path / "users.json", 1).user(forged) is None


PROXY: dict[str, Any] = {"trusted_user_header": "X-Forwarded-User", "trusted_proxies": "10.0.0.0/8", "admins": "ann"}


@pytest.mark.parametrize(("name", "admin"), [("ann", True), ("bob", False), ("Ann", False)])
def test_a_trusted_proxy_says_who_it_is(tmp_path: Path, name: str, admin: bool) -> None:
    answer = gated(tmp_path, "10.1.2.3", **PROXY).get("/", headers={"X-Forwarded-User": name}).json()
    assert (answer["name"], answer["admin"]) == (name, admin)


@pytest.mark.parametrize("address", ["127.0.0.1", "11.0.0.1", "testclient"])
def test_nobody_else_does(tmp_path: Path, address: str) -> None:
    assert gated(tmp_path, address, **PROXY).get("/", headers={"X-Forwarded-User": "ann"}).status_code == 401


def test_a_proxy_that_says_nobody_lets_nobody_in(tmp_path: Path) -> None:
    for headers in ({}, {"X-Forwarded-User": ""}, {"X-Forwarded-User": "  "}):
        assert gated(tmp_path, "10.1.2.3", **PROXY).get("/", headers=headers).status_code == 401


def test_what_a_trusted_proxy_forwards_is_believed_and_what_others_do_is_not(tmp_path: Path, users: Users) -> None:
    headers = {
        "X-Forwarded-User": "ann", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "papers.example",
        "X-Forwarded-For": "6.6.6.6, 192.0.2.7, 10.9.9.9",
    }  # fmt: skip
    answer = gated(tmp_path, "10.1.2.3", **PROXY).get("/", headers=headers).json()
    assert (answer["url"], answer["client"]) == ("https://papers.example/", "192.0.2.7")
    headers |= {"X-Forwarded-User": "bob", **cookie(users, tmp_path)}
    answer = gated(tmp_path).get("/", headers=headers).json()
    assert (answer["url"], answer["client"], answer["name"]) == ("http://127.0.0.1:7860/", "127.0.0.1", "ann")


def test_the_origin_is_that_of_the_host_the_proxy_was_asked_for(tmp_path: Path) -> None:
    client = gated(tmp_path, "10.1.2.3", **PROXY)
    headers = {"X-Forwarded-User": "ann", "X-Forwarded-Host": "papers.example", "Origin": "https://papers.example"}
    assert client.post("/gradio_api/upload", headers=headers, content=b"x").status_code == 200
    headers["X-Forwarded-Host"] = "other.example"
    assert client.post("/gradio_api/upload", headers=headers, content=b"x").status_code == 403


def test_headers_of_untrusted_senders_do_not_get_through() -> None:
    scope = {
        "client": ("1.2.3.4", 1),
        "headers": [(b"x-forwarded-host", b"a"), (b"accept", b"b"), (b"forwarded", b"c")],
    }
    asked = Proxies(["5.6.7.8"]).asked(scope)
    assert asked.scope["headers"] == [(b"accept", b"b")]


def test_the_path_within_the_page_is_found_whether_a_proxy_cut_the_root_off_or_not(tmp_path: Path) -> None:
    client = gated(tmp_path, root_path="/papers/")
    for path in ("/", "/papers/", "/papers", "/config", "/papers/config"):
        assert client.get(path).status_code == 200, path
    for path in ("/papersconfig", "/papers/papers/config", "/other/config"):
        assert client.get(path).status_code == 404, path


# -- pages and patience -----------------------------------------------------------------------------------------------


def test_a_page_stays_its_first_readers_as_long_as_anything_is_kept_of_it() -> None:
    pages = Pages({"first"}.__contains__)
    assert pages.belongs("first", "ann") and not pages.belongs("first", "bob")
    assert pages.belongs("second", "ann")
    for number in range(20_000):
        assert pages.belongs(f"page-{number}", "bob")
    assert not pages.belongs("first", "bob")
    assert pages.belongs("second", "bob"), "nothing is kept of it any more"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_failures_of_a_user_slow_down_lock_out_and_are_forgotten() -> None:
    clock = Clock()
    patience = Patience(clock)
    waited = [patience.attempt("ann", f"1.1.1.{number}") for number in range(10)]
    assert [delay for delay, _ in waited] == [0, 0, 0, 1, 2, 4, 8, 8, 8, 8]
    assert patience.attempt("ann", "2.2.2.2") == (0, 900)
    assert patience.attempt("bob", "2.2.2.2") == (0, 0)
    clock.now += 600
    assert patience.attempt("ann", "2.2.2.2") == (0, 300)
    clock.now += 301
    assert patience.attempt("ann", "2.2.2.2") == (0, 0)


def test_an_address_that_fails_for_many_users_is_locked_out() -> None:
    patience = Patience(Clock())
    for number in range(50):
        assert patience.attempt(f"user-{number}", "1.1.1.1")[1] == 0
    assert patience.attempt("another", "1.1.1.1") == (0, 900)
    assert patience.attempt("another", "1.1.1.2") == (0, 0)


def test_who_signs_in_has_no_failures_any_more() -> None:
    patience = Patience(Clock())
    for _ in range(60):
        for _ in range(3):
            assert patience.attempt("ann", "1.1.1.1") == (0, 0)
            patience.succeeded("ann", "1.1.1.1")
    for _ in range(3):
        patience.attempt("ann", "1.1.1.1")
    assert patience.attempt("ann", "1.1.1.1") == (1, 0)


def test_patience_does_not_grow_without_end() -> None:
    patience = Patience(Clock())
    for number in range(25_000):
        patience.attempt(f"user-{number}", f"address-{number}")
    assert len(patience._counts) <= 20_002
