"""The commands that change and list the library: what scripts read, what people read, and what is refused."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from index_store import Paper, add_files, open_catalogue

from ..online import CSL, Web, entry, feed, known, serving
from .conftest import Ran, Run

ZEBRAFISH = {"title": "Zebrafish hearts", "abstract": "Zebrafish hearts regrow after injury.", "year": 2021}
YEAST = {"title": "Yeast clocks", "abstract": "Yeast keeps time without light.", "authors": ["A. Lee", "B. Diaz"]}
BARE = {"title": "Bees in the dark", "authors": ["Berta Imker"], "year": 2019, "abstract": ""}


def records(path: Path, *lines: Any) -> Path:
    """A JSON Lines file; a line that is already text goes in as it is."""
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def titles(ran: Ran) -> list[str]:
    """The titles that a command printed as JSON."""
    return [paper["title"] for paper in ran.json]


def ids(run: Run) -> dict[str, str]:
    """The ids of all papers by their titles."""
    return {paper["title"]: paper["id"] for paper in run("list", "--json").json}


# -- adding files -----------------------------------------------------------------------------------------------------


def test_commands_that_change_the_library_print_what_they_did(run: Run, tmp_path: Path) -> None:
    file = records(tmp_path / "papers.jsonl", ZEBRAFISH, YEAST)
    added = run("add", file, "--json").json
    assert {name: added[name] for name in ("new", "updated", "same", "left_out", "papers", "without_abstract")} == {
        "new": 2,
        "updated": 0,
        "same": 0,
        "left_out": 0,
        "papers": 2,
        "without_abstract": 0,
    }
    assert (added["skipped"], added["remarks"], added["problem"]) == ([], [], "")
    listed = run("list", "--json").json
    assert [paper["title"] for paper in listed] == ["Zebrafish hearts", "Yeast clocks"]
    assert listed[0].items() >= (ZEBRAFISH | {"source": "papers.jsonl"}).items()
    assert run("list", "--limit", 1, "--offset", 1, "--json").json == listed[1:]
    assert run("show", listed[1]["id"], "--json").json == listed[1]
    assert run("rebuild", "--json").json == {"indexed": 2}
    removed = run("remove", listed[0]["id"], "--json").json
    assert removed == {"removed": 1, "kept": 0, "ids": [listed[0]["id"]], "papers": 1}
    status = run("status", "--json").json
    assert status["home"] == str(tmp_path / "home")
    assert {name: status[name] for name in ("papers", "indexed", "pending", "sample")} == {
        "papers": 1,
        "indexed": 1,
        "pending": 0,
        "sample": 0,
    }


@pytest.mark.usefixtures("home")
def test_the_sample_collection_goes_and_comes_back(run: Run) -> None:
    assert run("status", "--json").json["sample"] == 97
    assert run("sample", "remove", "--json").json == {"removed": 97, "papers": 0}
    assert run("sample", "add", "--json").json == {"new": 97, "papers": 97}
    assert run("sample", "add").out == "Nothing added. 97 papers in the library.\n"


@pytest.mark.usefixtures("home")
def test_what_people_read_of_the_library_shows_titles_as_plain_text(run: Run) -> None:
    assert "97 papers, 97 indexed, 0 waiting" in run("status").out
    paper_id = next(p["id"] for p in run("list", "--json").json if "mathcal" in p["title"])
    assert "ℬ-Coder" in run("list").out
    assert run("show", paper_id).out.startswith("ℬ-Coder: Value-Based Deep Reinforcement Learning")


def test_a_malformed_record_is_reported_and_the_others_go_in(run: Run, tmp_path: Path) -> None:
    file = records(tmp_path / "papers.jsonl", ZEBRAFISH, "{broken", YEAST, {"abstract": "No title."})
    ran = run("add", file)
    assert ran.code == 1
    assert ran.out.splitlines()[0] == "2 new. 2 papers in the library."
    assert [line.split(": ")[0].strip() for line in ran.out.splitlines()[1:]] == [
        f"skipped {file}:2",
        f"skipped {file}:4",
    ]
    assert ran.err == "2 records were skipped; the others went in.\n"


def test_a_file_that_cannot_be_read_does_not_stop_the_others(run: Run, tmp_path: Path) -> None:
    good, pdf, windows = (tmp_path / name for name in ("good.txt", "paper.pdf", "crlf.txt"))
    good.write_text("Zebrafish hearts\nThey regrow after injury.\n")
    pdf.write_bytes(b"%PDF-1.7\n\0\1\2")
    windows.write_bytes(b"Yeast clocks\r\nYeast keeps time.\r\n")
    ran = run("add", good, pdf, windows)
    summary, skipped = ran.out.splitlines()
    assert (ran.code, summary) == (1, "2 new. 2 papers in the library.")
    assert skipped.startswith(f"  skipped {pdf} ")
    assert ran.err == "1 file could not be read; the others went in.\n"
    assert run("status", "--json").json["indexed"] == 2
    again = run("add", good, pdf, "--json")
    assert (again.code, again.json["same"]) == (1, 1)
    assert [(record["file"], record["line"]) for record in again.json["skipped"]] == [(str(pdf), 0)]


def test_nothing_that_can_be_read_is_a_failure(run: Run, tmp_path: Path) -> None:
    pdf, empty = tmp_path / "a.pdf", tmp_path / "b.bib"
    pdf.write_bytes(b"%PDF-1.7\n\0\1\2")
    empty.write_text("")
    alone = run("add", pdf)
    assert (alone.code, alone.out, alone.err.count("\n")) == (1, "", 1)
    assert alone.err.startswith(f"{pdf} ")
    both = run("add", pdf, empty)
    assert (both.code, both.err) == (1, "2 files could not be read; nothing went in.\n")
    assert both.out.splitlines()[0] == "Nothing added. 0 papers in the library."
    as_json = run("add", pdf, "--json")
    assert (as_json.code, as_json.json["papers"], len(as_json.json["skipped"])) == (1, 0, 1)


def test_skipped_records_are_in_the_json_too(run: Run, tmp_path: Path) -> None:
    ran = run("add", records(tmp_path / "papers.jsonl", {"abstract": "No title."}, ZEBRAFISH), "--json")
    (skipped,) = ran.json["skipped"]
    assert (ran.code, skipped["line"], skipped["reason"]) == (1, 1, "the record has no title")
    assert ran.err.count("\n") == 1


def test_the_same_file_twice_adds_nothing_and_says_so(run: Run, tmp_path: Path) -> None:
    file = records(tmp_path / "papers.jsonl", ZEBRAFISH, YEAST)
    run("add", file)
    again = run("add", file)
    assert (again.code, again.out) == (0, "2 already there. 2 papers in the library.\n")


def test_a_paper_without_an_abstract_goes_in_and_is_told_listed_and_shown_as_such(run: Run, tmp_path: Path) -> None:
    ran = run("add", records(tmp_path / "papers.jsonl", ZEBRAFISH, BARE))
    assert ran.code == 0
    assert ran.out.splitlines()[1].startswith("  1 without an abstract: found by their titles only")
    assert titles(run("list", "--no-abstract", "--json")) == [BARE["title"]]
    assert "1 of them have no abstract" in run("status").out
    (line,) = [line for line in run("list").out.splitlines() if line.endswith("no abstract")]
    assert BARE["title"] in line
    assert run("show", ids(run)[BARE["title"]]).out.endswith("\nNo abstract is known.\n")
    assert titles_found(run("search", "bees in the dark", "--json"))[0] == BARE["title"]


def titles_found(ran: Ran) -> list[str]:
    """The titles that a search printed, the best first."""
    return [hit["paper"]["title"] for hit in ran.json]


def test_the_columns_that_were_guessed_are_told(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("Paper title,Summary,Published\nZebrafish hearts,They regrow after injury.,2021\n")
    ran = run("add", table)
    assert (ran.code, ran.err) == (0, "")
    remark = ran.out.splitlines()[1]
    assert remark.startswith(f"  {table}: ") and "Paper title" in remark and "Summary" in remark


# -- adding by identifier ---------------------------------------------------------------------------------------------


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """The services of arXiv, doi.org and Semantic Scholar, as the environment names them."""
    with serving() as web:
        for name in ("arxiv", "doi", "abstracts"):
            monkeypatch.setenv(f"RESEARCH_ASSISTANT_{name.upper()}_URL", getattr(web.services, name))
        monkeypatch.setenv("RESEARCH_ASSISTANT_CONTACT", "ada@example.org")
        yield web


def test_papers_are_added_by_their_identifiers_with_files_and_into_a_collection(
    run: Run, web: Web, tmp_path: Path
) -> None:
    web.feeds, web.dois["10.1000/bees"] = known("2309.00001"), CSL
    file = records(tmp_path / "papers.jsonl", ZEBRAFISH)
    ran = run("add", file, "arxiv:2309.00001v3", "https://doi.org/10.1000/Bees", "--collection", "thesis")
    assert (ran.code, ran.out.splitlines()[0], ran.err) == (0, "3 new. 3 papers in the library.", "")
    assert titles(run("list", "--collection", "thesis", "--json")) == [
        "Zebrafish hearts",
        "Bees and dances 2309.00001",
        "How bees dance",
    ]
    assert {paper["source"] for paper in run("list", "--json").json} == {"papers.jsonl", "arxiv.org", "doi.org"}
    assert web.asked[0].headers["User-Agent"].endswith("(mailto:ada@example.org)")
    again = run("add", "10.1000/bees")
    assert (again.code, again.out) == (0, "1 already there. 3 papers in the library.\n")


def test_an_identifier_that_nobody_knows_is_told_and_the_others_go_in(run: Run, web: Web) -> None:
    web.feeds, web.dois["10.1000/bees"] = known(), CSL
    alone = run("add", "arxiv:2309.00001")
    assert (alone.code, alone.out, alone.err) == (1, "", "arxiv:2309.00001 is not known to arXiv.\n")
    both = run("add", "arxiv:2309.00001", "doi:10.1000/bees")
    assert (both.code, both.err) == (1, "1 paper could not be fetched; the others went in.\n")
    assert both.out.splitlines() == [
        "1 new. 1 papers in the library.",
        "  skipped arxiv:2309.00001 is not known to arXiv.",
    ]


def test_a_query_of_arxiv_adds_what_it_finds_up_to_the_limit(run: Run, web: Web) -> None:
    web.feeds = lambda query: feed(*(entry(f"2309.{n:05}") for n in range(int(query["max_results"]))), total=900)
    ran = run("add", "--arxiv-query", "cat:q-bio.PE AND ti:bees", "--limit", 7, "--json")
    assert (ran.code, ran.json["new"], ran.json["papers"]) == (0, 7, 7)
    assert [asked.query["search_query"] for asked in web.asked] == ["cat:q-bio.PE AND ti:bees"]


def test_without_a_connection_the_files_go_in_and_one_line_says_what_to_do(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as gone:
        monkeypatch.setenv("RESEARCH_ASSISTANT_ARXIV_URL", gone.services.arxiv)
    file = records(tmp_path / "papers.jsonl", ZEBRAFISH)
    ran = run("add", file, "arxiv:2309.00001")
    assert (ran.code, ran.out) == (1, "1 new. 1 papers in the library.\n")
    assert ran.err.startswith("arXiv cannot be reached. Check the connection") and ran.err.count("\n") == 1
    alone = run("add", "arxiv:2309.00001", "--json")
    assert (alone.code, alone.json["new"]) == (1, 0)
    assert alone.json["problem"] == alone.err.strip()
    assert run("status", "--json").json["indexed"] == 1


def test_an_add_that_is_stopped_while_it_fetches_keeps_what_came_and_says_so(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> Iterator[Paper]:
        yield Paper("Bees in the dark", "They dance.")
        yield Paper("Bees in the sun", "They fly.")
        raise KeyboardInterrupt

    monkeypatch.setattr("index_store.query_arxiv", stopped)
    ran = run("add", records(tmp_path / "papers.jsonl", ZEBRAFISH), "--arxiv-query", "bees")
    assert (ran.code, ran.out) == (130, "3 new.\n")
    assert ran.err.startswith("Stopped. What was done is kept") and ran.err.count("\n") == 1
    assert run("index", "--json").json == {"indexed": 3}


def test_a_file_that_is_there_is_a_file_even_if_its_name_is_an_identifier(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("2309.00001").write_text("Zebrafish hearts\nThey regrow after injury.\n")
    assert run("add", "2309.00001").out == "1 new. 1 papers in the library.\n"
    assert run("list", "--json").json[0]["source"] == "2309.00001"


def test_an_address_that_is_none_is_refused_when_the_settings_are_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESEARCH_ASSISTANT_DOI_URL", "doi.org")
    ran = run("add", "10.1000/bees")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "doi_url" in ran.err and "https://" in ran.err


# -- removing and restoring -------------------------------------------------------------------------------------------


def test_a_file_is_removed_but_what_came_from_elsewhere_too_stays(run: Run, tmp_path: Path) -> None:
    first = records(tmp_path / "first.jsonl", ZEBRAFISH, YEAST)
    second = records(tmp_path / "second.jsonl", YEAST)
    run("add", first, second)
    assert run("show", ids(run)["Yeast clocks"], "--json").json["sources"] == ["first.jsonl", "second.jsonl"]
    ran = run("remove", "--source", first)
    assert ran.out == "Removed 1. 1 stays, as it came from elsewhere too. 1 papers in the library.\n"
    assert titles(run("list", "--json")) == ["Yeast clocks"]
    assert "from second.jsonl" in run("show", ids(run)["Yeast clocks"]).out
    gone = run("remove", "--source", "first.jsonl")
    assert gone.code == 2 and "known are second.jsonl" in " ".join(gone.err.replace("│", " ").split())


def test_a_removed_paper_comes_back_with_its_collections_and_is_found(run: Run, tmp_path: Path) -> None:
    run("add", records(tmp_path / "papers.jsonl", ZEBRAFISH, YEAST), "--collection", "thesis")
    paper_id = ids(run)["Zebrafish hearts"]
    before = run("show", paper_id, "--json").json
    run("remove", paper_id)
    assert "Zebrafish hearts" not in titles_found(run("search", "zebrafish hearts", "--json"))
    ran = run("restore", paper_id)
    assert (ran.code, ran.out) == (0, "Restored 1. 2 papers in the library.\n")
    assert run("show", paper_id, "--json").json == before
    assert before["collections"] == ["thesis"]
    assert titles_found(run("search", "zebrafish hearts", "--json"))[0] == "Zebrafish hearts"
    assert run("status", "--json").json["indexed"] == 2


# -- collections ------------------------------------------------------------------------------------------------------


def test_a_collection_is_made_listed_renamed_and_deleted_and_the_papers_stay(run: Run, tmp_path: Path) -> None:
    assert "No collections yet" in run("collection", "list").out
    run("add", records(tmp_path / "papers.jsonl", ZEBRAFISH, YEAST))
    of = ids(run)
    ran = run("collection", "add", "reading  group", of["Zebrafish hearts"], of["Yeast clocks"])
    assert ran.out == "Added 2; reading group has 2 papers.\n"
    assert run("collection", "add", "reading group", of["Yeast clocks"], "--json").json["added"] == 0
    assert "in reading group" in run("show", of["Yeast clocks"]).out
    assert run("collection", "remove", "reading group", of["Yeast clocks"], "--json").json == {
        "removed": 1,
        "collection": "reading group",
        "papers": 1,
    }
    assert run("collection", "rename", "reading group", "thesis").out == "reading group is thesis now: 1 papers\n"
    assert run("collection", "list", "--json").json == {"thesis": 1}
    assert run("collection", "delete", "thesis").code == 0
    assert run("collection", "list", "--json").json == {}
    assert len(of) == run("status", "--json").json["papers"]


@pytest.mark.usefixtures("home")
def test_asking_searching_and_listing_are_limited_to_a_collection(run: Run) -> None:
    of = ids(run)
    chosen = [title for title in of if title.startswith(("MiniCache", "TabPFN"))]
    run("collection", "add", "thesis", *(of[title] for title in chosen))
    assert set(titles_found(run("search", "cache", "-k", 9, "--collection", "thesis", "--json"))) <= set(chosen)
    asked = run("ask", "How does MiniCache compress the KV cache?", "--collection", "thesis", "--json").json
    assert asked["citations"] and {paper["title"] for paper in asked["papers"]} <= set(chosen)
    assert titles(run("list", "--collection", "thesis", "--json")) == [title for title in of if title in chosen]
    ran = run("ask", "What is compressed?", "--collection", "nothing")
    assert ran.code == 2 and "thesis" in ran.err


# -- lists ------------------------------------------------------------------------------------------------------------


def test_a_list_is_searched_sorted_and_limited_to_a_source(run: Run, tmp_path: Path) -> None:
    run("add", records(tmp_path / "a.jsonl", ZEBRAFISH, YEAST), records(tmp_path / "b.jsonl", BARE))
    assert titles(run("list", "--search", "lee clock", "--json")) == ["Yeast clocks"]
    assert titles(run("list", "--source", tmp_path / "b.jsonl", "--json")) == [BARE["title"]]
    assert titles(run("list", "--sort", "title", "--json")) == [BARE["title"], "Yeast clocks", "Zebrafish hearts"]
    assert titles(run("list", "--sort", "year", "--reverse", "--json"))[0] == "Zebrafish hearts"
    assert run("list", "--limit", 2).out.splitlines()[-1] == "2 of 3; --offset and --limit show others"


# -- export -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["jsonl", "bib", "ris", "json"])
def test_an_export_read_into_an_empty_library_gives_the_same_papers(run: Run, tmp_path: Path, ending: str) -> None:
    run("add", records(tmp_path / "papers.jsonl", ZEBRAFISH, YEAST, BARE), "--collection", "thesis")
    file = tmp_path / f"export.{ending}"
    assert run("export", "--output", file).out == f"Wrote 3 papers to {file}.\n"
    before = run("list", "--json").json
    other = tmp_path / "other"
    assert run("add", file, "--home", other, "--json").json["new"] == 3
    after = run("list", "--home", other, "--json").json
    for paper in (*before, *after):
        paper.pop("source"), paper.pop("sources", None), paper.pop("id")
    assert after == before
    kept = {"thesis": 3} if ending == "jsonl" else {}  # the other formats have no place for collections
    assert run("collection", "list", "--home", other, "--json").json == kept


def test_a_part_of_the_library_is_exported_to_standard_output(run: Run, tmp_path: Path) -> None:
    run("add", records(tmp_path / "papers.jsonl", ZEBRAFISH), "--collection", "thesis")
    run("add", records(tmp_path / "others.jsonl", YEAST))
    by_collection = run("export", "--format", "bibtex", "--collection", "thesis").out
    assert "Zebrafish hearts" in by_collection and by_collection.count("@") == 1
    lines = run("export", "--source", "others.jsonl").out.splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["Yeast clocks"]


def test_an_export_that_fails_leaves_the_file_before_it_and_nothing_else(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", records(tmp_path / "papers.jsonl", ZEBRAFISH))
    folder = tmp_path / "exports"
    folder.mkdir()
    file = folder / "papers.bib"
    file.write_text("what was there")
    file.chmod(0o640)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        ran = run("export", "--output", file)
    assert (ran.code, ran.out, ran.err) == (1, "", f"{file} cannot be written: No space left on device.\n")
    assert [path.name for path in folder.iterdir()] == ["papers.bib"]
    assert file.read_text() == "what was there"
    assert run("export", "--output", file).code == 0
    assert "Zebrafish" in file.read_text() and file.stat().st_mode & 0o777 == 0o640
    assert run("export", "--output", tmp_path / "nowhere" / "papers.bib").code == 1


# -- doctor -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("home")
def test_doctor_finds_a_sound_library_in_order(run: Run) -> None:
    ran = run("doctor")
    assert (ran.code, ran.err) == (0, "")
    assert "97 papers" in ran.out and "agree" in ran.out
    found = run("doctor", "--json").json
    assert (found["papers"], found["problems"]) == (97, [])


@pytest.mark.usefixtures("home")
def test_doctor_names_the_papers_that_differ_and_what_mends_it(run: Run, home: Path) -> None:
    of = ids(run)
    with sqlite3.connect(home / "catalogue.sqlite3") as file:
        file.execute("DELETE FROM vectors WHERE content_hash = (SELECT content_hash FROM papers LIMIT 1)")
    file.close()
    ran = run("doctor")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    first = next(iter(of.values()))
    assert f"\n  {first}\n" in ran.out and "(1). Run `research-assistant rebuild`" in ran.out
    assert first in str(run("doctor", "--json").json["problems"])
    assert run("rebuild").code == 0
    assert run("doctor").code == 0


def test_adding_again_after_a_kill_goes_on_where_it_stopped(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "papers.jsonl"
    file.write_text('{"title": "On bees", "abstract": "They dance."}\n')
    catalogue = open_catalogue(tmp_path / "home")  # as after a kill behind the catalogue's part of the work
    add_files(catalogue, [file])
    catalogue.close()
    ran = run("add", file)
    assert (ran.code, "1 already there" in ran.out) == (0, True)
    assert run("status", "--json").json["pending"] == 0


def test_a_damaged_index_is_told_and_made_anew(run: Run, home: Path) -> None:
    (home / "words" / "meta.json").write_bytes(b"damaged")
    ran = run("doctor", "--json")
    assert "index of words was damaged" in ran.err
    assert len(ran.json["mended"]) == 1
    assert run("doctor").err == ""


def test_a_rebuild_makes_room_for_an_index_whose_folder_is_no_folder(run: Run, home: Path) -> None:
    shutil.rmtree(home / "vectors")
    (home / "vectors").write_text("x")
    assert run("rebuild").code == 0
    assert run("doctor").code == 0


def test_a_damaged_catalogue_is_told_with_what_to_do(run: Run, home: Path) -> None:
    (home / "catalogue.sqlite3").write_bytes(b"damaged" * 1000)
    ran = run("status")
    assert (ran.code, "put a copy of it in its place" in ran.err, ran.err.count("\n")) == (1, True, 1)
