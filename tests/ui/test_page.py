"""The page in a real browser: questions, markers, keyboard, phone, dark mode, and nothing that leaves the machine."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from index_store import Embedder, Library
from ui import words

from .browser import QUESTION, ask, finished, opened, question, served
from .conftest import OpenPage

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / "test-output"
OFF_TOPIC = "What is the best recipe for lasagne?"


@pytest.fixture(scope="module")
def address(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page over the sample collection, for tests that leave the library as it is."""
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(sample_home, home)
    with served(home) as address:
        yield address


@pytest.fixture
def page(open_page: OpenPage, address: str) -> Page:
    return open_page(address)


def markers(turn: Locator) -> Locator:
    return turn.locator("a.cite")


def box(part: Locator) -> FloatRect:
    """Where it is on the screen."""
    place = part.bounding_box()
    assert place
    return place


def claim_of(marker: Locator) -> str:
    """The sentence that a marker stands behind."""
    paragraph = marker.locator("xpath=ancestor::p[1]").inner_text()
    return " ".join(paragraph.removesuffix(marker.inner_text()).split())


def expect_opened(page: Page, marker: Locator) -> None:
    """That the marker's sentence, and no other, is open, focused, in view and highlighted."""
    mark = page.locator((marker.get_attribute("href") or "").replace("#", "mark#"))
    expect(mark).to_be_focused()
    expect(mark).to_be_in_viewport(ratio=1)
    expect(mark).to_have_class("here")
    expect(page.locator("mark.here")).to_have_count(1)
    assert " ".join(mark.inner_text().split()) == claim_of(marker)


def test_a_question_typed_at_once_is_answered_and_its_markers_open_their_sentences(page: Page) -> None:
    expect(question(page)).to_be_focused()
    page.keyboard.type("How does MiniCache compress the KV cache?")
    page.keyboard.press("Enter")
    turn = finished(page, 1)
    expect(turn.locator("h2")).to_contain_text("How does MiniCache compress the KV cache?")
    expect(question(page)).to_have_value("")
    assert markers(turn).count() >= 3
    for marker in markers(turn).all():
        marker.click()
        expect_opened(page, marker)


def test_a_marker_works_by_keyboard_and_escape_leads_back(page: Page) -> None:
    turn = ask(page, QUESTION)
    last = markers(turn).last
    question(page).focus()
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.matches('a.cite')"):
            break
    expect(last).to_be_focused()
    page.keyboard.press("Enter")
    expect_opened(page, last)
    page.keyboard.press("Escape")
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()


def test_a_marker_opens_a_source_that_was_closed(page: Page) -> None:
    marker = markers(ask(page, QUESTION)).first
    card = page.locator("details.card").first
    card.locator("summary").click()
    expect(card).not_to_have_attribute("open", "")
    marker.click()
    expect_opened(page, marker)


def test_the_papers_like_a_source_are_shown_and_put_away_by_keyboard(page: Page) -> None:
    ask(page, "What is TabPFN?")
    more = page.locator(".card[open] button[data-do=like]").first
    more.press("Enter")
    expect(page.locator("#alike-title")).to_be_focused()
    expect(page.locator("#alike-title")).to_contain_text("TabPFN")
    expect(page.locator(".alike .card")).to_have_count(6)
    expect(page.locator(".alike")).not_to_contain_text("TabPFN is a trained Transformer")  # itself
    page.locator(".alike > button").press("Enter")
    expect(page.locator(".alike")).to_have_count(0)
    expect(more).to_be_focused()
    markers(page.locator("#turns .turn").last).first.click()
    expect(page.locator("mark.here")).to_be_in_viewport()


def test_a_follow_up_stays_on_its_paper_and_older_markers_go_on_working(page: Page) -> None:
    first = markers(ask(page, "What is MiniCache?")).first
    turn = ask(page, "and how fast is it?")
    expect(turn.locator(".read-as")).to_have_text(f"{words.READ_AS}: and how fast is MiniCache?")
    expect(markers(turn).first).to_have_text(first.inner_text())
    ask(page, "What is TabPFN?")
    first.click()
    expect_opened(page, first)


def test_what_the_collection_does_not_hold_is_said_without_a_marker(page: Page) -> None:
    turn = ask(page, OFF_TOPIC)
    expect(turn).to_contain_text("Nothing in this collection answers that.")
    expect(markers(turn)).to_have_count(0)
    expect(page.locator("details.card")).to_have_count(0)
    expect(page.locator("#announcement")).to_have_text(words.REFUSED_STATUS)


def test_every_example_is_answered_with_citations(page: Page) -> None:
    examples = page.locator("button.example:visible")
    expect(examples).to_have_count(4)
    for place, text in enumerate(examples.all_inner_texts()):
        examples.nth(place).click()
        turn = finished(page, 1)
        expect(turn.locator("h2")).to_contain_text(text)
        assert markers(turn).count() >= 1
        page.locator("#new").click()
        expect(examples).to_have_count(4)


def test_trying_again_shows_the_new_answer_and_keeps_its_numbers(page: Page) -> None:
    ask(page, "What is TabPFN?")
    before = ask(page, QUESTION).locator(".answer").inner_text()
    page.locator("#retry").click()
    expect(page.locator("#turns .versions")).to_contain_text(words.version(2, 2))
    assert finished(page, 2).locator(".answer").inner_text() == before


def test_what_is_set_on_the_page_counts_at_once_and_is_there_again_after_a_reload(page: Page, address: str) -> None:
    assert markers(ask(page, QUESTION)).count() > 2
    page.get_by_role("button", name=words.PREFERENCES).click()
    page.locator("#length").get_by_text("Short").click()
    page.locator("#papers-read input").fill("3")
    page.locator("#papers-read input").press("Tab")
    page.get_by_role("radio", name="Dark").check()
    expect(page.locator("body")).to_have_class(re.compile("dark"))
    page.get_by_role("button", name=words.NEW).click()
    expect(page.locator("#turns .turn")).to_have_count(0)
    assert markers(ask(page, QUESTION)).count() == 2
    expect(page.locator("#sources details.card")).to_have_count(3)
    page.goto(address)
    opened(page, address)
    expect(page.locator("body")).to_have_class(re.compile("dark"))
    page.get_by_role("button", name=words.PREFERENCES).click()
    expect(page.get_by_role("radio", name="Short")).to_be_checked()
    expect(page.locator("#papers-read input")).to_have_value("3")
    page.get_by_text(words.FIXED).click()
    expect(page.locator("#fixed-settings")).to_contain_text("RESEARCH_ASSISTANT_RELEVANCE_THRESHOLD")
    expect(page.locator("#fixed-settings")).not_to_contain_text("OPENAI_API_KEY")


def test_the_library_and_back_is_no_reload_and_leaves_the_conversation_open(page: Page) -> None:
    ask(page, QUESTION)
    address = page.url
    assert "?c=" in address
    page.evaluate("window.stays = true")
    page.get_by_role("tab", name="Library").click()
    expect(page.locator("#library-view")).to_be_visible()
    page.get_by_role("tab", name="Chat").click()
    expect(page.locator("#turns .turn")).to_be_visible()
    assert page.evaluate("window.stays") and page.url.partition("#")[0] == address


def test_a_new_conversation_counts_from_one_again(page: Page) -> None:
    ask(page, QUESTION)
    page.locator("#new").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(markers(ask(page, "What is TabPFN?")).first).to_have_text("1")


def test_the_page_works_after_a_reload(page: Page, address: str) -> None:
    ask(page, QUESTION)
    page.wait_for_timeout(500)  # a request that a reload cuts off is a complaint on the console
    opened(page, address)
    assert markers(ask(page, "What is TabPFN?")).count() >= 1


def test_two_browsers_share_nothing(open_page: OpenPage, address: str) -> None:
    one, other = open_page(address), open_page(address)
    ask(one, QUESTION)
    expect(markers(ask(other, "What is TabPFN?")).first).to_have_text("1")
    for each, stranger in ((other, "MiniCache"), (one, "TabPFN")):  # the list of conversations has both
        expect(each.locator("#turns")).not_to_contain_text(stranger)
        expect(each.locator("#sources")).not_to_contain_text(stranger)
    opened(other, address)
    expect(other.locator("#turns .turn")).to_have_count(0)


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_question_does_nothing(page: Page, text: str) -> None:
    question(page).fill(text)
    question(page).press("Enter")
    page.locator("#send").click()
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.locator(".turn")).to_have_count(0)


def test_a_question_that_is_too_long_is_given_back_with_the_reason(page: Page) -> None:
    text = "x" * 4001
    question(page).fill(text)
    question(page).press("Enter")
    expect(page.locator("#draft")).to_contain_text("4,001 characters; 4,000 are allowed")
    expect(question(page)).to_have_value(text)
    expect(page.locator("#send")).to_be_visible()


@pytest.mark.parametrize(("width", "asked"), [(1440, 0), (1440, 2), (390, 0), (390, 2)])
def test_why_a_question_was_refused_is_shown_above_the_composer(
    open_page: OpenPage, address: str, width: int, asked: int
) -> None:
    page = open_page(address, width=width, height=844)
    for text in ["What is TabPFN?", QUESTION][:asked]:
        ask(page, text)
    question(page).fill("x" * 4001)
    question(page).press("Enter")
    notice = page.locator("#draft .notice")
    expect(notice).to_be_in_viewport(ratio=1)
    expect(question(page)).to_have_value("x" * 4001)
    page.wait_for_timeout(300)  # the composer grows
    expect(notice).to_be_in_viewport(ratio=1)
    assert box(notice)["y"] + box(notice)["height"] <= box(page.locator("#composer"))["y"]


@pytest.mark.parametrize("width", [1280, 1440])
def test_what_is_below_the_sources_stays_below_them(open_page: OpenPage, address: str, width: int) -> None:
    page = open_page(address, width=width, height=700)
    for text in (QUESTION, "Compare MiniCache and TabPFN."):
        ask(page, text)
        for group in page.locator("details.group:not([open]) > summary").all():
            group.click()
        for card in page.locator("details.card:not([open]) summary").all()[::-1]:
            card.click()
        sources = box(page.locator("#sources"))
        for below in ("#limits", "#model-panel"):
            place = box(page.locator(below))
            assert place["x"] == sources["x"]
            assert place["y"] >= sources["y"] + sources["height"]


def test_the_way_back_on_a_phone_shows_only_where_it_leads_somewhere(open_page: OpenPage, address: str) -> None:
    page = open_page(address, width=390, height=844)
    marker, back = markers(ask(page, QUESTION)).first, page.locator("#back")
    expect(back).to_be_hidden()
    marker.click()
    expect(back).to_be_visible()
    page.evaluate("scrollTo(0, document.scrollingElement.scrollHeight)")
    expect(back).to_be_hidden()
    marker.click()
    back.click()
    expect(marker).to_be_focused()
    expect(marker).to_be_in_viewport()
    expect(back).to_be_hidden()
    marker.click()
    expect(back).to_be_visible()
    ask(page, "What is TabPFN?")
    expect(back).to_be_hidden()


def test_the_keyboard_goes_on_in_the_question_box(page: Page) -> None:
    ask(page, QUESTION)
    page.locator("#new").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#turns .turn")).to_have_count(0)
    expect(question(page)).to_be_focused()


@pytest.mark.parametrize("width", [390, 1440])
def test_the_question_box_begins_one_line_high_with_its_button_beside_it(
    open_page: OpenPage, address: str, width: int
) -> None:
    page = open_page(address, width=width)
    field, send = box(question(page)), box(page.locator("#send"))
    assert field["height"] < 45
    assert abs(field["y"] + field["height"] / 2 - send["y"] - send["height"] / 2) <= 1
    question(page).fill("one\ntwo\nthree")
    assert box(question(page))["height"] > 70


def test_a_sentence_that_is_in_view_stays_where_it_is(page: Page) -> None:
    marker = markers(ask(page, QUESTION)).first
    mark = page.locator((marker.get_attribute("href") or "").replace("#", "mark#"))
    expect(mark).to_be_in_viewport(ratio=1)
    before = box(mark)
    marker.click()
    expect_opened(page, marker)
    page.wait_for_timeout(500)  # a scroll would be over
    assert box(mark) == before
    expect(page.locator("#sources-title")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(
    "text",
    [
        "What is ${1+1}?",
        "What is {{title}}?",
        "<img src=x onerror=document.body.remove()> what?",
        "[x](javascript:alert(1))",
    ],
)
def test_markup_in_a_question_is_shown_as_it_was_typed(page: Page, text: str) -> None:
    turn = ask(page, text)
    expect(turn.locator("h2")).to_have_text(f"{words.YOU_ASKED}: {text}")
    expect(page.locator("#turns img, #turns a:not(.cite, .saving a)")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_wider_than_the_screen(open_page: OpenPage, address: str, width: int, theme: str) -> None:
    page = open_page(address, width=width, height=844 if width == 390 else 900, theme=theme)

    def expect_fits() -> None:
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width

    expect_fits()
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"welcome-{width}-{theme}.png")
    assert page.evaluate("document.body.classList.contains('dark')") == (theme == "dark")
    marker = markers(ask(page, QUESTION)).first
    expect_fits()
    page.screenshot(path=PICTURES / f"answer-{width}-{theme}.png", full_page=width == 390)
    marker.click()
    expect_opened(page, marker)
    expect_fits()
    page.screenshot(path=PICTURES / f"source-{width}-{theme}.png")
    ask(page, f"{'Pneumonoultramicroscopic' * 8} " + "and https://example.org/" + "a" * 200)
    expect_fits()


def luminance(color: str) -> float:
    """Relative luminance of a computed colour (WCAG 2.2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_background(open_page: OpenPage, address: str, theme: str) -> None:
    page = open_page(address, theme=theme)
    page.add_style_tag(content="* { transition: none !important }")
    markers(ask(page, QUESTION)).first.click()
    page.mouse.move(0, 0)
    selectors = ".tagline,.mode,.answer p,a.cite,.card .facts,.card .abstract,mark.here,#retry,#send".split(",")
    for selector in selectors:
        text, background = page.locator(selector).first.evaluate(
            """element => {
                const behind = (node) => {
                    const color = getComputedStyle(node).backgroundColor;
                    return / 0\\)$/.test(color) ? behind(node.parentElement) : color;
                };
                return [getComputedStyle(element).color, behind(element)];
            }"""
        )
        dark, light = sorted((luminance(text), luminance(background)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{selector}: {text} on {background}"


def test_every_control_has_a_name_and_the_answer_is_announced(page: Page) -> None:
    expect(page.get_by_role("textbox", name=words.QUESTION_LABEL)).to_be_visible()
    ask(page, QUESTION)
    for name in (words.SEND, words.RETRY, words.NEW):
        expect(page.get_by_role("button", name=name)).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Answer complete")).to_have_count(1)
    expect(page.get_by_role("link", name=re.compile(r"^Source 1, sentence \d+.*: MiniCache")).first).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"


def test_the_sample_is_loaded_removed_and_brought_back(
    open_page: OpenPage, sample_home: Path, tmp_path: Path, embedder: Embedder
) -> None:
    home = Path(shutil.copytree(sample_home, tmp_path / "emptied"))
    with Library(home, embedder) as library:
        library.remove_sample()
    with served(home) as address:
        page = open_page(address)
        expect(page.get_by_role("heading", name=words.EMPTY_LIBRARY)).to_be_visible()
        expect(page.locator("button.example:visible")).to_have_count(0)
        page.get_by_role("link", name=words.GO_TO_LIBRARY).click()
        page.get_by_role("button", name=words.ADD_SAMPLE).click()
        expect(page.locator("#header")).to_contain_text("97 papers", timeout=60_000)
        page.get_by_role("tab", name="Chat").click()
        expect(page.locator("button.example:visible")).to_have_count(4)
        page.get_by_role("tab", name="Library").click()
        page.get_by_role("button", name=words.REMOVE_SAMPLE).click()
        expect(page.locator("#notice")).to_contain_text(words.REMOVED_SAMPLE)
        expect(page.locator("#header")).to_contain_text("0 papers")
        page.get_by_role("button", name=words.ADD_SAMPLE_BACK).click()
        expect(page.locator("#header")).to_contain_text("97 papers", timeout=60_000)
        page.get_by_role("tab", name="Chat").click()
        assert markers(ask(page, QUESTION)).count() >= 1
        page.close()  # it would complain that its server is gone


def test_the_page_sends_its_security_headers(address: str) -> None:
    headers = httpx.get(address).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert policy["object-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["img-src"] == "'self' data: blob:"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_another_session_cannot_read_a_conversation_through_the_api(page: Page, address: str) -> None:
    ask(page, QUESTION)
    answers = {}
    with httpx.Client(base_url=f"{address}/gradio_api", timeout=15) as client:
        handlers = client.get(f"{address}/config").json()["dependencies"]
        for handler in handlers:
            if handler["api_name"] in ("load", "retry", "use"):
                call = {"data": [None] * len(handler["inputs"]), "fn_index": handler["id"], "session_hash": "intruder"}
                client.post("/queue/join", json=call).raise_for_status()
                answers[handler["api_name"]] = _result(client)
    assert words.WELCOME in answers["load"]
    assert not any("MiniCache" in answer.replace(QUESTION, "") for name, answer in answers.items() if name != "load")
    assert "compresses the KV cache" not in "".join(answers.values())


def _result(client: httpx.Client) -> str:
    """What the queue answers this session's one call."""
    lines: list[str] = []
    with client.stream("GET", "/queue/data", params={"session_hash": "intruder"}) as stream:
        for line in stream.iter_lines():
            lines.append(line)
            if line.startswith("data: ") and json.loads(line.removeprefix("data: "))["msg"] == "process_completed":
                return "\n".join(lines)
    raise AssertionError("the queue did not answer")
