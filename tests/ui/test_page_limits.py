"""Limiting the search on the page, and a page that is open while papers are still being embedded."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from index_store import Library, open_embedder

from .browser import ask, opened, question, served
from .conftest import OpenPage

pytestmark = pytest.mark.browser

PAPERS = [
    {"title": f"Parsing with {name}", "abstract": f"We parse sentences with {name}. It is {speed} than before."}
    | {"year": year, "authors": [author]}
    for name, speed, year, author in [
        ("charts", "faster", 2009, "Dan Klein"),
        ("transitions", "simpler", 2014, "Joakim Nivre"),
        ("attention", "better", 2018, "Nikita Kitaev"),
    ]
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("limits")
    file = folder / "parsing.jsonl"
    file.write_text("\n".join(map(json.dumps, PAPERS)))
    with Library(folder / "home", open_embedder("minilm")) as library:
        library.add_files([file])
        library.index()
    return folder / "home"


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as address:
        yield address


@pytest.fixture
def page(open_page: OpenPage, address: str) -> Page:
    page = open_page(address)
    page.locator("#limits > button").click()
    expect(page.get_by_label("Author")).to_be_visible()
    return page


def test_an_answer_holds_to_the_years_and_says_so(page: Page) -> None:
    page.locator("#limits").get_by_label("From year").fill("2010")
    page.locator("#limits").get_by_label("To year").fill("2015")
    page.locator("#limits").get_by_label("To year").press("Tab")
    expect(page.locator("#limits > button")).to_contain_text("papers from 2010 to 2015")
    turn = ask(page, "How are sentences parsed?")
    expect(turn).to_contain_text("Searched only: papers from 2010 to 2015")
    expect(turn).to_contain_text("transitions")
    expect(turn).not_to_contain_text("charts")
    page.locator("#clear-limits").click()
    expect(page.locator("#limits > button")).not_to_contain_text("papers")
    unlimited = ask(page, "How are sentences parsed?")
    expect(unlimited).to_contain_text("charts")
    expect(unlimited).not_to_contain_text("Searched only")


def test_trying_again_keeps_the_limits_of_the_question(page: Page) -> None:
    page.get_by_label("Author").fill("kitaev")
    page.get_by_label("Author").press("Tab")
    expect(page.locator("#limits > button")).to_contain_text("kitaev")
    expect(ask(page, "How are sentences parsed?")).to_contain_text("attention")
    page.locator("#clear-limits").click()
    expect(page.get_by_label("Author")).to_have_value("")
    page.locator("#retry").click()
    expect(page.locator("#send")).to_be_visible()
    expect(page.locator(".turn").last).to_contain_text("by “kitaev”")
    expect(page.locator(".turn").last).not_to_contain_text("charts")


def test_a_source_can_be_chosen_from_those_that_are_there(page: Page) -> None:
    page.get_by_role("combobox", name="Source").click()
    page.get_by_role("option", name="parsing.jsonl (3)").click()
    expect(ask(page, "How are sentences parsed?")).to_contain_text("in parsing.jsonl")


def test_a_follow_up_can_be_kept_to_the_papers_cited_so_far(page: Page) -> None:
    expect(ask(page, "What is parsed with transitions?")).to_contain_text("transitions")
    cited = page.locator("#turns a.cite").evaluate_all("links => new Set(links.map(link => link.textContent)).size")
    page.get_by_label("Only the papers cited").check()
    expect(page.locator("#limits > button")).to_contain_text("only the papers cited")
    turn = ask(page, "Is anything better than before?")
    expect(turn).to_contain_text("one chosen paper" if cited == 1 else f"{cited} chosen papers")


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("From year", "soon", "is no year"),
        ("Author", "...", "is no name"),
    ],
)
def test_a_limit_that_cannot_be_is_said_and_the_question_kept(page: Page, field: str, typed: str, said: str) -> None:
    page.locator("#limits").get_by_label(field).fill(typed)
    page.locator("#limits").get_by_label(field).press("Tab")
    question(page).fill("How are sentences parsed?")
    question(page).press("Enter")
    expect(page.locator("#draft")).to_contain_text(said)
    expect(question(page)).to_have_value("How are sentences parsed?")
    expect(page.locator("#turns .turn")).to_have_count(0)


def test_limits_that_no_paper_meets_are_not_taken_for_an_empty_collection(page: Page) -> None:
    page.locator("#limits").get_by_label("From year").fill("2030")
    page.locator("#limits").get_by_label("From year").press("Tab")
    expect(page.locator("#limits > button")).to_contain_text("since 2030")
    turn = ask(page, "How are sentences parsed?")
    expect(turn).to_contain_text("Nothing here is within your limits")
    expect(turn).not_to_contain_text("collection is empty")


def test_the_page_is_open_while_papers_are_embedded_and_says_how_far_it_is(open_page: OpenPage, tmp_path: Path) -> None:
    many = [
        {"title": f"Paper {number} on subject{number}", "abstract": f"It speaks of subject{number} at length. " * 12}
        for number in range(900)
    ]
    (tmp_path / "many.jsonl").write_text("\n".join(map(json.dumps, many)))
    with Library(tmp_path / "home", open_embedder("minilm")) as library:
        library.add_files([tmp_path / "many.jsonl"])
    with served(tmp_path / "home") as address:
        page = opened(open_page(address), address)
        count = page.locator("#header .count")
        expect(count).to_contain_text("of 900 papers searchable by meaning")
        expect(ask(page, "What speaks of subject899?")).to_contain_text("subject899")
        expect(count).to_contain_text("left", timeout=30_000)
        page.close()  # a page whose server goes away complains
    with Library(tmp_path / "home", open_embedder("minilm")) as library:
        assert 0 < library.status().indexed < 900, "what was done until the page was closed is kept"
