"""Indexing behind a library that is in use, and what other processes do to it meanwhile."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from index_store import Background, Embedder, EmbeddingError, Library, Paper, Ranking, search
from index_store.vectors import Entry

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
    def fails(self: Embedder, texts: object, **_: bool) -> None:
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


# -- what another process changes -------------------------------------------------------------------------------------

ANOTHER_PROCESS = """
import sys
from pathlib import Path
from index_store import Paper, open_catalogue

catalogue = open_catalogue(Path(sys.argv[1]))
for line in sys.stdin:
    what, title = line.strip().split(maxsplit=1)
    if what == "add":
        catalogue.put([Paper(title, f"{title} is new. It was added elsewhere.")])
    else:
        catalogue.remove([paper.id for paper in catalogue.page() if paper.title == title])
    print("done", flush=True)
"""


class AnotherProcess:
    """Changes the catalogue of a library that this process has open."""

    def __init__(self, home: Path) -> None:
        root = Path(__file__).parents[2]
        command = [sys.executable, "-c", ANOTHER_PROCESS, str(home)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=root
        )

    def do(self, what: str) -> float:
        """Has it done; the time at which it was."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{what}\n")
        assert self._process.stdout.readline() == "done\n"
        return time.monotonic()

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[AnotherProcess]:
    process = AnotherProcess(tmp_path)
    yield process
    process.end()


def found(library: Library, word: str, ranking: Ranking = Ranking.WORDS) -> list[str]:
    return [hit.paper.title for hit in search(library, word, 5, ranking=ranking).hits]


def test_what_another_process_adds_is_found_at_once_and_embedded_and_what_it_removes_is_gone(
    tmp_path: Path, make_embedder: MakeEmbedder, elsewhere: AnotherProcess
) -> None:
    with Library(tmp_path, make_embedder(batch=2)) as library:
        library.add_records(PAPERS)
        background = Background(library)
        background.wake()
        until(lambda: not library.status().pending and background.standing is None)
        done = elsewhere.do("add Whales")
        until(lambda: found(library, "whales") == ["Whales"])
        assert time.monotonic() - done < 5, "half a second, on a machine that does nothing else"
        until(lambda: "Whales" in found(library, "whales", Ranking.MEANING) and not library.status().pending)
        elsewhere.do("remove Whales")
        until(lambda: found(library, "whales") == [])
        until(lambda: library.vectors.ids() == {paper.id for paper in library.catalogue.page()})
        background.stop()


def test_what_another_process_adds_is_found_while_others_are_being_embedded(
    tmp_path: Path, make_embedder: MakeEmbedder, elsewhere: AnotherProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = Event()
    with Library(tmp_path, make_embedder()) as library:
        assert library.embedder.dimension
        library.add_records(PAPERS)
        embed = Embedder.embed

        def waits(self: Embedder, texts: Sequence[str], **how: bool) -> Any:
            assert go_on.wait(60)
            return embed(self, texts, **how)

        monkeypatch.setattr(Embedder, "embed", waits)
        background = Background(library)
        background.wake()
        until(lambda: background.standing is not None)
        elsewhere.do("add Whales")
        until(lambda: bool(library.lexicon.search("whales", 5)))
        assert library.status().indexed == 0
        go_on.set()
        until(lambda: not library.status().pending and background.standing is None)
        background.stop()


def test_what_was_changed_between_opening_and_waking_is_taken_in(
    tmp_path: Path, cheap_embedder: Embedder, elsewhere: AnotherProcess
) -> None:
    with Library(tmp_path, cheap_embedder) as library:
        elsewhere.do("add Whales")
        background = Background(library)
        background.wake()
        until(lambda: found(library, "whales") == ["Whales"] and not library.status().pending)
        background.stop()


def test_a_library_in_which_nothing_changes_is_left_alone(
    tmp_path: Path, cheap_embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Library(tmp_path, cheap_embedder) as library:
        library.add_records(PAPERS)
        background = Background(library)
        background.wake()
        until(lambda: not library.status().pending)
        calls: list[float] = []
        monkeypatch.setattr(library, "take_in", lambda: calls.append(time.monotonic()))
        time.sleep(2)
        seen = len(calls)
        time.sleep(1.5)
        assert seen <= 2 and len(calls) == seen, "its own work is looked at once more, and no change sets off another"
        background.stop()


def test_only_what_is_embedded_behind_the_page_has_time(
    tmp_path: Path, cheap_embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = Embedder.embed, list[tuple[bool, int]]()

    def embed(self: Embedder, texts: Sequence[str], *, behind: bool = False) -> Any:
        asked.append((behind, len(texts)))
        return real(self, texts, behind=behind)

    with Library(tmp_path, cheap_embedder) as library:
        library.embedder.dimension  # noqa: B018  # measured here
        monkeypatch.setattr(Embedder, "embed", embed)
        library.add_records(PAPERS)
        assert search(library, "animal1 eats", 3).hits  # found by its words: a question waits for its vectors
        assert [behind for behind, _ in asked] == [False] * len(asked) and max(texts for _, texts in asked) > 1
        asked.clear()
        library.index()
        assert asked and all(behind for behind, _ in asked)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_what_embeds_behind_the_page_leaves_the_processors_to_who_asks(
    tmp_path: Path, make_embedder: MakeEmbedder
) -> None:
    embedder, priorities = make_embedder(), list[int]()
    with Library(tmp_path, embedder) as library:
        put_vectors = library.vectors.put

        def noted(entries: Sequence[Entry], rows: NDArray[np.float32]) -> None:
            for thread in threading.enumerate():
                if thread.name.startswith(("embedding", "index")):
                    priorities.append(os.getpriority(os.PRIO_PROCESS, thread.native_id or 0))
            put_vectors(entries, rows)

        library.vectors.put = noted  # type: ignore[method-assign]
        before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        library.add_records(PAPERS)
        background = Background(library)
        background.wake()
        until(lambda: not library.status().pending)
        background.stop()
        assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
    assert priorities == [max(10, before)] * 2  # who embeds, and who writes into the index
