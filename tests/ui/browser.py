"""The product's own page in Debian's chromium: started as a reader starts it, driven as a reader drives it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from assistant import Users

from ..ports import free_port, listens

CHROMIUM = "/usr/bin/chromium"
_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
_START_SECONDS = 60.0

PASSWORD = "correct horse battery"
QUESTION = "How does MiniCache compress the KV cache, and how much memory does it save?"


@contextmanager
def served(
    home: Path, *, start_seconds: float = _START_SECONDS, log: IO[bytes] | None = None, **settings: str
) -> Iterator[str]:
    """The address of `process_of`."""
    with process_of(home, start_seconds=start_seconds, log=log, **settings) as (address, _):
        yield address


@contextmanager
def process_of(
    home: Path, *, start_seconds: float = _START_SECONDS, log: IO[bytes] | None = None, **settings: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Starts `research-assistant serve` on a home folder and gives its address and process; ends it afterwards.

    `settings` are names and values as the environment has them. What the program says goes to `log`.
    """
    port = free_port()
    program = Path(sys.executable).with_name("research-assistant")
    process = subprocess.Popen(
        [program, "serve", "--home", home, "--port", str(port)],
        stdout=log or subprocess.DEVNULL,
        stderr=log,
        env={**os.environ, **settings, "RESEARCH_ASSISTANT_HOME": str(home)},
    )
    try:
        deadline = time.monotonic() + start_seconds
        while not listens(port):
            assert process.poll() is None, "the page did not start; its message is above"
            assert time.monotonic() < deadline, f"the page did not start within {start_seconds:.0f} seconds"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's chromium, which reaches for nothing by itself."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def opened(page: Page, address: str) -> Page:
    """The page at the address, once it can be used."""
    page.goto(address)
    expect(question(page)).to_be_visible()
    expect(page.locator("#header h1")).to_be_visible()
    return page


def sign_in(page: Page, name: str, password: str = PASSWORD) -> Page:
    """Fills in the form that is open, and gives the page behind it once it can be used."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(question(page)).to_be_visible()
    expect(page.locator("#header h1")).to_be_visible()
    return page


def with_users(home: Path) -> Path:
    """The home with two users, `ann`, an admin, and `bob`, both with `PASSWORD`."""
    users = Users(home / "users.json")
    users.add("ann", PASSWORD, admin=True)
    users.add("bob", PASSWORD)
    return home


def question(page: Page) -> Locator:
    """The field that questions are typed into."""
    return page.locator("#question textarea")


def ask(page: Page, text: str) -> Locator:
    """Asks by keyboard and gives the finished turn."""
    count = page.locator("#turns .turn").count()
    question(page).fill(text)
    question(page).press("Enter")
    return finished(page, count + 1)


def finished(page: Page, count: int) -> Locator:
    """The last of `count` turns, once it is at rest."""
    expect(page.locator("#turns .turn")).to_have_count(count)
    expect(page.locator("#send")).to_be_visible()
    return page.locator("#turns .turn").last
