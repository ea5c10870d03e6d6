"""Vectors on a Chroma server: several processes at once, a server that fails, and what it is told."""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import chromadb
import numpy as np
import pytest

from index_store import (
    ChromaServer,
    Embedder,
    Filter,
    IndexOutdated,
    Library,
    LibraryUnreadable,
    Paper,
    Ranking,
    State,
    everything,
    in_front,
    passages,
    search,
)
from index_store import chroma as chroma_module
from index_store.vectors import Entry, PassageVectors

from ..ports import free_port
from . import test_filters
from .chroma import Recorder, RunningChroma, Worker, papers, recording, running

MODEL = "some-model/some-splitter"
ANIMALS = ["aardvark", "bison", "camel", "dingo", "emu"]
TOKEN = "s3cret-Token"

MakeEmbedder = Callable[..., Embedder]


@pytest.fixture
def server(chroma: RunningChroma) -> ChromaServer:
    """A database of this test alone."""
    return chroma.fresh()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def titles(library: Library, question: str, ranking: Ranking = Ranking.FUSED) -> list[str]:
    return [hit.paper.title for hit in search(library, question, 5, ranking=ranking).hits]


def assert_holds(library: Library, words: list[str]) -> None:
    """The catalogue and both indexes hold exactly the papers about these words, all indexed."""
    stored = library.catalogue.page()
    assert sorted(paper.title for paper in stored) == sorted(f"On the {word}" for word in words)
    assert library.catalogue.counts() == {State.INDEXED: len(words), State.PENDING: 0, State.REMOVED: 0}
    assert library.lexicon.ids() == library.vectors.ids() == {paper.id for paper in stored}
    assert library.lexicon.count == len(words)
    assert library.vectors.count == sum(len(passages(paper.abstract)) for paper in stored)


def put(index: PassageVectors, count: int, dimension: int = 8) -> list[str]:
    """Puts so many papers with one passage each; returns their ids."""
    ids = [f"p{number}" for number in range(count)]
    rows = np.random.default_rng(7).normal(size=(count, dimension)).astype(np.float32)
    index.put([Entry(Paper("A title", "An abstract.", id=paper_id), 1, 0) for paper_id in ids], rows)
    return ids


def found_of_a_small_field(index: PassageVectors) -> int:
    """How many of 200 passages that are like no others are found by their own vectors, once 6,000 of another field, all
    alike, came after them. With the graph that Chroma makes by itself it is two in three."""
    random, dimension = np.random.default_rng(7), 256
    few = random.normal(size=(200, dimension))
    many = random.normal(size=dimension) + 0.05 * random.normal(size=(6000, dimension))
    rows = np.vstack([few, many]).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    entries = [Entry(Paper("A title", "An abstract.", id=f"p{number}"), 1, 0) for number in range(len(rows))]
    for start in range(0, len(rows), 500):
        index.put(entries[start : start + 500], rows[start : start + 500])
    near = index.nearest(rows[: len(few)], 10)
    return sum(f"p{number}" in {hit.paper_id for hit in hits} for number, hits in enumerate(near))


@contextmanager
def direct(server: ChromaServer) -> Iterator[chromadb.ClientAPI]:
    """Chroma's own client."""
    client = server.client()
    yield client
    chroma_module.close(client)


# -- several processes ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Worker]]:
    """Three other processes, for all tests of this module."""
    made = [Worker() for _ in range(3)]
    yield made
    for worker in made:
        worker.end()


@pytest.fixture
def opened(workers: list[Worker], home: Path, server: ChromaServer) -> Iterator[list[Worker]]:
    """The same home, opened by all three at once when there was nothing there yet."""
    tell_all(workers, "open", str(home), server.url, server.database)
    yield workers
    tell_all(workers, "close")


def tell_all(workers: list[Worker], what: str, *args: Any) -> list[Any]:
    for worker in workers:
        worker.begin(what, *args)
    return [worker.result() for worker in workers]


def test_what_one_process_adds_is_found_by_the_next_search_of_the_others(opened: list[Worker]) -> None:
    first, *others = opened
    assert [worker.do("found", "aardvark", "bm25") for worker in others] == [[], []]
    first.do("add", ANIMALS[:2])
    for ranking in Ranking:
        assert [worker.do("found", "aardvark", ranking)[0] for worker in others] == ["On the aardvark"] * 2
    others[0].do("remove", ["aardvark"])
    for ranking in Ranking:
        assert "On the aardvark" not in first.do("found", "aardvark", ranking)


def test_two_processes_search_while_a_third_adds(tmp_path: Path, opened: list[Worker]) -> None:
    writer, *readers = opened
    writer.do("add", ANIMALS)
    for reader in readers:
        reader.begin("search_until", str(tmp_path / "stop"), "eats")
    writer.do("add", [f"bird{number}" for number in range(30)], 5)
    (tmp_path / "stop").touch()
    for reader in readers:
        assert set(reader.result()) == {5}, "five are wanted, and there never were fewer"


def test_nothing_is_lost_when_all_write_at_once(
    opened: list[Worker], home: Path, server: ChromaServer, cheap_embedder: Embedder
) -> None:
    own = [[f"animal{worker}x{number}" for number in range(24)] for worker in range(3)]
    for worker, words in zip(opened, own, strict=True):
        worker.begin("add", [*words, *ANIMALS], 6)
    assert sum(worker.result() for worker in opened) == 3 * 24 + len(ANIMALS), "what all add is new once"
    with Library(home, cheap_embedder, server=server) as library:
        assert library.index() == 0, "nothing was left for the next index()"
        assert_holds(library, [*own[0], *own[1], *own[2], *ANIMALS])


def test_a_rebuild_by_one_process_does_not_disturb_the_others(
    tmp_path: Path, opened: list[Worker], home: Path, server: ChromaServer, cheap_embedder: Embedder
) -> None:
    first, second, third = opened
    first.do("add", ANIMALS)
    third.begin("search_until", str(tmp_path / "stop"), "eats")
    for _ in range(3):
        with Library(home, cheap_embedder, rebuild=True, server=server) as library:
            library.index()
    (tmp_path / "stop").touch()
    third.result()
    assert cheap_embedder.model.seen == [], "the kept vectors are used again"
    for ranking in Ranking:
        assert first.do("found", "camel", ranking)[0] == "On the camel"
    second.do("add", ["ferret"])
    assert third.do("found", "ferret", "dense")[0] == "On the ferret"
    with Library(home, cheap_embedder, server=server) as library:
        assert_holds(library, [*ANIMALS, "ferret"])


# -- one library after another ----------------------------------------------------------------------------------------


def test_two_libraries_on_one_server_do_not_see_each_other(
    tmp_path: Path, server: ChromaServer, make_embedder: MakeEmbedder
) -> None:
    with (
        Library(tmp_path / "a", make_embedder(), server=server) as one,
        Library(tmp_path / "b", make_embedder("another-model"), server=server) as other,
    ):
        one.add_records(papers(ANIMALS[:2]))
        other.add_records(papers(ANIMALS[2:]))
        one.index()
        other.index()
        assert_holds(one, ANIMALS[:2])
        assert_holds(other, ANIMALS[2:])
        with Library(tmp_path / "a", make_embedder(), server=server, rebuild=True) as again:
            assert again.vectors.count == 0
        assert_holds(other, ANIMALS[2:])


def test_another_model_is_refused_and_its_rebuild_is_noticed_by_who_has_the_library_open(
    home: Path, server: ChromaServer, make_embedder: MakeEmbedder
) -> None:
    with Library(home, make_embedder(), server=server) as library:
        library.add_records(papers(ANIMALS))
        library.index()
        with pytest.raises(IndexOutdated, match=r"word-counts.*another-model.*research-assistant rebuild"):
            Library(home, make_embedder("another-model"), server=server)
        assert titles(library, "camel")[0] == "On the camel", "the refusal changed nothing"
        with Library(home, make_embedder("another-model"), server=server, rebuild=True) as rebuilt:
            rebuilt.index()
            with pytest.raises(IndexOutdated, match=r"another-model.*word-counts"):
                search(library, "camel", 5)
            library.add_records(papers(["ferret"]))
            with pytest.raises(IndexOutdated):
                library.index()
            rebuilt.index()
            assert_holds(rebuilt, [*ANIMALS, "ferret"])


def test_a_question_during_a_rebuild_makes_no_collection_of_the_old_model(server: ChromaServer) -> None:
    with closing(PassageVectors(server, MODEL)) as index:
        put(index, 3)
        PassageVectors.delete(server)
        assert (index.search(np.ones(8, np.float32), 5), index.count, index.ids()) == ([], 0, set())
        with closing(PassageVectors(server, "other-model/some-splitter")) as rebuilt:
            assert rebuilt.count == 0


def test_vectors_that_the_server_has_lost_are_put_there_again(
    home: Path, server: ChromaServer, make_embedder: MakeEmbedder
) -> None:
    embedder = make_embedder()
    with Library(home, embedder, server=server) as library:
        library.add_records(papers(ANIMALS))
        library.index()
        seen = len(embedder.model.seen)
        with direct(server) as client:
            for collection in client.list_collections():
                client.delete_collection(collection.name)
        assert titles(library, "camel", Ranking.MEANING) == []
        assert titles(library, "camel", Ranking.WORDS) == ["On the camel"]
        library.index()
        assert len(embedder.model.seen) == seen + 2, "only the two questions"
        assert_holds(library, ANIMALS)


def test_a_library_moves_to_a_server_and_back(home: Path, server: ChromaServer, cheap_embedder: Embedder) -> None:
    places: list[ChromaServer | None] = [None, server, None, server]
    for number, place in enumerate(places, start=1):
        with Library(home, cheap_embedder, server=place) as library:
            library.add_records(papers(ANIMALS[number : number + 1]))
            library.remove([paper.id for paper in library.catalogue.page() if number == 3][:1])
            library.index()
            assert_holds(library, ANIMALS[1 if number < 3 else 2 : number + 1])
    assert len(set(cheap_embedder.model.seen)) == len(cheap_embedder.model.seen), "nothing is embedded twice"


def test_the_sample_is_found_alike_in_a_folder_and_on_a_server(
    sample_home: Path, sample_library: Library, embedder: Embedder, server: ChromaServer, home: Path
) -> None:
    shutil.copytree(sample_home, home)
    with Library(home, embedder, server=server) as library:
        library.index()
        for question in ("How is real-time bidding learned?", "harvesting of animals in the ocean", "PROVABGS"):
            for within in (everything, Filter(from_year=2018)):
                here, there = (search(one, question, 10, within=within).hits for one in (sample_library, library))
                assert [hit.paper.id for hit in here] == [hit.paper.id for hit in there]
                assert [hit.score for hit in here] == pytest.approx([hit.score for hit in there], abs=1e-5)


# The filters' own tests, with the vectors on a server.
lexicon = test_filters.lexicon
test_a_filter_on_a_server_finds_exactly_the_papers_that_pass = (
    test_filters.test_the_index_of_meanings_finds_exactly_the_papers_that_pass
)
test_a_filter_on_a_server_changes_no_score = test_filters.test_a_filter_changes_neither_the_scores_nor_the_order


@pytest.fixture(scope="module")
def vectors(chroma: RunningChroma) -> Iterator[PassageVectors]:
    with closing(PassageVectors(chroma.fresh(), MODEL)) as made:
        rows = np.random.default_rng(7).normal(size=(2 * len(test_filters.PAPERS), test_filters.DIMENSION))
        made.put([Entry(paper, 2, 0) for paper in test_filters.PAPERS], rows.astype(np.float32))
        yield made


@pytest.mark.parametrize("where", ["folder", "server"])
def test_papers_unlike_the_many_others_stay_findable_by_meaning(
    where: str, tmp_path: Path, server: ChromaServer
) -> None:
    with closing(PassageVectors(server if where == "server" else tmp_path, MODEL)) as index:
        assert found_of_a_small_field(index) >= 190  # of 200: the search looks at a part of what there is


# -- a server that fails ----------------------------------------------------------------------------------------------


def test_a_server_that_stops_is_named_and_once_it_is_back_all_goes_on(
    tmp_path: Path, home: Path, make_embedder: MakeEmbedder
) -> None:
    with running(tmp_path / "chroma") as own, Library(home, make_embedder(), server=own.fresh()) as library:
        library.add_records(papers(ANIMALS[:3]))
        library.index()
        own.kill()
        for call in (lambda: search(library, "camel", 5), library.index):
            library.add_records(papers(ANIMALS))  # words need no server
            with pytest.raises(LibraryUnreadable) as failure:
                call()
            assert_says_what_to_do(failure.value, own.url)
        own.start()
        assert titles(library, "camel", Ranking.MEANING)[0] == "On the camel"
        library.index()
        assert_holds(library, ANIMALS)


def test_a_server_that_is_killed_loses_nothing_that_it_took(tmp_path: Path) -> None:
    with running(tmp_path / "chroma") as own:
        server = own.fresh()
        with closing(PassageVectors(server, MODEL)) as index:
            ids = put(index, 1500)  # more than it keeps in its log before it writes the graph
            own.kill()
            own.start()
            assert index.ids() == set(ids)
            assert {hit.paper_id for hit in index.search(np.ones(8, np.float32), 2000)} == set(ids)


def assert_says_what_to_do(error: Exception, address: str) -> None:
    said = str(error)
    assert "\n" not in said and len(said) < 400
    assert address in said and "CHROMA_URL" in said and "Check" in said


def test_a_port_without_a_server_is_refused_and_leaves_no_lock(
    home: Path, server: ChromaServer, cheap_embedder: Embedder
) -> None:
    nobody = replace(server, url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(LibraryUnreadable) as failure:
        Library(home, cheap_embedder, server=nobody)
    assert_says_what_to_do(failure.value, nobody.url)
    Library(home, cheap_embedder, server=server).close()


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (200, "<html>\n<title>Welcome</title></html>", "does not answer as Chroma does"),
        (200, '{"hello": "world"}', "does not answer as Chroma does"),
        (200, "[]", "does not answer as Chroma does"),
        (404, "<html>\nno such page</html>", "HTTP 404"),
        (502, "", "HTTP 502"),
        (401, '{"error": "unauthorized"}', "HTTP 401"),
        (403, f"the token {TOKEN} is not known", "HTTP 403"),
        (403, f'{{"error": "AuthError", "message": "the token {TOKEN} is not known"}}', r"\*\*\*"),
        (400, f'{{"error": "InvalidArgumentError", "message": "{"too long " * 99}"}}', "too long"),
    ],
)
def test_what_does_not_answer_as_chroma_is_refused(status: int, text: str, said: str) -> None:
    with recording(Recorder(instead=lambda path: (status, text))) as other:
        with pytest.raises(LibraryUnreadable, match=said) as failure:
            PassageVectors(ChromaServer(other.url, TOKEN), MODEL)
        assert_says_what_to_do(failure.value, other.url)
        assert TOKEN not in str(failure.value)


def test_a_server_that_does_not_answer_is_not_waited_for_for_ever(
    chroma: RunningChroma, server: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chroma_module, "_REMOTE_WAIT", 0.2)
    go_on = Event()
    go_on.set()
    with (
        recording(Recorder(chroma.port, waits=go_on.wait)) as slow,
        closing(PassageVectors(replace(server, url=slow.url), MODEL)) as index,
    ):
        go_on.clear()
        for call in (lambda: index.search(np.ones(8, np.float32), 5), lambda: PassageVectors(index._place, MODEL)):
            with pytest.raises(LibraryUnreadable, match="timed out") as failure:
                call()
            assert_says_what_to_do(failure.value, slow.url)
        go_on.set()
        assert index.search(np.ones(8, np.float32), 5) == []


@pytest.mark.parametrize(
    "url", ["", "chroma", "localhost:8000", "ftp://localhost:8000", "http://", "http://localhost:port", "http://[::1"]
)
def test_an_address_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(LibraryUnreadable, match=r"CHROMA_URL.*http://localhost:8000"):
        PassageVectors(ChromaServer(url), MODEL)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(LibraryUnreadable, match=r"CHROMA_URL.*CHROMA_TOKEN") as failure:
        PassageVectors(ChromaServer("http://someone:hush@localhost:8000"), MODEL)
    assert "hush" not in str(failure.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://localhost", "http://localhost:8000/api/v2"),
        ("http://[::1]:81", "http://[::1]:81/api/v2"),
        ("http://httpd:81/", "http://httpd:81/api/v2"),
        ("https://api.trychroma.com", "https://api.trychroma.com:443/api/v2"),
        ("https://example.org/chroma", "https://example.org:443/chroma/api/v2"),
    ],
)
def test_an_address_is_used_as_it_is_written(url: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def request(self: Any, method: str, url: str, **_: Any) -> None:
        asked.append(url)
        raise OSError("nobody there")

    monkeypatch.setattr("httpx.Client.request", request)
    with pytest.raises(LibraryUnreadable, match="nobody there"):
        PassageVectors(ChromaServer(url), MODEL)
    assert asked[0].startswith(f"{address}/")


def test_a_proxy_in_the_environment_is_passed_by_where_no_proxy_says_so(
    server: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with closing(PassageVectors(server, MODEL)) as index:
        assert index.count == 0


# -- what the server is told ------------------------------------------------------------------------------------------


def test_every_request_carries_the_token_and_nothing_shows_it(
    chroma: RunningChroma, home: Path, server: ChromaServer, cheap_embedder: Embedder
) -> None:
    with recording(Recorder(chroma.port)) as proxy:
        secret = replace(server, url=proxy.url, token=TOKEN)
        with Library(home, cheap_embedder, server=secret) as library:
            library.add_records(papers(ANIMALS))
            library.index()
            assert titles(library, "camel")[0] == "On the camel"
            library.remove([library.catalogue.page()[0].id])
    assert {request.headers.get("X-Chroma-Token") for request in proxy.requests} == {TOKEN}
    assert proxy.of("/add") and proxy.of("/query") and proxy.of("/delete")
    assert TOKEN not in f"{secret!r} {secret}" and TOKEN not in " ".join(request.path for request in proxy.requests)


def test_a_token_that_cannot_be_sent_is_refused_and_not_repeated(server: ChromaServer) -> None:
    with pytest.raises(LibraryUnreadable, match="CHROMA_TOKEN") as failure:
        PassageVectors(replace(server, token="two words\n"), MODEL)
    assert "two words" not in str(failure.value)


def test_tenant_and_database_are_asked_for_by_name_as_chroma_cloud_wants_it(chroma: RunningChroma) -> None:
    chroma.post("/api/v2/tenants", {"name": "acme"})
    with recording(Recorder(chroma.port)) as proxy:
        server = replace(chroma.fresh("acme"), url=proxy.url)
        with closing(PassageVectors(server, MODEL)) as index:
            put(index, 2)
        path = f"/api/v2/tenants/acme/databases/{server.database}/collections"
        assert all(request.path.startswith(path) for request in proxy.of("/add"))
        for wrong in (replace(server, tenant="nobody"), replace(server, database="nothing")):
            with pytest.raises(LibraryUnreadable, match=r"not found.*CHROMA_TENANT and CHROMA_DATABASE"):
                PassageVectors(wrong, MODEL)


@pytest.mark.parametrize(("offered", "taken"), [(7, 7), (5461, 300)], ids=["server", "cloud"])
def test_no_request_holds_or_wants_more_than_the_server_and_chroma_cloud_take(
    chroma: RunningChroma, server: ChromaServer, offered: int, taken: int
) -> None:
    def preflight(path: str) -> tuple[int, str] | None:
        says = f'{{"max_batch_size": {offered}, "supports_base64_encoding": true}}'
        return (200, says) if path.endswith("pre-flight-checks") else None

    with (
        recording(Recorder(chroma.port, preflight)) as proxy,
        closing(PassageVectors(replace(server, url=proxy.url), MODEL)) as index,
    ):
        ids = put(index, 2 * taken + 1)
        assert index.ids() == set(ids)
        one = [Entry(Paper("A title", "An abstract.", id="one"), 2 * taken + 1, 0)]
        index.put(one, np.ones((2 * taken + 1, 8), np.float32))
        index.remove(["one", *ids[1:]])
        assert index.ids() == {"p0"}
    sent = [len(request.body["ids"]) for ending in ("/add", "/delete") for request in proxy.of(ending)]
    assert (max(sent), len(sent)) == (taken, 2 * 3 + len(proxy.of("/delete")))
    wanted = {request.body["limit"] or len(request.body["ids"]) for request in proxy.of("/get")}
    assert max(wanted) == taken


def test_nobody_gives_way_while_a_server_writes(server: ChromaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another process, beside which Python goes on."""
    monkeypatch.setattr("index_store.vectors._LONGEST_WAIT_SECONDS", 3600.0)
    with in_front(3600.0), closing(PassageVectors(server, MODEL)) as index:
        ids = put(index, 40)
        index.remove(ids[1:])
        assert index.ids() == {"p0"}


# -- chromadb's own client --------------------------------------------------------------------------------------------


def test_the_distance_is_the_cosine_on_a_server_too(server: ChromaServer) -> None:
    with closing(PassageVectors(server, MODEL)) as index, direct(server) as client:
        assert (client.get_collection("passages").configuration["hnsw"] or {}).get("space") == "cosine"
        put(index, 1)
    with direct(server) as client:
        client.delete_collection("passages")
        client.create_collection("passages", embedding_function=None, metadata={"fingerprint": MODEL})
    with pytest.raises(IndexOutdated):
        PassageVectors(server, MODEL)


def test_many_threads_may_search_at_once(server: ChromaServer) -> None:
    with closing(PassageVectors(server, MODEL)) as index:
        index.put(
            [Entry(Paper("A title", "An abstract.", id=f"p{number}"), 1, 0) for number in range(8)],
            np.eye(8, dtype=np.float32),
        )

        def nearest(number: int) -> str:
            return index.search(np.eye(8, dtype=np.float32)[number % 8], 1)[0].paper_id

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(nearest, range(80))) == [f"p{number % 8}" for number in range(80)]


def test_closing_closes_the_connections_and_twice_is_no_error(server: ChromaServer) -> None:
    def connections() -> set[str]:
        found = set()
        for file in os.listdir("/proc/self/fd"):
            with suppress(OSError):  # the one that lists them is closed again
                found.add(os.readlink(f"/proc/self/fd/{file}"))
        return {name for name in found if name.startswith("socket:")}

    before = connections()
    index = PassageVectors(server, MODEL)
    assert connections() - before
    index.close()
    index.close()
    assert not connections() - before
    PassageVectors.delete(server)
    with pytest.raises(LibraryUnreadable):
        PassageVectors(replace(server, database="nothing"), MODEL)
    assert not connections() - before, "nor does a failure leave any"


def test_chroma_gives_all_there_are_where_more_are_wanted(server: ChromaServer, tmp_path: Path) -> None:
    for place in (server, tmp_path / "folder"):
        with closing(PassageVectors(place, MODEL)) as index:
            assert index.search(np.ones(8, np.float32), 5) == []
            put(index, 3)
            assert len(index.search(np.ones(8, np.float32), 100)) == 3
            index.remove(["p0"])
            assert len(index.search(np.ones(8, np.float32), 100)) == 2


def test_a_wrong_address_costs_a_library_in_a_folder_nothing(home: Path, cheap_embedder: Embedder) -> None:
    with Library(home, cheap_embedder) as library:
        library.add_records([Paper("On whales", "The whale sings.")])
        library.index()
    with pytest.raises(LibraryUnreadable, match="CHROMA_URL"):
        Library(home, cheap_embedder, server=ChromaServer(f"http://127.0.0.1:{free_port()}"))
    with Library(home, cheap_embedder) as library:
        assert library.status().indexed == 1
