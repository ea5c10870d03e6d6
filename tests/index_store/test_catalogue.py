import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from index_store import (
    Catalogue,
    DatabasePlace,
    LibraryUnreadable,
    Paper,
    Selection,
    State,
    UnknownPaper,
    open_engine,
    rows,
)
from index_store.kept_vectors import PaperVectors
from index_store.merging import Outcome

from ..postgres import PASSWORD

BERT = Paper("BERT: Pre-training of Transformers", "We introduce a model.", year=2018, source="a.jsonl")
GPT = Paper("Language Models are Few-Shot Learners", "We train a larger model.", source="a.jsonl")
ADAM = Paper("Adam: A Method for Stochastic Optimization", "We introduce an optimiser.", source="b.jsonl")
MODEL = "some-model/some-splitter"


@pytest.fixture
def catalogue(database: DatabasePlace) -> Iterator[Catalogue]:
    opened = Catalogue(database)
    yield opened
    opened.close()


def put(catalogue: Catalogue, paper: Paper) -> tuple[Outcome, Paper]:
    return catalogue.put([paper])[0]


def index_all(catalogue: Catalogue) -> None:
    catalogue.mark_indexed(catalogue.waiting(100))


def vectors(*first: float) -> PaperVectors:
    rows = np.array([[value, 0.0] for value in first], dtype=np.float32)
    return PaperVectors(rows[:1], rows[1:])


def test_an_unknown_paper_is_new_and_pending(catalogue: Catalogue) -> None:
    outcome, stored = put(catalogue, BERT)
    assert outcome is Outcome.NEW
    assert catalogue.paper(stored.id) == stored == replace(BERT, id=stored.id, sources=("a.jsonl",))
    assert catalogue.ids(State.PENDING) == [stored.id]


def test_the_same_record_again_changes_nothing(catalogue: Catalogue) -> None:
    put(catalogue, BERT)
    index_all(catalogue)
    outcome, stored = put(catalogue, replace(BERT, title=f"  {BERT.title} "))
    assert (outcome, stored.title) == (Outcome.SAME, BERT.title)
    assert (catalogue.ids(State.PENDING), catalogue.ids(State.INDEXED)) == ([], [stored.id])


def test_another_source_of_the_same_record_is_remembered(catalogue: Catalogue) -> None:
    put(catalogue, BERT)
    outcome, stored = put(catalogue, replace(BERT, source="copy.jsonl"))
    assert (outcome, stored.source, stored.sources) == (Outcome.SAME, "a.jsonl", ("a.jsonl", "copy.jsonl"))
    assert catalogue.sources() == {"a.jsonl": 1, "copy.jsonl": 1}


def test_the_same_record_twice_in_one_call_is_one_paper(catalogue: Catalogue) -> None:
    assert [outcome for outcome, _ in catalogue.put([BERT, BERT])] == [Outcome.NEW, Outcome.SAME]


def test_a_new_abstract_updates_the_paper_under_its_id_and_asks_for_indexing(catalogue: Catalogue) -> None:
    _, before = put(catalogue, BERT)
    index_all(catalogue)
    outcome, after = put(catalogue, replace(BERT, abstract="We introduce a better model.", source="c.jsonl"))
    assert outcome is Outcome.UPDATED
    assert (after.id, after.abstract) == (before.id, "We introduce a better model.")
    assert after.sources == ("a.jsonl", "c.jsonl")
    assert catalogue.ids(State.PENDING) == [before.id]


def test_a_field_that_is_not_indexed_asks_for_no_indexing(catalogue: Catalogue) -> None:
    put(catalogue, BERT)
    index_all(catalogue)
    assert put(catalogue, replace(BERT, venue="NAACL"))[0] is Outcome.UPDATED
    assert catalogue.ids(State.PENDING) == []


def test_fields_that_a_record_lacks_are_kept(catalogue: Catalogue) -> None:
    full = replace(BERT, authors=("Devlin",), venue="NAACL", doi="10.1/x", arxiv_id="1810.04805", url="https://a")
    put(catalogue, full)
    _, stored = put(catalogue, Paper(BERT.title, ""))
    assert replace(stored, id="", sources=()) == full


@pytest.mark.parametrize("identifier", [{"doi": "10.1/x"}, {"arxiv_id": "1810.04805"}])
def test_an_identifier_finds_a_paper_whose_title_changed(catalogue: Catalogue, identifier: dict[str, str]) -> None:
    _, before = put(catalogue, replace(BERT, **identifier))
    outcome, after = put(catalogue, Paper("BERT, renamed", BERT.abstract, year=2025, **identifier))
    assert (outcome, after.id, after.title) == (Outcome.UPDATED, before.id, "BERT, renamed")


def test_a_record_with_an_identifier_finds_the_paper_that_had_none(catalogue: Catalogue) -> None:
    _, before = put(catalogue, BERT)
    _, after = put(catalogue, replace(BERT, title=BERT.title.upper(), arxiv_id="1810.04805v2"))
    assert (after.id, after.arxiv_id) == (before.id, "1810.04805")


@pytest.mark.parametrize("year", [None, 2017, 2019])
def test_a_title_matches_within_a_year(catalogue: Catalogue, year: int | None) -> None:
    put(catalogue, BERT)
    assert put(catalogue, replace(BERT, year=year))[0] is not Outcome.NEW


@pytest.mark.parametrize(
    ("known", "given"),
    [
        ({"year": 2018}, {"year": 2020}),
        ({"doi": "10.1/x"}, {"doi": "10.1/y"}),
        ({"arxiv_id": "1810.00001"}, {"arxiv_id": "1810.00002"}),
    ],
)
def test_papers_of_one_title_stay_two_when_something_contradicts(
    catalogue: Catalogue, known: dict[str, object], given: dict[str, object]
) -> None:
    editorial = Paper("Editorial", "Welcome to the issue.")
    _, first = put(catalogue, replace(editorial, **known))  # type: ignore[arg-type]
    outcome, second = put(catalogue, replace(editorial, **given))  # type: ignore[arg-type]
    assert outcome is Outcome.NEW
    assert first.id != second.id
    assert put(catalogue, replace(editorial, **given))[1].id == second.id  # type: ignore[arg-type]


def test_a_second_paper_that_would_have_the_same_id_gets_one_of_its_own(catalogue: Catalogue) -> None:
    _, first = put(catalogue, Paper("Editorial", "Welcome."))
    put(catalogue, Paper("Editorial", "Welcome.", doi="10.1/x"))  # the first paper, now with its DOI
    _, second = put(catalogue, Paper("Editorial", "Farewell.", doi="10.1/y"))
    _, third = put(catalogue, replace(GPT, id=first.id))
    assert len({first.id, second.id, third.id}) == 3


def test_papers_come_in_the_order_they_were_added(catalogue: Catalogue) -> None:
    stored = [paper for _, paper in catalogue.put([GPT, BERT, ADAM])]
    assert catalogue.page() == stored
    assert catalogue.page(limit=1, offset=1) == stored[1:2]
    assert catalogue.selected_ids(Selection(source="a.jsonl")) == [stored[0].id, stored[1].id]


def test_asking_for_an_unknown_paper_says_which(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownPaper, match="'nobody'"):
        catalogue.paper("nobody")
    assert catalogue.papers(["nobody"]) == {}


def test_many_papers_can_be_asked_for_at_once(catalogue: Catalogue) -> None:
    stored = catalogue.put(Paper(f"Title {number}", "Text.") for number in range(1201))
    assert len(catalogue.papers([paper.id for _, paper in stored])) == 1201


def test_a_removed_paper_is_nowhere_to_be_seen(catalogue: Catalogue) -> None:
    _, bert = put(catalogue, BERT)
    catalogue.remove([bert.id])
    assert catalogue.page() == []
    assert catalogue.papers([bert.id]) == {}
    assert (catalogue.selected_ids(Selection()), catalogue.sources()) == ([], {})
    assert not catalogue.knows(BERT)


def test_a_removed_paper_that_comes_back_is_new_and_has_its_old_id(catalogue: Catalogue) -> None:
    _, bert = put(catalogue, BERT)
    index_all(catalogue)
    catalogue.remove([bert.id])
    outcome, back = put(catalogue, BERT)
    assert (outcome, back.id) == (Outcome.NEW, bert.id)
    assert catalogue.ids(State.PENDING) == [bert.id]


def to_word(catalogue: Catalogue, since: int) -> list[str]:
    """The papers that the index of words has to take in: those not marked, or on a server those changed since then."""
    if catalogue.is_served:
        return [change.paper.id for change in catalogue.changed_after(since + 1, -1, 9) if change.is_here]
    return [waiting.paper.id for waiting in catalogue.unworded(9)]


def test_a_paper_whose_text_changed_while_it_was_indexed_stays_pending(catalogue: Catalogue) -> None:
    _, bert = put(catalogue, BERT)
    since = catalogue.last_change()
    read = catalogue.waiting(1)
    assert catalogue.still_waiting(read) == read
    put(catalogue, replace(BERT, abstract="Changed in the meantime."))
    assert catalogue.still_waiting(read) == []
    catalogue.mark_indexed(read)
    catalogue.mark_worded(read)
    assert catalogue.ids(State.PENDING) == [bert.id]
    assert to_word(catalogue, since) == [bert.id]


@pytest.mark.parametrize("changed", [{"year": 2019}, {"authors": ("Devlin",)}, {"title": "BERT, pre-trained"}])
def test_a_change_of_anything_that_is_searched_by_asks_for_indexing(
    catalogue: Catalogue, changed: dict[str, object]
) -> None:
    _, bert = put(catalogue, replace(BERT, arxiv_id="1810.04805"))
    read, since = catalogue.waiting(1), catalogue.last_change()
    catalogue.mark_worded(read)
    catalogue.mark_indexed(read)
    assert to_word(catalogue, since) == []
    put(catalogue, replace(BERT, arxiv_id="1810.04805", **changed))  # type: ignore[arg-type]
    assert [waiting.paper.id for waiting in catalogue.waiting(1)] == [bert.id]
    assert to_word(catalogue, since) == [bert.id]


def test_a_paper_that_was_removed_and_came_back_with_another_text_is_not_the_one_that_was_read(
    catalogue: Catalogue,
) -> None:
    _, bert = put(catalogue, BERT)
    read = catalogue.waiting(1)
    remove(catalogue, bert)
    assert catalogue.still_waiting(read) == []
    _, back = put(catalogue, replace(BERT, abstract="Another text."))
    assert back.id == bert.id
    assert catalogue.still_waiting(read) == []


def test_waiting_papers_come_in_the_order_of_adding_from_a_place_on(catalogue: Catalogue) -> None:
    stored = [paper for _, paper in catalogue.put([GPT, BERT, ADAM])]
    first, *rest = catalogue.waiting(3)
    assert [waiting.paper for waiting in (first, *rest)] == stored
    assert catalogue.waiting(3, after=first.position) == rest
    assert catalogue.waiting(2) == [first, rest[0]]


def test_the_number_of_passages_is_kept_through_changes(catalogue: Catalogue) -> None:
    _, bert = put(catalogue, BERT)
    catalogue.note_passages({bert.id: 7, "nobody": 3})
    catalogue.note_passages({})
    put(catalogue, replace(BERT, abstract="Shorter."))
    assert [waiting.passage_count for waiting in catalogue.waiting(2)] == [7]


def test_statements_take_more_papers_than_one_of_them_may_name(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "SQL_VARIABLES", 3)
    records = [
        Paper(f"Title {number}", f"Text {number}.", doi=f"10.1/{number}" if number % 2 else "") for number in range(10)
    ]
    stored = [paper for _, paper in catalogue.put(records)]
    ids = [paper.id for paper in stored]
    assert [outcome for outcome, _ in catalogue.put(records)] == [Outcome.SAME] * 10
    assert catalogue.papers(ids) == {paper.id: paper for paper in stored}
    catalogue.put_vectors(MODEL, {paper.content_hash: vectors(number) for number, paper in enumerate(stored)})
    by_hash = catalogue.vectors(MODEL, stored, dimension=2)
    by_id = catalogue.vectors_by_id(MODEL, ids, dimension=2)
    for number, paper in enumerate(stored):
        assert by_hash[paper.content_hash].passages[0, 0] == by_id[paper.id].vectors.passages[0, 0] == number
    read = catalogue.waiting(10)
    assert catalogue.still_waiting(read) == read
    catalogue.mark_indexed(read)
    assert catalogue.ids(State.INDEXED) == ids
    catalogue.remove(ids)
    catalogue.note_gone(ids)
    assert (catalogue.ids(State.GONE), any(catalogue.counts().values())) == (ids, False)


def test_a_removal_is_not_undone_by_indexing_or_a_rebuild(catalogue: Catalogue) -> None:
    _, bert = put(catalogue, BERT)
    read = catalogue.waiting(1)
    catalogue.remove([bert.id])
    assert catalogue.still_waiting(read) == []
    catalogue.mark_indexed(read)
    catalogue.mark_all_pending()
    assert catalogue.ids(State.REMOVED) == [bert.id]


def test_vectors_come_back_as_they_were_put(catalogue: Catalogue) -> None:
    catalogue.put_vectors(MODEL, {BERT.content_hash: vectors(1, 2, 3)})
    kept = catalogue.vectors(MODEL, [BERT, GPT], dimension=2)
    assert list(kept) == [BERT.content_hash]
    assert np.array_equal(kept[BERT.content_hash].passages, [[1, 0]])
    assert np.array_equal(kept[BERT.content_hash].sentences, [[2, 0], [3, 0]])


def test_vectors_of_a_text_without_sentences_keep_their_shape(catalogue: Catalogue) -> None:
    catalogue.put_vectors(MODEL, {BERT.content_hash: vectors(1)})
    assert catalogue.vectors(MODEL, [BERT], dimension=2)[BERT.content_hash].sentences.shape == (0, 2)


def test_vectors_of_another_model_are_not_used(catalogue: Catalogue) -> None:
    catalogue.put_vectors(MODEL, {BERT.content_hash: vectors(1, 2)})
    assert catalogue.vectors("other/some-splitter", [BERT], dimension=2) == {}


def remove(catalogue: Catalogue, paper: Paper) -> None:
    catalogue.remove([paper.id])
    catalogue.note_gone([paper.id])


def test_the_vectors_of_a_forgotten_paper_are_kept_in_case_it_comes_back(catalogue: Catalogue) -> None:
    _, bert = put(catalogue, BERT)
    catalogue.put_vectors(MODEL, {BERT.content_hash: vectors(1, 2)})
    remove(catalogue, bert)
    assert catalogue.vectors(MODEL, [BERT], dimension=2)


def test_pruning_drops_the_vectors_that_no_paper_and_no_search_needs(catalogue: Catalogue) -> None:
    twins = [replace(BERT, doi="10.1/x"), replace(BERT, doi="10.1/twin")]
    (_, bert), (_, twin), (_, adam) = catalogue.put([*twins, ADAM])
    assert bert.id != twin.id
    catalogue.put_vectors(MODEL, {paper.content_hash: vectors(1, 2) for paper in (BERT, ADAM)})
    catalogue.put_vectors("other/some-splitter", {ADAM.content_hash: vectors(1, 2)})

    def kept(model: str = MODEL) -> set[str]:
        return set(catalogue.vectors(model, [BERT, ADAM], dimension=2))

    remove(catalogue, bert)
    catalogue.forget(before=time.time())
    catalogue.prune_vectors(MODEL, 2)
    assert kept() == {BERT.content_hash, ADAM.content_hash}, "the twin has the same text"
    assert kept("other/some-splitter") == set()
    remove(catalogue, twin)
    catalogue.prune_vectors(MODEL, 2)
    assert BERT.content_hash in kept(), "it can be restored"
    catalogue.forget(before=time.time())
    catalogue.prune_vectors(MODEL, 2)
    assert kept() == {adam.content_hash}


def test_only_removed_papers_are_forgotten(catalogue: Catalogue) -> None:
    (_, bert), (_, gpt) = catalogue.put([BERT, GPT])
    catalogue.remove([bert.id])
    catalogue.note_gone([bert.id, gpt.id])
    assert (catalogue.ids(State.PENDING), catalogue.ids(State.GONE)) == ([gpt.id], [bert.id])


def test_what_was_put_is_there_after_a_reopen_and_for_a_second_reader(
    database: DatabasePlace, catalogue: Catalogue
) -> None:
    _, bert = put(catalogue, BERT)
    catalogue.set_meta("name", "value")
    second = Catalogue(database)
    assert second.paper(bert.id) == bert
    assert (second.meta("name"), second.meta("absent")) == ("value", None)
    second.close()


def test_a_failure_in_the_middle_of_a_call_records_nothing_of_it(catalogue: Catalogue) -> None:
    def papers() -> Iterator[Paper]:
        yield BERT
        raise RuntimeError("the file ended here")

    with pytest.raises(RuntimeError):
        catalogue.put(papers())
    assert catalogue.page() == []


def test_a_catalogue_of_a_later_version_is_refused(database: DatabasePlace, catalogue: Catalogue) -> None:
    engine = open_engine(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE catalogue_version SET version_num = '5'"))
    engine.dispose()
    with pytest.raises(LibraryUnreadable, match="schema 5, this version reads 4; install the newer version") as refused:
        Catalogue(database)
    assert "\n" not in str(refused.value) and PASSWORD not in str(refused.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite3"
    path.write_text("my notes on the papers I read\n" * 100)
    with pytest.raises(LibraryUnreadable, match=r"catalogue\.sqlite3"):
        Catalogue(path)
    assert path.read_text().startswith("my notes")


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LibraryUnreadable):
        Catalogue(tmp_path)


def test_readers_are_not_held_up_by_a_writer(database: DatabasePlace, catalogue: Catalogue) -> None:
    _, bert = put(catalogue, BERT)
    engine = open_engine(database)
    with engine.connect() as writer:
        writer.execute(text("UPDATE papers SET venue = 'half written'"))
        assert catalogue.paper(bert.id) == bert
        writer.rollback()
    engine.dispose()


# -- rows in one step -------------------------------------------------------------------------------------------------


def test_papers_come_back_with_every_letter_and_with_what_is_absent(catalogue: Catalogue) -> None:
    odd = Paper(
        'He said "Σ\\x" \n in\ttwo {lines}: 1\u2028½ 🜚',
        "",
        authors=("Ana O'Neil", 'B "Bo" Li, Jr.', "王 五"),
        year=None,
        source="a.jsonl",
    )
    stored = [paper for _, paper in catalogue.put([odd, BERT])]
    assert catalogue.papers([paper.id for paper in stored]) == {paper.id: paper for paper in stored}


def test_vectors_come_back_bit_by_bit_whatever_their_bytes_would_be_as_text(catalogue: Catalogue) -> None:
    random, kept = np.random.default_rng(7), dict[str, PaperVectors]()
    papers = [Paper(f"Paper {number}", f"Text {number}.", source="a.jsonl") for number in range(600)]
    for number, paper in enumerate(papers):  # more than go into one statement
        blobs = random.bytes(8 * int(random.integers(1, 4))), bytes(8) * (number % 4)  # the second: none, or all zeros
        rows = [np.frombuffer(blob, np.float32).reshape(-1, 2) for blob in blobs]
        cuts = np.frombuffer(random.bytes(16), np.int32).reshape(-1, 2) if number % 3 else None
        kept[paper.content_hash] = PaperVectors(*rows, cuts)
    stored = [paper for _, paper in catalogue.put(papers)]
    catalogue.put_vectors(MODEL, kept)
    catalogue.put_vectors("another model", {paper.content_hash: vectors(1.0) for paper in papers})

    def as_bytes(found: dict[str, PaperVectors]) -> dict[str, list[bytes | None]]:
        parts = {key: (one.passages, one.sentences, one.cuts) for key, one in found.items()}
        return {key: [None if part is None else part.tobytes() for part in of] for key, of in parts.items()}

    assert as_bytes(catalogue.vectors(MODEL, papers, 2)) == as_bytes(kept)
    by_id = catalogue.vectors_by_id(MODEL, [paper.id for paper in stored], 2)
    assert {key: text.content_hash for key, text in by_id.items()} == {one.id: one.content_hash for one in stored}
    assert as_bytes({text.content_hash: text.vectors for text in by_id.values()}) == as_bytes(kept)
    assert catalogue.vectors("unknown model", papers, 2) == catalogue.vectors_by_id(MODEL, [], 2) == {}
