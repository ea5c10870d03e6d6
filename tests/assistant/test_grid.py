"""The table that a model writes, cell by cell: our head, sources of each column's own papers, and nothing else."""

import re
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assistant import Cell, Citation, Paper, Piece, References, Uncited, sentences
from assistant.cells import Row, Source
from assistant.citations import TargetStream
from assistant.claims import ClaimChecker
from assistant.grid import TableChecker
from assistant.tables import NOT_STATED, tables

from .making import make_paper
from .test_claims import WordCount, cut, fed, shown, texts

ALPHA = make_paper("Alpha", "Alpha runs on a small phone. Alpha needs seven watts of power.")
BETA = make_paper("Beta", "Beta runs on a large cluster. Beta was never published anywhere.")
MORE = make_paper("More", "More work on the alpha family was done in Bergen.")
PAPERS = (ALPHA, BETA, MORE)  # P1, P2, P3
REFERENCES = References().offer(PAPERS)
COLUMNS = (frozenset({"alpha", "more"}), frozenset({"beta"}))
HEAD = "| Aspect | Alpha (2 papers) | Beta |\n| --- | --- | --- |\n"
PHONE, CLUSTER = "Alpha runs on a small phone", "Beta runs on a large cluster"
MODEL_HEAD = "| Row | Column one | Column two |\n|---|---|---|\n"
TABLE = MODEL_HEAD + f"| Approach | {PHONE} [P1.1] | {CLUSTER} [P2.1] |\n"
OURS = HEAD + f"| **Approach** | {PHONE} [P1.1 supported] | {CLUSTER} [P2.1 supported] |\n\n"


def source(paper: Paper, number: int) -> Source:
    return Source(paper, sentences(paper.abstract)[number - 1])


OWN_WORDS = [
    Row("data | sets", ((source(MORE, 1),), ())),
    Row("Approach", ((source(ALPHA, 1), source(ALPHA, 2)), (source(BETA, 1),))),
]


def checked(
    chunks: Iterable[str],
    columns: Sequence[frozenset[str]] = COLUMNS,
    *,
    opening: Sequence[str] = (),
    stopped: bool = False,
) -> tuple[list[Piece], int]:
    """The pieces of a model's text, with neighbouring texts joined, and how much of it was left out."""
    targets = TargetStream(REFERENCES, frozenset(paper.id for paper in PAPERS))
    known = {REFERENCES.key(paper.id): (paper, sentences(paper.abstract)) for paper in PAPERS}
    counted = WordCount()
    claims = ClaimChecker(REFERENCES, known, counted)  # type: ignore[arg-type]

    def own_words() -> list[Row]:
        counted.calls += 1  # which are looked for in the papers
        return [Row(row.title, tuple(row.cells[: len(columns)])) for row in OWN_WORDS]

    checker = TableChecker(claims, HEAD, columns, own_words, opening)
    found = [piece for chunk in chunks for target in targets.feed(chunk) for piece in fed(checker, target, counted)]
    found += [piece for target in targets.close() for piece in fed(checker, target, counted)]
    found += checker.close(cut=stopped)
    joined: list[Piece] = []
    for piece in found:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined, targets.dropped + checker.dropped


def run(text: str, columns: Sequence[frozenset[str]] = COLUMNS, *, stopped: bool = False) -> list[Piece]:
    return checked([text], columns, stopped=stopped)[0]


def cells(text: str) -> list[list[Cell]]:
    """The model's rows in the only table that is let out for a text."""
    (table,) = tables(run(text))
    return [found for found in table[1:] if found[0].text != "In its own words"]


def row(first: str, second: str) -> str:
    """A model's table of one row."""
    return f"{MODEL_HEAD}| Approach | {first} | {second} |\n"


# -- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        TABLE,
        TABLE.rstrip("\n"),
        TABLE.replace("\n", "\r\n"),
        TABLE.replace(" |\n", "\n"),
        TABLE.replace("|---|---|---|", "| :-- | :-: | --: |"),
        TABLE.replace("|---|---|---|", "|-|-|-|"),
        TABLE.replace("| Approach", "| **Approach**"),
        TABLE.replace("| Approach", "| `[Approach]`"),
        TABLE.replace("|---|---|---|\n", "|---|---|---|\n\n"),
        "   " + TABLE.replace("\n", "\n   "),
        "\t" + TABLE,
    ],
)
def test_the_head_is_ours_and_each_cell_keeps_its_citation(written: str) -> None:
    assert shown(run(written)).lstrip() == OURS


def test_the_model_cannot_swap_the_columns_by_their_names() -> None:
    swapped = TABLE.replace("Column one", "Beta").replace("Column two", "Alpha")
    assert shown(run(swapped)) == OURS


def test_text_around_the_table_is_checked_as_usual() -> None:
    text = f"Here it is:\n\n{TABLE}\n**Beta:** {CLUSTER} [P2.1]. Pigs were seen on the moon."
    after = f"**Beta:** {CLUSTER} [P2.1 supported]. Pigs were seen on the moon.[?]"
    assert shown(run(text)) == f"Here it is:\n\n{OURS}{after}"


def test_text_right_under_the_table_does_not_become_a_row_of_it() -> None:
    text = f"{TABLE}{CLUSTER} [P2.1]."
    assert shown(run(text)) == f"{OURS}{CLUSTER} [P2.1 supported]."


def test_a_citation_that_begins_the_line_under_the_table_stands_under_it_too() -> None:
    found = run(f"{MODEL_HEAD}| Approach | {PHONE} [P1.1] | n/a |\n[P2.1] says that {CLUSTER}.")
    assert shown(found).index("In its own words") < shown(found).index("says that")


def test_blank_lines_between_rows_do_not_tear_the_table() -> None:
    torn = TABLE + "\n\n" + "| Limits | Alpha needs seven watts of power [P1.2] | - |\n"
    assert [[cell.text for cell in found] for found in cells(torn)] == [
        ["Approach", PHONE, CLUSTER],
        ["Limits", "Alpha needs seven watts of power", NOT_STATED],
    ]


def test_a_second_table_gets_a_head_of_its_own() -> None:
    found = run(f"{TABLE}\nFigures:\n\n{MODEL_HEAD}| Power | Alpha needs seven watts of power [P1.2] | none |\n")
    assert [len(table) for table in tables(found)] == [2, 2]
    assert shown(found).count(HEAD) == 2
    assert "not stated | not stated" not in shown(found)


def test_what_stands_before_everything_is_let_out_even_if_the_model_writes_nothing() -> None:
    opening = ["**Nothing in this collection speaks of Zeta.**\n\n"]
    for chunks in ([], [TABLE], ["[P1.1]"]):
        assert shown(checked(chunks, opening=opening)[0]).startswith(opening[0])
    assert shown(checked([], opening=opening, stopped=True)[0]) == opening[0]


def test_a_long_or_marked_row_name_is_shown_as_plain_short_text() -> None:
    (found,) = cells(f"{MODEL_HEAD}| **`{'x' * 80}`** [P1.1] <b> | {PHONE} [P1.1] | - |\n")
    assert found[0] == Cell("x" * 60)


def test_a_row_without_a_name_is_a_row() -> None:
    (found,) = cells(f"{MODEL_HEAD}| | {PHONE} [P1.1] | {CLUSTER} [P2.1] |\n")
    assert [cell.text for cell in found] == ["", PHONE, CLUSTER]


# -- cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nothing",
    ["", " ", "-", "—", "–", "...", "not stated", "Not stated.", "*not stated*", "**Not mentioned**", "N/A", "n/a",
     "na", "None", "unknown", "not reported", "Not specified", "(not given)", "nothing found", "not applicable"],
)  # fmt: skip
def test_whatever_a_model_writes_for_nothing_becomes_not_stated(nothing: str) -> None:
    assert shown(run(row(f"{PHONE} [P1.1]", nothing))).count(f"| {NOT_STATED} |\n") == 1


@pytest.mark.parametrize("something", ["none of the pages were lost", "unknown users of the phone", "NATO", "0"])
def test_a_cell_that_only_begins_like_nothing_is_kept(something: str) -> None:
    ((_, first, _),) = cells(row(f"{something} [P1.1]", "-"))
    assert (first.text, first.citations) == (something, (1,))


def test_a_citation_of_another_columns_paper_is_dropped_and_counted() -> None:
    pieces, dropped = checked([row(f"{PHONE} [P1.1] [P2.1]", f"{CLUSTER} [P2.1, P1.1, P3.1]")])
    assert (shown(pieces), dropped) == (OURS, 3)


def test_a_paper_of_both_columns_may_be_cited_in_both() -> None:
    both = (frozenset({"alpha"}), frozenset({"alpha", "beta"}))
    pieces, dropped = checked([row(f"{PHONE} [P1.1]", f"{PHONE} [P1.1]")], both)
    assert dropped == 0
    assert shown(pieces).count("[P1.1 supported]") == 2


def test_a_cell_that_cites_only_another_column_gets_the_source_of_its_own_or_says_nothing() -> None:
    pieces, dropped = checked([row(f"{PHONE} [P2.2]", f"{PHONE} [P1.1]")])
    assert shown(pieces).startswith(HEAD + f"| **Approach** | {PHONE} [P1.1 supported] | {NOT_STATED} |\n")
    assert dropped == 3  # two citations and a cell


def test_an_uncited_cell_gets_the_sentence_of_its_own_column_that_supports_it() -> None:
    assert shown(run(row(PHONE, CLUSTER))) == OURS


def test_an_uncited_cell_is_never_given_the_sentence_of_another_column() -> None:
    (found,) = cells(row(CLUSTER, "-"))
    assert [cell.text for cell in found[1:]] == [NOT_STATED, NOT_STATED]


@pytest.mark.parametrize("whole", ["[P1]", "[P1.1-2]", "(P1.1)", "`[P1.1]`", "[P1.1; P3]", "【P1.1】"])
def test_every_form_of_marker_counts_in_a_cell(whole: str) -> None:
    ((_, first, _),) = cells(row(f"{PHONE} {whole}", "-"))
    assert first.text == PHONE and 1 in first.citations


def test_markers_that_were_never_offered_leave_the_cell_without_them() -> None:
    pieces, dropped = checked([row(f"{PHONE} [P9.1] [P1.77] [3]", f"{CLUSTER} [P2.1]")])
    assert dropped == 3
    ((_, (_, first, _)),) = tables(pieces)
    assert (first.text, first.citations) == (f"{PHONE} [3]", (1,))
    assert r"\[3\]" in shown(pieces)  # a number in brackets is text, never a citation


def test_a_wrong_claim_in_a_cell_is_cited_and_labelled() -> None:
    found = run(row("Nothing like that was heard [P1.1]", f"{CLUSTER} [P2.1]"))
    assert "Nothing like that was heard [P1.1 not found]" in shown(found)


def test_a_second_sentence_without_a_source_is_marked_in_its_cell() -> None:
    found = shown(run(row(f"{PHONE} [P1.1]. Pigs were seen on the moon.", "-")))
    assert f"{PHONE} [P1.1 supported]. Pigs were seen on the moon.[?] |" in found


def test_missing_cells_are_not_stated_and_cells_beyond_the_columns_are_left_out_and_counted() -> None:
    pieces, dropped = checked(
        [MODEL_HEAD + f"| One | {PHONE} [P1.1] |\n| Two | - | {CLUSTER} [P2.1] | more [P1.2] |\n"]
    )
    (table,) = tables(pieces)
    assert [[cell.text for cell in found] for found in table[1:]] == [
        ["One", PHONE, NOT_STATED],
        ["Two", NOT_STATED, CLUSTER],
    ]
    assert dropped == 1


def test_a_column_without_papers_says_so_whatever_the_model_writes() -> None:
    columns = (COLUMNS[0], frozenset[str]())
    pieces, dropped = checked([row(f"{PHONE} [P1.1]", f"{PHONE} [P1.1]")], columns)
    assert shown(pieces) == HEAD + f"| **Approach** | {PHONE} [P1.1 supported] | {NOT_STATED} |\n\n"
    assert dropped == 1


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"Alpha runs \| on a small phone", "Alpha runs | on a small phone"),
        (r"Alpha runs \\| on a small phone", "Alpha runs \\| on a small phone"),
        ("Alpha runs<br>on a small phone", "Alpha runs on a small phone"),
        ("Alpha runs <br/> on a small phone", "Alpha runs on a small phone"),
        ("Alpha **runs** on a small phone", "Alpha runs on a small phone"),
    ],
)
def test_bars_and_breaks_inside_a_cell_stay_inside_it(written: str, text: str) -> None:
    ((_, first, second),) = cells(row(f"{written} [P1.1]", f"{CLUSTER} [P2.1]"))
    assert (first.text, second.text) == (text, CLUSTER)
    assert (first.citations, second.citations) == ((1,), (2,))


def test_numbers_are_given_in_the_order_of_reading() -> None:
    text = (
        f"{MODEL_HEAD}| One | - | {CLUSTER} [P2.1] |\n| Two | {PHONE} [P1.1] | - |\n\nBergen [P3.1] and again [P2.2]."
    )
    numbers = [(piece.number, piece.key) for piece in run(text) if isinstance(piece, Citation)]
    assert numbers == [(1, "P2"), (2, "P1"), (3, "P3"), (1, "P2")]


# -- what a model leaves out ------------------------------------------------------------------------------------------


def test_a_column_left_out_is_filled_with_its_own_words() -> None:
    pieces = run(row(f"{PHONE} [P1.1]", "not stated") + "\nDone.")
    (table,) = tables(pieces)
    assert [cell.text for cell in table[-1]] == ["In its own words", NOT_STATED, f"{CLUSTER}."]
    assert [piece.support for piece in pieces if isinstance(piece, Citation)] == ["supported", "verbatim"]
    assert texts(pieces).endswith("|\n\nDone.")


def test_the_first_thing_that_a_column_says_fills_it() -> None:
    (table,) = tables(run(row("-", f"{CLUSTER} [P2.1]")))
    assert [cell.text for cell in table[-1]] == ["In its own words", MORE.abstract, NOT_STATED]


def test_a_column_is_filled_once_even_if_a_second_table_leaves_it_out_again() -> None:
    once = row(f"{PHONE} [P1.1]", "-")
    assert shown(run(f"{once}\nAnd:\n\n{once}")).count("In its own words") == 1


def test_a_column_whose_papers_say_nothing_in_quotations_gets_no_row_of_its_own() -> None:
    targets: list[Piece] = []
    claims = ClaimChecker(REFERENCES, {"P1": (ALPHA, sentences(ALPHA.abstract))}, WordCount())  # type: ignore[arg-type]
    checker = TableChecker(claims, HEAD, COLUMNS, list)
    targets += checker.feed(row("-", "-")) + checker.close()
    assert "In its own words" not in texts(targets)


@pytest.mark.parametrize(
    "written",
    ["", "I would rather not write a table.", MODEL_HEAD, "| Row | One | Two |", "A | B\n--|--\n1 | 2\n"],
)
def test_without_a_table_the_table_in_quotations_is_shown(written: str) -> None:
    pieces = run(written)
    (table,) = tables(pieces)
    assert [[cell.text for cell in found] for found in table] == [
        ["Aspect", "Alpha (2 papers)", "Beta"],
        ["Data | sets", MORE.abstract, NOT_STATED],
        ["Approach", ALPHA.abstract, f"{CLUSTER}."],
    ]
    assert {piece.support for piece in pieces if isinstance(piece, Citation)} == {"verbatim"}
    assert f"\n\n{HEAD}" in texts(pieces)


# -- stopped ----------------------------------------------------------------------------------------------------------


def test_a_stop_between_rows_keeps_the_rows_and_adds_nothing() -> None:
    assert shown(run(TABLE, stopped=True)) == OURS
    assert shown(run(row(f"{PHONE} [P1.1]", "-"), stopped=True)).count("**") == 2


@pytest.mark.parametrize(
    ("written", "last"),
    [
        (f"| Limits | {PHONE} [P1.1] | Beta was nev", f"| **Limits** | {PHONE} [P1.1 supported] |  |\n"),
        (f"| Limits | {PHONE} [P1.1] |", f"| **Limits** | {PHONE} [P1.1 supported] |  |\n"),
        (f"| Limits | - | {CLUSTER} [P2.1] |", f"| **Limits** | {NOT_STATED} | {CLUSTER} [P2.1 supported] |\n"),
        (f"| Limits | {PHONE} [P1.1]", ""),
        ("| Limits |", ""),
        ("| Lim", ""),
        ("|", ""),
    ],
)
def test_a_stop_in_the_middle_of_a_row_keeps_its_finished_cells_and_says_nothing_of_the_others(
    written: str, last: str
) -> None:
    assert shown(run(TABLE + written, stopped=True)) == OURS[:-1] + last + "\n"


def test_a_stop_before_the_first_row_shows_no_empty_table() -> None:
    assert texts(run(f"So:\n\n{MODEL_HEAD}", stopped=True)).strip() == "So:"


@given(st.integers(0, len(TABLE) + 40))
def test_wherever_it_stops_no_cell_is_called_not_stated_that_the_model_would_have_filled(place: int) -> None:
    text = TABLE + f"| Power | Alpha needs seven watts of power [P1.2] | {CLUSTER} [P2.1] |\n\nThat is all.\n"
    pieces = run(text[:place], stopped=True)
    assert NOT_STATED not in texts(pieces)
    assert {len(found) for table in tables(pieces) for found in table} <= {3}


# -- any chunks, any text ---------------------------------------------------------------------------------------------

WRITTEN = [
    TABLE,
    f"- Alpha runs on small green cheese\n{TABLE}- Beta was eaten by many moths\n- so was Alpha\n|",
    f"So:\n\n{TABLE}\n**Beta:** {CLUSTER} [P2.1]. Pigs were seen on the moon.\n\n- one [P1.1]\n- two\n",
    f"\n \n   {TABLE}\n   \n| Two | a\\|b\\\\| c [P1.1] | <br/>$x|y$ [P2.1]|\ntail",
    f"{TABLE}[P1.1] {PHONE}.\n\n{TABLE}| Cut | {PHONE} [P1",
    "no table at all [P1.1], `| a | b |`, and\n\n```\n| a |\n| - |\n| [P1.1] |\n```\nend",
    f"| a |\n| **b**  | {PHONE} [P2.1][P1.1] | [3] n/a |\n|\n||\n| | |\n  | x | - | {CLUSTER}. Pigs fly far.\n",
]


@pytest.mark.parametrize("text", WRITTEN)
@pytest.mark.parametrize("stopped", [False, True])
def test_one_character_at_a_time_gives_the_same_pieces(text: str, stopped: bool) -> None:
    assert checked(list(text), stopped=stopped) == checked([text], stopped=stopped)


@given(st.sampled_from(WRITTEN), st.lists(st.integers(0, 1000), max_size=9), st.booleans())
def test_how_the_stream_is_cut_changes_nothing(text: str, places: list[int], stopped: bool) -> None:
    assert checked(cut(text, places), stopped=stopped) == checked([text], stopped=stopped)


FRAGMENTS = st.lists(
    st.sampled_from(
        ["|", "|", "|", " | ", "\n", "\n", "\n\n", "---", "-", " ", "  ", "\\", "\\|", "<br>", "not stated", "Row", "`",
         "```", "$", "$$", "**", "[P1.1]", "[P2.1]", " [P3.1]", "[P1]", "[P9.9]", "[2]", "P1.1", f"{PHONE}. ", CLUSTER,
         "Alpha needs seven watts of power", "Pigs were seen on the moon. ", "<b>", "&#124;", "\ue000", "\u2028"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@given(FRAGMENTS, st.lists(st.integers(0, 1000), max_size=5))
def test_any_text_gives_the_same_pieces_however_it_is_cut(text: str, places: list[int]) -> None:
    assert checked(cut(text, places)) == checked([text])


@given(FRAGMENTS | FRAGMENTS.map(lambda text: MODEL_HEAD + "| Row |" + text))
def test_every_filled_cell_of_any_answer_is_cited_from_its_own_column(text: str) -> None:
    pieces = run(text)
    found = tables(pieces)
    ids = {piece.number: piece.paper.id for piece in pieces if isinstance(piece, Citation)}
    assert found, "a comparison always shows a table"
    for table in found:
        assert [cell.text for cell in table[0]] == ["Aspect", "Alpha (2 papers)", "Beta"]
        for title, *columns in table[1:]:
            assert title.citations == ()
            assert len(columns) == 2
            for cell, own in zip(columns, COLUMNS, strict=True):
                assert {ids[number] for number in cell.citations} <= own
                assert bool(cell.citations) == (cell.text != NOT_STATED)


PAGE = MarkdownIt("commonmark", {"html": False}).enable("table")
HOSTILE = [
    "[P2.1] (P2.1) 【P2.1】 see [1] and [P1.1](https://evil.example)",
    "a | b | c \\| d",
    "<script>alert(1)</script><table><tr><td>",
    "</td></tr></table> ![x](https://evil.example/x.png)",
    "```\n| x | y |\n|---|---|\n| [P2.1] | 2 |",
    "\n\n# Heading\n\n| new | table | here |\n| --- | --- | --- |\n| a | b | c |",
    "\ue000\ue000 \x00 \u202e \u2028 | --- | --- |",
    "=HYPERLINK(1) &lt;b&gt; &#124; ~~x~~ $$ \\",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_a_cell_breaks_no_table_and_cites_nobody_else(hostile: str) -> None:
    pieces = run(
        MODEL_HEAD + f"| Approach | {PHONE} [P1.1] {hostile} | {CLUSTER} [P2.1] |\n| Data | - | {CLUSTER} [P2.1] |\n"
    )
    for table in tables(pieces):
        for _, first, second in table[1:]:
            assert set(first.citations) <= {1} and set(second.citations) <= {2}
    page = PAGE.render(texts(pieces))
    assert page.count("<table>") == len(tables(pieces))
    assert [line.count("<t") for line in re.findall(r"<tr>.*?</tr>", page, re.DOTALL)] == [4] * page.count("<tr>")
    assert "<script" not in page and "<td><t" not in page


def test_a_claim_without_a_source_leaves_no_mark_in_a_cell_that_says_nothing() -> None:
    assert not [piece for piece in run(row("Pigs were seen on the moon.", "-")) if isinstance(piece, Uncited)]
