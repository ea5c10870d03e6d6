from pathlib import Path

import pytest

from tests.index_store.formats import Found, fixture, found_in, written


def read(folder: Path, text: str, name: str = "notes.md") -> Found:
    return found_in(written(folder, name, text))


def test_a_reading_list_has_a_paper_below_each_heading() -> None:
    found = fixture("markdown/reading_list.md")
    owls, beads, bridges, tides = found.papers
    assert owls.title == "Owls hear rain"
    assert owls.abstract == "Rain tells owls where mice hide, and $a * b * c$ of them get away."
    assert owls.authors == ("Yara Silva", "Bo Ek")
    assert (owls.year, owls.venue, owls.arxiv_id) == (2022, "Acta Nocturna", "2110.01234")
    assert (beads.title, beads.abstract, beads.doi) == ("How glass beads settle", "", "10.5555/exl.4.12")
    assert (bridges.title, bridges.abstract) == ("Bridges that hum", "")
    assert (tides.title, tides.arxiv_id) == ("Tides in shallow basins", "0704.1001")
    assert found.malformed == []


def test_a_note_of_obsidian_is_one_paper() -> None:
    (boats,) = fixture("markdown/obsidian.md").papers
    assert boats.title == "Counting boats from above: a small model"
    assert boats.abstract == "A small model that counts boats in satellite pictures."
    assert boats.authors == ("Åsa Lindqvist", "Åke Lindqvist")
    assert (boats.year, boats.doi, boats.arxiv_id) == (2022, "10.5555/boats", "2203.04567")
    assert boats.venue == "Harbour Studies"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("abstract: One line.", "One line."),
        ("abstract: >-\n  Two\n  lines.", "Two lines."),
        ("abstract: |\n  Two\n  lines.", "Two lines."),
        ('abstract: "It is \\"quoted\\"."', 'It is "quoted".'),
    ],
)
def test_the_abstract_may_be_among_the_fields_of_a_note(tmp_path: Path, fields: str, expected: str) -> None:
    (paper,) = read(tmp_path, f"---\ntitle: T\n{fields}\ntags: [x]\n---\nMy own thoughts.\n").papers
    assert (paper.title, paper.abstract) == ("T", expected)


@pytest.mark.parametrize(
    "authors",
    [
        "authors: Ada Lovelace, Alan Turing",
        "author: [Ada Lovelace, Alan Turing]",
        'author: ["Lovelace, Ada", "Turing, Alan"]',
        "Authors:\n  - Ada Lovelace\n  - Alan Turing",
        "authors:\n- name: Ada Lovelace\n- name: Alan Turing",
        'creators: ["[[Ada Lovelace]]", "[[people/turing|Alan Turing]]"]',
    ],
)
def test_the_authors_of_a_note_are_found_however_they_are_listed(tmp_path: Path, authors: str) -> None:
    (paper,) = read(tmp_path, f"---\ntitle: T\n{authors}\n---\nText.\n").papers
    assert paper.authors == ("Ada Lovelace", "Alan Turing")


@pytest.mark.parametrize(
    "abstract",
    [
        "## Abstract\n\nThe text.\n\n## Introduction\n\nMore.",
        "**Abstract:** The text.\n\n## 1 Introduction\n\nMore.",
        "> [!abstract] Abstract\n> The text.\n\n## Notes\n\nMore.",
        "Abstract: The\ntext.\n## Related work\nMore.",
        "## TL;DR\nThe text.\n## My notes\nMore.",
    ],
)
def test_the_abstract_is_told_from_the_other_parts_of_a_paper(tmp_path: Path, abstract: str) -> None:
    found = read(tmp_path, f"# A title of a paper\n\n{abstract}\n")
    assert [(paper.title, paper.abstract) for paper in found.papers] == [("A title of a paper", "The text.")]


@pytest.mark.parametrize(
    "lines",
    [
        "Year: 1950\nDOI: 10.5555/x",
        "**Year:** 1950\n**DOI:** [10.5555/x](https://doi.org/10.5555/x)",
        "- **Year**: 1950\n- **DOI**: 10.5555/x",
        "Year:: 1950\nDOI:: 10.5555/x",
        "> Year: 1950\n> <https://doi.org/10.5555/x>",
    ],
)
def test_fields_below_a_title_are_not_taken_for_its_abstract(tmp_path: Path, lines: str) -> None:
    (paper,) = read(tmp_path, f"## Minds and machines\n{lines}\n\nCan they think? Result: perhaps.\n").papers
    assert (paper.year, paper.doi, paper.abstract) == (1950, "10.5555/x", "Can they think? Result: perhaps.")


def test_a_heading_over_headings_is_no_paper_but_one_with_a_long_text_is(tmp_path: Path) -> None:
    long = "It has a long abstract. " * 20
    assert read(tmp_path, "# List\nShort.\n## One\nText.\n## Two\nText.\n").titles == ["One", "Two"]
    assert read(tmp_path, f"# One\n{long}\n## Our model\nText.\n# Two\n{long}\n").titles == ["One", "Two"]


def test_a_heading_with_nothing_below_is_a_title_only_if_it_reads_like_one(tmp_path: Path) -> None:
    found = read(tmp_path, "## Ideas\n## The sleep of garden snails\n## Another\nText.\n")
    assert found.titles == ["The sleep of garden snails", "Another"]
    assert found.complaints == [(1, "the heading 'Ideas' has no text below it")]


@pytest.mark.parametrize(("line", "title"), [("# A title ##", "A title"), ("# Why C#", "Why C#"), ("## #", "#")])
def test_the_signs_that_may_end_a_heading_are_no_part_of_it(tmp_path: Path, line: str, title: str) -> None:
    assert read(tmp_path, f"{line}\nText.\n").titles == [title]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", ["# a" + " " * 60, "[a](b", "**a ", "*a ", "![[", "> ", "- [", "key: "])
def test_a_line_of_millions_of_signs_takes_no_time(tmp_path: Path, piece: str) -> None:
    found = read(tmp_path, f"# A title of a paper\n{piece * (3_000_000 // len(piece))}x\n# Another\nText.\n")
    assert "Another" in found.titles


def test_text_without_headings_is_read_as_before(tmp_path: Path) -> None:
    found = read(tmp_path, "A title\nAn abstract.\n---\nAnother\nMore.\n")
    assert found.titles == ["A title", "Another"]


def test_a_list_is_known_by_its_first_heading_under_any_name(tmp_path: Path) -> None:
    assert read(tmp_path, "# One\nText.\n\n# Two\nText.\n", "list.txt").titles == ["One", "Two"]
