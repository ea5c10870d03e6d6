"""The library as its owner uses it: adding files, the sample, removing, counting."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from index_store import (
    AddReport,
    Embedder,
    Library,
    LibraryUnreadable,
    Paper,
    Status,
    UnknownPaper,
    open_catalogue,
    sample,
    search,
    status,
)
from index_store.readers import read_file

ZEBRA = Paper("Zebras", "Zebras have stripes. They graze.", source="animals.jsonl")
LION = Paper("Lions", "Lions have manes. They hunt.", source="animals.jsonl")


@pytest.fixture
def library(tmp_path: Path, cheap_embedder: Embedder) -> Iterator[Library]:
    with Library(tmp_path / "home", cheap_embedder) as opened:
        yield opened


@pytest.fixture(scope="module")
def sample_papers() -> list[Paper]:
    return [replace(record, source="own.jsonl") for record in read_file(sample.FILE) if isinstance(record, Paper)]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_files_are_added_once_however_often_they_are_given(tmp_path: Path, library: Library) -> None:
    lines = '{"title": "Zebras", "abstract": "Stripes."}\nnonsense\n{"title": "Lions", "abstract": "Manes."}\n'
    jsonl = write(tmp_path / "animals.jsonl", lines)
    note = write(tmp_path / "note.txt", "ZEBRAS\nStripes, and more of them.\n")
    first = library.add_files([jsonl, note])
    assert (first.new, first.updated, first.same) == (2, 1, 0)
    assert [str(skipped).split(": ")[0] for skipped in first.skipped] == [f"{jsonl}:2"]
    again = library.add_files([note])
    assert again == AddReport(same=1)


def test_a_file_of_more_papers_than_one_transaction_takes_is_added_whole(tmp_path: Path, library: Library) -> None:
    many = "".join(f'{{"title": "Title {number}", "abstract": "Text."}}\n' for number in range(1001))
    assert library.add_files([write(tmp_path / "many.jsonl", many)]) == AddReport(new=1001)


def test_a_file_that_cannot_be_read_is_reported_and_the_others_go_in(tmp_path: Path, library: Library) -> None:
    note = write(tmp_path / "note.txt", "Zebras\nStripes.\n")
    absent, table = tmp_path / "absent.txt", write(tmp_path / "table.html", "<html><body>Okapis</body></html>")
    report = library.add_files([absent, note, table, write(tmp_path / "last.txt", "Lions\r\nManes.\r\n")])
    assert (report.new, [(record.file, record.line) for record in report.skipped]) == (
        2,
        [(str(absent), 0), (str(table), 0)],
    )
    assert str(report.skipped[0]) == f"{absent} cannot be read: No such file or directory."
    assert str(report.skipped[1]).startswith(f"{table} looks like HTML")
    assert [paper.title for paper in library.catalogue.page()] == ["Zebras", "Lions"]


def test_what_a_file_holds_before_the_place_that_cannot_be_read_goes_in(tmp_path: Path, library: Library) -> None:
    packed = gzip.compress("".join(f"Zebra {n}\n{sha256(b'%d' % n).hexdigest()}\n\n\n" for n in range(20_000)).encode())
    file = tmp_path / "torn.txt.gz"
    file.write_bytes(packed[: len(packed) // 2])
    report = library.add_files([file])
    assert [record.line for record in report.skipped] == [0]
    assert [paper.title for paper in library.catalogue.page(limit=1)] == ["Zebra 0"]
    assert report.new > 5000


def test_a_paper_counts_as_pending_until_it_is_indexed(library: Library) -> None:
    library.add_records([ZEBRA, LION])
    assert library.status() == Status(papers=2, indexed=0, pending=2, sample=0, embedding_model="word-counts")
    assert library.index() == 2
    assert library.status() == Status(papers=2, indexed=2, pending=0, sample=0, embedding_model="word-counts")
    assert library.index() == 0


def test_indexing_reports_its_progress(library: Library) -> None:
    library.add_records(replace(ZEBRA, title=f"Zebra {number}") for number in range(130))
    steps: list[tuple[int, int]] = []
    library.index(lambda done, total: steps.append((done, total)))
    assert steps == [(64, 130), (128, 130), (130, 130)]


def test_a_paper_without_an_abstract_is_found_by_its_title(library: Library) -> None:
    library.add_records([Paper("Okapi sightings", ""), ZEBRA])
    library.index()
    hit = search(library, "okapi", 1).hits[0]
    assert (hit.paper.title, hit.sentences) == ("Okapi sightings", ())


def test_removing_an_unknown_paper_removes_none(library: Library) -> None:
    library.add_records([ZEBRA])
    library.index()
    (zebra,) = library.catalogue.page()
    with pytest.raises(UnknownPaper, match="'nobody'"):
        library.remove([zebra.id, "nobody"])
    assert library.status().indexed == 1


def test_a_removed_paper_is_gone_from_everywhere_and_may_return(library: Library) -> None:
    library.add_records([ZEBRA, LION])
    library.index()
    zebra, lion = library.catalogue.page()
    library.remove([zebra.id])
    assert library.catalogue.page() == [lion]
    assert library.lexicon.ids() == library.vectors.ids() == {lion.id}
    assert library.add_records([ZEBRA]) == AddReport(new=1)
    library.index()
    assert library.vectors.ids() == {zebra.id, lion.id}


def test_a_paper_that_was_removed_and_returns_is_not_embedded_again(library: Library) -> None:
    library.add_records([ZEBRA])
    library.index()
    before = list(library.embedder.model.seen)
    library.remove([library.catalogue.page()[0].id])
    library.add_records([ZEBRA])
    library.index()
    assert library.embedder.model.seen == before


def test_the_sample_can_be_added_and_removed_as_one(library: Library) -> None:
    assert not library.sample_offered
    library.add_records([ZEBRA])
    assert library.add_sample() == AddReport(new=97)
    assert library.add_sample() == AddReport(same=97)
    assert library.status().sample == 97
    assert library.remove_sample() == 97
    assert [paper.title for paper in library.catalogue.page()] == ["Zebras"]
    assert library.sample_offered, "a reader who removed it is not given it again"


def test_the_sample_does_not_touch_the_readers_own_papers(library: Library, sample_papers: list[Paper]) -> None:
    before, after = sample_papers[0], sample_papers[1]
    own_text = "The original abstract."
    library.add_records([replace(before, abstract=own_text)])
    assert library.add_sample() == AddReport(new=96, same=1)
    library.add_records([replace(after, abstract=own_text)])
    assert library.remove_sample() == 95
    assert {paper.title: paper.abstract for paper in library.catalogue.page()} == {
        before.title: own_text,
        after.title: own_text,
    }


def test_the_catalogue_can_be_read_while_the_library_is_open(library: Library) -> None:
    library.add_records([ZEBRA])
    catalogue = open_catalogue(library.home)
    assert [paper.title for paper in catalogue.page()] == ["Zebras"]
    assert status(catalogue) == library.status()
    catalogue.close()


def test_a_home_that_cannot_be_made_is_refused_with_the_option(tmp_path: Path, cheap_embedder: Embedder) -> None:
    blocked = write(tmp_path / "file", "") / "home"
    with pytest.raises(LibraryUnreadable, match="--home"):
        Library(blocked, cheap_embedder)


def test_a_home_that_cannot_be_written_is_refused_with_the_option(
    tmp_path: Path, cheap_embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index_store.home.os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(LibraryUnreadable, match="cannot be written"):
        Library(tmp_path, cheap_embedder)
