"""A cheap embedding model, for tests of the plumbing rather than of meaning."""

from collections.abc import Callable, Iterator
from functools import cache
from zlib import crc32

import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import PrivateAttr

from index_store import Embedder
from index_store.lexicon import Lexicon

from .chroma import RunningChroma, on_server, running

_DIMENSION = 64


class WordCounts(BaseEmbedding):
    """Counts the words of a text in 64 buckets; `seen` lists every text that was embedded."""

    _seen: list[str] = PrivateAttr(default_factory=list)

    @property
    def seen(self) -> list[str]:
        """The texts in the order they came, without the one that measures the dimension."""
        return [text for text in self._seen if text != "dimension"]

    def _get_text_embedding(self, text: str) -> list[float]:
        self._seen.append(text)
        counts = [0.0] * _DIMENSION
        for word in text.lower().split():
            counts[crc32(word.strip(".,").encode()) % _DIMENSION] += 1.0
        return counts

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


@pytest.fixture(scope="session")
def make_embedder() -> Callable[..., Embedder]:
    """Makes a cheap embedder of the given model name, with nothing seen yet."""
    return lambda name="word-counts", batch=64: Embedder(WordCounts(model_name=name), word_weight=0.3, batch=batch)


@pytest.fixture
def cheap_embedder(make_embedder: Callable[..., Embedder]) -> Embedder:
    """A cheap embedder; `cheap_embedder.model.seen` lists what it was given."""
    return make_embedder()


# -- the same tests with the vectors in a folder and on a server ------------------------------------------------------

_IN_BOTH_PLACES = ("test_ingest", "test_ingest_changes", "test_library", "test_library_machine")
_VECTORS = "test_vectors"
_OF_THE_FOLDER = (  # parts of the names of tests that are about its files, its one owner, or chromadb itself
    "another_distance",
    "broken_off_at_the_first",
    "damaged",
    "give_way",
    "index_that_was_deleted",
    "no_other_thread_runs",
    "of_an_earlier_version",
    "really_killed",
    "second_process",
    "test_chroma",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs what is promised of an index or a library in both places."""
    module, name = metafunc.module.__name__.rpartition(".")[2], metafunc.function.__name__
    if module in (*_IN_BOTH_PLACES, _VECTORS) and not any(part in name for part in _OF_THE_FOLDER):
        places = ["folder", "server", *(["database"] if module != _VECTORS else [])]
        metafunc.parametrize("place", places, indirect=True)


@pytest.fixture(autouse=True)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the module's `Library` and `PassageVectors` keep their vectors in this test."""
    chosen: str = getattr(request, "param", "folder")
    if chosen != "folder":
        asked = request.node.callspec.params
        if (asked.get("owner"), asked.get("step")) == (Lexicon, "delete"):
            pytest.skip("where others may be searching, the files of the index of words are emptied and not deleted")
        server = request.getfixturevalue("chroma").fresh()
        if chosen == "database" and "mark_worded" in asked.values():
            pytest.skip("no paper is marked as worded where each home has its own index, see test_following.py")
        postgres = request.getfixturevalue("postgres") if chosen == "database" else None
        shared = cache(lambda home: postgres.fresh()) if postgres else None
        for name, there in on_server(server, shared).items():
            if name != "PassageVectors" or request.module.__name__.endswith(_VECTORS):
                monkeypatch.setattr(request.module, name, there, raising=False)
    return chosen


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningChroma]:
    """A Chroma server for all tests; each takes a database of its own from it."""
    with running(tmp_path_factory.mktemp("chroma")) as server:
        yield server
