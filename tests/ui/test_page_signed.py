"""Signing in as a reader does: the form, who is signed in, what others do not see, and the way out."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from assistant import Archive
from ui import words
from ui.rights import PARTS

from .browser import PASSWORD, QUESTION, ask, opened, question, served, sign_in, with_users
from .test_page_access import SIZES, violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_users(Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("signed") / "home")))


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as address:
        yield address


@contextmanager
def at(browser: Browser, address: str, width: int = 1440, path: str = "/") -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": SIZES[width]})
    page = context.new_page()
    page.goto(f"{address}{path}")
    yield page
    context.close()


@pytest.mark.parametrize("width", SIZES)
def test_the_form_passes_axe_and_fits_the_screen(browser: Browser, address: str, width: int) -> None:
    with at(browser, address, width) as page:
        expect(page.get_by_label("Name")).to_be_focused()
        for wrong in (False, True):
            if wrong:
                page.get_by_label("Name").fill(f"nobody-{width}")
                page.get_by_label("Password").fill("a wrong password")
                page.get_by_role("button", name="Sign in").click()
                expect(page.get_by_role("alert")).to_have_text(words.WRONG_PASSWORD)
                expect(page.get_by_label("Password")).to_be_focused()
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                assert violations(page) == []
        assert page.get_by_label("Name").get_attribute("autocomplete") == "username"
        assert page.get_by_label("Password").get_attribute("autocomplete") == "current-password"


def test_an_admin_signs_in_asks_and_signs_out(browser: Browser, address: str) -> None:
    with at(browser, address) as page:
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        sign_in(page, "Ann")
        expect(page.locator("#reader")).to_contain_text("Signed in as ann")
        assert violations(page) == []
        ask(page, QUESTION)
        page.get_by_role("tab", name="Library").click()
        expect(page.locator("#drop")).to_be_visible()
        page.get_by_role("button", name=words.SIGN_OUT).click()
        expect(page.get_by_label("Password")).to_be_visible()
        page.go_back()
        expect(page.get_by_label("Password")).to_be_visible()
        assert complaints == []


@pytest.mark.parametrize("width", [1440, 390])
def test_another_reader_sees_neither_the_conversation_nor_what_is_an_admins(
    browser: Browser, home: Path, address: str, width: int
) -> None:
    with at(browser, address) as page:
        ask(sign_in(page, "ann"), QUESTION)
        page.wait_for_url("**/?c=*")
        (of, *_) = page.url.partition("?c=")[2].split("#")
    with at(browser, address, width, f"/?c={of}") as page:
        sign_in(page, "bob")
        expect(page.locator("#draft")).to_contain_text("no such conversation")
        expect(page.locator("#conversations li")).to_have_count(0)
        expect(page.locator("#model-panel")).to_be_hidden()
        page.goto(f"{address}/#library")
        expect(page.locator("#papers tbody tr").first).to_be_visible()
        for part in PARTS:
            expect(page.locator(f"#{part}")).to_be_hidden()
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    archive = Archive(home / "conversations.sqlite3")
    assert of in [listed.id for listed in archive.of("ann").list()]
    assert archive.list() == archive.of("bob").list() == ()
    archive.close()


def test_a_conversations_address_is_opened_behind_the_form(browser: Browser, address: str) -> None:
    with at(browser, address) as page:
        ask(sign_in(page, "ann"), QUESTION)
        page.wait_for_url("**/?c=*")
        path = page.url.removeprefix(address).partition("#")[0]
    with at(browser, address, path=path) as page:
        sign_in(page, "ann")
        expect(page.locator("#turns .turn")).to_have_count(1)


def test_a_page_whose_session_is_over_leads_to_the_form_and_back_to_what_was_typed(
    browser: Browser, address: str
) -> None:
    with at(browser, address) as page:
        sign_in(page, "ann")
        question(page).fill(QUESTION)
        page.context.clear_cookies()
        expect(page.get_by_label("Password")).to_be_visible()
        sign_in(page, "ann")
        expect(question(page)).to_have_value(QUESTION)
        page.context.clear_cookies()
        expect(page.get_by_label("Password")).to_be_visible()
        sign_in(page, "bob")
        expect(page.locator("#reader")).to_contain_text("bob")
        page.wait_for_timeout(1000)  # what is given back is given by then
        expect(question(page)).to_have_value("")


def test_the_cookie_is_of_this_page_only_and_no_script_reads_it(address: str) -> None:
    answer = httpx.post(f"{address}/sign-in", data={"name": "ann", "password": PASSWORD})
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said and "samesite=lax" in said and "max-age=43200" in said and "secure" not in said
    policy = httpx.get(f"{address}/sign-in").headers["content-security-policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy


def attempt(address: str, name: str) -> httpx.Response:
    return httpx.post(f"{address}/sign-in", data={"name": name, "password": "a wrong password"}, timeout=60)


def test_failures_tell_nothing_of_who_there_is(address: str) -> None:
    known, unknown = attempt(address, "bob"), attempt(address, "carl")
    assert known.status_code == unknown.status_code == 401
    assert known.text.replace("bob", "") == unknown.text.replace("carl", "")


def test_too_many_failures_lock_a_name_out_and_say_for_how_long(address: str) -> None:
    with ThreadPoolExecutor(10) as tries:  # at once, as each waits longer than the one before
        failed = list(tries.map(lambda _: attempt(address, "dora"), range(10)))
    assert {answer.status_code for answer in failed} == {401}
    refused = attempt(address, "dora")
    assert refused.status_code == 429
    assert 800 < int(refused.headers["retry-after"]) <= 900
    assert "15 minutes" in refused.text
    assert attempt(address, "eve").status_code == 401, "others are not locked out"


def test_what_is_no_form_is_refused(address: str) -> None:
    for sent in ({"json": {"name": "ann"}}, {"data": {"name": "ann", "password": "x" * 30_000}}):
        assert httpx.post(f"{address}/sign-in", **sent).status_code == 400  # type: ignore[arg-type]
    foreign = {"Origin": "http://evil.example"}
    assert httpx.post(f"{address}/sign-in", data={"name": "ann"}, headers=foreign).status_code == 403


def test_without_users_there_is_no_form_and_nobody_is_named(
    browser: Browser, sample_home: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(sample_home, tmp_path / "open"))
    with served(home) as address, at(browser, address, path="/sign-in") as page:
        opened(page, f"{address}/sign-in")
        expect(page.locator("#reader")).to_be_hidden()
        expect(page.locator("#model-panel")).to_be_visible()
