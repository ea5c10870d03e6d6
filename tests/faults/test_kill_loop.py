"""Killed again and again at random moments, a library loses nothing, holds nothing half, and goes on.

`FAULTS_KILLS` says how often; from 25 on it is SciFact's 5,183 abstracts that are added, if they are on this machine.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from index_store import Embedder, Library, Paper, Ranking, open_embedder, search
from tests.index_store.test_schema import to_version_1

from .papers import accepted, assert_sound, copied, embedded_texts, made_up, write

KILLS = int(os.environ.get("FAULTS_KILLS", "3"))
MANY = 25
COMMAND = Path(sys.executable).with_name("research-assistant")
QUESTIONS = [
    "attention",
    "carbon and plasma",
    "does the protein bind the receptor",
    "mice with diabetes",
    "risk factors",
]

pytestmark = pytest.mark.timeout(3600)


def run(home: Path, *arguments: str, kill_after: float | None = None) -> bool:
    """Runs a command on a library, killed after so many seconds; whether it came to its end before."""
    environment = os.environ | {"RESEARCH_ASSISTANT_EMBEDDING_MODEL": "wordllama"}
    process = subprocess.Popen(
        [COMMAND, *arguments, "--home", home],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return False
    assert process.returncode == 0, said
    return True


@pytest.fixture(scope="module")
def small_embedder() -> Embedder:
    return open_embedder("wordllama")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """What is added: a few hundred made-up papers, or SciFact's abstracts."""
    path = tmp_path_factory.mktemp("papers") / "papers.jsonl"
    if KILLS < MANY:
        return write(path, made_up(300))
    with gzip.open(request.getfixturevalue("shared_data") / "scifact" / "corpus.jsonl.gz", "rt") as corpus:
        records = [json.loads(line) for line in corpus]
    return write(path, [Paper(one["title"], one["text"]) for one in records])


class Undisturbed:
    """A library to which the file was added in peace, and how long that took."""

    def __init__(self, home: Path, file: Path, embedder: Embedder) -> None:
        self.home = home
        began = time.monotonic()
        assert run(home.with_name("empty"), "index")
        self.starting = time.monotonic() - began  # seconds before a command gets to its work
        began = time.monotonic()
        assert run(home, "add", str(file))
        self.whole = time.monotonic() - began
        assert_sound(home, embedder, complete=True)
        self.papers = accepted(home)
        self.answers = answers(home, embedder)

    def moment(self, random: Random) -> float:
        """A moment in the work, in seconds from the start of a command."""
        return random.uniform(0.8 * self.starting, self.whole)


def answers(home: Path, embedder: Embedder) -> dict[tuple[str, str], dict[str, float]]:
    """The scores of the papers that searches find, best first, by id."""
    with Library(home, embedder) as library:
        return {
            (question, ranking): {
                hit.paper.id: hit.score for hit in search(library, question, 10, ranking=ranking).hits
            }
            for question in QUESTIONS
            for ranking in Ranking
        }


def assert_same_answers(home: Path, undisturbed: "Undisturbed", embedder: Embedder) -> None:
    """The best five papers for each question are among the best ten here, with the same scores.

    Not to the last digit, nor in the order of equals: tantivy counts the words of replaced documents for a while.
    """
    for question, found in answers(home, embedder).items():
        expected = undisturbed.answers[question]
        best = {paper_id: expected[paper_id] for paper_id in [*expected][:5]}
        assert {paper_id: found.get(paper_id) for paper_id in best} == pytest.approx(best, rel=0.05), question


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, file: Path, small_embedder: Embedder
) -> Iterator[Undisturbed]:
    folder = tmp_path_factory.mktemp("undisturbed")
    yield Undisturbed(folder / "home", file, small_embedder)
    shutil.rmtree(folder)


def test_an_add_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(
    tmp_path: Path, file: Path, undisturbed: Undisturbed, small_embedder: Embedder
) -> None:
    random, home, killed = Random(6), tmp_path / "home", 0
    before: dict[str, tuple[str, str]] = {}
    for attempt in range(10 * KILLS):
        if killed == KILLS:
            break
        if run(home, "add", str(file), kill_after=undisturbed.moment(random)):
            assert accepted(home) == undisturbed.papers, "it went on where it stopped"
            home, before = tmp_path / f"home{attempt}", {}
            continue
        killed += 1
        now = accepted(home)
        assert before.items() <= now.items() <= undisturbed.papers.items(), "nothing is lost, nothing is half there"
        assert_sound(home, small_embedder, complete=False)
        before = now
    assert killed == KILLS
    assert run(home, "add", str(file))
    assert accepted(home) == undisturbed.papers
    assert_sound(home, small_embedder, complete=True)
    assert_same_answers(home, undisturbed, small_embedder)
    assert embedded_texts(home) == embedded_texts(undisturbed.home)


@pytest.mark.faults
def test_a_rebuild_that_is_killed_loses_nothing_and_embeds_nothing(
    tmp_path: Path, undisturbed: Undisturbed, small_embedder: Embedder
) -> None:
    random, home = Random(7), copied(undisturbed.home, tmp_path / "home")
    for _ in range(KILLS):
        run(home, "rebuild", kill_after=undisturbed.moment(random))
        assert accepted(home) == undisturbed.papers
        assert_sound(home, small_embedder, complete=False)
    assert run(home, "index")
    assert_sound(home, small_embedder, complete=True)
    assert_same_answers(home, undisturbed, small_embedder)
    assert embedded_texts(home) == embedded_texts(undisturbed.home)


@pytest.mark.faults
def test_a_removal_that_is_killed_is_done_wholly_or_not_at_all(
    tmp_path: Path, undisturbed: Undisturbed, small_embedder: Embedder
) -> None:
    random, gone = Random(8), sorted(undisturbed.papers)[::2]
    rest = {paper_id: text for paper_id, text in undisturbed.papers.items() if paper_id not in set(gone)}
    for _ in range(KILLS):
        home = copied(undisturbed.home, tmp_path / "home")
        run(home, "remove", *gone, kill_after=random.uniform(0.8, 1.5) * undisturbed.starting)
        assert accepted(home) in (undisturbed.papers, rest)
        removed = accepted(home) == rest
        assert_sound(home, small_embedder, complete=False)
        if not removed:
            assert run(home, "remove", *gone)
        assert run(home, "index")
        assert_sound(home, small_embedder, complete=True)
        assert accepted(home) == rest


MIGRATE = """
import sys
from pathlib import Path
from index_store import Catalogue
print("begins", flush=True)
Catalogue(Path(sys.argv[1])).close()
"""


def migrated(home: Path, kill_after: float | None) -> float:
    """Opens a catalogue of an earlier version in another process, killed after so many seconds; how long it took."""
    process = subprocess.Popen(
        [sys.executable, "-c", MIGRATE, str(home / "catalogue.sqlite3")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    process.stdout.readline()
    began = time.monotonic()
    try:
        process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    else:
        assert process.returncode == 0
    return time.monotonic() - began


@pytest.mark.faults
def test_a_migration_that_is_killed_is_repeated_and_keeps_everything(
    tmp_path: Path, undisturbed: Undisturbed, small_embedder: Embedder
) -> None:
    old = copied(undisturbed.home, tmp_path / "old")
    to_version_1(old)
    took = migrated(copied(old, tmp_path / "home"), None)
    random = Random(9)
    for _ in range(KILLS):
        home = copied(old, tmp_path / "home")
        migrated(home, random.uniform(0, took))
        assert accepted(home) == undisturbed.papers
        assert_sound(home, small_embedder, complete=False)
    assert run(home, "index")
    assert_sound(home, small_embedder, complete=True)
    assert_same_answers(home, undisturbed, small_embedder)
    assert embedded_texts(home) == embedded_texts(undisturbed.home)
