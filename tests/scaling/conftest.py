"""What several processes share: a PostgreSQL database and a Chroma server."""

from collections.abc import Iterator

import pytest

from index_store import ChromaServer, Postgres

from ..index_store.chroma import RunningChroma, running
from ..postgres import RunningPostgres


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningChroma]:
    """A Chroma server for all tests here; each takes a database of its own from it."""
    with running(tmp_path_factory.mktemp("chroma")) as server:
        yield server


@pytest.fixture
def shared(postgres: RunningPostgres, chroma: RunningChroma) -> tuple[Postgres, ChromaServer]:
    """A new database and a new place for vectors."""
    return postgres.fresh(), chroma.fresh()
