"""The commands over a shared library: they work, and say what of it they are about."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from assistant import cli
from index_store import ChromaServer, Embedder, Postgres

from ..index_store.conftest import WordCounts
from ..postgres import PASSWORD


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, shared: tuple[Postgres, ChromaServer], monkeypatch: pytest.MonkeyPatch) -> None:
    database, chroma = shared
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("CHROMA_URL", chroma.url)
    monkeypatch.setenv("CHROMA_DATABASE", chroma.database)
    cheap = Embedder(WordCounts(model_name="word-counts"), word_weight=0.3, batch=64)
    monkeypatch.setattr("assistant.engine.open_embedder", lambda *_, **__: cheap)
    (tmp_path / "papers.txt").write_text("On whales\nThe whale sings. It dives.\n")


def said(home: Path, *arguments: object) -> str:
    """What a command prints; it comes to a good end."""
    ran = CliRunner().invoke(cli.app, [*map(str, arguments), "--home", str(home)])
    assert ran.exit_code == 0, ran.output
    assert PASSWORD not in ran.output
    return " ".join(ran.output.split())


def test_commands_with_homes_of_their_own_share_a_library_and_say_so(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert "1 new" in said(one, "add", tmp_path / "papers.txt")
    assert "1 papers, 1 indexed, 0 waiting" in said(other, "status")
    assert "on PostgreSQL at 127.0.0.1:" in said(other, "status")
    assert "On whales" in said(other, "list")
    doctor = said(other, "doctor")
    assert "on PostgreSQL at 127.0.0.1:" in doctor and "this home's; every other home has one" in doctor
    assert "The catalogue and both indexes agree." in doctor
    rebuilt = said(one, "rebuild")
    assert "Rebuilt the index of 1 papers." in rebuilt and "every other home keeps its own" in rebuilt
    assert "agree" in said(other, "doctor")


def test_a_database_that_is_not_there_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://reader:{PASSWORD}@127.0.0.1:1/papers")
    monkeypatch.setattr("sys.argv", ["research-assistant", "list", "--home", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 1 and "Check DATABASE_URL" in told
    assert len(told.splitlines()) == 1 and PASSWORD not in told
