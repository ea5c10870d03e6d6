"""Two homes, each with an index of words of its own, over one catalogue on PostgreSQL and one Chroma server."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from index_store import (
    Background,
    Catalogue,
    ChromaServer,
    Embedder,
    Library,
    Paper,
    Postgres,
    Ranking,
    examine,
    following,
    search,
)
from index_store.following import Bookmark
from index_store.lexicon import Lexicon

from ..index_store.conftest import WordCounts

WHALE, BEE = Paper("On whales", "The whale sings. It dives."), Paper("On bees", "The bee hums. It dances.")
MANY = [Paper(f"On animal{number}", f"The animal{number} eats. Animal{number} sleeps.") for number in range(50)]
Homes = Callable[..., Library]


def embedder() -> Embedder:
    return Embedder(WordCounts(model_name="word-counts"), word_weight=0.3, batch=8)


@pytest.fixture
def opened(tmp_path: Path, shared: tuple[Postgres, ChromaServer]) -> Iterator[Homes]:
    """Opens the shared library with the home of this name."""
    database, server = shared
    libraries: list[Library] = []

    def open_home(name: str, *, rebuild: bool = False) -> Library:
        libraries.append(Library(tmp_path / name, embedder(), rebuild=rebuild, server=server, database=database))
        return libraries[-1]

    yield open_home
    for library in libraries:
        library.close()


@contextmanager
def watching(*libraries: Library) -> Iterator[list[Background]]:
    """Has each follow the others, as an open page does."""
    behind = [Background(library) for library in libraries]
    for each in behind:
        each.wake()
    try:
        yield behind
    finally:
        for each in behind:
            each.stop()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def titles(library: Library, question: str, ranking: Ranking = Ranking.FUSED) -> list[str]:
    return [hit.paper.title for hit in search(library, question, 3, ranking=ranking).hits]


def words(library: Library) -> set[str]:
    """The titles that the home's own index of words has, and the ids of those that the catalogue does not have."""
    ids = sorted(library.lexicon.ids())
    known = library.catalogue.papers(ids)
    return {known[paper_id].title if paper_id in known else paper_id for paper_id in ids}


def test_what_one_home_adds_changes_and_removes_the_other_finds(opened: Homes) -> None:
    one, other = opened("one"), opened("other")
    with watching(one, other):
        one.add_records([WHALE, BEE])
        until(lambda: other.lexicon.search("whale", 5))
        until(lambda: other.status().indexed == 2)
        for ranking in Ranking:
            assert titles(other, "whale sings", ranking)[0] == "On whales"
        assert other.status() == one.status() and other.catalogue.page() == one.catalogue.page()
        other.add_records([Paper("On whales", "The orca hunts in a group, and it never sings. It dives.")])
        until(lambda: one.lexicon.search("orca", 5) and one.status().pending == 0)
        assert titles(one, "orca hunts", Ranking.MEANING)[0] == "On whales"
        one.remove([paper.id for paper in one.catalogue.page() if paper.title == "On bees"])
        until(lambda: words(other) == {"On whales"} and len(other.vectors.ids()) == 1)
        assert "On bees" not in titles(other, "bee hums")
    for library in (one, other):
        assert examine(library).problems == ()


def test_a_home_that_was_away_has_caught_up_before_its_first_search(opened: Homes, tmp_path: Path) -> None:
    one = opened("one")
    opened("other").close()
    one.add_records([WHALE, BEE])
    one.index()
    one.remove([one.catalogue.page()[1].id])
    other = opened("other")
    assert words(other) == {"On whales"} and titles(other, "whale")[:1] == ["On whales"]


def test_a_question_whose_words_are_new_here_finds_what_another_home_added_a_moment_ago(opened: Homes) -> None:
    one, other = opened("one"), opened("other")
    assert titles(other, "whale") == []
    one.add_records([WHALE])
    assert titles(other, "whale") == ["On whales"], "the first paper of all"
    one.add_records([BEE])
    assert titles(other, "bee hums")[0] == "On bees"
    one.remove([paper.id for paper in one.catalogue.page() if paper.title == "On bees"])
    one.add_records([Paper("On orcas", "The orca hunts. It dives.")])
    assert titles(other, "bee or orca")[0] == "On orcas"


def test_a_question_finds_what_is_here_where_what_another_home_added_cannot_be_taken_in(
    opened: Homes, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = opened("one"), opened("other")
    one.add_records([WHALE])
    other.take_in()
    one.add_records([BEE])
    with monkeypatch.context() as patch:
        patch.setattr("index_store.failures._ROOM", 10**18)  # no disk has that much
        assert titles(other, "whales and bees") == ["On whales"]
    assert titles(other, "bees") == ["On bees"]


def test_a_question_does_not_wait_until_others_have_changed_the_index_of_words(opened: Homes) -> None:
    one, other = opened("one"), opened("other")
    one.add_records([WHALE])
    other.take_in()
    one.add_records([BEE])
    held, done = threading.Event(), threading.Event()

    def change() -> None:
        with other._writing_words():
            held.set()
            done.wait(60)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        held.wait(60)
        assert titles(other, "whales and bees") == ["On whales"]
    finally:
        done.set()
        changing.join()
    assert titles(other, "bees") == ["On bees"]


def test_one_home_embeds_at_a_time(opened: Homes) -> None:
    one, other = opened("one"), opened("other")
    one.add_records(MANY)
    lock = one.catalogue.lock("embedding")
    assert lock.take(0), "as by a process that is at it"
    assert other.index() == 0 and other.status().pending == len(MANY)
    lock.give()
    assert other.index() == len(MANY)
    assert examine(other).problems == ()


def test_the_embedding_behind_takes_over_by_itself(opened: Homes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index_store.background._BESIDE", 0.1)
    one, other = opened("one"), opened("other")
    lock = one.catalogue.lock("embedding")
    assert lock.take(0)
    one.add_records([WHALE])
    with watching(other) as (behind,):
        until(lambda: behind.standing is not None and "Another process" in behind.standing.problem)
        lock.give()
        until(lambda: other.status().pending == 0)


def test_the_numbers_of_changes_have_no_gaps_and_come_in_the_order_in_which_they_are_seen(
    shared: tuple[Postgres, ChromaServer],
) -> None:
    def add(own: int) -> None:
        with closing(Catalogue(shared[0])) as catalogue:
            for paper in MANY[own::4]:
                catalogue.put([paper])
                if own == 3:  # one that fails after it had its number
                    with pytest.raises(RuntimeError):
                        catalogue.put(failing(paper))

    def failing(paper: Paper) -> Iterator[Paper]:
        yield Paper("Never", "It is not kept.")
        raise RuntimeError(paper.title)

    with closing(Catalogue(shared[0])) as reader:
        threads = [threading.Thread(target=add, args=(own,)) for own in range(4)]
        for thread in threads:
            thread.start()
        seen: list[int] = []
        while len(seen) < len(MANY):
            seen += [each.change for each in reader.changed_after(seen[-1] if seen else 0, 1 << 30, 7)]
        for thread in threads:
            thread.join()
        assert seen == [*range(1, len(MANY) + 1)]
        assert reader.last_change() == len(MANY)


@pytest.mark.parametrize("step", ["put", "write"])
def test_a_home_that_is_killed_while_it_follows_repeats_the_work(
    opened: Homes, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(following, "_BATCH", 20)
    one, other = opened("one"), opened("other")
    one.add_records(MANY)
    with monkeypatch.context() as patch:
        real = Bookmark.write
        calls: list[int] = []

        def second(*arguments: object) -> None:
            calls.append(1)
            if len(calls) == 2:
                raise Killed
            real(*arguments)  # type: ignore[arg-type]

        if step == "write":
            patch.setattr(Bookmark, "write", second)
        else:
            patch.setattr(type(other.lexicon), "put", killed)
        with pytest.raises(Killed):
            other.take_in()
    other.close()
    again = opened("other")
    assert words(again) == {paper.title for paper in MANY} and again.lexicon.count == len(MANY)


def test_a_bookmark_that_is_damaged_or_of_another_library_is_none(tmp_path: Path) -> None:
    file = tmp_path / "bookmark"
    bookmark = Bookmark(file, "library/3")
    assert bookmark.read() is None
    bookmark.write(following.Reached(5, 2, 1))
    assert bookmark.read() == following.Reached(5, 2, 1)
    assert Bookmark(file, "another/3").read() is None
    whole = file.read_bytes()
    for damaged in (b"", whole[:-4], b"[]", b'{"of": "library/3", "reached": {}}'):
        file.write_bytes(damaged)
        assert bookmark.read() is None


def test_the_words_of_a_home_may_be_copied_to_another_one(
    opened: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = opened("one")
    one.add_records(MANY)
    one.close()
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    put: list[object] = []
    monkeypatch.setattr(Lexicon, "put", lambda *_, **__: put.append(1))
    other = opened("other")
    assert other.lexicon.count == len(MANY) and put == []


def test_who_is_behind_what_was_forgotten_begins_anew(opened: Homes) -> None:
    one = opened("one")
    one.add_records([WHALE, BEE])
    opened("other").close()
    one.remove([paper.id for paper in one.catalogue.page() if paper.title == "On bees"])
    one.catalogue.forget(before=time.time() + 1)  # so that no row says any longer that there was one
    assert words(opened("other")) == {"On whales"}


def test_a_catalogue_that_was_put_back_to_an_earlier_time_is_followed_from_the_start(
    opened: Homes, shared: tuple[Postgres, ChromaServer]
) -> None:
    one = opened("one")
    one.add_records([WHALE])
    one.add_records([BEE])
    bookmark = one._bookmark
    assert bookmark is not None
    one.lexicon.put([Paper("Of a later time", "It is lost.", id="later")])
    bookmark.write(following.Reached(99, 1, 0))
    one.take_in()
    assert words(one) == {"On whales", "On bees"} and one.lexicon.count == 2


def test_a_rebuild_of_one_home_leaves_both_right(opened: Homes) -> None:
    one, other = opened("one"), opened("other")
    one.add_records([WHALE, BEE])
    one.index()
    one.close()
    with watching(other):
        third = opened("third", rebuild=True)
        third.index()
        until(lambda: third.status().pending == 0)  # whichever of the two is at it
        assert titles(other, "whale sings", Ranking.MEANING)[:1] == ["On whales"]
        assert embedded(third) == [], "all vectors were kept"
        assert examine(third).problems == () and examine(other).problems == ()


def embedded(library: Library) -> list[str]:
    model = library.embedder.model
    assert isinstance(model, WordCounts)
    return model.seen


def test_a_home_may_go_back_to_files_and_to_the_database_again(opened: Homes, tmp_path: Path) -> None:
    opened("one").add_records([WHALE])
    opened("one").close()
    with Library(tmp_path / "one", embedder()) as alone:
        alone.add_records([BEE])
        assert words(alone) == {"On bees"} and alone.lexicon.count == 1
    assert words(opened("one")) == {"On whales"}


def test_a_database_without_a_chroma_server_is_refused(tmp_path: Path, shared: tuple[Postgres, ChromaServer]) -> None:
    with pytest.raises(ValueError, match="vectors on a server"):
        Library(tmp_path, embedder(), database=shared[0])
