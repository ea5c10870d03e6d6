"""The Library's HTML without a browser: nothing of a paper becomes mark-up, and what is told is complete."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import AddReport, AssistantError, Listing, Malformed, Order, Paper, Remark
from ui import table, words
from ui.adding import identifiers

PAPER = Paper(
    title="On <b>marks</b>",
    abstract="It is & remains <i>plain</i>.",
    authors=("Ada <Byron>", "Ben Carter"),
    year=2020,
    venue="J & K",
    url="https://example.org/?a=1&b=2",
    source="my <file>.bib",
    id="abc123",
)


def one(paper: Paper, *, chosen: bool = False) -> str:
    return table.table(Listing((paper,), 1), Order.ADDED, True, 0, {paper.id} if chosen else set())


@given(st.text(), st.text(), st.text())
def test_no_text_of_a_paper_becomes_markup(title: str, author: str, source: str) -> None:
    plain = Paper(title="x", abstract="", authors=("x",), source="x", id="abc123")
    hostile = Paper(
        title=title + "<img>", abstract="", authors=(author + "<img>",), source=source + "<img>", id="abc123"
    )
    for build in (one, lambda paper: table.card(paper, (paper.source,), paper.title)):
        assert tags(build(hostile)) == tags(build(plain))


def tags(html: str) -> list[tuple[str, list[str]]]:
    """The elements with the names of their attributes, as a browser reads them."""
    found: list[tuple[str, list[str]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, [name for name, _ in attributes]))  # type: ignore[method-assign]
    parser.feed(html)
    parser.close()
    return found


def test_a_row_tells_the_first_author_and_that_there_are_others() -> None:
    html = one(PAPER)
    assert "Ada &lt;Byron&gt; et al." in html and "Carter" not in html
    assert "On &lt;b&gt;marks&lt;/b&gt;" in html and "my &lt;file&gt;.bib" in html
    assert words.NO_ABSTRACT_MARK not in html
    assert words.NO_ABSTRACT_MARK in one(Paper(title="T", abstract="", id="x"))
    assert " checked" in one(PAPER, chosen=True) and " checked" not in html


def test_only_the_heading_in_use_says_how_it_sorts() -> None:
    html = table.table(Listing((PAPER,), 1), Order.YEAR, False, 0, ())
    assert html.count('aria-sort="ascending"') == 1 and html.count('aria-sort="none"') == 3
    assert 'class="year" aria-sort="ascending"' in html


def test_the_pager_counts_rows_and_pages() -> None:
    html = table.table(Listing((PAPER,) * 50, 57_491), Order.ADDED, True, 100, ())
    assert "101–150 of 57,491" in html and "of 1,150" in html and 'value="3"' in html
    assert "disabled" not in html
    assert "<nav" not in one(PAPER)


def test_a_card_links_to_the_web_only() -> None:
    assert 'href="https://example.org/?a=1&amp;b=2"' in table.card(PAPER, (), "")
    assert "href" not in table.card(Paper(title="T", abstract="", url="javascript:alert(1)", id="x"), (), "")


def test_a_report_names_numbers_reasons_and_what_was_guessed() -> None:
    skipped = tuple(Malformed("a.csv", line, "no <title>") for line in range(1, 61))
    html = table.added(AddReport(5, 1, 2, skipped, 1060, (Remark("a.csv", "Title from “Titel”"),), stopped=True))
    assert "5 new · 1 updated · 2 already there · 1,060 skipped" in html
    assert html.count("<li") == words.SKIPPED_FIRST and "… and 1,010 more" in html
    assert "a.csv:1: no &lt;title&gt;" in html and "Titel" in html and words.CANCELLED in html


def test_a_report_of_nothing_says_so() -> None:
    assert words.NOTHING_READ in table.added(AddReport())
    assert words.NOTHING_READ not in table.added(AddReport(), "The service cannot be reached.")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("2309.17453", ["arxiv:2309.17453"]),
        ("arXiv:2309.17453v2 [cs.CL], 10.1038/nature14539", ["arxiv:2309.17453", "doi:10.1038/nature14539"]),
        ("doi: 10.1038/nature14539\n\n arxiv: cs/0301001 ", ["doi:10.1038/nature14539", "arxiv:cs/0301001"]),
        ("2309.17453,2401.00001", ["arxiv:2309.17453", "arxiv:2401.00001"]),
        ("https://arxiv.org/abs/2309.17453 https://doi.org/10.1/", None),
        ("10.1234/a,b", ["doi:10.1234/a,b"]),
    ],
)
def test_identifiers_are_told_apart_however_they_are_listed(typed: str, found: list[str] | None) -> None:
    if found is None:
        with pytest.raises(AssistantError, match=r"^Line 1: "):
            identifiers(typed)
    else:
        assert [str(each) for each in identifiers(typed)] == found


def test_an_identifier_that_is_none_is_named_by_its_line() -> None:
    with pytest.raises(AssistantError, match=r"^Line 3: 'hello'"):
        identifiers("2309.17453\n\n10.1038/nature14539, hello")
    with pytest.raises(AssistantError, match=words.NO_IDENTIFIERS):
        identifiers(" \n ")
