"""A library that moves: from its folder into a database that many share, or into another folder."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assistant import Archive, ArchiveUnreadable, Conversation, Users, cli
from assistant.archive_file import place_of
from index_store import Catalogue, ChromaServer, Embedder, Paper, Postgres, Selection, open_catalogue

from ..assistant.test_archive import change, kept, questions
from ..index_store.conftest import WordCounts

PREPRINT = Paper("On whales", "The whale sings. It dives.", ("Ann Lee",), 2020, arxiv_id="2001.00001", source="arxiv")
PUBLISHED = Paper("On whales", "The whale sings.", ("Ann Lee",), 2020, "Sea", "10.1/w", "2001.00001", source="my.bib")
BEE = Paper("On bees", "The bee hums. It dances.", source="my.bib", collections=("insects", "thesis"))
GONE = Paper("On moths", "The moth flies at night.", source="my.bib")
Into = Callable[..., Result]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> WordCounts:
    """What embeds here; it tells what it has seen."""
    model = WordCounts(model_name="word-counts")
    cheap = Embedder(model, word_weight=0.3, batch=64)
    monkeypatch.setattr("assistant.engine.open_embedder", lambda *_, **__: cheap)
    return model


@pytest.fixture
def old(tmp_path: Path, model: WordCounts) -> Path:
    """A library in a folder, indexed: a paper with two records, one in two collections, and one removed."""
    folder = tmp_path / "old"
    with closing(open_catalogue(folder)) as catalogue:
        (_, moth), *_ = catalogue.put([GONE])
        catalogue.put([PREPRINT])
        catalogue.put([PUBLISHED, BEE])
        catalogue.remove([moth.id])
    assert run("index", "--home", folder).exit_code == 0
    return folder


@pytest.fixture(params=["folder", "database"])
def target(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    shared: tuple[Postgres, ChromaServer],
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Path, Postgres | None]:
    """The home that is copied into, and its database if it has one."""
    if request.param == "folder":
        return tmp_path / "new", None
    database, chroma = shared
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("CHROMA_URL", chroma.url)
    monkeypatch.setenv("CHROMA_DATABASE", chroma.database)
    return tmp_path / "new", database


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [*map(str, arguments)])


def copied(folder: Path, home: Path, *more: object) -> dict[str, dict[str, int]]:
    """What `copy-from` says that it did."""
    ran = run("copy-from", folder, "--home", home, "--json", *more)
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)  # type: ignore[no-any-return]


def counted(folder: Path, home: Path, *more: object) -> dict[str, int]:
    """What it says of the conversations, without what is nought."""
    return {name: count for name, count in copied(folder, home, *more)["conversations"].items() if count}


def papers(catalogue: Catalogue) -> list[Paper]:
    return [*catalogue.each(Selection())]


# -- papers -----------------------------------------------------------------------------------------------------------


def test_papers_come_with_their_records_and_collections_and_are_not_embedded_again(
    old: Path, target: tuple[Path, Postgres | None], model: WordCounts
) -> None:
    home, database = target
    embedded = len(model.seen)
    done = copied(old, home)["papers"]
    assert done == {"new": 2, "updated": 0, "same": 0}
    assert len(model.seen) == embedded, "the vectors that were kept are used"
    assert "agree" in run("doctor", "--home", home).output
    with closing(open_catalogue(old)) as before, closing(open_catalogue(home, database)) as after:
        assert papers(after) == papers(before)
        assert after.collections() == {"insects": 1, "thesis": 1}
        assert after.sources() == {"arxiv": 1, "my.bib": 2}
        after.remove_source("my.bib")
        assert [(paper.abstract, paper.doi) for paper in papers(after)] == [("The whale sings. It dives.", "")]


def test_what_is_there_stays_and_a_second_time_adds_nothing(old: Path, target: tuple[Path, Postgres | None]) -> None:
    home, database = target
    with closing(open_catalogue(home, database)) as catalogue:
        catalogue.put([Paper("On bees", "The bee hums. It dances. It stings too.", ("Bo Li",), 2021, source="own.bib")])
    assert copied(old, home)["papers"] == {"new": 1, "updated": 1, "same": 0}
    assert copied(old, home)["papers"] == {"new": 0, "updated": 0, "same": 2}
    with closing(open_catalogue(home, database)) as catalogue:
        assert [paper.title for paper in papers(catalogue)] == ["On bees", "On whales"]
        assert papers(catalogue)[0].abstract.endswith("It stings too.")
        assert papers(catalogue)[0].sources == ("my.bib", "own.bib")


# -- conversations ----------------------------------------------------------------------------------------------------


def test_conversations_come_with_their_versions_titles_and_dates(
    old: Path, target: tuple[Path, Postgres | None]
) -> None:
    home, database = target
    with closing(Archive(place_of(old, None))) as archive:
        first = kept(archive, "Who is Ada?", "And who is Ben?")
        kept(archive, "And who is Cyd?", before=Conversation(first.turns[:1], first.references, first.id))
        archive.rename(first.id, "People")
        deleted = kept(archive, "Who was Dan?")
        archive.delete(deleted.id)
        listed, before = archive.list(), archive.open(first.id)
    assert counted(old, home) == {"copied": 2, "nameless": 2}
    assert counted(old, home) == {"same": 2, "nameless": 2}
    with closing(Archive(place_of(home, database))) as archive:
        assert archive.list() == listed and archive.open(first.id) == before
        earlier, shown = before.versions[before.conversation.turns[1].id]
        assert questions(archive.choose(first.id, earlier).conversation) == ["Who is Ada?", "And who is Ben?"]
        assert shown == before.conversation.turns[1].id
        assert [found.title for found in archive.list("cyd")] == ["People"], "words of every version are found"
        assert [found.title for found in archive.list("people")] == ["People"]
        archive.restore(deleted.id)
        assert questions(archive.open(deleted.id).conversation) == ["Who was Dan?"]
        assert questions(kept(archive, "More?", before=archive.open(first.id).conversation))[-1] == "More?"


def test_conversations_of_nobody_become_a_users_and_those_of_users_stay_theirs(
    old: Path, target: tuple[Path, Postgres | None]
) -> None:
    home, database = target
    with closing(Archive(place_of(old, None))) as archive:
        kept(archive, "Mine?")
        kept(archive.of("ben"), "His?")
    Users(home / "users.json").add("Ann", "a long password")
    told = run("copy-from", old, "--home", home)
    assert "conversations that belong to nobody by name: 1." in " ".join(told.output.split())
    refused = run("copy-from", old, "--home", home, "--owner", "eve")
    assert refused.exit_code == 2 and "no user 'eve'" in " ".join(refused.output.split())
    assert counted(old, home, "--owner", "Ann") == {"same": 2}
    with closing(Archive(place_of(home, database))) as archive:
        owners = {owner: [found.title for found in archive.of(owner).list()] for owner in ("", "ann", "ben")}
        assert owners == {"": [], "ann": ["Mine?"], "ben": ["His?"]}


def test_a_conversation_that_went_on_is_brought_up_to_date_unless_both_did(
    old: Path, target: tuple[Path, Postgres | None]
) -> None:
    home, database = target
    with closing(Archive(place_of(old, None))) as archive:
        first = kept(archive, "Who is Ada?")
    counted(old, home)
    with closing(Archive(place_of(home, database))) as there, closing(Archive(place_of(old, None))) as here:
        there.rename(first.id, "People")
        longer = kept(here, "And who is Ben?", before=first)
        assert counted(old, home) == {"updated": 1, "nameless": 1}
        opened = there.open(first.id)
        assert (opened.title, opened.conversation) == ("People", longer)
        assert [found.title for found in there.list("ben")] == ["People"]
        kept(there, "Over there?", before=longer)
        assert counted(old, home) == {"same": 1, "nameless": 1}
        kept(here, "Over here?", before=longer)
        ran = run("copy-from", old, "--home", home)
        assert ran.exit_code == 1 and "went on in both places" in " ".join(ran.output.split())
        assert questions(there.open(first.id).conversation)[-1] == "Over there?"


def test_one_damaged_conversation_is_left_out_and_the_others_are_copied(old: Path, tmp_path: Path) -> None:
    with closing(Archive(place_of(old, None))) as archive:
        damaged = kept(archive, "Who is Ada?")
        kept(archive, "Who is Ben?")
    change(place_of(old, None), f"UPDATE turns SET body = '{{' WHERE conversation = '{damaged.id}'")
    ran = run("copy-from", old, "--home", tmp_path / "new")
    assert ran.exit_code == 1 and "damaged and were left out: 1" in " ".join(ran.output.split())
    with closing(Archive(place_of(tmp_path / "new", None))) as archive:
        assert [listed.title for listed in archive.list()] == ["Who is Ben?"]
    assert "2 papers, 2 indexed, 0 waiting" in run("status", "--home", tmp_path / "new").output


# -- refused ----------------------------------------------------------------------------------------------------------


def test_a_folder_without_a_library_and_the_library_itself_are_refused(old: Path, tmp_path: Path) -> None:
    empty = run("copy-from", tmp_path / "nothing", "--home", tmp_path / "new")
    assert empty.exit_code == 2 and "there is no library" in " ".join(empty.output.split())
    assert not (tmp_path / "nothing").exists() and not (tmp_path / "new").exists()
    (old / "conversations.sqlite3").write_text("This is no database.")
    broken = run("copy-from", old, "--home", tmp_path / "new")
    assert broken.exit_code == 1 and isinstance(broken.exception, ArchiveUnreadable)
    assert f"cannot be copied from {old}, so nothing was copied" in str(broken.exception)
    itself = run("copy-from", old, "--home", old)
    assert itself.exit_code == 2 and "this library itself" in " ".join(itself.output.split())
