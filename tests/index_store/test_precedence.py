"""What can wait gives way to who waits for a first word, and not for ever."""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from index_store import Embedder, Library, Paper, in_front, is_anybody_in_front
from index_store.precedence import give_way

PAPERS = [Paper(f"On the {animal}", f"The {animal} eats.") for animal in ("aardvark", "bison", "camel")]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every pause between two looks whether somebody is still in front; there may be three."""
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        assert len(pauses) < 4, "it waits on"

    monkeypatch.setattr("index_store.precedence.sleep", pause)
    return pauses


def test_who_is_alone_goes_on_at_once(looks: list[float]) -> None:
    give_way(3600.0)
    assert looks == []


def test_way_is_given_until_the_last_one_has_gone() -> None:
    went, given = list[str](), Event()

    def wait() -> None:
        give_way(3600.0)
        went.append("who can wait")
        given.set()

    with in_front(3600.0):
        with in_front(3600.0):
            thread = Thread(target=wait)
            thread.start()
        assert is_anybody_in_front()
        assert not given.wait(0.1)
        went.append("who waits")
    thread.join(30)
    assert went == ["who waits", "who can wait"]
    assert not is_anybody_in_front()


def test_way_is_not_given_for_long() -> None:
    with in_front(3600.0):
        give_way(0.05)
        assert is_anybody_in_front()


def test_who_has_waited_for_long_counts_no_longer(looks: list[float]) -> None:
    with in_front(0.0):
        give_way(3600.0)
    assert looks == []


def test_who_fails_is_in_front_no_longer() -> None:
    with pytest.raises(RuntimeError), in_front(3600.0):
        raise RuntimeError
    assert not is_anybody_in_front()


def test_what_is_embedded_is_put_into_the_index_of_meanings_when_nobody_waits(
    tmp_path: Path, make_embedder: Callable[..., Embedder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chroma holds up every other thread of Python meanwhile."""
    asked = Event()

    def give_way_for_long(seconds: float) -> None:
        assert 0 < seconds <= 0.5
        asked.set()
        give_way(3600.0)

    monkeypatch.setattr("index_store.vectors.give_way", give_way_for_long)
    with Library(tmp_path, make_embedder(batch=2)) as library:
        library.add_records(PAPERS)
        indexing = Thread(target=library.index)
        try:
            with in_front(3600.0):
                indexing.start()
                assert asked.wait(30)
                assert library.vectors.count == 0
        finally:
            indexing.join(30)
        assert library.vectors.count == 3
