"""Conversations are whole after a restart, found by their words, and keep every version of their turns."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from assistant import (
    Archive,
    ArchiveUnreadable,
    Citation,
    Conversation,
    InvalidHistory,
    Mode,
    Outcome,
    Paper,
    Plan,
    Turn,
    Uncited,
    UnknownConversation,
    conversation_from_json,
    conversation_to_json,
)
from assistant.archive_file import SCHEMA, VERSIONS, Base
from assistant.conversations import new_id
from index_store import Catalogue, DatabasePlace, Postgres, open_engine

from ..postgres import PASSWORD, RunningPostgres
from .making import make_paper

ADA, BEN, CYD = make_paper("Ada"), make_paper("Ben"), make_paper("Cyd")
DAY = 24 * 3600
ROOT = Path(__file__).parents[2]


@dataclass
class Clock:
    """A clock that goes on by a second whenever it is looked at."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def change(place: DatabasePlace, *statements: str) -> list[object]:
    """Does something to the database behind the archive's back; the first value that each statement gives."""
    engine = open_engine(place)
    with engine.begin() as connection:
        results = [connection.execute(text(statement)) for statement in statements]
        found = [result.scalar() if result.returns_rows else None for result in results]
    engine.dispose()
    return found


@pytest.fixture
def open_archive(database: DatabasePlace) -> Iterator[Callable[[], Archive]]:
    """Opens the archive of this test, as another process or a later one would."""
    opened: list[Archive] = []
    clock = Clock()

    def open_archive(later: float = 0) -> Archive:
        clock.now += later
        opened.append(Archive(database, clock))
        return opened[-1]

    yield open_archive
    for archive in opened:
        archive.close()


@pytest.fixture
def archive(open_archive: Callable[[], Archive]) -> Archive:
    return open_archive()


def with_answer(
    before: Conversation, question: str, answer: str = "It says", paper: Paper | None = ADA, **known: object
) -> Conversation:
    """The conversation with one more turn, which cites the first sentence of the paper."""
    references = before.references
    pieces: tuple[str | Citation | Uncited, ...] = (f"{answer} ",)
    if paper:
        references, number = references.offer([paper]).cite(paper.id)
        quote = paper.abstract.partition(".")[0] + "."
        citation = Citation(number, references.key(paper.id), paper, 1, 0, len(quote), quote, "supported", 1)
        pieces += (citation, Uncited(2))
    plan = Plan(Mode.ASK, question, question)
    papers = (paper,) if paper else ()
    turn = Turn(plan, pieces, papers, Outcome.ANSWERED, timings={"total": 0.5}, id=new_id())
    return before.with_turn(replace(turn, **known), references)  # type: ignore[arg-type]


def kept(archive: Archive, *questions: str, before: Conversation | None = None) -> Conversation:
    """A conversation of these questions, each saved as it was asked."""
    conversation = before or Conversation.begun()
    for question in questions:
        conversation = archive.save(with_answer(conversation, question))
    return conversation


def questions(conversation: Conversation) -> list[str]:
    return [turn.question for turn in conversation.turns]


def found(archive: Archive, search: str) -> list[str]:
    return [listed.title for listed in archive.list(search)]


# -- kept -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", Outcome)
def test_a_conversation_is_whole_after_a_restart(open_archive: Callable[[], Archive], outcome: Outcome) -> None:
    first = open_archive()
    conversation = kept(first, "Who is Ada?", "And who is Ben?")
    conversation = first.save(
        with_answer(conversation, "\ud800 \0 é?", "|a|\n", BEN, outcome=outcome, problem="The server.", note="Cut.")
    )
    first.close()
    opened = open_archive().open(conversation.id)
    assert opened.conversation == conversation
    assert (opened.title, opened.versions) == ("Who is Ada?", {})
    assert conversation.references.cited == ("ada", "ben")


def test_the_list_has_the_latest_first_with_its_name_and_length(archive: Archive) -> None:
    one, other = kept(archive, "One?", "More?"), kept(archive, "Other?")
    first, second = archive.list()
    assert [(item.id, item.title, item.turns) for item in (first, second)] == [
        (other.id, "Other?", 1),
        (one.id, "One?", 2),
    ]
    assert first.updated > second.updated and first.updated.utcoffset() is not None and first.snippet == ()
    kept(archive, "Again?", before=one)
    assert [item.title for item in archive.list()] == ["One?", "Other?"]
    assert [item.title for item in archive.list(limit=1, offset=1)] == ["Other?"]


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Why?", "Why?"),
        ("  two\n lines\t ", "two lines"),
        ("word " * 30, "word " * 15 + "word…"),
        ("x" * 200, "x" * 79 + "…"),
        ("a\0b\udc80c", "a b c"),
        ("\0", "Untitled"),
    ],
)
def test_a_conversation_is_named_after_its_first_question(archive: Archive, question: str, name: str) -> None:
    kept(archive, question, "Another?")
    (listed,) = archive.list()
    assert listed.title == name and len(name) <= 80


def test_a_turn_is_replaced_when_it_is_saved_again(archive: Archive) -> None:
    before = kept(archive, "One?")
    asked = with_answer(before, "Two?", "", None, outcome=Outcome.STOPPED)
    archive.save(asked)
    written = replace(asked.turns[-1], pieces=("Written.",), outcome=Outcome.ANSWERED)
    archive.save(before.with_turn(written, before.references))
    assert archive.open(before.id).conversation.turns == (*before.turns, written)
    assert found(archive, "written") == ["One?"]


def test_turns_that_could_not_be_kept_are_kept_with_the_next(archive: Archive) -> None:
    conversation = with_answer(with_answer(Conversation.begun(), "One?"), "Two?")
    assert archive.save(conversation) == conversation == archive.open(conversation.id).conversation


def test_what_is_cited_stays_as_it_was_and_what_is_offered_is_renewed(archive: Archive) -> None:
    conversation = kept(archive, "One?")
    renewed = replace(ADA, abstract="Ada has a new abstract. It is short.")
    conversation = archive.save(with_answer(conversation, "Two?", paper=renewed))
    reopened = archive.open(conversation.id).conversation
    assert [turn.citations[0].paper for turn in reopened.turns] == [ADA, renewed]
    assert reopened.references.offered == (renewed,)


def test_what_cannot_be_kept_is_refused(archive: Archive) -> None:
    with pytest.raises(ValueError, match="has an id and a turn"):
        archive.save(with_answer(Conversation(), "One?"))
    with pytest.raises(ValueError, match="has an id and a turn"):
        archive.save(Conversation.begun())
    conversation = kept(archive, "One?", "Two?")
    with pytest.raises(ValueError, match="behind another"):
        archive.save(replace(conversation, turns=conversation.turns[::-1]))
    assert archive.open(conversation.id).conversation == conversation


# -- versions ---------------------------------------------------------------------------------------------------------


def test_a_retry_keeps_both_answers_and_an_edit_in_the_middle_goes_on_from_there(archive: Archive) -> None:
    whole = kept(archive, "One?", "Two?", "Three?")
    one, two, three = (turn.id for turn in whole.turns)
    edited = kept(archive, "Two, edited?", "Four?", before=whole.upto(two))
    retried = kept(archive, "Four?", before=edited.upto(edited.turns[-1].id))
    new, four, again = edited.turns[1].id, edited.turns[2].id, retried.turns[2].id
    opened = archive.open(whole.id)
    assert opened.conversation == retried
    assert opened.versions == {new: (two, new), again: (four, again)}

    back = archive.choose(whole.id, two)
    assert questions(back.conversation) == ["One?", "Two?", "Three?"]
    assert back.versions == {two: (two, new)}
    assert archive.open(whole.id) == back
    assert archive.choose(whole.id, new).conversation == retried  # what was shown there last
    assert archive.choose(whole.id, four).conversation == edited
    assert [item.turns for item in archive.list()] == [3]
    assert archive.choose(whole.id, one).conversation == edited
    assert archive.choose(whole.id, three).conversation.turns == whole.turns


def test_the_first_question_can_be_edited_too(archive: Archive) -> None:
    whole = kept(archive, "One?", "Two?")
    edited = kept(archive, "One, edited?", before=whole.upto(whole.turns[0].id))
    opened = archive.open(whole.id)
    assert questions(opened.conversation) == ["One, edited?"]
    assert opened.versions == {edited.turns[0].id: (whole.turns[0].id, edited.turns[0].id)}
    assert archive.choose(whole.id, whole.turns[0].id).conversation == whole


def test_numbers_that_were_given_stay_given_in_every_version(archive: Archive) -> None:
    first = archive.save(with_answer(Conversation.begun(), "Ada?", paper=ADA))
    second = archive.save(with_answer(first, "Ben?", paper=BEN))
    edited = archive.save(with_answer(second.upto(second.turns[1].id), "Cyd?", paper=CYD))
    assert edited.references.cited == ("ada", "ben", "cyd")
    assert archive.choose(first.id, second.turns[1].id).conversation.references == edited.references


def test_a_version_that_is_not_there_is_unknown(archive: Archive) -> None:
    conversation, other = kept(archive, "One?"), kept(archive, "Other?")
    with pytest.raises(UnknownConversation):
        archive.choose(conversation.id, other.turns[0].id)
    with pytest.raises(KeyError):
        conversation.upto(other.turns[0].id)


# -- rename, delete ---------------------------------------------------------------------------------------------------


def test_a_title_can_be_given_and_taken_back(archive: Archive) -> None:
    conversation = kept(archive, "What is Ada?")
    archive.rename(conversation.id, " Cachés \n and\0more ")
    assert archive.open(conversation.id).title == "Cachés and more"
    assert found(archive, "caches") == ["Cachés and more"]
    kept(archive, "Next?", before=conversation)
    assert archive.open(conversation.id).title == "Cachés and more"
    archive.rename(conversation.id, "  ")
    assert archive.open(conversation.id).title == "What is Ada?"
    assert found(archive, "caches") == []


def test_a_deleted_conversation_can_be_restored(archive: Archive) -> None:
    conversation = kept(archive, "What is Ada?")
    archive.delete(conversation.id)
    assert archive.list() == archive.list("ada") == ()
    for use in (archive.open, archive.delete, lambda known: archive.rename(known, "x")):
        with pytest.raises(UnknownConversation):
            use(conversation.id)
    archive.restore(conversation.id)
    assert archive.open(conversation.id).conversation == conversation
    assert found(archive, "ada") == ["What is Ada?"]


def test_a_turn_that_ends_after_its_conversation_was_deleted_is_there_when_that_is_restored(archive: Archive) -> None:
    begun = kept(archive, "One?")
    assert archive.delete(begun.id) == "One?"
    ended = replace(begun.turns[0], pieces=("At last.",))
    conversation = archive.save(replace(begun, turns=(ended,)))
    assert archive.list() == ()
    archive.restore(conversation.id)
    assert archive.open(conversation.id).conversation == conversation


def test_who_asks_in_a_conversation_that_was_deleted_elsewhere_has_it_back(archive: Archive) -> None:
    conversation = kept(archive, "One?")
    archive.delete(conversation.id)
    assert archive.path(conversation.id) == ()
    conversation = kept(archive, "Two?", before=conversation)
    assert archive.open(conversation.id).conversation == conversation
    assert archive.path(conversation.id) == tuple(turn.id for turn in conversation.turns)


def test_what_was_deleted_a_month_ago_is_gone_for_good(
    database: DatabasePlace, open_archive: Callable[..., Archive]
) -> None:
    archive = open_archive()
    gone, left = kept(archive, "Gone?"), kept(archive, "Left?")
    archive.delete(gone.id)
    open_archive(29 * DAY).restore(gone.id)
    archive.delete(gone.id)
    later = open_archive(31 * DAY)
    with pytest.raises(UnknownConversation):
        later.restore(gone.id)
    assert later.open(left.id).conversation == left
    counts = change(database, *(f"SELECT count(*) FROM {table}" for table in TABLES))
    assert counts == [1, 1, 1, 2]


TABLES = ("conversations", "turns", "offered", "words")


@pytest.mark.parametrize("unknown", ["", "nobody", "'; DROP TABLE turns; --"])
def test_an_unknown_conversation_is_told(archive: Archive, unknown: str) -> None:
    for use in (archive.open, archive.delete, archive.restore):
        with pytest.raises(UnknownConversation, match="no such conversation"):
            use(unknown)


# -- search -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def library(archive: Archive) -> Archive:
    """Three conversations: one of two turns, of which the second was edited."""
    caches = archive.save(
        with_answer(Conversation.begun(), "What is MiniCache?", "It **halves** the KV\\_cache in C++")
    )
    caches = archive.save(with_answer(caches, "Is Schrödinger's cat NEAR?", "A straße, café and 100%"))
    archive.save(with_answer(caches.upto(caches.turns[1].id), "Something else?", "Nothing (of that) AND more"))
    archive.save(with_answer(Conversation.begun(), "What are zebrafish?", "Fish with stripes"))
    archive.save(with_answer(Conversation.begun(), "The 'quoted' \"word\"?", "O'Neil said: title:secret"))
    return archive


@pytest.mark.parametrize(
    ("search", "titles"),
    [
        *((form, ["What is MiniCache?"]) for form in ("minicache", "MINICACHE?", "minic", "halves", "cache halves")),
        *(
            (form, ["What is MiniCache?"])
            for form in ("schrodinger", "Schrödinger's", "cafe", "CAFÉ", "cat near", "NEAR")
        ),
        *((form, ["What is MiniCache?"]) for form in ("kv_cache", "c++", "100%", "(of that)", "nothing AND", "AND")),
        *((form, ["What is MiniCache?"]) for form in ("minicache * more", "NOT", "halves café", "NEAR(minicache cat)")),
        *(
            (form, ["What are zebrafish?"])
            for form in ("zebra", "fish* stripes", "-zebrafish", "^zebrafish", "stripes OR")[:4]
        ),
        *(
            (form, ["The 'quoted' \"word\"?"])
            for form in ("quoted", "'quoted'", '"word"', 'word"', "o'neil", "title:secret")
        ),
        *(
            (form, [])
            for form in ("minicache zebrafish", "halve café", "zebrafish OR minicache", "lasagne", "zebra fish")
        ),
        *((form, []) for form in ("*", '"', '""', "()", "- -", "\0", "\ud800", "🎉", "{}:", "';--", "\\", "^")),
    ],
)
def test_words_are_found_in_titles_questions_and_answers_of_all_versions(
    library: Archive, search: str, titles: list[str]
) -> None:
    assert found(library, search) == titles


def test_a_word_that_ends_with_a_sign_is_whole(archive: Archive) -> None:
    kept(archive, "Which caches are compressed?")
    kept(archive, "Which of them are written in C++?")
    assert found(archive, "c++") == ["Which of them are written in C++?"]
    assert len(found(archive, "c")) == 2


def test_without_words_the_search_is_the_list(library: Archive) -> None:
    assert found(library, "  ") == found(library, "") and len(found(library, "")) == 3


def test_a_conversation_with_many_hits_is_listed_once(archive: Archive) -> None:
    kept(archive, *["What is MiniCache?"] * 5)
    assert found(archive, "what") == ["What is MiniCache?"]


def test_hits_are_marked_in_the_place_where_they_are(library: Archive) -> None:
    (listed,) = library.list("schrodinger ca")
    assert "".join(part for part, _ in listed.snippet).startswith("Is Schrödinger's cat NEAR?")
    assert [part for part, hit in listed.snippet if hit] == ["Schrödinger", "cat", "café"]
    (listed,) = library.list("halves")
    assert ("halves", True) in listed.snippet and "**" not in str(listed.snippet)


def test_a_hit_names_its_turn_in_whatever_version_that_is(library: Archive) -> None:
    (listed,) = library.list("halves")
    assert listed.hit == library.path(listed.id)[0]
    (listed,) = library.list("schrodinger")
    assert listed.hit not in library.path(listed.id)
    assert library.choose(listed.id, listed.hit).conversation.turns[-1].question == "Is Schrödinger's cat NEAR?"
    library.rename(listed.id, "Of physics")
    assert [listed.hit for listed in library.list("physics")] == [""]


def test_a_long_query_is_safe(library: Archive) -> None:
    assert found(library, "zebrafish " * 10_000) == ["What are zebrafish?"]
    assert found(library, '"' * 10_000) == []


# -- export and import ------------------------------------------------------------------------------------------------


def test_an_export_is_read_in_as_a_new_conversation(archive: Archive) -> None:
    conversation = kept(archive, "What is Ada?", "And now?")
    exported = conversation_to_json(archive.open(conversation.id).conversation)
    new = archive.put(conversation_from_json(exported), "Copy")
    copy = archive.open(new)
    assert new != conversation.id and copy.title == "Copy"
    assert {turn.id for turn in copy.conversation.turns}.isdisjoint(turn.id for turn in conversation.turns)
    assert [replace(turn, id="") for turn in copy.conversation.turns] == [
        replace(turn, id="") for turn in conversation.turns
    ]
    assert copy.conversation.references == conversation.references
    with pytest.raises(InvalidHistory, match="no question"):
        archive.put(Conversation())


# -- several at once --------------------------------------------------------------------------------------------------


def test_a_page_that_is_behind_gets_the_numbers_that_another_gave(open_archive: Callable[[], Archive]) -> None:
    one, other = open_archive(), open_archive()
    begun = one.save(with_answer(Conversation.begun(), "Ada?", paper=ADA))
    there = one.save(with_answer(begun, "Ben?", paper=BEN))
    here = other.save(with_answer(begun, "Cyd?", paper=CYD))
    assert there.references.cited == ("ada", "ben")
    assert here.references.cited == ("ada", "ben", "cyd")
    citation = here.turns[-1].citations[0]
    assert (citation.number, citation.key, citation.paper) == (3, "P3", CYD)
    opened = one.open(begun.id)
    assert opened.conversation == here
    assert opened.versions == {here.turns[1].id: (there.turns[1].id, here.turns[1].id)}
    assert one.choose(begun.id, there.turns[1].id).conversation == replace(there, references=here.references)


def ask_ten(place: DatabasePlace, conversation: Conversation, name: str) -> None:
    """Asks ten questions, each answered from a paper of its own."""
    archive = Archive(place)
    for count in range(10):
        conversation = archive.save(with_answer(conversation, f"{name} {count}?", paper=make_paper(f"{name}{count}")))
    archive.close()


def test_processes_and_threads_write_one_conversation_without_loss(
    database: DatabasePlace, open_archive: Callable[[], Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT)  # where the other process finds this module
    archive = open_archive()
    begun = kept(archive, "One?")
    spawned = multiprocessing.get_context("spawn")
    workers = [spawned.Process(target=ask_ten, args=(database, begun, "Process"))]
    workers += [threading.Thread(target=ask_ten, args=(database, begun, f"Thread{n}")) for n in range(2)]  # type: ignore[list-item]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    opened = archive.open(begun.id)
    (versions,) = opened.versions.values()
    assert len(versions) == 3
    numbers = opened.conversation.references.cited
    assert len(numbers) == len({*numbers}) == 31
    for version in versions:
        shown = archive.choose(begun.id, version).conversation
        assert len(shown.turns) == 11
        for turn in shown.turns:
            (citation,) = turn.citations
            assert numbers[citation.number - 1] == citation.paper.id
            assert shown.references.paper(citation.key) == citation.paper


# -- owners -----------------------------------------------------------------------------------------------------------


def test_everybody_has_their_own_conversations(archive: Archive) -> None:
    ann, bob = archive.of("ann"), archive.of("bob")
    of_ann, of_nobody = kept(ann, "What of tides?"), kept(archive, "What of tides then?")
    assert [listed.id for listed in ann.list()] == [listed.id for listed in ann.list("tides")] == [of_ann.id]
    assert [listed.id for listed in archive.list("tides")] == [of_nobody.id]
    assert bob.list() == bob.list("tides") == ()


def test_a_conversation_of_somebody_else_is_unknown_whatever_is_done_with_it(archive: Archive) -> None:
    ann, bob = archive.of("ann"), archive.of("bob")
    conversation = kept(ann, "One?")
    before, turn_id = ann.open(conversation.id), conversation.turns[0].id
    for attempt in (
        lambda: bob.open(conversation.id),
        lambda: bob.choose(conversation.id, turn_id),
        lambda: bob.rename(conversation.id, "Mine"),
        lambda: bob.delete(conversation.id),
        lambda: bob.restore(conversation.id),
        lambda: bob.save(conversation),
        lambda: bob.save(with_answer(conversation, "Two?")),
        lambda: archive.open(conversation.id),
    ):
        with pytest.raises(UnknownConversation, match="There is no such conversation"):
            attempt()
    assert bob.path(conversation.id) == ()
    assert bob.versions(conversation.id) == {}
    assert ann.open(conversation.id) == before


def test_a_deleted_conversation_comes_back_to_its_owner_only(archive: Archive) -> None:
    ann = archive.of("ann")
    conversation = kept(ann, "One?")
    ann.delete(conversation.id)
    for attempt in (lambda: archive.of("bob").restore(conversation.id), lambda: archive.of("bob").save(conversation)):
        with pytest.raises(UnknownConversation):
            attempt()
    assert ann.list() == ()
    ann.restore(conversation.id)
    assert [listed.id for listed in ann.list()] == [conversation.id]


def test_conversations_from_before_owners_are_brought_up_to_date(database: DatabasePlace, archive: Archive) -> None:
    conversation = kept(archive, "One?")
    archive.close()
    change(
        database,
        "DROP INDEX conversations_of_owner",
        "ALTER TABLE conversations DROP COLUMN owner",
        *(
            ["UPDATE conversations_version SET version_num = '1'"]
            if isinstance(database, Postgres)
            else ["DROP TABLE conversations_version", "UPDATE meta SET value = '1' WHERE name = 'schema'"]
        ),
    )
    with closing(Archive(database)) as again:
        assert again.open(conversation.id).conversation == conversation
        assert again.of("ann").list() == ()
        kept(again.of("ann"), "Two?")
    with closing(Archive(database)) as later:
        assert [listed.title for listed in later.list()] == ["One?"]


def test_what_the_revisions_make_is_what_the_tables_are_declared_to_be(database: DatabasePlace) -> None:
    engine = open_engine(database)
    with engine.begin() as connection:
        VERSIONS.upgrade(connection)
        named = {"version_table": VERSIONS.table, "include_name": lambda name, kind, _: not is_of_words(name, kind)}
        assert compare_metadata(MigrationContext.configure(connection, opts=named), Base.metadata) == []
    engine.dispose()
    with closing(Archive(database)) as archive:
        kept(archive, "One?")
        assert found(archive, "on") == ["One?"]


def is_of_words(name: str | None, kind: str) -> bool:
    return kind == "table" and str(name).startswith(("words", "meta"))


def test_the_newest_revision_is_that_of_the_program() -> None:
    assert ScriptDirectory(str(VERSIONS.folder)).get_heads() == [SCHEMA]


def test_catalogue_and_conversations_share_a_database(postgres: RunningPostgres) -> None:
    place = postgres.fresh()
    with closing(Catalogue(place)) as catalogue, closing(Archive(place)) as archive:
        kept(archive, "One?")
        catalogue.put([ADA])
    with closing(Catalogue(place)) as catalogue, closing(Archive(place)) as archive:
        assert (len(catalogue.page()), len(archive.list())) == (1, 1)


# -- files that cannot be used ----------------------------------------------------------------------------------------


def test_newer_conversations_are_refused_in_one_line_and_left_as_they_are(
    database: DatabasePlace, archive: Archive
) -> None:
    archive.close()
    change(database, "UPDATE conversations_version SET version_num = '9'")
    with pytest.raises(ArchiveUnreadable) as refused:
        Archive(database)
    assert str(refused.value).endswith("have schema 9, this version reads 2; install the newer one.")
    assert "\n" not in str(refused.value) and PASSWORD not in str(refused.value)


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(ArchiveUnreadable, match="Check DATABASE_URL") as refused:
        Archive(Postgres(f"postgresql://reader:{PASSWORD}@127.0.0.1:1/papers"))
    assert "\n" not in str(refused.value) and PASSWORD not in str(refused.value)


def test_a_file_that_is_something_else_is_told(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite3"
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(ArchiveUnreadable, match=r"cannot be used \(file is not a database\)"):
        Archive(path)


def test_a_damaged_turn_is_told(database: DatabasePlace, archive: Archive) -> None:
    conversation = kept(archive, "One?")
    change(database, "UPDATE turns SET body = substr(body, 1, 40)")
    with pytest.raises(ArchiveUnreadable, match="are damaged: The turn cannot be read"):
        archive.open(conversation.id)


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "conversations.sqlite3")
    conversation = kept(archive, "One?")
    with archive._file.reading() as session:  # of the one connection that this thread has
        session.execute(text("PRAGMA max_page_count = 1"))
    with pytest.raises(ArchiveUnreadable, match="the disk is full"):
        archive.save(with_answer(conversation, "Two?", "long " * 100_000))
    assert archive.open(conversation.id).conversation == conversation
    archive.close()
