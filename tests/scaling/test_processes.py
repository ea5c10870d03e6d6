"""Two processes serve one library; what one does the other has, and one that is killed takes nothing with it."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assistant import Archive, Outcome
from assistant.testing import Reply, ScriptedServer
from index_store import Catalogue, ChromaServer, Paper, Postgres

from ..index_store.chroma import RunningChroma
from ..postgres import RunningPostgres
from .processes import Machine, Visitor, until

pytestmark = pytest.mark.timeout(300)
BATCH = 2000  # papers that go in together
ANIMALS = ("ant", "bear", "crow", "deer", "eel", "fox", "goat", "hare", "ibis", "jay", "kite", "lynx", "mole", "newt")


def paper(number: int) -> Paper:
    animal, other = ANIMALS[number % len(ANIMALS)], ANIMALS[number // len(ANIMALS) % len(ANIMALS)]
    text = f"The {animal}{number} is kept beside the {other}. It eats {number} grains a day. We watched it for a year."
    return Paper(f"On the {animal}{number}", text, ("Ann Lee",), 1900 + number % 120)


def written(path: Path, papers: list[Paper]) -> Path:
    path.write_text("".join(json.dumps(each.to_dict() | {"source": path.name}) + "\n" for each in papers))
    return path


@pytest.fixture(scope="module")
def llm() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="module")
def shared(postgres: RunningPostgres, chroma: RunningChroma) -> tuple[Postgres, ChromaServer]:
    """One library for all tests here, as the start of a page takes longest."""
    return postgres.fresh(), chroma.fresh()


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, shared: tuple[Postgres, ChromaServer], llm: ScriptedServer
) -> Iterator[tuple[Machine, Machine]]:
    known = {"RESEARCH_ASSISTANT_LLM_MODEL": llm.model, "OPENAI_BASE_URL": llm.base_url}
    one, other = (Machine(tmp_path_factory.mktemp(name), *shared, **known) for name in ("one", "other"))
    yield one, other
    for machine in (one, other):
        machine.kill()


@pytest.fixture
def machines(pair: tuple[Machine, Machine]) -> tuple[Machine, Machine]:
    """Two machines, each with its page begun."""
    for machine in pair:
        machine.begin()
    return pair


@pytest.fixture
def catalogue(shared: tuple[Postgres, ChromaServer]) -> Iterator[Catalogue]:
    with closing(Catalogue(shared[0])) as catalogue:
        yield catalogue


@pytest.fixture
def archive(shared: tuple[Postgres, ChromaServer]) -> Iterator[Archive]:
    with closing(Archive(shared[0])) as archive:
        yield archive


def cited(archive: Archive) -> set[str]:
    """The titles of the papers that the last answer could rest on."""
    turn = archive.open(archive.list()[0].id).conversation.turns[-1]
    return {paper.title for paper in turn.papers}


def test_what_is_added_through_one_is_found_through_the_other_and_gone_when_it_is_removed(
    tmp_path: Path, machines: tuple[Machine, Machine], catalogue: Catalogue, archive: Archive, llm: ScriptedServer
) -> None:
    one, other = machines
    llm.fallback = Reply("It is kept. [P1.1]")
    with closing(one.ready()) as here, closing(other.ready()) as there:
        new = Paper("The zorbium lattice", "Zorbium lattices melt at 40 kelvin. We cooled zorbium for a week.")
        here.wait(here.add(written(tmp_path / "new.jsonl", [new])))
        until(lambda: not catalogue.counts()["pending"])  # type: ignore[index]

        def found() -> bool:
            asked(there, "How do zorbium lattices melt?")
            return "The zorbium lattice" in cited(archive)

        until(found, 10)  # at once, unless its index of words is being changed
        (known,) = [each.id for each in catalogue.page() if each.title == new.title]
        assert one.run("remove", known)["removed"] == 1
        until(lambda: catalogue.ids("gone") == [known])  # type: ignore[arg-type]
        for visitor in (there, here):
            asked(visitor, "How do zorbium lattices melt?")
            assert "The zorbium lattice" not in cited(archive)
    assert other.run("doctor")["problems"] == []


def asked(visitor: Visitor, question: str) -> None:
    """Asks in a new conversation."""
    visitor.wait(visitor.do("new", "click"))
    visitor.wait(visitor.ask(question))


def test_a_process_that_is_killed_in_the_middle_of_an_add_loses_nothing_and_the_other_goes_on(
    tmp_path: Path, machines: tuple[Machine, Machine], catalogue: Catalogue
) -> None:
    one, other = machines
    file = written(tmp_path / "many.jsonl", [paper(number) for number in range(4 * BATCH)])
    with closing(one.ready()) as here:
        here.add(file)
        until(lambda: catalogue.count_from(file.name) >= BATCH)
        one.kill()
    with closing(other.ready()):
        accepted = catalogue.count_from(file.name)
        assert accepted % BATCH == 0 and 0 < accepted < 4 * BATCH, "it was killed in the middle, with nothing half in"
        until(lambda: not catalogue.counts()["pending"], 150)  # type: ignore[index]
        assert catalogue.count_from(file.name) == accepted
        found = other.run("doctor")
        assert (found["problems"], found["papers"]) == ([], len(catalogue.page()))
        added = other.run("add", file)
        assert (added["same"], added["new"]) == (accepted, 4 * BATCH - accepted)


def test_a_process_that_is_killed_in_the_middle_of_a_turn_leaves_the_conversation_to_the_other(
    machines: tuple[Machine, Machine], catalogue: Catalogue, archive: Archive, llm: ScriptedServer
) -> None:
    one, other = machines
    asked_before = len(llm.chats)
    llm.fallback = Reply("It halves the cache. [P1.1] ", delay=0.1, endless=True)
    with closing(one.ready()) as here:
        until(lambda: catalogue.counts()["indexed"] and not catalogue.counts()["pending"], 150)  # type: ignore[index]
        one.run("search", "MiniCache")  # then its index of words has all papers, too
        here.ask("How does MiniCache compress the KV cache?")
        until(lambda: archive.list("minicache") and len(llm.chats) > asked_before)
        one.kill()
    (listed,) = archive.list("minicache")
    llm.fallback = Reply("It halves the cache. [P1.1]")
    with closing(other.ready()) as there:
        there.open(listed.id)
        there.wait(there.ask("And how much memory does it save?"))
    (listed,) = archive.list("minicache")
    turns = archive.open(listed.id).conversation.turns
    assert [(turn.question, turn.outcome) for turn in turns] == [
        ("How does MiniCache compress the KV cache?", Outcome.STOPPED),
        ("And how much memory does it save?", Outcome.ANSWERED),
    ]
    assert turns[1].citations
