"""Tables read back from the pieces of an answer, and as CSV that a spreadsheet reads as it is meant."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import Cell, Citation, Piece, Uncited, to_csv
from assistant.citations import escape_markdown
from assistant.tables import tables

from .making import make_paper

PAPER = make_paper("Alpha")
HEAD = "| Aspect | Alpha |\n| --- | --- |\n"


def cite(number: int) -> Citation:
    return Citation(number, f"P{number}", PAPER, 1, 0, 5, "Alpha", "supported")


def read(*pieces: Piece) -> list[list[str]]:
    """The texts of the only table."""
    (table,) = tables(pieces)
    return [[cell.text for cell in row] for row in table]


def parsed(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


# -- read back --------------------------------------------------------------------------------------------------------


def test_cells_hold_their_text_and_the_numbers_they_cite_in_order() -> None:
    pieces = [HEAD, "| **Result** | fast ", cite(2), cite(1), " and small ", cite(2), " |\n| Data | not stated |\n"]
    assert tables(pieces) == [
        [
            [Cell("Aspect"), Cell("Alpha")],
            [Cell("Result"), Cell("fast and small", (2, 1, 2))],
            [Cell("Data"), Cell("not stated")],
        ]
    ]


def test_citations_around_a_table_are_not_those_of_its_cells() -> None:
    pieces: list[Piece] = ["Before ", cite(1), ".\n\n", HEAD, "| A | x ", cite(2), " |\n\nAfter ", cite(3), "."]
    ((_, (_, cell)),) = tables(pieces)
    assert cell == Cell("x", (2,))


def test_a_mark_at_a_claim_without_a_source_is_no_text() -> None:
    assert read(HEAD, "| A | x", Uncited(1), " |\n")[1] == ["A", "x"]


def test_every_table_of_an_answer_is_found_and_text_between_them_is_left_out() -> None:
    found = tables([HEAD, "| A | 1 |\n\nText | with | bars\n\n", HEAD, "| B | 2 |\n"])
    assert [[cell.text for cell in table[-1]] for table in found] == [["A", "1"], ["B", "2"]]


@pytest.mark.parametrize("text", ["", "Text.", "a | b", "| alone |", "| alone |\n\n| again |\n", r"\| no | row |"])
def test_what_is_no_table_is_none(text: str) -> None:
    assert tables([text]) == []


@pytest.mark.parametrize("rule", ["|---|---|", "| :-- | --: |", "|-|-|", "| :-: | - |", "|---|---", "|-----|:--:|  "])
def test_the_line_under_the_head_is_no_row(rule: str) -> None:
    assert read(f"| Aspect | Alpha |\n{rule}\n| A | 1 |\n") == [["Aspect", "Alpha"], ["A", "1"]]


def test_a_row_of_dashes_further_down_is_a_row() -> None:
    assert read(HEAD, "| - | - |\n") == [["Aspect", "Alpha"], ["-", "-"]]


def test_a_row_whose_last_bar_is_missing_keeps_its_last_cell() -> None:
    assert read("| Aspect | Alpha\n|---|---\n| A | 1\n") == [["Aspect", "Alpha"], ["A", "1"]]


def test_empty_cells_are_kept() -> None:
    assert read(HEAD, "| | |\n| A |  |\n")[1:] == [["", ""], ["A", ""]]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"a \| b", "a | b"),
        (r"**bold** \*\*stars\*\*", "bold **stars**"),
        (r"\[P1.1\] \<b\> \`x\` \_y\_ \$5 \~ \#1 \!", "[P1.1] <b> `x` _y_ $5 ~ #1 !"),
        ("&#12304;P1.1】", "【P1.1】"),
        (r"\&\#124; \&#124;", "&#124; &#124;"),
        ("  two   spaces ", "two spaces"),
    ],
)
def test_markdown_is_read_as_it_is_shown(written: str, text: str) -> None:
    assert read(HEAD, f"| A | {written} |\n")[1] == ["A", text]


@pytest.mark.parametrize("entity", ["&#0;", "&#55296;", "&#9999999;", f"&#{'9' * 5000};", "&#x7C;", "&;"])
def test_an_entity_that_is_no_character_breaks_nothing(entity: str) -> None:
    assert len(read(HEAD, f"| A | {entity} |\n")[1]) == 2


def test_the_sign_that_stands_for_a_citation_cannot_be_forged() -> None:
    ((_, (_, cell)),) = tables([HEAD, "| A | \ue000\ue000 x ", cite(4), " |\n"])
    assert cell == Cell("x", (4,))


@given(st.lists(st.text(max_size=30).filter(lambda text: "\ue000" not in text), min_size=1, max_size=4))
def test_whatever_an_abstract_says_comes_back_letter_by_letter(texts: list[str]) -> None:
    words = [" ".join(text.split()) for text in texts]
    head = "| Aspect |" + " x |" * len(words) + "\n"
    row = "| A | " + " | ".join(escape_markdown(word) for word in words) + " |\n"
    assert read(head, row)[1] == ["A", *words]


# -- CSV --------------------------------------------------------------------------------------------------------------


def test_citations_stand_behind_the_text_each_number_once() -> None:
    assert to_csv([[Cell("A"), Cell("fast", (2, 1, 2))]]) == "A,fast [2] [1]\r\n"


@pytest.mark.parametrize("text", ['He said "no"', "a, b", "one\ntwo", "x;y", "ünïcode → ∞", ""])
def test_quotes_commas_and_lines_survive(text: str) -> None:
    assert parsed(to_csv([[Cell("A"), Cell(text)], [Cell("B"), Cell("y")]])) == [["A", text], ["B", "y"]]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1%", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("https://evil.example";"x")']
)
def test_nothing_is_run_as_a_formula(text: str) -> None:
    ((found,),) = parsed(to_csv([[Cell(text, (1,))]]))
    assert found == f"'{text} [1]"


@pytest.mark.parametrize("text", ["a=b", "1-2", "x@y", "5%", "(=1)"])
def test_signs_inside_a_text_are_left_alone(text: str) -> None:
    assert parsed(to_csv([[Cell(text)]])) == [[text]]


@given(
    st.lists(
        st.lists(st.builds(Cell, st.text(), st.tuples(st.integers(1, 99))), min_size=2, max_size=3),
        min_size=1,
        max_size=4,
    )
)
def test_any_table_is_read_back_by_a_reader_of_csv(table: list[list[Cell]]) -> None:
    found = parsed(to_csv(table))
    assert [[text.removeprefix("'") for text in row] for row in found] == [
        [f"{cell.text} [{cell.citations[0]}]".removeprefix("'") for cell in row] for row in table
    ]
    assert not [text for row in found for text in row if text.startswith(("=", "+", "-", "@", "\t", "\r"))]
