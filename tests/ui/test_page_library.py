"""The Library in a real browser: papers go in, are found, read, sorted, collected, asked about and removed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from index_store import Library, Selection, add_files, open_catalogue, open_embedder
from ui import words

from .browser import ask, question, served
from .conftest import OpenPage

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"document.title='taken'\"> ${document.title='taken'} {{constructor}} </script>"
PAPERS: list[dict[str, Any]] = [
    {
        "title": f"Parsing grammar g{number:03}",
        "abstract": "" if number % 10 == 0 else f"We parse sentences with grammar{number:03}. It is exact.",
        "authors": [["Zoë Quill", "Ada Byron"], ["Ben Carter"], ["Émile Roux", "Xu Li"]][number % 3],
        "year": 1991 + number % 30,
        "venue": "Journal of Grammars" if number % 2 else "",
        "doi": f"10.5555/g.{number}",
    }
    for number in range(1, 231)
]
OTHERS = [{"title": HOSTILE, "abstract": "It speaks of <b>mark-up</b> and ${nothing} else.", "authors": ["<i>Eve</i>"]}]


def write(file: Path, records: list[dict[str, Any]]) -> Path:
    file.write_text("\n".join(map(json.dumps, records)))
    return file


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    with Library(folder / "home", open_embedder("minilm")) as library:
        library.add_files([write(folder / "grammars.jsonl", PAPERS), write(folder / "hostile.jsonl", OTHERS)])
        library.index()
    return folder / "home"


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as address:
        yield address


@pytest.fixture
def page(open_page: OpenPage, address: str) -> Page:
    return opened(open_page(address))


def emptied(home: Path) -> Path:
    """A library whose reader has removed the sample collection."""
    catalogue = open_catalogue(home)
    catalogue.set_meta("sample_offered", "yes")
    catalogue.close()
    return home


@pytest.fixture(scope="module")
def growing_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emptied(tmp_path_factory.mktemp("growing") / "home")


@pytest.fixture(scope="module")
def growing(growing_home: Path) -> Iterator[str]:
    """The page of a library that tests add to, with the model that embeds thousands of titles in seconds."""
    with served(growing_home, RESEARCH_ASSISTANT_EMBEDDING_MODEL="wordllama") as address:
        yield address


def opened(page: Page) -> Page:
    """The page with the Library before the reader."""
    page.get_by_role("tab", name="Library").click()
    expect(page.locator("#papers tbody tr, #papers .empty").first).to_be_visible()
    return page


def rows(page: Page) -> Locator:
    return page.locator("#papers tbody tr")


def row(page: Page, title: str) -> Locator:
    return rows(page).filter(has_text=title)


def titles(page: Page) -> Locator:
    return page.locator("#papers td.title > button")


def search(page: Page, text: str, total: int) -> None:
    """Types into the search field and waits for what is found."""
    page.get_by_label(words.SEARCH, exact=True).fill(text)
    expect(page.locator(".pager .rows")).to_contain_text(f"of {total}")


def choose(page: Page, numbers: list[int]) -> None:
    """Selects papers by their numbers, which a search for "grammar" shows on its first pages."""
    for number in numbers:
        search(page, f"grammar g{number:03}", 1)
        page.get_by_label(f"Select Parsing grammar g{number:03}").check()
    expect(page.locator("#selected")).to_have_text(f"{len(numbers)} selected")


def upload(page: Page, *files: Path) -> Locator:
    """Gives files to the page as a drop does, and the line that tells what became of them."""
    page.locator("#drop input[type=file]").set_input_files(list(files))
    return page.locator("#adding .counts")


# -- the two views ----------------------------------------------------------------------------------------------------


def test_the_views_are_tabs_that_the_keyboard_and_the_address_open(open_page: OpenPage, address: str) -> None:
    page = open_page(address)
    chat, library = page.get_by_role("tab", name="Chat"), page.get_by_role("tab", name="Library")
    expect(chat).to_have_attribute("aria-selected", "true")
    chat.focus()
    page.keyboard.press("ArrowRight")
    expect(library).to_be_focused()
    expect(library).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel", name="Library")).to_be_visible()
    expect(question(page)).to_be_hidden()
    assert page.url.endswith("#library")
    page.reload()
    expect(rows(page)).to_have_count(50)
    page.go_back()
    expect(question(page)).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Library")).to_be_hidden()


# -- the table --------------------------------------------------------------------------------------------------------


def test_a_page_of_the_table_is_turned_and_jumped_to(page: Page) -> None:
    said = page.locator(".pager .rows")
    expect(said).to_have_text("1–50 of 231")
    expect(page.get_by_role("button", name=words.PREVIOUS)).to_be_disabled()
    page.get_by_role("button", name=words.NEXT).click()
    expect(said).to_have_text("51–100 of 231")
    expect(page.get_by_role("button", name=words.NEXT)).to_be_focused()
    page.get_by_label(words.PAGE, exact=True).get_by_role("spinbutton").or_(page.locator(".pager input")).first.fill(
        "5"
    )
    page.keyboard.press("Enter")
    expect(said).to_have_text("201–231 of 231")
    expect(rows(page)).to_have_count(31)
    expect(page.get_by_role("button", name=words.NEXT)).to_be_disabled()
    page.locator(".pager input").fill("999")
    page.keyboard.press("Enter")
    expect(page.locator(".pager input")).to_have_value("5")
    expect(said).to_have_text("201–231 of 231")


def test_a_heading_sorts_by_keyboard_and_says_how(page: Page) -> None:
    search(page, "grammar", 230)
    title = page.locator("th.title")
    page.get_by_role("button", name="Title", exact=True).focus()
    page.keyboard.press("Enter")
    expect(title).to_have_attribute("aria-sort", "ascending")
    expect(titles(page).first).to_have_text("Parsing grammar g001")
    expect(title.get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(title).to_have_attribute("aria-sort", "descending")
    expect(titles(page).first).to_have_text("Parsing grammar g230")
    page.locator("th.author button").click()
    expect(page.locator("#papers td.author").first).to_have_text("Ben Carter")
    page.locator("th.year button").click()
    expect(page.locator("#papers td.year").first).to_have_text("1991")
    expect(page.locator("th.title")).to_have_attribute("aria-sort", "none")
    page.locator("th.added button").click()
    expect(titles(page).first).to_have_text("Parsing grammar g230")


def test_the_table_follows_what_is_typed_and_keeps_to_the_last_of_it(page: Page) -> None:
    page.get_by_label(words.SEARCH, exact=True).press_sequentially("GRAMMAR G21", delay=20)
    expect(page.locator(".pager .rows")).to_have_text("1–10 of 10")
    page.wait_for_timeout(700)  # nothing that was asked for earlier comes in its place
    expect(rows(page)).to_have_count(10)
    page.keyboard.press("Backspace")
    expect(page.locator(".pager .rows")).to_contain_text("of 31")
    page.get_by_label(words.SEARCH, exact=True).fill("emile journal")
    expect(page.locator(".pager .rows")).to_contain_text("of 38")
    page.get_by_label(words.SEARCH, exact=True).fill("no such paper")
    expect(page.locator("#papers")).to_contain_text(words.NOTHING_MATCHES)


def test_going_through_the_filters_by_keyboard_leaves_the_table_on_its_page(page: Page) -> None:
    said = page.locator(".pager .rows")
    page.get_by_role("button", name=words.NEXT).click()
    expect(said).to_have_text("51–100 of 231")
    page.get_by_label(words.SEARCH, exact=True).focus()
    handler = page.evaluate("gradio_config.dependencies.find((each) => each.targets.length === 6).id")
    # Gradio tells it as a change of the filters.
    with page.expect_request(lambda sent: "/queue/join" in sent.url and sent.post_data_json["fn_index"] == handler):
        for _ in range(6):
            page.keyboard.press("Tab")
    rows(page).first.get_by_role("checkbox").check()
    expect(page.locator("#selected")).to_have_text("1 selected")
    expect(said).to_have_text("51–100 of 231")


def test_filters_hold_together_and_a_year_that_is_none_is_said(page: Page) -> None:
    view = page.locator("#library-view")
    view.get_by_label(words.FROM_YEAR).fill("2019")
    view.get_by_label(words.TO_YEAR).fill("2020")
    expect(page.locator(".pager .rows")).to_have_text("1–14 of 14")
    view.get_by_label(words.NO_ABSTRACT).check()
    expect(rows(page)).to_have_count(0)
    view.get_by_label(words.FROM_YEAR).fill("")
    view.get_by_label(words.TO_YEAR).fill("")
    expect(page.locator(".pager .rows")).to_have_text("1–23 of 23")
    expect(page.locator("#papers .bare")).to_have_count(23)
    view.get_by_label(words.NO_ABSTRACT).uncheck()
    view.get_by_role("combobox", name=words.SOURCE).click()
    page.get_by_role("option", name="hostile.jsonl (1)").click()
    expect(rows(page)).to_have_count(1)
    view.get_by_label(words.FROM_YEAR).fill("soon")
    expect(page.locator("#wrong")).to_contain_text("'soon' is no year")
    expect(rows(page)).to_have_count(1)


def test_a_paper_without_an_abstract_is_marked_and_its_card_says_what_that_means(page: Page) -> None:
    search(page, "grammar g050", 1)
    expect(row(page, "grammar g050")).to_contain_text(words.NO_ABSTRACT_MARK)
    titles(page).first.click()
    expect(page.locator("#card")).to_contain_text(words.NO_ABSTRACT_MEANS)


def test_text_of_a_paper_that_looks_like_markup_is_shown_as_it_is(page: Page) -> None:
    search(page, "onerror", 1)
    expect(titles(page).first).to_have_text(HOSTILE)
    titles(page).first.click()
    expect(page.locator("#card h2")).to_have_text(HOSTILE)
    expect(page.locator("#card")).to_contain_text("<b>mark-up</b> and ${nothing} else.")
    expect(page.locator("#papers")).to_contain_text("<i>Eve</i>")
    page.locator("#ask-this").click()
    expect(page.locator("#narrowed")).to_contain_text("<img src=x")
    assert page.evaluate("document.title") == words.NAME
    assert page.locator("#library-view img, #narrowed img").count() == 0


# -- one paper --------------------------------------------------------------------------------------------------------


def test_a_card_tells_all_and_gives_the_keyboard_back(page: Page) -> None:
    search(page, "grammar g123", 1)
    titles(page).first.focus()
    page.keyboard.press("Enter")
    card = page.locator("#card")
    expect(card.get_by_role("heading", name="Parsing grammar g123")).to_be_focused()
    for known in ("Zoë Quill, Ada Byron", "Journal of Grammars", "1994", "grammar123. It is exact.", "grammars.jsonl"):
        expect(card).to_contain_text(known)
    link = card.get_by_role("link", name=words.OPEN_PAPER)
    expect(link).to_have_attribute("href", "https://doi.org/10.5555/g.123")
    expect(card.locator("pre")).to_contain_text("Parsing grammar g123")
    expect(card.locator("pre")).to_contain_text(re.compile(r"^@\w+\{"))
    page.keyboard.press("Escape")
    expect(card.locator(".paper")).to_have_count(0)
    expect(titles(page).first).to_be_focused()


def test_bibtex_is_copied(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    search(page, "grammar g123", 1)
    titles(page).first.click()
    page.get_by_role("button", name=words.COPY).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#card pre").text_content()


# -- asking, collecting, removing -------------------------------------------------------------------------------------


def test_asking_about_one_paper_keeps_to_it_until_that_is_cleared(page: Page) -> None:
    search(page, "grammar g007", 1)
    titles(page).first.click()
    page.locator("#ask-this").click()
    expect(question(page)).to_be_focused()
    expect(page.locator("#narrowed")).to_contain_text("“Parsing grammar g007”")
    expect(page.locator("#limits > button")).to_contain_text("one chosen paper")
    turn = ask(page, "How are sentences parsed?")
    expect(turn).to_contain_text("grammar007")
    expect(page.locator("details.card")).to_have_count(1)
    page.locator("#narrowed").click()
    expect(page.locator("#narrowed")).to_be_hidden()
    expect(page.locator("#limits > button")).not_to_contain_text("chosen")
    ask(page, "How are the sentences parsed with a grammar?")
    assert page.locator("details.card").count() > 1


def test_asking_about_those_selected_has_sources_from_them_only(page: Page) -> None:
    choose(page, [11, 12])
    page.locator("#ask-these").click()
    expect(page.locator("#narrowed")).to_contain_text("2 papers")
    ask(page, "How are sentences parsed?")
    expect(page.locator("details.card .title")).to_have_text(
        [re.compile("Parsing grammar g01[12]"), re.compile("Parsing grammar g01[12]")]
    )


def test_all_that_match_are_selected_and_unselected(page: Page) -> None:
    search(page, "grammar", 230)
    page.get_by_label(words.SELECT_PAGE).check()
    expect(page.locator("#selected")).to_have_text("50 selected")
    page.get_by_role("button", name="Select all 230").click()
    expect(page.locator("#selected")).to_have_text("230 selected")
    page.get_by_role("button", name=words.NEXT).click()
    expect(page.locator("#papers td input:checked")).to_have_count(50)
    titles(page).first.wait_for()
    page.locator("#papers td input").first.uncheck()
    expect(page.locator("#selected")).to_have_text("229 selected")
    page.locator("#select-none").click()
    expect(page.locator("#selection")).to_be_hidden()


def test_a_collection_is_made_filtered_by_asked_and_left(page: Page) -> None:
    choose(page, [21, 22, 23])
    page.locator("#collect").click()
    expect(page.locator("#done")).to_contain_text(words.COLLECTION_MISSING)
    name = page.locator("#collection-name input")
    name.fill("reading group")
    name.press("Enter")
    page.locator("#collect").click()
    expect(page.locator("#done")).to_contain_text("3 papers added to “reading group”.")
    page.get_by_label(words.SEARCH, exact=True).fill("")
    page.locator("#filters").get_by_role("combobox", name=words.COLLECTION).click()
    page.get_by_role("option", name="reading group (3)").click()
    expect(page.locator(".pager .rows")).to_have_text("1–3 of 3")
    titles(page).first.click()
    expect(page.locator("#card")).to_contain_text("reading group")

    page.get_by_role("tab", name="Chat").click()
    page.locator("#limits > button").click()
    page.locator("#limits").get_by_role("combobox", name=words.COLLECTION).click()
    page.get_by_role("option", name="reading group (3)").click()
    turn = ask(page, "How are sentences parsed?")
    expect(turn).to_contain_text("of the collection “reading group”")
    for title in page.locator("details.card .title").all_text_contents():
        assert title in ("Parsing grammar g021", "Parsing grammar g022", "Parsing grammar g023")

    opened(page)
    page.locator("#uncollect").click()
    expect(page.locator("#done")).to_contain_text("3 papers taken out of “reading group”.")
    expect(page.locator("#papers")).to_contain_text(words.NOTHING_MATCHES)


def test_what_is_removed_is_brought_back_by_undo(page: Page) -> None:
    choose(page, [31, 32])
    page.locator("#collection-name input").fill("kept")
    page.locator("#collection-name input").press("Enter")
    page.locator("#collect").click()
    expect(page.locator("#done")).to_contain_text("2 papers added")
    page.locator("#remove-these").click()
    expect(page.locator("#done")).to_contain_text("2 papers removed.")
    expect(page.locator("#header")).to_contain_text("229 papers")
    search(page, "g03", 8)
    expect(row(page, "grammar g031")).to_have_count(0)
    page.get_by_label("Select Parsing grammar g033").check()
    page.locator("#remove-these").click()
    expect(page.locator("#undo-remove")).to_have_text("Undo: bring 1 paper back")
    page.locator("#undo-remove").click()
    expect(page.locator("#done")).to_contain_text("1 paper brought back.")
    expect(row(page, "grammar g033")).to_have_count(1)
    expect(page.locator("#undo-remove")).to_have_text("Undo: bring 2 papers back")
    page.locator("#undo-remove").click()
    expect(page.locator("#done")).to_contain_text("2 papers brought back.")
    expect(page.locator("#header")).to_contain_text("231 papers")
    expect(page.locator("#undo-remove")).to_be_hidden()
    row(page, "grammar g031").locator("td.title button").click()
    expect(page.locator("#card")).to_contain_text("kept")


def test_a_paper_is_removed_from_its_card(page: Page) -> None:
    search(page, "grammar g040", 1)
    titles(page).first.click()
    page.locator("#remove-this").click()
    expect(page.locator("#card .paper")).to_have_count(0)
    expect(page.locator("#papers")).to_contain_text(words.NOTHING_MATCHES)
    page.locator("#undo-remove").click()
    expect(titles(page)).to_have_text(["Parsing grammar g040"])


# -- adding -----------------------------------------------------------------------------------------------------------


def test_an_empty_library_says_what_to_do_and_takes_files_of_several_kinds(open_page: OpenPage, tmp_path: Path) -> None:
    with served(emptied(tmp_path / "home")) as address:
        page = open_page(address)
        page.get_by_role("link", name=words.GO_TO_LIBRARY).click()
        expect(page.locator("#papers")).to_contain_text("Zotero, Mendeley, EndNote")
        lines = [json.dumps({"title": f"Bridge {number}", "abstract": "It spans."}) for number in range(70)]
        lines += ["{broken", json.dumps({"abstract": "No title <b>here</b>."})] * 30
        records = tmp_path / "My export (März).jsonl"
        records.write_text("\n".join(lines))
        bib = tmp_path / "thesis.bib"
        bib.write_text("@article{key, title={A Tunnel}, author={Doe, Jane}, year={2020}, abstract={It is dug.}}\n")
        counts = upload(page, records, bib)
        expect(counts).to_have_text("71 new · 0 updated · 0 already there · 60 skipped")
        expect(page.locator("#header")).to_contain_text("71")
        expect(rows(page)).to_have_count(50)
        expect(page.locator("#papers td.added").last).to_have_text(records.name)
        skipped = page.locator("#adding details")
        expect(skipped.locator("li").first).to_be_hidden()
        skipped.locator("summary").click()
        expect(skipped.locator("li")).to_have_count(words.SKIPPED_FIRST)
        expect(skipped.locator("li").first).to_contain_text(f"{records.name}:71:")
        expect(skipped).to_contain_text("… and 10 more")
        expect(page.locator("#drop input[type=file]")).to_be_attached()  # the next file can be dropped
        counts = upload(page, records)
        expect(counts).to_have_text("0 new · 0 updated · 70 already there · 60 skipped")
        page.get_by_role("tab", name="Chat").click()
        expect(page.get_by_role("heading", name=words.WELCOME)).to_be_visible()
        page.locator("#limits > button").click()
        page.locator("#limits").get_by_role("combobox", name=words.SOURCE).click()
        expect(page.get_by_role("option", name="thesis.bib (1)")).to_be_visible()
        page.close()  # it would complain that its server is gone


def test_the_columns_that_were_guessed_are_shown(open_page: OpenPage, growing: str, tmp_path: Path) -> None:
    page = opened(open_page(growing))
    table = tmp_path / "table.csv"
    table.write_text("Title,Authors,Year,Abstract,Shelf mark\nA Viaduct,Jane Doe,2019,It is long.,Q17\n")
    expect(upload(page, table)).to_contain_text("1 new")
    expect(page.locator("#adding .remark")).to_contain_text("table.csv")
    expect(page.locator("#adding .remark")).to_contain_text("Shelf mark")


def test_adding_tells_how_far_it_is_and_what_went_in_before_a_cancel_stays(
    open_page: OpenPage, growing: str, tmp_path: Path
) -> None:
    page, other = opened(open_page(growing)), opened(open_page(growing))
    many = write(tmp_path / "many.jsonl", [{"title": f"Pier {number}", "abstract": ""} for number in range(60_000)])
    counts = upload(page, many)
    expect(page.locator("#adding .step")).to_contain_text("Adding many.jsonl")
    expect(counts).to_have_text(re.compile(r"^[1-9][\d,]* new"))
    expect(other.locator("#adding")).to_be_hidden()
    page.get_by_role("button", name=words.CANCEL).click()
    expect(page.locator("#adding")).to_contain_text(words.CANCELLED)
    said = int(re.sub(r"\D", "", counts.inner_text().partition(" new")[0]))
    assert 0 < said < 60_000
    page.get_by_label(words.SEARCH, exact=True).fill("pier")
    expect(page.locator(".pager .rows")).to_have_text(f"1–50 of {said:,}")


def test_identifiers_that_are_none_are_named_by_line_and_stay_typed(open_page: OpenPage, growing: str) -> None:
    page = opened(open_page(growing))
    field = page.get_by_label(words.IDENTIFIERS)
    field.fill("arXiv:2309.17453\nhello, 10.1038/nature14539")
    page.get_by_role("button", name=words.ADD, exact=True).click()
    expect(page.locator("#adding")).to_contain_text("Line 2: 'hello'")
    expect(field).to_have_value("arXiv:2309.17453\nhello, 10.1038/nature14539")


def test_papers_that_another_process_added_show_by_themselves(
    open_page: OpenPage, growing: str, growing_home: Path, tmp_path: Path
) -> None:
    page = opened(open_page(growing))
    page.get_by_label(words.SEARCH, exact=True).fill("lighthouse")
    expect(rows(page)).to_have_count(0)
    catalogue = open_catalogue(growing_home)
    add_files(catalogue, [write(tmp_path / "elsewhere.jsonl", [{"title": "A Lighthouse", "abstract": "It shines."}])])
    catalogue.close()
    expect(titles(page)).to_have_text(["A Lighthouse"])


def test_a_table_that_stays_as_it_is_is_not_painted_again_when_something_else_changes(
    open_page: OpenPage, growing: str, growing_home: Path, tmp_path: Path
) -> None:
    catalogue = open_catalogue(growing_home)
    add_files(catalogue, [write(tmp_path / "harbour.jsonl", [{"title": "A Harbour", "abstract": "It shelters."}])])
    page = opened(open_page(growing))
    search(page, "harbour", 1)
    page.get_by_label("Select A Harbour").check()
    expect(page.locator("#selected")).to_have_text("1 selected")
    page.evaluate("document.querySelector('#papers table').dataset.untouched = 'yes'")
    catalogue.collect("seaside", catalogue.selected_ids(Selection("harbour")))
    catalogue.close()
    page.locator("#filters").get_by_role("combobox", name=words.COLLECTION).click()
    expect(page.get_by_role("option", name="seaside")).to_be_visible()
    expect(page.locator("#papers table")).to_have_attribute("data-untouched", "yes")


# -- phones -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_the_page_stays_as_wide_as_its_screen_and_the_card_lies_over_it(
    open_page: OpenPage, address: str, theme: str
) -> None:
    page = opened(open_page(address, width=390, height=844, theme=theme))

    def width() -> int:
        return int(page.evaluate("document.documentElement.scrollWidth"))

    assert width() == 390
    search(page, "onerror", 1)
    page.locator("#papers td input").first.check()
    expect(page.locator("#ask-these")).to_be_visible()
    assert width() == 390
    titles(page).first.click()
    heading = page.locator("#card h2")
    expect(heading).to_be_focused()
    place = page.locator("#card-panel").bounding_box()
    assert place and (place["x"], place["y"], place["width"], place["height"]) == (0, 0, 390, 844)
    for _ in range(6):  # the keyboard stays in the card
        page.keyboard.press("Tab")
        assert page.evaluate("!document.activeElement.closest('#papers, #filters, #add')")
    page.get_by_role("button", name=words.CLOSE).click()
    expect(titles(page).first).to_be_focused()
    assert width() == 390
