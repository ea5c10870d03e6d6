"""Embedding behind a library that is in use."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from index_store import Background, Embedder, EmbeddingError, Library, Paper

MakeEmbedder = Callable[..., Embedder]

PAPERS = [Paper(f"On animal{number}", f"The animal{number} eats. Animal{number} sleeps.") for number in range(12)]


def until(condition: Callable[[], bool]) -> None:
    """Waits for what another thread is about to do."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_what_is_added_is_embedded_behind_and_the_standing_told(tmp_path: Path, make_embedder: MakeEmbedder) -> None:
    with Library(tmp_path, make_embedder(batch=2)) as library:
        background = Background(library)
        library.add_records(PAPERS)
        assert background.standing is None
        background.wake()
        until(lambda: not library.status().pending and background.standing is None)
        library.add_records([Paper("On whales", "The whale sings. It dives.")])
        background.wake()
        until(lambda: not library.status().pending)
        assert library.vectors.ids() == {paper.id for paper in library.catalogue.page()}
        background.stop()


def test_a_stop_keeps_what_is_done_and_the_next_one_goes_on(
    tmp_path: Path, make_embedder: MakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_embedder(batch=2), make_embedder(batch=2)
    with Library(tmp_path, first) as library:
        library.add_records(PAPERS)
        background = Background(library)
        put_vectors = library.catalogue.put_vectors

        def slowly(*arguments: object) -> None:
            time.sleep(0.05)  # so that the stop comes before the end
            put_vectors(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(library.catalogue, "put_vectors", slowly)
        background.wake()
        until(lambda: library.status().indexed > 0)
        standing = background.standing
        assert standing is not None and 0 < standing.total <= len(PAPERS)
        background.stop()
        assert 0 < library.status().indexed < len(PAPERS)
    with Library(tmp_path, second) as library:
        background = Background(library)
        background.wake()
        until(lambda: not library.status().pending)
        background.stop()
    texts = [*first.model.seen, *second.model.seen]  # type: ignore[attr-defined]
    assert len(texts) == len(set(texts)), "nothing was embedded twice"


def test_a_model_that_fails_is_told_and_asked_again(
    tmp_path: Path, cheap_embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Embedder, texts: object) -> None:
        raise EmbeddingError("No server answers.")

    with Library(tmp_path, cheap_embedder) as library:
        assert cheap_embedder.dimension
        library.add_records(PAPERS)
        background = Background(library)
        with monkeypatch.context() as patch:
            patch.setattr(Embedder, "embed", fails)
            background.wake()
            until(lambda: background.standing is not None and bool(background.standing.problem))
        assert background.standing is not None
        assert background.standing.problem == "No server answers."
        assert library.status().pending == len(PAPERS)
        background.wake()
        until(lambda: not library.status().pending and background.standing is None)
        background.stop()


def test_stopping_what_never_began_is_nothing(tmp_path: Path, cheap_embedder: Embedder) -> None:
    with Library(tmp_path, cheap_embedder) as library:
        Background(library).stop()


def test_a_catalogue_that_fails_once_does_not_end_the_embedding(
    tmp_path: Path, cheap_embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Library(tmp_path, cheap_embedder) as library:
        library.add_records(PAPERS)
        background = Background(library)

        def locked() -> None:
            raise RuntimeError("database is locked")

        with monkeypatch.context() as patch:
            patch.setattr(library, "status", locked)
            background.wake()
            until(lambda: background.standing is not None and bool(background.standing.problem))
        background.wake()
        until(lambda: not library.status().pending and background.standing is None)
        background.stop()
