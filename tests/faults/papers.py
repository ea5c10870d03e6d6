"""Papers to break things with, and what must hold of a library that was broken."""

import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random

from index_store import Embedder, Library, Paper
from index_store.doctor import examine

_WORDS = (
    "attention bidding carbon decay enzyme fiber galaxy hydrogen impulse jet kernel lattice membrane neuron orbit "
    "plasma quasar river soil tensor uranium vortex wave xenon yeast zircon"
).split()


def made_up(count: int, seed: int = 1) -> list[Paper]:
    """Papers whose abstracts all differ; some are long, and some have none."""
    random = Random(seed)

    def sentence() -> str:
        return f"The {' '.join(random.choices(_WORDS, k=8))} was measured {random.randrange(10**6)} times."

    return [
        Paper(
            f"On {random.choice(_WORDS)} and {random.choice(_WORDS)}, part {number}",
            " ".join(sentence() for _ in range(random.choice([0, 3, 5, 5, 6, 30]))),
            authors=(f"Ann Author{number % 7}",),
            year=1990 + number % 30,
        )
        for number in range(count)
    ]


def write(file: Path, papers: Sequence[Paper]) -> Path:
    """A JSON Lines file of papers."""
    lines = [json.dumps({name: value for name, value in paper.to_dict().items() if value}) for paper in papers]
    file.write_text("\n".join(lines) + "\n")
    return file


def accepted(home: Path) -> dict[str, tuple[str, str]]:
    """The title and abstract of every paper in the catalogue of a library that nobody has open, by id."""
    if not (home / "catalogue.sqlite3").exists():
        return {}
    with closing(sqlite3.connect(home / "catalogue.sqlite3")) as file:
        if not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'papers'").fetchall():
            return {}
        rows = file.execute("SELECT id, title, abstract FROM papers WHERE state IN ('pending', 'indexed')")
        return {paper_id: (title, abstract) for paper_id, title, abstract in rows}


def embedded_texts(home: Path) -> int:
    """How many texts have kept vectors."""
    with closing(sqlite3.connect(home / "catalogue.sqlite3")) as file:
        return int(file.execute("SELECT count(*) FROM vectors").fetchone()[0])


def assert_sound(home: Path, embedder: Embedder, *, complete: bool) -> None:
    """The library opens and both indexes hold what the catalogue says; if it is `complete`, nothing waits either."""
    with Library(home, embedder) as library:
        found = examine(library)
        assert not found.damage, found.damage
        assert not (complete and found.problems), (library.mended, found.problems)


def copied(home: Path, to: Path) -> Path:
    """A copy of a library, in place of what is there."""
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(home, to))
