"""The folder of a library and the catalogue in it, which need neither of the indexes."""

import os
from dataclasses import dataclass
from pathlib import Path

from .catalogue import Catalogue
from .engines import Postgres
from .errors import LibraryUnreadable
from .listing import Selection
from .rows import State
from .sample import SOURCE

CATALOGUE = "catalogue.sqlite3"


@dataclass(frozen=True, slots=True)
class Status:
    """How many papers the catalogue holds and how many of them are indexed by meaning too, by which model."""

    papers: int
    indexed: int
    pending: int
    sample: int
    embedding_model: str
    without_abstract: int = 0


def make_home(home: Path) -> None:
    """Makes the folder if it is not there. Raises `LibraryUnreadable` if it cannot be written."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LibraryUnreadable(
            f"The folder {home} cannot be made: {error.strerror}; choose one with --home."
        ) from error
    if not os.access(home, os.W_OK):
        raise LibraryUnreadable(f"The folder {home} cannot be written; choose another one with --home.")


def open_catalogue(home: Path, database: Postgres | None = None) -> Catalogue:
    """The catalogue of a home folder, or that in a database, made if it is not there; needs no lock.

    Raises `LibraryUnreadable` if the folder cannot be written.
    """
    make_home(home)
    return Catalogue(database or home / CATALOGUE)


def has_catalogue(home: Path) -> bool:
    """Whether a folder has a catalogue of its own."""
    path = home / CATALOGUE
    return path.is_file() and path.stat().st_size > 0


def status(catalogue: Catalogue) -> Status:
    """Counts from the catalogue."""
    counts = catalogue.counts()
    return Status(
        papers=counts[State.INDEXED] + counts[State.PENDING],
        indexed=counts[State.INDEXED],
        pending=counts[State.PENDING],
        sample=catalogue.count_from(SOURCE),
        embedding_model=(catalogue.meta("fingerprint") or "").partition("/")[0],
        without_abstract=catalogue.listing(Selection(without_abstract=True), limit=0).total,
    )
