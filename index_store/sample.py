"""The sample collection: 97 papers with abstracts restated in our own words, shipped with the package."""

from dataclasses import replace
from pathlib import Path

from .papers import Paper
from .readers import read_file

SOURCE = "sample"
FILE = Path(__file__).with_name("sample.jsonl")


def sample_papers() -> list[Paper]:
    """The 97 papers; only their titles and restated abstracts are known."""
    return [replace(record, source=SOURCE) for record in read_file(FILE) if isinstance(record, Paper)]
