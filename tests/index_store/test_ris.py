"""RIS in its dialects, and Web of Science's plain text."""

from pathlib import Path

import pytest

from index_store.readers.base import LONGEST_RECORD

from .formats import fixture, found_in, written


def test_zotero() -> None:
    article, preprint = fixture("ris/zotero.ris").papers
    assert article.title == "Harvest timing and the sugar content of Riesling grapes"
    assert article.authors == ("Jürgen Schmidt", "María de la Cruz")
    assert (article.year, article.venue, article.doi) == (2019, "Journal of Vine Science", "10.5555/vine_2019.12")
    assert (article.abstract, article.url) == ("Grapes ripen earlier than they did.", "https://example.org/harvest")
    assert (preprint.arxiv_id, preprint.doi, preprint.venue) == ("2301.04567", "", "")


def test_mendeley_with_first_titles_and_an_address_with_a_semicolon() -> None:
    (paper,) = fixture("ris/mendeley.ris").papers
    assert (paper.title, paper.year, paper.venue) == ("Larvae that listen", 2017, "Marine Sound")
    assert paper.authors == ("João Ferreira", "K. Müller")
    assert paper.abstract.startswith("Coral larvae")
    assert paper.url == "http://example.org/reef;a=1"


def test_endnote_with_windows_line_ends_and_lines_that_go_on() -> None:
    (paper,) = fixture("ris/endnote.ris").papers
    assert paper.title == "On the fatigue of steel beams"
    assert paper.authors == ("Hiroshi Tanaka", "World Bridge Institute", "Martin King Jr.")
    assert paper.abstract == "Beams last longer AI - guided care helps"
    assert (paper.doi, paper.venue, paper.year) == ("10.5555/bridge.15", "Journal of Bridge Safety", 2015)


def test_pubmed_without_ends_of_records() -> None:
    first, second = fixture("ris/pubmed.ris").papers
    assert (first.title, first.venue, first.year) == ("Sleep of night-shift nurses: a cohort", "Rest & Health", 2013)
    assert (first.doi, first.authors) == ("10.5555/rest.2013.4", ("Almeida RS", "Huang W"))
    assert (second.title, second.abstract, second.venue) == ("A letter without an abstract", "", "Rest Health")


def test_scopus() -> None:
    (paper,) = fixture("ris/scopus.ris").papers
    assert (paper.venue, paper.doi) == ("Food Cultures", "10.5555/j.foodcult.2020.103")
    assert paper.authors == ("A. Kowalczyk", "B.Z. Nowicki")


def test_web_of_science() -> None:
    (paper,) = fixture("ris/web_of_science.ris").papers
    assert (paper.venue, paper.year, paper.arxiv_id) == ("12TH CONFERENCE ON COLD REGIONS", 2016, "")


def test_a_single_space_in_the_tags_and_a_record_without_a_title() -> None:
    found = fixture("ris/narrow.ris")
    assert [(paper.title, paper.authors, paper.year) for paper in found.papers] == [
        ("Tags with a single space", ("Tomás Silva",), 2011)
    ]
    assert found.complaints == [(7, "the record has no title (TI or T1)")]


def test_the_plain_text_of_web_of_science() -> None:
    article, early = fixture("ris/wos_plain.txt").papers
    assert article.title == "Ice on the Wires: A Decade of Outages"
    assert article.authors == ("Ida Larsen", "Noam Ben-David", "Nordic Grid Group")
    assert article.abstract == "Outages rise with wet snow and wind. We model 210 of them and give a rule."
    assert (article.year, article.doi, article.venue) == (2016, "10.5555/cre.2016.30", "COLD REGIONS ENGINEERING")
    assert (early.title, early.year) == ("Early Access Only", 2021)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("AN  - arXiv:2001.00001", {"arxiv_id": "2001.00001"}),
        ("M1  - arXiv:2001.00001v2", {"arxiv_id": "2001.00001"}),
        ("JO  - arXiv preprint arXiv:2001.00001", {"arxiv_id": "2001.00001"}),
        ("UR  - https://arxiv.org/abs/2001.00001v1", {"arxiv_id": "2001.00001"}),
        ("UR  - https://doi.org/10.5555/X", {"doi": "10.5555/x"}),
        ("L3  - http://dx.doi.org/10.5555/x", {"doi": "10.5555/x"}),
        ("AB  - One.\nAB  - Two.", {"abstract": "One. Two."}),
        ("AB  - It ends here.\nER- is a gene.", {"abstract": "It ends here. ER- is a gene."}),
        ("AB  - About &lt;5 &amp; <i>more</i>", {"abstract": "About <5 & more"}),
        ("PY  - \nDA  - 1998///Spring", {"year": 1998}),
        ("PB  - A House", {"venue": "A House"}),
    ],
)
def test_forms_of_fields(tmp_path: Path, lines: str, expected: dict[str, object]) -> None:
    (paper,) = found_in(written(tmp_path, "a.ris", f"TY  - JOUR\nTI  - T\n{lines}\nER  - \n")).papers
    assert {name: getattr(paper, name) for name in expected} == expected


def test_tags_may_be_indented(tmp_path: Path) -> None:
    found = found_in(written(tmp_path, "a.ris", "  TY  - JOUR\n  TI  - A title\n  PY  - 2001\n  ER  - \n"))
    assert [(paper.title, paper.year) for paper in found.papers] == [("A title", 2001)]


@pytest.mark.parametrize(
    ("name", "start", "end"), [("a.ris", "TY  - JOUR\nTI  - ", "ER  - "), ("a.txt", "PT J\nTI ", "ER")]
)
def test_an_endless_record_is_left_out_and_the_next_is_read(tmp_path: Path, name: str, start: str, end: str) -> None:
    line = f"   {'x' * 1_000_000}\n"
    text = f"{start}Long\n{line * (LONGEST_RECORD // 1_000_000 + 1)}{end}\n\n{start}The next\n{end}\n"
    found = found_in(written(tmp_path, name, text))
    assert found.titles == ["The next"]
    assert found.complaints == [(1, "the record is longer than 4,000,000 characters")]
