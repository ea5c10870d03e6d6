"""Makes the pictures of the README: `python -m tests.ui.screenshots` (or `make screenshots`).

With a folder (`python -m tests.ui.screenshots test-output`) it puts every state of the page there, in both themes and
at the widths of a desk and of a phone, to be looked at.
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from .browser import QUESTION, ask, chromium, opened, question, served
from .states import COMPARISON, MAP, STATES, SUMMARY, reach, servers

DOCS = Path(__file__).parents[2] / "docs"


@contextmanager
def asked(browser: Browser, address: str, question: str, *, width: int, height: int, theme: str) -> Iterator[Page]:
    """A page in which a question was answered."""
    scheme = "dark" if theme == "dark" else "light"
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = opened(context.new_page(), address)
    ask(page, question)
    yield page
    context.close()


def picture(
    browser: Browser, address: str, name: str, question: str, *, phone: bool = False, dark: bool = False
) -> None:
    """The answer to a question; of a plain one with its first marker selected."""
    size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
    with asked(browser, address, question, **size, theme="dark" if dark else "light") as page:
        if question == QUESTION:
            page.locator("#turns a.cite").first.click()
            expect(page.locator("mark.here")).to_be_in_viewport()
        page.wait_for_timeout(800)  # until the scrolling has come to rest
        page.screenshot(path=DOCS / f"{name}.png")


def library_picture(browser: Browser, address: str, name: str, *, phone: bool = False, dark: bool = False) -> None:
    """The list of papers, with one of them opened."""
    size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
    context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
    page = opened(context.new_page(), address)
    page.get_by_role("tab", name="Library").click()
    page.locator("#papers td.title > button").first.click()
    expect(page.locator("#paper-title")).to_be_visible()
    page.wait_for_timeout(800)
    page.screenshot(path=DOCS / f"{name}.png")
    context.close()


def recording(browser: Browser, address: str) -> None:
    """A question, its answer, and the way from a citation to its sentence, as a moving picture."""
    context = browser.new_context(viewport={"width": 1280, "height": 760})
    page = opened(context.new_page(), address)
    frames: list[tuple[bytes, int]] = []

    def take(milliseconds: int, count: int = 1) -> None:
        for _ in range(count):
            frames.append((page.screenshot(), milliseconds))

    take(900)
    for start in range(0, len(QUESTION), 6):
        question(page).press_sequentially(QUESTION[start : start + 6])
        take(90)
    question(page).press("Enter")
    take(120, 6)
    expect(page.locator("#turns .turn")).to_have_count(1)
    take(1500)
    page.locator("#turns a.cite").nth(2).hover()
    expect(page.locator("#peek")).to_be_visible()
    take(2200)
    page.locator("#turns a.cite").nth(2).click()
    take(150, 8)
    take(3000)
    context.close()
    pictures = [Image.open(io.BytesIO(frame)).convert("RGB") for frame, _ in frames]
    shown = [milliseconds for _, milliseconds in frames]
    pictures[0].save(
        DOCS / "tour.webp", save_all=True, append_images=pictures[1:], duration=shown, loop=0, quality=70, method=6
    )


def every_state(folder: Path) -> None:
    """Pictures of all states, in a folder; each is named after its state, its width and its theme."""
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=15_000)
    with tempfile.TemporaryDirectory() as made, chromium() as browser:
        home = Path(made) / "home"
        with served(home, start_seconds=300):
            pass  # it is indexed by then
        with servers(home, Path(made)) as addresses:
            for state in STATES:
                for width, height, theme in (
                    (1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light"), (390, 844, "dark"),
                ):  # fmt: skip
                    scheme = "dark" if theme == "dark" else "light"
                    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                    page = reach(context.new_page(), addresses, state)
                    page.wait_for_timeout(800)  # until the scrolling has come to rest
                    page.screenshot(path=folder / f"{state}-{width}-{theme}.png")
                    context.close()


def main() -> None:
    """Serves the sample collection from a folder of its own and writes the pictures to docs/."""
    DOCS.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder) / "home", start_seconds=300) as address,
        chromium() as browser,
    ):
        picture(browser, address, "page", QUESTION)
        picture(browser, address, "page-phone-dark", QUESTION, phone=True, dark=True)
        recording(browser, address)
        for name, question in (("comparison", COMPARISON), ("summary", SUMMARY)):
            picture(browser, address, name, question)
            picture(browser, address, f"{name}-dark", question, dark=True)
            picture(browser, address, f"{name}-phone", question, phone=True)
            picture(browser, address, f"{name}-phone-dark", question, phone=True, dark=True)
        library_picture(browser, address, "library")
        library_picture(browser, address, "library-phone-dark", phone=True, dark=True)
        picture(browser, address, "map", MAP)
        picture(browser, address, "map-phone-dark", MAP, phone=True, dark=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        every_state(Path(sys.argv[1]))
    else:
        main()
