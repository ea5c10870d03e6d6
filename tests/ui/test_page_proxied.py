"""The page behind the real nginx, under a path: all that a reader does there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from assistant.testing import Reply, ScriptedServer
from ui import words

from . import nginx, raw
from .browser import PASSWORD, QUESTION, ask, question, served, sign_in, with_users

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not nginx.PROGRAM and not os.environ.get("CI"), reason="nginx is not installed"),
]


@pytest.fixture(scope="module")
def proxied(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with behind_nginx(sample_home, tmp_path_factory.mktemp("proxied")) as before:
        yield before


@contextmanager
def behind_nginx(sample_home: Path, folder: Path, **settings: str) -> Iterator[str]:
    """The page under /papers of nginx, whose address is given."""
    home = with_users(Path(shutil.copytree(sample_home, folder / "home")))
    known = {"RESEARCH_ASSISTANT_ROOT_PATH": "/papers", "RESEARCH_ASSISTANT_TRUSTED_PROXIES": "127.0.0.1"}
    with served(home, **known, **settings) as address, nginx.proxying(address, folder) as before:
        yield before


def test_everything_works_under_a_path(browser: Browser, proxied: str, tmp_path: Path) -> None:
    context = browser.new_context()
    page, outside, failed = context.new_page(), list[str](), list[str]()
    page.on("request", lambda each: None if each.url.startswith(f"{proxied}/papers") else outside.append(each.url))
    page.on("response", lambda each: failed.append(f"{each.status} {each.url}") if each.status >= 400 else None)
    page.goto(f"{proxied}/papers")
    assert page.url == f"{proxied}/papers/sign-in"
    sign_in(page, "ann")
    assert page.url == f"{proxied}/papers/"
    turn = ask(page, QUESTION)
    turn.locator("a.cite").first.click()
    expect(page.locator("#sources mark.here")).to_be_visible()
    page.wait_for_url("**/papers/?c=*")
    page.locator("#saving summary").click()
    with page.expect_download() as saved:
        page.locator("#saving a", has_text="Markdown").click()
    saved.value.save_as(tmp_path / "saved.md")
    assert QUESTION in (tmp_path / "saved.md").read_text()
    page.reload()
    expect(page.locator("#turns .turn")).to_have_count(1)
    page.get_by_role("tab", name="Library").click()
    expect(page.locator("#papers tbody tr").first).to_be_visible()
    loaded = (
        "[...document.fonts].filter(font => font.status === 'loaded').map(font => font.family.replaceAll('\"', ''))"
    )
    assert {"IBM Plex Sans", "Source Serif 4"} <= set(page.evaluate(loaded))
    page.get_by_role("button", name=words.SIGN_OUT).click()
    expect(page.get_by_label("Password")).to_be_visible()
    assert page.url == f"{proxied}/papers/sign-in"
    page.goto(f"{proxied}/papers/config")
    expect(page.locator("body")).to_have_text(words.SIGN_IN_FIRST)
    assert outside == []
    assert failed == [f"401 {proxied}/papers/config"]
    context.close()


def test_an_answer_comes_through_as_it_is_written(browser: Browser, sample_home: Path, tmp_path: Path) -> None:
    with ScriptedServer() as model:
        settings = {"OPENAI_BASE_URL": model.base_url, "RESEARCH_ASSISTANT_LLM_MODEL": "scripted"}
        with behind_nginx(sample_home, tmp_path, **settings) as proxied:
            page = browser.new_page()
            page.goto(f"{proxied}/papers/")
            sign_in(page, "bob")
            model.enqueue(Reply("It compresses the cache, " + "and goes on about it " * 100, delay=0.3))
            question(page).fill(QUESTION)
            page.locator("#send").click()
            expect(page.locator("#draft")).to_contain_text("It compresses the cache")  # of an answer of two minutes
            expect(page.locator("#draft")).to_contain_text("and goes on about it")
            page.locator("#stop").click()
            expect(page.locator("#turns .turn")).to_contain_text(words.STOPPED)
            page.close()


def test_the_cookie_is_for_the_path_and_the_proxy_is_no_way_around_the_checks(proxied: str) -> None:
    said = {"name": "ann", "password": PASSWORD}
    answer = httpx.post(f"{proxied}/papers/sign-in", data=said)
    assert answer.headers["location"] == "/papers/" and "Path=/papers;" in answer.headers["set-cookie"]
    own, foreign = {"Origin": proxied}, {"Origin": "http://evil.example"}
    assert httpx.post(f"{proxied}/papers/sign-in", data=said, headers=own).status_code == 303
    assert httpx.post(f"{proxied}/papers/sign-in", data=said, headers=foreign).status_code == 403
    pretended = {"X-Forwarded-User": "ann", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    assert httpx.get(f"{proxied}/papers/config", headers=pretended).status_code == 401


@pytest.mark.parametrize(
    "path", ["/papers/gradio_api/file=/etc/passwd", "/papers/..%2f..%2fetc/passwd", "/papers/fonts/..%2fpage.css"]
)
def test_path_tricks_get_nothing_through_the_proxy(proxied: str, path: str) -> None:
    with httpx.Client(base_url=proxied) as page:
        page.post("/papers/sign-in", data={"name": "ann", "password": PASSWORD})
        sent = page.build_request("GET", "/")
        sent.url = sent.url.copy_with(raw_path=path.encode())
        assert page.send(sent).status_code in (400, 404)


def test_the_addresses_that_gradio_tells_its_page_are_those_of_the_proxy(proxied: str) -> None:
    with raw.client(f"{proxied}/papers", "ann") as page:
        root = page.get("/config", headers={"X-Forwarded-Host": "evil.example"}).json()["root"]
    assert root == f"{proxied}/papers"
