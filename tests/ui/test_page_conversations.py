"""Conversations in a real browser: kept over reloads and restarts, listed, found, renamed, edited and gone on with."""

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from assistant import Archive
from assistant.testing import Reply, ScriptedServer
from ui import words

from .browser import QUESTION, ask, finished, opened, question, served
from .conftest import OpenPage

pytestmark = pytest.mark.browser

TABPFN = "What is TabPFN?"
GOOD = "MiniCache compresses the KV cache across layers [P1.2]. Adjacent layers hold similar states [P1.3]."


@pytest.fixture(scope="module")
def homes(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A library for each of the pages."""
    folder = tmp_path_factory.mktemp("homes")
    return {name: Path(shutil.copytree(sample_home, folder / name)) for name in ("quoting", "written")}


@pytest.fixture(autouse=True)
def nothing_kept(homes: dict[str, Path]) -> None:
    """Every test begins with an empty list."""
    for home in homes.values():
        with closing(Archive(home / "conversations.sqlite3")) as archive:
            for each in archive.list():
                archive.delete(each.id)


@pytest.fixture(scope="module")
def address(homes: dict[str, Path]) -> Iterator[str]:
    with served(homes["quoting"]) as address:
        yield address


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="module")
def written(homes: dict[str, Path], server: ScriptedServer) -> Iterator[str]:
    """A page whose answers the scripted model writes."""
    known = {
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": "none",
        "RESEARCH_ASSISTANT_LLM_MODEL": "scripted",
        "RESEARCH_ASSISTANT_LLM_RETRIES": "0",
    }
    with served(homes["written"], **known) as address:
        yield address


@pytest.fixture
def page(open_page: OpenPage, address: str) -> Page:
    return open_page(address)


def listed(page: Page) -> Locator:
    return page.locator("#conversations li > a")


def begin(page: Page) -> None:
    """Asks, without waiting for the answer."""
    question(page).fill(QUESTION)
    question(page).press("Enter")


def answers(page: Page) -> list[str]:
    """What the turns say, with the numbers and labels of their citations."""
    return page.locator("#turns .answer").evaluate_all(
        "all => all.map(each => each.innerText + [...each.querySelectorAll('a.cite')].map(a => a.ariaLabel + a.hash))"
    )


def kept_at(page: Page) -> str:
    """The address of the conversation that is shown."""
    page.wait_for_url(re.compile(r"\?c=\w{32}"))
    return page.url


def reopened(page: Page, open_page: OpenPage, address: str) -> Page:
    """The conversation of a page that is closed, in another browser."""
    where = kept_at(page).removeprefix(address)
    page.close()
    return open_page(address, path=where)


def test_a_conversation_is_whole_after_a_reload_and_after_a_restart(
    open_page: OpenPage, sample_home: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(sample_home, tmp_path / "home"))
    with served(home) as address:
        page = open_page(address)
        ask(page, QUESTION)
        ask(page, "Compare MiniCache and ZipCache.")
        before, where = answers(page), kept_at(page).removeprefix(address)
        page.wait_for_timeout(500)
        opened(page, f"{address}{where}")
        expect(page.locator("#turns .turn")).to_have_count(2)
        assert answers(page) == before
        page.close()
    with served(home) as address:
        page = open_page(address, path=where)
        expect(page.locator("#turns .turn")).to_have_count(2)
        assert answers(page) == before
        marker = page.locator("#turns a.cite").last
        marker.click()
        expect(page.locator((marker.get_attribute("href") or "").replace("#", "mark#"))).to_be_focused()
        follow_up = ask(page, "What is TabPFN?")
        assert int(follow_up.locator("a.cite").first.inner_text()) > 1  # numbers go on
        page.close()


def test_conversations_are_listed_by_their_first_question_and_opened(page: Page) -> None:
    expect(page.locator("#conversations")).to_contain_text(words.NO_CONVERSATIONS)
    ask(page, QUESTION)
    expect(listed(page)).to_have_text([QUESTION])
    first = kept_at(page)
    page.locator("#new").click()
    expect(page.locator(".welcome")).to_be_visible()
    page.wait_for_url(lambda url: "?c=" not in url)
    expect(page.locator("#conversations [aria-current]")).to_have_count(0)
    assert ask(page, TABPFN).locator("a.cite").first.inner_text() == "1"
    expect(listed(page)).to_have_text([TABPFN, QUESTION])
    expect(page.locator("#conversations h3")).to_have_text(["Today"])
    expect(page.locator("#conversations [aria-current]")).to_have_text(TABPFN)
    listed(page).last.click()
    expect(page.locator("#turns h2")).to_contain_text(QUESTION)
    page.wait_for_url(first)
    expect(page.locator("#conversations [aria-current]")).to_have_text(QUESTION)
    page.go_back()
    expect(page.locator("#turns h2")).to_contain_text(TABPFN)


def test_a_conversation_is_renamed_by_keyboard(page: Page) -> None:
    ask(page, QUESTION)
    page.get_by_role("button", name=f"{words.RENAME}: {QUESTION}").focus()
    page.keyboard.press("Enter")
    field = page.get_by_role("textbox", name=words.NEW_NAME)
    expect(field).to_be_focused()
    page.keyboard.type("Caches <b>")
    page.keyboard.press("Enter")
    expect(listed(page)).to_have_text(["Caches <b>"])
    expect(page.get_by_role("button", name=f"{words.RENAME}: Caches <b>")).to_be_focused()
    page.keyboard.press("Enter")
    expect(field).to_be_focused()
    page.keyboard.type("Something else")
    page.keyboard.press("Escape")
    expect(listed(page)).to_have_text(["Caches <b>"])


def test_a_conversation_is_deleted_and_brought_back(page: Page) -> None:
    for text in (QUESTION, TABPFN):
        ask(page, text)
        page.locator("#new").click()
        expect(page.locator(".welcome")).to_be_visible()
    listed(page).first.click()
    expect(page.locator("#turns h2")).to_contain_text(TABPFN)
    where = kept_at(page)
    listed(page).first.hover()
    page.get_by_role("button", name=f"{words.DELETE}: {TABPFN}").click()
    expect(listed(page)).to_have_text([QUESTION])
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.locator("#deleted-said")).to_contain_text(words.deleted(TABPFN))
    page.get_by_role("button", name=words.UNDO_DELETION).click()
    expect(listed(page)).to_have_text([TABPFN, QUESTION])
    expect(page.locator("#deleted-said")).to_have_text("")
    page.goto(where)
    expect(page.locator("#turns h2")).to_contain_text(TABPFN)


def test_the_conversations_are_searched_and_the_hits_marked(page: Page) -> None:
    for text in (QUESTION, TABPFN):
        ask(page, text)
        page.locator("#new").click()
        expect(page.locator(".welcome")).to_be_visible()
    find = page.get_by_role("textbox", name=words.FIND)
    find.fill("tabular")  # a word of the answer
    expect(listed(page)).to_have_text([TABPFN])
    expect(page.locator("#conversations .snippet mark").first).to_have_text(re.compile("tabular", re.IGNORECASE))
    find.fill('" OR * NEAR(')
    expect(page.locator("#conversations")).to_contain_text(words.NOTHING_FOUND)
    find.fill("")
    expect(listed(page)).to_have_count(2)


def test_an_earlier_question_is_edited_and_both_ways_are_kept(page: Page) -> None:
    first = ask(page, QUESTION).inner_text()
    ask(page, "and how fast is it?")
    page.locator("#turns .turn").first.get_by_role("button", name=words.EDIT).click()
    expect(question(page)).to_have_value(QUESTION)
    expect(page.locator("#editing")).to_be_visible()
    page.locator("#editing").click()  # leaves it
    expect(page.locator("#editing")).to_be_hidden()
    expect(question(page)).to_have_value("")
    page.locator("#turns .turn").first.get_by_role("button", name=words.EDIT).click()
    expect(question(page)).to_have_value(QUESTION)
    question(page).fill(TABPFN)
    question(page).press("Enter")
    expect(page.locator("#turns h2")).to_contain_text([TABPFN])
    turn = finished(page, 1)
    expect(turn.locator(".versions")).to_contain_text(words.version(2, 2))
    ask(page, "Who needs it?")
    page.get_by_role("button", name=words.EARLIER_VERSION).click()
    expect(page.locator("#turns h2")).to_contain_text([QUESTION, "and how fast is it?"])
    assert page.locator("#turns .turn .answer").first.inner_text() in first
    page.get_by_role("button", name=words.LATER_VERSION).click()
    expect(page.locator("#turns h2")).to_contain_text([TABPFN, "Who needs it?"])


def test_what_a_search_found_is_shown_whatever_version_it_is_in(page: Page) -> None:
    ask(page, QUESTION)
    for text in ("and how fast is it?", "and who needs it?", "What is attention?"):
        ask(page, text)
    page.locator("#turns .turn").last.get_by_role("button", name=words.EDIT).click()
    question(page).fill(TABPFN)
    question(page).press("Enter")
    expect(page.locator("#turns .turn").nth(3).locator(".versions")).to_contain_text(words.version(2, 2))
    find = page.get_by_role("textbox", name=words.FIND)
    for search, found in (("what is attention", "What is attention?"), ("who needs", "and who needs it?")):
        find.fill(search)
        expect(page.locator("#conversations .snippet mark").first).to_be_visible()
        expect(page.locator("#conversations .snippet")).to_contain_text(found)
        listed(page).first.click()
        turn = page.locator("#turns .turn", has=page.get_by_role("heading", name=found))
        expect(turn.locator("h2")).to_be_in_viewport()
    expect(page.locator("#turns .versions")).to_contain_text(words.version(1, 2))


def test_trying_again_keeps_both_answers(open_page: OpenPage, written: str, server: ScriptedServer) -> None:
    page = open_page(written)
    server.enqueue(GOOD)
    ask(page, QUESTION)
    server.enqueue("Bananas are yellow.")
    page.locator("#retry").click()
    expect(page.locator("#turns")).to_contain_text("Bananas")
    expect(page.locator("#turns .versions")).to_contain_text(words.version(2, 2))
    page.get_by_role("button", name=words.EARLIER_VERSION).click()
    expect(page.locator("#turns")).to_contain_text("compresses the KV cache across layers")
    page = reopened(page, open_page, written)  # it is the one that was chosen
    expect(page.locator("#turns")).to_contain_text("compresses the KV cache across layers")
    expect(page.locator("#turns .versions")).to_contain_text(words.version(1, 2))


def test_an_answer_goes_on_while_its_reader_is_elsewhere(
    open_page: OpenPage, written: str, server: ScriptedServer
) -> None:
    page = open_page(written)
    server.enqueue(Reply(f"{GOOD} {'It goes on and on. ' * 12} The end is here.", delay=0.15))
    begin(page)
    expect(page.locator("#draft")).to_contain_text("compresses the KV cache")
    page.locator("#new").click()
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.locator("#draft .turn")).to_have_count(0)
    server.enqueue("TabPFN is a model for tables [P1.1].")
    ask(page, TABPFN)
    expect(page.locator("#turns")).not_to_contain_text("MiniCache")
    expect(listed(page)).to_have_text([TABPFN, QUESTION])  # it is painted by now, and does not change under the pointer
    listed(page).filter(has_text="MiniCache").click()
    expect(page.locator("#turns, #draft").filter(has_text="The end is here.")).to_have_count(1)
    finished(page, 1)
    expect(page.locator("#turns .turn")).to_contain_text("The end is here.")


def test_a_reload_in_the_middle_of_an_answer_loses_nothing(
    open_page: OpenPage, written: str, server: ScriptedServer
) -> None:
    page = open_page(written)
    server.enqueue(Reply(f"{GOOD} {'It goes on and on. ' * 12} The end is here.", delay=0.15))
    begin(page)
    expect(page.locator("#draft")).to_contain_text("goes on")
    page = reopened(page, open_page, written)
    expect(page.locator("#draft")).to_contain_text("goes on")
    turn = finished(page, 1)
    expect(turn).to_contain_text("The end is here.")
    expect(turn).not_to_contain_text(words.STOPPED)


def test_a_stopped_answer_is_kept_as_one(open_page: OpenPage, written: str, server: ScriptedServer) -> None:
    page = open_page(written)
    server.enqueue(Reply(GOOD, delay=0.2, endless=True))
    begin(page)
    expect(page.locator("#draft")).to_contain_text("compresses")
    page.locator("#stop").click()
    expect(finished(page, 1)).to_contain_text(words.STOPPED)
    page = reopened(page, open_page, written)
    expect(page.locator("#turns .turn")).to_contain_text("compresses")
    expect(page.locator("#turns .turn")).to_contain_text(words.STOPPED)


def test_an_address_of_no_conversation_says_so(open_page: OpenPage, address: str) -> None:
    page = open_page(address, path="/?c=0123456789abcdef")
    expect(page.locator("#draft .notice")).to_be_visible()
    expect(page.locator(".welcome")).to_be_visible()
    assert ask(page, QUESTION).locator("a.cite").count() >= 1


def test_on_a_phone_the_list_is_folded_until_it_is_asked_for(open_page: OpenPage, address: str) -> None:
    page = open_page(address, width=390, height=844)
    ask(page, QUESTION)
    expect(listed(page)).to_be_hidden()
    toggle = page.locator("#show-conversations")
    toggle.click()
    expect(listed(page)).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    listed(page).click()
    expect(listed(page)).to_be_hidden()
    expect(page.locator("#turns .turn")).to_have_count(1)


def test_a_citation_that_is_pointed_at_shows_its_sentence_and_a_source_leads_back(page: Page) -> None:
    marker = ask(page, QUESTION).locator("a.cite").first
    peek = page.get_by_role("tooltip")
    marker.hover()
    expect(peek).to_be_visible()
    expect(peek).to_contain_text("MiniCache")
    page.keyboard.press("Escape")
    expect(peek).to_be_hidden()
    marker.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(peek).to_be_visible()
    page.keyboard.press("Enter")
    card = page.locator("details.card[open]").first
    card.locator("a.way-back").first.click()
    expect(marker).to_be_focused()
    expect(marker).to_be_in_viewport()


def test_an_answer_is_copied_with_its_references_and_a_conversation_saved_and_read_in_again(
    page: Page, tmp_path: Path
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    turn = ask(page, QUESTION)
    before = answers(page)
    turn.get_by_role("button", name=words.COPY_TURN).click()
    expect(turn.locator(".copies")).to_contain_text(words.COPIED)
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "MiniCache is a simple but effective method" in copied
    assert "[1] MiniCache: KV Cache Compression" in copied
    page.locator("details.card[open]").first.get_by_role("button", name="BibTeX").click()
    expect(page.locator("details.card[open] .copies").first).to_contain_text(words.COPIED)
    assert page.evaluate("navigator.clipboard.readText()").startswith("@")
    page.locator("#saving summary").click()
    with page.expect_download() as saving:
        page.locator("#saving").get_by_role("link", name="JSON").click()
    saved = tmp_path / saving.value.suggested_filename
    saving.value.save_as(saved)
    assert saved.name == "how-does-minicache-compress-the-kv-cache-and-how-much.json"
    page.locator("#new").click()
    expect(page.locator(".welcome")).to_be_visible()
    page.locator("#sidebar input[type=file]").set_input_files(saved)
    expect(page.locator("#turns .turn")).to_have_count(1)
    assert answers(page) == before
    expect(listed(page)).to_have_count(2)
    page.locator("#sidebar input[type=file]").set_input_files(
        {"name": "bad.json", "mimeType": "application/json", "buffer": b"{"}
    )
    expect(page.locator("#deleted-said")).to_contain_text("JSON")
    expect(page.locator("#turns .turn")).to_have_count(1)


def test_two_pages_of_one_conversation_go_on_from_each_other(open_page: OpenPage, address: str) -> None:
    one = open_page(address)
    ask(one, QUESTION)
    other = open_page(address, path=kept_at(one).removeprefix(address))
    ask(other, TABPFN)
    expect(finished(one, 1)).to_be_visible()
    question(one).fill("What is ZipCache?")
    question(one).press("Enter")
    finished(one, 3)
    expect(one.locator("#turns h2")).to_contain_text([QUESTION, TABPFN, "What is ZipCache?"])
    expect(one.locator("#turns .versions")).to_have_count(0)


def test_a_page_that_is_opened_while_an_answer_is_written_shows_it_and_can_stop_it(
    open_page: OpenPage, written: str, server: ScriptedServer
) -> None:
    one = open_page(written)
    server.enqueue(Reply(f"{GOOD} {'It goes on and on. ' * 20}", delay=0.15))
    begin(one)
    expect(one.locator("#draft")).to_contain_text("goes on")
    where = kept_at(one).removeprefix(written)
    other = open_page(written, path=where)
    expect(other.locator("#draft")).to_contain_text("goes on")
    other.locator("#stop").click()
    for page in (other, one):
        expect(finished(page, 1)).to_contain_text(words.STOPPED)


def test_an_edit_that_is_refused_is_still_an_edit(page: Page) -> None:
    ask(page, QUESTION)
    page.locator("#turns").get_by_role("button", name=words.EDIT).click()
    expect(page.locator("#editing")).to_be_visible()
    expect(question(page)).to_be_focused()
    question(page).fill("x" * 4001)
    question(page).press("Enter")
    expect(page.locator("#draft")).to_contain_text("4,000 are allowed")
    expect(page.locator("#editing")).to_be_visible()
    question(page).fill(TABPFN)
    question(page).press("Enter")
    expect(page.locator("#turns h2")).to_contain_text([TABPFN])
    expect(finished(page, 1).locator(".versions")).to_contain_text(words.version(2, 2))


def test_back_leads_past_a_conversation_that_was_deleted(page: Page) -> None:
    ask(page, QUESTION)
    kept_at(page)
    page.locator("#new").click()
    expect(page.locator(".welcome")).to_be_visible()
    ask(page, TABPFN)
    page.wait_for_url(re.compile(r"\?c="))
    page.get_by_role("button", name=f"{words.DELETE}: {TABPFN}").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.get_by_role("button", name=words.UNDO_DELETION)).to_be_focused()
    for _ in range(3):
        page.go_back()
        page.wait_for_timeout(700)
        if page.locator("#turns .turn").count():
            break
    expect(page.locator("#turns h2")).to_contain_text(QUESTION)
