"""What every test of the page gets: chromium, and pages that fail the test if they reach elsewhere or complain."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from .browser import chromium, opened

OpenPage = Callable[..., Page]

# What Gradio says of a request that a reload cuts off.
_CUT_OFF = ("AbortError: signal is aborted", "errored out")

expect.set_options(timeout=30_000)  # the machine may be loaded; a page that is quick waits no longer for it


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # One for the module, not for the session: its event loop must be gone before an asynchronous test comes.
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens an address in a new browser profile. Fails the test if a page reached elsewhere or complained."""
    contexts, elsewhere, complaints = [], list[str](), list[str]()

    def open_page(address: str, *, width: int = 1440, height: int = 900, theme: str = "light", path: str = "") -> Page:
        dark = "dark" if theme == "dark" else "light"
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=dark)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "request",
            lambda request: (
                elsewhere.append(request.url)
                if urlsplit(request.url).scheme not in ("data", "blob") and not request.url.startswith(f"{address}/")
                else None
            ),
        )
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type == "error" and not any(sign in message.text for sign in _CUT_OFF)
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return opened(page, f"{address}{path}")

    yield open_page
    for context in contexts:
        context.close()
    assert elsewhere == []
    assert complaints == []
