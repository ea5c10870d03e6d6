import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from index_store.papers import Paper
from index_store.readers import Malformed, Record, json_stream, read_file
from tests.index_store.formats import Found, fixture, found_in, written

RECORDS = [{"title": f"Paper {number}", "abstract": 'Braces {[ and "quotes\\" in it.'} for number in range(5)]
TITLES = [record["title"] for record in RECORDS]


def titles(records: list[Record]) -> list[str]:
    return [record.title for record in records if isinstance(record, Paper)]


def complaints(records: list[Record]) -> list[tuple[int, str]]:
    return [(record.line, record.reason) for record in records if isinstance(record, Malformed)]


def read(folder: Path, text: str, name: str = "papers.json") -> list[Record]:
    return list(read_file(written(folder, name, text)))


def only(found: Found) -> Paper:
    (paper,) = found.papers
    return paper


# -- any shape of JSON ------------------------------------------------------------------------------------------------

SHAPES = {
    "one a line": "\n".join(map(json.dumps, RECORDS)),
    "one a line, commas between": ",\n".join(map(json.dumps, RECORDS)),
    "a list on one line": json.dumps(RECORDS),
    "a list, one a line": "[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]\n",
    "an indented list": json.dumps(RECORDS, indent="\t"),
    "indented objects": "\n".join(json.dumps(record, indent=2) for record in RECORDS),
    "results": json.dumps({"meta": {"count": 5, "x": [{"y": 1}]}, "results": RECORDS, "group_by": [{"z": "]}"}]}),
    "data": json.dumps({"total": 5, "next": None, "data": RECORDS}, indent=1),
    "message.items": json.dumps({"status": "ok", "message": {"facets": {}, "items": RECORDS, "query": {}}}),
    "response.docs": json.dumps({"responseHeader": {"status": 0}, "response": {"numFound": 5, "docs": RECORDS}}),
    "two answers one after another": "".join(
        json.dumps({"results": part}, indent=1) + "\n" for part in (RECORDS[:2], RECORDS[2:])
    ),
}


@pytest.mark.parametrize("part", [1, 7, 256_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_papers_are_found_in_any_shape(tmp_path: Path, shape: str, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK", part)
    for name in ("papers.json", "papers.txt"):
        assert read(tmp_path, SHAPES[shape], name) == [Paper(**record, source=name) for record in RECORDS]


@pytest.mark.parametrize("text", [json.dumps(RECORDS[0]), json.dumps(RECORDS[0], indent=2)])
def test_one_object_is_one_paper(tmp_path: Path, text: str) -> None:
    assert titles(read(tmp_path, text)) == ["Paper 0"]


def test_the_lists_in_a_paper_are_not_taken_for_papers(tmp_path: Path) -> None:
    record = {"title": "Only", "authors": ["A"], "results": [{"title": "In it"}], "data": [{"title": "Too"}]}
    assert titles(read(tmp_path, json.dumps(record, indent=1))) == ["Only"]


def test_a_wrong_record_in_a_list_is_told_with_its_line_and_the_others_are_read(tmp_path: Path) -> None:
    text = '[\n{"title": "One"},\n{"title": two},\n7,\n{"year": 2000},\n{"title":\n "Three", "n": NaN, "m": 1e999}\n]'
    records = read(tmp_path, text)
    assert titles(records) == ["One", "Three"]
    assert complaints(records) == [
        (3, "not valid JSON at column 11: Expecting value"),
        (4, "expected an object with a title, found int"),
        (5, "the record has no title"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('[\n{"title": "One"},\n{"title": "Tw', 3, "the file ends within a record"),
        ('[\n{"title": "One"},\n', 3, "the file ends within a list"),
        ('{"data": [\n{"title": "One"}],\n"next": 5', 3, "the file ends within an object"),
        ('[\n{"title": "One"},\n}]', 3, "not valid JSON: '}' where a record should begin"),
    ],
)
def test_a_file_that_breaks_off_gives_what_came_before_and_tells_where(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    records = read(tmp_path, text)
    assert titles(records) == ["One"]
    assert complaints(records) == [(line, reason)]


def test_deep_nesting_costs_only_its_record(tmp_path: Path) -> None:
    deep = "[" * 200_000 + "]" * 200_000
    records = read(tmp_path, f'[{{"title": "One"}},\n{{"title": "Deep", "x": {deep}}},\n{{"title": "Two"}}]')
    assert titles(records) == ["One", "Two"]
    assert complaints(records) == [(2, "nested too deeply")]


@pytest.mark.parametrize("inside", ['"' + 'x\\\\\\"{' * 3000 + '"', "[" + "[1], " * 3000 + "2]", "1" * 15_000])
@pytest.mark.parametrize("part", [10, 1000, 256_000])
def test_a_record_that_is_too_long_is_passed_over(
    tmp_path: Path, inside: str, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK", part)
    monkeypatch.setattr(json_stream, "LONGEST_RECORD", 10_000)
    records = read(tmp_path, f'[{{"title": "One"}},\n{{"title": "Long", "x": {inside}}},\n{{"title": "Two"}}]')
    assert titles(records) == ["One", "Two"]
    assert complaints(records) == [(2, "the record is longer than 10,000 characters")]


def test_memory_stays_flat_whatever_the_number_of_records(tmp_path: Path) -> None:
    record = json.dumps({"title": "A paper", "abstract": "word " * 200})
    peaks = []
    for count in (2_000, 10_000):
        path = written(tmp_path, "many.json", '{"results": [' + ",".join([record] * count) + "]}")
        tracemalloc.start()
        assert sum(isinstance(each, Paper) for each in read_file(path)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000


# -- our own ----------------------------------------------------------------------------------------------------------


def test_what_the_product_writes_is_read_back_the_same() -> None:
    ours, theirs = fixture("json/own.jsonl").papers
    assert ours.id == "0123456789ab"
    assert ours.collections == ("thesis", "reading group")
    assert Paper.from_dict(ours.to_dict()) == ours
    assert (theirs.collections, theirs.abstract) == ((), "")
    assert theirs.id != "somebody else's"


@pytest.mark.parametrize("own_id", ["0123456789ab", "0123456789ab-2"])
def test_only_an_id_of_the_product_is_kept(tmp_path: Path, own_id: str) -> None:
    ids: list[Any] = [own_id, "0123456789AB", "x" + own_id, own_id + "\n", 7, ["a"], None]
    records = read(tmp_path, "\n".join(json.dumps({"title": "T", "id": each}) for each in ids))
    assert [record.id for record in records if isinstance(record, Paper)] == [own_id, "", "", "", "", "", ""]


# -- CSL-JSON ---------------------------------------------------------------------------------------------------------


def test_zotero_exports_csl_json() -> None:
    found = fixture("json/zotero.json")
    mayflies, boats, bridges = found.papers
    assert mayflies.title == "Mayflies and moisture: Ephemera along lowland rivers"
    assert mayflies.authors == ("Lotte van den Berg", "Chidi Okafor Jr.")
    assert (mayflies.year, mayflies.venue) == (2021, "Journal of Small Waters")
    assert (mayflies.doi, mayflies.url) == ("10.5555/jsw.2021.17", "https://journal.example/17")
    assert mayflies.abstract.endswith("and find that it explains little.")
    assert boats.authors == ("The Harbour Collaboration", "Åsa Lindqvist")
    assert (boats.arxiv_id, boats.year, boats.venue) == ("2203.04567", 2022, "")
    assert (bridges.title, bridges.abstract, bridges.year) == ("Bridges that hum", "", 1998)
    assert bridges.venue == "University of Nowhere"
    assert found.complaints == [(76, "the record has no title")]


def test_crossref_answers_with_csl_json_in_a_list_of_its_own() -> None:
    found = fixture("json/crossref_works.json")
    beads, sand = found.papers
    assert beads.title == "How glass beads settle"
    assert beads.authors == ("Ines Moreau", "Grain Consortium")
    assert "shaken & tilted; the CO2 in the air" in beads.abstract
    assert beads.abstract.startswith("Glass beads")
    assert (beads.year, beads.venue, beads.doi) == (2019, "Example Letters", "10.5555/exl.4.12")
    assert (sand.year, sand.venue) == (2020, "Proceedings of the Sand Meeting")
    assert found.malformed == []


def test_an_answer_that_holds_one_work_is_that_paper(tmp_path: Path) -> None:
    work = {"DOI": "10.5555/1", "type": "journal-article", "title": ["One"], "issued": {"date-parts": [[2001]]}}
    answer = {"status": "ok", "message-type": "work", "message": work}
    for text in (json.dumps(answer), json.dumps(answer, indent=2)):
        (paper,) = read(tmp_path, text)
        assert isinstance(paper, Paper)
        assert (paper.title, paper.doi, paper.year) == ("One", "10.5555/1", 2001)


def test_datacite_answers_with_one_item() -> None:
    paper = only(fixture("json/datacite.json"))
    assert (paper.title, paper.year, paper.doi, paper.arxiv_id) == ("Folded grippers", 2021, "", "2101.00001")


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ({"date-parts": [[2020, 1, 2]]}, 2020),
        ({"date-parts": [["2020"]]}, 2020),
        ({"date-parts": [2020]}, 2020),
        ({"date-parts": [[None]], "raw": "2 May 2020"}, 2020),
        ({"raw": "2020-05"}, 2020),
        ({"literal": "Spring 2020"}, 2020),
        ("2020-05-01", 2020),
        (2020, 2020),
        ({"date-parts": []}, None),
        ({"date-parts": "x"}, None),
        ({"season": 1}, None),
        (None, None),
    ],
)
def test_the_year_of_csl_json_is_found_however_it_is_told(tmp_path: Path, date: Any, year: int | None) -> None:
    (paper,) = read(tmp_path, json.dumps([{"type": "book", "title": "T", "issued": date}]))
    assert isinstance(paper, Paper)
    assert paper.year == year


@pytest.mark.parametrize(
    "fields",
    [
        {"number": "arXiv:2203.04567"},
        {"note": "Comment: 9 pages\narXiv:2203.04567v2 [cs]"},
        {"archive": "arXiv", "archive_location": "2203.04567"},
        {"publisher": "arXiv", "number": "2203.04567v1"},
        {"URL": "https://arxiv.org/pdf/2203.04567v3.pdf"},
        {"container-title": "arXiv preprint arXiv:2203.04567"},
        {"archive": "arXiv:2203.04567"},
    ],
)
def test_an_arxiv_id_is_found_wherever_a_program_puts_it(tmp_path: Path, fields: dict[str, str]) -> None:
    found = found_in(written(tmp_path, "a.json", json.dumps([{"type": "article", "title": "T"} | fields])))
    assert only(found).arxiv_id == "2203.04567"


# -- the arXiv's snapshot, OpenAlex, Semantic Scholar -----------------------------------------------------------------


def test_the_snapshot_of_arxiv() -> None:
    found = fixture("json/arxiv_snapshot.jsonl")
    tides, strings = found.papers
    assert tides.title == "Tides in shallow basins: a numerical study"
    assert tides.abstract.endswith("We compute it for 40 basins and compare with gauges.")
    assert tides.authors == ("Mira Horváth", "L. Bruni")
    assert (tides.year, tides.arxiv_id, tides.doi) == (2007, "0704.1001", "10.5555/ejt.12.44")
    assert tides.venue == "Ex.J.Tides 12:44-58,2008"
    assert strings.authors == ("K. Abe Jr.",)
    assert (strings.year, strings.arxiv_id, strings.doi) == (1999, "hep-th/9901042", "")
    assert found.complaints == [(3, "the record has no title")]


def test_works_of_openalex() -> None:
    owls, unknown = fixture("json/openalex.json").papers
    assert owls.title == "Owls hear rain"
    assert owls.abstract == "Rain tells owls where mice hide. Rain matters."
    assert owls.authors == ("Yara Silva", "Bo Ek")
    assert (owls.year, owls.venue, owls.doi, owls.arxiv_id) == (2022, "Acta Nocturna", "10.5555/owl.3", "2110.01234")
    assert (unknown.title, unknown.abstract) == ("A work of which hardly anything is known", "")
    assert (unknown.year, unknown.url) == (1950, "https://openalex.org/W4200000002")


def test_an_inverted_index_that_is_wrong_does_no_harm(tmp_path: Path) -> None:
    index = {"b": [1], "a": [0, 2, 10**12], "x": None, "y": ["0"], "z": [True]}
    (paper,) = read(tmp_path, json.dumps({"display_name": "T", "abstract_inverted_index": index}))
    assert isinstance(paper, Paper)
    assert paper.abstract == "a b a a"


def test_a_search_of_semantic_scholar() -> None:
    tables, kept = fixture("json/semantic_scholar_search.json").papers
    assert tables.title == "Reading tables aloud"
    assert tables.authors == ("Sun Kim", "D. Rossi")
    assert (tables.year, tables.venue) == (2021, "Example Conference on Speech")
    assert (tables.doi, tables.arxiv_id) == ("10.5555/ex.21.5", "2105.01111")
    assert tables.url.startswith("https://www.semanticscholar.org/paper/0f0")
    assert (kept.abstract, kept.year, kept.venue) == ("", 2018, "Nature of Things")


def test_a_batch_of_semantic_scholar_has_nothing_where_it_knows_nothing() -> None:
    found = fixture("json/semantic_scholar_batch.json")
    assert only(found).doi == "10.5555/ex.3"
    assert found.complaints == [(1, "expected an object with a title, found NoneType")]


def test_a_data_set_of_semantic_scholar() -> None:
    found = fixture("json/semantic_scholar_papers.jsonl")
    paper = only(found)
    assert (paper.title, paper.authors, paper.year) == ("From the data set", ("R. Data",), 2019)
    assert (paper.doi, paper.arxiv_id, paper.venue) == ("10.5555/set.4", "1901.00004", "Set Theory Today")
    assert found.complaints == [(2, "the record has no title; the data set `abstracts` holds none, `papers` does")]


def test_the_papers_that_cite_another_are_found_in_its_list(tmp_path: Path) -> None:
    cited = {"offset": 0, "data": [{"isInfluential": True, "citingPaper": {"paperId": "x", "title": "Citing"}}]}
    assert titles(read(tmp_path, json.dumps(cited))) == ["Citing"]
