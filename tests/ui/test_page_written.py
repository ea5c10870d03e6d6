"""Written answers in a real browser: the page as it is served, and a model's server that follows a script."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from assistant.testing import Reply, ScriptedServer
from ui import words

from .browser import QUESTION, ask, finished, question, served
from .conftest import OpenPage

pytestmark = pytest.mark.browser

KEY = "sk-a-key-that-nobody-may-see"
GOOD = (
    "MiniCache compresses the KV cache across layers [P1.2]. "
    "Adjacent layers hold highly similar KV cache states [P1.3]."
)
MIXED = f"{GOOD} Bananas cost 12 dollars in Norway in 1950 [P1.5]. The moon is made of green cheese."
MARK = "across layers"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(key=KEY) as server:
        yield server


@contextmanager
def served_with(sample_home: Path, folder: Path, **settings: str) -> Iterator[str]:
    """The page over a copy of the sample collection, started with these variables in its environment."""
    home = Path(shutil.copytree(sample_home, folder / "home"))
    with ExitStack() as running:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            address = running.enter_context(served(home))
        yield address


@pytest.fixture(scope="module")
def address(server: ScriptedServer, sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page whose settings name the scripted model."""
    known = {
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": KEY,
        "RESEARCH_ASSISTANT_LLM_MODEL": "scripted",
        "RESEARCH_ASSISTANT_LLM_RETRIES": "0",
    }
    with served_with(sample_home, tmp_path_factory.mktemp("written"), **known) as address:
        yield address


@pytest.fixture(scope="module")
def address_without_model(
    server: ScriptedServer, sample_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A page in quoting mode that knows the address of the scripted server."""
    known = {"OPENAI_BASE_URL": server.base_url, "RESEARCH_ASSISTANT_LLM_RETRIES": "0"}
    with served_with(sample_home, tmp_path_factory.mktemp("quoting"), **known) as address:
        yield address


@pytest.fixture
def page(open_page: OpenPage, address: str) -> Page:
    return open_page(address)


def begin(page: Page, text: str) -> Locator:
    """Asks, and gives the turn that is being written."""
    question(page).fill(text)
    question(page).press("Enter")
    return page.locator("#draft .turn")


def expect_written(turn: Locator) -> None:
    expect(turn.locator("a.cite.supported")).to_have_count(2)
    expect(turn.locator(".meta")).to_contain_text("scripted")


def expect_mode(page: Page, text: str) -> None:
    expect(page.locator("#header .mode")).to_have_text(text)


def test_the_header_names_the_model_that_writes(page: Page) -> None:
    expect_mode(page, f"{words.WRITTEN_BY} scripted")


def test_claims_show_by_look_and_by_name_what_the_check_found(page: Page, server: ScriptedServer) -> None:
    server.enqueue(MIXED)
    turn = ask(page, QUESTION)
    for label, count in (("supported", 2), ("not found", 1)):
        markers = turn.locator(f"a.cite.{label.replace(' ', '-')}")
        expect(markers).to_have_count(count)
        assert words.SUPPORT[label] in (markers.first.get_attribute("aria-label") or "")
    expect(turn.get_by_role("img", name=words.NO_SOURCE)).to_have_count(1)
    expect(turn.locator(".no-source")).to_be_visible()
    expect(turn.locator("p", has_text="cheese")).to_contain_text("cheese.?")
    expect(turn.locator(".meta")).to_contain_text(words.checked({"supported": 2, "partly": 0, "not found": 2}))
    expect(turn.locator(".meta")).to_contain_text("tokens")
    looks = {
        look: turn.locator(f".{look}").first.evaluate(
            "mark => ['borderWidth', 'backgroundColor'].map(name => getComputedStyle(mark)[name]).join()"
        )
        for look in ("supported", "not-found", "no-source")
    }
    assert looks["supported"] not in (looks["not-found"], looks["no-source"]), looks


def test_a_sentence_cited_only_where_no_claim_was_found_looks_different(page: Page, server: ScriptedServer) -> None:
    server.enqueue(MIXED)
    turn = ask(page, QUESTION)

    def look(label: str) -> str:
        href = turn.locator(f"a.cite.{label}").first.get_attribute("href") or ""
        return str(
            page.locator(href.replace("#", "mark#")).evaluate(
                "mark => ['backgroundColor', 'textDecorationStyle'].map(name => getComputedStyle(mark)[name]).join(' ')"
            )
        )

    assert look("not-found") == "rgba(0, 0, 0, 0) dashed"
    assert look("supported").endswith(") solid") and "(0, 0, 0, 0)" not in look("supported")


def test_a_marker_of_a_written_answer_opens_its_sentence(page: Page, server: ScriptedServer) -> None:
    server.enqueue(GOOD)
    marker = ask(page, QUESTION).locator("a.cite").first
    marker.click()
    mark = page.locator((marker.get_attribute("href") or "").replace("#", "mark#"))
    expect(mark).to_be_focused()
    expect(mark).to_contain_text("compresses the KV cache across layers")


def test_text_is_shown_while_it_is_written(page: Page, server: ScriptedServer) -> None:
    server.enqueue(Reply(GOOD, delay=0.12))
    draft = begin(page, QUESTION)
    expect(draft).to_contain_text(MARK)
    expect(page.locator("#stop")).to_be_visible()
    expect(draft).not_to_contain_text("states")
    turn = finished(page, 1)
    expect(turn).to_contain_text("states")
    expect_written(turn)


def test_stop_ends_the_answer_at_once_and_keeps_what_was_written(page: Page, server: ScriptedServer) -> None:
    server.enqueue(Reply(f"{GOOD} And then", delay=0.1, fault="hang", fault_after=99))
    draft = begin(page, QUESTION)
    expect(draft.locator("a.cite")).to_have_count(2)
    stopped = time.monotonic()
    page.locator("#stop").click()
    turn = finished(page, 1)
    assert time.monotonic() - stopped < 2
    expect(turn).to_contain_text(words.STOPPED)
    expect_written(turn)
    assert server.chats[-1].hung_up.wait(1.0)


def test_a_failure_says_what_to_do_and_trying_again_works(page: Page, server: ScriptedServer) -> None:
    server.enqueue(Reply(status=500, error="oops"), GOOD)
    turn = ask(page, QUESTION)
    expect(turn.get_by_role("alert")).to_have_text(f"{server.base_url} failed with error 500. Try again in a moment.")
    expect(page.locator("#quote")).to_be_visible()
    page.locator("#retry").click()
    expect(page.locator("#turns [role=alert]")).to_have_count(0)
    expect_written(finished(page, 1))
    expect(page.locator("#quote")).to_be_hidden()


def test_what_was_written_before_a_failure_stays(page: Page, server: ScriptedServer) -> None:
    server.enqueue(Reply(f"{GOOD} And then", fault="cut", fault_after=99))
    turn = ask(page, QUESTION)
    expect(turn.get_by_role("alert")).to_contain_text("cut the connection")
    expect_written(turn)


def test_quotations_can_be_had_for_one_answer(page: Page, server: ScriptedServer) -> None:
    server.enqueue(Reply(status=500, error="oops"))
    ask(page, QUESTION)
    page.locator("#quote").click()
    quoted = page.locator("#turns a.cite.verbatim")
    expect(quoted.first).to_be_visible()
    finished(page, 1)
    expect_mode(page, f"{words.WRITTEN_BY} scripted")
    server.enqueue("no plan", "The key is that TabPFN was trained once.")
    turn = ask(page, "What is TabPFN?")
    expect(turn.locator(".meta")).to_contain_text("scripted")
    expect(turn.locator("a.cite.verbatim")).to_have_count(0)


def test_an_answer_without_a_source_says_so_and_offers_quotations(page: Page, server: ScriptedServer) -> None:
    server.enqueue("The moon is made of green cheese.")
    turn = ask(page, QUESTION)
    expect(turn.locator(".note")).to_contain_text("No sentence of the papers was found")
    expect(turn.locator(".no-source")).to_have_count(1)
    expect(page.locator("#quote")).to_be_visible()


def test_markup_and_links_of_a_model_do_nothing(page: Page, server: ScriptedServer) -> None:
    server.enqueue(
        f"{GOOD}\n\n![x](https://evil.example/t.png) [y](https://evil.example) "
        "<img src=x onerror=document.body.remove()> <script>document.body.remove()</script> [z](javascript:alert(1)) <https://evil.example>"
    )
    turn = ask(page, QUESTION)
    expect_written(turn)
    expect(turn.locator("img, script, a:not(.cite, .saving a)")).to_have_count(0)
    expect(turn).to_contain_text("<script>")


# -- the panel --------------------------------------------------------------------------------------------------------


def connect(page: Page, model: str, key: str) -> Locator:
    """Types a model and a key into the panel; gives the line that says what came of it."""
    page.get_by_label(words.MODEL, exact=True).fill(model)
    page.get_by_label(words.KEY, exact=True).fill(key)
    page.locator("#connect").click()
    return page.locator("#model-outcome")


def test_a_model_named_in_the_panel_writes_for_this_reader_alone_and_its_key_is_shown_nowhere(
    open_page: OpenPage, address_without_model: str, server: ScriptedServer
) -> None:
    page, other = open_page(address_without_model), open_page(address_without_model)
    expect_mode(page, words.QUOTING_MODE)
    page.locator("#model-panel > button").click()

    expect(connect(page, " ", KEY)).to_have_text(words.MODEL_MISSING)
    expect(connect(page, "scripted", "sk-wrong")).to_contain_text("refused the key. Check OPENAI_API_KEY")
    expect_mode(page, words.QUOTING_MODE)
    expect(connect(page, "unheard-of", KEY)).to_contain_text("does not know the model")

    server.enqueue("ready")
    expect(connect(page, "scripted", KEY)).to_contain_text("scripted answers; first word after")
    expect_mode(page, f"{words.WRITTEN_BY} scripted")
    expect(page.get_by_label(words.KEY, exact=True)).to_have_value("")
    server.enqueue(GOOD)
    expect_written(ask(page, QUESTION))

    for text in (page.content(), other.content(), httpx.get(f"{address_without_model}/config").text):
        assert KEY not in text and "sk-wrong" not in text
    expect_mode(other, words.QUOTING_MODE)
    expect(ask(other, QUESTION).locator("a.cite.verbatim").first).to_be_visible()

    page.locator("#disconnect").click()
    expect(page.locator("#model-outcome")).to_have_text(words.DISCONNECTED)
    expect_mode(page, words.QUOTING_MODE)
    expect(ask(page, "What is TabPFN?").locator("a.cite.verbatim").first).to_be_visible()


def test_the_key_of_the_settings_is_neither_shown_nor_sent_to_another_address(
    page: Page, address: str, server: ScriptedServer
) -> None:
    assert KEY not in page.content() + httpx.get(f"{address}/config").text
    page.locator("#model-panel > button").click()
    with ScriptedServer() as elsewhere:
        elsewhere.enqueue("ready")
        field = page.get_by_label(words.ADDRESS, exact=True)
        expect(field).to_have_value(server.base_url)
        page.wait_for_timeout(500)  # Gradio may set the field once more while the panel unfolds
        field.fill(elsewhere.base_url)
        page.wait_for_timeout(300)
        expect(field).to_have_value(elsewhere.base_url)
        expect(connect(page, "scripted", "")).to_contain_text("scripted answers")
        assert [asked.headers["Authorization"] for asked in elsewhere.chats] == ["Bearer none"]


def test_a_large_summary_says_what_it_will_take_and_how_far_the_reading_is(page: Page, server: ScriptedServer) -> None:
    server.enqueue(Reply("{}", first_delay=1.5), Reply("{}", first_delay=3.0), "### 1. All\n\nIt is said [P1.1].")
    turn = begin(page, "Summarise state space models")
    expect(turn.locator(".step")).to_contain_text(
        re.compile(r"1\d papers to read: at most 3 calls and about [\d,]+ tokens")
    )
    expect(turn.locator(".step")).to_contain_text(re.compile(r"Reading \d+ of 1\d"))
    turn = finished(page, 1)
    expect(turn).to_contain_text(re.compile(r"1\d papers on this topic, 1 cited; \d+ not used: "))


def test_the_table_of_a_model_has_our_columns_and_no_cell_without_a_source(page: Page, server: ScriptedServer) -> None:
    written = (
        "| Aspect | Mini | Zip |\n| --- | --- | --- |\n"
        "| Approach | merges states of adjacent layers [P1.3] | is made of bananas and cream |\n"
        "| Limits | not stated | cited from the other column [P1.2] |\n\nBoth compress the KV cache [P1.2][P2.1]."
    )
    server.enqueue(
        '{"question": "MiniCache vs ZipCache", "kind": "compare", "subjects": ["MiniCache", "ZipCache"]}', written
    )
    turn = ask(page, "MiniCache vs ZipCache")
    expect(turn.get_by_role("columnheader")).to_have_text(["Aspect", "MiniCache", "ZipCache"])
    for cell in turn.locator("td").all():
        assert cell.inner_text() == "not stated" or cell.locator("a.cite").count() == 1
    expect(turn).not_to_contain_text("bananas")
    own = turn.locator("tr", has_text="In its own words").locator("td").nth(1)
    expect(own.locator("a.cite.verbatim")).to_have_count(1)
