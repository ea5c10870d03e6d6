"""The sample collection: 97 papers with abstracts restated in our own words, shipped with the package."""

from pathlib import Path

SOURCE = "sample"
FILE = Path(__file__).with_name("sample.jsonl")
