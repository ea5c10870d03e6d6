"""The page for everybody: axe-core over every state, the keyboard alone, a large zoom, and no jumps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from assistant.testing import Reply
from ui import words

from .browser import QUESTION, ask, finished, question
from .conftest import OpenPage
from .states import STATES, WRITTEN, Servers, reach, servers

pytestmark = pytest.mark.browser

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = {1440: 900, 720: 450, 390: 844}  # 720: the first at 200 %


@pytest.fixture(scope="module")
def pages(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(sample_home, tmp_path_factory.mktemp("states")) as pages:
        yield pages


@pytest.fixture
def page(open_page: OpenPage, pages: Servers) -> Page:
    return open_page(pages["sample"])


def violations(page: Page) -> list[str]:
    """What axe-core finds, each with the part of the page and the reason."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}}).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("width", [1440, 390])
def test_every_state_passes_axe_and_fits_the_screen(
    open_page: OpenPage, pages: Servers, state: str, width: int
) -> None:
    page = open_page(pages[STATES[state][0]], width=width, height=SIZES[width])
    page.add_style_tag(content="* { transition: none !important; animation: none !important }")
    reach(page, pages, state)
    assert overlaps(page) == []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("body.dark")).to_have_count(int(theme == "dark"))
        assert violations(page) == []
    if width == 1440:  # and then makes it twice as large
        page.set_viewport_size({"width": 720, "height": SIZES[720]})
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert overlaps(page) == []


def overlaps(page: Page) -> list[str]:
    """What reaches past the edge of the screen or cannot be clicked; scrolls through the page, and back to its top."""
    is_wider = page.evaluate("document.scrollingElement.scrollWidth > innerWidth")
    return [*page.evaluate(COVERED), *(["the page is wider than the screen"] if is_wider else [])]


# What can be used but not be clicked: something else lies over its middle, or it reaches past the edge of the screen.
COVERED = """() => {
    const bad = [];
    const all = [...document.querySelectorAll("a[href]:not(.dot), button, input, textarea, summary, [tabindex='0']")];
    for (const part of all) {
        if (!part.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || part.disabled) continue;
        if (part.closest("[inert]") || (document.querySelector("dialog[open]") && !part.closest("dialog"))) continue;
        part.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
        const box = part.getClientRects()[0];
        if (!box || box.width < 2) continue;
        const over = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        const same = over && (part.contains(over) || over.contains(part));
        if (!same) bad.push(`${part.outerHTML.slice(0, 120)} under ${over?.outerHTML.slice(0, 120)}`);
        if (box.left < -1 || box.right > innerWidth + 1) bad.push(`${part.outerHTML.slice(0, 120)} off the screen`);
    }
    scrollTo(0, 0);
    return bad;
}"""


# Goes with every key: where the keyboard is, and whether that shows, on the part itself or on what is drawn for it.
FOCUSED = """() => {
    const part = document.activeElement;
    if (part === document.body) return null;
    const outlined = (node) => node && getComputedStyle(node).outlineStyle !== "none" && node.getClientRects().length
        && parseFloat(getComputedStyle(node).outlineWidth) >= 2;
    const around = part.matches("textarea") ? part.closest("#ask") : part.closest("label");
    const seen = outlined(part) || outlined(around);
    const place = part.getBoundingClientRect();
    const inView = place.bottom > 0 && place.top < innerHeight && place.right > 0 && place.left < innerWidth;
    part.dataset.visited = Number(part.dataset.visited ?? 0) + 1;
    return { part: part.outerHTML.slice(0, 160), seen: Boolean(seen), inView, visits: Number(part.dataset.visited) };
}"""
REACHED = """() => [...document.querySelectorAll("a[href], button, input, textarea, summary, [tabindex='0']")]
    .filter((part) => part.checkVisibility({ visibilityProperty: true }) && !part.disabled && part.tabIndex >= 0)
    .filter((part) => !part.closest("[inert]") && part.type !== "file" && !part.dataset.visited)
    // Of radio buttons with one name the keyboard reaches one, and its arrows the others.
    .filter((part) => part.type !== "radio" || !document.querySelector(`[name="${part.name}"][data-visited]`))
    .map((part) => part.outerHTML.slice(0, 160))"""


@pytest.mark.parametrize("state", ["answer", "comparison", "written", "panels", "adding", "card"])
def test_everything_is_reached_by_keyboard_shows_that_it_is_and_lets_go(
    open_page: OpenPage, pages: Servers, state: str
) -> None:
    page = open_page(pages[STATES[state][0]])
    page.add_style_tag(content="* { transition: none !important }")
    reach(page, pages, state)
    found = gone_round(page)
    if found[1]:
        # What the page's timer painted anew meanwhile counts as not passed; what the keyboard cannot reach, never is.
        assert found[0] == []
        page.evaluate("document.querySelectorAll('[data-visited]').forEach((part) => delete part.dataset.visited)")
        found = gone_round(page)
    assert found == ([], [])


def gone_round(page: Page) -> tuple[list[Any], list[str]]:
    """The parts on which the keyboard does not show, or out of view, and those that it does not reach."""
    page.evaluate("scrollTo(0, 0)")
    page.locator("#views [role=tab][tabindex='0']").focus()
    page.keyboard.press("Shift+Tab")
    missed = []
    for _ in range(400):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at and at["visits"] > 1:
            break
        if at and not (at["seen"] and at["inView"]):
            missed.append(at)
    else:
        raise AssertionError("the keyboard did not come round")
    return missed, page.evaluate(REACHED)


def test_shortcuts_lead_through_the_page(page: Page) -> None:
    ask(page, QUESTION)
    page.locator("#turns").click(position={"x": 1, "y": 1})
    markers = page.locator("#turns a.cite")
    for key, place in (("n", 0), ("n", 1), ("p", 0), ("p", -1), ("n", 0)):
        page.keyboard.press(key)
        href = markers.nth(place).get_attribute("href") or ""
        expect(page.locator(f"mark{href}")).to_be_focused()
        expect(page.locator(f"mark{href}")).to_have_class("here")
    page.keyboard.press("Escape")
    expect(markers.first).to_be_focused()
    page.keyboard.press("/")
    expect(question(page)).to_be_focused()
    expect(question(page)).to_have_value("")
    page.keyboard.type("g l n ? /")
    expect(question(page)).to_have_value("g l n ? /")
    expect(page.get_by_role("dialog")).to_be_hidden()
    question(page).blur()
    page.keyboard.type("gl")
    expect(page.get_by_role("tab", name="Library")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label(words.SEARCH, exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    page.locator("#papers th button").first.focus()
    page.keyboard.type("gc")
    expect(page.get_by_role("tab", name="Chat")).to_be_focused()
    expect(page.locator("#chat-view")).to_be_visible()


def test_the_list_of_shortcuts_opens_by_key_and_by_mouse_and_gives_the_keyboard_back(page: Page) -> None:
    dialog, tab = page.get_by_role("dialog", name=words.KEYS), page.get_by_role("tab", name="Chat")
    tab.focus()
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    for key, deed in words.KEYS_OF.items():
        expect(dialog.locator("dl > div", has_text=deed).locator("dt")).to_have_text(key.replace(" ", ""))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(tab).to_be_focused()
    page.get_by_role("button", name=words.KEYS).click()
    dialog.get_by_role("button", name=words.CLOSE).click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name=words.KEYS)).to_be_focused()


def test_shortcuts_of_one_letter_can_be_switched_off_for_good(page: Page) -> None:
    page.get_by_role("button", name=words.KEYS).click()
    page.get_by_label(words.KEYS_ON).uncheck()
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)  # a request that a reload cuts off is a complaint on the console
    page.reload()
    expect(page.get_by_role("heading", name=words.WELCOME)).to_be_visible()
    page.get_by_role("tab", name="Chat").focus()
    page.keyboard.type("gl/?")
    expect(page.get_by_role("tab", name="Chat")).to_be_focused()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name=words.KEYS).click()
    expect(page.get_by_label(words.KEYS_ON)).not_to_be_checked()


def test_escape_stops_an_answer_and_the_keyboard_stays_at_the_question(open_page: OpenPage, pages: Servers) -> None:
    page = open_page(pages["written"])
    pages.model.enqueue(Reply(f"{WRITTEN} And then", delay=0.1, fault="hang", fault_after=99))
    question(page).fill(QUESTION)
    question(page).press("Enter")
    expect(page.locator("#draft .answer")).to_contain_text("across layers")
    page.keyboard.press("Escape")
    expect(finished(page, 1)).to_contain_text(words.STOPPED)
    expect(question(page)).to_be_focused()
    pages.model.enqueue(WRITTEN)
    page.locator("#retry").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#turns .no-source")).to_be_visible()
    expect(question(page)).to_be_focused()


def test_the_tabs_can_be_used_when_a_card_is_left_open_on_a_phone(open_page: OpenPage, pages: Servers) -> None:
    page = open_page(pages["sample"], width=390, height=844)
    reach(page, pages, "library")
    page.locator("#papers td.title > button").first.click()
    page.get_by_role("button", name=words.ASK_THIS).click()
    expect(question(page)).to_be_focused()
    page.get_by_role("tab", name="Library").click()
    expect(page.locator("#paper-title")).to_be_visible()


def test_text_keeps_its_direction(open_page: OpenPage, pages: Servers) -> None:
    page = open_page(pages["adding"])
    reach(page, pages, "adding")
    arabic = page.locator("#papers td.title > button", has_text="ضغط")
    expect(arabic).to_have_css("direction", "rtl")
    expect(page.locator("#papers td.title > button", has_text="A title without")).to_have_css("direction", "ltr")
    arabic.click()
    for part in ("h2", ".abstract", ".authors"):
        expect(page.locator(f"#card {part}")).to_have_css("direction", "rtl")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Chat").click()
    question(page).fill("كيف تضغط ذاكرة المفاتيح؟")
    expect(question(page)).to_have_css("direction", "rtl")
    question(page).press("Enter")
    turn = finished(page, 1)
    expect(turn.locator("h2")).to_have_css("direction", "rtl")
    expect(turn.locator("p", has_text="نضغط").first).to_have_css("direction", "rtl")
    expect(page.locator(".card .abstract").first).to_have_css("direction", "rtl")
    question(page).fill("How?")
    expect(question(page)).to_have_css("direction", "ltr")


def test_nothing_moves_by_itself_where_its_reader_wants_none(open_page: OpenPage, pages: Servers) -> None:
    page = open_page(pages["written"])
    page.emulate_media(reduced_motion="reduce")
    pages.model.enqueue(Reply(WRITTEN, first_delay=1.5))
    question(page).fill(QUESTION)
    question(page).press("Enter")
    expect(page.locator("#draft .step")).to_be_visible()
    moving = "document.getAnimations().filter(each => each.effect.getComputedTiming().duration > 10).length"
    assert page.evaluate(moving) == 0
    finished(page, 1)


SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            if (!entry.hadRecentInput) window.shifts.push([entry.value, entry.startTime, ...entry.sources.map(
                (source) => source.node?.nodeName + "#" + (source.node?.id || source.node?.className))]);
        }
    }).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_does_not_jump_and_its_fonts_come_from_its_own_server(
    browser: Browser, pages: Servers, width: int
) -> None:
    address = pages["written"]
    context = browser.new_context(viewport={"width": width, "height": SIZES[width]})
    context.route(lambda url: not url.startswith(address), lambda route: route.abort())
    context.add_init_script(SHIFTS)
    page, fonts = context.new_page(), set[str]()
    page.on("response", lambda each: fonts.add(each.url) if each.request.resource_type == "font" and each.ok else None)
    page.goto(address)
    expect(page.get_by_role("heading", name=words.WELCOME)).to_be_visible()
    page.wait_for_timeout(1500)
    loading = page.evaluate("shifts.splice(0)")
    assert sum(shift[0] for shift in loading) < 0.1, loading
    assert {url.removeprefix(address).rpartition("/")[2].partition(".")[0] for url in fonts} >= {
        "IBMPlexSans-Regular", "IBMPlexSans-Bold", "source-serif-4-latin-wght-normal",
    }  # fmt: skip
    loaded = (
        "[...document.fonts].filter(font => font.status === 'loaded').map(font => font.family.replaceAll('\"', ''))"
    )
    assert {"IBM Plex Sans", "Source Serif 4"} <= set(page.evaluate(loaded))
    pages.model.enqueue(Reply(WRITTEN, delay=0.05, first_delay=1.0))
    question(page).fill(QUESTION)
    question(page).press("Enter")
    finished(page, 1)
    page.wait_for_timeout(500)
    writing = page.evaluate("shifts")
    if width > 900:  # on a phone the sources stand below the answer, which grows
        assert sum(shift[0] for shift in writing) < 0.15, (
            writing
        )  # sources open as they are found; a loaded machine adds to it
    context.close()
