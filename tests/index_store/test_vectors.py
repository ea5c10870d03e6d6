import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Literal

import chromadb
import numpy as np
import pytest
from chromadb.config import Settings
from chromadb.errors import ChromaError
from numpy.typing import NDArray

from index_store import IndexOutdated, LibraryUnreadable, Paper
from index_store.vectors import Entry, PassageHit, PassageVectors

MODEL = "some-model/some-splitter"
EAST, NORTH, WEST = ([1.0, 0.0], [0.0, 1.0], [-1.0, 0.0])


def rows(*vectors: list[float]) -> NDArray[np.float32]:
    return np.array(vectors, dtype=np.float32)


def entry(paper_id: str, passages: int = 1, before: int = 0) -> Entry:
    return Entry(Paper("A title", "An abstract.", id=paper_id), passages, before)


def put(index: PassageVectors, *, before: int = 0, **vectors_of_papers: list[list[float]]) -> None:
    """Puts papers by id, with the vectors of their passages in order."""
    index.put(
        [entry(paper_id, len(own), before) for paper_id, own in vectors_of_papers.items()],
        rows(*(vector for own in vectors_of_papers.values() for vector in own)),
    )


def found(index: PassageVectors, vector: list[float], limit: int = 10) -> list[tuple[str, int]]:
    return [(hit.paper_id, hit.number) for hit in index.search(rows(vector)[0], limit)]


@contextmanager
def opened(folder: Path, fingerprint: str = MODEL) -> Iterator[PassageVectors]:
    index = PassageVectors(folder, fingerprint)
    yield index
    index.close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PassageVectors]:
    with opened(tmp_path / "vectors") as made:
        yield made


def test_passages_come_nearest_first_with_their_cosine(index: PassageVectors) -> None:
    put(index, a=[EAST, WEST], b=[[0.6, 0.8]])
    hits = index.search(rows(EAST)[0], 10)
    assert [(hit.paper_id, hit.number) for hit in hits] == [("a", 1), ("b", 1), ("a", 2)]
    assert [hit.similarity for hit in hits] == pytest.approx([1.0, 0.6, -1.0], abs=1e-6)


def test_similarity_is_the_cosine_of_the_vectors(index: PassageVectors) -> None:
    random = np.random.default_rng(7)
    vectors = random.normal(size=(50, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index.put([entry(f"p{number}") for number in range(50)], vectors)
    hits = index.search(vectors[3], 50)
    assert hits[0] == PassageHit("p3", 1, pytest.approx(1.0, abs=1e-5))
    for hit in hits:
        assert hit.similarity == pytest.approx(float(vectors[int(hit.paper_id[1:])] @ vectors[3]), abs=1e-5)


def test_at_most_the_wanted_number_comes_back(index: PassageVectors) -> None:
    put(index, a=[EAST], b=[NORTH])
    assert found(index, EAST, limit=1) == [("a", 1)]
    assert len(found(index, EAST, limit=100)) == 2


def test_an_empty_index_finds_nothing(index: PassageVectors) -> None:
    assert found(index, EAST) == []
    assert (index.count, index.ids()) == (0, set())


def test_putting_a_paper_again_replaces_its_vectors(index: PassageVectors) -> None:
    """Also where nobody says that it was there, as after an older catalogue was put back."""
    put(index, a=[EAST], b=[[0.9, 0.1]])
    put(index, a=[WEST])
    assert found(index, EAST) == [("b", 1), ("a", 1)]
    assert index.count == 2


def test_passages_that_a_paper_has_no_longer_are_dropped(index: PassageVectors) -> None:
    put(index, a=[EAST, NORTH, WEST], b=[NORTH, NORTH])
    put(index, a=[EAST], before=3)
    assert sorted(found(index, EAST)) == [("a", 1), ("b", 1), ("b", 2)]


def test_a_removed_paper_is_gone_and_an_unknown_one_is_ignored(index: PassageVectors) -> None:
    put(index, a=[EAST, NORTH], b=[WEST])
    index.remove(["a", "nobody"])
    index.remove([])
    index.remove(["nobody"])
    assert index.ids() == {"b"}


def test_an_id_may_hold_a_colon(index: PassageVectors) -> None:
    put(index, **{"doi:10.1/x:y": [EAST]})
    assert found(index, EAST) == [("doi:10.1/x:y", 1)]


def test_more_rows_than_chroma_takes_at_once_go_in_and_out(index: PassageVectors) -> None:
    count = 6000
    assert count > chromadb_batch(index)
    vectors = np.random.default_rng(7).normal(size=(count, 8)).astype(np.float32)
    ids = [f"p{number}" for number in range(count)]
    index.put([entry(paper_id, 2) for paper_id in ids], np.concatenate([vectors, vectors]))
    assert index.count == 2 * count
    index.put([entry(paper_id, 1, before=2) for paper_id in ids], vectors)
    assert index.count == count, "the second passages were stale"
    assert index.ids() == set(ids)
    index.remove(ids)
    assert index.count == 0


def chromadb_batch(index: PassageVectors) -> int:
    return int(index._client.get_max_batch_size())


def test_what_was_put_is_there_after_a_reopen(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        put(index, a=[EAST], b=[NORTH])
    with opened(tmp_path) as index:
        assert found(index, NORTH) == [("b", 1), ("a", 1)]


def test_the_vectors_of_another_model_are_refused_with_both_names(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    with pytest.raises(IndexOutdated, match=r"some-model.*other-model.*research-assistant rebuild"):
        PassageVectors(tmp_path, "other-model/some-splitter")
    with opened(tmp_path) as index:
        assert index.count == 0, "the refusal left the index as it was"


def test_an_index_of_another_distance_is_refused(tmp_path: Path) -> None:
    with chroma(tmp_path) as client:
        client.create_collection("passages", embedding_function=None, metadata={"fingerprint": MODEL})
    with pytest.raises(IndexOutdated):
        PassageVectors(tmp_path, MODEL)


def test_a_damaged_index_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    (tmp_path / "chroma.sqlite3").write_bytes(b"not a database" * 500)
    with pytest.raises(LibraryUnreadable, match="research-assistant rebuild"):
        PassageVectors(tmp_path, MODEL)


def test_a_deleted_index_starts_empty(tmp_path: Path) -> None:
    with opened(tmp_path / "v") as index:
        put(index, a=[EAST])
    PassageVectors.delete(tmp_path / "v")
    PassageVectors.delete(tmp_path / "v")  # what is not there is deleted already
    with opened(tmp_path / "v", "other-model/some-splitter") as index:
        assert index.count == 0


def test_what_was_broken_off_at_the_first_addition_goes_in_later(tmp_path: Path) -> None:
    """As on a full disk. Chroma then reads no vector, and says so of ids that it does not have."""
    with opened(tmp_path) as index:
        with closing(sqlite3.connect(tmp_path / "chroma.sqlite3", isolation_level=None)) as database:
            database.execute(
                "CREATE TRIGGER full BEFORE INSERT ON embeddings_queue BEGIN SELECT RAISE(FAIL, 'disk full'); END"
            )
            with pytest.raises(LibraryUnreadable):
                put(index, a=[EAST], b=[NORTH])
            database.execute("DROP TRIGGER full")
        put(index, a=[EAST], b=[NORTH])
        assert found(index, NORTH) == [("b", 1), ("a", 1)]


def test_long_changes_give_way_between_their_parts_and_not_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []

    def give_way(seconds: float) -> None:
        left.append(seconds)
        time.sleep(0.05)

    monkeypatch.setattr("index_store.vectors.give_way", give_way)
    with opened(tmp_path) as index:
        monkeypatch.setattr(index, "_batch", 32)
        index.put([entry("a", 70), entry("b", 2)], np.random.default_rng(7).normal(size=(72, 8)).astype(np.float32))
        assert index.count == 72
        assert len(left) == 3, "32 passages each"
        assert left[0] <= 0.5 and left[1] <= left[0] - 0.05 and left[2] <= left[1] - 0.05, "half a second in all"
        left.clear()
        index.remove(["a"])
        assert (index.count, len(left)) == (2, 3)


# -- what this module rests on: if Chroma changes here, so must it ----------------------------------------------------


@contextmanager
def chroma(folder: Path) -> Iterator[chromadb.ClientAPI]:
    client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
    yield client
    client.close()


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[chromadb.Collection]:
    with chroma(tmp_path / "plain") as client:
        yield client.create_collection("plain", embedding_function=None)


def test_chroma_measures_squared_distance_unless_told(collection: chromadb.Collection) -> None:
    assert (collection.configuration["hnsw"] or {}).get("space") == "l2"


def test_chroma_keeps_an_old_distance_silently(tmp_path: Path, collection: chromadb.Collection) -> None:
    with chroma(tmp_path / "plain") as client:
        again = client.get_or_create_collection(
            "plain", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        assert (again.configuration["hnsw"] or {}).get("space") == "l2"


def test_chroma_ignores_an_added_id_that_it_knows_and_upsert_replaces_it(collection: chromadb.Collection) -> None:
    def stored() -> list[float]:
        return list(np.asarray(collection.get(ids=["a"], include=["embeddings"])["embeddings"])[0])

    collection.add(ids=["a"], embeddings=rows(EAST))
    collection.add(ids=["a"], embeddings=rows(NORTH))
    assert stored() == EAST
    collection.upsert(ids=["a"], embeddings=rows(NORTH))
    assert stored() == NORTH


def test_chroma_takes_vectors_of_any_model_with_the_same_dimension(collection: chromadb.Collection) -> None:
    collection.add(ids=["a"], embeddings=rows(EAST))
    with pytest.raises(ChromaError, match="dimension"):
        collection.add(ids=["b"], embeddings=rows([1.0, 0.0, 0.0]))
    collection.add(ids=["c"], embeddings=rows(NORTH))  # whoever made it


def test_chroma_refuses_to_delete_an_empty_list_and_ignores_unknown_ids(collection: chromadb.Collection) -> None:
    with pytest.raises(ValueError, match="empty"):
        collection.delete(ids=[])
    collection.delete(ids=["nobody"])


@pytest.mark.parametrize("way", ["add", "upsert"])
def test_chroma_gives_its_graph_again_what_was_upserted_before_the_first_question(
    collection: chromadb.Collection, way: Literal["add", "upsert"]
) -> None:
    """In processor time of all threads, which does not depend on what else the machine does."""
    vectors = np.random.default_rng(5).normal(size=(600, 96)).astype(np.float32)
    began = time.process_time()
    for start in range(0, 600, 30):
        ids = [f"p{number}" for number in range(start, start + 30)]
        getattr(collection, way)(ids=ids, embeddings=vectors[start : start + 30])
    put = time.process_time()
    assert collection.count() == 600
    asked = time.process_time()
    collection.delete(ids=["p0"])
    again = time.process_time() - asked
    assert (again > (put - began) / 2) == (way == "upsert")


def test_no_other_thread_runs_while_chroma_adds_to_a_folder(collection: chromadb.Collection) -> None:
    ticks, done = [time.perf_counter()], Event()

    def tick() -> None:
        while not done.wait(0.001):
            ticks.append(time.perf_counter())

    thread = Thread(target=tick)
    vectors = np.random.default_rng(5).normal(size=(2000, 384)).astype(np.float32)
    thread.start()
    try:
        began = time.perf_counter()
        collection.add(ids=[f"p{number}" for number in range(2000)], embeddings=vectors)
        took = time.perf_counter() - began
    finally:
        done.set()
        thread.join()
    assert max(np.diff([*ticks, time.perf_counter()])) > took / 2


def test_chroma_refuses_one_id_twice_in_one_call(collection: chromadb.Collection) -> None:
    with pytest.raises(ChromaError, match="uplicate"):
        collection.upsert(ids=["a", "a"], embeddings=rows(EAST, NORTH))


@pytest.mark.parametrize("moved", [False, True], ids=["the same vectors", "other vectors"])
def test_what_is_put_again_and_again_is_still_found(index: PassageVectors, moved: bool) -> None:
    """Chroma's graph loses some of what it is given under an id that it has."""
    random = np.random.default_rng(3)
    alike = random.normal(size=(1, 48)) + random.normal(size=(600, 48))  # as texts of one field are
    vectors = (alike / np.linalg.norm(alike, axis=1, keepdims=True)).astype(np.float32)
    for turn in range(6):
        turned = np.roll(vectors, turn - 5 if moved else 0, axis=0)
        for start in range(0, 600, 64):
            part = slice(start, start + 64)
            entries = [entry(f"p{number}") for number in range(600)[part]]
            index.put(entries, turned[part])
    assert index.count == 600
    missed = [
        number
        for number, hits in enumerate(index.nearest(vectors, 10))
        if f"p{number}" not in {hit.paper_id for hit in hits}
    ]
    assert missed == []
