"""What every test gets: no network, a clean environment, a home of its own, and the indexed sample collection."""

import hashlib
import ipaddress
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from index_store import DatabasePlace, Embedder, Library, open_embedder

from . import postgres as postgres_server
from .postgres import RunningPostgres

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

# The same examples on every run: a failure seen once can be seen again. No deadline, as the machine may be loaded.
settings.register_profile(
    "tests",
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("tests")


class NetworkBlocked(RuntimeError):
    """A test reached for another machine. Not an `OSError`, which a client would take for a failure to retry."""


def _require_loopback(host: Any) -> None:
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost"):
        return
    try:
        loopback = ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:  # a name, which would have to be looked up
        loopback = False
    if not loopback:
        raise NetworkBlocked(f"a test tried to reach {host!r}; only this machine's own addresses are allowed")


def _block_network(patch: pytest.MonkeyPatch) -> None:
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(connection: socket.socket, address: Any) -> None:
        if connection.family != socket.AF_UNIX:
            _require_loopback(address[0])

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(self, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        _require_loopback(host)
        return getaddrinfo(host, *args, **kwargs)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


_OURS = ("CHROMA_", "DATABASE_URL", "OPENAI_", "RESEARCH_ASSISTANT_")


def _clean_environment(patch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        patch.delenv(name)
    patch.setenv("HF_HUB_OFFLINE", "1")
    patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")


def pytest_configure(config: pytest.Config) -> None:
    """Before any test module is imported, so that an import cannot reach out or read a setting either."""
    patch = pytest.MonkeyPatch()
    _block_network(patch)
    _clean_environment(patch)
    config.add_cleanup(patch.undo)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test that wants the sample waits until it is embedded, which takes minutes on a busy machine."""
    for item in items:
        if "sample_home" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESEARCH_ASSISTANT_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[RunningPostgres]:
    """A PostgreSQL server for all tests; each takes a database of its own from it."""
    with postgres_server.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> DatabasePlace:
    """Where a catalogue or an archive may be: the test runs with a file, and with a database on PostgreSQL."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres").fresh()  # type: ignore[no-any-return]
    return tmp_path / "database.sqlite3"


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The real model that the product ships with."""
    return open_embedder("minilm")


def _version_of_index() -> str:
    """Changes with anything that the index of the sample is made from: code, collection, releases."""
    made_from = [
        *sorted((ROOT / "index_store").rglob("*.py")),
        ROOT / "index_store/sample.jsonl",
        ROOT / "requirements.lock",
    ]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in made_from)).hexdigest()[:16]


@pytest.fixture(scope="session")
def sample_home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    """A closed library that holds the sample collection, indexed. Open a copy of it, never the folder itself.

    Embedding takes 15 seconds and more, so the folder is kept in pytest's cache until something it rests on changes.
    """
    home = tmp_path_factory.mktemp("sample") / "home"
    kept = Path(request.config.cache.mkdir("sample-home")) / _version_of_index()
    if kept.is_dir():
        shutil.copytree(kept, home)
        return home
    with Library(home, embedder) as library:
        library.add_sample()
        library.index()
    whole = Path(shutil.copytree(home, tmp_path_factory.mktemp("whole") / "home"))
    with suppress(OSError):  # another session was first, or the temporary folder is on another disk
        whole.rename(kept)
    return home


@pytest.fixture(scope="module")
def sample_library(
    sample_home: Path, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    """The sample collection, open, for the tests of one module that only read."""
    home = tmp_path_factory.mktemp("copy") / "home"
    shutil.copytree(sample_home, home)
    with Library(home, embedder) as library:
        yield library


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The data beside the checkout that is no part of the project; tests that use it carry the mark `shared`."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs {SHARED_DATA}, which is not on this machine")
    return SHARED_DATA
