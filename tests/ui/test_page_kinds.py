"""Comparisons, summaries and the map of topics in a real browser."""

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from ui import words

from .browser import ask, finished, question, served
from .conftest import OpenPage

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / "test-output"
COMPARISON = "How does MiniCache differ from ZipCache on memory?"
SUMMARY = "Summarise state space models"
MAP = "What is in this collection?"


@pytest.fixture(scope="module")
def address(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("served") / "home"))
    with served(home) as address:
        yield address


@pytest.fixture
def page(open_page: OpenPage, address: str) -> Page:
    return open_page(address)


def again(page: Page, button: str) -> Locator:
    """Presses a button that answers the last question anew, and gives the turn that takes its place."""
    count = page.locator("#turns .turn").count()
    page.locator("#turns .turn").last.evaluate("turn => turn.classList.add('old')")
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#turns .old")).to_have_count(0)
    return finished(page, count)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_comparison_summary_and_map_fit_the_screen(open_page: OpenPage, address: str, width: int, theme: str) -> None:
    page = open_page(address, width=width, height=844 if width == 390 else 900, theme=theme)
    PICTURES.mkdir(exist_ok=True)
    for name, text in (("comparison", COMPARISON), ("summary", SUMMARY), ("map", MAP)):
        ask(page, text)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        page.screenshot(path=PICTURES / f"{name}-{width}-{theme}.png")
    table = page.locator(".answer .table").first
    inner, outer = table.evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert outer <= width and (inner > outer) == (width == 390)


def test_a_comparison_is_a_table_whose_markers_open_the_sentence_in_the_cell(page: Page) -> None:
    turn = ask(page, COMPARISON)
    expect(turn.locator(".kind")).to_have_text(f"{words.KINDS['compare']} {words.CHOSEN}")
    expect(turn.get_by_role("columnheader")).to_have_text(["Aspect", "MiniCache", "ZipCache"])
    titles = turn.get_by_role("rowheader").all_inner_texts()
    assert titles[0] == "Memory" and {"Problem", "Approach", "Result"} <= set(titles)
    for place, name in ((0, "MiniCache"), (1, "ZipCache")):
        for cell in turn.locator("tbody tr").locator(f"td >> nth={place}").all():
            for marker in cell.locator("a.cite").all():
                marker.click()
                mark = page.locator("mark.here")
                expect(mark).to_be_focused()
                assert " ".join(mark.inner_text().split()) in " ".join(cell.inner_text().split())
                card = page.locator("details.card", has=mark)
                expect(card.locator("summary")).to_contain_text(name)


def test_the_table_scrolls_by_keyboard_on_a_phone(open_page: OpenPage, address: str) -> None:
    page = open_page(address, width=390, height=844)
    table = ask(page, COMPARISON).locator(".table")
    expect(table).to_have_attribute("aria-label", words.TABLE)
    table.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.answer .table').scrollLeft > 0")
    head = table.get_by_role("rowheader").first
    assert head.bounding_box()["x"] == pytest.approx(table.bounding_box()["x"], abs=2)  # type: ignore[index]


def test_a_subject_without_papers_is_named_and_has_its_column(page: Page) -> None:
    turn = ask(page, "MiniCache vs SnapKV")
    expect(turn).to_contain_text("Nothing in this collection speaks of SnapKV.")
    expect(turn.get_by_role("columnheader")).to_have_text(["Aspect", "MiniCache", "SnapKV (nothing found)"])
    rows = turn.locator("tbody tr")
    expect(rows.locator("td:nth-child(3).none")).to_have_text([words.NOT_STATED] * rows.count())


def test_the_table_is_saved_as_csv_and_the_comparison_as_markdown(page: Page, tmp_path: Path) -> None:
    turn = ask(page, COMPARISON)
    saved = {}
    for name in (words.SAVE_CSV, words.SAVE_MARKDOWN):
        with page.expect_download() as download:
            turn.get_by_role("link", name=name).click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
        saved[name] = (tmp_path / download.value.suggested_filename).read_text(encoding="utf-8-sig")
    rows = list(csv.reader(saved[words.SAVE_CSV].splitlines()))
    assert rows[0] == ["Aspect", "MiniCache", "ZipCache"]
    assert len(rows) == 1 + turn.locator("tbody tr").count() + 1
    assert all(re.search(r"\[\d+\]$", cell) or cell == "not stated" for row in rows[1:-1] for cell in row[1:])
    assert rows[-1][0] == "Papers"
    assert [cell.split(":")[0] for cell in rows[-1][1:]] == ["[1] MiniCache", "[2] ZipCache"]
    assert "\n[1] MiniCache: KV Cache Compression" in saved[words.SAVE_MARKDOWN]
    assert saved[words.SAVE_MARKDOWN].startswith(f"# {COMPARISON}\n\n| **Aspect** | MiniCache | ZipCache |\n")


def test_what_the_page_chose_is_changed_with_one_click(page: Page) -> None:
    ask(page, COMPARISON)
    assert not page.get_by_role("button", name=words.INSTEAD["compare"]).is_visible()
    turn = again(page, words.INSTEAD["ask"])
    expect(turn.locator("table")).to_have_count(0)
    expect(turn.locator(".kind")).to_have_count(0)
    assert turn.locator("a.cite").count() > 0
    expect(page.locator("#instead-ask")).to_be_hidden()  # it is the reader's choice now


def test_a_change_that_cannot_be_made_says_why_and_keeps_the_answer(page: Page) -> None:
    ask(page, "What is TabPFN?")
    page.get_by_role("button", name=words.INSTEAD["compare"]).click()
    expect(page.locator("#draft .notice")).to_contain_text("A comparison needs two things or more.")
    expect(page.locator("#turns .turn")).to_have_count(1)
    assert page.locator("#turns a.cite").count() > 0


def test_the_kind_is_chosen_beside_the_question_by_keyboard(page: Page) -> None:
    expect(page.get_by_role("radiogroup", name=words.MODE_LABEL)).to_be_visible()
    page.get_by_role("radio", name=words.MODES["auto"]).focus()
    for kind in ("ask", "compare"):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("radio", name=words.MODES[kind])).to_be_checked()
    turn = ask(page, "DuoAttention, TransMLA")
    expect(turn.get_by_role("columnheader")).to_have_text(["Aspect", "DuoAttention", "TransMLA"])
    expect(turn.locator(".kind")).to_have_text(words.KINDS["compare"])


def test_a_follow_up_adds_a_subject_to_the_comparison(page: Page) -> None:
    ask(page, "How does MiniCache compress the KV cache?")
    turn = ask(page, "and how does that compare with ZipCache?")
    expect(turn.locator(".read-as")).to_have_text(f"{words.READ_AS}: Compare MiniCache and ZipCache")
    expect(turn.get_by_role("columnheader")).to_have_text(["Aspect", "MiniCache", "ZipCache"])


def test_a_summary_says_what_it_covers_and_the_unused_papers_stand_in_the_sources(page: Page) -> None:
    turn = ask(page, SUMMARY)
    assert turn.locator("h3").count() >= 2
    found = int(re.search(r"(\d+) papers on this topic, \1 cited\.", turn.inner_text())[1])  # type: ignore[index]
    turn = again(page, words.SHORTER)
    counts = re.search(r"(\d+) papers on this topic, (\d+) cited; (\d+) not used: ", turn.inner_text())
    assert counts
    total, cited, unused = map(int, counts.groups())
    assert total == found == cited + unused
    beside = page.locator("#sources details.group details.card")
    expect(beside).to_have_count(unused)
    expect(page.get_by_role("button", name=words.SHORTER)).not_to_be_visible()
    few = turn.locator("a.cite").count()
    assert again(page, words.LONGER).locator("a.cite").count() > few


def test_more_on_a_theme_is_a_summary_of_its_papers(page: Page) -> None:
    heading = ask(page, SUMMARY).locator("h3").nth(1).inner_text()
    size = int(re.search(r"\((\d+) paper", heading)[1])  # type: ignore[index]
    turn = ask(page, "more on the second theme")
    expect(turn).to_contain_text(f"{size} paper{'s' if size > 1 else ''} on this topic")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_dot_of_the_map_shows_its_title_and_opens_its_paper(open_page: OpenPage, address: str, width: int) -> None:
    page = open_page(address, width=width)
    turn = ask(page, MAP)
    dots = turn.locator("a.dot")
    expect(dots).to_have_count(97)
    themes = turn.locator(".key li")
    assert sum(int(text.split()[-1]) for text in themes.all_inner_texts()) == 97
    expect(turn.locator("svg text.number")).to_have_count(themes.count())
    for place in (0, 50, 96):
        dot = dots.nth(place)
        title = (dot.locator("title").text_content() or "").rpartition(" · ")[0]
        dot.click()
        card = page.locator((dot.get_attribute("href") or "").replace("#", "details#"))
        expect(card).to_have_attribute("open", "")
        expect(card.locator("summary .title")).to_have_text(title)
        expect(card.locator("summary")).to_be_focused()
        expect(card.locator("summary")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(dots.nth(96)).to_be_in_viewport()


def test_a_refused_comparison_or_summary_names_what_is_not_there(page: Page) -> None:
    turn = ask(page, "What is the difference between espresso and filter coffee?")
    expect(turn).to_contain_text("Nothing in this collection speaks of espresso or filter coffee.")
    turn = ask(page, "Summarise coral reef bleaching")
    expect(turn).to_contain_text("Nothing in this collection is on coral reef bleaching.")
    expect(turn.locator("a.cite")).to_have_count(0)
    expect(page.locator("#announcement")).to_have_text(words.REFUSED_STATUS)


def test_an_unknown_command_is_told_and_the_text_is_kept(page: Page) -> None:
    question(page).fill("/contrast MiniCache and ZipCache")
    question(page).press("Enter")
    expect(page.locator("#draft .notice")).to_contain_text("There is no command /contrast")
    expect(question(page)).to_have_value("/contrast MiniCache and ZipCache")
