"""What is written reads back: the same papers, whatever is in them."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from index_store.papers import Paper, normalise
from index_store.writers import as_text, formats, write

from .formats import FIXTURES, found_in

SUFFIXES = {"jsonl": ".jsonl", "bibtex": ".bib", "ris": ".ris", "csl-json": ".json"}

PLAIN = Paper(
    title="Sparse Attention for $O(n \\log n)$ Letters & 50% of Notes",
    abstract="Letters of many pages do not fit. We keep $k_i$ of $n$ positions -- and 3 < 4.",
    authors=("Åsa Lindqvist", "Ludwig van der Meer", "Robert Downey Jr.", "OpenAI"),
    year=2023,
    venue="Journal of Letters",
    doi="10.5555/let_2023.1",
    arxiv_id="2301.04567",
    url="https://example.org/letters_1?id=7&view=full#top",
    collections=("thesis", "Lesegruppe, Montag"),
)

# Words that formats give a meaning to, among those that they do not.
_MARKS = [
    *(
        "{",
        "}",
        "{a}",
        "\\",
        "\\alpha",
        "\\'e",
        "\\{",
        "$",
        "$x^2$",
        "$\\alpha$",
        "$ 5",
        "\\$",
        "%",
        "50%",
        "&",
        "&amp;",
    ),
    *(
        "&lt;",
        "<i>",
        "</i>",
        "<b",
        "~",
        "^",
        "_",
        "#",
        "--",
        "---",
        "-",
        "``",
        "''",
        '"',
        "`",
        "?`",
        "!`",
        "@",
        "@article{x,",
    ),
    *(
        "ER  -",
        "TY  - JOUR",
        "AB  - x",
        "\\(",
        "\\)",
        "\\[x\\]",
        "=",
        ",",
        ";",
        "|",
        "arXiv:2001.00001",
        "\\url{x}",
        "/",
        "\\\\",
    ),
    *(
        "{\\textless}",
        "doi:",
        "10.5555/x",
        "https://doi.org/10.5555/x",
        "https://arxiv.org/abs/2001.00001",
        "\\apj",
        "CoRR",
    ),
]
_WORDS = [
    "and",
    "others",
    "von",
    "family=Foo",
    "Ünïcode",
    "北京",
    "שלום",
    "Grace",
    "II",
    "Jr.",
    "Inc.",
    "0001",
    "x",
    "et al.",
]
_letters = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
_words = st.sampled_from(_MARKS) | st.sampled_from(_WORDS) | _letters
_texts = st.lists(_words, max_size=8).map(" ".join) | st.lists(_words, max_size=5).map("".join)
_papers = st.builds(
    Paper,
    title=_texts,
    abstract=_texts,
    authors=st.lists(_texts, max_size=4).map(tuple),
    year=st.none() | st.integers(1000, 2999),
    venue=_texts,
    doi=st.just("") | st.sampled_from(["10.5555/a_b", "10.48550/arXiv.2001.00001"]) | _texts,
    arxiv_id=st.just("") | st.sampled_from(["2001.00001", "hep-th/9901001", "math.AG/0101001"]),
    url=st.just("") | st.sampled_from(["https://arxiv.org/abs/2001.00001", "https://doi.org/10.5555/x"]) | _texts,
    collections=st.lists(_texts, max_size=2).map(tuple),
)
_stored = _papers.map(normalise).filter(lambda paper: paper.title != "" and normalise(paper) == paper)


def said(paper: Paper, format: str) -> Paper:
    """The part of a paper that a format has a place for."""
    if format == "jsonl":
        return replace(paper, source="")
    return replace(paper, source="", id="", collections=())


def through(papers: list[Paper], format: str, folder: Path) -> list[Paper]:
    """The papers written to a file and read from it."""
    path = folder / f"export{SUFFIXES[format]}"
    with path.open("w", encoding="utf-8") as file:
        assert write(papers, format, file) == len(papers)
    found = found_in(path)
    assert (found.malformed, found.remarks) == ([], [])
    return found.papers


@pytest.mark.parametrize("format", formats())
def test_a_paper_comes_back_as_it_was(format: str, tmp_path: Path) -> None:
    paper = normalise(PLAIN)
    assert [said(each, format) for each in through([paper], format, tmp_path)] == [said(paper, format)]


@pytest.mark.parametrize("format", formats())
@given(papers=st.lists(_stored, min_size=1, max_size=3))
@example(papers=[normalise(replace(PLAIN, title="ER  - and {", authors=("others", "A and B"), abstract="- dashes -"))])
def test_any_paper_comes_back_as_it_was(format: str, tmp_path: Path, papers: list[Paper]) -> None:
    back = through(papers, format, tmp_path)
    assert [said(paper, format) for paper in back] == [said(paper, format) for paper in papers]


@pytest.mark.parametrize("format", formats())
def test_what_is_read_from_every_fixture_is_written_and_read_again(format: str, tmp_path: Path) -> None:
    files = [path for folder in ("bibtex", "ris", "nbib", "xml") for path in sorted((FIXTURES / folder).iterdir())]
    papers = [paper for path in files for paper in found_in(path).papers]
    assert len(papers) > 40
    back = through(papers, format, tmp_path)
    assert [said(paper, format) for paper in back] == [said(paper, format) for paper in papers]


def test_bibtex_is_fit_for_people() -> None:
    assert as_text(normalise(PLAIN), "bibtex") == (
        "@article{lindqvist2023sparse,\n"
        "  title = {Sparse Attention for $O(n \\log n)$ Letters \\& 50\\% of Notes},\n"
        "  author = {Lindqvist, Åsa and van der Meer, Ludwig and Downey Jr., Robert and OpenAI},\n"
        "  year = {2023},\n"
        "  journal = {Journal of Letters},\n"
        "  doi = {10.5555/let_2023.1},\n"
        "  eprint = {2301.04567},\n"
        "  archiveprefix = {arXiv},\n"
        "  url = {https://example.org/letters_1?id=7&view=full#top},\n"
        "  abstract = {Letters of many pages do not fit. We keep $k_i$ of $n$ positions -{}- and 3 < 4.}\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("venue", "kind"),
    [
        ("Journal of Letters", "@article"),
        ("Proceedings of the 3rd Workshop on Letters", "@inproceedings"),
        ("", "@misc"),
    ],
)
def test_the_kind_of_entry_follows_the_venue(venue: str, kind: str) -> None:
    assert as_text(replace(PLAIN, venue=venue), "bibtex").startswith(f"{kind}{{")


def test_keys_are_plain_and_no_two_are_the_same() -> None:
    papers = [replace(PLAIN, authors=("Zoë Müller-Ñandú",), title=f"The Ärger {n}") for n in range(30)]
    papers += [Paper(title="北京", abstract="")] * 3
    out = io.StringIO()
    write(papers, "bibtex", out)
    keys = re.findall(r"^@\w+\{(.*),$", out.getvalue(), re.MULTILINE)
    assert (len(keys), len(set(keys))) == (33, 33)
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in keys)
    assert keys[0] == "mullernandu2023arger"


def test_ris_has_a_tag_to_a_line() -> None:
    lines = as_text(normalise(PLAIN), "ris").splitlines()
    assert lines[0] == "TY  - JOUR"
    assert lines[-2:] == ["ER  - ", ""]
    assert {"AU  - Lindqvist, Åsa", "AU  - OpenAI", "AN  - arXiv:2301.04567", "DO  - 10.5555/let_2023.1"} < set(lines)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_csl_json_is_one_array(count: int) -> None:
    out = io.StringIO()
    assert write([normalise(replace(PLAIN, year=2000 + n)) for n in range(count)], "csl-json", out) == count
    items = json.loads(out.getvalue())
    assert [item["issued"] for item in items] == [{"date-parts": [[2000 + n]]} for n in range(count)]
    assert all(item["author"][0] == {"family": "Lindqvist", "given": "Åsa"} for item in items)


def test_papers_are_written_as_they_come() -> None:
    out = io.StringIO()

    def two() -> Iterator[Paper]:
        yield normalise(PLAIN)
        assert "2023" in out.getvalue()
        yield normalise(replace(PLAIN, year=1999))
        assert "1999" in out.getvalue()

    assert write(two(), "ris", out) == 2


def test_a_format_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="'docx' is not a format; there are jsonl, bibtex, ris, csl-json"):
        write([PLAIN], "docx", io.StringIO())
