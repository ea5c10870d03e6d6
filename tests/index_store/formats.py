"""Reading the fixtures of the formats: what came out of a file, told apart."""

from dataclasses import dataclass
from pathlib import Path

from index_store.papers import Paper, normalise
from index_store.readers import Malformed, Remark, read_file

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass(frozen=True)
class Found:
    """The records of a file in their order, papers as they would be stored."""

    papers: list[Paper]
    malformed: list[Malformed]
    remarks: list[Remark]

    @property
    def titles(self) -> list[str]:
        return [paper.title for paper in self.papers]

    @property
    def complaints(self) -> list[tuple[int, str]]:
        return [(each.line, each.reason) for each in self.malformed]


def found_in(path: Path) -> Found:
    """What the product reads from a file."""
    records = list(read_file(path))
    return Found(
        [normalise(record) for record in records if isinstance(record, Paper)],
        [record for record in records if isinstance(record, Malformed)],
        [record for record in records if isinstance(record, Remark)],
    )


def fixture(name: str) -> Found:
    """What the product reads from one of the fixtures."""
    return found_in(FIXTURES / name)


def written(folder: Path, name: str, text: str | bytes) -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
