import tracemalloc
from pathlib import Path

import pytest

from index_store.errors import ReaderError
from index_store.papers import Paper
from index_store.readers import Remark, read_file, table
from index_store.readers.name_lists import names_in
from tests.index_store.formats import Found, fixture, found_in, written


def read(folder: Path, text: str | bytes, name: str = "papers.csv") -> Found:
    return found_in(written(folder, name, text))


# -- what programs export ---------------------------------------------------------------------------------------------


def test_zotero() -> None:
    found = fixture("table/zotero.csv")
    mayflies, boats = found.papers
    assert mayflies.authors == ("Lotte van den Berg", "Chidi Okafor")
    assert mayflies.abstract.endswith('swarming of mayflies, "the dance". It explains little.')
    assert (mayflies.year, mayflies.venue, mayflies.doi) == (2021, "Journal of Small Waters", "10.5555/jsw.2021.17")
    assert (boats.title, boats.abstract, boats.arxiv_id) == ("Counting boats from above", "", "2203.04567")
    assert boats.authors == ("The Harbour Collaboration", "Åsa Lindqvist")
    assert found.malformed == []


def test_which_column_was_taken_for_what_is_told_first() -> None:
    path = Path(__file__).parent / "fixtures" / "table" / "zotero.csv"
    first, *_ = read_file(path)
    assert isinstance(first, Remark)
    assert str(first) == (
        f"{path}: title from 'Title'; authors from 'Author'; year from 'Publication Year'; "
        "venue from 'Publication Title'; DOI from 'DOI'; address from 'Url'; abstract from 'Abstract Note'; "
        "arXiv id from 'Extra'. Not used: Key, Item Type, ISBN, ISSN, Date, Date Added, Date Modified, Access Date, "
        "Pages, Volume, Notes, File Attachments, Manual Tags."
    )


def test_scopus() -> None:
    beads, proceedings = fixture("table/scopus.csv").papers
    assert beads.authors == ("Ines Moreau", "Piotr A. Nowak")
    assert (beads.year, beads.venue, beads.doi) == (2019, "Example Letters", "10.5555/exl.4.12")
    assert beads.abstract.startswith("Glass beads settle in layers;")
    assert (proceedings.authors, proceedings.abstract) == ((), "")


def test_scopus_as_it_was() -> None:
    (beads,) = fixture("table/scopus_old.csv").papers
    assert beads.authors == ("I Moreau", "P.A. Nowak")


def test_web_of_science_puts_its_quotes_as_they_are() -> None:
    owls, bridges = fixture("table/web_of_science.txt").papers
    assert owls.title == 'Owls hear "rain"'
    assert owls.abstract.endswith('tells owls where 5" mice hide.')
    assert owls.authors == ("Yara Silva", "Bo Ek")
    assert (owls.year, owls.venue, owls.doi) == (2022, "ACTA NOCTURNA", "10.5555/owl.3")
    assert (bridges.abstract, bridges.year) == ("", 1998)


def test_dimensions_has_a_line_before_the_names_of_the_columns() -> None:
    (owls,) = fixture("table/dimensions.csv").papers
    assert owls.authors == ("Yara Silva", "Bo Ek")
    assert (owls.year, owls.venue, owls.arxiv_id) == (2022, "Acta Nocturna", "2110.01234")


def test_pubmed() -> None:
    (snails,) = fixture("table/pubmed.csv").papers
    assert snails.authors == ("M Garcia", "KH Lee", "A de Vries")
    assert (snails.year, snails.venue, snails.doi) == (2018, "J Slow Biol", "10.5555/jsb.2.1")


def test_publish_or_perish() -> None:
    (tables,) = fixture("table/publish_or_perish.csv").papers
    assert tables.authors == ("S Kim", "D Rossi")
    assert (tables.year, tables.url) == (2021, "https://example.org/5")
    assert tables.venue == "Example Conference on Speech"


def test_acl_with_tabs() -> None:
    (tables,) = fixture("table/acl.tsv").papers
    assert tables.authors == ("Sun Kim", "Dario Rossi")
    assert (tables.venue, tables.doi) == ("Proceedings of the Example Conference", "10.5555/2021.ex-main.5")


def test_semicolons_and_windows_1252_as_excel_writes_them() -> None:
    (trees,) = fixture("table/semicolons.csv").papers
    assert (trees.title, trees.authors, trees.abstract) == (
        "Über die Größe der Bäume",
        ("Änne Özil",),
        "Bäume wachsen.",
    )


# -- shapes of tables -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["papers.csv", "papers.txt", "papers"])
@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_a_table_is_known_by_its_columns_whatever_parts_them(tmp_path: Path, name: str, sign: str) -> None:
    found = read(tmp_path, f"id{sign}Title{sign}Year\r\n1{sign}One{sign}2020\r\n\r\n2{sign}Two\r\n", name)
    assert [(paper.title, paper.year) for paper in found.papers] == [("One", 2020), ("Two", None)]


def test_lines_before_the_names_of_the_columns_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, "sep=;\nTitle;Year\nOne;2020\n").titles == ["One"]


def test_a_list_of_titles_is_a_table_of_one_column(tmp_path: Path) -> None:
    assert read(tmp_path, 'Title\n"One, with a comma"\nTwo\n').titles == ["One, with a comma", "Two"]


def test_a_column_that_is_not_quite_called_title_is_taken_if_there_is_no_other(tmp_path: Path) -> None:
    assert read(tmp_path, "Publication Title,Year\nOne,2020\n").titles == ["One"]
    (paper,) = read(tmp_path, "Working Title,Journal Title\nOne,J\n").papers
    assert (paper.title, paper.venue) == ("One", "J")


def test_a_table_without_a_title_is_refused_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match=r"papers\.csv has no column that is called title; its columns are: a, b\."):
        read(tmp_path, "a,b\n1,2\n")


@pytest.mark.parametrize("line", ["Titles, abstracts and what they hide", "Title and abstract screening, automated"])
def test_a_title_with_commas_is_no_table(tmp_path: Path, line: str) -> None:
    assert read(tmp_path, f"{line}\nIts abstract.\n", "a.txt").titles == [line]


def test_a_row_without_a_title_or_with_too_many_cells_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, "Title,Year\nOne,2020\n,2021\n,,\nTwo,2020,and,more\nThree,2022,,\n")
    assert found.titles == ["One", "Three"]
    assert found.complaints == [
        (3, "the row has no title"),
        (5, "the row does not fit the header: more than 2 columns"),
    ]


def test_names_of_columns_are_shown_without_what_steers_a_terminal(tmp_path: Path) -> None:
    (remark,) = read(tmp_path, "Title,\x1b[2JBad\x7f,Ti\u202etle\nOne,2,3\n").remarks
    assert remark.text == "title from 'Title'. Not used: ?[2JBad?, Ti?tle."


# -- quotes -----------------------------------------------------------------------------------------------------------


def test_a_cell_in_quotes_may_hold_anything(tmp_path: Path) -> None:
    found = read(tmp_path, 'Title,Abstract\n"One, ""the"" first","Line,\n\n""two"",\nand three"\nTwo,"x"\n')
    assert [(paper.title, paper.abstract) for paper in found.papers] == [
        ('One, "the" first', 'Line, "two", and three'),
        ("Two", "x"),
    ]


def test_a_quote_that_is_left_open_costs_its_row_only(tmp_path: Path) -> None:
    rows = "".join(f"Paper {number},Text {number}\n" for number in range(100))
    found = read(tmp_path, f'Title,Abstract,Year\nOpen,"it goes on\n{rows}')
    assert found.titles[-100:] == [f"Paper {number}" for number in range(100)]
    assert found.complaints == [(2, "the row does not fit the header: a quote is left open")]


def test_a_quote_that_is_left_open_does_not_swallow_a_large_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "_LONGEST_ROW", 10_000)
    rows = "".join(f'Paper {number},"Text {number}"\n' for number in range(5_000))
    found = read(tmp_path, f'Title,Abstract\nOpen,"it ""goes on\n{"word " * 3000}\n{rows}')
    assert len(found.papers) >= 5_000
    assert found.titles[-1] == "Paper 4999"


def test_many_quotes_that_are_left_open_do_not_make_it_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_LONGEST_ROW", 1_000)
    block = 'Open,"a,b\n' + "One,two\n" * 200
    found = read(tmp_path, f"Title,Abstract\n{block * 100}")
    assert found.titles.count("One") == 20_000
    assert len(found.malformed) == 100


def test_memory_stays_flat_whatever_the_number_of_rows(tmp_path: Path) -> None:
    peaks = []
    for count in (1_000, 5_000):
        path = written(tmp_path, "many.csv", "Title,Abstract\n" + f'A paper,"{"word " * 200}"\n' * count)
        tracemalloc.start()
        assert sum(isinstance(each, Paper) for each in read_file(path)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000


# -- names of authors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("Ada Lovelace", ("Ada Lovelace",)),
        ("Lovelace, Ada", ("Lovelace, Ada",)),
        ("Noether, E.; Hopf, H.", ("Noether, E.", "Hopf, H.")),
        ("Smith, John and Doe, Jane", ("Smith, John", "Doe, Jane")),
        ("Ada Lovelace, Alan Turing, and Kurt Gödel", ("Ada Lovelace", "Alan Turing", "Kurt Gödel")),
        ("Ada Lovelace & Alan Turing", ("Ada Lovelace", "Alan Turing")),
        ("Wei, J., Wang, X., Zhou, D.", ("Wei, J.", "Wang, X.", "Zhou, D.")),
        ("Smith J, Doe AB, Lee KH.", ("J Smith", "AB Doe", "KH Lee")),
        ("A Vaswani, N Shazeer, ...", ("A Vaswani", "N Shazeer")),
        ("Smith, J. (57189); Doe, J. (23)", ("Smith, J.", "Doe, J.")),
        ("Ada Lovelace; et al.", ("Ada Lovelace",)),
        ("Ada Lovelace|Alan Turing", ("Ada Lovelace", "Alan Turing")),
    ],
)
def test_names_in_one_line_are_parted(text: str, names: tuple[str, ...]) -> None:
    assert names_in(text) == names
