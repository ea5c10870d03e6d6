import gzip
import json
from pathlib import Path

import pytest

from index_store import Malformed, Paper, ReaderError, sample
from index_store.papers import title_key
from index_store.readers import Record, read_file, readers

HEADER = ["new", "Get trending papers in your email inbox!", "Subscribe", "byAK and the research community", "Mar 11"]
TITLES = [r"$\mathcal{B}$-Walker: Learning to Walk", "Bound States in H$_2$: A Review", "May We Help You?"]


def abstract(subject: str) -> str:
    return f"This abstract speaks of {subject} at some length. " * 8


def listing(*, header: bool = True, titles: list[str] = TITLES) -> list[str]:
    """The lines of a copied page: every line is followed by an empty one."""
    return [*(HEADER if header else []), *(line for title in titles for line in (title, abstract(title).strip()))]


def write(folder: Path, content: str | bytes | list[str], name: str = "papers.txt") -> Path:
    path = folder / name
    if isinstance(content, list):
        content = "\n\n".join(content) + "\n"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes | list[str], name: str = "papers.txt") -> list[Record]:
    return list(read_file(write(folder, content, name)))


def titles(records: list[Record]) -> list[str]:
    assert all(isinstance(record, Paper) for record in records), records
    return [record.title for record in records if isinstance(record, Paper)]


def problems(records: list[Record]) -> list[tuple[int, str]]:
    return [(record.line, record.reason) for record in records if isinstance(record, Malformed)]


# -- a copied Hugging Face page ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [True, False])
def test_a_listing_gives_every_paper_with_its_abstract(tmp_path: Path, header: bool) -> None:
    records = read(tmp_path, listing(header=header))
    assert records == [Paper(title, abstract(title).strip(), source="papers.txt") for title in TITLES]


def test_a_listing_may_have_several_empty_lines_anywhere(tmp_path: Path) -> None:
    assert titles(read(tmp_path, "\n\n\n" + "\n\n\n\n".join(listing()))) == TITLES


@pytest.mark.parametrize("header", [HEADER[:-1], HEADER[1:], HEADER[1:2], [*HEADER[:-1], "March 11, 2025"]])
def test_a_listing_may_have_some_of_the_header(tmp_path: Path, header: list[str]) -> None:
    assert titles(read(tmp_path, [*header, *listing(header=False)])) == TITLES


def test_a_short_abstract_in_a_listing_belongs_to_the_title_above(tmp_path: Path) -> None:
    records = read(tmp_path, [*HEADER, "A Short Note", "It has one sentence.", *listing(header=False)])
    assert records[0] == Paper("A Short Note", "It has one sentence.", source="papers.txt")
    assert titles(records[1:]) == TITLES


@pytest.mark.parametrize("header", [HEADER, HEADER[:-1]])
def test_a_title_at_the_end_of_a_listing_without_an_abstract_is_reported(tmp_path: Path, header: list[str]) -> None:
    *records, last = read(tmp_path, [*header, *listing(header=False), "The Last Title"])
    assert titles(records) == TITLES
    assert problems([last]) == [(2 * (len(header) + 6) + 1, "the title 'The Last Title' has no abstract below it")]


@pytest.mark.parametrize("header", [HEADER, HEADER[:-1]])
def test_a_page_with_one_title_and_nothing_else_is_reported(tmp_path: Path, header: list[str]) -> None:
    records = read(tmp_path, [*header, "The Only Title"])
    assert problems(records) == [(2 * len(header) + 1, "the title 'The Only Title' has no abstract below it")]


def test_an_abstract_in_a_listing_without_a_title_is_reported(tmp_path: Path) -> None:
    lines = listing()
    records = read(tmp_path, [*lines, abstract("nothing"), *listing(header=False, titles=["One More"])])
    assert problems(records) == [(2 * len(lines) + 1, "an abstract without a title line above it")]
    assert titles([record for record in records if isinstance(record, Paper)]) == [*TITLES, "One More"]


@pytest.mark.shared
def test_the_listing_the_product_was_asked_for_gives_the_papers_of_the_sample(shared_data: Path) -> None:
    records = list(read_file(shared_data / "000_c10b914342717dfc.txt"))
    shipped = [record.title for record in read_file(sample.FILE) if isinstance(record, Paper)]
    assert len(records) == 97
    assert titles(records) == shipped
    assert len({title_key(title) for title in shipped}) == 97


# -- JSON Lines -------------------------------------------------------------------------------------------------------


def read_json(folder: Path, *records: object) -> list[Record]:
    return read(folder, "\n".join(json.dumps(record) for record in records), "papers.jsonl")


def test_every_field_of_a_record_is_read(tmp_path: Path) -> None:
    fields = {"title": "T", "abstract": "A.", "authors": ["Ada", "Alan"], "year": 1950, "venue": "Mind"}
    links = {"doi": "10.1/x", "arxiv_id": "1706.03762", "url": "https://a.example"}
    expected = Paper("T", "A.", ("Ada", "Alan"), 1950, "Mind", "10.1/x", "1706.03762", "https://a.example")
    assert read_json(tmp_path, fields | links) == [Paper.from_dict(expected.to_dict() | {"source": "papers.jsonl"})]


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"text": "A."}, "abstract", "A."),
        ({"summary": "A."}, "abstract", "A."),
        ({"abstract": "", "text": "A."}, "abstract", "A."),
        ({"journal": "Mind"}, "venue", "Mind"),
        ({"arxiv": "1706.03762"}, "arxiv_id", "1706.03762"),
        ({"link": "https://a"}, "url", "https://a"),
        ({"year": "2017"}, "year", 2017),
        ({"year": ""}, "year", None),
        ({"year": None}, "year", None),
        ({"authors": "Ada, Alan"}, "authors", ("Ada", " Alan")),
        ({"authors": "Lovelace, A.; Turing, A."}, "authors", ("Lovelace, A.", " Turing, A.")),
        ({"authors": None}, "authors", ()),
        ({"authors": [{"name": "Ada"}, "Alan"]}, "authors", ("Ada", "Alan")),
        ({"doi": None, "citations": 3}, "doi", ""),
        ({"abstract": "lone \ud800 surrogate, \0 null"}, "abstract", "lone ? surrogate,   null"),
    ],
)
def test_other_spellings_of_a_field_are_understood(
    tmp_path: Path, given: dict[str, object], field: str, value: object
) -> None:
    (paper,) = read_json(tmp_path, {"title": "T"} | given)
    assert getattr(paper, field) == value


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"title": "cut', "not valid JSON at column 11: Unterminated string starting"),
        ("not json", "not valid JSON at column 1: Expecting value"),
        ("[1, 2]", "expected an object with a title, found list"),
        ('"T"', "expected an object with a title, found str"),
        ("null", "expected an object with a title, found NoneType"),
        ("{}", "the record has no title"),
        ('{"title": "  "}', "the record has no title"),
        ('{"title": 7}', "`title` must be text, found int"),
        ('{"title": "T", "abstract": ["A."]}', "`abstract` must be text, found list"),
        ('{"title": "T", "doi": 10.1}', "`doi` must be text, found float"),
        ('{"title": "T", "authors": [{"first": "Ada"}]}', "`authors` must be a list of names"),
        ('{"title": "T", "authors": {"first": "Ada"}}', "`authors` must be a list of names"),
        ('{"title": "T", "year": "soon"}', "`year` must be a whole number, found 'soon'"),
        ('{"title": "T", "year": 2017.5}', "`year` must be a whole number, found 2017.5"),
        ('{"title": "T", "year": true}', "`year` must be a whole number, found True"),
        ('{"title": "T", "year": -5}', "`year` must be a whole number, found -5"),
        ('{"title": "T", "year": 17}', "`year` must have four digits, found 17"),
        ("[" * 100_000, "nested too deeply"),
        ('{"title": "T", "year": ' + "9" * 5000 + "}", "`year` must be a whole number, found inf"),
    ],
)
def test_a_bad_record_is_reported_with_its_line_and_the_others_are_read(tmp_path: Path, line: str, reason: str) -> None:
    good = '{"title": "Good"}'
    first, bad, last = read(tmp_path, f"{good}\n\n{line}\n{good}\n", "papers.jsonl")
    assert titles([first, last]) == ["Good", "Good"]
    assert isinstance(bad, Malformed)
    assert bad.line == 3
    assert reason in bad.reason
    assert str(bad).startswith(f"{tmp_path / 'papers.jsonl'}:3: ")


def test_json_lines_are_known_by_their_content_under_any_name(tmp_path: Path) -> None:
    assert titles(read(tmp_path, '{"title": "T"}\n', "export.txt")) == ["T"]


# -- plain text -------------------------------------------------------------------------------------------------------


def test_one_paper_in_plain_text_may_have_paragraphs(tmp_path: Path) -> None:
    records = read(tmp_path, "A title\n\nFirst paragraph\nof it.\n\nSecond one.\n", "note.txt")
    assert records == [Paper("A title", "First paragraph of it. Second one.", source="note.txt")]


@pytest.mark.parametrize("between", ["\n\n\n", "\n---\n", "\n\n-----\n\n", "\n\n\n\n---\n\n\n"])
def test_papers_in_plain_text_are_parted_by_two_empty_lines_or_a_rule(tmp_path: Path, between: str) -> None:
    records = read(tmp_path, f"One\nFirst abstract.{between}Two\n\nSecond abstract.\n")
    assert records == [
        Paper("One", "First abstract.", source="papers.txt"),
        Paper("Two", "Second abstract.", source="papers.txt"),
    ]


def test_plain_text_without_an_abstract_or_a_title_is_reported(tmp_path: Path) -> None:
    records = read(tmp_path, f"Good\nAbstract.\n---\nAlone\n---\n{'long ' * 200}\nmore\n")
    assert titles(records[:1]) == ["Good"]
    (alone, no_abstract), (too_long, no_title) = problems(records[1:])
    assert (alone, too_long) == (4, 6)
    assert "'Alone' has no abstract" in no_abstract
    assert "too long for a title" in no_title


# -- any file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"[]", "holds no papers"),
        (b"---\n---\n", "holds no papers"),
    ],
)
def test_a_file_that_holds_nothing_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(ReaderError, match=rf"bad\.txt {reason}"):
        read(tmp_path, content, "bad.txt")


@pytest.mark.parametrize("before", ["", "\n \n", "\ufeff"])
@pytest.mark.parametrize(
    ("content", "looks_like"),
    [
        ('<?xml version="1.0"?>\n<papers/>\n', "XML"),
        ("<xml><records><record><titles/></record></records></xml>", "EndNote XML"),
        ("<!DOCTYPE html>\n<html></html>\n", "HTML"),
        (f"<p>T</p>\n<p>{abstract('x')}</p>\n" * 3, "HTML"),
        ("\\documentclass{article}\n\\begin{document}\n", "a LaTeX document"),
        ("% a comment\n\\documentclass[a4paper]{article}\n", "a LaTeX document"),
        ("%!PS-Adobe-3.0\n", "PostScript"),
    ],
)
def test_a_foreign_format_is_refused_by_name_with_what_helps(
    tmp_path: Path, content: str, looks_like: str, before: str
) -> None:
    for name in ("papers.txt", "papers"):
        with pytest.raises(ReaderError) as refused:
            read(tmp_path, before + content, name)
        said = str(refused.value)
        assert said.startswith(f"{tmp_path / name} looks like {looks_like}, which cannot be read; ")
        assert "\n" not in said


@pytest.mark.parametrize(
    "title",
    [
        "[Re] A reproduction",
        "@home: computing on idle machines",
        "Titles, abstracts and what they hide",
        "Title and abstract screening, automated",
        "{Braces} in a title",
        "a < b",
    ],
)
def test_a_title_that_only_begins_like_a_foreign_format_is_read(tmp_path: Path, title: str) -> None:
    if title.startswith("{"):
        assert problems(read(tmp_path, f"{title}\nIts abstract.\n"))  # taken for JSON Lines, and told so line by line
    else:
        assert titles(read(tmp_path, f"{title}\nIts abstract.\n")) == [title]


def test_a_wrong_first_line_of_json_lines_does_not_refuse_the_others(tmp_path: Path) -> None:
    for bad in ("[1, 2]", "[]", '{"title": "cut', '{"title": "T"}}'):
        first, last = read(tmp_path, f'{bad}\n{{"title": "Good"}}\n', "papers.jsonl")
        assert titles([last]) == ["Good"]
        assert problems([first])[0][0] == 1


@pytest.mark.parametrize(("name", "reason"), [("absent.txt", "cannot be read: No such file"), (".", "is a folder")])
def test_a_missing_file_or_a_folder_is_named(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ReaderError, match=reason):
        list(read_file(tmp_path / name))


def test_a_comma_after_each_line_of_json_does_no_harm(tmp_path: Path) -> None:
    assert titles(read(tmp_path, '{"title": "One"},\n{"title": "Two"},\n', "papers.jsonl")) == ["One", "Two"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"title": "\0 "}, "holds a paper without a title"),
        ({"title": "T" * 2_001}, "holds a title of more than 2,000 characters: 'TTT"),
        ({"title": "T", "abstract": "a" * 100_001}, "holds an abstract of more than 100,000 characters: 'T'"),
    ],
)
def test_what_cannot_be_a_paper_is_left_out(tmp_path: Path, fields: dict[str, str], reason: str) -> None:
    good, bad = read_json(tmp_path, {"title": "T" * 2_000, "abstract": "a" * 100_000}, fields)
    assert isinstance(good, Paper)
    assert isinstance(bad, Malformed)
    assert bad.reason.startswith(reason)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "\n\n".join(listing(titles=["One", "Two"]))),
        ("b.jsonl", '{"title": "One", "abstract": "A."}\n{"title": "Two"}\n'),
        ("c.txt", "One\nFirst.\n\n\nTwo\nSecond.\n"),
    ],
)
def test_a_byte_order_mark_and_windows_line_ends_make_no_difference(tmp_path: Path, name: str, text: str) -> None:
    plain = read(tmp_path, text, name)
    windows = read(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), name)
    assert titles(plain) == ["One", "Two"]
    assert windows == plain


def test_formats_are_asked_from_the_most_particular_to_the_one_that_takes_all() -> None:
    assert [reader.name for reader in readers()][-3:] == ["foreign", "Markdown", "plain text"]


# -- gzip -------------------------------------------------------------------------------------------------------------

PACKED_LINES = "".join(f'{{"title": "Paper {number}", "abstract": "It says {number}."}}\n' for number in range(3000))


@pytest.mark.parametrize("name", ["papers.jsonl.gz", "papers.jsonl", "papers"])
def test_a_gzip_file_is_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(PACKED_LINES.encode()))
    records = list(read_file(tmp_path / name))
    assert [record.title for record in records if isinstance(record, Paper)] == [f"Paper {n}" for n in range(3000)]
    assert {record.source for record in records if isinstance(record, Paper)} == {name}


def test_what_a_gzip_file_held_before_it_was_cut_short_goes_in(tmp_path: Path) -> None:
    whole = gzip.compress(PACKED_LINES.encode())
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    read = []
    with pytest.raises(ReaderError, match=r"cut\.jsonl\.gz cannot be read: .+ended"):
        for record in read_file(tmp_path / "cut.jsonl.gz"):
            read.append(record)
    assert len(read) > 500


def test_a_damaged_gzip_file_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl.gz").write_bytes(b"\x1f\x8bnot really")
    with pytest.raises(ReaderError, match=r"bad\.jsonl\.gz cannot be read"):
        list(read_file(tmp_path / "bad.jsonl.gz"))
