"""Makes the pictures of the README: `python -m tests.ui.screenshots` (or `make screenshots`)."""

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect

from .browser import QUESTION, ask, chromium, opened, served

DOCS = Path(__file__).parents[2] / "docs"


def picture(browser: Browser, address: str, path: Path, *, width: int, height: int, theme: str) -> None:
    """An answer with its first marker selected."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if theme == "dark" else "light"
    )
    page = opened(context.new_page(), address)
    marker = ask(page, QUESTION).locator("a.cite").first
    marker.click()
    expect(page.locator("mark.here")).to_be_in_viewport()
    page.wait_for_timeout(800)  # until the scrolling has come to rest
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path)
    context.close()


def main() -> None:
    """Serves the sample collection from a folder of its own and writes the pictures to docs/."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder) / "home", start_seconds=300) as address,
        chromium() as browser,
    ):
        picture(browser, address, DOCS / "page.png", width=1440, height=900, theme="light")
        picture(browser, address, DOCS / "page-phone-dark.png", width=390, height=844, theme="dark")


if __name__ == "__main__":
    main()
