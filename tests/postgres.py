"""A real PostgreSQL on this machine, with a database of its own for whoever asks."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import psycopg
import pytest

from index_store import Postgres

from .ports import HOST, free_port

PASSWORD = "hidden-7c1f"  # which no line that anything prints may hold
_USER = "reader"
_SETTINGS = ("fsync=off", "unix_socket_directories=", f"listen_addresses={HOST}", "max_connections=200")


def programs() -> Path:
    """The folder of PostgreSQL's programs. Without one the test is skipped, but fails where CI is set."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        assert not os.environ.get("CI"), "PostgreSQL is not installed"
        pytest.skip("needs PostgreSQL (Debian: apt-get install postgresql)")
    return found[-1].parent if found else Path(on_path or "").parent


class RunningPostgres:
    """A server in a folder of its own; `fresh` gives a new and empty database."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.chmod(0o700)
        if os.geteuid() == 0:  # as root it does not run
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        named = ["--auth", "scram-sha-256", "--username", _USER, "--pwfile", password, "--encoding", "UTF8"]
        self._run("initdb", "--pgdata", folder / "data", *named, "--locale", "C", "--no-sync")
        self.start()

    def _run(self, program: str, *arguments: object) -> None:
        as_whom = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*as_whom, str(programs() / program), *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Starts it and waits until it answers."""
        options = " ".join(f"-c {setting}" for setting in (*_SETTINGS, f"port={self.port}"))
        log = self.folder / "log"
        self._run("pg_ctl", "start", "--wait", "--pgdata", self.folder / "data", "--log", log, "--options", options)

    def stop(self) -> None:
        """Ends it, and all connections to it, at once."""
        self._run("pg_ctl", "stop", "--wait", "--pgdata", self.folder / "data", "--mode", "immediate")

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://{_USER}:{PASSWORD}@{HOST}:{self.port}/{database}"

    def fresh(self) -> Postgres:
        """A new and empty database."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return Postgres(self.url(name))


@contextmanager
def running() -> Iterator[RunningPostgres]:
    """A server for as long as it is needed."""
    programs()
    folder = Path(mkdtemp(prefix="postgres-"))  # not in pytest's own, which nobody else may enter
    try:
        server = RunningPostgres(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
